"""How the webhooks stand, for whoever watches: four queries, whatever there is."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Sum

from ouipost.claims import database_now, is_due
from ouipost.events.models import Delivery, Webhook

COUNTED = 10_000


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the database says of deliveries."""

    delivered: int
    failed: int
    """Given up."""
    due: int
    """Due, and held by nobody, counted up to ten thousand."""
    oldest_due: timedelta
    """How long the first of them has waited."""


def look() -> Figures:
    """Read how the webhooks stand; raises what the database raises."""
    now = database_now()
    ended = Webhook.objects.aggregate(delivered=Sum("successful_deliveries"), failed=Sum("failed_deliveries"))
    due = Delivery.objects.filter(is_due(now)).order_by("due_at", "pk").values_list("due_at", flat=True)
    return Figures(
        delivered=ended["delivered"] or 0,
        failed=ended["failed"] or 0,
        due=due[:COUNTED].count(),
        oldest_due=now - (due.first() or now),
    )
