"""A worker with something wrong with it: `python -m tests.crash.odd_worker aborts|ahead`.

`aborts`: an adapter ends the whole process when it meets a post that says `POISON`. `ahead`: this machine's clock is
six hours ahead.
"""

import os
import resource
import signal
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import django
import time_machine

from accounts import platforms
from accounts.platforms.base import Connector
from accounts.platforms.shapes import Operation

django.setup()

from adminapi.processes.worker import Worker  # noqa: E402
from tests.crash.steps import POISON  # noqa: E402

AHEAD = timedelta(hours=6)


def abort_on_poison(connector: type[Connector]) -> None:
    """Make a connector abort its process when it prepares a post with `POISON`."""
    prepare = connector.prepare

    def deadly(self: Connector, session: Any, operation: Operation, save: Any) -> Any:
        if POISON in operation.content.text:
            os.abort()
        return prepare(self, session, operation, save)

    setattr(connector, "prepare", deadly)  # noqa: B010 (types forbid to assign what is wrong with this worker)


def main(trouble: str) -> None:
    if trouble == "aborts":
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for platform in platforms.ALL:
            if issubclass(platform, Connector):
                abort_on_poison(platform)
    else:
        time_machine.travel(datetime.now(UTC) + AHEAD, tick=True).start()
    worker = Worker()
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    worker.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
