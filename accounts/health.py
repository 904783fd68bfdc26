"""How reading an account went: `error` with the reason where it cannot be read, `active` when it can again."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction

from accounts.models import AccountStatus, SocialAccount
from ouipost.events.journal import SYSTEM, entry, record_all


def in_trouble(troubles: Mapping[str, Mapping[str, Any]]) -> None:
    """Mark accounts, by id, that cannot be read, each with the code and message why, and tell of those that are new.

    One whose owner has to sign in again stays `expired`. The call belongs into a transaction.
    """
    rows = SocialAccount.objects.exclude(status=AccountStatus.EXPIRED).select_for_update().filter(pk__in=troubles)
    told = []
    for account in rows.order_by("pk").only("workspace_id", "platform", "name", "status"):
        trouble = dict(troubles[account.pk])
        SocialAccount.objects.filter(pk=account.pk).update(status=AccountStatus.ERROR, last_error=trouble)
        if account.status != AccountStatus.ERROR:
            more = {"platform": account.platform, "account_name": account.name, **trouble}
            told.append(entry("error", account, actor=SYSTEM, **more))
    record_all(told)


@transaction.atomic
def recovered(pks: Collection[str]) -> None:
    """Take accounts that were read again out of `error`, and tell so."""
    rows = SocialAccount.objects.filter(pk__in=pks, status=AccountStatus.ERROR).select_for_update().order_by("pk")
    well = list(rows.only("workspace_id", "platform", "name"))
    if not well:
        return
    SocialAccount.objects.filter(pk__in=[account.pk for account in well]).update(
        status=AccountStatus.ACTIVE, last_error=None
    )
    record_all(
        [entry("recovered", each, actor=SYSTEM, platform=each.platform, account_name=each.name) for each in well]
    )
