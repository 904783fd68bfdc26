"""GET /api/platforms."""

from typing import Any

import pytest

from tests.conftest import ApiClient
from tests.contract.seed import differences, sample
from tests.factories import make_key, make_workspace
from workspaces.models import Workspace

IDS = ["facebook", "instagram", "twitter", "linkedin", "tiktok", "youtube", "pinterest", "threads", "bluesky"]
OURS = {"limits": dict, "post_types": dict, "account_types": list, "scopes": list, "configured": bool, "metrics": list}
UNITS = ("_bytes", "_characters", "_fps", "_hertz", "_pages", "_pixels", "_ratio", "_seconds")
COUNTED = ("_channels", "_documents", "_hashtags", "_images", "_links", "_media", "_mentions", "_videos")


def test_the_platforms_of_the_reference_are_answered_as_it_shows_them(api: ApiClient) -> None:
    response = api.get("/api/platforms")

    shown = {platform["id"]: platform for platform in response.json()["data"]["platforms"]}
    assert response.status_code == 200
    for expected in sample("GET /api/platforms")["platforms"]:
        assert list(differences(shown[expected["id"]], expected)) == []


def test_all_nine_are_there_in_their_order_with_the_same_fields(api: ApiClient) -> None:
    platforms = api.get("/api/platforms").json()["data"]["platforms"]

    expected = sample("GET /api/platforms")["platforms"][0]
    types = {name: type(value) for name, value in expected.items()} | OURS
    assert [platform["id"] for platform in platforms] == IDS
    for platform in platforms:
        pace = platform.pop("pace")
        assert pace is None or set(pace) == {"posts", "seconds"}
        assert {name: type(value) for name, value in platform.items()} == types


def test_the_name_of_a_limit_says_in_what_it_is_given(api: ApiClient) -> None:
    [facebook, *_] = api.get("/api/platforms").json()["data"]["platforms"]

    limits = [name for name in facebook["limits"] if name.startswith(("min_", "max_"))]

    assert limits
    assert [name for name in limits if not name.endswith(UNITS + COUNTED)] == []


def test_a_connector_is_configured_in_a_sandbox_and_without_credentials_not_in_a_live_workspace(api: ApiClient) -> None:
    _, live = make_key()

    in_sandbox = api.get("/api/platforms").json()["data"]["platforms"]
    elsewhere = ApiClient(live).get("/api/platforms").json()["data"]["platforms"]

    assert [each["id"] for each in in_sandbox if each["configured"]] == IDS
    assert [each["id"] for each in elsewhere if each["configured"]] == ["bluesky"]


def test_nothing_is_configured_in_a_sandbox_without_its_simulator(
    api: ApiClient, workspace: Workspace, settings: Any
) -> None:
    settings.SIMULATOR = False

    shown = api.get("/api/platforms").json()["data"]["platforms"]
    refused = api.post("/api/accounts", {"platform": "bluesky", "callback_url": "https://app.example/callback"})

    assert [each["id"] for each in shown if each["configured"]] == []
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "PLATFORM_NOT_CONFIGURED")


def test_only_a_sandbox_that_the_key_sees_is_asked_for(workspace: Workspace) -> None:
    live = make_workspace(mode="live")
    everywhere, elsewhere = make_key()[1], make_key(workspace_ids=[live.pk])[1]

    asked = [ApiClient(everywhere, live.pk), ApiClient(elsewhere, workspace.pk), ApiClient(everywhere, workspace.pk)]
    answers = [each.get("/api/platforms").json()["data"]["platforms"] for each in asked]

    assert [all(each["configured"] for each in platforms) for platforms in answers] == [False, False, True]


@pytest.mark.django_db
def test_a_key_without_any_permission_may_ask_for_them() -> None:
    _, secret = make_key(permissions=[])

    assert ApiClient(secret).get("/api/platforms").status_code == 200


def test_there_is_no_platform_to_ask_for_alone_and_none_to_write(api: ApiClient) -> None:
    assert api.get("/api/platforms/facebook").status_code == 404
    assert api.post("/api/platforms", {}).status_code == 405
