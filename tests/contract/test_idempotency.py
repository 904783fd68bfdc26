"""Idempotency-Key at the real endpoints: the work is done once, and the first answer is kept."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from ouipost.api import idempotency
from ouipost.api.models import StoredAnswer
from ouipost.events.journal import SYSTEM
from ouipost.events.models import Event
from posts.models import Post, Target
from tests.conftest import AdminClient, ApiClient
from tests.contract.world import but_for_times, error_of, fields_of
from tests.contract.writes import WRITES, World
from tests.factories import (
    make_account,
    make_delivery,
    make_key,
    make_post,
    make_token,
    make_user,
    make_webhook,
    make_workspace,
)
from workspaces.keys.services import update_key
from workspaces.models import Workspace

BODY = {"content": "Hi", "platforms": ["facebook"]}
AT_ONCE = 50
TAKES_NO_KEY = ("POST /admin/login", "POST /admin/logout")
SECRETS = {
    "POST /admin/keys": ("key", "api_key"),
    "POST /admin/keys/{pk}/rotate": ("key", "new_api_key"),
    "POST /admin/webhooks": ("webhook", "secret"),
    "POST /admin/webhooks/{pk}/rotate-secret": ("webhook", "secret"),
}
"""Where an answer that shows a secret has it."""


@pytest.mark.django_db(transaction=True)
def test_one_key_from_fifty_threads_at_once_makes_one_post(api: ApiClient, workspace: Workspace) -> None:
    make_account(workspace)
    api.get("/api/platforms")
    together = threading.Barrier(AT_ONCE)

    def create(_: int) -> Any:
        client = ApiClient(api.headers["X-API-Key"], workspace.pk)
        together.wait(timeout=30)
        try:
            return client.post("/api/posts", BODY, Idempotency_Key="once")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(create, range(AT_ONCE)))

    created = [answer for answer in answers if answer.status_code == 201]
    others = [error_of(answer) for answer in answers if answer.status_code != 201]
    assert (Post.objects.count(), Event.objects.filter(type="post.created").count()) == (1, 1)
    assert set(others) <= {(409, "IDEMPOTENCY_IN_PROGRESS")}
    assert len([answer for answer in created if "Idempotent-Replayed" not in answer.headers]) == 1
    assert len({answer.content for answer in created}) == 1
    assert all(answer.headers["Retry-After"] == "1" for answer in answers if answer.status_code == 409)


def test_the_same_key_with_another_body_is_422(api: ApiClient, workspace: Workspace) -> None:
    make_account(workspace)
    first = api.post("/api/posts", BODY, Idempotency_Key="k")

    other = api.post("/api/posts", BODY | {"content": "Other"}, Idempotency_Key="k")

    assert first.status_code == 201
    assert error_of(other) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert Post.objects.count() == 1


def test_a_repeated_publish_does_not_publish_what_has_become_a_draft_since(
    api: ApiClient, workspace: Workspace
) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)])
    publish = partial(api.post, f"/api/posts/{post.pk}/publish", Prefer="wait=0")
    publish(Idempotency_Key="first")
    for rows in (Post.objects, Target.objects):
        rows.update(status="failed")
    api.post(f"/api/posts/{post.pk}/unschedule")

    repeated = publish(Idempotency_Key="first")
    shown = Post.objects.get().status
    anew = publish(Idempotency_Key="second")

    assert (repeated.status_code, repeated.headers["Idempotent-Replayed"], shown) == (200, "true", "draft")
    assert repeated.json()["data"]["post"]["status"] == "draft"
    assert (anew.status_code, Post.objects.get().status) == (202, "publishing")


READS_ITS_BODY_FIRST = {
    "/api/posts": BODY,
    "/api/posts/validate": BODY,
    "/api/posts/{post}/schedule": {"scheduled_at": "2099-01-01T09:00:00Z"},
    "/api/posts/{post}/publish": {},
    "/api/accounts": {"platform": "facebook", "callback_url": "https://shop.example.com/back"},
    "/api/schedules": {"name": "Mornings", "slots": [{"day": "monday", "time": "09:00", "platforms": ["facebook"]}]},
}


@pytest.mark.parametrize("path", READS_ITS_BODY_FIRST)
def test_the_same_key_with_another_body_is_422_also_where_that_is_wrong(
    api: ApiClient, workspace: Workspace, path: str
) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)])
    at = path.format(post=post.pk)
    first = api.post(at, READS_ITS_BODY_FIRST[path], Idempotency_Key="k", Prefer="wait=0")

    other = api.post(at, {"nothing": "of the kind"}, Idempotency_Key="k")

    assert first.status_code // 100 == 2, first.content
    assert error_of(other) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_keys_are_told_apart_to_the_letter_and_the_space(api: ApiClient, workspace: Workspace) -> None:
    make_account(workspace)

    answers = [api.post("/api/posts", BODY, Idempotency_Key=key) for key in ("ABC", "abc", "abc ", "àbc"[1:])]

    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.json()["data"]["post"]["id"] for answer in answers}) == 4


def test_a_key_means_nothing_to_another_caller_workspace_method_or_path(api: ApiClient, workspace: Workspace) -> None:
    elsewhere = make_workspace()
    for each in (workspace, elsewhere):
        make_account(each)
    clients = [api, ApiClient(make_key()[1], workspace.pk), ApiClient(api.headers["X-API-Key"], elsewhere.pk)]
    post = make_post(workspace)

    created = [client.post("/api/posts", BODY, Idempotency_Key="k") for client in clients]
    changed = [
        api(method, f"/api/posts/{post.pk}", {"content": "x"}, Idempotency_Key="k") for method in ("PUT", "PATCH")
    ]

    assert [answer.status_code for answer in [*created, *changed]] == [201] * 3 + [200] * 2
    assert not any("Idempotent-Replayed" in answer.headers for answer in [*created, *changed])


def test_where_the_path_names_the_workspace_the_header_is_no_part_of_a_keys_scope(api: ApiClient) -> None:
    bare, elsewhere = (ApiClient(api.headers["X-API-Key"], *given) for given in ((), ("ws_x",)))
    before = Workspace.objects.count()

    answers = [each.post("/api/workspaces", {"name": "Bakery"}, Idempotency_Key="k") for each in (api, bare, elsewhere)]

    assert ["Idempotent-Replayed" in each.headers for each in answers] == [False, True, True]
    assert Workspace.objects.count() == before + 1


@pytest.mark.parametrize("path", ["/api/posts", "/api/workspaces/{}", "/api/workspaces"])
def test_a_key_that_lost_a_workspace_is_shown_no_answer_from_it(workspace: Workspace, path: str) -> None:
    make_account(workspace)
    key, secret = make_key(workspace_ids=[workspace.pk])
    api, method = ApiClient(secret, workspace.pk), "PUT" if "{}" in path else "POST"
    body = {"name": "Baker's"} if "workspaces" in path else BODY
    first = api(method, path.format(workspace.pk), body, Idempotency_Key="k")
    update_key(key, values={"workspace_ids": [make_workspace().pk]}, actor=SYSTEM)

    again = api(method, path.format(workspace.pk), body, Idempotency_Key="k")

    assert first.status_code < 300
    assert error_of(again)[0] == 404


def written_by_members(workspace: Workspace) -> list[tuple[str, str, Any]]:
    """Return calls about rows for one workspace: those that make one, change or show one, and delete another."""
    limits = {"workspaces": [workspace.pk]}
    webhook, key = make_webhook(workspace_ids=[workspace.pk]), make_key(workspace_ids=[workspace.pk])[0]
    hook, delivery = f"/admin/webhooks/{webhook.pk}", make_delivery(webhook, workspace_id=workspace.pk)
    return [
        ("POST", "/admin/webhooks", {"url": webhook.url, "events": webhook.events} | limits),
        ("POST", "/admin/keys", {"name": "Bread"} | limits),
        *(("POST", f"{hook}{end}", {}) for end in ("/rotate-secret", "/test", f"/deliveries/{delivery.pk}/redeliver")),
        ("POST", f"{hook}/replay", {"since": timezone.now().isoformat()}),
        ("PUT", hook, {"events": ["post.failed"]}),
        ("POST", f"/admin/keys/{key.pk}/rotate", {}),
        ("PUT", f"/admin/keys/{key.pk}", {"name": "Bread"}),
        ("DELETE", f"/admin/webhooks/{make_webhook(workspace_ids=[workspace.pk]).pk}", None),
    ]


def test_a_person_who_lost_a_workspace_is_shown_no_answer_from_it(workspace: Workspace) -> None:
    person = make_user(role="editor", permissions=["webhooks.manage", "api_keys.manage"])
    person.memberships.create(workspace=workspace)
    client, calls = AdminClient(make_token(person)), written_by_members(workspace)
    send = [partial(client, *call, Idempotency_Key="k") for call in calls]
    first, again = [[call() for call in send] for _ in range(2)]
    workspace.memberships.all().delete()

    later = [call() for call in send]

    assert [answer.status_code // 100 for answer in first] == [2] * len(calls), first
    assert [answer.content for answer in again] == [answer.content for answer in first]
    assert [set(fields_of(answer)) for answer in later[:2]] == [{"workspaces.0"}] * 2
    assert [error_of(answer) for answer in later[2:-1]] == [(404, "NOT_FOUND")] * (len(calls) - 3)
    assert later[-1].content == first[-1].content


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/admin/keys", {"name": "Bread"}),
        ("/admin/webhooks", {"url": "https://1.1.1.1/hook", "events": ["post.failed"]}),
    ],
)
def test_who_is_an_administrator_no_more_gets_no_secret_for_all_workspaces_again(
    db: None, path: str, body: dict[str, Any]
) -> None:
    person = make_user(permissions=["api_keys.manage", "webhooks.manage"])
    first = AdminClient(make_token(person)).post(path, body, Idempotency_Key="k")
    person.role = "editor"
    person.save()

    again = AdminClient(make_token(person)).post(path, body, Idempotency_Key="k")

    assert first.status_code == 201
    assert (again.status_code, set(fields_of(again))) == (400, {"workspaces"})


def test_a_key_is_a_persons_own_whatever_their_login(db: None) -> None:
    person, other = make_user(email="a@example.com"), make_user(email="b@example.com")
    clients = [AdminClient(make_token(each)) for each in (person, person, other)]

    answers = [client.post("/admin/keys", {"name": "Bread"}, Idempotency_Key="k") for client in clients]

    assert [answer.status_code for answer in answers] == [201] * 3
    assert ["Idempotent-Replayed" in answer.headers for answer in answers] == [False, True, False]


def test_a_key_of_255_characters_is_taken(api: ApiClient, workspace: Workspace) -> None:
    make_account(workspace)

    assert api.post("/api/posts", BODY, Idempotency_Key="~" * 255).status_code == 201


@pytest.fixture
def again(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Send all calls of this world with one key, and return what sends the last one again, byte for byte."""
    calls: list[Callable[[], Any]] = []
    send = Client.generic

    def sent(*args: Any, **options: Any) -> Any:
        calls.append(partial(send, *args, **options))
        return calls[-1]()

    monkeypatch.setattr(Client, "generic", sent)
    for client in (world.api, world.admin):
        client.headers["Idempotency-Key"] = "again"
    return lambda: calls[-1]()


