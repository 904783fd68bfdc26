"""Writing of counts kept in a process's memory: some seconds after the first count, and when the process ends."""

import logging
import os
import threading
from collections.abc import Callable
from multiprocessing.util import Finalize

from django.db import connections

logger = logging.getLogger(__name__)


class Flusher:
    """Calls `write` in a thread of its own; `write` must keep counts that it cannot write for the next call."""

    def __init__(self, write: Callable[[], object], *, seconds: float) -> None:
        self._write = write
        self._seconds = seconds
        self._start_anew()
        os.register_at_fork(after_in_child=self._start_anew)

    def _start_anew(self) -> None:
        """Reset after a fork, since the child has none of its parent's threads."""
        self._lock = threading.Lock()
        self._is_waiting = self._knows_the_end = False

    def flush_soon(self) -> None:
        """Schedule a write within `seconds`, unless one is scheduled; thread-safe.

        If the machine refuses a thread, the next call tries again, and the counting caller does not fail.
        """
        with self._lock:
            if not self._is_waiting:
                self._is_waiting = True
                self._start()

    def _start(self) -> None:
        if not self._knows_the_end:
            self._knows_the_end = True
            Finalize(None, self._flush, exitpriority=0)  # unlike atexit, it also runs in a web server's children
        timer = threading.Timer(self._seconds, self._flush)
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError as error:
            self._is_waiting = False
            logger.warning("Counts are not written soon: %s", error)

    def _flush(self) -> None:
        self._is_waiting = False
        try:
            self._write()
        finally:
            connections.close_all()  # this thread ends here
