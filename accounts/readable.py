"""Mark accounts that cannot be read as `error`, with the reason, and as `active` once they can be read again; clear
errors that have passed."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction

from accounts.models import AccountStatus, SocialAccount
from ouipost.db.rows import update_each
from ouipost.events.journal import SYSTEM, entry, record_all
from ouipost.events.models import Event


def mark_unreadable(troubles: Mapping[str, Mapping[str, Any]]) -> None:
    """Mark unreadable accounts, given by id with code and message, and record those that were readable before.

    An account whose owner has to sign in again stays `expired`, and one that was disconnected meanwhile is skipped.
    Call it in a transaction.
    """
    connected = SocialAccount.objects.connected().exclude(status=AccountStatus.EXPIRED)
    rows = connected.select_for_update().filter(pk__in=troubles).order_by("pk")
    found = list(rows.only("workspace_id", "platform", "name", "status"))
    update_each(
        SocialAccount,
        {each.pk: {"status": AccountStatus.ERROR, "last_error": dict(troubles[each.pk])} for each in found},
    )
    new = [each for each in found if each.status != AccountStatus.ERROR]
    record_all([_event("error", each, **troubles[each.pk]) for each in new])


@transaction.atomic
def mark_readable(pks: Collection[str]) -> None:
    """Set accounts that were read again from `error` to `active`, and record it; disconnected ones are skipped.

    An error that has passed is cleared.
    """
    clear_passed(pks)
    rows = SocialAccount.objects.connected().filter(pk__in=pks, status=AccountStatus.ERROR)
    rows = rows.select_for_update().order_by("pk")
    well = list(rows.only("workspace_id", "platform", "name"))
    if not well:
        return
    SocialAccount.objects.filter(pk__in=[account.pk for account in well]).update(
        status=AccountStatus.ACTIVE, last_error=None
    )
    record_all([_event("recovered", each) for each in well])


def clear_passed(pks: Collection[str]) -> None:
    """Clear the errors of active accounts that have just worked, as `POST /accounts/{id}/refresh` may have left them.

    An error in renewing tokens stays until they are renewed: such an account keeps its lease.
    """
    active = SocialAccount.objects.connected().filter(status=AccountStatus.ACTIVE, lease_until=None)
    rows = active.filter(last_error__isnull=False)
    if passed := list(rows.filter(pk__in=pks).values_list("pk", flat=True)):  # so that usually nothing is locked
        rows.filter(pk__in=passed).update(last_error=None)


def _event(action: str, account: SocialAccount, **more: Any) -> Event:
    return entry(action, account, actor=SYSTEM, platform=account.platform, account_name=account.name, **more)
