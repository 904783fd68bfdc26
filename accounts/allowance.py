"""How much of its allowance an account has used: stored as the time until which that lasts.

Half of an allowance may go at once, the other half is spread over its window, so that no window has more. Without an
allowance everything may go.
"""

import math
from datetime import datetime, timedelta

from accounts.platforms.limits import Allowance
from ouipost.claims import engine_time

MOST_USED = 2
"""At most twice what may go at once can be used up: one call may cost more than may go at once."""


def left(allowance: Allowance | None, paced_at: datetime | None, *, now: datetime) -> float:
    """Return how much may go now, if what went before lasts until `paced_at`."""
    if allowance is None:
        return math.inf
    return max(_burst(allowance) - (_lasts_until(allowance, paced_at, now=now) - now) / interval(allowance), 0)


def at_once(allowance: Allowance | None, count: int) -> int:
    """Return how much must be left before so much may go: at most what may go at once."""
    return min(count, _burst(allowance)) if allowance else count


def after(allowance: Allowance | None, paced_at: datetime | None, *, count: int, now: datetime) -> datetime | None:
    """Return an account's `paced_at` after so much more went; None without an allowance."""
    if allowance is None:
        return None
    lasts_until = _lasts_until(allowance, paced_at, now=now) + count * interval(allowance)
    return min(lasts_until, now + _longest(allowance))


def free_at(allowance: Allowance | None, paced_at: datetime | None, *, count: int, now: datetime) -> datetime:
    """Return when so much may go, now at the earliest."""
    if allowance is None:
        return now
    spare = (_burst(allowance) - at_once(allowance, count)) * interval(allowance)
    return max(now, _lasts_until(allowance, paced_at, now=now) - spare)


def interval(allowance: Allowance) -> timedelta:
    """Return the time between two posts, or requests, of an account that has used up what may go at once."""
    return engine_time(allowance.seconds / max(1, allowance.most - _burst(allowance)))


def _burst(allowance: Allowance) -> int:
    return (allowance.most + 1) // 2


def _lasts_until(allowance: Allowance, paced_at: datetime | None, *, now: datetime) -> datetime:
    """Return the time until which what went lasts, now at the earliest.

    A time further ahead than the most that can be used up was stored before the clock was set back.
    """
    return paced_at if paced_at and now < paced_at <= now + _longest(allowance) else now


def _longest(allowance: Allowance) -> timedelta:
    return MOST_USED * _burst(allowance) * interval(allowance)
