"""The pace of an account: how fast it may post, and when its next post may go out."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings

from accounts.models import SocialAccount
from accounts.platforms.base import Pace
from ouipost.claims import engine_time


class Pacing(NamedTuple):
    """The columns that decide when an account's next post may go out."""

    platform: str
    held_until: datetime | None
    paced_at: datetime | None


def wait(account: Pacing | SocialAccount, *, sends: bool, now: datetime) -> datetime | None:
    """Return when the account may send again, or with `sends` false when it may be called again; None: now."""
    if account.held_until is not None and account.held_until > now:
        return account.held_until
    pace = pace_of(account.platform)
    if not sends or pace is None:
        return None
    free = _next_place(pace, account.paced_at, now=now)
    return free if free > now else None


def has_one_place(account: Pacing, *, now: datetime) -> bool:
    """Whether an account may send only one post before it has to wait: that place goes to the post waiting longest."""
    pace = pace_of(account.platform)
    return pace is not None and _next_place(pace, account.paced_at, now=now) + interval(pace) > now


def _next_place(pace: Pace, paced_at: datetime | None, *, now: datetime) -> datetime:
    return _paced_at(pace, paced_at, now=now) - (_burst(pace) - 1) * interval(pace)


def spent(platform: str, paced_at: datetime | None, *, now: datetime) -> datetime | None:
    """Return an account's `paced_at` after one more post; None if its network has no pace."""
    pace = pace_of(platform)
    return _paced_at(pace, paced_at, now=now) + interval(pace) if pace else None


def _paced_at(pace: Pace, paced_at: datetime | None, *, now: datetime) -> datetime:
    """Return the time until which the sent posts of an account use up its pace, now at the earliest.

    At most a burst can be used up: a time further ahead was stored before the clock was set back.
    """
    return paced_at if paced_at and now < paced_at <= now + _burst(pace) * interval(pace) else now


def interval(pace: Pace) -> timedelta:
    """Return the time between two posts of an account whose burst is used up.

    Half of a window's posts may go at once, the other half is spread over the window, so that no window has more.
    """
    return engine_time(pace.seconds / max(1, pace.posts - _burst(pace)))


def _burst(pace: Pace) -> int:
    return (pace.posts + 1) // 2


def pace_of(platform_id: str) -> Pace | None:
    """Return how fast an account of this network may post; None: without a limit of ours."""
    return settings.NETWORK_PACE.get(platform_id)
