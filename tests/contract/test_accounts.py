"""/api/accounts: listing, changing and disconnecting, against the reference and the contract."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from accounts import profiles
from accounts.models import SocialAccount
from accounts.platforms.shapes import Profile
from accounts.views import with_post_counts
from posts.models import Target
from tests.conftest import ApiClient
from tests.contract.seed import assert_matches, request_body, sample
from tests.contract.world import at, error_of, fields_of, fill_published
from tests.factories import NOW, make_account, make_post
from workspaces.models import Workspace

PLAIN = ("platform", "type", "name", "profile_image", "status", "permissions", "metadata")


def account_from(workspace: Workspace, shown: dict[str, Any]) -> SocialAccount:
    """Connect the account that the reference shows."""
    values: dict[str, Any] = {name: shown[name] for name in PLAIN if name in shown}
    values |= {name: at(shown[name]) for name in ("connected_at", "expires_at") if name in shown}
    values["username"] = shown["username"].lstrip("@")
    account = make_account(workspace, remote_id=shown["id"], **values)
    SocialAccount.objects.filter(pk=account.pk).update(expires_at=values.get("expires_at"))
    return account


@time_machine.travel("2024-01-22T12:00:00Z", tick=False)
def test_the_list_is_as_in_the_reference(api: ApiClient, workspace: Workspace) -> None:
    page, _ = (account_from(workspace, shown) for shown in sample("GET /api/accounts")["accounts"])
    SocialAccount.objects.filter(pk=page.pk).update(followers=15420)
    fill_published(page, 12, published_at=at("2024-01-01T00:00:00Z"))
    fill_published(page, 3, published_at=at("2023-12-31T23:59:59Z"))

    response = api.get("/api/accounts")

    assert_matches(response, "GET /api/accounts")
    assert "pagination" not in response.json()["data"]


@time_machine.travel("2024-01-22T12:00:00Z", tick=False)
def test_an_account_is_as_in_the_reference(api: ApiClient, workspace: Workspace) -> None:
    shown = sample("GET /api/accounts/{id}")["account"]
    account = account_from(workspace, shown)
    last_sync = at(shown["health"]["last_sync"])
    SocialAccount.objects.filter(pk=account.pk).update(followers=15420, following=250, last_sync=last_sync)
    fill_published(account, 12, published_at=at("2024-01-20T00:00:00Z"))
    fill_published(account, 446, published_at=at("2023-06-01T00:00:00Z"))

    response = api.get(f"/api/accounts/{account.pk}")

    assert_matches(response, "GET /api/accounts/{id}")


def test_the_posts_of_an_account_are_counted_from_an_index_alone(workspace: Workspace) -> None:
    make_account(workspace)

    plan = with_post_counts(SocialAccount.objects.all(), now=NOW).explain()

    counts = [line for line in plan.splitlines() if " U0 " in line]
    assert [("target_published" in line, bool(re.search("COVERING|Using index", line))) for line in counts] == [
        (True, True)
    ] * 2


def test_health_and_missing_scopes_tell_what_is_wrong(api: ApiClient, workspace: Workspace) -> None:
    error = {"code": "TOKEN_REVOKED", "message": "The person took it back.", "who_acts": "account_owner"}
    account = make_account(workspace, status="expired", last_error=error, permissions=["pages_show_list"])

    shown = api.get(f"/api/accounts/{account.pk}").json()["data"]["account"]

    assert shown["health"] == {"token_valid": False, "last_sync": None, "errors": [error]}
    assert shown["scopes_missing"] == [
        "pages_manage_posts",
        "pages_read_engagement",
        "pages_manage_engagement",
        "pages_read_user_content",
        "read_insights",
    ]


def test_an_account_that_cannot_be_read_has_a_token_that_is_taken(api: ApiClient, workspace: Workspace) -> None:
    error = {"code": "CONTENT_REJECTED", "message": "The app may not read insights.", "who_acts": "account_owner"}
    account = make_account(workspace, status="error", last_error=error)

    shown = api.get(f"/api/accounts/{account.pk}").json()["data"]["account"]

    assert shown["status"] == "error"
    assert shown["health"] == {"token_valid": True, "last_sync": None, "errors": [error]}


def test_all_come_up_to_five_hundred_and_in_pages_where_asked_those_of_one_moment_by_their_ids(
    api: ApiClient, workspace: Workspace
) -> None:
    connected = {"connected_at": NOW, "name": "Page", "platform": "facebook", "type": "page"}
    SocialAccount.objects.bulk_create(
        SocialAccount(workspace=workspace, remote_id=str(number), **connected) for number in range(501)
    )

    everything = api.get("/api/accounts").json()["data"]
    page = api.get("/api/accounts?limit=100&page=6").json()["data"]

    ids = [account["id"] for account in [*everything["accounts"], *page["accounts"]]]
    assert ids == sorted(SocialAccount.objects.values_list("pk", flat=True))
    assert (len(everything["accounts"]), set(everything)) == (500, {"accounts"})
    assert page["pagination"] == {"current_page": 6, "total_pages": 6, "total_items": 501, "per_page": 100}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_changing_answers_the_account_with_what_the_reference_sends(
    api: ApiClient, workspace: Workspace, method: str
) -> None:
    make_account(workspace)
    second = make_account(workspace, remote_id="2", default_of=None, settings={"colour": "red", "auto_hashtags": False})
    body = request_body("PUT /api/accounts/{id}")

    response = api(method, f"/api/accounts/{second.pk}", body)

    shown = response.json()["data"]["account"]
    assert response.status_code == 200
    assert {name: shown[name] for name in body} == body | {"settings": body["settings"] | {"colour": "red"}}
    assert shown == api.get(f"/api/accounts/{second.pk}").json()["data"]["account"]


def test_null_removes_a_setting_and_the_rest_stays(api: ApiClient, workspace: Workspace) -> None:
    account = make_account(workspace, settings={"auto_hashtags": True, "default_hashtags": ["#a"]})

    shown = api.put(f"/api/accounts/{account.pk}", {"settings": {"auto_hashtags": None}}).json()["data"]["account"]

    assert shown["settings"] == {"default_hashtags": ["#a"]}
    assert (shown["name"], shown["is_default"]) == ("Company Page", True)


def test_the_whole_of_a_get_can_be_sent_back_and_changes_nothing(api: ApiClient, workspace: Workspace) -> None:
    account = make_account(workspace)
    before = api.get(f"/api/accounts/{account.pk}").json()["data"]["account"]
    other: dict[str, Any] = {
        "id": "x",
        "platform": "twitter",
        "connected_at": "",
        "stats": {},
        "health": None,
        "permissions": ["all"],
    }

    response = api.put(f"/api/accounts/{account.pk}", before | other)

    assert response.status_code == 200, response.content
    assert response.json()["data"]["account"] == before
    assert SocialAccount.objects.get().name_is_ours is False


def test_a_name_that_its_network_spells_otherwise_comes_back_as_the_networks(
    api: ApiClient, workspace: Workspace
) -> None:
    account = make_account(workspace)
    profiles.take(account, Profile(name="Cafe\u0301\x07 Rye\n", username="rye"), now=NOW)
    account.save()
    shown = api.get(f"/api/accounts/{account.pk}").json()["data"]["account"]

    answer = api.put(f"/api/accounts/{account.pk}", shown)

    account.refresh_from_db()
    assert (answer.status_code, account.name, account.name_is_ours) == (200, "Café  Rye", False)


def test_another_status_is_refused_with_the_name_of_the_action(api: ApiClient, workspace: Workspace) -> None:
    account = make_account(workspace, status="expired")

    told = fields_of(api.put(f"/api/accounts/{account.pk}", {"status": "active"}))

    assert "POST /api/accounts/{id}/refresh" in told["status"][0]
    assert api.put(f"/api/accounts/{account.pk}", {"status": "expired"}).status_code == 200


def defaults(api: ApiClient) -> list[str]:
    return [each["id"] for each in api.get("/api/accounts").json()["data"]["accounts"] if each["is_default"]]


def test_the_default_moves_and_passes_on_to_the_oldest_that_remains(api: ApiClient, workspace: Workspace) -> None:
    first = make_account(workspace)
    second, third = (
        make_account(workspace, remote_id=str(day), default_of=None, connected_at=NOW + timedelta(days=day))
        for day in (1, 2)
    )
    other = make_account(workspace, platform="twitter", remote_id="t")

    api.put(f"/api/accounts/{third.pk}", {"is_default": True})
    moved = defaults(api)
    api.delete(f"/api/accounts/{third.pk}")
    passed_on = defaults(api)
    api.delete(f"/api/accounts/{second.pk}")
    api.delete(f"/api/accounts/{first.pk}")

    assert set(moved) == {third.pk, other.pk}
    assert set(passed_on) == {first.pk, other.pk}
    assert defaults(api) == [other.pk]


def test_a_network_id_means_the_default_account(api: ApiClient, workspace: Workspace) -> None:
    make_account(workspace)
    second = make_account(workspace, remote_id="2", default_of=None)
    api.put(f"/api/accounts/{second.pk}", {"is_default": True})

    post = api.post("/api/posts", {"content": "Hi", "platforms": ["facebook"]}).json()["data"]["post"]

    assert [target["account_id"] for target in post["targets"]] == [second.pk]


def test_disconnecting_cancels_what_was_scheduled_as_in_the_reference(api: ApiClient, workspace: Workspace) -> None:
    page, profile = make_account(workspace), make_account(workspace, platform="twitter", remote_id="t")
    alone = [make_post(workspace, accounts=[page], status="scheduled", scheduled_at=NOW) for _ in range(2)]
    shared = make_post(workspace, accounts=[page, profile], status="scheduled", scheduled_at=NOW)
    make_post(workspace, accounts=[page])
    make_post(workspace, accounts=[profile], status="scheduled", scheduled_at=NOW)

    response = api.delete(f"/api/accounts/{page.pk}")

    assert_matches(response, "DELETE /api/accounts/{id}")
    assert error_of(api.get(f"/api/accounts/{page.pk}")) == (404, "NOT_FOUND")
    states = [api.get(f"/api/posts/{post.pk}").json()["data"]["post"]["status"] for post in [*alone, shared]]
    assert states == ["draft", "draft", "scheduled"]
    assert not Target.objects.filter(account=page, due_at__isnull=False).exists()
    assert SocialAccount.objects.get(pk=page.pk).access_token == ""
