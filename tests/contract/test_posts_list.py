"""GET /api/posts: the reference's list, its pages, filters, order and bounds."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.services import disconnect
from ouipost.events.journal import SYSTEM
from posts.models import Post
from tests.conftest import ApiClient
from tests.contract.seed import differences, sample
from tests.contract.world import at, connect_all, data_of, fields_of, fill, make_published
from tests.factories import NOW, make_account, make_media, make_post
from workspaces.models import Workspace

ADDRESSES = ("posts.*.media.*.url",)


def listed(api: ApiClient, query: str = "") -> list[str]:
    return [post["id"] for post in data_of(api.get(f"/api/posts{query}"))["posts"]]


def test_the_list_is_as_in_the_reference(api: ApiClient, workspace: Workspace) -> None:
    expected = sample("GET /api/posts")
    row = expected["posts"][0]
    results = {name: {"published_at": at(row["published_at"])} for name in row["platforms"]}
    accounts = connect_all(workspace, *row["platforms"])
    created_at = at(row["created_at"])
    post = make_published(workspace, accounts, results=results, content=row["content"], created_at=created_at)
    Post.objects.filter(pk=post.pk).update(**row["analytics"])
    post.refresh_from_db()
    make_media(post)
    fill(workspace, 97, moment=created_at - timedelta(days=1))

    response = api.get("/api/posts")

    data = response.json()["data"]
    assert (response.status_code, len(data["posts"])) == (200, 20)
    shown = data | {"posts": data["posts"][:1]}
    assert list(differences(shown, expected, made=ADDRESSES)) == []


def test_analytics_are_null_before_anything_is_published_and_so_is_a_number_that_is_not_known(
    api: ApiClient, workspace: Workspace
) -> None:
    account = make_account(workspace)
    make_post(workspace)
    make_published(workspace, [account], results={"facebook": {"published_at": NOW}})

    rows = api.get("/api/posts").json()["data"]["posts"]

    shown = {row["status"]: row["analytics"] for row in rows}
    assert shown == {"draft": None, "published": {"impressions": None, "engagement": None, "clicks": None}}


def test_a_post_is_found_by_each_platform_that_it_shows_also_one_where_it_was_called_off(
    api: ApiClient, workspace: Workspace
) -> None:
    facebook, twitter = connect_all(workspace, "facebook", "twitter")
    post = make_post(workspace, accounts=[facebook, twitter], status="scheduled", scheduled_at=NOW)
    disconnect(facebook, actor=SYSTEM, now=NOW)

    [row] = data_of(api.get("/api/posts?status=scheduled"))["posts"]

    assert row["platforms"] == ["facebook", "twitter"]
    assert [listed(api, f"?platform={name}") for name in row["platforms"]] == [[post.pk]] * 2


@pytest.mark.parametrize(
    "path",
    [
        *(f"/api/posts/{{id}}{end}" for end in ("", "/preview", "/timeline")),
        "/api/workspaces/{workspace}",
        "/api/platforms",
    ],
)
def test_an_unknown_parameter_is_refused_wherever_nothing_takes_it(
    api: ApiClient, workspace: Workspace, path: str
) -> None:
    post: Any = make_post(workspace)

    told = fields_of(api.get(path.format(id=post.pk, workspace=workspace.pk) + "?page=1&expand=media"))

    assert told == {"page": ["Unknown query parameter."], "expand": ["Unknown query parameter."]}
