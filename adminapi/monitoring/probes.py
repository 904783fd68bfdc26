"""Probe the installation: use every part for real, all at the same time, none for longer than a second.

The networks are not called: `adminapi.monitoring.networks` derives their state from earlier calls.
"""

import logging
import secrets
import shutil
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import cache as memory
from django.core.files.storage import default_storage
from django.db import connection

from accounts import pauses
from adminapi.monitoring.backlog import Backlog, measure
from adminapi.monitoring.threads import LIMIT_SECONDS, SharedCall
from adminapi.processes.heartbeats import SILENCE
from ouipost import queues
from ouipost.claims import engine_time
from ouipost.redis import Script, Server
from posts import counts
from posts.media import storage
from posts.media.storage import StorageUnavailable

logger = logging.getLogger(__name__)

HEALTHY, DEGRADED, UNHEALTHY = "healthy", "degraded", "unhealthy"
SLOW_MS = 500
LATE, TOO_LATE = engine_time(15), engine_time(60)
"""The times after which due work that is not taken is late, and too late."""
FILLING, FULL = 90.0, 98.0
"""Percentages of the used storage."""
REDIS_SECONDS = 0.9
VITAL = ("database", "storage", "queue", "publisher")
"""The parts that must work. Without the cache all goes on, only slower."""
ROUND_TRIP = Script(
    "redis.call('SET', KEYS[1], ARGV[1], 'PX', 10000) "
    "local found = redis.call('GET', KEYS[1]) redis.call('DEL', KEYS[1]) return found"
)
LENGTHS = Script(
    "local found = {} for place, queue in ipairs(KEYS) do found[place] = redis.call('LLEN', queue) end return found"
)

Component = dict[str, Any]


def _database() -> int:
    """Return the milliseconds of a query, including the connection."""
    began = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return _since(began)


def _cache() -> int:
    """Return the milliseconds to write, read and remove a value in the shared cache."""
    token, name = secrets.token_hex(8), f"ouipost:health:{secrets.token_hex(8)}"
    began = time.monotonic()
    if settings.REDIS_URL:
        found = patient_redis(settings.REDIS_URL).run(ROUND_TRIP, [name], [token], insist=True).decode()
    else:
        memory.set(name, token, 10)
        found = memory.get(name)
        memory.delete(name)
    if found != token:
        raise OSError("What was written was not there.")
    return _since(began)


def _broker() -> dict[str, int] | None:
    """Return the number of messages that wait in each queue; None if there is no broker."""
    if not settings.CELERY_BROKER_URL:
        return None
    lengths = patient_redis(settings.CELERY_BROKER_URL).run(LENGTHS, queues.ALL, insist=True)
    return dict(zip(queues.ALL, lengths, strict=True))


@cache
def patient_redis(url: str) -> Server:
    """Return a Redis client with longer timeouts than requests have, and a breaker of its own."""
    return Server(url, timeout=REDIS_SECONDS)


def _storage() -> float | None:
    """Try the storage, and return the used percentage of the disk; None if there is no disk."""
    storage.try_out(secrets.token_bytes(16))
    try:
        return percent_used(Path(default_storage.path("")))
    except NotImplementedError:
        return None


def percent_used(folder: Path) -> float:
    """Return the used percentage of a folder's disk."""
    disk = shutil.disk_usage(folder)
    return 100 * disk.used / (disk.used + disk.free)


def _files() -> float:
    """Return the used percentage of the storage's own limit."""
    return counts.bytes_used() / (settings.STORAGE_LIMIT_MB * 10_000)


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


PROBES: Mapping[str, SharedCall[Any]] = {
    "database": SharedCall(_database),
    "cache": SharedCall(_cache),
    "storage": SharedCall(_storage),
    "files": SharedCall(_files),
    "broker": SharedCall(_broker),
    "backlog": SharedCall(measure),
}


@dataclass(frozen=True, kw_only=True)
class Health:
    """The state of everything."""

    at: datetime
    components: Mapping[str, Component]

    @property
    def status(self) -> str:
        """Red if a vital part is red, else yellow if any part is not green."""
        found = {name: component["status"] for name, component in self.components.items()}
        if UNHEALTHY in (found[name] for name in VITAL):
            return UNHEALTHY
        return HEALTHY if set(found.values()) == {HEALTHY} else DEGRADED


