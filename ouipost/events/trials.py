"""Tests of webhooks whose caller waits for the outcome: the process that was asked makes the call itself.

So the outcome is known whether or not a worker is up. The delivery is a row like any other: if the process dies, its
lease ends and a worker goes on.
"""

from collections.abc import Callable
from functools import partial

from ouipost.db.locks import in_transaction
from ouipost.events.delivery import ClaimedDelivery, attempt, claim_one
from ouipost.events.journal import Actor
from ouipost.events.models import Delivery, Webhook
from ouipost.events.webhooks import send_test
from ouipost.runtime import waiting
from ouipost.writer import Inline


def test_now(lock: Callable[[], Webhook], *, actor: Actor) -> str:
    """Send a `webhook.test` event, wait for the first attempt, and return the delivery's id.

    `lock` returns the webhook's row, locked; it is called in the transaction that stores the event. The call is left to
    a worker if too many requests wait already. Not to be called in a transaction.
    """
    with waiting.place() as may_wait:
        made, jobs = in_transaction(partial(_begin, lock, actor=actor, may_wait=may_wait))
        for job in jobs:
            attempt(job, Inline())
    return made.pk


def _begin(lock: Callable[[], Webhook], *, actor: Actor, may_wait: bool) -> tuple[Delivery, list[ClaimedDelivery]]:
    """Store the test, claimed in the same transaction, so that no worker is faster."""
    made = send_test(lock(), actor=actor)
    return made, claim_one(made.pk) if may_wait else []
