"""Group commit: threads that talk to networks hand their database work to one writer and wait for its commit.

What has gathered is committed in one transaction, each piece in a savepoint of its own, so that one bad row does not
undo the others. The threads hold no database connection while they wait for a network.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

from django.db import DatabaseError, OperationalError, close_old_connections, transaction

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
BATCH = 100
TRIES = 3


class WriterClosed(Exception):
    """Nobody commits any more: the process is about to end."""


class Runs(Protocol):
    """Runs a piece of database work and returns its result once that is committed."""

    def run(self, work: Callable[[], Result]) -> Result: ...


class Inline:
    """Runs the work here and now, in a transaction of its own."""

    def run(self, work: Callable[[], Result]) -> Result:
        with transaction.atomic():
            return work()


class Writer:
    """Runs the work of many threads in the thread that calls `serve`."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = SimpleQueue()
        self._closed = threading.Event()

    def run(self, work: Callable[[], Result]) -> Result:
        """Hand in the work and wait; raises what the work or its commit raised, or WriterClosed."""
        future: Future[Result] = Future()
        self._queue.put((work, future))
        if self._closed.is_set():
            self._refuse()
        return future.result()

    def close(self) -> None:
        """Serve nobody any more: those who wait, and those who come, get WriterClosed."""
        self._closed.set()
        self._refuse()

    def _refuse(self) -> None:
        while batch := self._gather(timeout=0):
            for _, future in batch:
                future.set_exception(WriterClosed())

    def serve(self, timeout: float) -> bool:
        """Commit what has gathered, waiting up to `timeout` seconds for the first piece; returns if there was any."""
        batch = self._gather(timeout)
        for tell in self._commit(batch) if batch else []:
            tell()
        return bool(batch)

    def _commit(
        self, batch: list[tuple[Callable[[], Any], "Future[Any]"]], tries: int = TRIES
    ) -> list[Callable[[], None]]:
        """Commit a batch and return how to tell its threads; a race lost to another process only costs a try."""
        try:
            with transaction.atomic():
                return [self._attempt(work, future) for work, future in batch]
        except Exception as error:
            close_old_connections()
            if isinstance(error, OperationalError) and tries > 1:
                return self._commit(batch, tries - 1)
            logger.exception("A batch of %s writes was not committed", len(batch))
            return [_fails(future, error) for _, future in batch]

    def _gather(self, timeout: float) -> list[tuple[Callable[[], Any], "Future[Any]"]]:
        batch: list[tuple[Callable[[], Any], Future[Any]]] = []
        try:
            batch.append(self._queue.get(timeout=timeout))
            while len(batch) < BATCH:
                batch.append(self._queue.get_nowait())
        except Empty:
            pass
        return batch

    def _attempt(self, work: Callable[[], Any], future: "Future[Any]") -> Callable[[], None]:
        """Run one piece in its savepoint and return how to tell its thread, to be called after the commit."""
        try:
            with transaction.atomic():
                result = work()
        except DatabaseError as error:
            if transaction.get_connection().needs_rollback:
                raise
            return _fails(future, error)
        except Exception as error:
            return _fails(future, error)
        return lambda: future.set_result(result)


def _fails(future: "Future[Any]", error: BaseException) -> Callable[[], None]:
    return lambda: future.set_exception(error)
