"""Does a step of each replay that is due and is killed at it: `python -m tests.crash.replayer POINT MESSAGES`.

A step takes so many messages. Ends in good order where none is due.
"""

import os
import signal
import sys

import django

django.setup()

from ouipost import claims  # noqa: E402
from ouipost.events import replays  # noqa: E402
from tests.crash.wrapping import wrap  # noqa: E402


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(point: str, messages: str) -> None:
    replays.STEP = int(messages)
    match point:
        case "claimed":
            wrap(replays, "_step", before=die)
        case "written":
            wrap(claims, "release", after=die)  # in the transaction
        case "committed":
            wrap(replays, "_step", after=die)
    replays.work_on_due()


if __name__ == "__main__":
    main(*sys.argv[1:])
