"""The timeline lists what webhooks were told of a post, by id, and keeps their addresses and answers to itself."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from ouipost.claims import database_now
from ouipost.db.pruning import remove_all
from ouipost.events import delivery, pruning
from ouipost.events.catalogue import EVENTS
from ouipost.events.journal import SYSTEM, record
from ouipost.events.models import Delivery, DeliveryAttempt, Message, Webhook
from posts.models import Post
from posts.timeline import deliveries
from posts.timeline.deliveries import ANSWERS
from posts.timeline.entries import Cause, Entry
from posts.timeline.timeline import timeline
from tests.factories import NOW, make_media, make_post, make_webhook, make_workspace
from workspaces.models import Workspace

MINUTE = timedelta(minutes=1)


@pytest.fixture
def webhook(db: None) -> Webhook:
    return make_webhook(events=list(EVENTS))


def heard(post: Post) -> list[Entry]:
    return [entry for entry in timeline(post, now=database_now()) if entry.kind.startswith("webhook_")]


def settle(*, status: str = "pending", tries: int = 0, error: str = "", **values: Any) -> Delivery:
    """Bring the one delivery to where so many attempts, the last one with this error, have brought it."""
    row = Delivery.objects.get()
    for number in range(1, tries + 1):
        told = {"error": error if number == tries else "not_sent", "http_status": 503 if error == "refused" else None}
        DeliveryAttempt.objects.create(delivery=row, number=number, at=database_now(), milliseconds=5, **told)
    ended = {} if status == "pending" else {"due_at": None, "finished_at": database_now()}
    Delivery.objects.update(status=status, attempts=tries, **ended | values)
    return Delivery.objects.get()


def test_what_has_arrived_is_told_by_webhook_and_event(post: Post, webhook: Webhook) -> None:
    record("updated", post, actor=SYSTEM)
    row = settle(status="delivered", tries=2)

    entries = timeline(post, now=database_now())

    assert [entry.kind for entry in entries] == ["updated", "webhook_delivered"]
    message = f"The webhook {webhook.pk} has accepted post.updated, on attempt 2."
    assert entries[1] == Entry(at=row.finished_at or database_now(), kind="webhook_delivered", message=message)


def test_what_is_tried_again_is_told_last_with_its_answer_and_its_time(post: Post, webhook: Webhook) -> None:
    record("updated", post, actor=SYSTEM)
    again = database_now() + 5 * MINUTE
    settle(tries=3, error="refused", due_at=again)

    [entry] = heard(post)

    assert entry == Entry(
        at=entry.at,
        kind="webhook_waiting",
        message=f"The webhook {webhook.pk} has not accepted post.updated yet."
        " It will be tried again. Attempts so far: 3.",
        cause=Cause(code="WEBHOOK_FAILED", message="It answered 503.", http_status=503),
        who_acts=entry.who_acts,
        retry_safe=True,
        next_attempt_at=again,
    )
    assert entry.who_acts == "operator"
    assert timeline(post, now=database_now())[-1].kind == "webhook_waiting"


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        ({}, "webhook_waiting", "is to be sent post.updated."),
        ({"lease_until": MINUTE}, "webhook_waiting", "is being sent post.updated. Attempts before: 0."),
        (
            {"tries": 5, "error": "no_answer", "due_at": None},
            "webhook_waiting",
            "is failing: post.updated waits until it works again. Attempts so far: 5.",
        ),
        (
            {"tries": 10, "error": "not_sent", "status": "failed"},
            "webhook_given_up",
            "has not accepted post.updated, and it will not be tried again. Attempts: 10.",
        ),
        (
            {"tries": 1, "error": "refused", "status": "discarded"},
            "webhook_given_up",
            "was switched off, or no longer asked for this, before it accepted post.updated. Attempts: 1.",
        ),
    ],
    ids=["new", "on its way", "set aside", "given up", "discarded"],
)
def test_how_a_delivery_stands_is_told(
    post: Post, webhook: Webhook, values: dict[str, Any], kind: str, message: str
) -> None:
    record("updated", post, actor=SYSTEM)
    held = {"lease_until": database_now() + values["lease_until"]} if "lease_until" in values else {}
    settle(**values | held)

    [entry] = heard(post)

    assert (entry.kind, entry.message) == (kind, f"The webhook {webhook.pk} {message}")
    assert (entry.cause is None, entry.retry_safe) == ("error" not in values, True)
    assert (entry.next_attempt_at is None) == bool({"lease_until", "due_at", "status"} & set(values))


def test_neither_address_nor_secret_nor_answer_of_a_webhook_is_told(post: Post) -> None:
    webhook = make_webhook(events=list(EVENTS), url="https://1.1.1.1/private")
    record("updated", post, actor=SYSTEM)
    settle(tries=1, error="refused")
    DeliveryAttempt.objects.update(answer="Stack trace", address="192.0.2.7")

    told = repr(timeline(post, now=database_now()))

    assert webhook.pk in told
    assert [word for word in ("1.1.1.1", "private", "Stack trace", "192.0.2.7", webhook.secret) if word in told] == []


def test_every_word_that_is_kept_of_an_attempt_has_a_sentence() -> None:
    assert {*delivery.ERRORS.values(), "refused", "secret_unreadable", "internal_error"} == set(ANSWERS)


def test_a_file_that_no_network_could_use_is_told_too(post: Post, webhook: Webhook) -> None:
    media = make_media(post)
    post.media = [{"id": media.pk, "type": "image", "name": "a", "thumbnail": ""}]
    record("failed", media, actor=SYSTEM, workspace_id=post.workspace_id, post=post.pk)

    assert [entry.message for entry in heard(post)] == [f"The webhook {webhook.pk} is to be sent media.failed."]


def do_nothing(post: Post, webhook: Webhook) -> None:
    """What there is is of another post, of an account, or for a webhook of another workspace."""


def switch_to_another_event(post: Post, webhook: Webhook) -> None:
    Webhook.objects.update(events=["post.published"])
    record("updated", post, actor=SYSTEM)


def delete_it(post: Post, webhook: Webhook) -> None:
    record("updated", post, actor=SYSTEM)
    Webhook.objects.update(deleted_at=database_now())


def prune(post: Post, webhook: Webhook) -> None:
    record("updated", post, actor=SYSTEM)
    Message.objects.update(created_at=database_now() - timedelta(days=31))
    remove_all(pruning.old(database_now()))


@pytest.mark.parametrize(
    "happen", [do_nothing, switch_to_another_event, delete_it, prune], ids=lambda each: each.__name__
)
def test_what_is_not_the_posts_or_is_gone_is_not_listed(
    workspace: Workspace, post: Post, webhook: Webhook, happen: Callable[[Post, Webhook], None]
) -> None:
    account = post.targets.get().account
    make_webhook(events=list(EVENTS), workspace_ids=[make_workspace().pk])
    record("updated", make_post(workspace, accounts=[account]), actor=SYSTEM)
    record("disconnected", account, actor=SYSTEM, account_name=account.name)

    happen(post, webhook)

    assert heard(post) == []


def test_each_webhook_that_hears_of_an_event_has_a_line(post: Post) -> None:
    webhooks = [make_webhook(events=["post.updated"]) for _ in range(2)]
    for _ in range(2):
        record("updated", post, actor=SYSTEM)

    assert sorted(entry.message for entry in heard(post)) == sorted(
        f"The webhook {each.pk} is to be sent post.updated." for each in webhooks * 2
    )


def test_of_many_deliveries_the_last_are_listed(post: Post, webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "MOST", 3)
    make_webhook(events=["post.updated"])
    for _ in range(4):
        record("updated", post, actor=SYSTEM)
    Delivery.objects.update(status="delivered", attempts=1)
    for number, row in enumerate(Delivery.objects.order_by("pk")):
        Delivery.objects.filter(pk=row.pk).update(finished_at=NOW + number * MINUTE)

    assert [entry.at for entry in heard(post)] == [NOW + number * MINUTE for number in (5, 6, 7)]
