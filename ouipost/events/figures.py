"""Figures of webhook deliveries for monitoring, in two queries."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Sum, Value

from ouipost.claims import is_due
from ouipost.db.pages import MOST
from ouipost.db.rows import add_each
from ouipost.events.models import Delivery, EndedDeliveries, Webhook


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Numbers of deliveries."""

    delivered: int
    failed: int
    """Given up. Both counters only grow, even when webhooks are deleted."""
    due: int
    """Due and not claimed, counted up to 10,000."""
    oldest_due: timedelta
    """How long the first of these has been due."""


def look(now: datetime) -> Figures:
    """Return the figures at `now`, by the database's clock; raises DatabaseError."""
    delivered, failed = _ended()
    due = Delivery.objects.filter(is_due(now)).order_by("due_at", "pk")[:MOST]
    waiting = due.aggregate(many=Count("pk"), first=Min("due_at"))
    return Figures(
        delivered=delivered,
        failed=failed,
        due=waiting["many"],
        oldest_due=now - (waiting["first"] or now),
    )


def _ended() -> tuple[int, int]:
    """Return how many deliveries have ever arrived and been given up, in one query."""
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
