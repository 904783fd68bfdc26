"""GET /admin/dashboard, /admin/stats and /admin/analytics: exact, and in as many queries for much as for little."""

import csv
import io
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts import platforms
from accounts.models import SocialAccount
from adminapi.monitoring import figures
from analytics import removal
from analytics.models import DayTotal, PlatformTotal, WorkspaceDay
from analytics.totals import SUMMED, add_days
from ouipost.events.journal import SYSTEM
from posts import counts, pausing, services
from posts.models import MediaBytes, Post, PostStatus, Target, TargetStatus
from posts.status import sync_and_tell
from tests.conftest import AdminClient
from tests.contract.seed import assert_matches
from tests.contract.world import fields_of
from tests.factories import make_account, make_key, make_post, make_token, make_user, make_workspace, tell_failed
from workspaces.keys import usage
from workspaces.models import KeyUsage, Membership, Role, Workspace

NOW = datetime(2024, 1, 24, 10, 0, tzinfo=UTC)
"""A Wednesday."""
TODAY = NOW.date()
EARLIER = NOW - timedelta(days=30)
NETWORKS = [platform.id for platform in platforms.ALL]
Budget = Callable[..., AbstractContextManager[Any]]


@pytest.fixture(autouse=True)
def at_ten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(figures, "database_now", timezone.now)
    with time_machine.travel(NOW, tick=False):
        yield


def member(*workspaces: Workspace, **values: Any) -> AdminClient:
    """Return a client of a viewer who works in these workspaces alone."""
    user = make_user(**{"email": "viewer@example.com", "role": Role.VIEWER} | values)
    for workspace in workspaces:
        Membership.objects.create(workspace=workspace, user=user)
    return AdminClient(make_token(user))


def data_of(client: AdminClient, path: str) -> dict[str, Any]:
    response = client.get(f"/admin/{path}")
    assert response.status_code == 200, response.content
    data: dict[str, Any] = response.json()["data"]
    return data


def write_posts(
    workspace: Workspace, status: str, count: int, *, created_at: datetime = EARLIER, moment: datetime | None = None
) -> None:
    at = moment or created_at
    given = {"created_at": created_at, "moment": at, "status": status}
    made = Post.objects.bulk_create(Post(workspace=workspace, content="Bread", **given) for _ in range(count))
    if status == "failed":
        tell_failed(made, at=at)


def gain(workspace: Workspace, platform: str, *, day: date = TODAY, posts: int = 0, **numbers: int | None) -> None:
    """Count something as a reading does."""
    told = {"posts": posts, **dict.fromkeys(("impressions", "reach", "engagement", "clicks")), **numbers}
    add_days([(workspace.pk, day, platform, told)])


@pytest.fixture
def seed(admin: AdminClient) -> None:
    """The installation that the reference's answers are of."""
    workspaces = [make_workspace(name=f"Shop {number}", mode="live") for number in range(12)]
    for number in range(7):
        make_user(email=f"{number}@example.com", role=Role.EDITOR)
    statuses = ["active"] * 42 + ["expired"] * 2 + ["error"]
    for number, status in enumerate(statuses):
        make_account(workspaces[number % 12], remote_id=str(number), default_of=None, status=status)
    for number, (status, count) in enumerate({"draft": 45, "scheduled": 34, "published": 1272, "failed": 27}.items()):
        write_posts(workspaces[number], status, count)
    write_posts(workspaces[5], "published", 63, created_at=NOW - timedelta(days=2))
    write_posts(workspaces[5], "published", 15, created_at=NOW - timedelta(hours=1))
    write_posts(workspaces[5], "failed", 2, moment=NOW - timedelta(days=1))
    published = {"facebook": 320, "instagram": 280, "twitter": 245, "linkedin": 180}
    for platform, count in (published | {"tiktok": 179, "youtube": 154, "threads": 100}).items():
        gain(workspaces[0], platform, posts=count)
    keys = [make_key(name=str(number))[0] for number in range(4)]
    make_key(name="Ends", expires_at=NOW + timedelta(days=1))
    make_key(name="Ended", expires_at=NOW - timedelta(days=1))
    make_key(name="Off", is_active=False)
    KeyUsage.objects.create(key=keys[0], day=TODAY, requests=2450)
    KeyUsage.objects.create(key=keys[1], day=TODAY.replace(day=1), requests=45890 - 2450)
    KeyUsage.objects.create(key=keys[1], day=TODAY - timedelta(days=24), requests=5)
    MediaBytes.objects.create(workspace=workspaces[0], total=2_449_999_999)


