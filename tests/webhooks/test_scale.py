"""Claiming and listing deliveries is cheap, however many there are for other webhooks."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ouipost.claims import database_now
from ouipost.events import signing
from ouipost.events.delivery import IN_FLIGHT, LOOK_AHEAD
from ouipost.events.models import Delivery, Message, Webhook
from tests.conftest import AdminClient
from tests.posts.scale import Plan, plan_of
from tests.webhooks.conftest import claim_deliveries

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="It is a server's plans that are looked at."),
]
LIMIT = 16
WAITING, OF_A_QUIET_ONE = 3000, 400


@pytest.mark.parametrize("quiet", [1, 40])
def test_what_waits_for_a_full_webhook_is_not_read_again_by_each_claim(quiet: int) -> None:
    busy, *others = [_webhook(number) for number in range(1 + quiet)]
    messages = [_message() for _ in range(WAITING)]
    Message.objects.bulk_create(messages)
    _be_due(busy, messages, ago=60)
    _measure()
    assert len(claim_deliveries(LIMIT)) == IN_FLIGHT

    full = _plans(claimed=0)
    for other in others:
        _be_due(other, messages[:1], ago=1)
    behind = _plans(claimed=min(quiet, LIMIT))
    in_flight = _plans(claimed=min(max(0, quiet - LIMIT), LIMIT))

    assert [str(plan) for plan in [*full, *behind, *in_flight] if not _is_lean(plan)] == []
    assert all([full, behind, in_flight])


@pytest.mark.parametrize("query", ["", "&event=post.updated"])
def test_a_page_of_what_one_webhook_was_told_reads_nothing_of_a_busy_ones(admin: AdminClient, query: str) -> None:
    quiet, busy = _webhook(0), _webhook(1)
    messages = [_message() for _ in range(WAITING)]
    Message.objects.bulk_create(messages)
    for webhook, told in ((quiet, messages[:OF_A_QUIET_ONE]), (busy, messages)):
        _be_due(webhook, told, ago=60)
    _measure()

    with CaptureQueriesContext(connection) as queries:
        page = admin.get(f"/admin/webhooks/{quiet.pk}/deliveries?limit={LIMIT}{query}").json()["data"]

    assert (len(page["deliveries"]), page["pagination"]["total_items"]) == (LIMIT, OF_A_QUIET_ONE)
    plans = [
        plan_of(each["sql"], LIMIT) for each in queries.captured_queries if " FROM `events_delivery`" in each["sql"]
    ]
    assert [str(plan) for plan in plans if plan.read["events_delivery"] > OF_A_QUIET_ONE] == []
    assert len(plans) == 3


def _webhook(number: int) -> Webhook:
    webhook = Webhook(url=f"https://{number}.example/", events=["post.updated"])
    webhook.seal(signing.new_secret())
    webhook.save()
    return webhook


def _message() -> Message:
    return Message(type="post.updated", body="{}", created_at=database_now())


def _be_due(webhook: Webhook, messages: list[Message], *, ago: int) -> None:
    now = database_now()
    since = now - timedelta(seconds=ago)
    Delivery.objects.bulk_create(Delivery(webhook=webhook, message=m, created_at=now, due_at=since) for m in messages)


def _measure() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE TABLE events_delivery, events_webhook")
        cursor.fetchall()


def _plans(*, claimed: int) -> list[Plan]:
    """Claim once, which takes so many, and return how the server ran each query of it."""
    with CaptureQueriesContext(connection) as queries:
        assert len(claim_deliveries(LIMIT)) == claimed
    return [plan_of(query["sql"], LIMIT) for query in queries.captured_queries if " FROM `" in query["sql"]]


def _is_lean(plan: Plan) -> bool:
    return plan.read.get("events_delivery", 0) + plan.read.get("U0", 0) <= 2 * LIMIT * LOOK_AHEAD
