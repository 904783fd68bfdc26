"""What webhooks are told of accounts: how each stands, and why."""

from collections.abc import Sequence

from accounts.models import SocialAccount
from ouipost.events.catalogue import Told
from ouipost.events.masking import masked_text
from ouipost.events.models import Event

OF_ACCOUNT = ("id", "workspace_id", "platform", "username", "status", "connected_at", "expires_at")
BESIDE = ("posts", "cancelled")
"""Of what the journal tells: the posts at risk, and how many were cancelled."""


def of_accounts(events: Sequence[Event]) -> dict[str, Told]:
    """Tell how each account stands."""
    accounts = SocialAccount.objects.select_related("workspace").in_bulk([event.resource_id for event in events])
    return {event.pk: _of_account(event, accounts.get(event.resource_id)) for event in events}


def _of_account(event: Event, account: SocialAccount | None) -> Told:
    beside = {name: event.details[name] for name in BESIDE if name in event.details}
    if account is None:
        return Told(mode=None, data={"account": {"id": event.resource_id}, **beside})
    told = account.last_error
    error = {"code": told.get("code"), "message": masked_text(str(told.get("message", "")))[:200]} if told else None
    shown = {name: getattr(account, name) for name in OF_ACCOUNT} | {"account_name": account.name, "error": error}
    if not account.is_connected:
        shown["status"] = "disconnected"  # the row keeps the one that it had
    return Told(mode=account.workspace.mode, data={"account": shown, **beside})
