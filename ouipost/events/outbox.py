"""The outbox: messages and deliveries for webhooks, written in the transaction of their event.

So none is lost if the process dies right after the commit, and none is sent for a change that was rolled back.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import orjson
from django.db.models import Count, QuerySet
from django.utils import timezone

from ouipost.claims import database_now
from ouipost.db.prepared import fetch
from ouipost.db.rows import insert_each
from ouipost.events.catalogue import TOLD_AS, Payload, payload_builders
from ouipost.events.models import Delivery, Event, Message, Replay, Webhook

OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS
SUBSCRIPTION = ("events", "workspace_ids", "is_active", "rests")


def put(events: Sequence[Event]) -> None:
    """Store a message for each event with a subscriber, and a delivery for each subscriber that is active.

    An inactive webhook can have the message replayed later. Without a subscriber this takes one query.
    """
    public = [event for event in events if event.type in TOLD_AS]
    webhooks = fetch(_subscriptions) if public else []
    subscribers = {
        event: [webhook for webhook in webhooks if webhook.hears(TOLD_AS[event.type], event.workspace_id)]
        for event in public
    }
    wanted = [event for event in public if subscribers[event]]
    if not wanted:
        return
    insert_each(_messages(wanted))
    now = database_now()
    insert_each(
        [delivery(each, event.pk, now=now) for event in wanted for each in subscribers[event] if each.is_active]
    )


def _subscriptions() -> QuerySet[Webhook]:
    return Webhook.objects.present().only(*SUBSCRIPTION)


def delivery(webhook: Webhook, message: str, *, now: datetime, replay: Replay | None = None) -> Delivery:
    """Return the delivery of a message, unsaved: due at once, or without a due time while its webhook rests."""
    due_at = None if webhook.rests else now
    return Delivery(webhook=webhook, message_id=message, created_at=timezone.now(), due_at=due_at, replay=replay)


def _messages(events: Sequence[Event]) -> list[Message]:
    sequences = _sequences(events)
    payloads = _payloads(events)
    return [message(event, payloads[event.pk], sequence=sequences[event.pk]) for event in events]


def message(event: Event, payload: Payload, *, sequence: int) -> Message:
    """Return the message of an event, unsaved; every subscriber gets the same bytes."""
    told_as = TOLD_AS.get(event.type, event.type)
    body = {
        "type": told_as,
        "timestamp": event.created_at,
        "id": f"evt_{event.pk}",
        "workspace_id": event.workspace_id or None,
        "mode": payload.mode,
        "sequence": sequence,
        "data": payload.data,
    }
    return Message(
        id=event.pk,
        type=told_as,
        workspace_id=event.workspace_id,
        body=orjson.dumps(body, option=OPTIONS).decode(),
        created_at=event.created_at,
    )


def _sequences(events: Sequence[Event]) -> dict[str, int]:
    """Return the sequence number of each event: its position among all public events of its resource, from 1.

    A change locks its resource, so no two events get the same number.
    """
    resources = {event.resource_id for event in events}
    found = Event.objects.filter(resource_id__in=resources, type__in=TOLD_AS).order_by().values_list("resource_id")
    written = Counter(dict(found.annotate(Count("pk"))))
    numbers: dict[str, int] = {}
    for event in sorted(events, key=lambda each: each.pk, reverse=True):  # they are in the journal already
        numbers[event.pk] = written[event.resource_id]
        written[event.resource_id] -= 1
    return numbers


def _payloads(events: Sequence[Event]) -> Mapping[str, Payload]:
    by_type: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_type[event.resource_type].append(event)
    payloads: dict[str, Payload] = {}
    for resource_type, group in by_type.items():
        payloads |= payload_builders[resource_type](group)
    return payloads
