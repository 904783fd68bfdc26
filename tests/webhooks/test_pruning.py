"""Messages and deliveries are kept for a month, and nothing of a deleted webhook."""

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from ouipost.claims import database_now
from ouipost.db.pruning import remove_all
from ouipost.events import figures, pruning, webhooks
from ouipost.events.journal import SYSTEM
from ouipost.events.models import Delivery, DeliveryAttempt, Event, Message, Replay, Webhook
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

    removed = remove_all(pruning.old(timezone.now()))

    assert (removed, left()) == (2, (1, 1, 1))
    assert Event.objects.filter(pk__in=old).count() == 2
    assert Webhook.objects.get().successful_deliveries == 3


def test_replays_are_kept_for_a_month(webhook: Webhook) -> None:
    now = timezone.now()
    begun = [now - timedelta(days=30) + timedelta(minutes=minutes) for minutes in (-1, 1)]
    _, young = (
        Replay.objects.create(webhook=webhook, key=str(at), since=at, until=at, total=0, created_at=at) for at in begun
    )

    removed = remove_all(pruning.old(now))

    assert (removed, list(Replay.objects.all())) == (1, [young])


def test_what_a_deleted_webhook_left_is_removed(webhook: Webhook, workspace: Workspace, receiver: Receiver) -> None:
    tell(workspace, 2)
    deliver_due(limit=1)
    webhooks.delete_webhook(webhook, actor=SYSTEM, now=timezone.now())

    remove_all(pruning.old(timezone.now()))

    assert (left(), Webhook.objects.count(), len(receiver.calls)) == ((2, 0, 0), 0, 1)


def ended() -> tuple[int, int]:
    """Return what /metrics tells of deliveries that have ended."""
    found = figures.measure(database_now())
    return found.delivered, found.failed


def test_what_metrics_tell_of_deliveries_does_not_fall_when_webhooks_go(make_webhook: Callable[..., Webhook]) -> None:
    for delivered, failed in ((5, 2), (7, 0)):
        gone = make_webhook(successful_deliveries=delivered, failed_deliveries=failed)
        make_webhook(successful_deliveries=1, failed_deliveries=1)
        before = ended()
        webhooks.delete_webhook(gone, actor=SYSTEM, now=timezone.now())

        remove_all(pruning.old(timezone.now()))

        assert ended() == before

    assert ended() == (14, 4)
    assert Webhook.objects.count() == 2


def test_what_metrics_tell_of_deliveries_does_not_fall_when_one_is_sent_again(
    webhook: Webhook, workspace: Workspace, receiver: Receiver
) -> None:
    tell(workspace, 2)
    deliver_due()
    failed = Delivery.objects.order_by("pk")[0]
    Delivery.objects.filter(pk=failed.pk).update(status="failed")
    Webhook.objects.update(successful_deliveries=1, failed_deliveries=1)

    webhooks.redeliver(failed, actor=SYSTEM)

    assert ended() == (1, 1)
    assert Webhook.objects.get().failed_deliveries == 0
    deliver_due()
    assert ended() == (2, 1)
