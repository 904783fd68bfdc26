"""Webhook services; each function is one transaction and writes one journal entry."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.shortcuts import get_object_or_404

from ouipost.claims import database_now
from ouipost.db.rows import assign, remember
from ouipost.errors import DomainError, InvalidInput, SecretReplaced
from ouipost.events import backoff, figures, outbox, signing
from ouipost.events.catalogue import Payload
from ouipost.events.journal import Actor, changes, record
from ouipost.events.models import TEST, Delivery, DeliveryStatus, Event, Replay, Webhook
from ouipost.events.settling import COUNTED, count, discard, discard_unheard
from ouipost.phrases import Phrase

GRACE = timedelta(hours=24)
SUBSCRIPTION = {"events", "workspace_ids"}
AFRESH: dict[str, Any] = {"status": DeliveryStatus.PENDING, "tries": 0, "finished_at": None}
"""The columns of a delivery that will be tried as if it were new."""


class WebhookDisabled(DomainError):
    message = Phrase("The webhook is not active: make it active first.")


class NotAskedFor(DomainError):
    message = Phrase("The webhook does not ask for this event any more: subscribe it first.")


class UnderWay(DomainError):
    message = Phrase("This delivery is under way, or waits for its next attempt.")


def lock(webhook: Webhook) -> Webhook:
    """Return the webhook's row, locked; raises Http404 if it was deleted."""
    return get_object_or_404(Webhook.objects.present().select_for_update(), pk=webhook.pk)


@transaction.atomic
def create_webhook(*, values: Mapping[str, Any], secret: str, actor: Actor) -> tuple[Webhook, str]:
    """Create a webhook and return it with its secret, given or new, in the form `whsec_` + base64."""
    shown = _secret(secret)
    webhook = Webhook(**values)
    webhook.seal(shown)
    webhook.save(force_insert=True)
    details = {"url": webhook.url, "events": webhook.events, "workspace_ids": webhook.workspace_ids}
    record("created", webhook, actor=actor, **details)
    return webhook, shown


def _secret(given: str) -> str:
    try:
        return signing.normal_secret(given) if given else signing.new_secret()
    except signing.BadSecret as error:
        raise InvalidInput(secret=[str(error)]) from error


@transaction.atomic
def update_webhook(webhook: Webhook, *, values: Mapping[str, Any], actor: Actor) -> Webhook:
    """Change the given fields; a webhook that is made active again gets new events only.

    Making it active, or changing its address, resets its failures; a new address also makes all waiting deliveries due.
    Waiting deliveries that it no longer subscribes to are discarded.
    """
    locked = lock(webhook)
    before = assign(locked, values)
    changed = changes(before, locked)
    if "is_active" in changed["after"]:
        locked.disabled_reason = "" if locked.is_active else Phrase("It was switched off.")
    if {"is_active", "url"} & changed["after"].keys():
        backoff.note_success(locked)
    if "url" in changed["after"]:
        backoff.hurry(locked)
    locked.save()
    if changed["after"].get("is_active") is False:
        changed["discarded"] = discard(locked)
    elif SUBSCRIPTION & changed["after"].keys() and (unheard := discard_unheard(locked)):
        changed["discarded"] = unheard
    record("updated", locked, actor=actor, **changed)
    return locked


@transaction.atomic
def delete_webhook(webhook: Webhook, *, actor: Actor, now: datetime) -> None:
    """Delete a webhook; its deliveries are removed in the background."""
    locked = lock(webhook)
    locked.deleted_at, locked.is_active = now, False
    locked.secret = locked.previous_secret = ""
    locked.save()
    discard(locked)
    record("deleted", locked, actor=actor, url=locked.url)


@transaction.atomic
def rotate_secret(
    webhook: Webhook, *, actor: Actor, now: datetime, secret: str = "", grace: timedelta = GRACE, instead_of: str = ""
) -> tuple[Webhook, str]:
    """Give a webhook a new secret and return both; the old secret also signs until the grace period is over.

    The same secret again replaces none: an older one signs as long as it would have, or ends at once without grace.
    Raises SecretReplaced if `instead_of` is given and is no longer the webhook's `secret_mark`.
    """
    locked, shown = lock(webhook), _secret(secret)
    if instead_of not in ("", locked.secret_mark):
        raise SecretReplaced
    if not grace:
        locked.end_previous()
    elif shown != locked.readable_secret:
        locked.keep_previous(until=now + grace)
    locked.seal(shown)
    locked.save()
    record("secret_rotated", locked, actor=actor, url=locked.url, old_one_signs_until=locked.previous_secret_until)
    return locked, shown


@transaction.atomic
def send_test(webhook: Webhook, *, actor: Actor) -> Delivery:
    """Send a `webhook.test` event, even to a webhook that is not active or rests."""
    locked = lock(webhook)
    locked.held_until = None  # somebody waits for the test, which also tries whether the webhook works again
    locked.save(update_fields=["held_until"])
    event = record("tested", locked, actor=actor, url=locked.url)
    sent = Event(pk=event.pk, type=TEST, created_at=event.created_at)
    payload = Payload(mode=None, data={"webhook": {"id": locked.pk}, "message": "This is a test of Oui Post."})
    message = outbox.message(sent, payload, sequence=1)
    message.save(force_insert=True)
    now = database_now()
    made = outbox.delivery(locked, event.pk, now=now)
    made.message, made.due_at = message, now
    made.save(force_insert=True)
    remember(made, "log", [])
    return made


@transaction.atomic
def redeliver(delivery: Delivery, *, actor: Actor) -> Delivery:
    """Send an ended delivery again, with its event id; raises Http404, UnderWay, WebhookDisabled or NotAskedFor."""
    webhook = lock(Webhook(pk=delivery.webhook_id))  # meanwhile nobody settles or repeats its deliveries
    rows = Delivery.objects.select_related("message").annotate(now=Now())
    row: Any = get_object_or_404(rows, pk=delivery.pk, webhook=webhook)
    if not webhook.is_active:
        raise WebhookDisabled
    if row.status == DeliveryStatus.PENDING:
        raise UnderWay(next_attempt_at=row.due_at and row.due_at.replace(microsecond=0))
    if not webhook.wants(row.message):
        raise NotAskedFor
    send_again([row], webhook, now=row.now)
    record("redelivered", webhook, actor=actor, delivery=row.pk, event=f"evt_{row.message_id}")
    return cast("Delivery", row)


def send_again(rows: list[Delivery], webhook: Webhook, *, now: datetime, replay: Replay | None = None) -> int:
    """Make the ended deliveries of a locked webhook pending again, and due unless it rests; returns how many."""
    ended = [row for row in rows if row.status != DeliveryStatus.PENDING]
    afresh = AFRESH | {"due_at": None if webhook.rests else now, "replay": replay}
    before = (webhook.successful_deliveries, webhook.failed_deliveries)
    for row in ended:
        count(webhook, row.status, -1)
        assign(row, afresh)
    webhook.save(update_fields=COUNTED)
    figures.keep(delivered=before[0] - webhook.successful_deliveries, failed=before[1] - webhook.failed_deliveries)
    Delivery.objects.filter(pk__in=[row.pk for row in ended]).update(**afresh, fence=F("fence") + 1)
    return len(ended)
