"""How the webhooks stand, for whoever watches: two queries, whatever there is."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Sum

from ouipost.claims import is_due
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


def look(now: datetime) -> Figures:
    """Read how the webhooks stand, now by the database's clock; raises what the database raises."""
    ended = Webhook.objects.aggregate(delivered=Sum("successful_deliveries"), failed=Sum("failed_deliveries"))
    due = Delivery.objects.filter(is_due(now)).order_by("due_at", "pk")[:COUNTED]
    waiting = due.aggregate(many=Count("pk"), first=Min("due_at"))
    return Figures(
        delivered=ended["delivered"] or 0,
        failed=ended["failed"] or 0,
        due=waiting["many"],
        oldest_due=now - (waiting["first"] or now),
    )
