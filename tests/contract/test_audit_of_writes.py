"""Every write through the API, the admin API, the console or a command leaves a line: who, from where, what."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from accounts import readable
from accounts.models import AccountStatus, Connection, SocialAccount
from accounts.platforms.errors import Rejected
from analytics.models import AccountSync
from ouipost.claims import database_now
from ouipost.events.catalogue import EVENTS
from ouipost.events.models import Event, Message
from posts.models import Post
from posts.timeline.timeline import timeline
from tests.conftest import ApiClient
from tests.contract.routes import Route, admin_routes, api_routes
from tests.contract.writes import (
    ADDRESS,
    AGENT,
    NEW_USER,
    PASSWORD,
    WEBHOOK_SECRET,
    WRITES,
    World,
)
from tests.factories import (
    make_account,
    make_delivery,
    make_key,
    make_media,
    make_schedule,
    make_user,
    make_webhook,
    make_workspace,
)
from workspaces.models import User

WRITES_NOTHING = {"POST /api/posts/{pk}/validate", "POST /api/posts/validate"}
"""Sent with POST, and only looks."""


def writing(routes: list[Route]) -> list[str]:
    names = [str(route) for route in routes if route.method not in ("GET", "PATCH")]
    return [name for name in names if name not in WRITES_NOTHING]


def test_every_route_that_writes_is_tried() -> None:
    assert sorted(WRITES) == sorted([*writing([*api_routes(), *admin_routes()]), "POST /admin/login"])  # open to all


@pytest.mark.parametrize("route", WRITES)
def test_a_write_leaves_a_line_of_its_caller_with_address_and_agent(world: World, route: str) -> None:
    before = set(Event.objects.values_list("pk", flat=True))

    response = WRITES[route](world)

    assert response.status_code in (200, 201, 202), response.content
    lines = Event.objects.exclude(pk__in=before).exclude(ip_address="")
    who = {"user_id": world.user.pk, "user_email": world.user.email} if "/admin" in route else {"key_id": world.key.pk}
    if route == "POST /admin/login":
        who = {"resource_id": world.user.pk}  # nobody was logged in yet
    assert lines.filter(ip_address=ADDRESS, user_agent=AGENT, **who).exists(), list(Event.objects.values())
    assert lines.count() == lines.filter(ip_address=ADDRESS, user_agent=AGENT).count()
    everything = str(list(Event.objects.values()))
    secrets = (
        PASSWORD,
        WEBHOOK_SECRET,
        world.api.headers["X-API-Key"],
        world.admin.headers["Authorization"].partition(" ")[2],
    )
    assert [secret for secret in (*secrets, "of the person", "of the page") if secret in everything] == []


@pytest.mark.parametrize("route", [route for route in WRITES if route.startswith("PUT")])
def test_a_change_is_told_with_what_was_before_and_after(world: World, route: str) -> None:
    WRITES[route](world)

    details = Event.objects.exclude(ip_address="").order_by("pk").last().details  # type: ignore[union-attr]
    assert details["before"].keys() == details["after"].keys() != set()
    assert all(details["before"][name] != details["after"][name] for name in details["before"])


SENT_BACK: dict[str, Callable[[World], tuple[Any, str]]] = {
    "name": lambda world: (world.workspace, "/api/workspaces"),
    "settings": lambda world: (world.account, "/api/accounts"),
    "content": lambda world: (world.post(), "/api/posts"),
    "alt_text": lambda world: (make_media(world.post()), "/api/media"),
    "slots": lambda world: (make_schedule(world.workspace), "/api/schedules"),
    "permissions": lambda world: (make_key()[0], "/admin/keys"),
}
"""A row, where it is, and one of its fields."""


@pytest.mark.parametrize("field", SENT_BACK)
def test_a_write_that_changes_nothing_is_told_to_the_audit_log_alone(world: World, field: str) -> None:
    make_webhook(events=list(EVENTS))
    row, place = SENT_BACK[field](world)
    [shown] = world.act("GET", f"{place}/{row.pk}").json()["data"].values()
    rows = [type(row).objects.filter(pk=row.pk), Post.objects.all()]
    before = [list(each.values()) for each in rows]

    response = world.act("PUT", f"{place}/{row.pk}", {field: shown[field]})

    assert response.status_code == 200, response.content
    assert [list(each.values()) for each in rows] == before
    [line] = Event.objects.exclude(ip_address="")
    assert (line.type, line.resource_id) == (f"{row.journal_name}.unchanged", row.pk)
    assert line.details["before"] == line.details["after"] == {}
    assert not Message.objects.exists()
    assert [timeline(post, now=database_now()) for post in Post.objects.all() if post == row] in ([], [[]])


@pytest.mark.parametrize("route", ["schedule", "unschedule", "publish", "retry", "targets/{target}/resolve"])
def test_where_a_post_stood_is_told_before_and_after(world: World, route: str) -> None:
    WRITES[f"POST /api/posts/{{pk}}/{route}"](world)

    [line] = Event.objects.exclude(ip_address="")
    assert line.details["before"]["status"] != line.details["after"]["status"] == Post.objects.get().status


def told() -> list[tuple[str, str]]:
    return list(Event.objects.exclude(ip_address="").order_by("pk").values_list("type", "resource_id"))


def test_a_sign_in_is_told_step_by_step_whatever_comes_of_it(world: World, network: Any) -> None:
    network("1", "2")
    pending = world.act("POST", "/api/accounts/callback", {"state": world.state(), "code": "c"}).json()["data"]
    world.act("POST", "/api/accounts/callback", {"connection": pending["connection"], "select": ["2"]})
    network(error=Rejected("No."))
    failed = world.act("POST", "/api/accounts/callback", {"state": world.state(), "code": "c"})
    refused = world.act("POST", "/api/accounts/callback", {"state": world.state(), "error": "access_denied"})

    first, second, third = Connection.objects.order_by("pk").values_list("pk", flat=True)
    assert (failed.status_code, refused.status_code) == (422, 422)
    assert told() == [
        ("connection.started", first),
        ("connection.answered", first),
        ("account.connected", SocialAccount.objects.get().pk),
        ("connection.started", second),
        ("connection.answered", second),
        ("connection.started", third),
        ("connection.answered", third),
    ]


def test_the_account_that_is_no_longer_the_default_is_told_too(world: World) -> None:
    old = world.account
    new = make_account(world.workspace, remote_id="2", default_of=None)

    world.act("PUT", f"/api/accounts/{new.pk}", {"is_default": True})
    world.act("DELETE", f"/api/accounts/{new.pk}")

    assert told() == [
        ("account.updated", old.pk),
        ("account.updated", new.pk),
        ("account.disconnected", new.pk),
        ("account.updated", old.pk),
    ]
    changed = [
        (line.details["before"], line.details["after"])
        for line in Event.objects.filter(type="account.updated").order_by("pk")
    ]
    assert changed == [
        ({"is_default": True}, {"is_default": False}),
        ({"is_default": False}, {"is_default": True}),
        ({"is_default": False}, {"is_default": True}),
    ]


def test_slots_that_lose_an_account_are_told(world: World) -> None:
    account = world.account
    schedule = make_schedule(world.workspace, slots=[(0, "09:00", [account.pk, "twitter"])])

    world.act("DELETE", f"/api/accounts/{account.pk}")

    line = Event.objects.get(resource_id=schedule.pk)
    assert (line.type, line.ip_address, line.workspace_id) == ("schedule.updated", ADDRESS, world.workspace.pk)
    assert line.details["before"]["slots"][0]["platforms"] == [account.pk, "twitter"]
    assert line.details["after"]["slots"][0]["platforms"] == ["twitter"]


def test_a_limited_key_that_may_see_another_workspace_is_told(world: World) -> None:
    key, secret = make_key(workspace_ids=[world.workspace.pk])
    client = ApiClient(secret)

    made = client.post("/api/workspaces", {"name": "New"}).json()["data"]["workspace"]["id"]

    line = Event.objects.get(type="api_key.updated", resource_id=key.pk)
    assert line.details["after"] == {"workspace_ids": [world.workspace.pk, made]}


def test_the_address_is_that_of_the_peer_unless_the_peer_is_a_trusted_proxy(world: World, settings: Any) -> None:
    path, spoofed = f"/api/workspaces/{world.workspace.pk}", {"X_Forwarded_For": "198.51.100.7, 192.0.2.44"}
    world.api("PUT", path, {"name": "One"}, **spoofed)
    settings.TRUSTED_PROXIES = [ADDRESS]
    proxied = ApiClient(world.api.headers["X-API-Key"], world.workspace.pk)
    proxied.client = Client(REMOTE_ADDR=ADDRESS)
    proxied("PUT", path, {"name": "Two"}, **spoofed)

    addresses = Event.objects.filter(type="workspace.updated").order_by("pk").values_list("ip_address", flat=True)
    assert list(addresses) == [ADDRESS, "192.0.2.44"]


def console(user: User) -> Client:
    client = Client(REMOTE_ADDR=ADDRESS, headers={"User-Agent": AGENT})
    client.force_login(user)
    return client


def _post_action(name: str, status: str) -> Callable[[World], tuple[str, dict[str, Any]]]:
    return lambda world: ("posts_post_changelist", _chosen(name, world.post(status).pk))


def _chosen(name: str, pk: str) -> dict[str, Any]:
    """Return the form that does something to a row of a list, once it was asked and confirmed."""
    return {"action": name, "_selected_action": pk, "confirmed": "1"}


def _read_now(world: World) -> tuple[str, dict[str, Any]]:
    sync = AccountSync.objects.create(account=world.account, due_at=database_now(), account_due_at=database_now())
    return "analytics_accountsync_changelist", {"action": "read_now", "_selected_action": sync.pk}


def _webhook_action(name: str) -> Callable[[World], tuple[str, dict[str, Any]]]:
    return lambda _: ("events_webhook_changelist", _chosen(name, make_webhook().pk))


def _send_again(world: World) -> tuple[str, dict[str, Any]]:
    sent = make_delivery(make_webhook())
    return "events_delivery_changelist", _chosen("redeliver", sent.pk)


def _replay(world: World) -> tuple[str, dict[str, Any]]:
    since = database_now() - timedelta(days=1)
    page = reverse("admin:events_webhook_replay", args=[make_webhook().pk])
    return page, {"since": f"{since:%Y-%m-%dT%H:%M}", "scope": "all", "confirmed": "1"}


def _delete_schedule(world: World) -> tuple[str, dict[str, Any]]:
    return "posts_schedule_changelist", _chosen("delete_schedules", make_schedule(world.workspace).pk)


def _of_another(name: str) -> Callable[[World], tuple[str, dict[str, Any]]]:
    return lambda _: ("workspaces_user_changelist", _chosen(name, make_user(email="other@example.com").pk))


def _page_of_a_key(action: str) -> Callable[[World], tuple[str, dict[str, Any]]]:
    page = f"admin:workspaces_apikey_{action}"
    return lambda world: (reverse(page, args=[world.key.pk]), {"confirmed": "1"})


def _delete_user(world: World) -> tuple[str, dict[str, Any]]:
    other = make_user(email="other@example.com")
    return reverse("admin:workspaces_user_delete_user", args=[other.pk]), {"confirmed": "1"}


def _page_of_the_workspace(action: str, form: dict[str, Any]) -> Callable[[World], tuple[str, dict[str, Any]]]:
    return lambda world: (reverse(f"admin:workspaces_workspace_{action}", args=[world.workspace.pk]), form)


def _sign_in(world: World) -> tuple[str, dict[str, Any]]:
    return "/console/connect/", {"workspace": world.workspace.pk, "platform": "facebook"}


def _account_action(name: str) -> Callable[[World], tuple[str, dict[str, Any]]]:
    return lambda world: ("accounts_socialaccount_changelist", _chosen(name, world.account.pk))


PAUSE = {"scope": "network", "id_network": "facebook", "reason": "They have an outage.", "confirmed": "1"}
NEW_WORKSPACE = {"name": "New", "description": "", "mode": "live", "settings": "{}"}
NEW_WEBHOOK = {"url": "https://1.1.1.1/hook", "events": ["post.failed"], "given_secret": WEBHOOK_SECRET}
IN_THE_CONSOLE: dict[str, Callable[[World], tuple[str, dict[str, Any]]]] = {
    "post.publish_requested": _post_action("publish_now", "draft"),
    "post.retried": _post_action("retry_failed", "failed"),
    "account.read_requested": _read_now,
    "workspace.created": lambda _: ("workspaces_workspace_add", NEW_WORKSPACE),
    "webhook.created": lambda _: ("events_webhook_add", NEW_WEBHOOK),
    "webhook.tested": _webhook_action("send_test"),
    "webhook.secret_rotated": _webhook_action("rotate_secret"),
    "webhook.replayed": _replay,
    "webhook.deleted": _webhook_action("delete_webhooks"),
    "post.unscheduled": _post_action("unschedule", "scheduled"),
    "post.created": _post_action("duplicate", "draft"),
    "post.deleted": _post_action("delete_posts", "draft"),
    "schedule.deleted": _delete_schedule,
    "pause.started": lambda _: ("/console/pauses/", PAUSE),
    "webhook.redelivered": _send_again,
    "connection.started": _sign_in,
    "account.disconnected": _account_action("disconnect_all"),
    "api_key.created": lambda _: ("workspaces_apikey_add", {"name": "New", "mode": "live", "tier": "starter"}),
    "api_key.rotated": _page_of_a_key("rotate"),
    "api_key.revoked": _page_of_a_key("revoke"),
    "user.created": lambda _: ("workspaces_user_add", NEW_USER),
    "user.updated": _of_another("deactivate_all"),
    "user.deleted": _delete_user,
    "workspace.updated": _page_of_the_workspace("change", {"name": "Another"}),
    "workspace.deleted": _page_of_the_workspace("delete_workspace", {"confirmed": "1"}),
}


@pytest.mark.parametrize("kind", IN_THE_CONSOLE)
def test_what_is_done_in_the_console_is_told_of_the_person(world: World, kind: str) -> None:
    page, form = IN_THE_CONSOLE[kind](world)

    console(world.user).post(page if page.startswith("/") else reverse(f"admin:{page}"), form)

    [line] = Event.objects.filter(type=kind).exclude(ip_address="")
    assert (line.user_id, line.ip_address, line.user_agent) == (world.user.pk, ADDRESS, AGENT)
    assert WEBHOOK_SECRET not in str(line.details)


def test_another_password_in_the_console_is_told_and_ends_what_was_open_elsewhere(world: World) -> None:
    client, page = console(world.user), "/console/password_change/"
    form = {"old_password": "a long pass phrase", "new_password1": PASSWORD, "new_password2": PASSWORD}

    wrong = client.post(page, form | {"old_password": "no"})
    changed = client.post(page, form)

    assert (client.get(page).status_code, wrong.status_code, changed.status_code) == (200, 200, 302)
    [line] = Event.objects.filter(type="user.updated")
    assert (line.user_id, line.ip_address, line.details["password_changed"]) == (world.user.pk, ADDRESS, True)
    assert PASSWORD not in str(line.details)
    assert (Client().get(page).status_code, world.admin.get("/admin/profile").status_code) == (302, 401)
    assert User.objects.get(pk=world.user.pk).check_password(PASSWORD)


def test_a_command_is_told_as_the_agent(db: None) -> None:
    call_command("createapikey", "Another", stdout=StringIO())
    with patch.dict("os.environ", DJANGO_SUPERUSER_PASSWORD=PASSWORD):
        call_command("createsuperuser", email="b@example.com", name="B", interactive=False, stdout=StringIO())
    with patch("getpass.getpass", return_value=f"{PASSWORD} too"):
        call_command("changepassword", "b@example.com", stdout=StringIO())

    lines = list(Event.objects.order_by("pk").values_list("type", "user_agent"))
    assert Event.objects.get(type="user.updated").details == {"before": {}, "after": {}, "password_changed": True}
    assert lines == [
        ("api_key.created", "manage.py createapikey"),
        ("user.created", "manage.py createsuperuser"),
        ("user.updated", "manage.py changepassword"),
    ]


def test_an_account_that_can_be_read_again_is_told(world: World) -> None:
    trouble = {"status": AccountStatus.ERROR, "last_error": {"code": "X", "message": "x"}}
    account, other = (make_account(each, **trouble) for each in (world.workspace, make_workspace()))

    readable.mark_readable([account.pk])
    readable.mark_readable([account.pk])

    assert list(Event.objects.filter(type="account.recovered").values_list("resource_id")) == [(account.pk,)]
    shown = SocialAccount.objects.in_bulk([account.pk, other.pk])
    assert (shown[account.pk].status, shown[account.pk].last_error) == (AccountStatus.ACTIVE, None)
    assert (shown[other.pk].status, shown[other.pk].last_error) == tuple(trouble.values())
