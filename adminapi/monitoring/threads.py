"""Run calls that may hang in threads of their own, so that callers wait no longer than they choose to."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from django.db import connections

LIMIT_SECONDS = 1.0
SHORT: dict[str, dict[str, Any]] = {
    "mysql": {"connect_timeout": 1, "read_timeout": 2, "write_timeout": 2},
    "sqlite": {"timeout": 1},
}
"""Timeouts after which a hanging thread ends by itself; its callers have given up before."""
Answer = TypeVar("Answer")


class SharedCall(Generic[Answer]):
    """A repeated call, run by one thread at a time: callers that come while it runs wait for the same answer."""

    def __init__(self, call: Callable[[], Answer]) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._running: Future[Answer] | None = None
        self._began = 0.0

    def start(self, *, kept_for: float = 0) -> "Future[Answer]":
        """Start the call, unless it is running or began less than so many seconds ago."""
        with self._lock:
            if self._running is None or (self._running.done() and time.monotonic() - self._began >= kept_for):
                self._running, self._began = in_thread(self._call), time.monotonic()
            return self._running


def in_thread(call: Callable[[], Answer]) -> "Future[Answer]":
    """Return a future of the answer or the error; a thread that hangs does not keep the process from ending."""
    future: Future[Answer] = Future()

    def run() -> None:
        try:
            with _short_connections():
                answer = call()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(answer)

    threading.Thread(target=run, name="shared call", daemon=True).start()
    return future


@contextmanager
def _short_connections() -> Iterator[None]:
    """Give this thread's database connections short timeouts; they are closed at the end."""
    connection = connections["default"].copy()
    connection.settings_dict["OPTIONS"].update(SHORT.get(connection.vendor, {}))
    connections["default"] = connection
    try:
        yield
    finally:
        connections.close_all()