@pytest.mark.usefixtures("seed")
def test_the_dashboard_is_as_in_the_reference(admin: AdminClient) -> None:
    assert_matches(admin.get("/admin/dashboard"), "GET /admin/dashboard")
    assert data_of(admin, "dashboard")["paused"] == []


@pytest.mark.usefixtures("seed")
def test_the_stats_are_as_in_the_reference(admin: AdminClient) -> None:
    assert_matches(admin.get("/admin/stats"), "GET /admin/stats")
    assert set(data_of(admin, "stats")["posts"]["by_status"]) == set(PostStatus.values)


def test_an_empty_installation_has_zeros(admin: AdminClient) -> None:
    dashboard, stats = data_of(admin, "dashboard"), data_of(admin, "stats")

    assert dashboard["overview"] == {"total_workspaces": 0, "total_posts": 0, "total_accounts": 0, "total_users": 1}
    assert dashboard["platform_distribution"] == {"other": 0}
    assert stats["posts"] == {"total": 0, "by_status": dict.fromkeys(PostStatus.values, 0), "by_platform": {}}
    assert stats["accounts"] == {"total": 0, "by_status": {"active": 0, "expired": 0, "error": 0}}
    assert stats["usage"] == {"storage_used_mb": 0, "storage_limit_mb": 10_000, "api_calls_this_month": 0}


def test_what_is_paused_is_on_the_dashboard_of_those_whom_it_concerns(admin: AdminClient) -> None:
    mine, other = make_workspace(), make_workspace()
    accounts = [make_account(each) for each in (mine, other)]
    for scope, subject in [
        ("network", "facebook"),
        *(("account", each.pk) for each in accounts),
        ("workspace", other.pk),
    ]:
        pausing.pause(scope, subject, reason="Why not.", actor=SYSTEM, now=NOW)

    seen = [(each["scope"], each["id"]) for each in data_of(member(mine), "dashboard")["paused"]]

    assert sorted(seen) == [("account", accounts[0].pk), ("network", "facebook")]
    assert len(data_of(admin, "dashboard")["paused"]) == 4


def test_a_failure_is_of_the_week_in_which_the_post_failed_however_old_its_draft_is(admin: AdminClient) -> None:
    workspace = make_workspace()
    account = make_account(workspace)
    draft, other = (make_post(workspace, accounts=[account], created_at=EARLIER, moment=EARLIER) for _ in range(2))
    tell_failed([other], at=NOW)  # and was unscheduled then

    services.publish_post(draft, actor=SYSTEM, now=NOW)
    Target.objects.filter(post=draft).update(status=TargetStatus.FAILED, due_at=None)
    sync_and_tell(Post.objects.get(pk=draft.pk))

    assert data_of(admin, "dashboard")["activity"]["failed_posts"] == 1


def test_requests_that_are_not_written_yet_are_counted(admin: AdminClient) -> None:
    key, _ = make_key()
    KeyUsage.objects.create(key=key, day=TODAY, requests=2)
    usage.IN_PROCESS.count(key.pk, now=NOW)

    assert data_of(admin, "dashboard")["api_usage"] == {
        "requests_today": 3,
        "requests_this_month": 3,
        "active_keys": 1,
    }


def write_world(generator: random.Random) -> list[Workspace]:
    """Write workspaces with posts of every status and age, some with a kept number, one of them deleted."""
    workspaces = [make_workspace(name=f"Shop {number}") for number in range(4)]
    days = [NOW - timedelta(days=generator.randrange(12), hours=generator.randrange(12)) for _ in range(8)]
    for workspace in workspaces:
        for number in range(generator.randrange(4)):
            status, gone = generator.choice(["active", "expired", "error"]), generator.random() < 0.3
            values = {"status": status, "disconnected_at": NOW if gone else None}
            make_account(workspace, remote_id=str(number), default_of=None, **values)
        for _ in range(generator.randrange(12)):
            status, at = generator.choice(PostStatus.values), generator.choice(days)
            write_posts(workspace, status, generator.randrange(4), created_at=at, moment=generator.choice(days))
        if generator.random() < 0.6:
            counts.add_posts(workspace.pk, 0)
        for platform in generator.sample(NETWORKS, generator.randrange(len(NETWORKS))):
            day = TODAY - timedelta(days=generator.randrange(400))
            numbers = {"impressions": generator.choice([None, 0, 70]), "engagement": generator.randrange(9)}
            gain(workspace, platform, day=day, posts=generator.randrange(9), **numbers)
        key, _ = make_key(workspace_ids=generator.choice([[], [workspace.pk]]))
        KeyUsage.objects.create(key=key, day=TODAY - timedelta(days=generator.randrange(40)), requests=17)
    Workspace.objects.filter(pk=workspaces[3].pk).update(deleted_at=NOW)
    return workspaces[:3]


