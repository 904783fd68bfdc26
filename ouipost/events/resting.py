"""Webhooks that fail are left alone, and what waits for them is set aside until they are well again.

After five failures in a row a webhook rests for half a minute, then one delivery tries; when that fails too it rests
twice as long, up to ten minutes. What is set aside is pending and has no `due_at`: it costs those who look for work
nothing, however much there is of it.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from ouipost import claims
from ouipost.claims import engine_time
from ouipost.events.models import Delivery, DeliveryStatus, Webhook

FAILING = 5
REST_SECONDS, MOST_REST_SECONDS = 30, 600


def note_failure(webhook: Webhook, *, now: datetime) -> None:
    """Count a failure of a locked webhook, and let it rest where it was one too many; `settle_all` saves it."""
    webhook.failures += 1
    webhook.failing_since = webhook.failing_since or now
    if webhook.failures >= FAILING and (webhook.held_until is None or webhook.held_until <= now):
        webhook.held_until = now + engine_time(min(REST_SECONDS * 2**webhook.rests, MOST_REST_SECONDS))
        webhook.rests += 1


def note_success(webhook: Webhook) -> None:
    """Forget that a locked webhook failed; what was set aside comes back with the next `care`."""
    webhook.failures, webhook.rests, webhook.failing_since, webhook.held_until = 0, 0, None, None


def set_aside(webhook: Webhook) -> None:
    """Take what would be due before a locked webhook has rested out of the way of others."""
    waiting_for(webhook).filter(due_at__lte=webhook.held_until).update(due_at=None)


def care() -> int:
    """Bring back what was set aside: all of a webhook that is well, of one that has rested the oldest, to try it.

    Returns how many deliveries became due.
    """
    aside = Delivery.objects.filter(webhook=OuterRef("pk"), status=DeliveryStatus.PENDING, due_at=None)
    pks = list(Webhook.objects.filter(Exists(aside)).values_list("pk", flat=True))
    return sum(_care(pk) for pk in pks)


@transaction.atomic
def _care(pk: str) -> int:
    webhook = Webhook.objects.select_for_update().get(pk=pk)
    now = claims.database_now()
    rows = waiting_for(webhook).filter(due_at=None)
    if webhook.rests == 0:
        return rows.update(due_at=now)
    if (webhook.held_until and webhook.held_until > now) or _is_tried(webhook, now=now):
        return 0
    first = list(rows.order_by("pk").values_list("pk", flat=True)[:1])
    return Delivery.objects.filter(pk__in=first).update(due_at=now)


def _is_tried(webhook: Webhook, *, now: datetime) -> bool:
    """Whether a delivery is on its way to a webhook, or about to be."""
    soon = Q(due_at__lte=now) | Q(lease_until__gt=now)
    return Delivery.objects.filter(soon, webhook=webhook, status=DeliveryStatus.PENDING).exists()


def waiting_for(webhook: Webhook) -> "QuerySet[Delivery]":
    """Match what waits for a webhook and is not on its way."""
    return Delivery.objects.filter(webhook=webhook, status=DeliveryStatus.PENDING).exclude(lease_until__gt=Now())
