"""/admin/webhooks against the reference and the contract."""

import base64
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings
from standardwebhooks.webhooks import WebhookVerificationError

from accounts.models import SocialAccount
from ouipost import claims
from ouipost.api.models import StoredAnswer
from ouipost.claims import database_now
from ouipost.crypto import CannotDecrypt, encrypt
from ouipost.events import outbox, replays, trials, webhooks
from ouipost.events.catalogue import EVENTS
from ouipost.events.journal import SYSTEM, record
from ouipost.events.models import Delivery, DeliveryAttempt, Event, Message, Replay, Webhook
from ouipost.ids import new_id
from ouipost.runtime import waiting
from tests.conftest import AdminClient, ApiClient
from tests.contract.seed import assert_matches, differences, request_body, sample
from tests.contract.world import at, data_of, error_of, fields_of, told
from tests.factories import (
    NOW,
    make_account,
    make_delivery,
    make_post,
    make_token,
    make_user,
    make_webhook,
    make_workspace,
)
from tests.outbound.names import NameServer
from tests.webhooks.conftest import deliver_due, deliver_now
from tests.webhooks.receiver import Received, Receiver
from workspaces.models import User, Workspace

pytestmark = pytest.mark.usefixtures("names")
URL = "https://yourapp.com/webhooks/post"
MADE = "2024-01-22T10:00:00Z"
SHOWN = {
    *("id", "url", "events", "workspaces", "is_active", "disabled_reason", "failing_since"),
    *("created_at", "last_triggered_at", "old_secret_signs_until", "stats"),
}
SHOWN_OF_DELIVERY = {
    *("id", "event_id", "event", "status", "attempts"),
    *("created_at", "next_attempt_at", "finished_at", "body", "log"),
}
SHOWN_OF_REPLAY = {
    *("id", "replay_id", "status", "scope", "since", "until", "total", "done", "created_at", "finished_at"),
}


def administrator() -> AdminClient:
    """Log in at the moment that a test has travelled to."""
    user = User.objects.filter(email="admin@example.com").first()
    return AdminClient(make_token(user or make_user(email="admin@example.com", password=None)))


def make(admin: AdminClient, **values: Any) -> dict[str, Any]:
    """Make a webhook over the API and return it as it is shown then: with its secret."""
    body = {"url": URL, "events": ["post.published"]} | values
    made: dict[str, Any] = data_of(admin.post("/admin/webhooks", body), status=201)["webhook"]
    return made


def shown(admin: AdminClient, pk: str) -> dict[str, Any]:
    found: dict[str, Any] = admin.get(f"/admin/webhooks/{pk}").json()["data"]["webhook"]
    return found


def publish(workspace: Workspace, verb: str = "published") -> str:
    """Let the journal tell of a post, and return the id that receivers see."""
    return f"evt_{record(verb, make_post(workspace), actor=SYSTEM).pk}"


