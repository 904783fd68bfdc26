"""Limit the requests for reading an account: half of its network's budget at once, the other half spread over time."""

import math
from datetime import datetime, timedelta

from django.conf import settings

from accounts.platforms.base import Budget
from ouipost.claims import engine_time


def requests_left(platform: str, paced_at: datetime | None, *, now: datetime) -> float:
    """Return how many requests an account may cost now, if those already made last until `paced_at`."""
    budget = _budget(platform)
    if budget is None:
        return math.inf
    used = (paced_at - now) / _interval(budget) if paced_at and paced_at > now else 0
    return max(_burst(budget) - used, 0)


def spent(platform: str, paced_at: datetime | None, *, requests: int, now: datetime) -> datetime | None:
    """Return the new `paced_at` of an account after so many more requests; None if its network has no budget."""
    budget = _budget(platform)
    return max(paced_at or now, now) + requests * _interval(budget) if budget else None


def free_at(platform: str, paced_at: datetime | None, *, requests: int, now: datetime) -> datetime:
    """Return when the account may cost so many requests again."""
    budget = _budget(platform)
    if budget is None or paced_at is None:
        return now
    return max(now, paced_at - (_burst(budget) - least(platform, requests)) * _interval(budget))


def least(platform: str, requests: int) -> int:
    """Return how many requests must be left for a call that takes so many, at most those allowed at once."""
    budget = _budget(platform)
    return min(requests, _burst(budget)) if budget else requests


def _budget(platform: str) -> Budget | None:
    return settings.NETWORK_READ_BUDGET.get(platform)


def _burst(budget: Budget) -> int:
    return (budget.requests + 1) // 2


def _interval(budget: Budget) -> timedelta:
    """Return the time between requests once the burst is used up; so no window ever has more than the budget."""
    return engine_time(budget.seconds / max(1, budget.requests - _burst(budget)))
