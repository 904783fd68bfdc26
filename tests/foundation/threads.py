"""Several threads that start together, each with a database connection of its own."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections

PATIENCE_SECONDS = 20


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Run the pieces in threads that start together; returns what each returned or raised."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        try:
            start.wait(PATIENCE_SECONDS)
            return work()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def wait_until(happened: Callable[[], object]) -> None:
    """Return as soon as it has happened; fails when it does not."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.005)


def no_more_threads(monkeypatch: pytest.MonkeyPatch, *, named: str = "") -> None:
    """Let the machine give no thread with a name that begins so."""
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith(named):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)


@contextmanager
def meanwhile(work: Callable[[], object], *, stop: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Do this in a thread, which is told to stop, and has ended, after the block."""

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()