def deliveries_of(admin: AdminClient, pk: str, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = admin.get(f"/admin/webhooks/{pk}/deliveries{query}").json()["data"]["deliveries"]
    return found


def verified(call: Received, *secrets: str) -> list[bool]:
    """Return, for each secret, whether its holder takes this call for ours, by the library of Standard Webhooks."""

    def is_taken(secret: str) -> bool:
        try:
            call.verify(secret)
        except WebhookVerificationError:
            return False
        return True

    return [is_taken(secret) for secret in secrets]


def as_secret(content: bytes) -> str:
    return "whsec_" + base64.b64encode(content).decode()


@time_machine.travel("2024-01-22T09:31:00Z", tick=False)
def test_the_list_is_as_in_the_reference(db: None) -> None:
    told = sample("GET /admin/webhooks")["webhooks"][0]
    webhook = make_webhook(url=told["url"], events=told["events"], last_triggered_at=at(told["last_triggered_at"]))
    counted = {name: told["stats"][name] for name in ("successful_deliveries", "failed_deliveries")}
    Webhook.objects.filter(pk=webhook.pk).update(created_at=at(told["created_at"]), **counted)

    response = administrator().get("/admin/webhooks")

    assert_matches(response, "GET /admin/webhooks")
    data = response.json()["data"]
    assert (set(data), set(data["webhooks"][0])) == ({"webhooks"}, SHOWN)
    assert data["webhooks"][0]["stats"] == {
        "total_deliveries": 145,
        "successful_deliveries": 143,
        "failed_deliveries": 2,
    }


def test_one_webhook_is_shown_with_the_fields_of_the_list_and_no_secret(admin: AdminClient) -> None:
    made = make(admin, secret="a secret of mine, a long one")

    one = admin.get(f"/admin/webhooks/{made['id']}")

    assert one.json()["data"] == {"webhook": {name: value for name, value in made.items() if name != "secret"}}
    assert set(one.json()["data"]["webhook"]) == SHOWN
    assert one.json()["data"]["webhook"] == admin.get("/admin/webhooks").json()["data"]["webhooks"][0]
    assert made["secret"].removeprefix("whsec_") not in one.content.decode()


@time_machine.travel(MADE, tick=False)
def test_making_a_webhook_takes_the_body_of_the_reference_and_answers_with_the_fields_of_its_list(db: None) -> None:
    body = request_body("POST /admin/webhooks")

    response = administrator().post("/admin/webhooks", body)

    assert (response.status_code, set(response.json()), set(response.json()["data"])) == (
        201,
        {"success", "data"},
        {"webhook"},
    )
    webhook = response.json()["data"]["webhook"]
    made_otherwise = ("events.*", "created_at", "last_triggered_at")
    expected = sample("GET /admin/webhooks")["webhooks"][0] | {"events": body["events"], "last_triggered_at": None}
    expected["stats"] = dict.fromkeys(expected["stats"], 0)
    assert list(differences(webhook, expected, made=made_otherwise)) == []
    assert set(webhook) == {*SHOWN, "secret"}
    assert (webhook["events"], webhook["created_at"], webhook["workspaces"]) == (body["events"], MADE, [])
    assert webhook["secret"] == as_secret(body["secret"].encode())
    event = told("webhook.created")
    assert (event.resource_id, event.details) == (
        webhook["id"],
        {"url": URL, "events": body["events"], "workspace_ids": []},
    )


def test_a_secret_stands_encrypted_and_nowhere_else(
    admin: AdminClient, workspace: Workspace, receiver: Receiver
) -> None:
    given, other = "my very own secret", "another of my secrets"
    made = make(admin, url=receiver.url, secret=given)
    publish(workspace)
    assert deliver_due() == 1
    rotated = admin.post(f"/admin/webhooks/{made['id']}/rotate-secret", {"secret": other}).json()["data"]["webhook"]

    written = (Webhook, Event, StoredAnswer, Message, DeliveryAttempt)
    everything = str([list(table.objects.values()) for table in written])

    secrets = (given, other, made["secret"], rotated["secret"])
    assert not any(each.removeprefix("whsec_") in everything for each in secrets)
    webhook = Webhook.objects.get()
    assert webhook.secrets(now=webhook.created_at) == [rotated["secret"], made["secret"]]
    Webhook.objects.update(secret=webhook.previous_secret)
    with pytest.raises(CannotDecrypt):
        Webhook.objects.get().secrets(now=webhook.created_at)


def test_without_a_secret_we_make_one_that_nobody_can_guess(admin: AdminClient) -> None:
    one, other = (make(admin)["secret"] for _ in range(2))

    contents = {base64.b64decode(secret.removeprefix("whsec_"), validate=True) for secret in (one, other)}

    assert [secret[:6] for secret in (one, other)] == ["whsec_"] * 2
    assert [len(content) for content in contents] == [32] * 2


TAKEN = {
    "the shortest": ("x" * 16, b"x" * 16),
    "the longest": ("x" * 128, b"x" * 128),
    "not ASCII": ("ein langes Geheimnis: süß", "ein langes Geheimnis: süß".encode()),
    "not in its composed form": ("u\u0308" * 8, "u\u0308".encode() * 8),
    "with spaces": (" a secret of mine ", b" a secret of mine "),
    "24 bytes": (as_secret(b"b" * 24), b"b" * 24),
    "64 bytes": (as_secret(b"\xff" * 64), b"\xff" * 64),
}


@pytest.mark.parametrize("case", TAKEN)
def test_a_given_secret_is_taken_as_its_bytes_and_shown_as_base64(
    admin: AdminClient, workspace: Workspace, receiver: Receiver, case: str
) -> None:
    given, content = TAKEN[case]
    made = make(admin, url=receiver.url, secret=given)
    other = make(admin, is_active=False)
    rotated = admin.post(f"/admin/webhooks/{other['id']}/rotate-secret", {"secret": given}).json()["data"]["webhook"]

    publish(workspace)
    deliver_due()

    assert made["secret"] == rotated["secret"] == as_secret(content)
    assert verified(receiver.calls[0], as_secret(content), as_secret(content + b"x")) == [True, False]


REFUSED: dict[str, Any] = {
    "15 characters": "x" * 15,
    "129 characters": "x" * 129,
    "nothing": "",
    "null": None,
    "a number": 1234567890123456,
    "23 bytes": as_secret(b"b" * 23),
    "65 bytes": as_secret(b"b" * 65),
    "no base64": "whsec_" + "!" * 32,
    "without its padding": as_secret(b"b" * 25).rstrip("="),
    "the other alphabet of base64": as_secret(b"\xff" * 30).replace("/", "_"),
    "a control character": "x" * 16 + "\x07",
}


@pytest.mark.parametrize("case", REFUSED)
def test_another_secret_is_refused_and_changes_nothing(admin: AdminClient, case: str) -> None:
    webhook = make_webhook()

    answers = [
        admin.post("/admin/webhooks", {"url": URL, "events": ["post.failed"], "secret": REFUSED[case]}),
        admin.post(f"/admin/webhooks/{webhook.pk}/rotate-secret", {"secret": REFUSED[case]}),
    ]

    assert [set(fields_of(answer)) for answer in answers] == [{"secret"}] * 2
    assert Webhook.objects.get().secret == webhook.secret
    assert not Event.objects.exists()


@pytest.mark.parametrize("secret", ["x" * 32, None])
def test_another_secret_is_refused_with_the_name_of_the_call_that_gives_one(
    admin: AdminClient, secret: str | None
) -> None:
    webhook = make_webhook()

    told = fields_of(admin.put(f"/admin/webhooks/{webhook.pk}", {"secret": secret}))

    assert told == {"secret": ["Cannot be set here: use POST /admin/webhooks/{id}/rotate-secret."]}


INVALID: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({}, {"url": "required", "events": "required"}),
    ({"url": "", "events": []}, {"url": "blank", "events": "empty"}),
    ({"url": None, "events": None}, {"url": "null", "events": "null"}),
    ({"url": 1, "events": "post.failed"}, {"url": "string", "events": "list"}),
    ({"url": URL, "events": {}}, {"events": "list"}),
    (
        {"url": URL, "events": ["post.failed", "post.exploded", None, "webhook.test"]},
        {"events.1": "post.created, post.updated", "events.2": "null", "events.3": "one of"},
    ),
    ({"url": f"{URL}?{'x' * 2000}", "events": ["post.failed"]}, {"url": "2000"}),
    (
        {"url": URL, "events": ["post.failed"], "active": True, "signing_key": "x"},
        {"active": "U", "signing_key": "Unk"},
    ),
    ({"url": URL, "events": ["post.failed"], "workspaces": "ws_1"}, {"workspaces": "list"}),
    ({"url": URL, "events": ["post.failed"], "workspaces": ["x", 1]}, {"workspaces.0": "", "workspaces.1": "string"}),
    (
        {"url": URL, "events": ["post.failed"], "workspaces": ["ws_1", "ws_2"]},
        {f"workspaces.{n}": "no" for n in (0, 1)},
    ),
    (
        {"url": "http://10.0.0.1", "events": ["x"], "secret": "short", "workspaces": [None], "is_active": 1},
        {"url": "https", "events.0": "one of", "secret": "16", "workspaces.0": "null", "is_active": "true or false"},
    ),
    ({"url": "https://shop:secret@example.com/", "events": ["post.failed"]}, {"url": "without a password"}),
    (
        {"url": "https://[::1]/", "events": ["post.failed"], "secret": "whsec_x" * 3},
        {"url": "public", "secret": "base64"},
    ),
]


