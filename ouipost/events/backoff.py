"""Rests of webhooks: one that keeps failing is not called for a while, and its deliveries are set aside.

After five failures in a row a webhook rests for 30 seconds, then one delivery is tried; each further failure doubles
the rest, up to ten minutes. Deliveries set aside are pending without a `due_at`, so that they do not slow down the
search for due ones.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from ouipost import claims
from ouipost.claims import engine_time
from ouipost.events.models import Delivery, DeliveryStatus, Webhook
from ouipost.isolating import for_each

FAILING = 5
REST_SECONDS, MOST_REST_SECONDS = 30, 600


def note_failure(webhook: Webhook, *, now: datetime) -> None:
    """Count a failure of a locked webhook, and begin a rest after the fifth; the caller saves the row."""
    webhook.failures += 1
    webhook.failing_since = webhook.failing_since or now
    if webhook.failures >= FAILING and (webhook.held_until is None or webhook.held_until <= now):
        webhook.held_until = now + engine_time(min(REST_SECONDS * 2**webhook.rests, MOST_REST_SECONDS))
        webhook.rests += 1


def note_success(webhook: Webhook) -> None:
    """Reset the failures of a locked webhook, for the caller to save; `bring_back` then makes its deliveries due."""
    webhook.failures, webhook.rests, webhook.failing_since, webhook.held_until = 0, 0, None, None


def set_aside(webhook: Webhook) -> None:
    """Set aside the deliveries of a locked webhook that would be due before its rest is over."""
    waiting_for(webhook).filter(due_at__lte=webhook.held_until).update(due_at=None)


def put_off(webhook: Webhook, *, until: datetime) -> None:
    """Make a locked webhook's deliveries that were set aside after a try due at the end of its rest.

    Their wait may have been the one that Retry-After had asked for.
    """
    waiting_for(webhook).filter(due_at=None, tries__gt=0).update(due_at=until)


def hurry(webhook: Webhook) -> None:
    """Make all waiting deliveries of a locked webhook due: nothing was tried at its new address."""
    waiting_for(webhook).filter(Q(due_at=None) | Q(due_at__gt=Now())).update(due_at=Now())


def bring_back() -> int:
    """Make deliveries that were set aside due: all of a healthy webhook, the oldest one of a webhook that has rested.

    Returns how many became due.
    """
    now, theirs = claims.database_now(), _pending(OuterRef("pk"))
    waiting = Webhook.objects.filter(Exists(theirs.filter(due_at=None)))
    is_over = (Q(held_until=None) | Q(held_until__lte=now)) & ~Exists(_tried(theirs, now=now))
    pks = list(waiting.filter(Q(rests=0) | is_over).values_list("pk", flat=True))
    return for_each(pks, _bring_back)


@transaction.atomic
def _bring_back(pk: str) -> int:
    webhook = Webhook.objects.select_for_update().get(pk=pk)
    now = claims.database_now()
    rows = waiting_for(webhook).filter(due_at=None)
    if webhook.rests == 0:
        return rows.update(due_at=now)
    if (webhook.held_until and webhook.held_until > now) or _tried(_pending(webhook), now=now).exists():
        return 0
    first = list(rows.order_by("pk").values_list("pk", flat=True)[:1])
    return Delivery.objects.filter(pk__in=first).update(due_at=now)


def _tried(pending: "QuerySet[Delivery]", *, now: datetime) -> "QuerySet[Delivery]":
    """Keep the pending deliveries that are in flight or due."""
    return pending.filter(Q(due_at__lte=now) | Q(lease_until__gt=now))


def waiting_for(webhook: Webhook) -> "QuerySet[Delivery]":
    """Match the webhook's pending deliveries that are not in flight."""
    return _pending(webhook).exclude(lease_until__gt=Now())


def _pending(webhook: Webhook | OuterRef) -> "QuerySet[Delivery]":
    return Delivery.objects.filter(webhook=webhook, status=DeliveryStatus.PENDING)
