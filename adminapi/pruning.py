"""Everything that was kept long enough, whatever app it is of."""

from datetime import datetime, timedelta

from adminapi import arrivals
from adminapi.jobs.models import Job, JobStatus
from analytics import pruning as analytics
from ouipost.events import pruning as events
from ouipost.pruning import Old, remove_all

JOBS_KEPT = timedelta(days=30)


def old(now: datetime) -> tuple[Old, ...]:
    """Return what can go, in the order in which it goes."""
    return (*analytics.old(now), *events.old(now), *old_of_the_console(now))


def old_of_the_console(now: datetime) -> tuple[Old, ...]:
    """Return the jobs that are over and began long ago, and files that did not arrive; the journal stays."""
    over = Job.objects.filter(created_at__lt=now - JOBS_KEPT).exclude(status=JobStatus.WORKING)
    return (Old(name="jobs", rows=over.order_by("created_at", "pk")), arrivals.old(now))


def forget_old(now: datetime) -> int:
    """Remove what is old of the console's own; returns how many rows went."""
    return remove_all(old_of_the_console(now))