def counted(workspaces: list[Workspace]) -> dict[str, Any]:
    """Count one by one what the dashboard and the stats say of these workspaces."""
    pks = [workspace.pk for workspace in workspaces]
    posts = list(Post.objects.filter(workspace__in=pks))
    accounts = [each.status for each in SocialAccount.objects.filter(workspace__in=pks, disconnected_at=None)]
    monday = TODAY - timedelta(days=TODAY.weekday())
    created = [post.created_at.date() for post in posts]
    failed = [post for post in posts if post.status == "failed" and post.moment.date() >= monday]
    return {
        "total_workspaces": len(workspaces),
        "total_posts": len(posts),
        "by_status": {status: sum(post.status == status for post in posts) for status in PostStatus.values},
        "total_accounts": len(accounts),
        "accounts": {status: accounts.count(status) for status in ("active", "expired", "error")},
        "activity": {
            "posts_today": created.count(TODAY),
            "posts_this_week": sum(day >= monday for day in created),
            "scheduled_posts": sum(post.status == "scheduled" for post in posts),
            "failed_posts": len(failed),
        },
    }


def told(client: AdminClient) -> dict[str, Any]:
    dashboard, stats = data_of(client, "dashboard"), data_of(client, "stats")
    overview = dashboard["overview"]
    assert overview["total_posts"] == stats["posts"]["total"]
    assert overview["total_accounts"] == stats["accounts"]["total"]
    return {
        "total_workspaces": overview["total_workspaces"],
        "total_posts": overview["total_posts"],
        "by_status": stats["posts"]["by_status"],
        "total_accounts": overview["total_accounts"],
        "accounts": stats["accounts"]["by_status"],
        "activity": dashboard["activity"],
    }


@pytest.mark.parametrize("number", range(12))
def test_every_number_is_what_counting_one_by_one_gives(admin: AdminClient, number: int) -> None:
    generator = random.Random(number)
    workspaces = write_world(generator)
    mine = generator.sample(workspaces, 2)
    client = member(*mine)

    assert told(admin) == counted(workspaces)
    assert told(client) == counted(mine)

    assert data_of(client, "stats")["posts"]["by_platform"] == published(mine)
    shown, wanted = data_of(admin, "dashboard")["platform_distribution"], published(workspaces)
    most = sorted(wanted.values(), reverse=True)
    assert {name: count for name, count in shown.items() if name != "other"}.items() <= wanted.items()
    assert list(shown.values()) == [*most[:4], sum(most[4:])]


def published(workspaces: list[Workspace]) -> dict[str, int]:
    """Sum the published targets of these workspaces, day by day."""
    found: Counter[str] = Counter()
    for row in DayTotal.objects.filter(workspace__in=workspaces):
        found[row.platform] += row.posts
    return {platform: count for platform, count in found.items() if count}


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize(("period", "days"), [("7d", 7), ("30d", 30), ("90d", 90), ("1y", 365)])
def test_a_period_has_the_sums_of_its_days_in_every_cut(
    admin: AdminClient, number: int, period: str, days: int
) -> None:
    workspaces = write_world(random.Random(100 + number))
    first = TODAY - timedelta(days=days - 1)

    found = data_of(admin, f"analytics?period={period}")

    rows = DayTotal.objects.filter(workspace__in=workspaces, day__gte=first, day__lte=TODAY)
    wanted = {name: sum(getattr(row, name) or 0 for row in rows) for name in SUMMED}
    assert {name: found["summary"][f"total_{name}"] or 0 for name in SUMMED} == wanted
    assert {name: sum(each[name] or 0 for each in found["by_platform"].values()) for name in SUMMED} == wanted
    assert sum(each["posts"] for each in found["timeline"]) == wanted["posts"]
    assert [each["date"] for each in found["timeline"]] == [each["date"] for each in found["api_usage"]]
    assert len(found["timeline"]) == days
    engaged = [each["engagement"] or 0 for each in found["by_workspace"]]
    assert engaged == sorted(engaged, reverse=True)
    by_workspace = {each["id"]: {name: each[name] or 0 for name in SUMMED} for each in found["by_workspace"]}
    assert by_workspace == {
        each.pk: {name: sum(getattr(row, name) or 0 for row in rows if row.workspace_id == each.pk) for name in SUMMED}
        for each in workspaces
        if any(row.workspace_id == each.pk for row in rows)
    }
    used = KeyUsage.objects.filter(day__gte=first, day__lte=TODAY)
    assert {each["date"]: each["requests"] for each in found["api_usage"] if each["requests"]} == {
        day.isoformat(): requests
        for day, requests in Counter({row.day: 0 for row in used} | _by_day(used)).items()
        if requests
    }