@pytest.mark.parametrize(("body", "problems"), INVALID)
def test_everything_that_is_wrong_is_named_at_once(
    admin: AdminClient, body: dict[str, Any], problems: dict[str, str]
) -> None:
    found = fields_of(admin.post("/admin/webhooks", body))

    assert set(found) == set(problems)
    assert all(part in found[name][0] for name, part in problems.items()), found
    assert not Webhook.objects.exists()
    assert not Event.objects.exists()


@pytest.mark.parametrize("field", ["url", "events", "workspaces", "is_active", "secret"])
def test_what_is_refused_at_first_is_refused_as_a_change_too(admin: AdminClient, field: str) -> None:
    made = make(admin)
    wrong = {"url": "https://127.0.0.1/", "events": [], "workspaces": ["ws_1"], "is_active": None, "secret": "x" * 16}

    answers = [admin(method, f"/admin/webhooks/{made['id']}", {field: wrong[field]}) for method in ("PUT", "PATCH")]

    assert [{name.partition(".")[0] for name in fields_of(answer)} for answer in answers] == [{field}] * 2
    assert shown(admin, made["id"]) == {name: value for name, value in made.items() if name != "secret"}


def test_every_event_of_the_catalogue_can_be_asked_for_and_each_once(admin: AdminClient) -> None:
    made = make(admin, events=[*EVENTS, *EVENTS])

    assert made["events"] == list(EVENTS)
    assert set(EVENTS) >= set(request_body("POST /admin/webhooks")["events"])
    assert set(EVENTS) == {
        *("post.created", "post.scheduled", "post.published", "post.failed"),
        *("account.connected", "account.disconnected", "account.expired"),
        *("post.updated", "post.deleted", "post.partially_published", "post.needs_review", "post.missed"),
        *("account.expiring", "account.error", "media.failed"),
    }


def test_a_workspace_that_was_deleted_cannot_be_given_and_may_come_back(admin: AdminClient) -> None:
    one, gone = make_workspace(), make_workspace()
    made = make(admin, workspaces=[one.pk, gone.pk])
    path = f"/admin/webhooks/{made['id']}"
    Workspace.objects.filter(pk=gone.pk).update(deleted_at=at(MADE))

    again = admin.put(path, shown(admin, made["id"]))
    taken = admin.put(path, {"workspaces": [one.pk, one.pk]})
    refused = admin.put(path, {"workspaces": [one.pk, gone.pk]})

    assert again.json()["data"]["webhook"]["workspaces"] == [one.pk, gone.pk]
    assert taken.json()["data"]["webhook"]["workspaces"] == [one.pk]
    assert fields_of(refused) == {"workspaces.1": [f"There is no such workspace: {gone.pk}."]}


def test_what_a_change_gave_other_values_is_told_by_the_names_of_the_api(
    admin: AdminClient, api: ApiClient, workspace: Workspace
) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)])
    webhook = make(admin, events=["post.updated"])
    twitter = make_account(workspace, platform="twitter")
    for body in ({"content": "Rye", "platforms": ["facebook", "twitter"]}, {"content": "Rye"}):
        assert api.put(f"/api/posts/{post.pk}", body).status_code == 200
    SocialAccount.objects.filter(pk=twitter.pk).update(default_of=None)
    make_account(workspace, platform="twitter", remote_id="2")
    assert api.put(f"/api/posts/{post.pk}", {"content": "Rye"}).status_code == 200

    told = [each["body"]["data"]["changed"] for each in deliveries_of(admin, webhook["id"])]

    assert told == [["targets"], ["content", "platforms"]]


def test_a_webhook_of_some_workspaces_or_events_hears_of_those_alone_and_one_of_none_of_all(
    admin: AdminClient, workspace: Workspace
) -> None:
    other = make_workspace(mode="live")
    limited, wide = make(admin, workspaces=[workspace.pk]), make(admin)
    of_failures = make(admin, events=["post.failed"])

    heard, unheard = publish(workspace), publish(other)

    assert [each["event_id"] for each in deliveries_of(admin, limited["id"])] == [heard]
    assert deliveries_of(admin, of_failures["id"]) == []
    assert [each["event_id"] for each in deliveries_of(admin, wide["id"])] == [unheard, heard]
    assert [each["body"]["mode"] for each in deliveries_of(admin, wide["id"])] == ["live", "sandbox"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("url", "https://other.example/hook"), ("events", ["media.failed"]), ("workspaces", True), ("is_active", False)],
)
def test_one_field_changes_alone(admin: AdminClient, workspace: Workspace, method: str, name: str, value: Any) -> None:
    pk = make(admin)["id"]
    Webhook.objects.update(failures=3, failing_since=NOW)
    value = [workspace.pk] if name == "workspaces" else value
    before = shown(admin, pk)

    response = admin(method, f"/admin/webhooks/{pk}", {name: value})

    reason = {"disabled_reason": "It was switched off."} if name == "is_active" else {}
    afresh = {"failing_since": None} if name in {"url", "is_active"} else {}
    assert response.json()["data"]["webhook"] == shown(admin, pk) == before | {name: value} | reason | afresh
    details = told("webhook.updated").details
    stored = "workspace_ids" if name == "workspaces" else name
    assert (details["before"], details["after"]) == ({stored: before[name]}, {stored: value})


def test_the_whole_of_a_get_can_be_sent_back_and_changes_nothing(admin: AdminClient, workspace: Workspace) -> None:
    pk = make(admin, workspaces=[workspace.pk], events=["post.failed", "post.published"])["id"]
    publish(workspace)
    before, row = shown(admin, pk), Webhook.objects.values().get()

    response = admin.put(f"/admin/webhooks/{pk}", before)
    bold = admin.put(f"/admin/webhooks/{pk}", before | {"id": "wh_x", "stats": {}, "disabled_reason": "No."})

    assert response.json()["data"]["webhook"] == bold.json()["data"]["webhook"] == before
    assert Webhook.objects.values().get() == row
    assert Delivery.objects.get().status == "pending"


