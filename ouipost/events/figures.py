"""The figures of webhook deliveries, for monitoring; those of deleted webhooks still count."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet, Sum, Value

from ouipost.claims import is_due
from ouipost.db.pages import MOST
from ouipost.db.rows import add_each
from ouipost.events.models import Delivery, EndedDeliveries, Webhook

LOOKED = 1_000


@dataclass(frozen=True, kw_only=True)
class DeliveryFigures:
    """Numbers of deliveries."""

    delivered: int
    failed: int
    """Deliveries given up. Both counters only grow, even when webhooks are deleted."""
    due: int
    """Due and not claimed, counted up to 10,000."""


def measure(now: datetime) -> DeliveryFigures:
    """Return the figures at `now`, by the database's clock; raises DatabaseError."""
    delivered, failed = _ended()
    return DeliveryFigures(delivered=delivered, failed=failed, due=_due(now)[:MOST].count())


def first_waiting(now: datetime) -> datetime | None:
    """Return the due time of the first delivery that waits only for a worker, among the thousand due longest.

    A delivery whose webhook or host has calls in flight is skipped: it waits for their answers and is late anyway.
    """
    due = list(_due(now).values_list("due_at", "webhook_id")[:LOOKED])
    if not due:
        return None
    called = set(Delivery.objects.filter(lease_until__gt=now).order_by().values_list("webhook_id", flat=True))
    webhooks = Webhook.objects.filter(pk__in=called | {webhook for _, webhook in due}).only("url")
    hosts = {each.pk: each.host for each in webhooks}
    busy = {host for pk, host in hosts.items() if pk in called}
    return next((due_at for due_at, webhook in due if hosts.get(webhook, "") not in {*busy, ""}), None)


def _due(now: datetime) -> QuerySet[Delivery]:
    return Delivery.objects.filter(is_due(now)).order_by("due_at", "pk")


def _ended() -> tuple[int, int]:
    """Return the total numbers of delivered and of given-up deliveries, in one query."""
    counted = Webhook.objects.order_by().values(of=Value("webhooks"))
    sums = counted.annotate(delivered=Sum("successful_deliveries"), failed=Sum("failed_deliveries"))
    rows = list(
        sums.values_list("delivered", "failed").union(
            EndedDeliveries.objects.values_list("delivered", "failed"), all=True
        )
    )
    return sum(int(delivered or 0) for delivered, _ in rows), sum(int(failed or 0) for _, failed in rows)


def keep(*, delivered: int, failed: int) -> None:
    """Add counts that a webhook drops to the stored totals; call it in the transaction that drops them."""
    if delivered or failed:
        add_each(EndedDeliveries, ["id"], [{"id": 1, "delivered": delivered, "failed": failed}])