def _by_day(rows: Any) -> Counter[date]:
    found: Counter[date] = Counter()
    for row in rows:
        found[row.day] += row.requests
    return found


def test_a_report_is_shaped_like_that_of_one_workspace(admin: AdminClient) -> None:
    workspace = make_workspace(name="Bakery")
    gain(workspace, "facebook", posts=1, impressions=200, reach=150, engagement=10, clicks=3)

    found = data_of(admin, "analytics?period=7d")

    assert found["period"] == {"from": "2024-01-18T00:00:00Z", "to": "2024-01-24T23:59:59Z"}
    assert found["summary"] == {
        "total_posts": 1,
        "total_impressions": 200,
        "total_reach": 150,
        "total_engagement": 10,
        "total_clicks": 3,
        "avg_engagement_rate": 5.0,
        "best_performing_platform": "facebook",
    }
    numbers = {"posts": 1, "impressions": 200, "reach": 150, "engagement": 10, "clicks": 3, "engagement_rate": 5.0}
    assert found["by_platform"] == {"facebook": numbers}
    assert found["by_workspace"] == [{"id": workspace.pk, "name": "Bakery", **numbers}]
    assert found["timeline"][-1] == {"date": "2024-01-24", "impressions": 200, "engagement": 10, "posts": 1}
    assert found["api_usage"][-1] == {"date": "2024-01-24", "requests": 0}
    assert len(data_of(admin, "analytics")["timeline"]) == 30


@pytest.mark.parametrize("role", ["admin", "viewer"])
def test_a_report_ends_with_the_newest_day_that_has_begun_in_one_of_its_workspaces(
    admin: AdminClient, role: str
) -> None:
    ahead, behind, other = (make_workspace(name=name) for name in ("Auckland", "London", "Apia"))
    client = admin if role == "admin" else member(ahead, behind)
    tomorrow = TODAY + timedelta(days=1)
    gain(behind, "facebook", posts=1, impressions=5)
    if role == "viewer":
        gain(other, "facebook", day=tomorrow, posts=1)
    before = data_of(client, "analytics?period=7d")
    gain(ahead, "facebook", day=tomorrow, posts=1, impressions=2)

    after = data_of(client, "analytics?period=7d")

    assert before["timeline"][-1]["date"] == TODAY.isoformat()
    assert after["period"] == {"from": "2024-01-19T00:00:00Z", "to": "2024-01-25T23:59:59Z"}
    assert [each["impressions"] for each in after["timeline"]] == [0, 0, 0, 0, 0, 5, 2]
    assert [each["date"] for each in after["api_usage"]] == [each["date"] for each in after["timeline"]]
    assert after["summary"]["total_impressions"] == 7
    assert {each["name"]: each["impressions"] for each in after["by_workspace"]} == {"Auckland": 2, "London": 5}
    assert "2024-01-25,facebook,1,2," in client.get("/admin/analytics?period=7d&format=csv").content.decode()


