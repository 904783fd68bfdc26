"""What an account has used of its allowance, kept as the moment until which that lasts.

Half of an allowance may go at once, the other half is spread over its window: no window ever has more. Without one
everything may go.
"""

import math
from datetime import datetime, timedelta

from accounts.platforms.base import Allowance
from ouipost.claims import engine_time

MOST_USED = 2
"""How many times what may go at once can be used up: one call may cost more than that."""


def left(allowance: Allowance | None, paced_at: datetime | None, *, now: datetime) -> float:
    """Return how much of it may go now, if what went already lasts until `paced_at`."""
    if allowance is None:
        return math.inf
    return max(_burst(allowance) - (_lasts_until(allowance, paced_at, now=now) - now) / interval(allowance), 0)


def at_once(allowance: Allowance | None, count: int) -> int:
    """Return how much must be left for what takes so much, at most what may go at once."""
    return min(count, _burst(allowance)) if allowance else count


def after(allowance: Allowance | None, paced_at: datetime | None, *, count: int, now: datetime) -> datetime | None:
    """Return until when it lasts after so much more; None without an allowance."""
    if allowance is None:
        return None
    lasts_until = _lasts_until(allowance, paced_at, now=now) + count * interval(allowance)
    return min(lasts_until, now + _longest(allowance))


def free_at(allowance: Allowance | None, paced_at: datetime | None, *, count: int, now: datetime) -> datetime:
    """Return when so much may go."""
    if allowance is None:
        return now
    spare = (_burst(allowance) - at_once(allowance, count)) * interval(allowance)
    return max(now, _lasts_until(allowance, paced_at, now=now) - spare)


def interval(allowance: Allowance) -> timedelta:
    """Return how long one lasts, once all that may go at once is used up."""
    return engine_time(allowance.seconds / max(1, allowance.most - _burst(allowance)))


def _burst(allowance: Allowance) -> int:
    return (allowance.most + 1) // 2


def _lasts_until(allowance: Allowance, paced_at: datetime | None, *, now: datetime) -> datetime:
    """Return until when it lasts, now at the earliest: more than can be used up is from before the clock was set
    back."""
    return paced_at if paced_at and now < paced_at <= now + _longest(allowance) else now


def _longest(allowance: Allowance) -> timedelta:
    return MOST_USED * _burst(allowance) * interval(allowance)
