"""/api/schedules, field by field as the reference shows it, and what the contract adds."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import views as accounts_views
from ouipost.events.models import Delivery, Event
from posts import views as posts_views
from posts.models import Post, Schedule, Target
from posts.schedules import serializers, views
from tests.conftest import ApiClient
from tests.contract.seed import assert_matches, request_body, sample
from tests.contract.world import data_of, error_of, fields_of
from tests.factories import make_account, make_post, make_webhook
from workspaces.models import Workspace

MONDAY = datetime(2024, 1, 22, 12, 0, tzinfo=ZoneInfo("Europe/Paris"))
LONG_AGO, SATURDAY = MONDAY - timedelta(days=90), MONDAY + timedelta(days=5)
NEXT_SLOT = datetime(2024, 1, 29, 9, 0, tzinfo=ZoneInfo("Europe/Paris"))
MORNINGS: dict[str, Any] = {
    "name": "Morning Posts",
    "description": "Daily morning content",
    "timezone": "Europe/Paris",
    "slots": [
        {"day": "monday", "time": "09:00", "platforms": ["facebook", "twitter"]},
        {"day": "wednesday", "time": "09:00", "platforms": ["facebook", "linkedin"]},
    ],
}


@pytest.fixture(autouse=True)
def monday(monkeypatch: pytest.MonkeyPatch) -> Any:
    for module in (accounts_views, posts_views, serializers, views):
        monkeypatch.setattr(module, "database_now", timezone.now)
    with time_machine.travel(MONDAY, tick=False):
        yield


@pytest.fixture
def accounts(workspace: Workspace) -> list[Any]:
    return [make_account(workspace), make_account(workspace, platform="twitter", remote_id="2")]


def make(api: ApiClient, **values: Any) -> dict[str, Any]:
    made: dict[str, Any] = data_of(api.post("/api/schedules", MORNINGS | values), status=201)["schedule"]
    return made


def get(api: ApiClient, path: str) -> dict[str, Any]:
    data: dict[str, Any] = data_of(api.get(path))
    return data


def put_in(api: ApiClient, post: Post, schedule: dict[str, Any]) -> Any:
    return api.post(f"/api/posts/{post.pk}/schedule", {"schedule_id": schedule["id"]})


def shown_schedule(api: ApiClient, post: Post) -> str | None:
    """Return the schedule that a post is said to be in, on its own page and in the list."""
    [listed] = [each for each in api.get("/api/posts").json()["data"]["posts"] if each["id"] == post.pk]
    shown: str | None = api.get(f"/api/posts/{post.pk}").json()["data"]["post"]["schedule_id"]
    assert listed["schedule_id"] == shown
    return shown


def queue(api: ApiClient, workspace: Workspace, schedule: dict[str, Any], accounts: list[Any], count: int = 1) -> Any:
    posts = [make_post(workspace, accounts=accounts, content=f"Bread {number}") for number in range(count)]
    for post in posts:
        assert put_in(api, post, schedule).status_code == 200
    return posts


def times(*posts: Post) -> list[str]:
    rows = Post.objects.in_bulk([post.pk for post in posts])
    found = [rows[post.pk].scheduled_at for post in posts]
    return [f"{moment.astimezone(ZoneInfo('Europe/Paris')):%a %d %H:%M}" if moment else "-" for moment in found]


def test_the_list_is_as_in_the_reference(api: ApiClient) -> None:
    make(api, slots=MORNINGS["slots"][::-1])  # they are shown in the order of the week

    assert_matches(api.get("/api/schedules"), "GET /api/schedules", made=["schedules.*.created_at"])


def test_a_new_one_is_as_in_the_reference(api: ApiClient) -> None:
    response = api.post("/api/schedules", MORNINGS | {"name": "Weekly Content Schedule"})

    assert_matches(response, "POST /api/schedules", status=201, made=["schedule.created_at"])
    made = response.json()["data"]["schedule"]["id"]
    assert Event.objects.filter(type="schedule.created", resource_id=made).count() == 1


def test_its_own_page_is_as_in_the_reference(api: ApiClient, workspace: Workspace, accounts: list[Any]) -> None:
    schedule = make(api, slots=MORNINGS["slots"][:1])
    out = [make_post(workspace, accounts=accounts, status="published", published_at=LONG_AGO) for _ in range(43)]
    out += [make_post(workspace, accounts=accounts, status="published", published_at=MONDAY) for _ in range(2)]
    Post.objects.filter(pk__in=[post.pk for post in out]).update(schedule=schedule["id"])
    with time_machine.travel(SATURDAY, tick=False):
        queue(api, workspace, schedule, accounts)
        Post.objects.filter(pk__in=[post.pk for post in out[-2:]]).update(moment=SATURDAY)
        Post.objects.filter(status="scheduled").update(moment=NEXT_SLOT)
        response = api.get(f"/api/schedules/{schedule['id']}")

    expected = sample("GET /api/schedules/{id}")["schedule"]["stats"]
    assert_matches(
        response, "GET /api/schedules/{id}", made=["schedule.stats.this_week", "schedule.upcoming_posts.*.post_id"]
    )
    assert response.json()["data"]["schedule"]["stats"]["total_published"] == expected["total_published"]
    assert response.json()["data"]["schedule"]["stats"]["this_week"] == 2


def test_the_change_of_the_reference_is_taken(api: ApiClient) -> None:
    schedule = make(api)

    response = api.put(f"/api/schedules/{schedule['id']}", request_body("PUT /api/schedules/{id}"))

    changed = response.json()["data"]["schedule"]
    assert (changed["name"], changed["is_active"]) == ("Updated Schedule Name", False)
    assert [(slot["day"], slot["time"], slot["platforms"]) for slot in changed["slots"]] == [
        ("tuesday", "10:00", ["facebook"])
    ]


def test_what_went_out_and_what_goes_out_this_week_is_counted(
    api: ApiClient, workspace: Workspace, accounts: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sundays = [{"day": "sunday", "time": "23:59", "platforms": ["facebook", "twitter"]}]
    schedule, other = make(api, slots=sundays), make(api, slots=sundays)
    first, second, third = queue(api, workspace, schedule, accounts, 3)
    queue(api, workspace, other, accounts)
    begins = MONDAY.replace(hour=0)
    others = {begins: "published", begins - timedelta(seconds=1): "published"}
    others |= {begins + timedelta(weeks=1): "published", MONDAY: "failed"}
    Post.objects.filter(pk=first.pk).update(status="published")
    Post.objects.filter(pk=second.pk).update(moment=begins + timedelta(weeks=5))
    for moment, status in others.items():
        post = make_post(workspace, accounts=accounts, status=status)
        Post.objects.filter(pk=post.pk).update(schedule=schedule["id"], moment=moment)

    shown = get(api, f"/api/schedules/{schedule['id']}")["schedule"]

    assert (shown["stats"]["total_published"], shown["stats"]["this_week"]) == (4, 2)
    assert [each["post_id"] for each in shown["upcoming_posts"]] == [third.pk, second.pk]
    monkeypatch.setattr(serializers, "MOST_UPCOMING", 1)
    cut = get(api, f"/api/schedules/{schedule['id']}")["schedule"]
    assert cut["upcoming_posts"] == shown["upcoming_posts"][:1]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": 5}, "name"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"is_active": "yes"}, "is_active"),
        ({"colour": "red"}, "colour"),
        ({"slots": []}, "slots"),
        ({"slots": "monday"}, "slots"),
        ({"slots": [{"day": "Monday", "time": "09:00", "platforms": ["facebook"]}]}, "slots.0.day"),
        ({"slots": [{"day": "monday", "time": "9:00", "platforms": ["facebook"]}]}, "slots.0.time"),
        ({"slots": [{"day": "monday", "time": "24:00", "platforms": ["facebook"]}]}, "slots.0.time"),
        ({"slots": [{"day": "monday", "time": "09:00", "platforms": []}]}, "slots.0.platforms"),
        ({"slots": [{"day": "monday", "time": "09:00", "platforms": ["myspace"]}]}, "slots.0.platforms.0"),
        ({"slots": [{"day": "monday", "time": "09:00"}]}, "slots.0.platforms"),
        ({"slots": [{"day": "monday", "time": "09:00", "platforms": ["facebook"], "colour": 1}]}, "slots.0.colour"),
        ({"slots": [MORNINGS["slots"][0]] * 2}, "slots.1.time"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named(api: ApiClient, values: dict[str, Any], field: str) -> None:
    assert list(fields_of(api.post("/api/schedules", MORNINGS | values))) == [field]
    assert not Schedule.objects.exists()


def test_what_a_body_costs_does_not_grow_with_its_slots(api: ApiClient, accounts: list[Any]) -> None:
    def cost(slots: int) -> int:
        times = [{"day": "monday", "time": f"{hour:02}:00", "platforms": [accounts[0].pk]} for hour in range(slots)]
        with CaptureQueriesContext(connection) as asked:
            make(api, slots=times)
        return len(asked)

    few, many = cost(1), cost(20)

    assert few == many


def test_the_zone_is_the_workspaces_unless_one_is_given(api: ApiClient) -> None:
    Workspace.objects.update(settings={"timezone": "Asia/Kathmandu"})
    without = {name: value for name, value in MORNINGS.items() if name != "timezone"}

    made = api.post("/api/schedules", without).json()["data"]["schedule"]

    assert made["timezone"] == "Asia/Kathmandu"


def test_a_post_takes_the_next_free_slot_that_is_for_its_networks(
    api: ApiClient, workspace: Workspace, accounts: list[Any]
) -> None:
    schedule = make(api)

    posts = queue(api, workspace, schedule, accounts, 3)
    both = queue(api, workspace, schedule, accounts[:1], 2)

    assert times(*posts) == ["Mon 29 09:00", "Mon 05 09:00", "Mon 12 09:00"]
    assert times(*both) == ["Wed 24 09:00", "Wed 31 09:00"]
    target = Target.objects.filter(post=posts[0]).first()
    assert target is not None
    assert (target.status, target.due_at) == ("scheduled", target.scheduled_at)


def test_a_slot_that_is_for_an_account_takes_posts_for_that_one_alone(
    api: ApiClient, workspace: Workspace, accounts: list[Any]
) -> None:
    slots = [{"day": "monday", "time": "09:00", "platforms": [accounts[0].pk]}]
    schedule = make(api, slots=slots)
    other = make_account(workspace, remote_id="9", default_of=None)
    for_one, for_other = (make_post(workspace, accounts=[each]) for each in (accounts[0], other))
    Post.objects.filter(pk=for_other.pk).update(destinations=[other.pk])

    assert put_in(api, for_one, schedule).status_code == 200
    assert put_in(api, for_other, schedule).status_code == 422


def test_a_post_for_networks_that_no_slot_has_is_told_which(
    api: ApiClient, workspace: Workspace, accounts: list[Any]
) -> None:
    schedule = make(api, slots=[{"day": "monday", "time": "09:00", "platforms": ["twitter", "linkedin"]}])
    post = make_post(workspace, accounts=accounts)

    response = put_in(api, post, schedule)

    [issue] = response.json()["error"]["details"]["issues"]
    assert error_of(response) == (422, "POST_NOT_PUBLISHABLE")
    assert issue == {
        "rule": "no_slot_fits",
        "platform": "facebook",
        "account_id": None,
        "field": "schedule_id",
        "message": "No slot of Morning Posts is for all networks of this post: Facebook is missing.",
        "limit": None,
        "actual": "facebook",
        "severity": "error",
        "fix": "Add Facebook to a slot, or schedule the post by its time.",
    }
    assert response.json()["error"]["message"] == "The post cannot go out like this: details.issues says why."
    assert Post.objects.get(pk=post.pk).status == "draft"


def test_a_post_that_no_slot_fits_is_told_all_the_same_what_networks_would_refuse(
    api: ApiClient, workspace: Workspace, accounts: list[Any]
) -> None:
    schedule = make(api, slots=[{"day": "monday", "time": "09:00", "platforms": ["facebook"]}])
    post = make_post(workspace, accounts=accounts, content="x" * 70_000)

    response = put_in(api, post, schedule)

    issues = response.json()["error"]["details"]["issues"]
    refused = {issue["platform"] for issue in issues if issue["rule"] == "text_too_long"}
    assert refused == {account.platform for account in accounts}
    assert [issue["platform"] for issue in issues if issue["rule"] == "no_slot_fits"] == ["twitter"]


def test_a_post_that_a_network_would_refuse_takes_no_place(
    api: ApiClient, workspace: Workspace, accounts: list[Any]
) -> None:
    post = make_post(workspace, accounts=accounts, content="x" * 70_000)

    response = put_in(api, post, make(api))

    assert error_of(response) == (422, "POST_NOT_PUBLISHABLE")
    again = Post.objects.get(pk=post.pk)
    assert (again.status, again.schedule_id, again.slot_id) == ("draft", None, None)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["scheduled_at"]),
        ({"schedule_id": "sched_nobody"}, ["schedule_id"]),
        ({"schedule_id": 5}, ["schedule_id"]),
        (
            {"schedule_id": "x", "scheduled_at": "2030-01-01T00:00:00Z", "timezone": "UTC"},
            ["schedule_id", "scheduled_at", "timezone"],
        ),
    ],
)
def test_a_body_says_one_thing(
    api: ApiClient, workspace: Workspace, accounts: list[Any], body: dict[str, Any], fields: list[str]
) -> None:
    post = make_post(workspace, accounts=accounts)

    assert sorted(fields_of(api.post(f"/api/posts/{post.pk}/schedule", body))) == fields


def test_the_next_times_are_shown_with_who_has_them(api: ApiClient, workspace: Workspace, accounts: list[Any]) -> None:
    schedule = make(api)
    [post] = queue(api, workspace, schedule, accounts)

    shown = get(api, f"/api/schedules/{schedule['id']}/slots?count=3")["slots"]

    assert [(each["slot_time"], each["post_id"]) for each in shown] == [
        ("2024-01-24T09:00:00+01:00", None),
        ("2024-01-29T09:00:00+01:00", post.pk),
        ("2024-01-31T09:00:00+01:00", None),
    ]
    assert shown[1]["platforms"] == ["facebook", "twitter"]


@pytest.mark.parametrize("count", ["0", "201", "-1", "x", "1.5", "", "%D9%A3", "9" * 5000, "0000000020000"])
def test_a_number_of_times_that_makes_no_sense_is_refused(api: ApiClient, count: str) -> None:
    assert list(fields_of(api.get(f"/api/schedules/{make(api)['id']}/slots?count={count}"))) == ["count"]


def test_what_leaves_the_queue_leaves_its_place(api: ApiClient, workspace: Workspace, accounts: list[Any]) -> None:
    schedule = make(api)
    first, second, third, fourth = queue(api, workspace, schedule, accounts, 4)
    assert {shown_schedule(api, post) for post in (first, second, third, fourth)} == {schedule["id"]}

    api.post(f"/api/posts/{first.pk}/unschedule")
    api.delete(f"/api/posts/{second.pk}")
    api.post(f"/api/posts/{third.pk}/schedule", {"scheduled_at": "2024-03-01T12:00:00Z"})
    api.post(f"/api/posts/{fourth.pk}/publish", Prefer="wait=0")
    posts = queue(api, workspace, schedule, accounts, 5)

    assert {shown_schedule(api, post) for post in (first, third, fourth)} == {None}
    assert times(*posts) == ["Mon 29 09:00", "Mon 05 09:00", "Mon 12 09:00", "Mon 19 09:00", "Mon 26 09:00"]


def test_a_post_that_is_queued_again_moves_to_the_first_place(
    api: ApiClient, workspace: Workspace, accounts: list[Any]
) -> None:
    schedule = make(api)
    first, second = queue(api, workspace, schedule, accounts, 2)
    api.post(f"/api/posts/{first.pk}/unschedule")

    put_in(api, second, schedule)
    put_in(api, second, schedule)

    assert times(second) == ["Mon 29 09:00"]


def test_new_slots_move_the_queue_in_its_order(api: ApiClient, workspace: Workspace, accounts: list[Any]) -> None:
    schedule = make(api)
    posts = queue(api, workspace, schedule, accounts, 3)
    slots = [
        {"day": "tuesday", "time": "10:00", "platforms": ["facebook", "twitter"]},
        {"day": "friday", "time": "17:30", "platforms": ["twitter", "facebook"]},
    ]

    response = api.put(f"/api/schedules/{schedule['id']}", {"slots": slots})

    assert response.status_code == 200
    assert times(*posts) == ["Tue 23 10:00", "Fri 26 17:30", "Tue 30 10:00"]
    assert response.json()["data"]["returned_to_draft"] == []
    due = Target.objects.filter(post=posts[0]).values_list("due_at", flat=True)
    assert set(due) == {Post.objects.get(pk=posts[0].pk).scheduled_at}


def queue_with_a_hole(api: ApiClient, workspace: Workspace, schedule: dict[str, Any], accounts: list[Any]) -> Any:
    """Queue three posts, and take the first one out again."""
    first, *others = queue(api, workspace, schedule, accounts, 3)
    assert api.post(f"/api/posts/{first.pk}/unschedule").status_code == 200
    return others


@pytest.mark.parametrize("order", [1, -1], ids=["as it was", "networks in another order"])
def test_slots_that_are_sent_back_move_nothing(
    api: ApiClient, workspace: Workspace, accounts: list[Any], order: int
) -> None:
    schedule = make(api)
    posts = queue_with_a_hole(api, workspace, schedule, accounts)
    told = Event.objects.filter(type__startswith="post.").count()
    shown = get(api, f"/api/schedules/{schedule['id']}")["schedule"]
    slots = [slot | {"platforms": slot["platforms"][::order]} for slot in shown["slots"]]

    data = api.put(f"/api/schedules/{schedule['id']}", shown | {"name": "Early", "slots": slots}).json()["data"]

    assert (data["schedule"]["name"], data["schedule"]["slots"]) == ("Early", slots)
    assert times(*posts) == ["Mon 05 09:00", "Mon 12 09:00"]
    assert Event.objects.filter(type__startswith="post.").count() == told
    assert ("slots" in Event.objects.get(type="schedule.updated").details["after"]) == (order == -1)


def test_a_schedule_whose_last_slot_went_with_its_account_can_be_sent_back(
    api: ApiClient, workspace: Workspace
) -> None:
    account = make_account(workspace)
    schedule = make(api, slots=[{"day": "monday", "time": "09:00", "platforms": [account.pk]}])
    empty = api.put(f"/api/schedules/{schedule['id']}", {"slots": []})
    api.delete(f"/api/accounts/{account.pk}")
    shown = get(api, f"/api/schedules/{schedule['id']}")["schedule"]

    renamed = api.put(f"/api/schedules/{schedule['id']}", shown | {"name": "Early"})

    assert fields_of(empty) == {"slots": ["May not be empty: give at least 1."]}
    assert shown["slots"] == []
    assert (renamed.status_code, renamed.json()["data"]["schedule"]["name"]) == (200, "Early")


def test_a_post_that_moves_has_that_in_its_timeline_the_journal_and_the_webhooks(
    api: ApiClient, workspace: Workspace, accounts: list[Any]
) -> None:
    schedule = make(api)
    stays, moved = queue(api, workspace, schedule, accounts, 2)
    webhook = make_webhook(events=["post.scheduled"])
    slots = [MORNINGS["slots"][0], {"day": "tuesday", "time": "10:00", "platforms": ["facebook", "twitter"]}]

    with time_machine.travel(SATURDAY, tick=False):
        api.put(f"/api/schedules/{schedule['id']}", {"slots": slots})

    assert times(stays, moved) == ["Mon 29 09:00", "Tue 30 10:00"]
    line = Event.objects.filter(resource_id=moved.pk).latest("pk")
    new, old = "2024-01-30T09:00:00Z", "2024-02-05T08:00:00Z"
    assert (line.type, bool(line.key_id)) == ("post.scheduled", True)
    assert line.details == {
        "scheduled_at": new,
        "timezone": "Europe/Paris",
        "schedule": schedule["id"],
        "before": {"scheduled_at": old},
        "after": {"scheduled_at": new},
    }
    timeline = get(api, f"/api/posts/{moved.pk}/timeline")["timeline"]
    assert [each["message"] for each in timeline if each["kind"] == "scheduled"] == [
        "The post was scheduled for 2024-02-05 08:00 UTC.",
        "The post was scheduled for 2024-01-30 09:00 UTC.",
    ]
    assert [delivery.message.type for delivery in Delivery.objects.filter(webhook=webhook)] == ["post.scheduled"]
    assert Event.objects.filter(resource_id=stays.pk).count() == 1
    assert list(Event.objects.order_by("pk").values_list("type", flat=True))[-2:] == ["schedule.updated", line.type]


@pytest.mark.parametrize("change", ["zone", "hold", "account"])
def test_whatever_moves_a_queue_is_told_of_each_post(
    api: ApiClient, workspace: Workspace, accounts: list[Any], change: str
) -> None:
    gone = make_account(workspace, remote_id="gone", default_of=None)
    schedule = make(api, slots=[MORNINGS["slots"][0], {"day": "monday", "time": "18:00", "platforms": [gone.pk]}])
    posts = queue(api, workspace, schedule, accounts, 2)
    Post.objects.filter(pk=posts[0].pk).update(slot=None, slot_date=None, scheduled_at=SATURDAY)
    path = f"/api/schedules/{schedule['id']}"

    match change:
        case "zone":
            api.put(path, {"timezone": "America/New_York"})
            expected = [(2, "2024-01-22T14:00"), (2, "2024-01-29T14:00")]
        case "hold":
            api.put(path, {"is_active": False})
            with time_machine.travel(MONDAY + timedelta(weeks=3), tick=False):
                api.put(path, {"is_active": True})
            expected = [(2, "2024-02-19T08:00"), (2, "2024-02-26T08:00")]
        case "account":
            api.delete(f"/api/accounts/{gone.pk}")
            expected = [(2, "2024-01-29T08:00"), (1, "2024-02-05T08:00")]

    zones = Post.objects.filter(scheduled_timezone="America/New_York").count()
    assert zones == (len(posts) if change == "zone" else 0)
    told = [Event.objects.filter(type="post.scheduled", resource_id=post.pk).order_by("pk") for post in posts]
    assert [(len(lines), list(lines)[-1].details["scheduled_at"][:16]) for lines in told] == expected
    assert all(line.key_id for lines in told for line in lines)


def test_what_a_move_costs_does_not_grow_with_the_queue(
    api: ApiClient, workspace: Workspace, accounts: list[Any]
) -> None:
    make_webhook(events=["post.scheduled"])

    def cost(count: int) -> int:
        schedule = make(api)
        posts = queue(api, workspace, schedule, accounts, count)
        with CaptureQueriesContext(connection) as queries:
            api.put(f"/api/schedules/{schedule['id']}", {"timezone": "America/New_York"})
        assert Event.objects.filter(resource_id__in=[post.pk for post in posts]).count() == 2 * count
        return len(queries)

    cost(1)
    assert cost(2) == cost(30)


def test_a_slot_at_the_same_time_stays_the_same_slot(api: ApiClient) -> None:
    schedule = make(api)
    slots = [MORNINGS["slots"][0] | {"platforms": ["bluesky", "bluesky"]}]

    data = api.put(f"/api/schedules/{schedule['id']}", {"slots": slots}).json()["data"]

    kept = [(slot["id"], slot["platforms"]) for slot in data["schedule"]["slots"]]
    assert kept == [(schedule["slots"][0]["id"], ["bluesky"])]
    assert (data["returned_to_draft"], "warnings" in data) == ([], False)


def test_a_post_that_no_new_slot_fits_is_a_draft_and_named(
    api: ApiClient, workspace: Workspace, accounts: list[Any]
) -> None:
    schedule = make(api)
    [stays] = queue(api, workspace, schedule, accounts[:1])
    [goes] = queue(api, workspace, schedule, accounts)
    slots = [{"day": "tuesday", "time": "10:00", "platforms": ["facebook"]}]

    data = api.put(f"/api/schedules/{schedule['id']}", {"slots": slots}).json()["data"]

    assert data["returned_to_draft"] == [goes.pk]
    assert data["warnings"] == ["1 queued post fits no slot any more and is a draft now."]
    assert (Post.objects.get(pk=goes.pk).status, times(stays)) == ("draft", ["Tue 23 10:00"])
    assert not Target.objects.filter(post=goes).exclude(status="draft", due_at=None).exists()
    waits = Target.objects.get(post=stays)
    assert (waits.status, waits.due_at) == ("scheduled", waits.scheduled_at)


def test_a_hold_keeps_the_queue_and_its_end_gives_it_the_next_places(
    api: ApiClient, workspace: Workspace, accounts: list[Any]
) -> None:
    schedule = make(api)
    posts = queue(api, workspace, schedule, accounts, 2)
    [other] = queue(api, workspace, make(api, name="Evening Posts"), accounts)
    theirs = Target.objects.filter(post=other, due_at=NEXT_SLOT)

    held = api.put(f"/api/schedules/{schedule['id']}", {"is_active": False}).json()["data"]["schedule"]
    assert (held["upcoming_posts"], held["stats"]["next_slot"]) == ([], None)
    assert not Target.objects.filter(post__in=posts).exclude(due_at=None).exists()
    assert (theirs.count(), Post.objects.get(pk=other.pk).slot_id is None) == (len(accounts), False)
    assert {post.status for post in Post.objects.filter(pk__in=[post.pk for post in posts])} == {"scheduled"}
    with time_machine.travel(MONDAY + timedelta(weeks=3), tick=False):
        api.put(f"/api/schedules/{schedule['id']}", {"is_active": True})

    assert times(*posts) == ["Mon 19 09:00", "Mon 26 09:00"]


def test_a_held_post_says_what_it_waits_for(api: ApiClient, workspace: Workspace, accounts: list[Any]) -> None:
    schedule = make(api)
    [post] = queue(api, workspace, schedule, accounts)
    api.put(f"/api/schedules/{schedule['id']}", {"is_active": False})

    shown = api.get(f"/api/posts/{post.pk}").json()["data"]["post"]
    *_, last = api.get(f"/api/posts/{post.pk}/timeline").json()["data"]["timeline"]

    words = "The schedule in whose queue it waits is on hold: it takes the next free place when that is active again."
    assert {target["waits_for"] for target in shown["targets"]} == {words}
    assert (last["kind"], last["message"], last["target_id"]) == ("waiting", words, shown["targets"][-1]["id"])
    assert (last["who_acts"], last["next_attempt_at"]) == ("caller", None)


def test_an_edit_of_a_held_post_does_not_let_it_go(api: ApiClient, workspace: Workspace, accounts: list[Any]) -> None:
    schedule = make(api)
    [post] = queue(api, workspace, schedule, accounts)
    api.put(f"/api/schedules/{schedule['id']}", {"is_active": False})

    assert api.put(f"/api/posts/{post.pk}", {"content": "Other bread"}).status_code == 200

    assert not Target.objects.exclude(due_at=None).exists()


def test_whoever_takes_a_queued_post_where_its_slot_does_not_lead_is_told(
    api: ApiClient, workspace: Workspace, accounts: list[Any]
) -> None:
    schedule = make(api, slots=MORNINGS["slots"][:1])
    make_account(workspace, platform="linkedin", remote_id="3")
    [post] = queue(api, workspace, schedule, accounts)

    fits, strays, stays = (
        data_of(api.put(f"/api/posts/{post.pk}", body))
        for body in ({"platforms": ["facebook"]}, {"platforms": ["facebook", "linkedin"]}, {"content": "Rye"})
    )

    told = ["The post keeps its slot in Morning Posts, which is not for LinkedIn: queue it again, or give it a time."]
    assert [data.get("warnings") for data in (fits, strays, stays)] == [None, told, told]
    assert {data["post"]["scheduled_at"] for data in (fits, strays, stays)} == {"2024-01-29T08:00:00Z"}


def test_nothing_is_queued_while_a_schedule_is_on_hold(
    api: ApiClient, workspace: Workspace, accounts: list[Any]
) -> None:
    schedule = make(api, is_active=False)

    assert error_of(put_in(api, make_post(workspace, accounts=accounts), schedule)) == (409, "CONFLICT")


def test_deleting_returns_the_queue_to_draft_and_keeps_what_went_out(
    api: ApiClient, workspace: Workspace, accounts: list[Any]
) -> None:
    schedule = make(api)
    out, waits = queue(api, workspace, schedule, accounts, 2)
    Post.objects.filter(pk=out.pk).update(status="published")

    response = api.delete(f"/api/schedules/{schedule['id']}")

    assert response.json()["data"] == sample("DELETE /api/schedules/{id}") | {"returned_to_draft": 1}
    left = Post.objects.in_bulk([out.pk, waits.pk])
    assert (left[out.pk].status, left[waits.pk].status, left[waits.pk].scheduled_at) == ("published", "draft", None)
    assert api.get(f"/api/schedules/{schedule['id']}").status_code == 404


def test_what_was_called_off_stays_so_while_its_queue_moves_and_ends(
    api: ApiClient, workspace: Workspace, accounts: list[Any]
) -> None:
    schedule = make(api)
    [post] = queue(api, workspace, schedule, accounts)
    assert api.delete(f"/api/accounts/{accounts[1].pk}").status_code == 200
    called_off = Target.objects.filter(post=post, account=accounts[1]).values_list("status", "due_at")
    assert called_off.get() == ("cancelled", None)

    slots = [{"day": "monday", "time": "10:00", "platforms": ["facebook"]}]
    assert api.put(f"/api/schedules/{schedule['id']}", {"slots": slots}).status_code == 200
    assert (called_off.get(), times(post)) == (("cancelled", None), ["Mon 29 10:00"])

    assert api.delete(f"/api/schedules/{schedule['id']}").status_code == 200
    assert (called_off.get(), Post.objects.get(pk=post.pk).status) == (("cancelled", None), "draft")


def test_an_account_that_goes_leaves_all_schedules(api: ApiClient, workspace: Workspace, accounts: list[Any]) -> None:
    slots = [
        {"day": "monday", "time": "09:00", "platforms": [accounts[0].pk]},
        {"day": "tuesday", "time": "09:00", "platforms": [accounts[0].pk, "twitter"]},
    ]
    schedule = make(api, slots=slots)
    [alone] = queue(api, workspace, schedule, accounts[:1])
    [both] = queue(api, workspace, schedule, accounts)

    assert api.delete(f"/api/accounts/{accounts[0].pk}").status_code == 200

    shown = get(api, f"/api/schedules/{schedule['id']}")["schedule"]
    assert [(slot["day"], slot["platforms"]) for slot in shown["slots"]] == [("tuesday", ["twitter"])]
    assert Post.objects.get(pk=alone.pk).status == "draft"
    assert (Post.objects.get(pk=both.pk).status, times(both)) == ("scheduled", ["Tue 30 09:00"])


def test_an_account_that_goes_with_its_slot_moves_none_of_the_other_slots_posts(
    api: ApiClient, workspace: Workspace, accounts: list[Any]
) -> None:
    own = {"day": "monday", "time": "09:00", "platforms": [accounts[0].pk]}
    schedule = make(api, slots=[own, {"day": "monday", "time": "10:00", "platforms": ["twitter"]}])
    posts = queue_with_a_hole(api, workspace, schedule, accounts[1:])

    assert api.delete(f"/api/accounts/{accounts[0].pk}").status_code == 200

    assert times(*posts) == ["Mon 05 10:00", "Mon 12 10:00"]


def test_the_posts_of_a_slot_that_goes_with_its_account_take_the_first_free_places(
    api: ApiClient, workspace: Workspace, accounts: list[Any]
) -> None:
    own = {"day": "monday", "time": "09:00", "platforms": [accounts[0].pk]}
    schedule = make(api, slots=[own, {"day": "monday", "time": "10:00", "platforms": ["twitter"]}])
    [stays] = queue(api, workspace, schedule, accounts[1:])
    [redirected] = queue(api, workspace, schedule, accounts[:1])
    api.put(f"/api/posts/{redirected.pk}", {"platforms": [accounts[1].pk]})

    assert api.delete(f"/api/accounts/{accounts[0].pk}").status_code == 200

    assert times(stays, redirected) == ["Mon 29 10:00", "Mon 05 10:00"]


def test_an_account_that_goes_moves_no_queue_that_keeps_its_slots_or_is_on_hold(
    api: ApiClient, workspace: Workspace, accounts: list[Any]
) -> None:
    own, shared = (
        {"day": "monday", "time": time, "platforms": [accounts[0].pk, *others]}
        for time, others in (("09:00", []), ("10:00", ["twitter"]))
    )
    kept, held = make(api, slots=[shared]), make(api, slots=[own, shared])
    posts = queue_with_a_hole(api, workspace, kept, accounts[1:])
    [waits] = queue(api, workspace, held, accounts[1:])
    api.put(f"/api/schedules/{held['id']}", {"is_active": False})

    assert api.delete(f"/api/accounts/{accounts[0].pk}").status_code == 200

    assert times(*posts) == ["Mon 05 10:00", "Mon 12 10:00"]
    assert not Target.objects.filter(post=waits).exclude(due_at=None).exists()
    line = Event.objects.get(type="schedule.updated", resource_id=kept["id"])
    assert line.details == {
        "before": {"slots": [shared]},
        "after": {"slots": [shared | {"platforms": ["twitter"]}]},
    }


def test_a_page_costs_the_same_whatever_waits(api: ApiClient, workspace: Workspace, accounts: list[Any]) -> None:
    schedule = make(api)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            api.get(f"/api/schedules/{schedule['id']}")
        return len(queries)

    api.get(f"/api/schedules/{schedule['id']}")
    empty = cost()
    queue(api, workspace, schedule, accounts, 12)

    assert cost() == empty <= 6
