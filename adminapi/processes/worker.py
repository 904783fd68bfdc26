"""The worker: publishes due targets straight from the database, calls webhooks, reads numbers, and does the chores.

Any number of workers may run.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import close_old_connections, connections
from structlog.contextvars import bound_contextvars

from accounts import tokens
from adminapi import pruning
from adminapi.jobs import running
from adminapi.processes import restored, sweeping
from adminapi.processes.heartbeats import SILENCE, WORKER, HeartbeatThread
from analytics import discovery
from analytics.sync import Syncer, read_before_posts
from ouipost.api import idempotency
from ouipost.claims import database_now, engine_time
from ouipost.db.pruning import Old, remove_all
from ouipost.engine import Engine
from ouipost.events import backoff, replays, sealing
from ouipost.events.delivery import Deliverer
from posts import expiring
from posts.publishing import kept_answers
from posts.publishing.publisher import Publisher
from posts.schedules import services as schedules
from workspaces import services as workspaces
from workspaces.keys import usage

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.25
STOP_SECONDS = 5
"""After this wait only webhook calls and chores may still run; they are repeated when their leases are over."""


@dataclass(frozen=True, kw_only=True)
class Chore:
    """Something to repeat beside publishing."""

    name: str
    every: timedelta
    work: Callable[..., object]
    calls_out: bool = False
    """True if it calls networks or the storage, which may hang; a worker gives it a thread of its own."""
    must_end: bool = False
    """True if a stopping worker waits for its end, as for posts: a network gives new tokens only once. Such work takes
    `is_ending`, and begins nothing more once that returns true."""
    is_long: bool = False
    """True if it may take minutes. It takes `is_ending` as well: a stopping Celery node waits for all it has begun."""

    def do(self, is_ending: Callable[[], bool]) -> None:
        if self.must_end or self.is_long:
            self.work(is_ending=is_ending)
        else:
            self.work()


def _at_present(work: Callable[..., object]) -> Callable[..., object]:
    """Pass a chore the database's time, as it compares it with rows, and this machine's clock may be wrong."""
    return lambda **ending: work(database_now(), **ending)


def _forget(name: str, kinds: Callable[[datetime], Iterable[Old]]) -> Chore:
    work = _at_present(lambda now, **ending: remove_all(kinds(now), **ending))
    return Chore(name=f"forget old {name}", every=timedelta(hours=1), work=work, is_long=True)


CHORES = (
    Chore(name="refresh tokens", every=engine_time(5), work=tokens.refresh_due, calls_out=True, must_end=True),
    Chore(name="settle kept answers", every=engine_time(10), work=kept_answers.replay),
    Chore(name="seal the journal", every=timedelta(seconds=3), work=sealing.seal_new),
    Chore(name="care for webhooks that fail", every=timedelta(seconds=2), work=backoff.bring_back),
    Chore(name="replay events", every=timedelta(seconds=5), work=replays.work_on_due),
    Chore(
        name="go on with background work",
        every=timedelta(seconds=1),
        work=running.work_on_due,
        calls_out=True,
        must_end=True,
    ),
    Chore(
        name="remove deleted workspaces",
        every=timedelta(seconds=5),
        work=workspaces.purge_deleted,
        calls_out=True,
        is_long=True,
    ),
    Chore(name="write the use of keys", every=timedelta(seconds=30), work=usage.flush_shared),
    Chore(name="forget secrets", every=timedelta(hours=1), work=_at_present(idempotency.forget_secrets)),
    Chore(name="follow time zones", every=timedelta(hours=1), work=_at_present(schedules.follow_zones), is_long=True),
    Chore(
        name="find published posts",
        every=timedelta(hours=1),
        work=_at_present(lambda now, **ending: discovery.discover_all(now=now, **ending)),
        is_long=True,
    ),
    Chore(name="read accounts ahead of posts", every=engine_time(600), work=_at_present(read_before_posts)),
    Chore(
        name="tell of accounts that end", every=timedelta(minutes=5), work=_at_present(expiring.notify), is_long=True
    ),
    *(_forget(name, kinds) for name, kinds in pruning.KINDS.items()),
    Chore(
        name="sweep orphaned files",
        every=timedelta(hours=1),
        work=_at_present(sweeping.sweep),
        calls_out=True,
        is_long=True,
    ),
)


class Worker:
    """All the work of one process: publishing with up to `WORKER_THREADS` threads, and everything else beside it."""

    def __init__(self) -> None:
        self._publisher = Publisher(settings.WORKER_THREADS)
        self._others: list[Engine[Any]] = []
        if settings.DELIVERY_THREADS:
            self._others.append(Deliverer(settings.DELIVERY_THREADS))
        if settings.SYNC_THREADS:
            self._others.append(Syncer(settings.SYNC_THREADS))
        self._stopping = threading.Event()
        self._stopped_at = 0.0
        self._heartbeats = HeartbeatThread(
            WORKER, is_well=lambda: self._publisher.silence < SILENCE.total_seconds() / 2
        )

    def stop(self) -> None:
        """Take on nothing more; `run` returns when the work in flight has ended."""
        self._stopped_at = self._stopped_at or time.monotonic()
        self._stopping.set()
        self._publisher.stop()
        self._heartbeats.stop()
        for engine in self._others:
            engine.stop()

    @property
    def is_held_up(self) -> bool:
        """Return whether calls go on after `run`, for which the process must not wait."""
        return any(engine.is_held_up for engine in (self._publisher, *self._others))

    def run(self, *, say_begun: Callable[[], object] = lambda: None) -> None:
        """Work until `stop`, then let the work in flight end, for up to 45 s.

        Calls `say_begun` once nothing forbids the work (`restored.check_first`).
        """
        restored.check_first(self._stopping.is_set)
        if self._stopping.is_set():
            return
        say_begun()
        works = self._works()
        beside = [(threading.Thread(target=_apart, args=[work], daemon=True), must_end) for work, must_end in works]
        for thread, _ in beside:
            thread.start()
        self._heartbeats.start()
        self._publisher.run()
        self._heartbeats.stop(seconds=STOP_SECONDS)
        soon = time.monotonic() + STOP_SECONDS
        last = max(soon, self._stopped_at + self._publisher.stop_seconds)
        for thread, must_end in beside:
            thread.join(timeout=max(0, (last if must_end else soon) - time.monotonic()))

    def _works(self) -> Iterator[tuple[Callable[[], None], bool]]:
        """Give the work of each thread beside the publisher's, and whether to wait for its end.

        Each chore that calls out has a thread of its own; all other chores share one.
        """
        yield partial(self._do_chores, [chore for chore in CHORES if not chore.calls_out]), False
        for chore in CHORES:
            if chore.calls_out:
                yield partial(self._do_chores, [chore]), chore.must_end
        for engine in self._others:
            yield engine.run, engine.must_end

    def _do_chores(self, chores: Sequence[Chore]) -> None:
        due = {chore: time.monotonic() for chore in chores}
        while not self._stopping.wait(TICK_SECONDS):
            for chore in [chore for chore, at in due.items() if at <= time.monotonic()]:
                due[chore] = time.monotonic() + chore.every.total_seconds()
                _do(chore, self._stopping.is_set)


def _apart(work: Callable[[], None]) -> None:
    """Do the work of a thread, and close the thread's database connections at its end."""
    try:
        work()
    finally:
        connections.close_all()


def _do(chore: Chore, is_ending: Callable[[], bool]) -> None:
    with bound_contextvars(chore=chore.name):
        try:
            chore.do(is_ending)
        except Exception:
            logger.exception("The chore %r failed", chore.name)
        finally:
            close_old_connections()
