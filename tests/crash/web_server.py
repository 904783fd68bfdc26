"""Serves `tests.crash.web:application` with one worker, which is replaced however often it dies."""

import sys
from typing import Any

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.mp import MPServer


class Server(MPServer):
    """Takes no number of deaths for a crash loop."""

    def _respawn_workers(self, *arguments: Any, **options: Any) -> None:
        super()._respawn_workers(*arguments, **options)
        self.respawned_wrks.clear()


if __name__ == "__main__":
    Server(
        "tests.crash.web:application",
        port=int(sys.argv[1]),
        interface=Interfaces.WSGI,
        blocking_threads=8,
        websockets=False,
        respawn_failed_workers=True,
        respawn_interval=0.1,
        log_level=LogLevels.error,
    ).serve()
