"""Messages and deliveries are kept for a month, and nothing of a deleted webhook."""

from datetime import timedelta

from django.utils import timezone

from ouipost.events import pruning, webhooks
from ouipost.events.journal import SYSTEM
from ouipost.events.models import Delivery, DeliveryAttempt, Event, Message, Webhook
from posts import services
from tests.factories import make_post
from tests.webhooks.conftest import deliver_due
from tests.webhooks.receiver import Receiver
from workspaces.models import Workspace


def tell(workspace: Workspace, count: int) -> None:
    for _ in range(count):
        services.update_post(make_post(workspace), values={"title": "Salut"}, actor=SYSTEM, now=timezone.now())


def left() -> tuple[int, int, int]:
    return Message.objects.count(), Delivery.objects.count(), DeliveryAttempt.objects.count()


def test_after_a_month_bodies_deliveries_and_attempts_go_and_the_journal_stays(
    webhook: Webhook, workspace: Workspace, receiver: Receiver
) -> None:
    tell(workspace, 3)
    deliver_due()
    old = list(Message.objects.order_by("pk").values_list("pk", flat=True)[:2])
    Message.objects.filter(pk__in=old).update(created_at=timezone.now() - timedelta(days=30, minutes=1))

    removed = pruning.forget_old(timezone.now())

    assert (removed, left()) == (2, (1, 1, 1))
    assert Event.objects.filter(pk__in=old).count() == 2
    assert Webhook.objects.get().successful_deliveries == 3


def test_what_a_deleted_webhook_left_is_removed(webhook: Webhook, workspace: Workspace, receiver: Receiver) -> None:
    tell(workspace, 2)
    deliver_due(limit=1)
    webhooks.delete_webhook(webhook, actor=SYSTEM, now=timezone.now())

    pruning.forget_old(timezone.now())

    assert (left(), Webhook.objects.count(), len(receiver.calls)) == ((2, 0, 0), 0, 1)
