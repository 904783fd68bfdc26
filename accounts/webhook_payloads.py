"""The payloads of webhook events about accounts: the account's state, and its error."""

from collections.abc import Sequence

from accounts.models import SocialAccount
from ouipost.events.catalogue import Payload
from ouipost.events.masking import masked_text
from ouipost.events.models import Event

ACCOUNT_FIELDS = ("id", "workspace_id", "platform", "status", "connected_at", "expires_at")
DETAILS = ("posts", "cancelled")
"""Taken from the event's own details: the posts at risk, or cancelled, and how many the latter are."""
MOST_POSTS = 50
"""So many posts are named."""


def account_payloads(events: Sequence[Event]) -> dict[str, Payload]:
    """Return by event id how each account stands now."""
    accounts = SocialAccount.objects.select_related("workspace").in_bulk([event.resource_id for event in events])
    return {event.pk: _payload(event, accounts.get(event.resource_id)) for event in events}


def _payload(event: Event, account: SocialAccount | None) -> Payload:
    details = {name: event.details[name] for name in DETAILS if name in event.details}
    if account is None:
        return Payload(mode=None, data={"account": {"id": event.resource_id}, **details})
    last = account.last_error
    error = {"code": last.get("code"), "message": masked_text(str(last.get("message", "")))[:200]} if last else None
    shown = {name: getattr(account, name) for name in ACCOUNT_FIELDS}
    shown |= {"username": account.handle, "account_name": account.name, "error": error}
    if not account.is_connected:
        shown["status"] = "disconnected"  # the row keeps the status from before
    return Payload(mode=account.workspace.mode, data={"account": shown, **details})
