"""The events that webhooks can subscribe to, and the functions that build their payloads.

An app registers its functions in `payload_builders`, from `AppConfig.ready`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db.models import Model
from django.utils.translation import gettext_noop as _
from rest_framework.serializers import Serializer

from ouipost.events.models import Event

EVENTS = {
    "post.created": _("A post was created."),
    "post.updated": _("A post was changed."),
    "post.deleted": _("A post was deleted here; what is published stays at the networks."),
    "post.scheduled": _("A post was scheduled."),
    "post.published": _("A post is published on all of its networks."),
    "post.partially_published": _("A post is published on some of its networks and failed on others."),
    "post.failed": _("A post is published nowhere and is not retried automatically."),
    "post.needs_review": _("It could not be found out whether a post is published: a person must look."),
    "post.missed": _("A post was due while nothing could run, and is too late now."),
    "account.connected": _("An account was connected, or connected again."),
    "account.disconnected": _("An account was disconnected."),
    "account.expiring": _("An account's connection ends within 7 days unless its owner signs in again."),
    "account.expired": _("An account's connection has ended: its owner must sign in again."),
    "account.error": _("An account cannot be read at present."),
    "media.failed": _("A network could not use the files of a post."),
}
"""The types of events that a webhook may subscribe to, with a description of each."""

TOLD_AS = {name: name for name in EVENTS} | {"post.unscheduled": "post.updated"}
"""The types of journal entries that webhooks receive, and the event type that each is sent as."""


@dataclass(frozen=True, kw_only=True)
class Payload:
    """The content of a webhook's message about an event."""

    mode: str | None
    """live or sandbox; None if the event belongs to no workspace."""
    data: Mapping[str, Any]


def shown(row: Model, serializer: type[Serializer[Any]], **values: Any) -> dict[str, Any]:
    """Return the fields of a serializer in its order: these values, and the row's own for the other fields."""
    return {name: values[name] if name in values else getattr(row, name) for name in _names(serializer)}


@cache
def _names(serializer: type[Serializer[Any]]) -> tuple[str, ...]:
    return tuple(serializer().fields)


PayloadBuilder = Callable[[Sequence[Event]], Mapping[str, Payload]]
"""Returns the payloads of these events by event id, from the state at the end of the transaction that changed it.

Called in that transaction, with events of one resource type; the number of queries must not grow with the events.
"""

payload_builders: dict[str, PayloadBuilder] = {}
"""Builders by the resource type of the event."""
