"""Who may: each route with and without its permission, test keys, and keys that are limited to workspaces."""

from typing import Any
from urllib.parse import quote

import pytest

from ouipost.ids import new_id
from tests.conftest import ApiClient
from tests.contract.routes import Route, api_routes
from tests.contract.world import CALLBACK, error_of, fields_of
from tests.factories import make_account, make_key, make_post, make_workspace
from workspaces.models import Workspace
from workspaces.permissions import KEY_PERMISSIONS

SCOPES = {
    "workspaces": "workspaces",
    "posts": "posts",
    "media": "posts",
    "accounts": "accounts",
    "schedules": "schedules",
}
"""By the contract: posts and media share a scope; platforms need none; analytics can only be read."""
PREFIXES = {"workspaces": "ws", "posts": "post", "media": "media", "accounts": "acc", "schedules": "sched"}
READS = {"validate"}
"""Actions that only look, though they are sent with POST."""
GUARDED = [route for route in api_routes() if route.resource != "platforms"]


def required_for(route: Route) -> str:
    if "analytics" in route.template:
        return "analytics.read"
    return f"{SCOPES[route.resource]}.{'read' if route.method == 'GET' or route.action in READS else 'write'}"


def asked(api: ApiClient, route: Route) -> Any:
    ids = {"pk": new_id(PREFIXES.get(route.resource, "x")), "target": new_id("tgt")}
    return api(route.method, route.template.format(**ids), None if route.method == "GET" else {})


def client_with(workspace: Workspace, permissions: list[str]) -> ApiClient:
    return ApiClient(make_key(permissions=permissions)[1], workspace.pk)


def test_a_route_refuses_the_key_that_lacks_its_permission(workspace: Workspace) -> None:
    clients = {
        required: client_with(workspace, [each for each in KEY_PERMISSIONS if each != required])
        for required in KEY_PERMISSIONS
    }

    answers = {route: asked(clients[required_for(route)], route) for route in GUARDED}

    told = {str(route): (error_of(answer), answer.json()["error"]["details"]) for route, answer in answers.items()}
    assert told == {str(route): ((403, "PERMISSION_DENIED"), {"required": required_for(route)}) for route in GUARDED}


def test_a_route_needs_no_other_permission(workspace: Workspace) -> None:
    clients = {required: client_with(workspace, [required]) for required in KEY_PERMISSIONS}

    statuses = {str(route): asked(clients[required_for(route)], route).status_code for route in GUARDED}

    assert {name: status for name, status in statuses.items() if status in (401, 403, 405, 500)} == {}


def test_a_missing_permission_is_told_before_anything_about_rows_or_bodies(workspace: Workspace) -> None:
    api = client_with(workspace, ["posts.read"])

    answers = [api.post("/api/posts", b"{"), api.post("/api/posts?x=1", {}), api.delete(f"/api/posts/{new_id('post')}")]

    assert [error_of(answer) for answer in answers] == [(403, "PERMISSION_DENIED")] * 3


@pytest.mark.parametrize("odd", ["post_abc123", "7", "a.b", "\u00e9 \u00e9", "x" * 200])
def test_an_id_of_whatever_form_is_looked_at_after_credential_and_permission(workspace: Workspace, odd: str) -> None:
    routes = [route for route in GUARDED if route.places]
    callers = [ApiClient(""), client_with(workspace, [])]

    def ask(api: ApiClient, route: Route) -> tuple[int, str]:
        return error_of(api(route.method, route.template.format_map(dict.fromkeys(route.places, quote(odd)))))

    told = {str(route): tuple(ask(api, route) for api in callers) for route in routes}

    assert told == dict.fromkeys(told, ((401, "AUTHENTICATION_REQUIRED"), (403, "PERMISSION_DENIED")))


@pytest.mark.django_db
def test_a_test_key_sees_and_creates_sandboxes_only() -> None:
    live, sandbox = make_workspace(mode="live"), make_workspace(mode="sandbox")
    secret = make_key(mode="test")[1]
    api = ApiClient(secret)

    created = api.post("/api/workspaces", {"name": "Mine"}).json()["data"]["workspace"]
    refused = api.post("/api/workspaces", {"name": "Mine", "mode": "live"})

    seen = [each["id"] for each in api.get("/api/workspaces").json()["data"]["workspaces"]]
    assert (secret[:8], created["mode"], seen) == ("pk_test_", "sandbox", [created["id"], sandbox.pk])
    assert fields_of(refused) == {"mode": ["A test key creates sandbox workspaces only."]}
    assert error_of(api.get(f"/api/workspaces/{live.pk}")) == (404, "NOT_FOUND")
    assert error_of(api.put(f"/api/workspaces/{live.pk}", {"name": "x"})) == (404, "NOT_FOUND")
    for path in ("posts", f"posts/{make_post(live).pk}", f"accounts/{make_account(live).pk}"):
        assert error_of(ApiClient(secret, live.pk).get(f"/api/{path}")) == (404, "WORKSPACE_NOT_FOUND")
    assert ApiClient(secret, sandbox.pk).get("/api/posts").status_code == 200


@pytest.mark.django_db
def test_a_limited_key_has_its_workspaces_and_no_others() -> None:
    mine, other = make_workspace(), make_workspace()
    secret = make_key(workspace_ids=[mine.pk])[1]
    account = make_account(other)

    seen = [each["id"] for each in ApiClient(secret).get("/api/workspaces").json()["data"]["workspaces"]]

    assert seen == [mine.pk]
    body = {"content": "x", "platforms": [account.pk]}
    connecting = {"platform": "facebook", "callback_url": CALLBACK}
    refused = [
        ApiClient(secret, other.pk).get("/api/accounts"),
        ApiClient(secret, other.pk).get(f"/api/accounts/{account.pk}"),
        ApiClient(secret, other.pk).post("/api/posts", body),
        ApiClient(secret, other.pk).post("/api/accounts", connecting),
    ]
    assert [error_of(answer) for answer in refused] == [(404, "WORKSPACE_NOT_FOUND")] * 4
