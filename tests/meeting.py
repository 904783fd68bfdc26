"""Run two acts at the same time: the first is stopped on its way, and the other runs until it ends or waits."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import Error, connection, connections

from tests.foundation.threads import PATIENCE_SECONDS

Act = Callable[[], Any]
WAITS_AFTER_SECONDS = 0.03
"""A statement that takes this long waits for a lock; if it is only slow, both go on at once, which is allowed."""
COMMIT = "COMMIT"


class Actor(threading.Thread):
    """Acts in a thread with its own database connection; before one of its moments it calls `meanwhile`.

    A moment is a statement or a commit. It is a seam if no transaction is open, or the open one has no statement yet.
    """

    def __init__(self, act: Act, *, stops_at: int = 0, meanwhile: Act = lambda: None) -> None:
        super().__init__(daemon=True)
        self.act, self.stops_at, self.meanwhile = act, stops_at, meanwhile
        self.result: Any = None
        """The act's return value, or the error that it raised."""
        self.moments: list[str] = []
        self.seams: set[int] = set()
        self.failed: list[str] = []
        """The database's errors."""
        self.waited_at = 0
        """The moment at which it waited for the other actor; 0 if it did not."""
        self._asked_at: float | None = None
        self._has_asked = False

    def run(self) -> None:
        try:
            with self._watched():
                self.result = self.act()
        except Exception as error:
            self.result = error
        finally:
            connections.close_all()

    def go_as_far_as_possible(self) -> None:
        """Start, and return when this actor has ended, or waits."""
        self.start()
        until = time.monotonic() + PATIENCE_SECONDS
        while self.is_alive() and time.monotonic() < until:
            asked_at = self._asked_at
            if asked_at is not None and time.monotonic() > asked_at + WAITS_AFTER_SECONDS:
                self.waited_at = len(self.moments)
                return
            self.join(0.002)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        connection: Any = connections["default"]
        commit = connection._commit

        def watched() -> None:
            self._come_to(COMMIT)
            self._timed(commit)
            self._has_asked = False

        connection._commit = watched
        try:
            with connection.execute_wrapper(self._execute):
                yield
        finally:
            del connection._commit

    def _execute(self, execute: Any, sql: str, *more: Any) -> Any:
        self._come_to(sql)
        self._has_asked = connection.in_atomic_block
        return self._timed(lambda: execute(sql, *more))

    def _come_to(self, moment: str) -> None:
        self.moments.append(moment)
        if moment != COMMIT and not (connection.in_atomic_block and self._has_asked):
            self.seams.add(len(self.moments))
        if len(self.moments) == self.stops_at:
            self.meanwhile()

    def _timed(self, ask: Act) -> Any:
        self._asked_at = time.monotonic()
        try:
            return ask()
        except Error as error:
            self.failed.append(str(error))
            raise
        finally:
            self._asked_at = None


def meet(first: Act, other: Act, *, at: int) -> tuple[Actor, Actor]:
    """Run the other act right before this moment of the first, counted from 1; 0 means after its last moment."""
    second = Actor(other)
    one = Actor(first, stops_at=at, meanwhile=second.go_as_far_as_possible)
    one.start()
    one.join(2 * PATIENCE_SECONDS)
    if second.ident is None:
        second.start()
    second.join(2 * PATIENCE_SECONDS)
    assert (one.is_alive(), second.is_alive()) == (False, False), "They wait for each other for ever."
    return one, second
