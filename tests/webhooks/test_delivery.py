"""From a change to a receiver: signed, tried again, given up, and never in the way of others."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ouipost import crypto
from ouipost.claims import database_now
from ouipost.events import figures, outbox, signing, webhooks
from ouipost.events.backoff import FAILING, bring_back, put_off, set_aside
from ouipost.events.delivery import IN_FLIGHT, LOOK_AHEAD, Deliverer, deliver
from ouipost.events.journal import SYSTEM, record
from ouipost.events.models import Delivery, DeliveryAttempt, Event, Message, Webhook
from ouipost.events.settling import settle_all
from ouipost.writer import Inline
from posts import services
from posts.models import Post, Target
from tests.webhooks.conftest import SECRET, claim_deliveries, deliver_due, deliver_now
from tests.webhooks.receiver import Receiver
from workspaces.models import Workspace

HOUR = timedelta(hours=1)
SCHEDULE = [timedelta(seconds=5), timedelta(minutes=5), HOUR / 2, *(HOUR * hours for hours in (2, 5, 10, 14, 20, 24))]


@pytest.fixture
def write(workspace: Workspace) -> Callable[[], Post]:
    """Writes a post: one event."""

    def write() -> Post:
        values = {"content": "Bonjour", "platforms": []}
        return services.create_post(workspace, values=values, actor=SYSTEM, now=timezone.now())[0]

    return write


def stands(webhook: Webhook) -> Webhook:
    return Webhook.objects.get(pk=webhook.pk)


def wait_of(delivery: Delivery) -> timedelta:
    """Return how long after its last attempt a delivery is due."""
    delivery.refresh_from_db()
    assert delivery.due_at is not None
    return delivery.due_at - database_now()


def test_a_change_is_told_once_signed_and_with_the_id_of_its_line_in_the_journal(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post]
) -> None:
    post = write()

    calls = deliver_due() + deliver_due()

    (call,) = receiver.calls
    call.verify(SECRET)
    event = Event.objects.get(type="post.created")
    assert (calls, call.id, call.json["id"]) == (1, f"evt_{event.pk}", f"evt_{event.pk}")
    assert (call.json["type"], call.json["workspace_id"]) == ("post.created", post.workspace_id)
    assert (call.headers["content-type"], call.headers["user-agent"][:17]) == ("application/json", "Oui-Post-Webhooks")
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.due_at, delivery.attempts) == ("delivered", None, 1)
    assert stands(webhook).last_triggered_at == DeliveryAttempt.objects.get().at


@pytest.mark.parametrize("hours", [-6, 6])
def test_a_worker_whose_clock_is_wrong_signs_with_the_time_and_the_secrets_that_are_right(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post], hours: int
) -> None:
    write()
    _, new = webhooks.rotate_secret(webhook, actor=SYSTEM, now=database_now(), grace=HOUR)

    with time_machine.travel(timezone.now() + timedelta(hours=hours)):
        deliver_due()

    (call,) = receiver.calls
    call.verify(SECRET)
    call.verify(new)
    assert abs(DeliveryAttempt.objects.get().at - database_now()) < timedelta(minutes=1)


def test_what_is_rolled_back_is_told_to_nobody(webhook: Webhook, write: Callable[[], Post]) -> None:
    with transaction.atomic():
        write()
        transaction.set_rollback(True)

    assert (Message.objects.count(), Delivery.objects.count(), deliver_due()) == (0, 0, 0)


def test_where_nobody_listens_a_change_costs_one_query_more_and_keeps_nothing(
    db: None, write: Callable[[], Post]
) -> None:
    with CaptureQueriesContext(connection) as captured:
        write()

    asked = [query["sql"] for query in captured if "events_webhook" in query["sql"] or "events_deliv" in query["sql"]]
    assert (len(asked), Message.objects.count()) == (1, 0)


def test_the_events_of_a_resource_are_numbered(webhook: Webhook, receiver: Receiver, write: Callable[[], Post]) -> None:
    first, second = write(), write()
    now = timezone.now()
    record("retried", first, actor=SYSTEM)  # no webhook can subscribe to that
    services.update_post(first, values={"title": "Salut"}, actor=SYSTEM, now=now)
    Target.objects.filter(post=first).update(status="scheduled")
    Post.objects.filter(pk=first.pk).update(status="scheduled", scheduled_at=now)
    services.unschedule_post(first, actor=SYSTEM)
    services.delete_post(first, actor=SYSTEM)

    deliver_due()

    told = sorted(
        (call.json["data"]["post"]["id"], call.json["sequence"], call.json["type"]) for call in receiver.calls
    )
    assert told == sorted(
        [
            (first.pk, 1, "post.created"),
            (first.pk, 2, "post.updated"),
            (first.pk, 3, "post.updated"),
            (first.pk, 4, "post.deleted"),
            (second.pk, 1, "post.created"),
        ]
    )
    changes = [call.json["data"].get("changed") for call in receiver.calls]
    assert sorted(each for each in changes if each) == [["status", "scheduled_at"], ["title"]]


def test_nine_failures_are_tried_again_as_planned_and_the_tenth_try_arrives(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post]
) -> None:
    write()
    receiver.will_answer(*[503] * 9)
    deliver_due()
    waits = []

    for _ in SCHEDULE:
        waits.append(wait_of(Delivery.objects.get()))
        Webhook.objects.update(held_until=None)
        deliver_now()

    slack = timedelta(seconds=2)
    assert all(0.8 * planned - slack <= wait <= 1.2 * planned for wait, planned in zip(waits, SCHEDULE, strict=True))
    assert [row.http_status for row in DeliveryAttempt.objects.order_by("number")] == [503] * 9 + [204]
    assert len({call.id for call in receiver.calls}) == 1
    assert Delivery.objects.get().status == "delivered"


def test_after_ten_failures_it_is_given_up_and_can_be_sent_again(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post]
) -> None:
    write()
    receiver.will_answer(*[500] * 10)
    for _ in range(10):
        Webhook.objects.update(held_until=None)
        deliver_now()
    given_up = Delivery.objects.get()
    assert (given_up.status, given_up.due_at, stands(webhook).failed_deliveries) == ("failed", None, 1)

    webhooks.redeliver(given_up, actor=SYSTEM)
    # It waits until the rest is over: nobody is late.
    assert (bring_back(), figures.measure(database_now()).due) == (0, 0)
    Webhook.objects.update(held_until=None)
    assert (bring_back(), deliver_due()) == (1, 1)

    sent = stands(webhook)
    assert (sent.successful_deliveries, sent.failed_deliveries, Delivery.objects.get().attempts) == (1, 0, 11)


@pytest.mark.parametrize("status", [300, 301, 400, 401, 404, 422, 429, 500])
def test_nothing_but_2xx_is_a_success(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post], status: int
) -> None:
    write()
    receiver.will_answer(status)

    deliver_due()

    (attempt,) = DeliveryAttempt.objects.all()
    assert (attempt.http_status, attempt.error, Delivery.objects.get().status) == (status, "refused", "pending")


IN_AN_HOUR = "in an hour"
"""Stands for the date that it is when the test begins: cases are collected long before."""


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("3600", HOUR - timedelta(seconds=5), HOUR),
        (IN_AN_HOUR, HOUR - timedelta(minutes=3), HOUR),
        ("1", timedelta(seconds=2), timedelta(seconds=6)),
        ("99999999999999", 24 * HOUR - timedelta(seconds=5), 24 * HOUR),
        ("soon", timedelta(seconds=2), timedelta(seconds=6)),
        ("-5", timedelta(seconds=2), timedelta(seconds=6)),
        ("Mon, 99999999999 Jan 2029 00:00:00 GMT", timedelta(seconds=2), timedelta(seconds=6)),
        ("Thu, 01 Jan 2015 00:00:00 GMT", timedelta(seconds=2), timedelta(seconds=6)),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 24 * HOUR - timedelta(seconds=5), 24 * HOUR),
    ],
    ids=["seconds", "a date", "less than planned", "absurd", "a word", "negative", "no date", "over", "far"],
)
def test_retry_after_is_a_floor_of_a_day_at_most(
    webhook: Webhook,
    receiver: Receiver,
    write: Callable[[], Post],
    header: str,
    least: timedelta,
    most: timedelta,
) -> None:
    write()
    given = format_datetime(datetime.now(UTC) + HOUR, usegmt=True) if header == IN_AN_HOUR else header
    receiver.will_answer(503, Retry_After=given)

    deliver_due()

    assert least <= wait_of(Delivery.objects.get()) <= most


def test_410_disables_at_once_and_is_told(webhook: Webhook, receiver: Receiver, write: Callable[[], Post]) -> None:
    for _ in range(3):
        write()
    receiver.will_answer(410, 500)
    in_flight = claim_deliveries(1)

    deliver_due(limit=1)
    Inline().run(settle_all, deliver(in_flight[0]))
    webhooks.update_webhook(webhook, values={"events": ["post.created"]}, actor=SYSTEM)

    assert (stands(webhook).is_active, stands(webhook).disabled_reason) == (False, "It answered 410 Gone.")
    assert Event.objects.get(type="webhook.disabled").resource_id == webhook.pk
    assert sorted(Delivery.objects.values_list("status", flat=True)) == ["discarded", "failed", "failed"]
    assert deliver_now() == 0


@pytest.mark.parametrize(
    ("failures", "hours", "is_active"), [(19, 120, False), (18, 120, True), (19, 119, True), (500, 1, True)]
)
def test_five_days_without_success_and_twenty_failures_disable(
    webhook: Webhook,
    receiver: Receiver,
    write: Callable[[], Post],
    failures: int,
    hours: int,
    is_active: bool,
) -> None:
    Webhook.objects.update(failures=failures, failing_since=database_now() - HOUR * hours)
    write()
    receiver.will_answer(500)

    deliver_due()

    assert stands(webhook).is_active is is_active
    assert Event.objects.filter(type="webhook.disabled").exists() is not is_active


def test_one_success_begins_the_count_anew(webhook: Webhook, receiver: Receiver, write: Callable[[], Post]) -> None:
    Webhook.objects.update(failures=100, failing_since=database_now() - HOUR * 119)
    write()
    deliver_due()

    well = stands(webhook)

    assert (well.failures, well.failing_since, well.is_active) == (0, None, True)


def test_a_webhook_has_eight_calls_in_flight_and_the_others_their_turn(
    make_webhook: Callable[..., Webhook], write: Callable[[], Post]
) -> None:
    busy = make_webhook()
    for _ in range(3 * IN_FLIGHT):
        write()
    free = make_webhook()
    write()

    jobs = [job for _ in range(3) for job in claim_deliveries(4)]  # before the third the busy one is in front

    assert [job.delivery.webhook_id for job in jobs].count(busy.pk) == IN_FLIGHT
    assert [job.delivery.webhook_id for job in jobs].count(free.pk) == 1
    assert claim_deliveries(100) == []


def test_what_is_due_for_longest_is_claimed_first_and_no_more_than_is_asked_for(
    make_webhook: Callable[..., Webhook], write: Callable[[], Post]
) -> None:
    for host in ("one", "other"):
        make_webhook(url=f"https://{host}.example/")
    for _ in range(2):
        write()
    second, first, *others = Delivery.objects.order_by("pk")
    for hours, each in enumerate([*others, second, first], start=1):
        Delivery.objects.filter(pk=each.pk).update(due_at=database_now() - hours * HOUR)

    jobs = claim_deliveries(2)

    assert [job.delivery for job in jobs] == [first, second]


def test_a_host_with_many_webhooks_has_most_of_the_calls_and_the_others_their_turn(
    make_webhook: Callable[..., Webhook], write: Callable[[], Post]
) -> None:
    for number in range(40):  # more than are looked at in a row
        make_webhook(url=f"https://many.example{'/' if number % 2 else '?'}{number}")
    make_webhook(url="https://many.example")
    write()
    free = make_webhook(url="https://many.example.org/")
    write()
    deliverer = Deliverer(8)

    jobs = deliverer.claim(8, [])

    of_many = [job for job in jobs if job.delivery.webhook_id != free.pk]
    assert (len(of_many), len(jobs)) == (6, 7)
    assert [len(deliverer.claim(free, running)) for free, running in ((2, of_many), (3, of_many[:5]))] == [0, 1]
    assert len(Deliverer(1).claim(1, [])) == 1


def test_a_webhook_that_fails_is_left_alone_then_tried_with_one_call_and_then_gets_all(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post]
) -> None:
    for _ in range(FAILING + 3):
        write()
    receiver.will_answer(*[500] * FAILING)
    deliver_due(limit=FAILING)
    write()
    assert (bring_back(), claim_deliveries(100), Delivery.objects.filter(due_at=None).count()) == (0, [], FAILING + 4)

    Webhook.objects.update(held_until=database_now())
    calls = [bring_back() and deliver_due(), bring_back() and deliver_due(IN_FLIGHT), deliver_due()]

    assert calls == [1, IN_FLIGHT, 0]
    assert len({call.id for call in receiver.calls}) == Delivery.objects.filter(status="delivered").count()


def test_calls_that_fail_while_it_rests_already_do_not_lengthen_the_rest(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post]
) -> None:
    for _ in range(IN_FLIGHT):
        write()
    receiver.will_answer(*[500] * IN_FLIGHT)

    assert deliver_due() == IN_FLIGHT
    assert (stands(webhook).failures, stands(webhook).rests) == (IN_FLIGHT, 1)


def test_what_was_set_aside_comes_back_though_what_is_newer_is_due(webhook: Webhook, write: Callable[[], Post]) -> None:
    write()
    Delivery.objects.update(due_at=None)
    write()

    assert (bring_back(), len(claim_deliveries(100))) == (1, 2)


def test_what_was_being_written_when_its_webhook_began_to_rest_waits_for_the_end_of_the_rest(
    webhook: Webhook, write: Callable[[], Post]
) -> None:
    write()
    write()
    Webhook.objects.update(rests=1, held_until=database_now() + HOUR)

    assert claim_deliveries(100) == []
    Webhook.objects.update(held_until=database_now())
    assert len(claim_deliveries(100)) == 1


def test_webhooks_that_rest_or_are_being_tried_or_are_well_cost_one_look_together(
    make_webhook: Callable[..., Webhook], write: Callable[[], Post], django_assert_num_queries: Any
) -> None:
    for _ in range(2):
        make_webhook(rests=1, held_until=database_now() + HOUR)
        make_webhook(rests=1, held_until=database_now())
    make_webhook()
    write()
    write()
    assert bring_back() == 2

    with django_assert_num_queries(2):
        assert bring_back() == 0


def test_a_webhook_that_rests_or_comes_back_leaves_what_waits_for_others_as_it_is(
    make_webhook: Callable[..., Webhook], write: Callable[[], Post]
) -> None:
    until = database_now() + HOUR
    mine, resting, well = (
        make_webhook(**each) for each in ({"held_until": until}, {"held_until": until, "rests": 1}, {})
    )
    write()
    write()
    Delivery.objects.update(tries=1, due_at=database_now())
    Delivery.objects.filter(webhook=resting).update(due_at=None)
    others = Delivery.objects.filter(webhook__in=[resting, well]).order_by("pk")
    before, waits = list(others.values_list("pk", "due_at")), list[set[Any]]()

    for step in (set_aside, partial(put_off, until=until), set_aside, lambda _: bring_back()):
        step(mine)
        waits.append(set(Delivery.objects.filter(webhook=mine).values_list("due_at", flat=True)))

    assert (waits[:3], None in waits[3]) == ([{None}, {until}, {None}], False)
    assert list(others.values_list("pk", "due_at")) == before


def test_a_success_ahead_of_its_rests_end_frees_nothing_sooner_than_retry_after_asked_for(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post]
) -> None:
    for _ in range(FAILING + 2):
        write()
    *failing, arriving = claim_deliveries(FAILING + 1)
    receiver.will_answer(429, Retry_After="3600")
    receiver.will_answer(*[429] * (FAILING - 1), Retry_After="25")
    for job in failing:
        Inline().run(settle_all, deliver(job))

    Inline().run(settle_all, deliver(arriving))

    assert (bring_back(), deliver_due()) == (1, 1)
    *waits, longest = sorted(wait_of(delivery) for delivery in Delivery.objects.filter(status="pending"))
    assert [timedelta(seconds=25) < wait <= timedelta(seconds=30) for wait in waits] == [True] * (FAILING - 1)
    assert longest > HOUR - timedelta(minutes=3)


def test_a_test_is_sent_at_once_to_a_webhook_that_rests_and_ends_the_rest(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post]
) -> None:
    for _ in range(FAILING):
        write()
    receiver.will_answer(*[500] * FAILING)
    deliver_due()

    made = webhooks.send_test(webhook, actor=SYSTEM)

    assert deliver_due() == 1
    assert receiver.calls[-1].id == made.message.public_id
    assert (bring_back(), deliver_due()) == (FAILING, FAILING)


def test_it_rests_longer_each_time_up_to_ten_minutes(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post]
) -> None:
    Webhook.objects.update(failures=FAILING - 1)
    write()
    rests = []

    for _ in range(7):
        receiver.will_answer(500)
        deliver_now()
        rests.append((stands(webhook).held_until or database_now()) - database_now())
        Webhook.objects.update(held_until=database_now())

    assert [round(rest.total_seconds() / 30) for rest in rests] == [1, 2, 4, 8, 16, 20, 20]


def test_an_answer_that_was_lost_is_asked_for_again_under_the_same_id(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post]
) -> None:
    write()
    (job,) = claim_deliveries(1)
    deliver(job)  # and the process dies
    Delivery.objects.update(lease_until=database_now())

    deliver_due()

    assert [call.id for call in receiver.calls] == [job.delivery.message.public_id] * 2
    assert Inline().run(settle_all, deliver(job)) is False
    assert Delivery.objects.get().status == "delivered"


def test_of_two_claims_that_are_settled_together_the_latter_counts(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post]
) -> None:
    write()
    (held_up,) = claim_deliveries(1)
    Delivery.objects.update(lease_until=database_now())
    (job,) = claim_deliveries(1)

    with transaction.atomic():
        assert settle_all([deliver(held_up), deliver(job)]) == [False, True]

    assert stands(webhook).successful_deliveries == DeliveryAttempt.objects.count() == 1


def test_what_waits_for_a_webhook_that_was_switched_off_is_dropped(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post]
) -> None:
    write()
    claimed = claim_deliveries(1)
    write()

    webhooks.update_webhook(webhook, values={"is_active": False}, actor=SYSTEM)
    write()
    for job in claimed:
        job.delivery.webhook.refresh_from_db()
        Inline().run(settle_all, deliver(job))

    assert (receiver.calls, DeliveryAttempt.objects.count()) == ([], 0)
    assert list(Delivery.objects.values_list("status", "attempts")) == [("discarded", 0)] * 2
    assert (stands(webhook).failures, stands(webhook).last_triggered_at) == (0, None)
    assert Message.objects.count() == 3, "the last one is kept for a replay"


def test_a_test_of_a_webhook_that_is_deleted_meanwhile_is_not_sent(webhook: Webhook, receiver: Receiver) -> None:
    webhooks.send_test(webhook, actor=SYSTEM)
    [job] = claim_deliveries(1)

    webhooks.delete_webhook(webhook, actor=SYSTEM, now=timezone.now())
    job.delivery.webhook.refresh_from_db()
    Inline().run(settle_all, deliver(job))

    assert (receiver.calls, Delivery.objects.get().status) == ([], "discarded")


@pytest.mark.parametrize("status", [410, 500])
def test_what_the_address_before_answers_is_not_held_against_the_new_one(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post], status: int
) -> None:
    Webhook.objects.update(failures=FAILING, rests=3, held_until=database_now(), failing_since=timezone.now())
    write()
    Delivery.objects.update(due_at=database_now())
    receiver.will_answer(status)
    [job] = claim_deliveries(1)

    webhooks.update_webhook(webhook, values={"url": f"{receiver.url}/new"}, actor=SYSTEM)
    write()
    Inline().run(settle_all, deliver(job))

    well = stands(webhook)
    assert (well.is_active, well.failures, well.rests, well.failing_since, well.held_until) == (True, 0, 0, None, None)
    assert (deliver_now(), {call.path for call in receiver.calls[1:]}) == (2, {"/hook/new"})


def test_all_that_waits_is_tried_at_once_at_a_new_address(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post]
) -> None:
    for _ in range(FAILING):
        write()
    receiver.will_answer(429, Retry_After="3600")
    receiver.will_answer(*[500] * (FAILING - 1))
    deliver_due()
    write()

    webhooks.update_webhook(webhook, values={"url": f"{receiver.url}/new"}, actor=SYSTEM)

    assert deliver_due() == FAILING + 1
    assert {call.path for call in receiver.calls[FAILING:]} == {"/hook/new"}


@pytest.mark.parametrize("rests", [0, 1])
def test_a_failure_at_the_address_before_neither_counts_as_a_try_nor_delays_the_next(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post], rests: int
) -> None:
    write()
    Delivery.objects.update(tries=9, attempts=9)
    receiver.will_answer(503, Retry_After="3600")
    [job] = claim_deliveries(1)

    webhooks.update_webhook(webhook, values={"url": f"{receiver.url}/new"}, actor=SYSTEM)
    Webhook.objects.update(rests=rests)
    Inline().run(settle_all, deliver(job))

    row = Delivery.objects.get()
    assert (row.status, row.attempts, row.tries, row.due_at is None) == ("pending", 10, 9, rests == 1)
    assert (bring_back(), deliver_due(), receiver.calls[-1].path) == (rests, 1, "/hook/new")


def test_a_call_that_takes_long_does_not_hide_a_later_one(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post]
) -> None:
    write()
    write()
    first, second = claim_deliveries(2)
    begun, ended = deliver(first), deliver(second)

    for result in (ended, begun):
        Inline().run(settle_all, result)

    assert stands(webhook).last_triggered_at == ended.at > begun.at


@pytest.mark.parametrize(
    ("values", "status"), [({"events": ["post.failed"]}, "failed"), ({"events": ["post.created"]}, "pending")]
)
def test_what_is_asked_for_no_more_when_its_call_ends_is_not_tried_again(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post], values: dict[str, Any], status: str
) -> None:
    write()
    receiver.will_answer(500)
    [job] = claim_deliveries(1)

    webhooks.update_webhook(webhook, values=values, actor=SYSTEM)
    Inline().run(settle_all, deliver(job))

    assert Delivery.objects.get().status == status


@pytest.mark.parametrize("narrowed", [{"events": ["post.failed"]}, {"workspace_ids": ["ws_other"]}])
def test_what_was_in_flight_when_it_was_asked_for_no_more_is_not_sent_to_the_new_address(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post], narrowed: dict[str, Any]
) -> None:
    write()
    webhooks.send_test(webhook, actor=SYSTEM)
    claim_deliveries(2)

    webhooks.update_webhook(webhook, values={"url": f"{receiver.url}/new"} | narrowed, actor=SYSTEM)
    Delivery.objects.update(lease_until=database_now())  # their worker was killed
    deliver_due()

    assert [call.json["type"] for call in receiver.calls] == ["webhook.test"]
    assert list(Delivery.objects.order_by("pk").values_list("status", "attempts")) == [
        ("discarded", 0),
        ("delivered", 1),
    ]


def test_what_was_being_written_when_it_was_asked_for_no_more_is_not_sent_to_the_new_address(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    messages_of = outbox._messages

    def narrow_first(events: Sequence[Event]) -> list[Message]:
        narrowed = {"url": f"{receiver.url}/new", "workspace_ids": ["ws_other"]}
        webhooks.update_webhook(webhook, values=narrowed, actor=SYSTEM)
        return messages_of(events)

    monkeypatch.setattr(outbox, "_messages", narrow_first)
    write()
    deliver_due()

    assert (receiver.calls, Delivery.objects.get().status) == ([], "discarded")


def test_a_failure_that_comes_late_brings_nothing_back_that_was_dropped_meanwhile(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post]
) -> None:
    write()
    (job,) = claim_deliveries(1)
    receiver.will_answer(500)
    result = deliver(job)
    Delivery.objects.update(lease_until=database_now())
    for is_active in (False, True):
        webhooks.update_webhook(webhook, values={"is_active": is_active}, actor=SYSTEM)

    assert Inline().run(settle_all, result) is False
    assert (Delivery.objects.get().status, deliver_now()) == ("discarded", 0)


def test_what_is_older_than_receivers_must_remember_is_not_sent(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post]
) -> None:
    write()
    write()
    old, young = Message.objects.order_by("pk")
    for message, age in ((old, timedelta(days=30, minutes=1)), (young, timedelta(days=29, hours=23))):
        Message.objects.filter(pk=message.pk).update(created_at=database_now() - age)

    deliver_due()

    told = dict(Delivery.objects.values_list("message", "status"))
    assert told == {old.pk: "discarded", young.pk: "delivered"}
    assert [call.id for call in receiver.calls] == [young.public_id]


def test_a_secret_that_cannot_be_opened_is_the_operators_and_costs_an_attempt(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post]
) -> None:
    Webhook.objects.update(secret=crypto.encrypt("whsec_", place="elsewhere"))
    write()

    deliver_due()

    assert (receiver.calls, DeliveryAttempt.objects.get().error) == ([], "secret_unreadable")


def test_an_error_of_ours_costs_one_delivery_an_attempt_and_holds_up_no_other(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    write()
    write()
    first, sign = Message.objects.order_by("pk")[0], signing.headers

    def headers(message_id: str, *given: Any, **more: Any) -> dict[str, str]:
        if message_id == first.public_id:
            raise KeyError(message_id)
        return sign(message_id, *given, **more)

    monkeypatch.setattr(signing, "headers", headers)
    deliver_due()

    told = dict(Delivery.objects.order_by("pk").values_list("status", "log__error"))
    assert (told, len(receiver.calls)) == ({"pending": "internal_error", "delivered": ""}, 1)


def test_deliveries_whose_messages_are_gone_take_no_places_of_others(
    webhook: Webhook, receiver: Receiver, write: Callable[[], Post], caplog: pytest.LogCaptureFixture
) -> None:
    """As after half a restore: no constraint of the database holds them together."""
    for _ in range(IN_FLIGHT):
        write()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_message")
    write()

    deliver_due()
    deliver_due()

    told = sorted(Delivery.objects.values_list("status", flat=True))
    assert told == ["delivered"] + ["discarded"] * IN_FLIGHT
    assert "Deliveries without a message are discarded" in caplog.text


def test_deliveries_whose_webhook_is_gone_hold_up_no_others(
    webhook: Webhook, make_webhook: Callable[..., Webhook], receiver: Receiver, write: Callable[[], Post]
) -> None:
    """However many there are: they fill what is looked at first."""
    for _ in range(LOOK_AHEAD):
        write()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_webhook")
    make_webhook()
    write()

    assert (deliver_due(1), len(receiver.calls)) == (1, 1)


def test_a_call_asks_the_database_nothing_and_the_cost_of_settling_does_not_grow_with_the_deliveries(
    make_webhook: Callable[..., Webhook], write: Callable[[], Post], django_assert_num_queries: Any
) -> None:
    make_webhook()
    make_webhook()
    for _ in range(6):
        write()
    claimed = claim_deliveries(2), claim_deliveries(10)
    with django_assert_num_queries(0):
        few, many = ([deliver(job) for job in jobs] for jobs in claimed)

    costs = []
    for results in (few, many):
        with CaptureQueriesContext(connection) as captured, transaction.atomic():
            settle_all(results)
        costs.append(len(captured))

    assert costs[0] == costs[1] < 12