def test_an_address_that_stays_is_not_asked_for_again(admin: AdminClient, names: NameServer) -> None:
    pk = make(admin)["id"]
    names.knows["yourapp.com."] = ["10.0.0.1"]
    names.asked.clear()

    kept = admin.put(f"/admin/webhooks/{pk}", shown(admin, pk) | {"is_active": False})
    moved = admin.put(f"/admin/webhooks/{pk}", {"url": f"{URL}/2"})

    assert (kept.status_code, set(fields_of(moved)), names.asked) == (200, {"url"}, ["yourapp.com."])


def test_switched_off_it_discards_what_waits_and_switched_on_it_begins_anew(
    admin: AdminClient, workspace: Workspace, receiver: Receiver
) -> None:
    pk = make(admin, url=receiver.url)["id"]
    receiver.will_answer(500)
    publish(workspace)
    deliver_due()
    failing = shown(admin, pk)

    off = admin.put(f"/admin/webhooks/{pk}", {"is_active": False}).json()["data"]["webhook"]
    missed = publish(workspace)
    assert deliver_now() == 0
    on = admin.put(f"/admin/webhooks/{pk}", {"is_active": True}).json()["data"]["webhook"]
    heard = publish(workspace)
    assert deliver_due() == 1

    assert failing["failing_since"] is not None
    assert (off["disabled_reason"], on["disabled_reason"], on["failing_since"]) == ("It was switched off.", None, None)
    lines = Event.objects.filter(type="webhook.updated").order_by("pk")
    assert [line.details.get("discarded") for line in lines] == [1, None]
    listed = deliveries_of(admin, pk)
    assert [(each["status"], each["finished_at"] is None) for each in listed] == [
        ("delivered", False),
        ("discarded", False),
    ]
    assert listed[0]["event_id"] == heard
    assert missed not in {call.id for call in receiver.calls}


@pytest.mark.parametrize("narrowed", ["events", "workspaces"])
def test_what_waits_and_is_no_longer_asked_for_is_not_sent_until_it_is_asked_for_again(
    admin: AdminClient, workspace: Workspace, receiver: Receiver, narrowed: str
) -> None:
    another = make_workspace(name="Other")
    narrower = {"events": ["post.failed"], "workspaces": [another.pk]}
    pk = make(admin, url=receiver.url, events=["post.published", "post.failed"])["id"]
    old, heard = publish(workspace), publish(another, "failed")
    webhooks.send_test(Webhook.objects.get(), actor=SYSTEM)

    admin.put(f"/admin/webhooks/{pk}", {narrowed: narrower[narrowed]})
    assert deliver_now() == 2

    assert told("webhook.updated").details["discarded"] == 1
    listed = {each["event_id"]: each for each in deliveries_of(admin, pk)}
    assert (listed[old]["status"], listed[heard]["status"]) == ("discarded", "delivered")
    again = f"/admin/webhooks/{pk}/deliveries/{listed[old]['id']}/redeliver"
    assert (error_of(admin.post(again)), deliver_now()) == ((409, "CONFLICT"), 0)
    admin.put(f"/admin/webhooks/{pk}", {"events": ["post.published"], "workspaces": []})
    assert (admin.post(again).status_code, deliver_now()) == (200, 1)


def test_a_change_of_one_that_is_off_leaves_the_test_that_waits(admin: AdminClient) -> None:
    pk = make(admin, is_active=False)["id"]
    webhooks.send_test(Webhook.objects.get(), actor=SYSTEM)

    admin.put(f"/admin/webhooks/{pk}", {"url": "https://other.example/"})

    assert Delivery.objects.get().status == "pending"
    assert "discarded" not in told("webhook.updated").details


def test_a_deleted_webhook_is_gone_at_once_and_is_sent_nothing(
    admin: AdminClient, workspace: Workspace, receiver: Receiver
) -> None:
    made = make(admin, url=receiver.url)
    publish(workspace)
    waiting = deliveries_of(admin, made["id"])[0]["id"]

    response = admin.delete(f"/admin/webhooks/{made['id']}")
    publish(workspace)

    assert response.json() == {"success": True, "data": {"message": "Webhook deleted successfully"}}
    assert (deliver_now(), receiver.calls) == (0, [])
    assert (Delivery.objects.get().pk, Delivery.objects.get().status) == (waiting, "discarded")
    assert admin.get("/admin/webhooks").json()["data"] == {"webhooks": []}
    path = f"/admin/webhooks/{made['id']}"
    gone = [
        *(admin(method, path, {"is_active": True}) for method in ("GET", "PUT", "PATCH")),
        *(admin.post(f"{path}/{action}", {"since": MADE}) for action in ("rotate-secret", "replay")),
        *(admin("DELETE", path), admin.post(f"{path}/test")),
        *(admin.get(f"{path}/{rows}") for rows in ("deliveries", "replays", f"deliveries/{waiting}")),
        admin.post(f"{path}/deliveries/{waiting}/redeliver"),
    ]
    assert [error_of(answer) for answer in gone if error_of(answer) != (400, "VALIDATION_ERROR")] == [
        (404, "NOT_FOUND")
    ] * 10
    event = told("webhook.deleted")
    assert (event.resource_id, event.details) == (made["id"], {"url": receiver.url})
    assert (Webhook.objects.get().secret, Webhook.objects.get().previous_secret) == ("", "")


