"""The list's rows are built by hand: each is what `PostSerializer` would have shown."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from rest_framework.utils.encoders import JSONEncoder

from posts import counts
from posts.models import Post
from posts.serializers import PostSerializer
from tests.conftest import ApiClient
from tests.contract.world import connect_all, make_published
from tests.factories import NOW, make_media, make_post, make_schedule, make_workspace
from workspaces.models import Workspace

LATER = datetime(2026, 11, 25, 13, 7, 59, 999_999, tzinfo=UTC)


@pytest.fixture
def posts(workspace: Workspace) -> list[Post]:
    """One of every kind, as the database has them."""
    accounts = connect_all(workspace, "facebook", "twitter")
    values = {"title": "Título «1»", "link": "https://bakery.example/?a=1&b=2", "hashtags": ["#pão", "#🥖"]}
    texts = {"content": 'Fresh\n\t"bread" \\ \u2028 </script> 🥖 %s {}', **values}
    plain = make_post(workspace)
    draft = make_post(workspace, accounts=accounts, created_at=LATER, moment=LATER, **texts)
    make_media(draft)
    make_media(draft, type="document", thumbnail_name="", stored_name="media/bb/" + "b" * 32 + ".pdf", position=1)
    scheduled = make_post(workspace, accounts=accounts, status="scheduled", scheduled_at=LATER + timedelta(days=1))
    results: dict[str, dict[str, Any]] = {name: {"published_at": LATER} for name in ("facebook", "twitter")}
    Post.objects.filter(pk=scheduled.pk).update(schedule=make_schedule(workspace))
    unread = make_published(workspace, accounts, results=results)
    read = make_published(workspace, accounts, results=results)
    Post.objects.filter(pk=read.pk).update(impressions=2**40, engagement=0, clicks=7)
    made = [plain, draft, scheduled, unread, read]
    return list(Post.objects.filter(pk__in=[post.pk for post in made]).order_by("-moment", "-pk"))


def as_serialized(posts: list[Post]) -> Any:
    return json.loads(json.dumps(PostSerializer(posts, many=True).data, cls=JSONEncoder))


@pytest.mark.parametrize("query", ["", "?from=2026-01-01", "?limit=100&page=1"])
def test_a_row_of_every_kind_of_post_is_what_the_serializer_shows(
    api: ApiClient, posts: list[Post], query: str
) -> None:
    with time_machine.travel(NOW, tick=False):
        response = api.get(f"/api/posts{query}")
        expected = as_serialized(posts)

    assert response.json()["data"]["posts"] == expected
    assert [bool(row["schedule_id"]) for row in expected] == [row["status"] == "scheduled" for row in expected]


@pytest.mark.parametrize("is_counted", [False, True])
def test_the_total_is_right_whether_or_not_it_is_kept(
    api: ApiClient, workspace: Workspace, posts: list[Post], is_counted: bool
) -> None:
    if is_counted:
        counts.add_posts(workspace.pk, 0)
        make_post(make_workspace())

    pages = [api.get(f"/api/posts?limit=2&page={page}").json()["data"] for page in (1, 3, 4)]

    assert [(len(page["posts"]), page["pagination"]["total_items"]) for page in pages] == [(2, 5), (1, 5), (0, 5)]


def test_the_kept_total_follows_what_is_written(api: ApiClient, workspace: Workspace) -> None:
    body = {"content": "Bread", "platforms": ["facebook"]}

    first, second = (api.post("/api/posts", body).json()["data"]["post"]["id"] for _ in range(2))
    api.post("/api/posts", body | {"scheduled_at": "2020-01-01T00:00:00Z"})
    api.delete(f"/api/posts/{first}")

    data = api.get("/api/posts").json()["data"]
    assert ([post["id"] for post in data["posts"]], data["pagination"]["total_items"]) == ([second], 1)


@pytest.mark.parametrize("given", ["ws_unknown", "ws_01a210ee-89f5-70f2-b1e0-3b84c8141dd9", "' OR 1=1 --"])
@pytest.mark.parametrize("query", ["", "?page=0", "?page=2", "?status=draft", "?colour=red"])
def test_a_workspace_that_is_not_there_is_told_before_anything_else(
    api: ApiClient, posts: list[Post], given: str, query: str
) -> None:
    response = api.get(f"/api/posts{query}", X_Workspace_ID=given)

    assert (response.status_code, response.json()["error"]["code"]) == (404, "WORKSPACE_NOT_FOUND")
