"""Plan the readings of a post: often while it is young, and none after ninety days."""

from datetime import datetime, timedelta

from django.conf import settings

from accounts.platforms.limits import Allowance
from ouipost.claims import engine_time

YOUNG, RECENT, READ_FOR = timedelta(days=1), timedelta(days=7), timedelta(days=90)
QUARTER, HOURLY, DAILY = (engine_time(seconds) for seconds in (900, 3600, 86_400))
"""15 minutes on the first day, an hour in the first week, then a day."""
AGAIN_AFTER, AGAIN_AT_MOST = engine_time(60), engine_time(6 * 3600)


def first_reading(published_at: datetime) -> datetime:
    """Return when a post is read for the first time."""
    return published_at + QUARTER


def next_reading(published_at: datetime, *, now: datetime) -> datetime | None:
    """Return when a post that is read now is read again, or None if never."""
    age = now - published_at
    if age >= READ_FOR:
        return None
    return now + (QUARTER if age < YOUNG else HOURLY if age < RECENT else DAILY)


def after_failures(failures: int, *, now: datetime) -> datetime:
    """Return when an account is tried again after so many failures in a row: a minute, then twice as long each time,
    six hours at most."""
    doublings: int = 2 ** min(failures - 1, 20)
    return now + min(AGAIN_AFTER * doublings, AGAIN_AT_MOST)


def budget_of(platform_id: str) -> Allowance | None:
    """Return how many requests the numbers of an account of this network may cost; None: as many as there are."""
    return settings.NETWORK_READ_BUDGET.get(platform_id)
