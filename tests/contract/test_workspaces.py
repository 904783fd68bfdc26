"""/api/workspaces against the reference and the contract."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from tests.conftest import ApiClient
from tests.contract.seed import assert_matches, request_body, sample
from tests.contract.world import at, error_of, fields_of, fill
from tests.factories import NOW, make_account, make_key, make_user, make_workspace
from workspaces.models import Membership, Workspace

SETTINGS = {"timezone": "Europe/Paris", "default_hashtags": ["#marketing", "#brand"]}


@pytest.fixture
def marketing(workspace: Workspace) -> Workspace:
    """The workspace of the samples."""
    shown = sample("GET /api/workspaces/{id}")["workspace"]
    written = {name: shown[name] for name in ("name", "description", "settings")}
    moments = {name: at(shown[name]) for name in ("created_at", "updated_at")}
    Workspace.objects.filter(pk=workspace.pk).update(**written, **moments)
    workspace.refresh_from_db()
    return workspace


def test_the_list_is_as_in_the_reference(api: ApiClient, marketing: Workspace) -> None:
    for number in range(5):
        make_account(marketing, remote_id=str(number), default_of=None)
    make_account(marketing, remote_id="gone", default_of=None, disconnected_at=marketing.created_at)
    fill(marketing, 128)
    for number in range(3):
        Membership.objects.create(workspace=marketing, user=make_user(email=f"{number}@example.com"))

    response = api.get("/api/workspaces")

    assert_matches(response, "GET /api/workspaces")


def test_a_workspace_is_as_in_the_reference(api: ApiClient, marketing: Workspace) -> None:
    make_account(marketing, connected_at=at("2024-01-15T11:00:00Z"))
    fill(marketing, 12, status="scheduled")
    fill(marketing, 116, status="published")

    response = api.get(f"/api/workspaces/{marketing.pk}")

    assert_matches(response, "GET /api/workspaces/{id}")


def test_the_accounts_of_a_workspace_stand_in_the_order_of_their_list(api: ApiClient, workspace: Workspace) -> None:
    last, first, second = (
        make_account(workspace, remote_id=str(number), default_of=None, connected_at=NOW + timedelta(days=days))
        for number, days in enumerate((1, 0, 0))
    )

    shown = api.get(f"/api/workspaces/{workspace.pk}").json()["data"]["workspace"]["accounts"]
    listed = api.get("/api/accounts").json()["data"]["accounts"]

    in_order = [first.pk, second.pk, last.pk]
    assert [each["id"] for each in shown] == [each["id"] for each in listed] == in_order


@time_machine.travel("2024-01-22T10:30:00Z", tick=False)
def test_creating_answers_201_as_in_the_reference(api: ApiClient) -> None:
    shown = sample("POST /api/workspaces")["workspace"]
    body = {name: shown[name] for name in ("name", "description", "settings")}

    response = api.post("/api/workspaces", body)

    assert_matches(response, "POST /api/workspaces", status=201)
    assert response.json()["data"]["workspace"]["mode"] == "live"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_changing_answers_as_in_the_reference_and_merges_settings(
    api: ApiClient, marketing: Workspace, method: str
) -> None:
    with time_machine.travel("2024-01-22T15:00:00Z", tick=False):
        response = api(method, f"/api/workspaces/{marketing.pk}", request_body("PUT /api/workspaces/{id}"))

    assert_matches(response, "PUT /api/workspaces/{id}")
    kept = api.get(f"/api/workspaces/{marketing.pk}").json()["data"]["workspace"]
    assert kept["settings"] == SETTINGS | {"timezone": "Europe/London"}
    assert (kept["description"], kept["created_at"]) == ("Updated description", "2024-01-15T10:30:00Z")


def test_null_removes_a_setting_and_unknown_ones_are_kept_as_they_are(api: ApiClient, marketing: Workspace) -> None:
    settings = {"timezone": None, "auto_hashtags": True, "colour": {"main": ["#fff"]}, "nothing": None}

    response = api.put(f"/api/workspaces/{marketing.pk}", {"settings": settings})

    left = {"default_hashtags": ["#marketing", "#brand"], "auto_hashtags": True, "colour": {"main": ["#fff"]}}
    assert response.json()["data"]["workspace"]["settings"] == left


def test_default_hashtags_are_stored_as_those_of_posts_are(api: ApiClient, marketing: Workspace) -> None:
    account = make_account(marketing)
    body = {"settings": {"default_hashtags": ["rye", "#Rye", "##bread", "cafe\u0301"]}}

    of_workspace = api.put(f"/api/workspaces/{marketing.pk}", body).json()["data"]["workspace"]
    of_account = api.put(f"/api/accounts/{account.pk}", body).json()["data"]["account"]

    assert of_workspace["settings"]["default_hashtags"] == ["#rye", "#bread", "#caf\u00e9"]
    assert of_account["settings"]["default_hashtags"] == ["#rye", "#bread", "#caf\u00e9"]


def test_deleting_says_so_and_the_workspace_is_gone_at_once(api: ApiClient, marketing: Workspace) -> None:
    response = api.delete(f"/api/workspaces/{marketing.pk}")

    assert_matches(response, "DELETE /api/workspaces/{id}")
    assert error_of(api.get(f"/api/workspaces/{marketing.pk}")) == (404, "NOT_FOUND")
    assert error_of(api.delete(f"/api/workspaces/{marketing.pk}")) == (404, "NOT_FOUND")
    assert error_of(api.get("/api/posts")) == (404, "WORKSPACE_NOT_FOUND")
    assert api.get("/api/workspaces").json()["data"]["workspaces"] == []


def test_the_whole_of_a_get_can_be_sent_back_and_changes_nothing(api: ApiClient, marketing: Workspace) -> None:
    before = api.get(f"/api/workspaces/{marketing.pk}").json()["data"]["workspace"]
    other = before | {"id": "ws_x", "created_at": "2001-01-01T00:00:00Z", "mode": "live", "stats": {}, "accounts": [1]}

    response = api.put(f"/api/workspaces/{marketing.pk}", other)

    after = api.get(f"/api/workspaces/{marketing.pk}").json()["data"]["workspace"]
    assert response.status_code == 200
    assert after == before


def test_the_row_of_a_list_can_be_sent_back(api: ApiClient, marketing: Workspace) -> None:
    row = api.get("/api/workspaces").json()["data"]["workspaces"][0]

    assert api.put(f"/api/workspaces/{marketing.pk}", row).status_code == 200


@pytest.mark.django_db
def test_a_workspace_is_a_sandbox_where_it_is_asked_for_and_stays_what_it_is(api: ApiClient) -> None:
    created = api.post("/api/workspaces", {"name": "Trial", "mode": "sandbox"}).json()["data"]["workspace"]

    api.put(f"/api/workspaces/{created['id']}", {"mode": "live"})

    assert created["mode"] == "sandbox"
    assert Workspace.objects.get(pk=created["id"]).mode == "sandbox"


INVALID: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({}, {"name": "required"}),
    ({"name": ""}, {"name": "blank"}),
    ({"name": "x" * 101}, {"name": "100"}),
    ({"name": 5, "description": True, "settings": []}, {"name": "string", "description": "string", "settings": "obj"}),
    ({"nam": "x"}, {"name": "required", "nam": "Unknown field"}),
    ({"name": "x", "mode": "test"}, {"mode": "live, sandbox"}),
    ({"name": "x", "settings": {"timezone": "Mars/Base"}}, {"settings.timezone": "time zone"}),
    (
        {"name": "x", "settings": {"timezone": 1, "auto_hashtags": "yes"}},
        {"settings.timezone": "", "settings.auto_hashtags": ""},
    ),
    ({"name": "x", "settings": {"default_hashtags": "#a"}}, {"settings.default_hashtags": "list"}),
    (
        {"name": "x", "settings": {"default_hashtags": ["rye bread", "#oat", "", 5, "r\x07ye"]}},
        {f"settings.default_hashtags.{place}": "one word" for place in (0, 2, 3, 4)},
    ),
    ({"name": "x", "settings": {"publish_late_up_to_minutes": -1}}, {"settings.publish_late_up_to_minutes": "0"}),
    ({"name": None}, {"name": "null"}),
]


@pytest.mark.parametrize(("body", "problems"), INVALID)
def test_everything_that_is_wrong_is_named_at_once(
    api: ApiClient, body: dict[str, Any], problems: dict[str, str]
) -> None:
    before = Workspace.objects.count()

    told = fields_of(api.post("/api/workspaces", body))

    assert set(told) == set(problems)
    assert all(part in told[name][0] for name, part in problems.items())
    assert Workspace.objects.count() == before


def test_a_name_of_a_hundred_characters_is_taken(api: ApiClient) -> None:
    assert api.post("/api/workspaces", {"name": "é" * 100}).status_code == 201


def test_a_key_with_a_list_of_workspaces_gets_the_one_that_it_creates(workspace: Workspace) -> None:
    make_workspace(name="Not on the list")
    _, secret = make_key(workspace_ids=[workspace.pk])
    api = ApiClient(secret)

    created = api.post("/api/workspaces", {"name": "Mine"}).json()["data"]["workspace"]["id"]

    listed = [each["id"] for each in api.get("/api/workspaces").json()["data"]["workspaces"]]
    assert listed == [created, workspace.pk]
    assert ApiClient(secret, created).get("/api/posts").status_code == 200
