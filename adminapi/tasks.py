"""Celery's tasks: the ticks by which beat drives publishing and webhooks, and a task for each chore."""

import atexit
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from celery.signals import beat_init, worker_init
from django.conf import settings
from django.db import connections

from adminapi.models import Heartbeat
from adminapi.processes import restored
from adminapi.processes.heartbeats import BEAT, TICK, HeartbeatThread
from adminapi.processes.watchdog import WatchdogStep
from adminapi.processes.worker import CHORES, STOP_SECONDS, Chore
from analytics.tasks import sync_due
from ouipost.celery import app
from ouipost.events.delivery import Deliverer
from ouipost.queues import DEFAULT, PUBLISH, WEBHOOKS
from ouipost.runtime import memory
from ouipost.runtime.node import NodeStops
from posts.doorbell import RING_SECONDS
from posts.tasks import LIMIT_SECONDS, SOFT_LIMIT_SECONDS, publish_due

TICK_EVERY = timedelta(seconds=1)
SYNC_EVERY = timedelta(seconds=15)
DELIVERY_RUN_SECONDS = 30
"""After this long a process takes another message, as it has other work than webhooks."""
CHORE_WAITS = timedelta(seconds=60)
"""The least time that a chore's message waits for a worker; after that another message follows."""
LONG_AGO = datetime.fromtimestamp(0, tz=UTC)

with tempfile.TemporaryFile() as file:
    _turn = os.dup(file.fileno())  # open as long as the node runs: its forked processes lock this file


@app.task(expires=RING_SECONDS, soft_time_limit=SOFT_LIMIT_SECONDS, time_limit=LIMIT_SECONDS)
def tick() -> None:
    """Record that beat, broker and worker are all alive, and publish due targets."""
    Heartbeat.objects.beat(TICK)
    publish_due()


@app.task(expires=RING_SECONDS)
def deliver_due() -> None:
    """Call webhooks until nothing is due, or for half a minute; not at all if `DELIVERY_THREADS` is 0.

    One process of a node does so at a time; the others stay free for posts.
    """
    if settings.DELIVERY_THREADS:
        with _alone() as is_alone:
            if is_alone:
                Deliverer(settings.DELIVERY_THREADS, stopping=NodeStops()).run_until_idle(seconds=DELIVERY_RUN_SECONDS)


@contextmanager
def _alone() -> Iterator[bool]:
    """Give whether this is the only process of the node in such a block; a killed process leaves it."""
    try:
        fcntl.lockf(_turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        fcntl.lockf(_turn, fcntl.LOCK_UN)


def task_name(chore: Chore) -> str:
    return f"adminapi.tasks.{chore.name.replace(' ', '_')}"


def schedule() -> dict[str, dict[str, Any]]:
    """Return beat's schedule; everything also runs at its start, as in the embedded worker."""
    heard_within = timedelta(seconds=RING_SECONDS)
    ticks = {
        "tick": _entry(tick.name, queue=PUBLISH, every=TICK_EVERY, waits=heard_within),
        "deliver": _entry(deliver_due.name, queue=WEBHOOKS, every=TICK_EVERY, waits=heard_within),
    }
    syncs = {"sync": _entry(sync_due.name, queue=DEFAULT, every=SYNC_EVERY, waits=CHORE_WAITS)}
    chores = {chore.name: _chore_entry(chore) for chore in CHORES}
    return ticks | syncs | chores


def _chore_entry(chore: Chore) -> dict[str, Any]:
    return _entry(task_name(chore), queue=DEFAULT, every=chore.every, waits=max(chore.every, CHORE_WAITS))


def _entry(task: str, *, queue: str, every: timedelta, waits: timedelta) -> dict[str, Any]:
    options = {"queue": queue, "expires": waits.total_seconds()}
    return {"task": task, "schedule": every, "last_run_at": LONG_AGO, "options": options}


def _add(chore: Chore) -> None:
    @app.task(name=task_name(chore))
    def work() -> None:
        chore.do(NodeStops().is_set)


@worker_init.connect
@beat_init.connect
def _look_before_the_first_post(**_: Any) -> None:
    """Wait for the database, refuse a wrong ring of keys, and pause everything if the database is a restored copy."""
    restored.check_first()
    connections.close_all()  # the processes forked next must not inherit a connection


@worker_init.connect
def _share(**_: Any) -> None:
    """Share this process's loaded modules with the processes forked next."""
    memory.keep_loaded()


@beat_init.connect
def _show_life(**_: Any) -> None:
    """Beat as long as beat runs; Celery gives no signal of its end, at which it exits the interpreter."""
    alive = HeartbeatThread(BEAT)
    alive.start()
    atexit.register(alive.stop, seconds=STOP_SECONDS)


for chore in CHORES:
    _add(chore)
app.conf.beat_schedule = schedule()
app.steps["worker"].add(WatchdogStep)
