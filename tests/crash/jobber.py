"""Goes on with a job and is killed at its third row: `python -m tests.crash.jobber POINT`.

Ends in good order where none is due.
"""

import os
import signal
import sys
from collections.abc import Callable
from itertools import count

import django

django.setup()

from adminapi.jobs import running  # noqa: E402
from adminapi.jobs.kinds import Bulk  # noqa: E402
from tests.crash.wrapping import wrap  # noqa: E402


def die_at(number: int) -> Callable[..., None]:
    """Return what kills this process when it is called so often."""
    calls = count(1)

    def die(*_: object) -> None:
        if next(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return die


def main(point: str) -> None:
    die = die_at(3)
    match point:
        case "performed":
            wrap(running, "_settle", before=die)  # in the transaction of the service
        case "written":
            wrap(running, "_settle", after=die)  # in the same
        case "committed":
            wrap(Bulk, "work", after=die)
    running.work_on_due()


if __name__ == "__main__":
    main(*sys.argv[1:])
