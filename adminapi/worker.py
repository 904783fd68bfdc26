"""The worker: publishes what is due, straight from the database, and does the chores; as many as you like may run."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from accounts import connecting, tokens
from ouipost.api import idempotency
from ouipost.claims import Claim, engine_time
from ouipost.writer import Writer
from posts import answers, files
from posts.claiming import claim_targets
from posts.publishing import publish
from workspaces import services as workspaces

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.25
PAUSE_AFTER_FAILURE_SECONDS = 1.0
DRAIN_SECONDS = 45


@dataclass(frozen=True, kw_only=True)
class Chore:
    """Something to do again and again beside publishing."""

    name: str
    every: timedelta
    work: Callable[[], object]


CHORES = (
    Chore(name="refresh tokens", every=engine_time(5), work=tokens.refresh_due),
    Chore(name="settle kept answers", every=engine_time(10), work=answers.replay),
    Chore(name="remove deleted workspaces", every=timedelta(seconds=5), work=workspaces.purge_deleted),
    Chore(name="forget old sign-ins", every=timedelta(hours=1), work=lambda: connecting.forget_old(timezone.now())),
    Chore(name="forget old answers", every=timedelta(hours=1), work=lambda: idempotency.forget_old(timezone.now())),
    Chore(name="sweep orphaned files", every=timedelta(hours=1), work=files.sweep),
)


class Worker:
    """One process's share of the work: one thread writes, up to `threads` others talk to networks."""

    def __init__(self, threads: int) -> None:
        self._stopping = threading.Event()
        self._writer = Writer()
        self._running: dict[Future[None], Claim] = {}
        self._threads = threads

    def stop(self) -> None:
        """Claim nothing more; `run` returns when what is in flight has ended."""
        self._stopping.set()

    def run(self) -> None:
        """Work until `stop`, then let what is in flight end, up to 45 s."""
        chores = threading.Thread(target=self._do_chores, name="chores", daemon=True)
        chores.start()
        with ThreadPoolExecutor(self._threads, thread_name_prefix="publish") as pool:
            while not self._stopping.is_set():
                self._claim(pool)
                self._writer.serve(TICK_SECONDS)
            deadline = time.monotonic() + DRAIN_SECONDS
            while self._in_flight() and time.monotonic() < deadline:
                self._writer.serve(TICK_SECONDS)
            self._writer.close()  # what is still out is looked into when its lease is over
        chores.join(timeout=1)

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

    def _do_chores(self) -> None:
        due = {chore: time.monotonic() for chore in CHORES}
        while not self._stopping.wait(TICK_SECONDS):
            for chore in [chore for chore, at in due.items() if at <= time.monotonic()]:
                due[chore] = time.monotonic() + chore.every.total_seconds()
                _do(chore)


def _do(chore: Chore) -> None:
    try:
        chore.work()
    except Exception:
        logger.exception("The chore %r failed", chore.name)
    finally:
        close_old_connections()


def default_worker() -> Worker:
    """Return a worker with as many threads as `WORKER_THREADS` says."""
    return Worker(settings.WORKER_THREADS)
