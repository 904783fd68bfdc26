"""The publisher: claims what is due and publishes it, straight from the database; as many as you like may run."""

import logging
import math
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

from django.db import DatabaseError, close_old_connections

from ouipost.claims import Claim
from ouipost.writer import Writer
from posts.claiming import claim_targets
from posts.publishing import publish
from posts.steps import Loaded, load_ahead

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.25
CLAIM_EVERY_SECONDS = 0.2
GATHER_SECONDS = 0.05
MANY = 8
PAUSE_AFTER_FAILURE_SECONDS = 1.0
DRAIN_SECONDS = 45


class Publisher:
    """One process's share of the publishing: its own thread writes, up to `threads` others talk to networks."""

    def __init__(self, threads: int, *, stopping: threading.Event | None = None) -> None:
        self._stopping = stopping or threading.Event()
        self._writer = Writer()
        self._running: dict[Future[None], Claim] = {}
        self._threads = threads
        self._claim_at = 0.0

    def stop(self) -> None:
        """Claim nothing more; `run` returns when what is in flight has ended."""
        self._stopping.set()

    def run(self) -> None:
        """Publish until `stop`, then let what is in flight end, up to 45 s."""
        self._run(math.inf, leave_when_idle=False)

    def run_until_idle(self, *, seconds: float) -> None:
        """Publish until nothing is due and nothing in flight, or take nothing more after `seconds` or `stop`."""
        self._run(time.monotonic() + seconds, leave_when_idle=True)

    def _run(self, deadline: float, *, leave_when_idle: bool) -> None:
        with ThreadPoolExecutor(self._threads, thread_name_prefix="publish") as pool:
            try:
                self._work(pool, deadline, leave_when_idle=leave_when_idle)
                self._drain()
            finally:
                self._writer.close()  # what is still out is looked into when its lease is over

    def _work(self, pool: ThreadPoolExecutor, deadline: float, *, leave_when_idle: bool) -> None:
        while not self._stopping.is_set() and time.monotonic() < deadline:
            if not self._in_flight() or time.monotonic() >= self._claim_at:
                self._claim(pool)
            if leave_when_idle and not self._in_flight():
                return
            self._serve()

    def _drain(self) -> None:
        drained_by = time.monotonic() + DRAIN_SECONDS
        while self._in_flight() and time.monotonic() < drained_by:
            self._serve()

    def _serve(self) -> None:
        """Commit what has gathered; where many are under way, wait for a few more: they cost little together."""
        if len(self._running) < MANY:
            self._writer.serve(TICK_SECONDS)
        else:
            self._writer.serve(CLAIM_EVERY_SECONDS, gather=GATHER_SECONDS)

    def _claim(self, pool: ThreadPoolExecutor) -> None:
        self._claim_at = time.monotonic() + CLAIM_EVERY_SECONDS
        free = self._threads - self._in_flight()
        if free <= 0:
            return
        try:
            held = claim_targets(free, suspects=not any(claim.unsettled for claim in self._running.values()))
            loaded = load_ahead(held)
        except DatabaseError:
            logger.exception("Nothing could be claimed")
            close_old_connections()
            self._stopping.wait(PAUSE_AFTER_FAILURE_SECONDS)
            return
        self._running |= {pool.submit(self._publish, claim, loaded.get(claim.pk)): claim for claim in held}

    def _publish(self, claim: Claim, loaded: Loaded | None) -> None:
        try:
            publish(claim, writer=self._writer, loaded=loaded)
        except Exception:
            logger.exception("Target %s was left to its lease", claim.pk)
        finally:
            close_old_connections()  # a renewed token may have opened one

    def _in_flight(self) -> int:
        self._running = {future: claim for future, claim in self._running.items() if not future.done()}
        return len(self._running)
