"""Removing what was kept long enough: single readings, and the sums by the hour. The sums by the day stay."""

from datetime import datetime, timedelta

from django.conf import settings

from analytics.models import HourTotal, Snapshot
from ouipost.pruning import Old


def old(now: datetime) -> tuple[Old, ...]:
    """Return what can go. Hours go first: what a removed post takes out of them is found in its snapshots."""
    before = now - timedelta(days=settings.KEEP_SNAPSHOTS_DAYS)
    return (
        Old(name="hours", rows=HourTotal.objects.filter(hour__lt=before).order_by("hour", "pk")),
        Old(name="snapshots", rows=Snapshot.objects.filter(read_at__lt=before).order_by("read_at", "pk")),
    )
