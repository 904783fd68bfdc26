"""The pace of an account: how fast it may post, and when its next post may go out."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings

from accounts.models import SocialAccount
from accounts.platforms.base import Pace
from ouipost.claims import engine_time


class Pacing(NamedTuple):
    """What an account's next post depends on."""

    platform: str
    held_until: datetime | None
    paced_at: datetime | None


def wait(account: Pacing | SocialAccount, *, sends: bool, now: datetime) -> datetime | None:
    """Return when the account may send again, or, where nothing new is sent, may be asked again; None: now."""
    if account.held_until is not None and account.held_until > now:
        return account.held_until
    pace = pace_of(account.platform)
    if not sends or pace is None:
        return None
    free = _next_place(pace, account.paced_at, now=now)
    return free if free > now else None


def has_one_place(account: Pacing, *, now: datetime) -> bool:
    """Whether an account that may send has to wait after that: it is the turn of whoever waits for it longest."""
    pace = pace_of(account.platform)
    return pace is not None and _next_place(pace, account.paced_at, now=now) + interval(pace) > now


def _next_place(pace: Pace, paced_at: datetime | None, *, now: datetime) -> datetime:
    return _paced_at(pace, paced_at, now=now) - (_burst(pace) - 1) * interval(pace)


def spent(platform: str, paced_at: datetime | None, *, now: datetime) -> datetime | None:
    """Return an account's `paced_at` after one more post; None where its network has no pace."""
    pace = pace_of(platform)
    return _paced_at(pace, paced_at, now=now) + interval(pace) if pace else None


def _paced_at(pace: Pace, paced_at: datetime | None, *, now: datetime) -> datetime:
    """Return until when the posts of an account use up its pace, now at the earliest.

    No more than a burst can have been used up: what lies further ahead is from before the clock was set back.
    """
    return paced_at if paced_at and now < paced_at <= now + _burst(pace) * interval(pace) else now


def interval(pace: Pace) -> timedelta:
    """Return the time between two posts of an account whose burst is used up.

    Half of what a window allows may go at once, the other half is spread over it: no window ever has more.
    """
    return engine_time(pace.seconds / max(1, pace.posts - _burst(pace)))


def _burst(pace: Pace) -> int:
    return (pace.posts + 1) // 2


def pace_of(platform_id: str) -> Pace | None:
    """Return how fast an account of this network may post; None: as fast as it takes them."""
    return settings.NETWORK_PACE.get(platform_id)
