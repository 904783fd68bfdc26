"""Webhooks and their deliveries in the console: through the services, for those who may manage webhooks."""

import base64
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from adminapi.console.admins import webhooks as console
from adminapi.jobs import catalogue
from ouipost.events import replays, webhooks
from ouipost.events.catalogue import EVENTS
from ouipost.events.journal import SYSTEM
from ouipost.events.models import Delivery, DeliveryAttempt, Event, Message, Replay, Webhook
from ouipost.outbound import guard
from tests.console.conftest import browser_of, made_as, page_of, text_of
from tests.factories import NOW, make_delivery, make_user, make_webhook, make_workspace
from tests.outbound.names import NameServer
from tests.webhooks.conftest import before_lock, deliver_due
from tests.webhooks.receiver import Receiver
from workspaces.models import Role, User, Workspace

pytestmark = [pytest.mark.any_database, pytest.mark.usefixtures("names")]

WEBHOOKS, DELIVERIES = "admin:events_webhook", "admin:events_delivery"
ADD, LIST = reverse(f"{WEBHOOKS}_add"), reverse(f"{WEBHOOKS}_changelist")
SENT = reverse(f"{DELIVERIES}_changelist")
FORM = {"url": "https://yourapp.com/hook", "events": ["post.published", "post.failed"], "is_active": "on"}
SECRET = re.compile(r"whsec_[0-9A-Za-z+/]+=*")


def logged_in(**values: Any) -> Client:
    return browser_of(make_user(password=None, **values))


@pytest.fixture
def staff(db: None) -> Client:
    """An administrator who may manage webhooks, and nothing else."""
    return logged_in(email="staff@example.com", role=Role.ADMIN, permissions=["webhooks.manage"])


def act(client: Client, name: str, *rows: Any, page: str = LIST) -> str:
    """Choose an action for rows of a list, and return the page that comes of it."""
    chosen = {"action": name, "_selected_action": [row.pk for row in rows], "confirmed": "1"}
    return text_of(client.post(page, chosen, follow=True))


def told(kind: str) -> Event:
    event = Event.objects.get(type=kind)
    assert event.user_email == "staff@example.com"
    return event


def errors_of(response: Any) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = dict(response.context["adminform"].form.errors)
    return errors


def test_the_form_offers_every_event_of_the_catalogue(staff: Client) -> None:
    page = text_of(staff.get(ADD))

    offered = re.findall(r'<input type="checkbox" name="events" value="([a-z._]+)"', page)
    assert offered == list(EVENTS)
    assert all(says in page for says in EVENTS.values() if "'" not in says)


def test_the_form_offers_the_workspaces_by_name_and_those_it_has(staff: Client, workspace: Workspace) -> None:
    live, gone = make_workspace(name="Bakery", mode="live"), make_workspace(name="Closed", deleted_at=NOW)
    webhook = make_webhook(workspace_ids=[live.pk, gone.pk, "ws_gone"])

    new, present = text_of(staff.get(ADD)), text_of(staff.get(page_of(webhook)))

    box = r'<input type="checkbox" name="workspaces" value="([^"]*)"([^>]*)>'
    assert {pk for pk, _ in re.findall(box, new)} == {live.pk, workspace.pk}
    assert f"{workspace.name} (sandbox)" in new
    assert {pk for pk, rest in re.findall(box, present) if rest.endswith(" checked")} == {live.pk, gone.pk, "ws_gone"}


def test_a_webhook_that_is_added_shows_its_secret_once(staff: Client, workspace: Workspace) -> None:
    other = make_workspace()

    first = text_of(staff.post(ADD, FORM | {"workspaces": [workspace.pk, other.pk]}, follow=True))
    webhook = Webhook.objects.get()
    later = text_of(staff.get(LIST)) + text_of(staff.get(page_of(webhook)))

    (secret,) = SECRET.findall(first)
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert webhook.secrets(now=timezone.now()) == [secret]
    assert SECRET.findall(later) == []
    written = (webhook.url, webhook.events, webhook.workspace_ids, webhook.is_active)
    assert written == (FORM["url"], FORM["events"], [workspace.pk, other.pk], True)
    assert told("webhook.created").resource_id == webhook.pk
    stored = everything_stored()
    assert (webhook.url in stored, secret.removeprefix("whsec_") in stored, Event.objects.count()) == (True, False, 1)


