"""POST /api/posts/{id}/schedule and unschedule, and scheduling at creation."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.platforms.shapes import Tokens
from ouipost.claims import database_now
from ouipost.events.models import Event, Message
from posts.models import Post, Target
from tests.conftest import ApiClient
from tests.contract.seed import assert_matches
from tests.contract.world import at, connect_all, error_of, fields_of
from tests.factories import NOW, make_account, make_post, make_schedule, make_webhook
from workspaces.models import Workspace

FUTURE = "2090-02-01T09:00:00Z"
SPRING_GAP, AUTUMN_FOLD = "2090-03-26T02:30:00", "2090-10-29T02:30:00"


@pytest.fixture
def paris(workspace: Workspace) -> Workspace:
    workspace.settings = {"timezone": "Europe/Paris"}
    workspace.save()
    return workspace


@pytest.fixture
def post(paris: Workspace) -> Post:
    return make_post(paris, accounts=[make_account(paris)])


@pytest.mark.usefixtures("one_clock")
@time_machine.travel("2024-01-22T12:00:00Z", tick=False)
def test_scheduling_answers_as_in_the_reference(api: ApiClient, post: Post) -> None:
    response = api.post(f"/api/posts/{post.pk}/schedule", {"scheduled_at": "2024-01-25T10:00:00"})

    assert_matches(response, "POST /api/posts/{id}/schedule")


@pytest.mark.parametrize("given", [FUTURE, "2090-02-01T09:00:00", ""])
def test_a_time_that_a_post_has_already_is_told_to_the_audit_log_alone(api: ApiClient, post: Post, given: str) -> None:
    make_webhook(events=["post.scheduled", "post.updated"])
    body = {"scheduled_at": given} if given else {"schedule_id": make_schedule(post.workspace).pk}
    rows = [model._default_manager.all() for model in (Post, Target, Message)]
    first = api.post(f"/api/posts/{post.pk}/schedule", body)
    before = [list(each.values()) for each in rows]

    again = api.post(f"/api/posts/{post.pk}/schedule", body)

    assert (again.status_code, again.json()) == (200, first.json())
    assert [list(each.values()) for each in rows] == before
    lines = Event.objects.filter(resource_id=post.pk).order_by("pk")
    assert [line.type for line in lines] == ["post.scheduled", "post.unchanged"]
    assert lines[1].details == {"before": {}, "after": {}}


@pytest.mark.parametrize(
    ("body", "instant", "zone"),
    [
        ({"scheduled_at": "2090-02-01T09:00:00Z"}, "2090-02-01T09:00:00Z", "Europe/Paris"),
        ({"scheduled_at": "2090-02-01T09:00:00-05:00"}, "2090-02-01T14:00:00Z", "Europe/Paris"),
        ({"scheduled_at": "2090-02-01T09:00:00"}, "2090-02-01T08:00:00Z", "Europe/Paris"),
        ({"scheduled_at": "2090-02-01T09:00:00", "timezone": "Asia/Tokyo"}, "2090-02-01T00:00:00Z", "Asia/Tokyo"),
        ({"scheduled_at": "2090-02-01T09:00:00Z", "timezone": "Asia/Tokyo"}, "2090-02-01T09:00:00Z", "Asia/Tokyo"),
        ({"scheduled_at": f"{AUTUMN_FOLD}+02:00"}, "2090-10-29T00:30:00Z", "Europe/Paris"),
    ],
)
def test_an_offset_makes_an_instant_and_without_one_it_is_local_time(
    api: ApiClient, post: Post, body: dict[str, str], instant: str, zone: str
) -> None:
    shown = api.post(f"/api/posts/{post.pk}/schedule", body).json()["data"]["post"]

    assert (shown["status"], shown["scheduled_at"], shown["scheduled_timezone"]) == ("scheduled", instant, zone)
    assert [target.due_at for target in post.targets.all()] == [at(instant)]


@pytest.mark.parametrize(
    ("moment", "candidates"),
    [
        (SPRING_GAP, ["2090-03-26T03:30:00+02:00", "2090-03-26T01:30:00+01:00"]),
        (AUTUMN_FOLD, ["2090-10-29T02:30:00+02:00", "2090-10-29T02:30:00+01:00"]),
    ],
)
def test_a_local_time_that_is_not_there_once_is_refused_with_both_candidates(
    api: ApiClient, post: Post, moment: str, candidates: list[str]
) -> None:
    told = fields_of(api.post(f"/api/posts/{post.pk}/schedule", {"scheduled_at": moment}))

    assert set(told) == {"scheduled_at"}
    assert all(candidate in told["scheduled_at"][0] for candidate in candidates)


@pytest.mark.usefixtures("one_clock")
@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize(("late", "status"), [(61, 400), (60, 200)])
def test_the_past_is_refused_from_a_minute_on(api: ApiClient, post: Post, late: int, status: int) -> None:
    moment = (NOW - timedelta(seconds=late)).isoformat()

    response = api.post(f"/api/posts/{post.pk}/schedule", {"scheduled_at": moment})

    assert response.status_code == status
    assert status == 200 or set(fields_of(response)) == {"scheduled_at"}


@pytest.mark.parametrize("ahead", [-6, 6])
def test_the_database_says_what_is_past_and_present_whatever_the_clock_of_the_server_shows(
    api: ApiClient, paris: Workspace, ahead: int
) -> None:
    connect_all(paris, "facebook", "twitter")
    body = {"content": "Hi", "platforms": ["facebook"]}
    past, soon = (database_now() + timedelta(hours=hours) for hours in (-1, 1))

    with time_machine.travel(timezone.now() + timedelta(hours=ahead)):
        made = api.post("/api/posts", body | {"scheduled_at": soon.isoformat()})
        address = f"/api/posts/{made.json()['data']['post']['id']}"
        api.put(address, {"platforms": ["facebook", "twitter"]})
        targets = list(Target.objects.values_list("due_at", flat=True))
        statuses = [
            api.post(path, given | {"scheduled_at": moment.isoformat()}).status_code
            for path, given in (("/api/posts", body), ("/api/posts/validate", body), (f"{address}/schedule", {}))
            for moment in (past, soon)
        ]

    assert (made.status_code, targets) == (201, [soon] * 2)
    assert statuses == [400, 201, 400, 200, 400, 200]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({}, {"scheduled_at"}),
        ({"schedule_at": FUTURE}, {"schedule_at", "scheduled_at"}),
        ({"scheduled_at": 1800000000, "timezone": 5}, {"scheduled_at", "timezone"}),
        ({"scheduled_at": None}, {"scheduled_at"}),
        ({"scheduled_at": "99999-01-01T00:00:00Z"}, {"scheduled_at"}),
        ({"scheduled_at": "2090-02-01"}, {"scheduled_at"}),
        ({"scheduled_at": "2100-12-31T23:30:00", "timezone": "America/New_York"}, {"scheduled_at"}),
        ({"scheduled_at": "2090-02-30T09:00:00Z", "timezone": "Paris"}, {"scheduled_at", "timezone"}),
    ],
)
def test_what_is_wrong_with_the_time_is_named(api: ApiClient, post: Post, body: Any, names: set[str]) -> None:
    assert set(fields_of(api.post(f"/api/posts/{post.pk}/schedule", body))) == names


def test_what_a_network_would_refuse_is_422_with_all_issues(api: ApiClient, paris: Workspace) -> None:
    facebook, twitter = connect_all(paris, "facebook", "twitter")
    post = make_post(paris, accounts=[facebook, twitter], content="x" * 70_000)

    response = api.post(f"/api/posts/{post.pk}/schedule", {"scheduled_at": FUTURE})

    issues = response.json()["error"]["details"]["issues"]
    keys = {"rule", "platform", "account_id", "field", "message", "limit", "actual", "severity", "fix"}
    assert error_of(response) == (422, "POST_NOT_PUBLISHABLE")
    assert [set(issue) for issue in issues] == [keys] * 2
    assert {issue["platform"]: issue["account_id"] for issue in issues} == {
        "facebook": facebook.pk,
        "twitter": twitter.pk,
    }
    post.refresh_from_db()
    assert (post.status, post.scheduled_at) == ("draft", None)


def test_without_an_account_scheduling_is_422(api: ApiClient, paris: Workspace) -> None:
    created = api.post("/api/posts", {"content": "Hi", "platforms": ["bluesky"]}).json()["data"]["post"]

    response = api.post(f"/api/posts/{created['id']}/schedule", {"scheduled_at": FUTURE})

    assert error_of(response) == (422, "ACCOUNT_NOT_CONNECTED")


def test_whoever_schedules_hears_of_accounts_that_must_be_reconnected(api: ApiClient, paris: Workspace) -> None:
    make_account(paris, name="Bakery", username="", status="expired")
    make_account(paris, name="Bakery", username="bakery", status="expired", platform="twitter")
    body = {"content": "Hi", "platforms": ["facebook", "twitter"]}
    told = [
        "Bakery (Facebook) must be reconnected before this post can go out.",
        "Bakery (Twitter/X, @bakery) must be reconnected before this post can go out.",
    ]

    created = api.post("/api/posts", body | {"scheduled_at": FUTURE}).json()["data"]
    address = f"/api/posts/{created['post']['id']}"
    answers = [
        created,
        api.put(address, {"content": "Hello"}).json()["data"],
        api.post(f"{address}/schedule", {"scheduled_at": FUTURE}).json()["data"],
        api.post(f"{address}/schedule", {"schedule_id": make_schedule(paris).pk}).json()["data"],
    ]

    assert [data["warnings"] for data in answers] == [told] * 4
    assert [data["post"]["status"] for data in answers] == ["scheduled"] * 4


def test_whoever_schedules_hears_of_accounts_whose_connection_ends_before(api: ApiClient, paris: Workspace) -> None:
    end = datetime.fromisoformat(FUTURE) - timedelta(seconds=1)
    make_account(paris, name="Bakery", tokens=Tokens(access_token="token", ends_at=end))
    body = {"content": "Hi", "platforms": ["facebook"]}
    way_out = "before this post is due: it must be renewed by then."
    told = [f"The connection of Bakery (Facebook, companypage) ends on 2090-02-01 UTC, {way_out}"]

    draft = api.post("/api/posts", body).json()["data"]
    created = api.post("/api/posts", body | {"scheduled_at": FUTURE}).json()["data"]
    address = f"/api/posts/{created['post']['id']}"
    changed = api.put(address, {"content": "Hello"}).json()["data"]
    moved = api.post(f"{address}/schedule", {"scheduled_at": FUTURE}).json()["data"]
    validated = api.post("/api/posts/validate", body | {"scheduled_at": FUTURE}).json()["data"]
    shown = api.get(f"{address}/preview").json()["data"]

    assert [each.get("warnings") for each in (draft, created, changed, moved)] == [None, told, told, told]
    assert [each["message"] for each in validated["issues"]] == told
    assert [each["message"] for each in shown["targets"][0]["issues"]] == told
    assert validated["valid"]


def test_a_post_is_created_and_scheduled_at_once(api: ApiClient, paris: Workspace) -> None:
    make_account(paris)
    body = {"content": "Hi", "platforms": ["facebook"], "scheduled_at": "2090-02-01T10:00:00", "timezone": "Asia/Tokyo"}

    response = api.post("/api/posts", body)

    shown = response.json()["data"]["post"]
    assert response.status_code == 201
    assert (shown["status"], shown["scheduled_at"]) == ("scheduled", "2090-02-01T01:00:00Z")
    assert shown["scheduled_timezone"] == "Asia/Tokyo"
    assert "warnings" not in response.json()["data"]


@pytest.mark.parametrize("given", [{}, {"scheduled_at": None}], ids=["missing", "null"])
def test_a_zone_without_a_time_is_told(api: ApiClient, workspace: Workspace, given: dict[str, Any]) -> None:
    make_account(workspace)

    response = api.post("/api/posts", {"content": "Hi", "platforms": ["facebook"], "timezone": "Asia/Tokyo"} | given)

    assert response.status_code == 201
    assert response.json()["data"]["warnings"] == ["timezone has no effect without scheduled_at: the post is a draft."]


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"scheduled_at": "2020-01-01T00:00:00Z"}, (400, "VALIDATION_ERROR")),
        ({"scheduled_at": SPRING_GAP}, (400, "VALIDATION_ERROR")),
        ({"platforms": ["twitter"]}, (422, "ACCOUNT_NOT_CONNECTED")),
        ({"content": "x" * 70_000}, (422, "POST_NOT_PUBLISHABLE")),
    ],
)
def test_what_cannot_be_scheduled_is_not_created_either(
    api: ApiClient, paris: Workspace, change: dict[str, Any], refusal: tuple[int, str]
) -> None:
    make_account(paris)
    body = {"content": "Hi", "platforms": ["facebook"], "scheduled_at": FUTURE} | change

    response = api.post("/api/posts", body)

    assert error_of(response) == refusal
    assert (Post.objects.count(), Event.objects.filter(resource_type="post").count()) == (0, 0)


def test_unscheduling_returns_a_post_to_draft(api: ApiClient, paris: Workspace) -> None:
    post = make_post(paris, accounts=[make_account(paris)], status="scheduled", scheduled_at=NOW)

    shown = api.post(f"/api/posts/{post.pk}/unschedule").json()["data"]["post"]

    assert (shown["status"], shown["scheduled_at"]) == ("draft", None)
    assert [(target.status, target.due_at) for target in post.targets.all()] == [("draft", None)]