def test_a_test_is_a_signed_event_of_its_own_kind(admin: AdminClient, receiver: Receiver) -> None:
    made = make(admin, url=receiver.url)

    response = admin.post(f"/admin/webhooks/{made['id']}/test")

    begun = response.json()["data"]["delivery"]
    assert (response.status_code, set(begun), begun["event"], begun["status"]) == (
        200,
        SHOWN_OF_DELIVERY,
        "webhook.test",
        "delivered",
    )
    assert [(each["number"], each["http_status"]) for each in begun["log"]] == [(1, 204)]
    (call,) = receiver.calls
    assert (call.id, call.json, verified(call, made["secret"])) == (begun["event_id"], begun["body"], [True])
    assert call.json | {"timestamp": ""} == {
        "type": "webhook.test",
        "timestamp": "",
        "id": call.id,
        "workspace_id": None,
        "mode": None,
        "sequence": 1,
        "data": {"webhook": {"id": made["id"]}, "message": "This is a test of Oui Post."},
    }
    assert f"evt_{told('webhook.tested').pk}" == call.id
    assert shown(admin, made["id"])["stats"]["successful_deliveries"] == 1


def test_a_test_goes_to_one_that_is_not_active_too_and_a_failed_one_is_not_tried_again(
    admin: AdminClient, receiver: Receiver
) -> None:
    made = make(admin, url=receiver.url, is_active=False)
    pk, why = made["id"], made["disabled_reason"]
    receiver.will_answer(204, 410)

    for _ in range(2):
        assert admin.post(f"/admin/webhooks/{pk}/test").status_code == 200

    assert [each["status"] for each in deliveries_of(admin, pk)] == ["failed", "delivered"]
    assert (deliver_now(), shown(admin, pk)["is_active"], shown(admin, pk)["disabled_reason"]) == (0, False, why)


def test_a_test_that_is_asked_for_again_under_its_key_is_answered_with_what_came_of_it(
    admin: AdminClient, receiver: Receiver
) -> None:
    path = f"/admin/webhooks/{make(admin, url=receiver.url)['id']}/test"
    receiver.will_answer(500)

    first, again = [admin("POST", path, None, Idempotency_Key="k") for _ in range(2)]

    tested = first.json()["data"]["delivery"]
    assert (tested["status"], tested["attempts"], tested["log"][0]["http_status"]) == ("pending", 1, 500)
    assert timedelta(seconds=3) < at(tested["next_attempt_at"]) - at(tested["log"][0]["at"]) < timedelta(seconds=8)
    assert (again.headers["Idempotent-Replayed"], again.content) == ("true", first.content)
    assert (len(receiver.calls), deliver_now(), len(receiver.calls)) == (1, 1, 2)


