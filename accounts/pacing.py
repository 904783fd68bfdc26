"""The pace of an account: how fast it may post, and when its next post may go out."""

from datetime import datetime
from typing import NamedTuple

from django.conf import settings

from accounts import allowance
from accounts.models import SocialAccount
from accounts.platforms.limits import Allowance


class Pacing(NamedTuple):
    """The columns that decide when an account's next post may go out."""

    platform: str
    held_until: datetime | None
    paced_at: datetime | None


def wait(account: Pacing | SocialAccount, *, sends: bool, now: datetime) -> datetime | None:
    """Return when the account may send again, or with `sends` false when it may be called again; None: now."""
    if account.held_until is not None and account.held_until > now:
        return account.held_until
    return free_at(account, now=now) if sends else None


def free_at(account: Pacing | SocialAccount, *, now: datetime) -> datetime | None:
    """Return when an account's pace lets it send again; None: now."""
    free = allowance.free_at(pace_of(account.platform), account.paced_at, count=1, now=now)
    return free if free > now else None


def has_one_place(account: Pacing, *, now: datetime) -> bool:
    """Whether an account may send only one post before it has to wait: that place goes to the post waiting longest."""
    paced_at = spent(account.platform, account.paced_at, now=now)
    return allowance.free_at(pace_of(account.platform), paced_at, count=1, now=now) > now


def spent(platform: str, paced_at: datetime | None, *, now: datetime) -> datetime | None:
    """Return an account's `paced_at` after one more post; None if its network has no pace."""
    return allowance.after(pace_of(platform), paced_at, count=1, now=now)


def pace_of(platform_id: str) -> Allowance | None:
    """Return how many posts an account of this network may send; None: without a limit of ours."""
    return settings.NETWORK_PACE.get(platform_id)
