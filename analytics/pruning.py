"""Removing what was kept long enough: single readings, and the sums by the hour. The sums by the day stay."""

from datetime import datetime, timedelta

from django.conf import settings

from analytics.models import HourTotal, Snapshot
from ouipost.db.pruning import Old

LONGER = timedelta(hours=2)
"""By so much the clocks go back at most: then the days of a report by the hour take longer than others."""
FOR_EVER = 36_500
"""In days: what somebody writes who means for ever may reach back to before the first year, and dates do not."""


def old(now: datetime) -> tuple[Old, ...]:
    """Return what can go. Hours go first: what a removed post takes out of them is found in its snapshots."""
    before = now - timedelta(days=min(settings.KEEP_SNAPSHOTS_DAYS, FOR_EVER)) - LONGER
    return (
        Old(name="hours", rows=HourTotal.objects.filter(hour__lt=before).order_by("hour", "pk")),
        Old(name="snapshots", rows=Snapshot.objects.filter(read_at__lt=before).order_by("read_at", "pk")),
    )
