"""The engine of publishing, webhooks and syncing: one thread claims and writes, a pool of threads makes the calls.

Any number of engines may run at the same time, in any number of processes.
"""

import logging
import math
import threading
import time
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import ClassVar, Generic, TypeVar

from django.db import close_old_connections, connections
from structlog.contextvars import bound_contextvars

from ouipost.observability import traces
from ouipost.writer import Runs, Writer

logger = logging.getLogger(__name__)

MANY = 8
PAUSE_AFTER_FAILURE_SECONDS = 1.0
LEAVE_SECONDS = 5
"""Seconds for jobs whose calls were just answered to record the outcome."""
Job = TypeVar("Job")


class Engine(Generic[Job]):
    """One process's share of the due work: subclasses implement `claim` to take jobs and `work` to do one."""

    name: ClassVar[str]
    tick_seconds: ClassVar[float] = 0.25
    """Seconds between two searches for work of an idle engine."""
    claim_every_seconds: ClassVar[float] = 0.3
    """Seconds between two claims of a busy engine."""
    gather_seconds: ClassVar[float] = 0.05
    """Seconds to wait for more writes to commit together, while many jobs are running."""
    stop_seconds: ClassVar[float] = 45
    """Seconds that running jobs may take after the engine was asked to stop."""
    last_seconds: ClassVar[float] = 45
    """Seconds that running jobs may take after a run whose time was over."""
    must_end: ClassVar[bool] = False
    """Whether a stopping worker waits for the end of its jobs, because an interrupted one cannot be repeated."""

    def __init__(self, threads: int, *, stopping: threading.Event | None = None) -> None:
        self._stopping = stopping or threading.Event()
        self._writer = Writer()
        self._running: dict[Future[None], Job] = {}
        self._threads = threads
        self._claim_at = 0.0
        self._turned_at = time.monotonic()

    @property
    def is_held_up(self) -> bool:
        """Whether jobs still run; after `run` these are calls that could not be ended, such as a video upload."""
        return any(not future.done() for future in list(self._running))

    @property
    def silence(self) -> float:
        """Seconds since the engine's thread last went through its loop; many if it hangs."""
        return time.monotonic() - self._turned_at

    def claim(self, free: int, running: Collection[Job]) -> Sequence[Job]:
        """Claim up to `free` jobs in addition to those running; an exception is logged, and the next claim follows."""
        raise NotImplementedError

    def work(self, job: Job, writer: Runs) -> None:
        """Do one job, in a thread of the pool, and settle it through the writer."""
        raise NotImplementedError

    def leave(self, jobs: Sequence[Job]) -> None:
        """Give back jobs whose threads are no longer waited for, and whose writes are refused from now on.

        A job that is not given back becomes due again when its lease ends.
        """

    def ids(self, job: Job) -> dict[str, str | int]:
        """Return the ids to attach to all log lines, errors and trace spans of this job."""
        return {}

    def stop(self) -> None:
        """Claim nothing more; `run` returns when the running jobs have ended.

        Safe to call from a signal handler in the engine's own thread, which never waits on the event and so cannot hold
        its lock.
        """
        self._stopping.set()

    def run(self) -> None:
        """Work until `stop`, then wait up to 50 s for the running jobs."""
        self._run(math.inf, leave_when_idle=False)

    def run_until_idle(self, *, seconds: float) -> None:
        """Work until nothing is due or running; claims nothing more after `seconds` or `stop`.

        Then it waits for the running jobs: up to `last_seconds`, or up to 50 s once it was asked to stop.
        """
        self._run(time.monotonic() + seconds, leave_when_idle=True)

    def _run(self, deadline: float, *, leave_when_idle: bool) -> None:
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix=self.name)
        try:
            self._work(pool, deadline, leave_when_idle=leave_when_idle)
            self._drain()
        finally:
            self._writer.close()
            pool.shutdown(wait=False)
            if left := wait(self._running, timeout=LEAVE_SECONDS).not_done:
                self._leave([self._running[future] for future in left])

    def _leave(self, jobs: Sequence[Job]) -> None:
        try:
            self.leave(jobs)
        except Exception:  # any error: the leases do the same later, and the process has to end
            logger.exception("%s jobs are left to their leases", len(jobs))

    def _work(self, pool: ThreadPoolExecutor, deadline: float, *, leave_when_idle: bool) -> None:
        while not self._stopping.is_set() and time.monotonic() < deadline:
            if not self._in_flight() or time.monotonic() >= self._claim_at:
                self._claim(pool)
            if leave_when_idle and not self._running:  # as of the claim: jobs that ended later may have left new work
                return
            self._serve()

    def _drain(self) -> None:
        ends = time.monotonic() + self.last_seconds
        while self._in_flight() and time.monotonic() < ends:
            if self._stopping.is_set():
                ends = min(ends, time.monotonic() + self.stop_seconds)
            self._serve()

    def _serve(self) -> None:
        """Commit the waiting writes; while many jobs run, wait a little for more writes to share the commit."""
        self._turned_at = time.monotonic()
        if len(self._running) < MANY:
            self._writer.serve(self.claim_every_seconds if self._running else self.tick_seconds)
        else:
            self._writer.serve(self.claim_every_seconds, gather=self.gather_seconds)

    def _claim(self, pool: ThreadPoolExecutor) -> None:
        self._claim_at = time.monotonic() + self.claim_every_seconds
        free = self._threads - self._in_flight()
        if free <= 0:
            return
        began = time.monotonic()
        try:
            jobs = self.claim(free, self._running.values())
        except Exception:  # any error: running jobs must be settled, and others may be claimed next time
            logger.exception("Nothing could be claimed")
            close_old_connections()
            time.sleep(PAUSE_AFTER_FAILURE_SECONDS)
            return
        if jobs:
            traces.past(f"claim to {self.name}", began, jobs=len(jobs))
        self._begin(pool, jobs)

    def _begin(self, pool: ThreadPoolExecutor, jobs: Sequence[Job]) -> None:
        """Give each job a thread; if the machine refuses a thread, the jobs are left to their leases."""
        begun = 0
        try:
            for job in jobs:
                self._running[pool.submit(self._do, job)] = job
                begun += 1
        except RuntimeError:  # an existing thread may still do the first of them
            logger.exception("No thread is to be had: %s jobs are left to their leases", len(jobs) - begun)
            time.sleep(PAUSE_AFTER_FAILURE_SECONDS)

    def _do(self, job: Job) -> None:
        with bound_contextvars(**self.ids(job)), traces.span(self.name):  # threads do not inherit the context
            try:
                self.work(job, self._writer)
            except Exception:
                logger.exception("%s was left to its lease", job)
            finally:
                connections.close_all()  # a renewed token may have opened one

    def _in_flight(self) -> int:
        self._running = {future: job for future, job in self._running.items() if not future.done()}
        return len(self._running)
