"""GET /api/posts: the reference's list, its pages, filters, order and bounds."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

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


def test_the_last_page_may_be_short_and_past_it_there_is_nothing(api: ApiClient, workspace: Workspace) -> None:
    fill(workspace, 5)

    third, fourth, far = (api.get(f"/api/posts?limit=2&page={page}").json()["data"] for page in (3, 4, 1_000_000))

    assert [len(page["posts"]) for page in (third, fourth, far)] == [1, 0, 0]
    assert far["pagination"] == {"current_page": 1_000_000, "total_pages": 3, "total_items": 5, "per_page": 2}


def test_an_empty_list_has_one_page(api: ApiClient) -> None:
    pagination = {"current_page": 1, "total_pages": 1, "total_items": 0, "per_page": 20}

    assert api.get("/api/posts").json()["data"] == {"posts": [], "pagination": pagination}


def test_a_page_holds_up_to_a_hundred(api: ApiClient, workspace: Workspace) -> None:
    fill(workspace, 101)

    assert [len(listed(api, query)) for query in ("", "?limit=100", "?limit=100&page=2")] == [20, 100, 1]


def test_the_newest_moment_comes_first_whatever_kind_of_moment_it_is(api: ApiClient, workspace: Workspace) -> None:
    account = make_account(workspace)
    hours = [NOW + timedelta(hours=hour) for hour in range(4)]
    created = make_post(workspace, created_at=hours[1])
    published = make_published(workspace, [account], results={"facebook": {"published_at": hours[2]}}, created_at=NOW)
    scheduled = make_post(workspace, accounts=[account], status="scheduled", scheduled_at=hours[3], created_at=hours[0])
    oldest = make_post(workspace, created_at=hours[0])

    assert listed(api) == [scheduled.pk, published.pk, created.pk, oldest.pk]


def test_posts_of_one_moment_keep_their_order_over_pages(api: ApiClient, workspace: Workspace) -> None:
    ids = sorted((post.pk for post in fill(workspace, 9)), reverse=True)

    assert [pk for page in (1, 2, 3) for pk in listed(api, f"?limit=3&page={page}")] == ids


STATUSES = ["draft", "scheduled", "publishing", "published", "partially_published", "failed", "needs_review", "missed"]


@pytest.mark.parametrize("status", STATUSES)
def test_each_status_can_be_asked_for(api: ApiClient, workspace: Workspace, status: str) -> None:
    by_status = {each: fill(workspace, 1, status=each)[0].pk for each in STATUSES}

    assert listed(api, f"?status={status}") == [by_status[status]]


def test_a_platform_can_be_asked_for(api: ApiClient, workspace: Workspace) -> None:
    facebook, twitter = connect_all(workspace, "facebook", "twitter")
    both = make_post(workspace, accounts=[facebook, twitter])
    one = make_post(workspace, accounts=[twitter], status="scheduled", scheduled_at=NOW)
    make_post(workspace, accounts=[twitter], status="cancelled")
    unconnected = make_post(workspace)
    Post.objects.filter(pk=unconnected.pk).update(platforms=["bluesky"])

    found = {name: set(listed(api, f"?platform={name}")) for name in ("facebook", "bluesky", "tiktok")}

    assert found == {"facebook": {both.pk}, "bluesky": {unconnected.pk}, "tiktok": set()}
    assert {both.pk, one.pk} <= set(listed(api, "?platform=twitter"))
    assert listed(api, "?platform=twitter&status=scheduled") == [one.pk]


def test_a_post_is_found_by_each_platform_that_it_shows_also_one_where_it_was_called_off(
    api: ApiClient, workspace: Workspace
) -> None:
    facebook, twitter = connect_all(workspace, "facebook", "twitter")
    post = make_post(workspace, accounts=[facebook, twitter], status="scheduled", scheduled_at=NOW)
    disconnect(facebook, actor=SYSTEM, now=NOW)

    [row] = data_of(api.get("/api/posts?status=scheduled"))["posts"]

    assert row["platforms"] == ["facebook", "twitter"]
    assert [listed(api, f"?platform={name}") for name in row["platforms"]] == [[post.pk]] * 2


@pytest.fixture
def around_midnight(workspace: Workspace) -> list[str]:
    """Posts one second around the two midnights of 25 November in Paris, the oldest first."""
    workspace.settings = {"timezone": "Europe/Paris"}
    workspace.save()
    moments = ["2026-11-24T22:59:59Z", "2026-11-24T23:00:00Z", "2026-11-25T22:59:59.9Z", "2026-11-25T23:00:00Z"]
    return [make_post(workspace, created_at=at(moment)).pk for moment in moments]


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ({"from": "2026-11-25", "to": "2026-11-25"}, [1, 2]),
        ({"from": "2026-11-25"}, [1, 2, 3]),
        ({"to": "2026-11-25"}, [0, 1, 2]),
        ({"from": "2026-11-25T00:00:00"}, [1, 2, 3]),
        ({"from": "2026-11-24T22:59:59Z", "to": "2026-11-24T22:59:59Z"}, [0]),
        ({"from": "2026-11-25T00:00:00+01:00", "to": "2026-11-25T23:59:59+01:00"}, [1, 2]),
        ({"from": "2026-11-25T23:00:00Z"}, [3]),
        ({"to": "2026-11-24T23:00:00Z"}, [0, 1]),
        ({"from": "2026-11-26T00:00:01"}, []),
    ],
)
def test_days_are_those_of_the_workspace_and_both_ends_count(
    api: ApiClient, around_midnight: list[str], query: dict[str, str], kept: list[int]
) -> None:
    asked = "&".join(f"{name}={quote(value)}" for name, value in query.items())

    assert listed(api, f"?{asked}") == [around_midnight[index] for index in reversed(kept)]


REFUSED: list[tuple[str, set[str]]] = [
    *((f"limit={value}", {"limit"}) for value in ("0", "-1", "101", "1e3", "ten", "", "1.0", "+1", "9" * 30, "%D9%A1")),
    *((f"page={value}", {"page"}) for value in ("0", "-1", "1000001", "1000000000", "1e3", "one", "", "0x1")),
    *((f"{end}={value}", {end}) for end in ("from", "to") for value in (
        "99999-01-01", "10000-01-01T00:00:00Z", "1999-12-31", "2026-13-01", "2026-02-30", "2026-1-1", "yesterday",
        "1764072000", "2026-11-25T25:00:00Z", "2026-11-25T10:00:00%2B99:00", "20261125", "2026-W48-3", "2101-01-01",
    )),
    ("from=2026-11-26&to=2026-11-25", {"from"}),
    ("from=2026-11-25T10:00:01Z&to=2026-11-25T10:00:00Z", {"from"}),
    ("limit=1&limit=2", {"limit"}),
    ("page=0&limit=101", {"page", "limit"}),
    ("page=0&limit=101&from=x&status=Draft&sort=asc", {"page", "limit", "from", "status", "sort"}),
    ("status=Draft&platform=myspace&from=x&to=y", {"status", "platform", "from", "to"}),
    ("status=cancelled", {"status"}),
    ("status=&platform=&from=&to=%20", {"status", "platform", "from", "to"}),
    ("sort=asc&Status=draft", {"sort", "Status"}),
]  # fmt: skip


def test_what_a_list_cannot_do_is_a_400_that_names_it(api: ApiClient, post: Post) -> None:
    assert [(query, set(fields_of(api.get(f"/api/posts?{query}")))) for query, _names in REFUSED] == REFUSED


@pytest.mark.parametrize("path", ["/api/workspaces", "/api/accounts"])
def test_other_lists_have_the_same_limits(api: ApiClient, path: str) -> None:
    limits = [(query, names) for query, names in REFUSED if names in ({"limit"}, {"page"})]

    assert [(query, set(fields_of(api.get(f"{path}?{query}")))) for query, _names in limits] == limits


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
