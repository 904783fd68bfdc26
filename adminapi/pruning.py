"""The old rows of all apps."""

from collections.abc import Callable
from datetime import datetime, timedelta

from accounts import calls, connecting
from adminapi import arrivals
from adminapi.jobs.models import Job, JobStatus
from adminapi.sessions import logins
from analytics import pruning as analytics
from ouipost.api import idempotency
from ouipost.db.pruning import Old
from ouipost.events import pruning as events

JOBS_KEPT = timedelta(days=30)


def old(now: datetime) -> tuple[Old, ...]:
    """Return the old rows, in the order of their removal; the journal stays."""
    return tuple(each for kinds in KINDS.values() for each in kinds(now))


def _jobs(now: datetime) -> tuple[Old, ...]:
    """Return the jobs that are over and began long ago."""
    over = Job.objects.filter(created_at__lt=now - JOBS_KEPT).exclude(status=JobStatus.WORKING)
    return (Old(name="jobs", rows=over.order_by("created_at", "pk")),)


KINDS: dict[str, Callable[[datetime], tuple[Old, ...]]] = {
    "numbers": analytics.old,
    "deliveries": events.old,
    "jobs": _jobs,
    "arrivals": arrivals.old,
    "sign-ins": connecting.old,
    "logins": logins.old,
    "answers": idempotency.old,
    "network calls": calls.old,
}
"""The groups of old rows, by their names in the worker, which removes each group by itself."""