def test_a_test_is_left_to_a_worker_where_too_many_requests_wait_already(
    admin: AdminClient, receiver: Receiver, settings: Settings
) -> None:
    pk = make(admin, url=receiver.url)["id"]

    with ExitStack() as held:
        for _ in range(settings.WEB_THREADS // 4):
            held.enter_context(waiting.place())
        left = admin.post(f"/admin/webhooks/{pk}/test")

    assert (left.json()["data"]["delivery"]["status"], receiver.calls) == ("pending", [])
    assert (deliver_due(), deliveries_of(admin, pk)[0]["status"]) == (1, "delivered")


def test_a_test_whose_process_died_is_made_by_a_worker_when_its_lease_is_over(
    admin: AdminClient, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    pk = make(admin, url=receiver.url)["id"]
    with monkeypatch.context() as patch:
        patch.setattr(trials, "attempt", lambda job, writer: None)
        admin.post(f"/admin/webhooks/{pk}/test")

    assert deliver_due() == 0
    Delivery.objects.update(lease_until=claims.database_now())
    assert (deliver_due(), deliveries_of(admin, pk)[0]["status"]) == (1, "delivered")


@pytest.mark.usefixtures("one_clock")
@pytest.mark.parametrize("hours", [None, 1, 24, 168])
def test_both_secrets_sign_until_the_grace_is_over_and_the_new_one_alone_after(
    workspace: Workspace, receiver: Receiver, hours: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (claims, outbox):
        monkeypatch.setattr(module, "database_now", lambda using="default": timezone.now())
    body = {} if hours is None else {"grace_hours": hours}
    ends = at(MADE) + timedelta(hours=24 if hours is None else hours)
    with time_machine.travel(MADE, tick=False) as clock:
        made = make(administrator(), url=receiver.url)
        answer = administrator().post(f"/admin/webhooks/{made['id']}/rotate-secret", body)
        rotated = answer.json()["data"]["webhook"]
        taken = []
        for moment in (at(MADE), ends - timedelta(seconds=1), ends):
            clock.move_to(moment)
            publish(workspace)
            assert deliver_due() == 1
            taken.append(verified(receiver.calls[-1], made["secret"], rotated["secret"]))
        details = told("webhook.secret_rotated").details

    assert taken == [[True, True], [True, True], [False, True]]
    assert (answer.status_code, set(rotated)) == (200, {*SHOWN, "secret"})
    assert [len(call.headers["webhook-signature"].split()) for call in receiver.calls] == [2, 2, 1]
    assert at(rotated["old_secret_signs_until"]) == ends
    assert details == {"url": receiver.url, "old_one_signs_until": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}


@pytest.mark.parametrize("ahead", [0, 6])
def test_without_grace_the_old_secret_ends_at_once_whatever_the_clock_of_the_server_shows(
    admin: AdminClient, workspace: Workspace, receiver: Receiver, ahead: int
) -> None:
    made = make(admin, url=receiver.url)
    with time_machine.travel(timezone.now() + timedelta(hours=ahead)):
        answer = admin.post(f"/admin/webhooks/{made['id']}/rotate-secret", {"grace_hours": 0})
    rotated = answer.json()["data"]["webhook"]

    publish(workspace)
    deliver_due()

    assert verified(receiver.calls[0], made["secret"], rotated["secret"]) == [False, True]


@pytest.mark.usefixtures("one_clock")
def test_when_the_old_secret_has_ended_none_is_shown_to_sign(db: None) -> None:
    with time_machine.travel(MADE, tick=False) as clock:
        path = f"/admin/webhooks/{make(administrator())['id']}"
        administrator().post(f"{path}/rotate-secret", {})
        clock.shift(timedelta(hours=24))

        later = administrator().get(path).json()["data"]["webhook"]

    assert later["old_secret_signs_until"] is None


def test_a_webhook_whose_secrets_cannot_be_opened_gets_another(
    admin: AdminClient, workspace: Workspace, receiver: Receiver
) -> None:
    made = make(admin, url=receiver.url)
    path, lost = f"/admin/webhooks/{made['id']}/rotate-secret", encrypt(made["secret"], place="elsewhere")
    admin.post(path)
    Webhook.objects.update(secret=lost, previous_secret=lost)
    rotated = admin.post(path).json()["data"]["webhook"]

    publish(workspace)
    deliver_due()

    last = Event.objects.filter(type="webhook.secret_rotated").order_by("-pk")[0]
    assert (rotated["old_secret_signs_until"], last.details["old_one_signs_until"]) == (None, None)
    assert verified(receiver.calls[0], made["secret"], rotated["secret"]) == [False, True]


def test_a_third_secret_ends_the_first_at_once(admin: AdminClient, workspace: Workspace, receiver: Receiver) -> None:
    made = make(admin, url=receiver.url)
    path = f"/admin/webhooks/{made['id']}/rotate-secret"
    second, third = (admin.post(path).json()["data"]["webhook"]["secret"] for _ in range(2))

    publish(workspace)
    deliver_due()

    assert verified(receiver.calls[0], made["secret"], second, third) == [False, True, True]


@pytest.mark.parametrize(("hours", "old_signs"), [(None, True), (1, True), (0, False)])
def test_the_same_secret_again_replaces_none_but_ends_the_old_one_without_grace(
    admin: AdminClient, workspace: Workspace, receiver: Receiver, hours: int | None, old_signs: bool
) -> None:
    made = make(admin, url=receiver.url)
    path, own = f"/admin/webhooks/{made['id']}/rotate-secret", {"secret": "a secret of mine, a long one"}
    first = admin.post(path, own).json()["data"]["webhook"]

    again = admin.post(path, own if hours is None else own | {"grace_hours": hours}).json()["data"]["webhook"]
    publish(workspace)
    deliver_due()

    assert again == first | ({} if old_signs else {"old_secret_signs_until": None})
    assert verified(receiver.calls[0], made["secret"], first["secret"]) == [old_signs, True]
    assert len(set(receiver.calls[0].headers["webhook-signature"].split())) == 1 + old_signs


@pytest.mark.parametrize("hours", [-1, 169, 1.5, "24", None, True])
def test_a_grace_is_a_number_of_hours_up_to_a_week(admin: AdminClient, hours: Any) -> None:
    webhook = make_webhook()

    answer = admin.post(f"/admin/webhooks/{webhook.pk}/rotate-secret", {"grace_hours": hours})

    assert set(fields_of(answer)) == {"grace_hours"}
    assert Webhook.objects.get().secret == webhook.secret


def test_a_delivery_shows_what_was_sent_and_each_attempt(
    admin: AdminClient, workspace: Workspace, receiver: Receiver
) -> None:
    pk = make(admin, url=receiver.url)["id"]
    receiver.will_answer(500, 204)
    event = publish(workspace)
    deliver_due()
    waiting = deliveries_of(admin, pk)[0]
    deliver_now()

    (listed,) = deliveries_of(admin, pk)
    one = admin.get(f"/admin/webhooks/{pk}/deliveries/{listed['id']}").json()["data"]

    assert one == {"delivery": listed}
    assert (set(listed), listed["event_id"], listed["event"]) == (SHOWN_OF_DELIVERY, event, "post.published")
    assert listed["body"] == receiver.calls[0].json == receiver.calls[1].json
    assert (waiting["status"], waiting["attempts"], waiting["finished_at"]) == ("pending", 1, None)
    assert at(waiting["next_attempt_at"]) > at(waiting["created_at"])
    assert (listed["status"], listed["attempts"], listed["next_attempt_at"]) == ("delivered", 2, None)
    assert [set(attempt) for attempt in listed["log"]] == [
        {"number", "at", "milliseconds", "http_status", "error", "answer", "address"}
    ] * 2
    assert [
        (attempt["number"], attempt["http_status"], attempt["error"], attempt["address"]) for attempt in listed["log"]
    ] == [(1, 500, "refused", "127.0.0.1"), (2, 204, None, "127.0.0.1")]


def test_a_delivery_is_found_below_its_own_webhook_alone(admin: AdminClient) -> None:
    made, other = make_delivery(make_webhook()), make_webhook()

    for pk in (other.pk, new_id("wh")):
        path = f"/admin/webhooks/{pk}/deliveries/{made.pk}"
        answers = [admin.get(path), admin.post(f"{path}/redeliver")]
        assert [error_of(answer) for answer in answers] == [(404, "NOT_FOUND")] * 2
    absent = admin.get(f"/admin/webhooks/{made.webhook_id}/deliveries/{new_id('dlv')}")
    assert error_of(absent) == (404, "NOT_FOUND")


def test_an_ended_delivery_is_sent_again_under_the_same_id(
    admin: AdminClient, workspace: Workspace, receiver: Receiver
) -> None:
    pk = make(admin, url=receiver.url)["id"]
    publish(workspace)
    deliver_due()
    (before,) = deliveries_of(admin, pk)

    response = admin.post(f"/admin/webhooks/{pk}/deliveries/{before['id']}/redeliver")
    counted = shown(admin, pk)["stats"]
    assert deliver_due() == 1

    begun = response.json()["data"]["delivery"]
    assert (response.status_code, begun["id"], begun["status"], begun["attempts"], begun["finished_at"]) == (
        200,
        before["id"],
        "pending",
        1,
        None,
    )
    first, second = receiver.calls
    assert (second.id, second.body, second.path) == (first.id, first.body, first.path)
    assert [attempt["number"] for attempt in deliveries_of(admin, pk)[0]["log"]] == [1, 2]
    assert (counted["total_deliveries"], shown(admin, pk)["stats"]["total_deliveries"]) == (0, 1)
    event = told("webhook.redelivered")
    assert event.details == {"delivery": before["id"], "event": before["event_id"]}


def test_sending_again_once_takes_fewer_than_ten_queries(admin: AdminClient) -> None:
    ended = make_delivery(make_webhook(), status="failed", due_at=None)
    path = f"/admin/webhooks/{ended.webhook_id}/deliveries/{ended.pk}/redeliver"

    with CaptureQueriesContext(connection) as queries:
        assert admin("POST", path, None, Idempotency_Key="again").status_code == 200

    asked = [each["sql"] for each in queries if "SAVEPOINT" not in each["sql"]]
    assert len(asked) < 10, asked


def test_what_is_under_way_or_of_an_inactive_webhook_is_not_sent_again(
    admin: AdminClient, workspace: Workspace, receiver: Receiver
) -> None:
    pk = make(admin, url=receiver.url)["id"]
    publish(workspace)
    (waiting,) = deliveries_of(admin, pk)
    path = f"/admin/webhooks/{pk}/deliveries/{waiting['id']}/redeliver"

    pending = admin.post(path)
    admin.put(f"/admin/webhooks/{pk}", {"is_active": False})
    inactive = admin.post(path)
    admin.put(f"/admin/webhooks/{pk}", {"is_active": True})
    again = admin.post(path)

    assert [error_of(answer) for answer in (pending, inactive)] == [(409, "CONFLICT")] * 2
    assert pending.json()["error"]["details"] == {"next_attempt_at": waiting["next_attempt_at"]}
    assert "not active" in inactive.json()["error"]["message"]
    assert (again.status_code, deliver_due(), receiver.calls[0].id) == (200, 1, waiting["event_id"])


def test_what_was_missed_and_is_asked_for_is_replayed_once_each_under_its_own_id(
    admin: AdminClient, workspace: Workspace, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "STEP", 2)
    pk = make(admin, url=receiver.url)["id"]
    since = Webhook.objects.get().created_at.isoformat()
    arrived = publish(workspace)
    deliver_due()
    Webhook.objects.filter(pk=make(admin, events=["post.updated"])["id"]).update(is_active=False)
    admin.put(f"/admin/webhooks/{pk}", {"is_active": False})
    missed = [publish(workspace) for _ in range(3)]
    publish(workspace, "updated")
    admin.put(f"/admin/webhooks/{pk}", {"is_active": True})

    response = admin.post(f"/admin/webhooks/{pk}/replay", {"since": since})
    later = publish(workspace)
    assert deliver_due() == 1
    assert [replays.work_on_due() for _ in range(4)] == [2, 2, 0, 0]
    assert deliver_due() == 4

    begun = response.json()["data"]["replay"]
    assert (response.status_code, set(begun)) == (200, SHOWN_OF_REPLAY)
    assert (begun["scope"], begun["total"], begun["done"], begun["finished_at"]) == ("all", 4, 0, None)
    assert sorted(call.id for call in receiver.calls) == sorted([arrived, arrived, *missed, later])
    (ended,) = admin.get(f"/admin/webhooks/{pk}/replays").json()["data"]["replays"]
    assert ended | {"status": "running", "done": 0, "finished_at": None} == begun
    assert (ended["status"], ended["done"], ended["finished_at"] is not None) == ("finished", 4, True)
    details = told("webhook.replayed").details
    assert (details["replay"], details["scope"], details["events"]) == (begun["id"], "all", 4)


def test_what_was_written_while_the_webhook_was_off_and_committed_behind_the_replay_is_sent_a_minute_later(
    admin: AdminClient, workspace: Workspace, receiver: Receiver
) -> None:
    pk = make(admin, url=receiver.url)["id"]
    since = Webhook.objects.get().created_at.isoformat()
    admin.put(f"/admin/webhooks/{pk}", {"is_active": False})
    elsewhere = make(admin, url=receiver.url)["id"]
    late, seen = publish(workspace), publish(workspace)
    Delivery.objects.update(status="delivered", due_at=None)
    message = Message.objects.get(pk=late.removeprefix("evt_"))
    theirs = Delivery.objects.get(webhook=elsewhere, message=message)
    admin.put(f"/admin/webhooks/{pk}", {"is_active": True})
    Message.objects.filter(pk=message.pk).delete()  # as whoever replays sees it before it is committed
    admin.post(f"/admin/webhooks/{pk}/replay", {"since": since})
    assert (replays.work_on_due(), deliver_due()) == (1, 1)
    message.save(force_insert=True)
    theirs.save(force_insert=True)
    first = Replay.objects.get()

    Replay.objects.exclude(due_at=None).update(due_at=database_now())
    assert [replays.work_on_due() for _ in range(2)] == [1, 0]

    again = Replay.objects.get()
    assert (deliver_due(), [call.id for call in receiver.calls]) == (1, [seen, late])
    assert (first.due_at, again.due_at) == (first.until + timedelta(minutes=1), None)
    assert (first.done, again.done, again.finished_at) == (1, 2, first.finished_at)
    assert Delivery.objects.filter(webhook=pk, status="delivered").count() == 2


def test_what_a_webhook_subscribes_to_right_after_its_replay_is_not_replayed(
    admin: AdminClient, workspace: Workspace, receiver: Receiver
) -> None:
    pk = make(admin, url=receiver.url)["id"]
    make(admin, url=receiver.url, events=["post.updated"])
    publish(workspace, "updated")
    two_minutes_ago = timezone.now() - timedelta(minutes=2)
    Message.objects.update(created_at=two_minutes_ago)
    admin.post(f"/admin/webhooks/{pk}/replay", {"since": two_minutes_ago.isoformat()})
    replays.work_on_due()

    admin.put(f"/admin/webhooks/{pk}", {"events": ["post.published", "post.updated"]})
    Replay.objects.update(due_at=database_now())
    replays.work_on_due()

    assert not Delivery.objects.filter(webhook=pk).exists()


def test_a_replay_of_what_failed_leaves_out_what_arrived_there_and_what_waits(
    admin: AdminClient, workspace: Workspace, receiver: Receiver
) -> None:
    pk = make(admin, url=receiver.url)["id"]
    since = Webhook.objects.get().created_at.isoformat()
    publish(workspace)
    deliver_due()
    elsewhere = make(admin, url=receiver.url)["id"]
    failed, waits = publish(workspace), publish(workspace)
    Delivery.objects.filter(webhook=elsewhere).update(status="delivered", due_at=None)
    Delivery.objects.filter(status="pending").update(due_at=database_now() + timedelta(hours=1))
    Delivery.objects.filter(webhook=pk, message=failed.removeprefix("evt_")).update(status="failed", due_at=None)

    begun = admin.post(f"/admin/webhooks/{pk}/replay", {"since": since, "scope": "failed"}).json()["data"]["replay"]
    assert (replays.work_on_due(), deliver_due()) == (1, 1)

    replayed = data_of(admin.get(f"/admin/webhooks/{pk}/replays"))["replays"][0]
    assert (begun["total"], replayed["done"], begun["scope"], receiver.calls[-1].id) == (1, 1, "failed", failed)
    assert Delivery.objects.get(status="pending").message.public_id == waits


def test_the_same_replay_id_is_the_same_replay(admin: AdminClient) -> None:
    one, other = make_webhook(), make_webhook()
    body = {"since": "2036-01-01T00:00:00Z", "replay_id": "tuesday"}
    with time_machine.travel("2036-01-02T00:00:00Z", tick=False):
        admin = administrator()

        first, again = (admin.post(f"/admin/webhooks/{one.pk}/replay", body).json()["data"]["replay"] for _ in "12")
        Webhook.objects.filter(pk=one.pk).update(is_active=False)
        stopped = admin.post(f"/admin/webhooks/{one.pk}/replay", body).json()["data"]["replay"]
        others = [{"scope": "failed"}, {"since": "2036-01-01T12:00:00Z"}]
        refused = [admin.post(f"/admin/webhooks/{one.pk}/replay", body | other) for other in others]
        elsewhere = admin.post(f"/admin/webhooks/{other.pk}/replay", body).json()["data"]["replay"]
        unnamed = [admin.post(f"/admin/webhooks/{other.pk}/replay", {"since": body["since"]}) for _ in "12"]

    assert first == again == stopped
    told = "Used already for a replay of all since 2036-01-01T00:00:00Z: choose another."
    assert [fields_of(answer) for answer in refused] == [{"replay_id": [told]}] * 2
    assert (first["replay_id"], elsewhere["replay_id"], first["id"] == elsewhere["id"]) == ("tuesday", "tuesday", False)
    assert {answer.status_code for answer in unnamed} == {200}
    assert (Replay.objects.count(), Event.objects.filter(type="webhook.replayed").count()) == (4, 4)


NOT_SINCE: dict[str, Any] = {
    "the future": "2024-01-22T10:00:01Z",
    "more than 14 days back": "2024-01-08T09:59:59Z",
    "no offset": "2024-01-22T09:00:00",
    "a day": "2024-01-22",
    "no moment": "yesterday",
    "null": None,
    "a number": 1705917600,
}


@pytest.mark.parametrize("case", NOT_SINCE)
@time_machine.travel(MADE, tick=False)
def test_a_replay_begins_within_the_last_fourteen_days(db: None, case: str) -> None:
    path, admin = f"/admin/webhooks/{make_webhook().pk}/replay", administrator()

    refused = admin.post(path, {"since": NOT_SINCE[case]})
    taken = [admin.post(path, {"since": since}) for since in ("2024-01-08T10:00:00Z", MADE)]

    assert set(fields_of(refused)) == {"since"}
    assert [answer.status_code for answer in taken] == [200, 200]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "since"),
        ({"since": MADE, "scope": "none"}, "scope"),
        ({"since": MADE, "replay_id": ""}, "replay_id"),
        ({"since": MADE, "replay_id": "x" * 101}, "replay_id"),
        ({"since": MADE, "until": MADE}, "until"),
    ],
)
@time_machine.travel(MADE, tick=False)
def test_what_a_replay_cannot_take_is_named(db: None, body: dict[str, Any], field: str) -> None:
    answer = administrator().post(f"/admin/webhooks/{make_webhook().pk}/replay", body)

    assert set(fields_of(answer)) == {field}
    assert not Replay.objects.exists()


