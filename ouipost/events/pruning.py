"""Removing what was kept long enough: bodies and deliveries after a month, and what deleted webhooks left."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from ouipost.events.models import Delivery, DeliveryAttempt, Message, Replay, Webhook

KEPT = timedelta(days=30)
AT_ONCE = 1_000


def forget_old(now: datetime) -> int:
    """Remove it all, some at a time, each in its own transaction; returns how many deliveries went."""
    old = Message.objects.filter(created_at__lt=now - KEPT).order_by("created_at")
    removed = 0
    while messages := list(old.values_list("pk", flat=True)[:AT_ONCE]):
        removed += _remove(list(Delivery.objects.filter(message__in=messages).values_list("pk", flat=True)))
        Message.objects.filter(pk__in=messages).delete()
    Replay.objects.filter(created_at__lt=now - KEPT).delete()
    return removed + sum(
        _remove_all(pk) for pk in Webhook.objects.exclude(deleted_at=None).values_list("pk", flat=True)
    )


def _remove_all(webhook: str) -> int:
    removed = 0
    while rows := list(Delivery.objects.filter(webhook=webhook).values_list("pk", flat=True)[:AT_ONCE]):
        removed += _remove(rows)
    Webhook.objects.filter(pk=webhook).delete()
    return removed


def _remove(deliveries: Sequence[str]) -> int:
    DeliveryAttempt.objects.filter(delivery__in=deliveries).delete()
    return Delivery.objects.filter(pk__in=deliveries).delete()[0]