def test_a_member_sees_the_report_of_their_own_workspaces(admin: AdminClient) -> None:
    mine, other = make_workspace(name="Mine"), make_workspace(name="Other")
    for workspace in (mine, other):
        gain(workspace, "facebook", posts=2, engagement=1)
    key, _ = make_key(workspace_ids=[mine.pk])
    shared, _ = make_key(workspace_ids=[mine.pk, other.pk])
    for each in (key, shared):
        KeyUsage.objects.create(key=each, day=TODAY, requests=7)

    client = member(mine)
    found, dashboard = data_of(client, "analytics"), data_of(client, "dashboard")

    assert found["summary"]["total_posts"] == 2
    assert [each["name"] for each in found["by_workspace"]] == ["Mine"]
    assert found["api_usage"][-1]["requests"] == 7
    assert dashboard["api_usage"] == {"requests_today": 7, "requests_this_month": 7, "active_keys": 1}
    assert dashboard["overview"]["total_users"] == 1
    nobody = member(email="new@example.com")
    assert data_of(nobody, "analytics")["by_workspace"] == []
    assert data_of(nobody, "dashboard")["overview"] == {
        "total_workspaces": 0,
        "total_posts": 0,
        "total_accounts": 0,
        "total_users": 0,
    }


def test_a_report_comes_as_csv(admin: AdminClient) -> None:
    gain(make_workspace(), "facebook", posts=1, impressions=5)

    response = admin.get("/admin/analytics?period=7d&format=csv")

    rows = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert rows == [{"date": "2024-01-24", "platform": "facebook", "posts": "1", "impressions": "5", "reach": "",
                     "engagement": "", "clicks": ""}]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("analytics?period=2d", "period"),
        ("analytics?period=", "period"),
        ("analytics?format=xml", "format"),
        ("analytics?from=2024-01-01", "from"),
        ("dashboard?period=7d", "period"),
        ("stats?format=csv", "format"),
    ],
)
def test_a_query_that_makes_no_sense_is_named(admin: AdminClient, path: str, field: str) -> None:
    assert set(fields_of(admin.get(f"/admin/{path}"))) == {field}


@pytest.mark.parametrize("path", ["dashboard", "stats", "analytics?period=1y"])
@pytest.mark.parametrize("role", ["admin", "viewer"])
def test_the_number_of_queries_is_fixed_and_below_ten(
    admin: AdminClient, path: str, role: str, django_assert_max_num_queries: Budget
) -> None:
    client, asked = admin, []
    for number in range(2):
        workspaces = write_world(random.Random(number))
        for workspace in workspaces:
            pausing.pause("workspace", workspace.pk, reason="Why not.", actor=SYSTEM, now=NOW)
        if role == "viewer":
            client = member(*workspaces, email=f"{number}@example.com")
        with django_assert_max_num_queries(9) as captured:
            data_of(client, path)
        asked.append(len(captured.captured_queries))

    assert asked[0] == asked[1]


def test_a_workspace_whose_only_post_was_deleted_has_gained_nothing(admin: AdminClient) -> None:
    gain(make_workspace(name="Empty"), "facebook", posts=1, impressions=5)
    gain(Workspace.objects.get(), "facebook", posts=-1, impressions=-5)
    gain(make_workspace(name="Bakery"), "facebook", posts=1)

    found = data_of(admin, "analytics")["by_workspace"]

    assert [each["name"] for each in found] == ["Bakery"]


def test_a_deleted_workspace_leaves_the_report_at_once(admin: AdminClient) -> None:
    leaving, staying = make_workspace(), make_workspace()
    gain(leaving, "facebook", posts=1, impressions=7, engagement=2)
    gain(staying, "facebook", posts=2, impressions=5)
    Workspace.objects.filter(pk=leaving.pk).update(deleted_at=NOW)

    at_once = data_of(admin, "analytics")
    while not removal.purge(leaving):
        pass

    assert at_once == data_of(admin, "analytics")
    assert (at_once["summary"]["total_posts"], at_once["summary"]["total_impressions"]) == (2, 5)
    assert sum(each["posts"] for each in at_once["timeline"]) == 2
    assert at_once["by_platform"]["facebook"]["posts"] == 2
    assert "2024-01-24,facebook,2,5," in admin.get("/admin/analytics?format=csv").content.decode()


def test_a_deleted_workspace_leaves_the_sums_by_workspace(admin: AdminClient) -> None:
    workspace = make_workspace()
    gain(workspace, "facebook", posts=1)
    Workspace.objects.filter(pk=workspace.pk).update(deleted_at=NOW)
    found = data_of(admin, "analytics")["by_workspace"]
    while not removal.purge(workspace):
        pass

    assert found == []
    assert not WorkspaceDay.objects.exists()
    assert not PlatformTotal.objects.exists()