def test_a_form_that_is_sent_twice_makes_one_webhook(staff: Client) -> None:
    form = FORM | made_as(staff.get(ADD))
    (secret,) = SECRET.findall(text_of(staff.post(ADD, form)))

    again = text_of(staff.post(ADD, form))

    assert "It was added already, so nothing was done." in again
    assert SECRET.findall(again) == []
    assert Webhook.objects.get().secrets(now=timezone.now()) == [secret]


def everything_stored() -> str:
    """Return all rows of all tables as one text."""
    with connection.cursor() as cursor:
        rows = []
        for table in connection.introspection.table_names():
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608 (names are ours)
            rows.append(cursor.fetchall())
    return str(rows)


def test_a_given_secret_is_taken_as_it_is(staff: Client) -> None:
    given = " a secret of mine "

    page = text_of(staff.post(ADD, FORM | {"given_secret": given}, follow=True))

    assert SECRET.findall(page) == ["whsec_" + base64.b64encode(given.encode()).decode()]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no address": ({"url": ""}, "url"),
    "an address inside": ({"url": "https://10.0.0.1/"}, "url"),
    "a name that leads inside": ({"url": "https://inside.example/"}, "url"),
    "plain http": ({"url": "http://yourapp.com/"}, "url"),
    "no event": ({"events": []}, "events"),
    "an unknown event": ({"events": ["post.exploded"]}, "events"),
    "an unknown workspace": ({"workspaces": "ws_1"}, "workspaces"),
    "a short secret": ({"given_secret": "short"}, "given_secret"),
    "a secret that is no base64": ({"given_secret": "whsec_" + "!" * 32}, "given_secret"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_the_api_refuses_the_form_refuses_and_says_where(staff: Client, names: NameServer, case: str) -> None:
    names.knows["inside.example."] = ["192.168.0.1"]
    values, field = WRONG[case]

    response = staff.post(ADD, FORM | values)

    assert set(errors_of(response)) == {field}
    page = text_of(response)
    [goes] = re.findall(r'<li><a href="#([^"]+)" data-goes>', page)
    wrong = re.findall(rf'<input [^>]*name="{field}"[^>]*aria-invalid="true"[^>]*>', page)
    assert re.search(rf'<(?:input|div) [^>]*id="{goes}"', page)
    assert all(f"id_{field}_error" in each for each in wrong)
    assert f'id="id_{field}_error"' in page
    assert not Webhook.objects.exists()
    assert not Event.objects.exists()


def test_a_change_goes_through_the_service_and_tells_what_changed(staff: Client, workspace: Workspace) -> None:
    webhook = make_webhook(url=FORM["url"], events=["post.failed"], workspace_ids=[workspace.pk])
    make_delivery(webhook, status="pending", finished_at=None)
    page = page_of(webhook)
    assert workspace.pk in text_of(staff.get(page))

    unchanged = staff.post(page, FORM | {"events": ["post.failed"], "workspaces": workspace.pk})
    assert not Event.objects.exists()
    changed = staff.post(page, {"url": FORM["url"], "events": ["post.failed", "post.missed"]})

    assert (unchanged.status_code, changed.status_code) == (302, 302)
    webhook.refresh_from_db()
    assert (webhook.events, webhook.workspace_ids, webhook.is_active) == (["post.failed", "post.missed"], [], False)
    assert Delivery.objects.get().status == "discarded"
    assert told("webhook.updated").details == {
        "before": {"events": ["post.failed"], "workspace_ids": [workspace.pk], "is_active": True},
        "after": {"events": ["post.failed", "post.missed"], "workspace_ids": [], "is_active": False},
        "discarded": 1,
    }


def test_a_change_may_keep_an_address_and_a_workspace_that_would_be_refused_by_now(
    staff: Client, names: NameServer, workspace: Workspace
) -> None:
    names.knows["yourapp.com."] = ["10.0.0.1"]
    webhook = make_webhook(url=FORM["url"], workspace_ids=[workspace.pk])
    Workspace.objects.update(deleted_at=NOW)

    kept = staff.post(page_of(webhook), FORM | {"workspaces": workspace.pk})
    moved = staff.post(page_of(webhook), FORM | {"url": "https://yourapp.com/other", "workspaces": workspace.pk})

    assert (kept.status_code, set(errors_of(moved))) == (302, {"url"})
    assert Webhook.objects.get().events == FORM["events"]


def test_a_name_server_is_asked_in_no_transaction(
    transactional_db: None, names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def check_url(url: str) -> None:
        seen.append(connection.in_atomic_block)
        guard.check_url(url)

    monkeypatch.setattr(console, "check_url", check_url)

    logged_in(email="staff@example.com").post(ADD, FORM)

    assert (seen, names.asked, Webhook.objects.count()) == ([False], ["yourapp.com."], 1)


def test_the_list_shows_how_each_webhook_stands_and_no_deleted_one(staff: Client) -> None:
    make_webhook(url="https://one.example/", successful_deliveries=143, failed_deliveries=2, failing_since=NOW)
    make_webhook(url="https://gone.example/", deleted_at=NOW)

    page = text_of(staff.get(LIST))

    assert "143 arrived, 2 failed" in page
    assert "https://one.example/" in page
    assert "gone.example" not in page


def test_another_secret_is_shown_once_and_the_old_one_signs_for_a_day(staff: Client) -> None:
    webhook = make_webhook()
    (old,) = webhook.secrets(now=NOW)

    first, later = act(staff, "rotate_secret", webhook), text_of(staff.get(LIST))

    (new,) = SECRET.findall(first)
    assert SECRET.findall(later) == []
    webhook.refresh_from_db()
    now = timezone.now()
    assert webhook.secrets(now=now) == [new, old]
    assert webhook.secrets(now=now + timedelta(hours=24)) == [new]
    assert told("webhook.secret_rotated").resource_id == webhook.pk
    assert new.removeprefix("whsec_") not in everything_stored()


def test_a_confirmation_that_is_sent_twice_gives_one_secret(staff: Client) -> None:
    webhook = make_webhook()
    (old,) = webhook.secrets(now=NOW)
    form = {"action": "rotate_secret", "_selected_action": webhook.pk}
    mark = re.search(r'name="instead_of" value="([^"]+)"', staff.post(LIST, form).content.decode())
    assert mark
    sent = form | {"confirmed": "1", "instead_of": mark[1]}
    (new,) = SECRET.findall(text_of(staff.post(LIST, sent)))

    again = text_of(staff.post(LIST, sent, follow=True))

    assert "another secret meanwhile" in again
    webhook.refresh_from_db()
    assert webhook.secrets(now=timezone.now()) == [new, old]


def test_secrets_are_given_one_at_a_time(staff: Client) -> None:
    webhooks = [make_webhook(), make_webhook()]

    page = act(staff, "rotate_secret", *webhooks)

    assert "Choose one webhook" in page
    assert SECRET.findall(page) == []
    assert not Event.objects.exists()


def test_a_test_is_sent_to_each_that_was_chosen(staff: Client, receiver: Receiver) -> None:
    webhook, idle = make_webhook(url=receiver.url), make_webhook(url=receiver.url, is_active=False)

    page = act(staff, "send_test", webhook, idle)
    assert deliver_due() == 2

    assert "Send a test: 2 done." in page
    assert [call.json["type"] for call in receiver.calls] == ["webhook.test"] * 2
    assert set(Event.objects.values_list("type", "resource_id", "user_email")) == {
        ("webhook.tested", each.pk, "staff@example.com") for each in (webhook, idle)
    }


def test_the_question_before_a_test_says_when_and_where_its_result_is_shown(staff: Client) -> None:
    page = text_of(staff.post(LIST, {"action": "send_test", "_selected_action": [make_webhook().pk]}))

    assert "The receiver has 15 seconds to answer. Then its delivery shows the result: load the page anew." in page


def replay_of(webhook: Webhook) -> str:
    return reverse("admin:events_webhook_replay", args=[webhook.pk])


def ago(age: timedelta) -> str:
    """Return a time as a browser sends it."""
    return f"{timezone.now() - age:%Y-%m-%dT%H:%M}"


def happened(*ages: timedelta) -> None:
    for age in ages:
        Message.objects.create(type="post.published", body="{}", created_at=timezone.now() - age)


def test_a_replay_says_first_how_many_events_it_will_send_and_sends_nothing_yet(staff: Client) -> None:
    webhook = make_webhook()
    happened(timedelta(hours=1), timedelta(hours=23), timedelta(hours=25))

    asked = [{"since": ago(timedelta(days=1)), "scope": "all", "key": "of a question before"}] * 2
    page, again = (text_of(staff.post(replay_of(webhook), each)) for each in asked)

    assert "2 events will be sent" in page
    keys = {re.findall('name="key" value="(rpl_[^"]+)"', each)[0] for each in (page, again)}
    assert len(keys) == 2, "the answer to each question is a replay of its own"
    assert not Replay.objects.exists()
    assert not Event.objects.exists()


@pytest.mark.parametrize(("scope", "told"), [("all", "covers has happened since"), ("failed", "UTC has arrived.")])
def test_a_replay_of_nothing_is_not_offered(staff: Client, scope: str, told: str) -> None:
    page = text_of(staff.post(replay_of(make_webhook()), {"since": ago(timedelta(days=1)), "scope": scope}))

    assert ("There is nothing to send" in page, told in page, "Send them" in page) == (True, True, False)


@pytest.mark.parametrize("scope", ["all", "failed"])
def test_what_waits_for_its_next_attempt_is_told_and_not_counted(staff: Client, scope: str) -> None:
    webhook = make_webhook()
    asked = {"since": ago(timedelta(days=1)), "scope": scope, "key": "rpl_1"}
    for _ in range(2):
        make_delivery(webhook, status="pending", at=timezone.now() - timedelta(hours=1), finished_at=None)
    alone = text_of(staff.post(replay_of(webhook), asked))
    happened(timedelta(hours=1))

    beside = text_of(staff.post(replay_of(webhook), asked))
    staff.post(replay_of(webhook), asked | {"confirmed": "1"})
    replays.work_on_due()

    waits = "2 events wait for their next attempt already, and are not sent twice."
    assert ("There is nothing to send" in alone, "has arrived" in alone, waits in alone) == (True, False, True)
    assert ("1 event will be sent" in beside, waits in beside) == (True, True)
    assert Replay.objects.values_list("total", "done").get() == (1, 1)


def test_a_replay_that_was_confirmed_begins_once_and_shows_how_far_it_is(staff: Client) -> None:
    webhook = make_webhook()
    happened(timedelta(hours=1), timedelta(hours=2))
    form = {"since": ago(timedelta(days=1)), "scope": "all", "key": "rpl_1", "confirmed": "1"}

    pages = [text_of(staff.post(replay_of(webhook), form, follow=True)) for _ in range(2)]
    replay = Replay.objects.get()
    at_work = staff.get(reverse("admin:events_webhook_progress", args=[webhook.pk, replay.pk]), headers=ASKS_AGAIN)
    Replay.objects.update(done=2, finished_at=NOW)
    done = text_of(staff.get(reverse("admin:events_webhook_progress", args=[webhook.pk, replay.pk])))

    assert (replay.total, replay.scope, told("webhook.replayed").details["replay"]) == (2, "all", replay.pk)
    assert ["Events: 0 of 2." in page for page in pages] == [True, True]
    assert 'hx-trigger="every 2s"' in text_of(at_work)
    assert "<html" not in text_of(at_work)
    assert ("2 events were made due" in done, "every 2s" in done) == (True, False)


def test_a_replay_that_was_cut_short_says_so(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "STEP", 1)
    webhook = make_webhook()
    happened(timedelta(hours=1), timedelta(hours=2))
    form = {"since": ago(timedelta(days=1)), "scope": "all", "confirmed": "1"}
    page = staff.post(replay_of(webhook), form)["Location"]
    replays.work_on_due()
    webhooks.update_webhook(webhook, values={"is_active": False}, actor=SYSTEM)

    replays.work_on_due()
    shown = text_of(staff.get(page))

    assert Replay.objects.get().status == "cut_short"
    told = ("The replay was cut short", "1 event was made due", "The webhook was not active any more")
    assert [each in shown for each in (*told, "every 2s", "is under way")] == [True, True, True, False, False]


ASKS_AGAIN = {"HX-Request": "true"}


@pytest.mark.parametrize(
    ("since", "told"),
    [
        ("", "Choose a date and a time."),
        ("2001-01-01T00:00", "At most"),
        ("yesterday", "Must be an ISO 8601 moment"),
    ],
    ids=["nothing", "too far back", "no time"],
)
def test_a_replay_that_reaches_too_far_is_refused_beside_its_field(staff: Client, since: str, told: str) -> None:
    answer = staff.post(replay_of(make_webhook()), {"since": since, "scope": "all", "confirmed": "1"})

    page = answer.content.decode()
    assert (answer.status_code, f'id="since-told" class="op-error">{told}' in page) == (400, True)
    assert re.search(r'<input [^>]*name="since"[^>]* aria-invalid="true" autofocus', page)
    assert f'name="since" value="{since}"' in page
    assert not Replay.objects.exists()


@pytest.mark.parametrize("name", ["send_test", "rotate_secret", "delete_webhooks"])
def test_what_is_done_to_a_webhook_is_asked_first(staff: Client, name: str) -> None:
    webhook = make_webhook()
    before = Webhook.objects.values().get()

    page = text_of(staff.post(LIST, {"action": name, "_selected_action": webhook.pk}))

    assert ("Do nothing" in page, webhook.url in page) == (True, True)
    assert (Webhook.objects.values().get(), Delivery.objects.exists(), Event.objects.exists()) == (before, False, False)


def test_a_webhook_is_deleted_through_the_service_and_not_by_django(staff: Client) -> None:
    webhook = make_webhook()
    make_delivery(webhook, status="pending", finished_at=None)

    refused = [
        staff.post(reverse(f"{WEBHOOKS}_delete", args=[webhook.pk]), {"post": "yes"}).status_code,
        staff.post(LIST, {"action": "delete_selected", "_selected_action": webhook.pk, "post": "yes"}).status_code,
    ]
    assert (refused, Webhook.objects.get().deleted_at) == ([403, 302], None)
    act(staff, "delete_webhooks", webhook)

    gone = Webhook.objects.get()
    assert (gone.deleted_at is None, gone.secret, Delivery.objects.get().status) == (False, "", "discarded")
    assert told("webhook.deleted").resource_id == webhook.pk


def test_an_action_on_the_page_of_a_webhook_returns_there(staff: Client) -> None:
    webhook = make_webhook()
    form = {"action": "send_test", "_selected_action": webhook.pk, "from": "page"}

    asked = text_of(staff.post(LIST, form))
    done = staff.post(LIST, form | {"confirmed": "1"})
    page = text_of(staff.get(page_of(webhook)))

    assert 'name="from" value="page"' in asked
    assert done["Location"] == page_of(webhook)
    assert reverse(f"{DELIVERIES}_change", args=[Delivery.objects.get().pk]) in page


def test_a_delivery_shows_what_is_sent_and_each_attempt(staff: Client) -> None:
    sent = make_delivery(make_webhook())
    Message.objects.update(body='{"type":"post.published","data":{"post":{"id":"<b>ü</b>"}}}')
    DeliveryAttempt.objects.create(
        delivery=sent, number=1, at=NOW, milliseconds=731, http_status=502, error="refused", answer="<i>Bad gateway</i>"
    )

    page = text_of(staff.get(reverse(f"{DELIVERIES}_change", args=[sent.pk])))

    shown = (f"evt_{sent.message_id}", "post.published", "&lt;b&gt;ü&lt;/b&gt;", "731", "502", "&lt;i&gt;Bad gateway")
    assert [each for each in shown if each not in page] == []
    assert "<b>ü" not in page
    assert "<i>Bad" not in page


@pytest.mark.parametrize(
    ("status", "is_told"), [("pending", True), ("delivered", False)], ids=["that waits", "that arrived"]
)
def test_a_delivery_that_waits_for_its_webhook_to_be_well_says_so(staff: Client, status: str, is_told: bool) -> None:
    webhook = make_webhook(rests=1, failures=5, held_until=NOW)
    delivery = make_delivery(webhook, status=status)

    page = text_of(staff.get(reverse(f"{DELIVERIES}_change", args=[delivery.pk])))

    told = f"The webhook does not answer: nothing is sent to it before {NOW:%Y-%m-%d %H:%M:%S} UTC, then"
    assert (told in page) == is_told


def test_a_delivery_is_shown_whatever_the_receiver_answered(staff: Client) -> None:
    sent = make_delivery(make_webhook())
    DeliveryAttempt.objects.create(delivery=sent, number=1, at=NOW, milliseconds=7, http_status=200, answer="[" * 2_048)

    page = text_of(staff.get(reverse(f"{DELIVERIES}_change", args=[sent.pk])))

    assert "[" * 2_048 in page


def test_a_delivery_whose_message_is_gone_is_shown_beside_the_others(staff: Client) -> None:
    """As after half a restore: no constraint of the database holds them together."""
    webhook = make_webhook()
    lost, kept = make_delivery(webhook), make_delivery(webhook)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_message WHERE id = %s", [lost.message_id])

    shown = text_of(staff.get(SENT))

    assert (lost.message.public_id in shown, kept.message.public_id in shown) == (True, True)
    assert staff.get(reverse(f"{DELIVERIES}_change", args=[lost.pk])).status_code == 200
    assert staff.get(page_of(webhook)).status_code == 200


def test_deliveries_are_found_by_event_status_and_webhook(staff: Client) -> None:
    one, other = make_webhook(), make_webhook()
    sent = {"a": make_delivery(one), "b": make_delivery(one, status="failed"), "c": make_delivery(other)}
    of_none = make_delivery(make_webhook(deleted_at=NOW))

    def found(**query: str) -> str:
        page = text_of(staff.get(SENT, query))
        return "".join(name for name, row in sent.items() if f"evt_{row.message_id}" in page)

    assert (found(), found(status__exact="failed"), found(webhook__id__exact=other.pk)) == ("abc", "b", "c")
    assert [found(q=query) for query in (f"evt_{sent['b'].message_id}", sent["c"].message_id, "evt_x")] == [
        "b",
        "c",
        "",
    ]
    assert staff.get(f"{SENT}{sent['a'].pk}/change/").status_code == 200
    assert staff.get(f"{SENT}{of_none.pk}/change/").status_code == 404


def test_a_delivery_is_sent_again_unless_it_is_under_way(staff: Client) -> None:
    webhook = make_webhook()
    ended, waiting = make_delivery(webhook), make_delivery(webhook, status="pending", finished_at=None)

    page = act(staff, "redeliver", ended, waiting, page=SENT)

    assert page.count("is under way") == 1
    assert {row.pk: row.status for row in Delivery.objects.all()} == {ended.pk: "pending", waiting.pk: "pending"}
    assert told("webhook.redelivered").details["delivery"] == ended.pk


def test_an_empty_list_asks_for_nothing_that_cannot_be_done(staff: Client) -> None:
    empty, searched = (text_of(staff.get(SENT, query)) for query in ({}, {"q": "nothing"}))

    assert ["There is nothing here yet" in page for page in (empty, searched)] == [True, False]
    assert ["Reset filters" in page for page in (empty, searched)] == [False, True]


def test_deliveries_are_read_only(staff: Client) -> None:
    sent = make_delivery(make_webhook())

    answers = [
        staff.post(reverse(f"{DELIVERIES}_add"), {}),
        staff.post(reverse(f"{DELIVERIES}_change", args=[sent.pk]), {"status": "failed"}),
        staff.post(reverse(f"{DELIVERIES}_delete", args=[sent.pk]), {"post": "yes"}),
    ]

    assert {answer.status_code for answer in answers} == {403}
    assert Delivery.objects.get().status == "delivered"


@pytest.fixture
def member(workspace: Workspace) -> User:
    """Somebody who may manage webhooks, and works in one workspace alone."""
    user = make_user(email="mona@example.com", role=Role.EDITOR, permissions=["webhooks.manage"])
    user.memberships.create(workspace=workspace)
    return user


def test_who_is_no_administrator_has_the_webhooks_of_their_own_workspaces_alone(
    member: User, workspace: Workspace
) -> None:
    own, wide = make_webhook(url="https://own.example/", workspace_ids=[workspace.pk]), make_webhook()
    replay = Replay.objects.create(webhook=wide, key="1", since=NOW, until=NOW, total=0, created_at=NOW)
    client = browser_of(member)
    begin, far = replay_of(wide), reverse("admin:events_webhook_progress", args=[wide.pk, replay.pk])

    listed = text_of(client.get(LIST))
    pages = [client.get(page).status_code for page in (page_of(wide), begin, far, page_of(own), replay_of(own))]
    client.post(page_of(wide), FORM | {"url": "https://1.1.1.1/"})
    for name in ("send_test", "rotate_secret", "delete_webhooks"):
        act(client, name, wide)

    assert (own.url in listed, wide.url in listed) == (True, False)
    assert pages == [302, 404, 404, 200, 200]
    assert Webhook.objects.get(pk=wide.pk).url == wide.url
    assert not Event.objects.exists()


@pytest.mark.parametrize("is_new", [True, False], ids=["a new one", "one of theirs"])
def test_who_is_no_administrator_names_workspaces_of_theirs(member: User, workspace: Workspace, is_new: bool) -> None:
    own, other = make_webhook(url=FORM["url"], workspace_ids=[workspace.pk]), make_workspace()
    page = ADD if is_new else page_of(own)
    client = browser_of(member)

    offered = text_of(client.get(page))
    refused = [errors_of(client.post(page, FORM | {"workspaces": ids})) for ids in ([], [workspace.pk, other.pk])]
    together = errors_of(client.post(page, FORM | {"url": "no address", "workspaces": []}))
    taken = client.post(page, FORM | {"workspaces": workspace.pk})

    assert set(together) == {"url", "workspaces"}
    assert ("Choose at least one." in offered, "None chosen" in offered) == (True, False)
    assert refused == [
        {"workspaces": ["Name workspaces of yours: without any, it would be for all of them."]},
        {"workspaces": [f"There is no such workspace: {other.pk}."]},
    ]
    assert taken.status_code == (200 if is_new else 302)
    assert set(Webhook.objects.values_list("url", flat=True)) == {FORM["url"]}
    assert [each.workspace_ids for each in Webhook.objects.all()] == [[workspace.pk]] * (2 if is_new else 1)


def test_an_administrator_is_told_what_a_webhook_for_no_workspace_covers(staff: Client) -> None:
    assert "None chosen: it covers every workspace." in text_of(staff.get(ADD))


def test_who_is_no_administrator_has_the_deliveries_of_such_webhooks_alone(member: User, workspace: Workspace) -> None:
    own, wide = make_webhook(url="https://own.example/", workspace_ids=[workspace.pk]), make_webhook()
    sent, other = make_delivery(own, workspace_id=workspace.pk), make_delivery(wide)
    client = browser_of(member)

    listed = [text_of(client.get(SENT, query)) for query in ({}, {"status__exact": "delivered"}, {"q": other.pk})]
    chosen = text_of(client.get(SENT, {"webhook__id__exact": wide.pk}))
    pages = [client.get(reverse(f"{DELIVERIES}_change", args=[row.pk])).status_code for row in (sent, other)]
    act(client, "redeliver", sent, other, page=SENT)

    assert [sent.message_id in page for page in listed] == [True, True, False]
    assert [other.message_id in page for page in (*listed, chosen)] == [False] * 4
    assert wide.pk not in listed[0]
    assert pages == [200, 404]
    assert {row.pk: row.status for row in Delivery.objects.all()} == {sent.pk: "pending", other.pk: "delivered"}


def test_what_a_webhook_of_theirs_was_told_of_other_workspaces_is_not_shown(member: User, workspace: Workspace) -> None:
    own = make_webhook(workspace_ids=[workspace.pk])
    sent, foreign = make_delivery(own, workspace_id=workspace.pk), make_delivery(own, workspace_id=make_workspace().pk)
    client = browser_of(member)

    pages = [text_of(client.get(page)) for page in (SENT, page_of(own))]
    alone = [client.get(reverse(f"{DELIVERIES}_change", args=[row.pk])).status_code for row in (sent, foreign)]

    assert [sent.pk in page for page in pages] == [True, True]
    assert [foreign.pk in page for page in pages] == [False, False]
    assert alone == [200, 404]
    assert list(catalogue.REDELIVER.rows_of(member)) == [sent]


def test_a_job_of_theirs_comes_to_no_other_webhook_or_delivery(member: User, workspace: Workspace) -> None:
    own, wide = make_webhook(workspace_ids=[workspace.pk]), make_webhook()
    sent = make_delivery(own)
    make_delivery(wide)

    assert [list(kind.rows_of(member)) for kind in (catalogue.TEST_WEBHOOKS, catalogue.DELETE_WEBHOOKS)] == [[own]] * 2
    assert list(catalogue.REDELIVER.rows_of(member)) == [sent]


def test_a_webhook_that_is_theirs_no_more_when_its_row_is_locked_stays_as_it_was(
    member: User, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = make_webhook(workspace_ids=[workspace.pk])
    sent, client = make_delivery(own, workspace_id=workspace.pk), browser_of(member)
    before = Webhook.objects.values().get()
    before_lock(monkeypatch, lambda: Webhook.objects.update(workspace_ids=[]))

    pages = [act(client, name, own) for name in ("rotate_secret", "send_test", "delete_webhooks")]
    pages.append(act(client, "redeliver", sent, page=SENT))
    form = {"since": ago(timedelta(days=1)), "scope": "all", "key": "rpl_1", "confirmed": "1"}
    replayed = client.post(replay_of(own), form)

    assert ["It is gone, or not yours any more." in page for page in pages] == [True] * 4
    assert replayed.status_code == 404
    assert (Webhook.objects.values().get(), Delivery.objects.get().status) == (before, "delivered")
    assert not Replay.objects.exists()
