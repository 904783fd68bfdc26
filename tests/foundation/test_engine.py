"""An engine leaves when it has looked and nothing was due, and never because it looked at a bad moment."""

import os
import signal
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import wait
from contextlib import contextmanager
from threading import Event, Timer
from types import FrameType

import pytest
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from ouipost.engine import Engine
from ouipost.writer import Runs
from tests.foundation.threads import no_more_threads

RUN_SECONDS = 60


class Unlucky(Engine[int]):
    """Has three jobs, of which one always ends right after somebody has seen it run."""

    name = "unlucky"

    def __init__(self) -> None:
        super().__init__(threads=1)
        self.left = [1, 2, 3]
        self.done: list[int] = []

    def claim(self, free: int, running: Collection[int]) -> list[int]:
        return [self.left.pop(0)] if self.left else []

    def work(self, job: int, writer: Runs) -> None:
        self.done.append(job)

    def _in_flight(self) -> int:
        count = super()._in_flight()
        wait(self._running)
        return count


class Asking(Unlucky):
    """Asks the database in the thread of each job, and keeps what it asked through."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[BaseDatabaseWrapper] = []

    def work(self, job: int, writer: Runs) -> None:
        connection.ensure_connection()
        self.asked.append(connections["default"])


class Unhurried(Engine[int]):
    """Has one job, which is told to stop and has nothing to write before the engine has left its work."""

    name = "unhurried"

    def __init__(self) -> None:
        super().__init__(threads=1)
        self.left = [1]
        self.has_left = Event()
        self.written: list[int] = []

    def claim(self, free: int, running: Collection[int]) -> list[int]:
        return [self.left.pop()] if self.left else []

    def work(self, job: int, writer: Runs) -> None:
        self.stop()
        assert self.has_left.wait(RUN_SECONDS)
        self.written.append(writer.run(self._write, job))

    def _write(self, jobs: Sequence[int]) -> Sequence[int]:
        return jobs

    def _drain(self) -> None:
        self.has_left.set()
        super()._drain()


@pytest.mark.django_db(transaction=True)
def test_what_is_in_flight_at_a_stop_is_written_before_the_engine_ends() -> None:
    engine = Unhurried()

    engine.run()

    assert engine.written == [1]


class Long(Engine[int]):
    """Has one job, which goes on until it is let go and then has something to write."""

    name = "long"

    def __init__(self, *, is_stopped: bool) -> None:
        super().__init__(threads=1)
        self.left = [1]
        self.is_stopped = is_stopped
        self.ends = Event()
        self.written: list[int] = []

    def claim(self, free: int, running: Collection[int]) -> list[int]:
        return [self.left.pop()] if self.left else []

    def work(self, job: int, writer: Runs) -> None:
        if self.is_stopped:
            self.stop()
        assert self.ends.wait(RUN_SECONDS)
        self.written += writer.run(lambda jobs: [jobs], job)


@pytest.mark.django_db(transaction=True)
def test_a_job_may_outlast_a_run_whose_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Long(is_stopped=False)
    monkeypatch.setattr(Long, "stop_seconds", 0)
    Timer(1, engine.ends.set).start()

    engine.run_until_idle(seconds=0.1)

    assert (engine.written, engine.is_held_up) == ([1], False)


@pytest.mark.parametrize("last_seconds", [0, RUN_SECONDS])
def test_a_stop_waits_no_longer_than_it_says_for_a_job_that_does_not_end(
    last_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Long(is_stopped=True)
    monkeypatch.setattr(Long, "stop_seconds", 0.1)
    monkeypatch.setattr(Long, "last_seconds", last_seconds)
    monkeypatch.setattr("ouipost.engine.LEAVE_SECONDS", 0.1)

    engine.run_until_idle(seconds=RUN_SECONDS)
    is_held_up = engine.is_held_up
    engine.ends.set()
    wait(engine._running, timeout=RUN_SECONDS)

    assert (is_held_up, engine.is_held_up, engine.written) == (True, False, [])


@pytest.mark.django_db(transaction=True)
def test_no_thread_keeps_a_connection_after_its_job() -> None:
    """There may be hundreds of threads, and the server has so many connections for all workers."""
    engine = Asking()

    engine.run_until_idle(seconds=RUN_SECONDS)

    assert [each.connection for each in engine.asked] == [None] * 3


def test_a_job_that_ends_between_two_looks_does_not_end_the_run() -> None:
    engine = Unlucky()

    engine.run_until_idle(seconds=RUN_SECONDS)

    assert engine.done == [1, 2, 3]


class Stumbling(Unlucky):
    """Meets an error of ours at its second claim, while its first job still has something to write."""

    def __init__(self) -> None:
        super().__init__()
        self._threads = 2
        self.may_write, self.written = Event(), list[int]()

    def claim(self, free: int, running: Collection[int]) -> list[int]:
        if running and not self.may_write.is_set():
            self.may_write.set()
            raise KeyError("settings")
        return super().claim(free, running)

    def work(self, job: int, writer: Runs) -> None:
        assert job != 1 or self.may_write.wait(RUN_SECONDS)
        self.written += writer.run(lambda jobs: [jobs], job)

    def _in_flight(self) -> int:
        return Engine._in_flight(self)


def test_a_job_that_the_machine_gives_no_thread_is_left_to_its_lease_and_the_others_are_done_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Unlucky()
    with monkeypatch.context() as machine:
        no_more_threads(machine, named=engine.name)
        engine.run_until_idle(seconds=RUN_SECONDS)

    engine.run_until_idle(seconds=RUN_SECONDS)

    assert engine.done == [2, 3]
    assert "No thread is to be had: 1 jobs are left to their leases" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_claim_that_meets_an_error_of_ours_stops_neither_what_runs_nor_the_next_claim(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = Stumbling()
    monkeypatch.setattr("ouipost.engine.PAUSE_AFTER_FAILURE_SECONDS", 0)

    engine.run_until_idle(seconds=RUN_SECONDS)

    assert sorted(engine.written) == [1, 2, 3]


@pytest.mark.timeout(30)
def test_a_signal_whose_handler_takes_longer_than_a_look_stops_an_engine_that_has_nothing_to_do() -> None:
    engine = Unlucky()
    engine.left.clear()

    def stop(number: int, frame: FrameType | None) -> None:
        time.sleep(2 * engine.tick_seconds)
        engine.stop()

    with handled(stop):
        engine.run()


@contextmanager
def handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Have a signal come to this process once the block is under way, and this handle it."""
    before = signal.signal(signal.SIGUSR1, handler)
    coming = Timer(Unlucky.tick_seconds / 2, os.kill, (os.getpid(), signal.SIGUSR1))
    coming.start()
    try:
        yield
    finally:
        coming.join()
        signal.signal(signal.SIGUSR1, before)
