"""Celery's tasks: the tick by which beat drives publishing, and one for each chore; `analytics` has its own."""

from datetime import UTC, datetime, timedelta
from typing import Any

from celery.signals import beat_init

from adminapi.heart import BEAT, TICK, Heart
from adminapi.models import Heartbeat
from adminapi.watchdog import WatchdogStep
from adminapi.worker import CHORES, Chore
from analytics.tasks import sync_due
from ouipost.celery import DEFAULT, PUBLISH, app
from posts.tasks import DOORBELL_SECONDS, publish_due

TICK_EVERY = timedelta(seconds=1)
SYNC_EVERY = timedelta(seconds=15)
CHORE_WAITS = timedelta(seconds=60)
"""A chore's message waits that long for a worker at least; there will be another."""
LONG_AGO = datetime.fromtimestamp(0, tz=UTC)


@app.task(expires=DOORBELL_SECONDS)
def tick() -> None:
    """Note that beat, broker and worker are alive, all three, and publish what is due."""
    Heartbeat.objects.beat(TICK)
    publish_due()


def task_name(chore: Chore) -> str:
    return f"adminapi.tasks.{chore.name.replace(' ', '_')}"


def schedule() -> dict[str, dict[str, Any]]:
    """Return what beat rings, and how often; all of it at its start, as the embedded worker does."""
    ticks = {"tick": _entry(tick.name, queue=PUBLISH, every=TICK_EVERY, waits=timedelta(seconds=DOORBELL_SECONDS))}
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
        chore.work()


@beat_init.connect
def _show_life(**_: Any) -> None:
    Heart(BEAT).start()


for chore in CHORES:
    _add(chore)
app.conf.beat_schedule = schedule()
app.steps["worker"].add(WatchdogStep)
