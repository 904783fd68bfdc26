"""Counts of calls to networks by their result: kept in memory, and added to the database every few seconds.

A call only costs an addition. The counts of a process's last seconds are lost if it is killed.
"""

import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import Error, transaction
from django.db.models import Case, Value, When
from django.utils import timezone

from accounts.models import CallCount
from ouipost.db.pruning import Old
from ouipost.db.rows import add_each
from ouipost.flushing import Flusher

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 5
SPAN = timedelta(minutes=5)
EVER = datetime.fromtimestamp(0, tz=UTC)
"""Sentinel time of the all-time totals."""
KEPT = timedelta(hours=48)

REQUEST, PUBLISH, SYNC = "request", "publish", "sync"
"""Kinds of counts: each request that leaves, each attempt at publishing, each reading of an account."""
OK, REFUSED, LIMITED, OUTDATED = "ok", "refused", "limited", "outdated"
STOPPED, FAILED, LOST = "stopped", "failed", "lost"
"""Results of a request."""
PUBLISHED, READ = "published", "read"
"""Results of successful publishing and reading; a failure has the name of its error."""
BY_STATUS = {408: FAILED, 429: LIMITED}


class Key(NamedTuple):
    """The key of a sum."""

    at: datetime
    network: str
    kind: str
    outcome: str


def outcome_of(status: int) -> str:
    """Return the result that an answer's status stands for; a refusal is not the network's fault.

    The results for an outdated version and a stopped app come from the connector, since each network reports them in
    its own way.
    """
    if status in BY_STATUS:
        return BY_STATUS[status]
    return FAILED if status >= 500 else REFUSED if status >= 400 else OK


def word(outcome: object) -> str:
    """Return the name of an outcome of publishing or reading, as attempts show it: `rate_limited`, `published`, …"""
    name = type(outcome).__name__
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


@dataclass(kw_only=True)
class Sum:
    """Counts of one key."""

    calls: int = 0
    seconds: float = 0
    last_at: datetime

    def add(self, other: "Sum") -> None:
        self.calls += other.calls
        self.seconds += other.seconds
        self.last_at = max(self.last_at, other.last_at)


class Counted:
    """Counts of this process that are not written yet; safe to share between threads."""

    def __init__(self) -> None:
        self.start_anew()

    def start_anew(self) -> None:
        """Forget everything, since a forked process inherits the counts of its parent."""
        self._lock = threading.Lock()
        self._sums: dict[Key, Sum] = {}

    def add(self, sums: Mapping[Key, Sum]) -> None:
        with self._lock:
            for key, each in sums.items():
                self._sums.setdefault(key, Sum(last_at=each.last_at)).add(each)

    def take(self) -> dict[Key, Sum]:
        """Return the counts, and start again at zero."""
        with self._lock:
            taken, self._sums = self._sums, {}
            return taken


COUNTED = Counted()
os.register_at_fork(after_in_child=COUNTED.start_anew)


def note(network: str, *, kind: str, outcome: str, seconds: float = 0) -> None:
    """Count one call, by the key of its network's health; it is written within seconds."""
    now = timezone.now()
    key = Key(_span_of(now), network, kind, outcome)
    COUNTED.add({key: Sum(calls=1, seconds=seconds, last_at=now)})
    FLUSHER.flush_soon()


def _span_of(moment: datetime) -> datetime:
    return moment - (moment - EVER) % SPAN


def flush() -> None:
    """Write the counts; counts that cannot be written are kept for the next time."""
    taken = COUNTED.take()
    try:
        write(taken)
    except Error:
        COUNTED.add(taken)
        logger.warning("The counts of network calls could not be written; they are kept", exc_info=True)


FLUSHER = Flusher(flush, seconds=FLUSH_SECONDS)


@transaction.atomic
def write(sums: Mapping[Key, Sum]) -> None:
    """Add these sums to their five minutes and to the totals; errors of the database pass through."""
    ever: dict[Key, Sum] = {}
    for key, each in sums.items():
        ever.setdefault(key._replace(at=EVER), Sum(last_at=each.last_at)).add(each)
    rows = [
        key._asdict() | {"calls": each.calls, "milliseconds": round(each.seconds * 1000)}
        for key, each in [*sums.items(), *ever.items()]
    ]
    add_each(CallCount, Key._fields, rows)
    out = {key: each for key, each in ever.items() if (key.kind, key.outcome) == (PUBLISH, PUBLISHED)}
    _note_last({key.network: each.last_at for key, each in out.items()})


def _note_last(published: Mapping[str, datetime]) -> None:
    """Store when each of these networks last took a post."""
    if published:
        last_at = Case(*(When(network=network, then=Value(at)) for network, at in published.items()))
        rows = CallCount.objects.filter(at=EVER, kind=PUBLISH, outcome=PUBLISHED, network__in=published)
        rows.update(last_at=last_at)


def old(now: datetime) -> tuple[Old, ...]:
    """Return the sums of five minutes that are older than two days."""
    return (Old(name="calls", rows=CallCount.objects.filter(at__gt=EVER, at__lt=now - KEPT).order_by("pk")),)
