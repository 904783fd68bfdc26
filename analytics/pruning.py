"""Prune single readings and the sums by the hour. The sums by the day stay."""

from datetime import datetime, timedelta

from django.conf import settings

from analytics.models import HourTotal, Snapshot
from ouipost.db.pruning import Old

LONGER = timedelta(hours=2)
"""The most by which clocks go back: such a day of a report by the hour is longer than others."""
FOR_EVER = 36_500
"""The most days to go back: somebody who means "for ever" may set more, and dates end at year 1."""


def old(now: datetime) -> tuple[Old, ...]:
    """Return the old rows. Hours go first: removing a post subtracts its snapshots from them."""
    before = now - timedelta(days=min(settings.KEEP_SNAPSHOTS_DAYS, FOR_EVER)) - LONGER
    return (
        Old(name="hours", rows=HourTotal.objects.filter(hour__lt=before).order_by("hour", "pk")),
        Old(name="snapshots", rows=Snapshot.objects.filter(read_at__lt=before).order_by("read_at", "pk")),
    )