class Examination:
    """All probes, run at once; after `seconds`, by default one, unfinished ones are given up."""

    def __init__(self, *, seconds: float = LIMIT_SECONDS) -> None:
        self._until = time.monotonic() + seconds
        self._asked: dict[str, Future[Any]] = {name: probe.start() for name, probe in PROBES.items()}

    @property
    def seconds_left(self) -> float:
        return max(0.0, self._until - time.monotonic())

    @property
    def reaches_database(self) -> bool:
        """Return whether any probe of the database was answered in time."""
        return any(self._or_none(name) is not None for name in ("database", "backlog"))

    def result(self, *, now: datetime) -> Health:
        """Wait for the answers, and return the health that they show."""
        components = {
            "database": self._timed("database", "The database"),
            "cache": self._timed("cache", "Redis" if settings.REDIS_URL else "The cache"),
            "storage": self._storage(),
            "queue": self._queue(),
            "publisher": self._publisher(),
        }
        return Health(at=now, components=components)

    def _answer(self, name: str) -> Any:
        """Return a probe's answer, or raise its error."""
        try:
            return self._asked[name].result(timeout=self.seconds_left)
        except TimeoutError:
            raise
        except Exception as error:
            logger.warning("The health of %s: %s", name, error)
            raise

    def _timed(self, name: str, subject: str) -> Component:
        try:
            milliseconds = self._answer(name)
        except Exception as error:
            return _ill(f"{subject} does not answer{_in_brackets(error)}.", latency_ms=None)
        if milliseconds > SLOW_MS:
            return _weak(f"{subject} is slow.", latency_ms=milliseconds)
        return _well(latency_ms=milliseconds)

    def _storage(self) -> Component:
        try:
            disk = self._answer("storage")
        except StorageUnavailable as error:
            return _ill(f"A file could not be written, read and removed: {error.reason}", used_percent=None)
        except Exception:
            return _ill("A file could not be written, read and removed.", used_percent=None)
        limit = self._or_none("files")
        used = max((each for each in (disk, limit) if each is not None), default=None)
        shown = None if used is None else round(used, 1)
        if used is not None and used >= FULL:
            return _ill("The storage is full.", used_percent=shown)
        if used is not None and used >= FILLING:
            return _weak("The storage is nearly full.", used_percent=shown)
        return _well(used_percent=shown)

    def _queue(self) -> Component:
        try:
            backlog: Backlog = self._answer("backlog")
        except Exception:
            return _ill("The database does not say what is due.", pending_jobs=None)
        try:
            messages: dict[str, int] = self._answer("broker") or {}
        except Exception as error:
            message = f"The broker does not answer{_in_brackets(error)}; workers look into the database."
            return _weak(message, pending_jobs=backlog.due)
        pending = backlog.due + sum(messages.values())
        full = [queue for queue, count in messages.items() if count >= queues.UNHEARD and queue not in backlog.taken]
        if full:
            return _weak(f"No Celery worker takes the messages of {', '.join(full)}.", pending_jobs=pending)
        return _well(pending_jobs=pending)

    def _publisher(self) -> Component:
        try:
            backlog: Backlog = self._answer("backlog")
        except Exception:
            return _ill(
                "The database does not say who works.",
                oldest_due_seconds=None,
                oldest_due_delivery_seconds=None,
                last_beat=None,
                workers=None,
                paused=[],
            )
        facts = {
            "oldest_due_seconds": round(backlog.oldest_due.total_seconds()),
            "oldest_due_delivery_seconds": round(backlog.oldest_delivery.total_seconds()),
            "last_beat": backlog.last_beat,
            "last_tick": backlog.last_tick,
            "workers": backlog.workers,
            "paused": [pauses.describe_with_id(each) for each in backlog.paused],
        }
        return _publisher(backlog, facts)

    def _or_none(self, name: str) -> Any:
        try:
            return self._answer(name)
        except Exception:
            return None


def _in_brackets(error: Exception) -> str:
    """Return an error's text in brackets; empty for a timeout."""
    return f" ({error.args[-1]})".replace(".)", ")") if error.args else ""


def _publisher(backlog: Backlog, facts: Component) -> Component:
    seconds = round(SILENCE.total_seconds())
    if not backlog.workers:
        return _ill(f"No worker was heard for {seconds} seconds: start one.", **facts)
    if backlog.nodes and not backlog.beats:
        return _ill(f"Celery's beat was not heard for {seconds} seconds: start it.", **facts)
    if backlog.unheard:
        named = ", ".join(backlog.unheard)
        return _ill(f"No Celery worker takes the queue {named} any more: start one.", **facts)
    if late := _lateness(backlog, facts):
        return late
    if backlog.nodes and not backlog.ticks:
        return _weak("No tick of beat comes through; spare workers publish.", **facts)
    return _well(**facts)


def _lateness(backlog: Backlog, facts: Component) -> Component | None:
    """Return the component's state if posts or webhook calls are late, else None."""
    if backlog.oldest_due > TOO_LATE:
        return _ill("What is due is not taken: see `manage.py stuck`.", **facts)
    if backlog.oldest_delivery > TOO_LATE:
        return _ill("Webhooks are not called.", **facts)
    if backlog.oldest_due > LATE:
        return _weak("What is due is taken late.", **facts)
    if backlog.oldest_delivery > LATE:
        return _weak("Webhooks are called late.", **facts)
    return None


def _well(**facts: Any) -> Component:
    return {"status": HEALTHY, **facts}


def _weak(message: str, **facts: Any) -> Component:
    return {"status": DEGRADED, **facts, "message": message}


def _ill(message: str, **facts: Any) -> Component:
    return {"status": UNHEALTHY, **facts, "message": message}
