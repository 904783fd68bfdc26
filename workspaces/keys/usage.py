"""Use of the keys: every request is counted in memory, and flushed into the database with many others.

A batch is dropped from memory only once it is in the database together with its name. So it is written exactly once,
even if its flusher dies or does not learn that its commit succeeded.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import Error, transaction
from django.db.models import CharField, DateField, F, Q, QuerySet, Sum, Value

from ouipost.claims import database_now
from ouipost.db.rows import add_each
from ouipost.flushing import Flusher
from ouipost.redis import RedisAway
from workspaces.keys.counting import Batch, InProcess, InRedis, Source
from workspaces.models import ApiKey, KeyUsage, UsageBatch

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 10
NAMES_KEPT = timedelta(days=7)
ROWS = 500

IN_PROCESS = InProcess()
os.register_at_fork(after_in_child=IN_PROCESS.start_anew)
IN_REDIS = InRedis()
SOURCES: tuple[Source, ...] = (IN_PROCESS, IN_REDIS)


def requests_by_day(first: date, last: date, *, key_ids: Iterable[str] | None = None) -> dict[date, int]:
    """Return how many requests were made on each of these days, in UTC, with all keys or with some."""
    wanted = None if key_ids is None else set(key_ids)
    rows = KeyUsage.objects.filter(day__range=(first, last)).order_by()
    rows = rows if wanted is None else rows.filter(key__in=wanted)
    days = Counter({first + timedelta(days=number): 0 for number in range((last - first).days + 1)})
    of_days = rows.values(of=Value("", output_field=CharField())).annotate(on=F("day"), total=Sum("requests"))
    no_day = Value(None, output_field=DateField())
    written, unwritten = _read(of_days.values_list("of", "on", "total"), no_day, Value(0))
    days.update({day: int(requests) for _, day, requests in written})
    for batch in unwritten:
        for (key_id, day), requests in batch.requests.items():
            if first <= day <= last and (wanted is None or key_id in wanted):
                days[day] += requests
    return dict(days)


@dataclass(frozen=True, kw_only=True)
class Use:
    """Number of uses of a key on the last day of a period, and on all its days."""

    today: int
    in_all: int
    unwritten_at: datetime | None
    """Time of the key's last use, if that is not written yet."""


def used_since(first: date, today: date, *, key_ids: Iterable[str]) -> dict[str, Use]:
    """Return the use of each of these keys from the first day to today, in UTC, including unwritten uses."""
    wanted = set(key_ids)
    days, totals = Counter[str](), Counter[str]()
    last: dict[str, datetime] = {}
    rows = KeyUsage.objects.filter(key__in=wanted, day__range=(first, today)).order_by().values_list("key")
    of_today = Sum("requests", filter=Q(day=today), default=0)
    written, unwritten = _read(rows.annotate(in_all=Sum("requests"), by_day=of_today), Value(0), Value(0))
    for key, in_all, by_day in written:
        days[key] += int(by_day)
        totals[key] += int(in_all)
    for batch in unwritten:
        last |= {key: max(at, last.get(key, at)) for key, at in batch.last_used.items()}
        for (key, day), requests in batch.requests.items():
            if first <= day <= today:
                days[key] += requests if day == today else 0
                totals[key] += requests
    return {key: Use(today=days[key], in_all=totals[key], unwritten_at=last.get(key)) for key in wanted}


def _read(rows: "QuerySet[Any, Any]", *nothing: Value) -> tuple[list[tuple[Any, ...]], list[Batch]]:
    """Return these rows, and the batches that are not written yet, whose counts are in none of the rows.

    One statement reads the rows and the names of written batches, these with `nothing` in the other columns, because a
    batch may be written at any moment. A pending batch may already be written but not dropped, or was still filling.
    """
    pending: list[Batch] = []
    for source in SOURCES:
        with suppress(RedisAway):
            pending += source.pending()
    names = {batch.name for batch in pending}
    found = list(rows.union(UsageBatch.objects.filter(pk__in=names).values_list("pk", *nothing), all=True))
    written = {name for name, *_ in found if name in names}
    return [row for row in found if row[0] not in written], [each for each in pending if each.name not in written]


def flush_shared() -> int:
    """Write the counts kept in Redis, if it is used; returns the number of requests."""
    with suppress(RedisAway):
        return flush(IN_REDIS)
    return 0


def flush(source: Source) -> int:
    """Write one batch from this source, and return the number of requests in it."""
    batch = source.take()
    if batch is None:
        return 0
    write(batch, now=database_now())
    source.drop(batch.name)
    return batch.requests.total()


@transaction.atomic
def write(batch: Batch, *, now: datetime) -> None:
    """Add these counts to the days of their keys, unless they were added before; deleted keys are skipped."""
    _, is_new = UsageBatch.objects.get_or_create(pk=batch.name, defaults={"written_at": now})
    if not is_new:
        return
    UsageBatch.objects.filter(written_at__lt=now - NAMES_KEPT).delete()
    keys = ApiKey.objects.select_for_update().filter(pk__in=batch.last_used).order_by("pk").in_bulk()
    rows = [
        {"key_id": key, "day": day, "requests": requests}
        for (key, day), requests in batch.requests.items()
        if key in keys
    ]
    add_each(KeyUsage, ("key_id", "day"), rows)
    _note_last_use(batch, keys)


def _note_last_use(batch: Batch, keys: dict[str, ApiKey]) -> None:
    later = [key for key in keys.values() if key.last_used_at is None or key.last_used_at < batch.last_used[key.pk]]
    for key in later:
        key.last_used_at = batch.last_used[key.pk]
    ApiKey.objects.bulk_update(later, ["last_used_at"], batch_size=ROWS)


def write_counted() -> None:
    """Write the counts of this process; counts that cannot be written are kept for the next time."""
    try:
        while flush(IN_PROCESS):
            pass
    except Error:
        logger.warning("The use of keys could not be written; it is kept", exc_info=True)


FLUSHER = Flusher(write_counted, seconds=FLUSH_SECONDS)


def count_here(key_id: str, *, now: datetime) -> None:
    """Count a request that could not be counted in Redis."""
    IN_PROCESS.count(key_id, now=now)
    FLUSHER.flush_soon()
