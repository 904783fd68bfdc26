"""What reading costs: a number of queries that does not grow with the rows."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Network, SocialAccount
from ouipost.events.journal import SYSTEM, record
from posts import counts
from posts.models import Attempt, Post
from tests.conftest import ApiClient
from tests.contract.world import connect_all
from tests.factories import NOW, make_account, make_media, make_post, make_webhook, make_workspace
from workspaces.models import Workspace

pytestmark = pytest.mark.any_database

Budget = Callable[..., AbstractContextManager[Any]]


@pytest.fixture
def accounts(workspace: Workspace) -> list[SocialAccount]:
    return connect_all(workspace, "facebook", "twitter", "bluesky")


@pytest.fixture
def warm(api: ApiClient) -> ApiClient:
    """The client after its first request, which builds what later ones use again."""
    api.get("/api/platforms")
    return api


def write_posts(workspace: Workspace, accounts: list[SocialAccount], count: int) -> list[Post]:
    posts = [make_post(workspace, accounts=accounts) for _ in range(count)]
    for post in posts:
        make_media(post)
        make_media(post, position=1)
    return posts


@pytest.mark.parametrize(("limit", "page"), [(1, 1), (20, 1), (60, 1), (1, 100)])
@pytest.mark.parametrize("query", ["", "&status=draft&platform=twitter&from=2026-01-01&to=2026-12-31"])
def test_a_list_of_posts_costs_four_queries_whatever_its_page(
    warm: ApiClient,
    workspace: Workspace,
    accounts: list[SocialAccount],
    django_assert_max_num_queries: Budget,
    limit: int,
    page: int,
    query: str,
) -> None:
    write_posts(workspace, accounts, limit * page)

    with django_assert_max_num_queries(4):
        response = warm.get(f"/api/posts?limit={limit}&page={page}{query}")

    rows = response.json()["data"]["posts"]
    assert len(rows) == limit
    assert all(len(row["media"]) == 2 and len(row["platforms"]) == 3 for row in rows)


def test_a_plain_page_of_posts_costs_the_key_and_one_query(
    warm: ApiClient, workspace: Workspace, accounts: list[SocialAccount], django_assert_num_queries: Budget
) -> None:
    write_posts(workspace, accounts, 3)
    counts.add_posts(workspace.pk, 0)

    with django_assert_num_queries(2):
        response = warm.get("/api/posts?limit=2")

    data = response.json()["data"]
    assert (len(data["posts"]), data["pagination"]["total_items"]) == (2, 3)


def test_one_post_costs_three_queries(
    warm: ApiClient,
    workspace: Workspace,
    accounts: list[SocialAccount],
    django_assert_max_num_queries: Budget,
) -> None:
    post, *_ = write_posts(workspace, accounts, 2)

    with django_assert_max_num_queries(3):
        response = warm.get(f"/api/posts/{post.pk}")

    assert len(response.json()["data"]["post"]["targets"]) == 3


@pytest.mark.parametrize("count", [1, 3])
def test_one_post_that_waits_costs_three_more_to_say_why(
    warm: ApiClient,
    workspace: Workspace,
    accounts: list[SocialAccount],
    django_assert_max_num_queries: Budget,
    count: int,
) -> None:
    post = make_post(workspace, accounts=accounts[:count], status="publishing", scheduled_at=NOW)
    Network.objects.bulk_create(
        Network(pk=f"sandbox:{account.platform}", held_until=timezone.now() + timedelta(hours=1))
        for account in accounts
    )

    with django_assert_max_num_queries(6):
        response = warm.get(f"/api/posts/{post.pk}")

    targets = response.json()["data"]["post"]["targets"]
    assert all("takes nothing at present" in target["waits_for"] for target in targets)


@pytest.mark.parametrize("count", [1, 20])
def test_a_preview_costs_the_same_for_one_file_or_twenty(
    warm: ApiClient,
    workspace: Workspace,
    accounts: list[SocialAccount],
    django_assert_max_num_queries: Budget,
    count: int,
) -> None:
    post = make_post(workspace, accounts=accounts)
    for position in range(count):
        make_media(post, position=position)

    with django_assert_max_num_queries(9):
        response = warm.get(f"/api/posts/{post.pk}/preview")

    assert [len(target["media"]) for target in response.json()["data"]["targets"]] == [count] * 3


@pytest.mark.parametrize("count", [1, 200])
def test_a_timeline_costs_the_same_for_one_of_each_or_two_hundred(
    warm: ApiClient,
    workspace: Workspace,
    accounts: list[SocialAccount],
    django_assert_max_num_queries: Budget,
    count: int,
) -> None:
    post = make_post(workspace, accounts=accounts, status="publishing", scheduled_at=NOW)
    Attempt.objects.bulk_create(
        Attempt(target=target, number=number, fence=1, step="commit", started_at=NOW, ended_at=NOW, outcome="later")
        for target in post.targets.all()
        for number in range(count)
    )
    for _ in range(2):
        make_webhook(events=["post.updated"])
    for _ in range(count):
        record("updated", post, actor=SYSTEM)

    with django_assert_max_num_queries(11):
        response = warm.get(f"/api/posts/{post.pk}/timeline")

    assert len(response.json()["data"]["timeline"]) == 4 * count + 3 + min(2 * count, 200)


@pytest.mark.parametrize("count", [1, 50])
def test_a_list_of_workspaces_costs_three_queries(
    warm: ApiClient, django_assert_max_num_queries: Budget, count: int
) -> None:
    for number in range(count):
        make_account(make_workspace(name=str(number)))

    with django_assert_max_num_queries(3):
        response = warm.get(f"/api/workspaces?limit={count}")

    assert len(response.json()["data"]["workspaces"]) == count


@pytest.mark.parametrize("count", [1, 50])
@pytest.mark.parametrize(("query", "budget"), [("", 3), ("?limit=100", 4)])
def test_a_list_of_accounts_costs_the_same_for_one_or_fifty(
    warm: ApiClient,
    workspace: Workspace,
    django_assert_max_num_queries: Budget,
    count: int,
    query: str,
    budget: int,
) -> None:
    for number in range(count):
        make_account(workspace, remote_id=str(number), default_of=None)

    with django_assert_max_num_queries(budget):
        response = warm.get(f"/api/accounts{query}")

    assert len(response.json()["data"]["accounts"]) == count


@pytest.mark.parametrize("count", [1, 50])
def test_one_workspace_costs_three_queries(
    warm: ApiClient, workspace: Workspace, django_assert_max_num_queries: Budget, count: int
) -> None:
    for number in range(count):
        make_account(workspace, remote_id=str(number), default_of=None)

    with django_assert_max_num_queries(3):
        response = warm.get(f"/api/workspaces/{workspace.pk}")

    assert len(response.json()["data"]["workspace"]["accounts"]) == count


def test_one_account_or_file_costs_two_queries_and_the_platforms_none_but_the_key(
    warm: ApiClient, workspace: Workspace, accounts: list[SocialAccount], django_assert_max_num_queries: Budget
) -> None:
    media = make_media(make_post(workspace, accounts=accounts))

    for path in (f"/api/accounts/{accounts[0].pk}", f"/api/media/{media.pk}", "/api/platforms"):
        with django_assert_max_num_queries(2):
            assert warm.get(path).status_code == 200
