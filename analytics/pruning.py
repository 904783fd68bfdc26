"""Removing what was kept long enough: single readings, and the sums by the hour. The sums by the day stay."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from analytics.models import HourTotal, Snapshot

AT_ONCE = 2000


@dataclass(frozen=True, kw_only=True)
class Old:
    """Rows of a kind that are old, and what they are called."""

    name: str
    rows: "QuerySet[Snapshot] | QuerySet[HourTotal]"


def old(now: datetime) -> tuple[Old, ...]:
    """Return what can go. Hours go first: what a removed post takes out of them is found in its snapshots."""
    before = now - timedelta(days=settings.KEEP_SNAPSHOTS_DAYS)
    return (
        Old(name="hours", rows=HourTotal.objects.filter(hour__lt=before).order_by("hour", "pk")),
        Old(name="snapshots", rows=Snapshot.objects.filter(read_at__lt=before).order_by("read_at", "pk")),
    )


def forget_old(now: datetime) -> int:
    """Remove it all, some at a time, each in its own transaction; returns how many rows went."""
    return sum(removed for each in old(now) for removed in remove(each))


def remove(each: Old) -> Iterator[int]:
    """Remove what is old of one kind, and give how many rows went with each step."""
    model = each.rows.model
    while pks := list(each.rows.values_list("pk", flat=True)[:AT_ONCE]):
        yield model._default_manager.filter(pk__in=pks).delete()[0]
