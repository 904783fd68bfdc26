"""A webhook that calls a receiver on this machine, and a worker's turn."""

from collections.abc import Callable
from typing import Any

import pytest

from ouipost.claims import database_now
from ouipost.events import delivery, replays, signing, webhooks
from ouipost.events.catalogue import EVENTS
from ouipost.events.delivery import ClaimedDelivery, deliver
from ouipost.events.models import Delivery, Webhook
from ouipost.events.settling import settle_all
from ouipost.writer import Inline
from tests.webhooks.receiver import Receiver

SECRET = signing.normal_secret("a secret of sixteen")


@pytest.fixture
def make_webhook(db: None, receiver: Receiver) -> Callable[..., Webhook]:
    def make(**values: Any) -> Webhook:
        webhook = Webhook(**{"url": receiver.url, "events": list(EVENTS)} | values)
        webhook.seal(SECRET)
        webhook.save()
        return webhook

    return make


@pytest.fixture
def webhook(make_webhook: Callable[..., Webhook]) -> Webhook:
    """A webhook that hears everything."""
    return make_webhook()


def claim_deliveries(limit: int) -> list[ClaimedDelivery]:
    """Claim as a worker does that has no call out yet, and leaves no host a share alone."""
    return delivery.claim_deliveries(limit, hosts=delivery.Hosts([], most=limit))


def deliver_due(limit: int = 100) -> int:
    """Do what a worker does with what is due now, one after the other; returns how many calls that were."""
    jobs = claim_deliveries(limit)
    for job in jobs:
        Inline().run(settle_all, deliver(job))
    return len(jobs)


def deliver_now() -> int:
    """Let all that waits be due, and deliver it."""
    Delivery.objects.filter(status="pending").update(due_at=database_now())
    return deliver_due()


def before_lock(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> None:
    """Have something done right before any webhook's row is locked, as by another request that was faster."""
    lock = webhooks.lock

    def late(webhook: Webhook) -> Webhook:
        do()
        return lock(webhook)

    for module in (webhooks, replays):
        monkeypatch.setattr(module, "lock", late)
