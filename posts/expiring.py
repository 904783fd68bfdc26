"""Announcing accounts whose sign-in ends soon, while there is time to sign in again, and those where it has ended."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from accounts import tokens
from accounts.models import AccountStatus, SocialAccount, SocialAccountQuerySet
from accounts.platforms.errors import AuthExpired
from accounts.webhook_payloads import MOST_POSTS
from ouipost.events.journal import SYSTEM, record
from ouipost.isolating import for_each
from posts.models import Target, TargetStatus
from workspaces.models import Workspace

SOON = timedelta(days=7)
"""From this long before its end, an account is announced, shown and counted as ending."""


def notify(now: datetime, *, is_ending: Callable[[], bool] = lambda: False) -> int:
    """Announce each account that ends within 7 days, once for each end, with the posts at risk.

    Expires the accounts that have ended, and returns the number of both; once `is_ending`, the rest is left.
    """
    untold, ended = (rows.order_by("pk").values_list("pk", flat=True) for rows in (_untold(now), _ended(now)))
    found = for_each(untold, lambda pk: _notify(pk, now=now), is_ending=is_ending)
    return found + for_each(ended, lambda pk: _expire(pk, now=now), is_ending=is_ending)


def ending(now: datetime) -> SocialAccountQuerySet:
    """Match the accounts that end within 7 days."""
    return _in_use().filter(expires_at__gt=now, expires_at__lte=now + SOON)


def _ended(now: datetime) -> SocialAccountQuerySet:
    """Match the accounts that have ended without a refresh token; with one, only the network knows."""
    return _in_use().filter(expires_at__lte=now, refresh_token="")


def _in_use() -> SocialAccountQuerySet:
    """Leave out expired accounts and those of workspaces that are being removed."""
    rows = SocialAccount.objects.connected().exclude(status=AccountStatus.EXPIRED)
    return rows.exclude(workspace__in=Workspace.objects.exclude(deleted_at=None))  # a join would lock the workspace too


def _untold(now: datetime) -> SocialAccountQuerySet:
    return ending(now).exclude(end_told=F("expires_at"))


@transaction.atomic
def _notify(pk: str, *, now: datetime) -> bool:
    account = _untold(now).select_for_update().filter(pk=pk).first()
    if account is None:
        return False  # another worker was first, or it was connected again
    account.end_told = account.expires_at
    account.save(update_fields=["end_told"])
    risky = Target.objects.filter(account=account, status=TargetStatus.SCHEDULED, due_at__gte=account.expires_at)
    posts = list(risky.order_by("due_at").values_list("post_id", flat=True)[:MOST_POSTS])
    details = {"platform": account.platform, "account_name": account.name}
    record("expiring", account, actor=SYSTEM, expires_at=account.expires_at, posts=posts, **details)
    return True


@transaction.atomic
def _expire(pk: str, *, now: datetime) -> bool:
    account = _ended(now).select_for_update().filter(pk=pk).first()
    if account is None:
        return False  # another worker was first, or it was connected again
    tokens.expire(account, AuthExpired(tokens.TOKEN_EXPIRED))
    return True