@time_machine.travel(MADE, tick=False)
def test_a_replay_of_more_than_ten_thousand_events_is_told_where_to_begin(db: None) -> None:
    path, admin, begin = f"/admin/webhooks/{make_webhook().pk}/replay", administrator(), at("2024-01-20T00:00:00Z")
    Message.objects.bulk_create(
        [
            Message(type="post.published", body="{}", created_at=begin + timedelta(seconds=number))
            for number in range(10_001)
        ],
        batch_size=1_000,
    )

    refused = fields_of(admin.post(path, {"since": begin.isoformat()}))["since"][0]
    taken = admin.post(path, {"since": "2024-01-20T00:00:01Z"}).json()["data"]["replay"]

    assert refused == "More than 10,000 events: choose 2024-01-20T00:00:01+00:00 or later."
    assert taken["total"] == 10_000


def test_nothing_is_replayed_to_a_webhook_that_is_not_active(admin: AdminClient) -> None:
    webhook = make_webhook(is_active=False)

    answer = admin.post(f"/admin/webhooks/{webhook.pk}/replay", {"since": database_now().isoformat()})

    assert error_of(answer) == (409, "CONFLICT")
    assert not Replay.objects.exists()


@pytest.mark.parametrize("query", ["?limit=100", "?limit=100&status=delivered&event=post.published&from=2026-01-01"])
def test_a_page_of_deliveries_costs_the_same_for_one_or_a_hundred(admin: AdminClient, query: str) -> None:
    webhook = make_webhook()

    def write(count: int) -> None:
        for _ in range(count):
            sent = make_delivery(webhook)
            DeliveryAttempt.objects.bulk_create(
                DeliveryAttempt(delivery=sent, number=number, at=NOW, milliseconds=1) for number in range(3)
            )

    costs = []
    for count in (1, 99):
        write(count)
        with CaptureQueriesContext(connection) as queries:
            listed = deliveries_of(admin, webhook.pk, query)
        costs.append(len(queries))

    assert costs[0] == costs[1] < 10
    assert [len(each["log"]) for each in listed] == [3] * 100
