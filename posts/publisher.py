"""The publisher: claims what is due and publishes it, straight from the database; as many as you like may run."""

import logging
import math
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from django.db import DatabaseError, close_old_connections

from ouipost.claims import Claim
from ouipost.writer import Writer
from posts.claiming import claim_targets
from posts.publishing import publish

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.25
PAUSE_AFTER_FAILURE_SECONDS = 1.0
DRAIN_SECONDS = 45


class Publisher:
    """One process's share of the publishing: its own thread writes, up to `threads` others talk to networks."""

    def __init__(self, threads: int) -> None:
        self._stopping = threading.Event()
        self._writer = Writer()
        self._running: dict[Future[None], Claim] = {}
        self._threads = threads

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
            while not self._stopping.is_set() and time.monotonic() < deadline:
                self._claim(pool)
                if leave_when_idle and not self._in_flight():
                    break
                self._writer.serve(TICK_SECONDS)
            drained_by = time.monotonic() + DRAIN_SECONDS
            while self._in_flight() and time.monotonic() < drained_by:
                self._writer.serve(TICK_SECONDS)
            self._writer.close()  # what is still out is looked into when its lease is over

    def _claim(self, pool: ThreadPoolExecutor) -> None:
        free = self._threads - self._in_flight()
        if free <= 0:
            return
        try:
            held = claim_targets(free, suspects=not any(claim.unsettled for claim in self._running.values()))
        except DatabaseError:
            logger.exception("Nothing could be claimed")
            close_old_connections()
            self._stopping.wait(PAUSE_AFTER_FAILURE_SECONDS)
            return
        self._running |= {pool.submit(partial(self._publish, claim)): claim for claim in held}

    def _publish(self, claim: Claim) -> None:
        try:
            publish(claim, writer=self._writer)
        except Exception:
            logger.exception("Target %s was left to its lease", claim.pk)
        finally:
            close_old_connections()  # a renewed token may have opened one

    def _in_flight(self) -> int:
        self._running = {future: claim for future, claim in self._running.items() if not future.done()}
        return len(self._running)
