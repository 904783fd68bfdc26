"""The payloads of webhook events about accounts: the account's state, and its error."""

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from accounts import registry
from accounts.models import AccountStatus, SocialAccount
from ouipost.events.catalogue import Payload, shown
from ouipost.events.masking import masked_text
from ouipost.events.models import Event

DETAILS = ("posts", "cancelled")
"""Taken from the event's own details: the posts at risk, or cancelled, and how many the latter are."""
MOST_POSTS = 50
"""So many posts are named."""


class AccountTroubleSerializer(serializers.Serializer[Any]):
    """Why an account cannot be used or read, in short."""

    code = serializers.CharField()
    message = serializers.CharField()


class EventAccountSerializer(serializers.Serializer[Any]):
    """How an account stood."""

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
    """An account; `posts` are up to 50 of those at risk where it ends soon, or of the `cancelled` ones that it took."""

    account = EventAccountSerializer()
    posts = serializers.ListField(child=serializers.CharField(), required=False)
    cancelled = serializers.IntegerField(required=False)


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
    named = {"username": account.handle, "account_name": account.name}
    status = account.status if account.is_connected else "disconnected"  # the row keeps the status from before
    told = shown(account, EventAccountSerializer, **named, status=status, error=error)
    return Payload(mode=account.workspace.mode, data={"account": told, **details})
