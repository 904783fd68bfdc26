"""Whoever changes the hashtags that settings add hears of the scheduled posts that are then refused."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.models import SocialAccount
from ouipost.claims import database_now
from posts import added_tags
from posts.models import Post
from tests.conftest import ApiClient
from tests.factories import make_account, make_post
from workspaces.models import Workspace

ADDED = {"auto_hashtags": True, "default_hashtags": ["bread"]}


@pytest.fixture
def x(workspace: Workspace) -> SocialAccount:
    return make_account(workspace, platform="twitter")


def planned(account: SocialAccount, *, content: str = "x" * 280, hours: int = 1) -> Post:
    at = database_now() + timedelta(hours=hours)
    return make_post(account.workspace, accounts=[account], content=content, status="scheduled", scheduled_at=at)


def change(api: ApiClient, of: Workspace | SocialAccount, settings: dict[str, Any]) -> list[str]:
    place = "workspaces" if isinstance(of, Workspace) else "accounts"
    response = api.put(f"/api/{place}/{of.pk}", {"settings": settings})
    assert response.status_code == 200, response.content
    warnings: list[str] = response.json()["data"].get("warnings", [])
    return warnings


@pytest.mark.parametrize("owner", ["workspace", "account"])
def test_what_no_longer_fits_is_named_with_its_time_and_why(
    api: ApiClient, workspace: Workspace, x: SocialAccount, owner: str
) -> None:
    later, sooner = planned(x, hours=2), planned(x)
    planned(x, content="short")

    first, second = change(api, workspace if owner == "workspace" else x, ADDED)

    at = sooner.scheduled_at
    assert at is not None
    told = f"With the hashtags that are added now, {sooner.pk} would be refused on {at:%Y-%m-%d %H:%M} UTC. Twitter/X: "
    assert first.startswith(told)
    assert later.pk in second


@pytest.mark.parametrize(
    ("before", "given"),
    [
        ({}, {"default_hashtags": ["bread"]}),
        ({}, {"auto_hashtags": True, "timezone": "Europe/Paris"}),
        (ADDED, ADDED | {"timezone": "Europe/Paris"}),
        (ADDED, {"default_hashtags": ["other"]}),
        (ADDED, {"auto_hashtags": False}),
    ],
)
def test_nothing_is_told_where_no_post_is_refused_that_was_not_before(
    api: ApiClient, workspace: Workspace, x: SocialAccount, before: dict[str, Any], given: dict[str, Any]
) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(settings=before)
    planned(x)

    assert change(api, workspace, given) == []


def test_an_account_with_tags_of_its_own_is_left_alone(api: ApiClient, workspace: Workspace, x: SocialAccount) -> None:
    SocialAccount.objects.filter(pk=x.pk).update(settings={"auto_hashtags": False})
    planned(x)
    make_post(workspace, accounts=[x], content="x" * 280)

    assert change(api, workspace, ADDED) == []


def test_the_first_are_named_and_the_others_counted(
    api: ApiClient, workspace: Workspace, x: SocialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(added_tags, "MOST_NAMED", 2)
    monkeypatch.setattr(added_tags, "MOST_READ", 4)
    posts = [planned(x, hours=number) for number in range(1, 7)]

    warnings = change(api, workspace, ADDED)

    assert [post.pk in warning for post, warning in zip(posts[:2], warnings, strict=False)] == [True, True]
    assert warnings[2:] == ["So would 2 more of the scheduled posts."]


@pytest.mark.parametrize("count", [1, 20])
def test_the_look_costs_the_same_for_one_post_or_many(
    workspace: Workspace, x: SocialAccount, django_assert_max_num_queries: Any, count: int
) -> None:
    for _ in range(count):
        planned(x)
    workspace.settings = ADDED

    with django_assert_max_num_queries(4):
        assert len(added_tags.of_workspace(workspace, {})) == count
