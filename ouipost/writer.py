"""Group commit: threads that talk to networks hand their writes to one writer thread and wait for its commit.

Queued items are committed in one transaction: items for the same function are passed to it together, in one savepoint,
so that many rows cost few statements. If that fails, each item is tried alone, so that one bad row does not undo the
others. The threads hold no database connection while they wait for a network.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, Queue
from typing import Any, Protocol, TypeVar

from django.db import OperationalError, close_old_connections, transaction

logger = logging.getLogger(__name__)
Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Sequence[Item]], Sequence[Result]]
"""Database work for many items at once; returns the results in their order."""
Tell = Callable[[], None]
BATCH = 100
TRIES = 3


class WriterClosed(Exception):
    """The writer has stopped: the process is about to end."""


class Runs(Protocol):
    """Runs database work for an item, and returns the result once it is committed."""

    def run(self, work: Work[Item, Result], item: Item) -> Result: ...


class Inline:
    """Runs the work at once in the calling thread, in a transaction of its own."""

    def run(self, work: Work[Item, Result], item: Item) -> Result:
        with transaction.atomic():
            return work([item])[0]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An item waiting for its commit."""

    work: Work[Any, Any]
    item: Any
    future: "Future[Any]" = field(default_factory=Future)

    def succeeds(self, result: Any) -> Tell:
        return lambda: self.future.set_result(result)

    def fails(self, error: BaseException) -> Tell:
        return lambda: self.future.set_exception(error)


class Writer:
    """Runs the work of many threads in the thread that calls `serve`.

    Signals may interrupt that thread, so it uses no SimpleQueue: before Python 3.13, its `get` waits forever if a
    signal handler returns after the timeout.
    """

    def __init__(self) -> None:
        self._queue: Queue[Entry] = Queue()
        self._closed = threading.Event()

    def run(self, work: Work[Item, Result], item: Item) -> Result:
        """Queue an item and wait for its result; raises the error of the work or the commit, or WriterClosed."""
        entry = Entry(work=work, item=item)
        self._queue.put(entry)
        if self._closed.is_set():
            self._refuse()
        result: Result = entry.future.result()
        return result

    def close(self) -> None:
        """Stop: waiting and later calls of `run` raise WriterClosed."""
        self._closed.set()
        self._refuse()

    def _refuse(self) -> None:
        while batch := self._gather(timeout=0):
            for entry in batch:
                entry.future.set_exception(WriterClosed())

    def serve(self, timeout: float, *, gather: float = 0) -> bool:
        """Commit the queued items, waiting up to `timeout` seconds for the first; returns whether there was one.

        The batch is closed `gather` seconds after its first item.
        """
        batch = self._gather(timeout, gather)
        for tell in self._commit(batch) if batch else []:
            tell()
        return bool(batch)

    def _gather(self, timeout: float, gather: float = 0) -> list[Entry]:
        batch: list[Entry] = []
        try:
            batch.append(self._queue.get(timeout=timeout))
            time.sleep(gather)
            while len(batch) < BATCH:
                batch.append(self._queue.get_nowait())
        except Empty:
            pass
        return batch

    def _commit(self, batch: list[Entry], tries: int = TRIES) -> list[Tell]:
        """Commit a batch and return the functions that wake its threads; tries up to `tries` times over lost locks."""
        groups: dict[Work[Any, Any], list[Entry]] = {}
        for entry in batch:
            groups.setdefault(entry.work, []).append(entry)
        try:
            with transaction.atomic():
                return [tell for group in groups.values() for tell in _attempt(group)]
        except Exception as error:
            close_old_connections()
            if isinstance(error, OperationalError) and tries > 1:
                return self._commit(batch, tries - 1)
            logger.exception("A batch of %s writes was not committed", len(batch))
            return [entry.fails(error) for entry in batch]


def _attempt(group: list[Entry]) -> list[Tell]:
    """Run the work for a group in a savepoint; returns the functions that wake its threads after the commit."""
    try:
        with transaction.atomic():
            results = group[0].work([entry.item for entry in group])
    except Exception as error:
        if transaction.get_connection().needs_rollback:
            raise
        if len(group) == 1:
            return [group[0].fails(error)]
        return [tell for entry in group for tell in _attempt([entry])]
    return [entry.succeeds(result) for entry, result in zip(group, results, strict=True)]