@pytest.mark.parametrize("route", [*(route for route in WRITES if route not in TAKES_NO_KEY), "validate"])
def test_a_repeat_gets_the_first_answer_and_changes_nothing(world: World, again: Callable[[], Any], route: str) -> None:
    first = WRITES[route](world) if route in WRITES else world.api.post("/api/posts/validate", BODY)
    recorded = Event.objects.count()

    repeated = again()

    assert first.status_code in (200, 201, 202), first.content
    assert "Idempotent-Replayed" not in first.headers
    assert (repeated.status_code, but_for_times(repeated)) == (first.status_code, but_for_times(first))
    assert repeated.headers["Idempotent-Replayed"] == "true"
    assert Event.objects.count() == recorded


@pytest.mark.parametrize("route", SECRETS)
def test_a_secret_is_replayed_for_ten_minutes_and_sealed_meanwhile(
    world: World, again: Callable[[], Any], route: str
) -> None:
    def grow_old(**age: int) -> None:
        StoredAnswer.objects.update(created_at=StoredAnswer.objects.get().created_at - timedelta(**age))

    (resource, name), first = SECRETS[route], WRITES[route](world)
    stored, expected = str(StoredAnswer.objects.values().get()), first.json()
    replayed = again()
    grow_old(minutes=9, seconds=30)
    within = again()
    grow_old(seconds=31)
    after = again()

    assert [each.content for each in (replayed, within)] == [first.content] * 2
    assert expected["data"][resource][name][11:] not in stored
    expected["data"][resource][name] = None
    assert (after.status_code, after.json()) == (first.status_code, expected)
    assert {each.headers["Idempotent-Replayed"] for each in (replayed, within, after)} == {"true"}
    for minutes, is_kept in ((9, True), (11, False)):
        idempotency.forget_secrets(StoredAnswer.objects.get().created_at + timedelta(minutes=minutes))
        assert (StoredAnswer.objects.get().sealed != "") is is_kept
    assert again().content == after.content


def test_a_secret_is_replayed_where_the_body_would_not_be_taken_any_more(
    admin: AdminClient, settings: Settings
) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    body = {"url": "https://127.0.0.1/hook", "events": ["post.failed"]}
    first = admin.post("/admin/webhooks", body, Idempotency_Key="k")
    settings.OUTBOUND_ALLOW = []

    again = admin.post("/admin/webhooks", body, Idempotency_Key="k")

    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")


def test_reading_takes_no_key(api: ApiClient, workspace: Workspace) -> None:
    before = api.get("/api/posts", Idempotency_Key="k").json()
    make_post(workspace)

    after = api.get("/api/posts", Idempotency_Key="k").json()

    assert before["data"]["pagination"]["total_items"] == 0
    assert after["data"]["pagination"]["total_items"] == 1
    assert not StoredAnswer.objects.exists()
