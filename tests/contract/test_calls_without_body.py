"""Calls that read no input: an empty body of any kind is fine, and whatever is in one is refused; and empty changes."""

from itertools import pairwise
from typing import Any

import pytest
from django.test import Client

from ouipost.api.models import StoredAnswer
from ouipost.ids import new_id
from posts.models import Post
from tests.conftest import AdminClient, ApiClient
from tests.contract.routes import Route, admin_routes, api_routes
from tests.contract.world import error_of, fields_of
from tests.contract.writes import WRITES, World
from tests.factories import make_account, make_key, make_post
from workspaces.models import Workspace

KINDS = {
    "posts": "post",
    "media": "media",
    "accounts": "acc",
    "schedules": "sched",
    "workspaces": "ws",
    "users": "user",
    "keys": "key",
    "webhooks": "wh",
    "deliveries": "dlv",
    "targets": "tgt",
}
CHANGES, UPLOADS = ("update", "partial_update"), ("media",)
ROUTES = [
    route
    for route in (*api_routes(), *admin_routes())
    if route.method != "GET" and route.action not in (*CHANGES, *UPLOADS)
]
"""Those that change something, but for those that look at the row before they read, and the one that takes a form."""
DRAFTS = {"publish": ("POST", "/publish"), "unschedule": ("POST", "/unschedule"), "delete": ("DELETE", "")}


def asked(route: Route, body: bytes, *, api: ApiClient, admin: AdminClient) -> Any:
    steps = [
        new_id(KINDS[before]) if step.startswith("{") else step
        for before, step in pairwise(("", *route.template.split("/")))
    ]
    address = "/".join(steps)
    return (admin if address.startswith("/admin") else api)(route.method, address, body)


def test_a_malformed_body_or_an_unknown_field_is_refused(api: ApiClient, admin: AdminClient) -> None:
    malformed = {str(route): error_of(asked(route, b"{{{", api=api, admin=admin)) for route in ROUTES}
    unknown = {str(route): fields_of(asked(route, b'{"surprise": 1}', api=api, admin=admin)) for route in ROUTES}

    assert malformed == dict.fromkeys(malformed, (400, "MALFORMED_JSON"))
    assert {name for name, fields in unknown.items() if fields.get("surprise") != ["Unknown field."]} == set()


@pytest.mark.parametrize("call", DRAFTS)
@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("body", [b"", b"{}"])
def test_nothing_and_an_empty_object_are_no_body(
    api: ApiClient, workspace: Workspace, call: str, content_type: str, body: bytes
) -> None:
    post = make_post(
        workspace, accounts=[make_account(workspace)], status="draft" if call != "unschedule" else "scheduled"
    )
    method, path = DRAFTS[call]
    headers: Any = api.headers | {"Prefer": "wait=0", "Idempotency-Key": "k"}

    response = Client().generic(method, f"/api/posts/{post.pk}{path}", body, content_type=content_type, headers=headers)

    taken = not body or content_type == "application/json"
    assert response.status_code in ((200, 202) if taken else (415,))


@pytest.mark.parametrize("call", DRAFTS)
def test_what_was_refused_was_not_done_and_takes_no_key(api: ApiClient, workspace: Workspace, call: str) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)])
    method, path = DRAFTS[call]

    refused = api(method, f"/api/posts/{post.pk}{path}", {"force": True}, Idempotency_Key="k")

    assert set(fields_of(refused)) == {"force"}
    assert Post.objects.get().status == "draft"
    assert not StoredAnswer.objects.exists()


def test_who_may_not_is_told_so_before_anything_about_the_body(api: ApiClient, workspace: Workspace) -> None:
    path = f"/api/posts/{make_post(workspace).pk}/publish"
    reader = ApiClient(make_key(permissions=["posts.read"])[1], workspace.pk)
    elsewhere = ApiClient(api.headers["X-API-Key"], new_id("ws"))

    answers = [ApiClient("pk_live_x", workspace.pk).post(path, b"{{{"), reader.post(path, b"{{{")]
    nowhere = elsewhere.post(path, b"{{{")

    assert [answer.status_code for answer in answers] == [401, 403]
    assert error_of(nowhere) == (404, "WORKSPACE_NOT_FOUND")


def test_what_comes_with_a_get_is_not_looked_at(api: ApiClient) -> None:
    assert api("GET", "/api/posts", b"{{{").status_code == 200


@pytest.mark.parametrize("body", [{}, {"id": "read only"}], ids=["no field", "a field that cannot be written"])
@pytest.mark.parametrize("change", [each for each in WRITES if each.startswith("PUT") and "members" not in each])
def test_a_change_that_changes_nothing_is_answered_with_what_is_there(
    world: World, monkeypatch: pytest.MonkeyPatch, change: str, body: dict[str, Any]
) -> None:
    act = World.act
    monkeypatch.setattr(World, "act", lambda world, method, path, _: act(world, method, path, body))

    response = WRITES[change](world)

    assert response.status_code == 200, response.content
