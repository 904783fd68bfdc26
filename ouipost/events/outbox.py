"""From the journal to webhooks: an event that one of them hears is written down for it in the event's transaction.

So it is neither lost when the process dies right after, nor told of what was rolled back.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import orjson
from django.db.models import Count
from django.utils import timezone

from ouipost.claims import database_now
from ouipost.events.catalogue import EVENTS, Told, tellers
from ouipost.events.models import Delivery, Event, Message, Webhook
from ouipost.rows import Statement, compiled, fetch, insert_each

OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS
HEARING = ("events", "workspace_ids", "is_active", "rests")


def put(events: Sequence[Event]) -> None:
    """Make a message of each event that a webhook hears, and a delivery for each of these that is active.

    A webhook that is not active may want it later: messages stand ready to be replayed. One query where nobody listens.
    """
    spoken = [event for event in events if event.type in EVENTS]
    webhooks = fetch(Webhook, _hearing()) if spoken else []
    hearers = {event: [webhook for webhook in webhooks if webhook.hears(event)] for event in spoken}
    heard = [event for event in spoken if hearers[event]]
    if not heard:
        return
    insert_each(_messages(heard))
    now = database_now()
    insert_each(
        [delivery(webhook, event.pk, now=now) for event in heard for webhook in hearers[event] if webhook.is_active]
    )


@cache
def _hearing() -> Statement:
    """Return the query for all webhooks: everything that happens asks it."""
    return compiled(Webhook.objects.present().only(*HEARING))


def delivery(webhook: Webhook, message: str, *, now: datetime) -> Delivery:
    """Return the delivery of a message, due at once, or set aside where its webhook rests; nothing is written yet."""
    return Delivery(
        webhook=webhook, message_id=message, created_at=timezone.now(), due_at=None if webhook.rests else now
    )


def _messages(events: Sequence[Event]) -> list[Message]:
    sequences = _sequences(events)
    told = _told(events)
    return [message(event, told[event.pk], sequence=sequences[event.pk]) for event in events]


def message(event: Event, told: Told, *, sequence: int) -> Message:
    """Return what is sent of an event: its exact bytes, once for all who hear it; nothing is written yet."""
    body = {
        "type": event.type,
        "timestamp": event.created_at,
        "id": f"evt_{event.pk}",
        "workspace_id": event.workspace_id or None,
        "mode": told.mode,
        "sequence": sequence,
        "data": told.data,
    }
    return Message(
        id=event.pk,
        type=event.type,
        workspace_id=event.workspace_id,
        body=orjson.dumps(body, option=OPTIONS).decode(),
        created_at=event.created_at,
    )


def _sequences(events: Sequence[Event]) -> dict[str, int]:
    """Number the events of each resource: the more that the journal has told of it, the higher.

    Whoever changes a resource holds its lock, so no two events get the same number.
    """
    resources = {event.resource_id for event in events}
    found = Event.objects.filter(resource_id__in=resources, type__in=EVENTS).order_by().values_list("resource_id")
    written = Counter(dict(found.annotate(Count("pk"))))
    numbers: dict[str, int] = {}
    for event in sorted(events, key=lambda each: each.pk, reverse=True):  # they are in the journal already
        numbers[event.pk] = written[event.resource_id]
        written[event.resource_id] -= 1
    return numbers


def _told(events: Sequence[Event]) -> Mapping[str, Told]:
    kinds: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        kinds[event.resource_type].append(event)
    told: dict[str, Any] = {}
    for kind, group in kinds.items():
        told |= tellers[kind](group)
    return told
