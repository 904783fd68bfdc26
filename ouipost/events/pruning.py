"""Retention of webhook data: messages and deliveries are kept for 30 days; deleted webhooks are removed."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from ouipost.db.pruning import Old
from ouipost.events import figures
from ouipost.events.models import Delivery, Message, Replay, Webhook

KEPT = timedelta(days=30)


def old(now: datetime) -> tuple[Old, ...]:
    """Return the removable rows: messages with their deliveries; deleted webhooks after their deliveries."""
    before, deleted = now - KEPT, Webhook.objects.exclude(deleted_at=None)
    theirs = Delivery.objects.filter(webhook__in=list(deleted.values_list("pk", flat=True)))
    return (
        Old(name="messages", rows=Message.objects.filter(created_at__lt=before).order_by("created_at", "pk")),
        Old(name="replays", rows=Replay.objects.filter(created_at__lt=before).order_by("pk")),
        Old(name="deliveries", rows=theirs.order_by("pk")),
        Old(name="webhooks", rows=deleted.order_by("pk"), take_along=_keep_counts),
    )


def _keep_counts(webhooks: Sequence[str]) -> None:
    locked = Webhook.objects.select_for_update().filter(pk__in=webhooks).order_by("pk")
    ended = list(locked.values_list("successful_deliveries", "failed_deliveries"))
    figures.keep(delivered=sum(delivered for delivered, _ in ended), failed=sum(failed for _, failed in ended))
