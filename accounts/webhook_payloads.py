"""The payloads of webhook events about accounts: the account's state, and its error."""

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from accounts import registry
from accounts.models import AccountStatus, SocialAccount
from ouipost.events.catalogue import Payload, shown
from ouipost.events.models import Event
from ouipost.masking import masked_text

DETAILS = ("posts", "cancelled")
"""Fields taken from the event's own details: the posts at risk or cancelled, and the number of the latter."""
MOST_POSTS = 50
"""The number of posts that are named."""


class AccountTroubleSerializer(serializers.Serializer[Any]):
    """The reason why an account cannot be used or read, in short."""

    code = serializers.CharField()
    message = serializers.CharField()


class EventAccountSerializer(serializers.Serializer[Any]):
    """The state of an account."""

    id = serializers.CharField()
    workspace_id = serializers.CharField()
    platform = serializers.ChoiceField(choices=registry.IDS)
    status = serializers.ChoiceField(choices=[*AccountStatus.values, "disconnected"])
    connected_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    username = serializers.CharField()
    account_name = serializers.CharField()
    error = AccountTroubleSerializer(allow_null=True)


class AccountEventDataSerializer(serializers.Serializer[Any]):
    """An account; `posts` are up to 50 posts at risk because it ends soon, or of those `cancelled` with it."""

    account = EventAccountSerializer()
    posts = serializers.ListField(child=serializers.CharField(), required=False)
    cancelled = serializers.IntegerField(required=False)


def account_payloads(events: Sequence[Event]) -> dict[str, Payload]:
    """Return the payload with each account's present state, by event id."""
    accounts = SocialAccount.objects.select_related("workspace").in_bulk([event.resource_id for event in events])
    return {event.pk: _payload(event, accounts.get(event.resource_id)) for event in events}


def _payload(event: Event, account: SocialAccount | None) -> Payload:
    details = {name: event.details[name] for name in DETAILS if name in event.details}
    if account is None:
        return Payload(mode=None, data={"account": {"id": event.resource_id}, **details})
    last = account.last_error
    error = {"code": last.get("code"), "message": masked_text(str(last.get("message", "")))[:200]} if last else None
    named = {"username": account.handle, "account_name": account.name}
    status = account.status if account.is_connected else "disconnected"  # the row keeps its earlier status
    row = shown(account, EventAccountSerializer, **named, status=status, error=error)
    return Payload(mode=account.workspace.mode, data={"account": row, **details})
