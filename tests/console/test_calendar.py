"""The calendar: what it shows in whose time, who may look, and what becomes of a post that is moved."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import SocialAccount
from accounts.platforms.shapes import Tokens
from adminapi.console.calendar import entries, page
from ouipost.events.journal import SYSTEM
from ouipost.events.models import Event
from posts import services
from posts.models import Post
from posts.schedules import services as schedules
from tests.console.conftest import browser_of, member_of
from tests.factories import NOW, make_account, make_post, make_schedule, make_user, make_workspace
from workspaces.models import Role, User, Workspace
from workspaces.services import delete_workspace

pytestmark = pytest.mark.usefixtures("at_noon")
PARIS = {"timezone": "Europe/Paris"}
MORNING = datetime(2026, 12, 2, 8, 0, tzinfo=UTC)


@pytest.fixture
def bakery(db: None) -> Workspace:
    return make_workspace(settings=PARIS)


@pytest.fixture
def account(bakery: Workspace) -> SocialAccount:
    return make_account(bakery)


@pytest.fixture
def editor(bakery: Workspace) -> User:
    """An editor who works in the bakery, and nowhere else."""
    return member_of(bakery)


@pytest.fixture
def staff(editor: User) -> Client:
    return browser_of(editor)


def look(client: Client, workspace: Workspace, first: str = "2026-12-01", last: str = "2026-12-31", **more: str) -> Any:
    """Return the calendar's answer for these days."""
    return client.get("/console/calendar/events", {"workspace": workspace.pk, "from": first, "to": last} | more)


def move(client: Client, post: Post, at: str, **shown: str) -> Any:
    return client.post(f"/console/calendar/posts/{post.pk}/move", {"at": at} | shown)


def scheduled(workspace: Workspace, account: SocialAccount, at: datetime = MORNING, **values: Any) -> Post:
    given = {"status": "scheduled", "scheduled_at": at, "scheduled_timezone": workspace.timezone, "moment": at}
    return make_post(workspace, accounts=[account], **given | values)


def standing(post: Post) -> tuple[Any, ...]:
    """Return all that a move could change."""
    post.refresh_from_db()
    targets = post.targets.order_by("pk").values_list("status", "scheduled_at", "due_at")
    return post.status, post.scheduled_at, post.moment, post.slot_id, post.slot_date, post.schedule_id, list(targets)


def test_the_page_says_whose_time_it_shows_and_offers_the_viewers_workspaces(staff: Client, bakery: Workspace) -> None:
    make_workspace(name="Elsewhere")

    page = staff.get("/console/calendar/").content.decode()

    assert "Europe/Paris" in page
    assert bakery.pk in page
    assert "Elsewhere" not in page


def test_the_workspace_that_was_chosen_last_is_that_of_the_next_page(bakery: Workspace) -> None:
    boss, other = browser_of(make_user(role=Role.ADMIN)), make_workspace(name="Zoo")
    pages = [f"/console/{name}/" for name in ("calendar", "compose", "connect")]

    boss.get(pages[0], {"workspace": other.pk})
    after_calendar = [boss.get(page).context["workspaces"].chosen for page in pages]
    boss.post(pages[1], {"do": "workspace", "workspace": bakery.pk})
    after_compose = boss.get(pages[0]).context["workspaces"].chosen
    boss.get(pages[0], {"workspace": other.pk})
    delete_workspace(other, actor=SYSTEM, now=NOW)

    assert (after_calendar, after_compose) == ([other] * 3, bakery)
    assert boss.get(pages[0]).context["workspaces"].chosen == bakery


def test_who_works_in_no_workspace_is_told_so(db: None) -> None:
    page = browser_of(make_user(role=Role.EDITOR)).get("/console/calendar/")

    assert "You are not a member of any workspace" in page.content.decode()


def test_the_calendar_is_for_those_who_manage_posts(bakery: Workspace, account: SocialAccount) -> None:
    post = scheduled(bakery, account)
    viewer = member_of(bakery, role=Role.VIEWER)
    client = browser_of(viewer)

    answers = [client.get("/console/calendar/"), look(client, bakery), move(client, post, "2026-12-05T10:00")]

    assert [each.status_code for each in answers] == [403, 403, 403]
    assert look(Client(), bakery).status_code == 302
    assert move(Client(), post, "2026-12-05T10:00").status_code == 302
    assert standing(post)[1] == MORNING


def test_another_workspace_is_not_there_for_an_editor(staff: Client) -> None:
    other = make_workspace(name="Elsewhere")
    post = scheduled(other, make_account(other))

    page = staff.get("/console/calendar/", {"workspace": other.pk})
    answers = [page, look(staff, other), move(staff, post, "2026-12-05T10:00")]

    assert [each.status_code for each in answers] == [404, 404, 404]
    assert standing(post)[1] == MORNING


def test_an_administrator_sees_every_workspace_but_the_deleted(bakery: Workspace, account: SocialAccount) -> None:
    post = scheduled(bakery, account)
    client = browser_of(make_user())
    assert look(client, bakery).status_code == 200

    Workspace.objects.filter(pk=bakery.pk).update(deleted_at=NOW)

    assert look(client, bakery).status_code == 404
    assert move(client, post, "2026-12-05T10:00").status_code == 404


def test_nothing_moves_by_a_get_or_from_another_site(editor: User, bakery: Workspace, account: SocialAccount) -> None:
    post = scheduled(bakery, account)
    client = browser_of(editor, enforce_csrf_checks=True)

    got = client.get(f"/console/calendar/posts/{post.pk}/move", {"at": "2026-12-05T10:00"})
    forged = move(client, post, "2026-12-05T10:00")

    assert (got.status_code, forged.status_code) == (405, 403)
    assert standing(post)[1] == MORNING


def test_days_begin_and_end_by_the_workspaces_clock(staff: Client, bakery: Workspace, account: SocialAccount) -> None:
    late = datetime(2026, 12, 1, 23, 30, tzinfo=UTC)  # half past midnight in Paris
    post = scheduled(bakery, account, late)

    first = look(staff, bakery, "2026-12-01", "2026-12-01").json()["posts"]
    second = look(staff, bakery, "2026-12-02", "2026-12-02").json()["posts"]

    assert first == []
    assert [(each["id"], each["start"], each["state"]) for each in second] == [
        (post.pk, "2026-12-02T00:30:00", "scheduled")
    ]


def test_a_post_is_shown_with_its_networks_and_only_what_may_move_is_movable(
    staff: Client, bakery: Workspace, account: SocialAccount
) -> None:
    scheduled(bakery, account, content="Fresh  bread\nfrom seven")
    scheduled(bakery, account, status="published", published_at=MORNING, content="")

    shown = look(staff, bakery).json()["posts"]

    told = {(each["state"], each["text"], each["movable"]) for each in shown}
    assert told == {("scheduled", "Fresh bread from seven", True), ("published", "(no text)", False)}
    assert shown[0]["networks"] == [{"mark": "Fa", "name": "Facebook"}]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"from": "2026-12-01"}, "needed"),
        ({"from": "yesterday", "to": "2026-12-01"}, "ISO 8601"),
        ({"from": "2026-12-02", "to": "2026-12-01"}, "later"),
        ({"from": "2026-12-01", "to": "2027-02-01"}, "62 days"),
        ({"from": "2026-12-01", "to": "2026-12-02", "status": "sleeping"}, "sleeping"),
    ],
    ids=["no end", "no date", "backwards", "too long", "no state"],
)
def test_a_range_that_is_none_is_refused(staff: Client, bakery: Workspace, given: dict[str, str], field: str) -> None:
    answer = staff.get("/console/calendar/events", {"workspace": bakery.pk} | given)

    assert answer.status_code == 400
    assert field in answer.json()["message"]


def test_two_months_are_not_too_long_across_a_change_of_the_clocks(staff: Client, bakery: Workspace) -> None:
    assert look(staff, bakery, "2026-10-01", "2026-12-01").status_code == 200


def test_the_calendar_is_narrowed_by_network_account_and_state(
    staff: Client, bakery: Workspace, account: SocialAccount
) -> None:
    other = make_account(bakery, platform="bluesky", remote_id="did:1", username="baker")
    page = scheduled(bakery, account)
    sky = scheduled(bakery, other)
    failed = scheduled(bakery, account, status="failed")

    def found(**chosen: str) -> set[str]:
        return {each["id"] for each in look(staff, bakery, **chosen).json()["posts"]}

    assert found(platform="bluesky") == {sky.pk}
    assert found(account=account.pk) == {page.pk, failed.pk}
    assert found(status="failed", account=account.pk) == {failed.pk}


def test_free_slots_are_shown_and_taken_held_and_past_ones_are_not(
    staff: Client, bakery: Workspace, account: SocialAccount
) -> None:
    rhythm = make_schedule(bakery, slots=[(2, "09:00", ["facebook"])])  # Wednesdays; today is one
    make_schedule(bakery, name="Held", is_active=False)
    schedules.queue_post(scheduled(bakery, account), rhythm, actor=SYSTEM, now=NOW)

    free = look(staff, bakery, "2026-11-20", "2026-12-16").json()["free"]

    assert [(each["start"], each["schedule"]) for each in free] == [
        ("2026-12-09T09:00:00", "Mornings"),
        ("2026-12-16T09:00:00", "Mornings"),
    ]


def test_free_slots_are_those_by_the_clock_which_publishes(
    staff: Client, bakery: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_schedule(bakery, slots=[(2, "09:00", ["facebook"])])
    monkeypatch.setattr(page, "database_now", lambda: NOW + timedelta(days=8))

    free = look(staff, bakery, "2026-11-20", "2026-12-16").json()["free"]

    assert [each["start"] for each in free] == ["2026-12-09T09:00:00", "2026-12-16T09:00:00"]


def test_free_slots_follow_the_filters(staff: Client, bakery: Workspace, account: SocialAccount) -> None:
    make_account(bakery, platform="bluesky", remote_id="did:1")
    make_schedule(bakery, slots=[(2, "09:00", ["facebook"]), (3, "10:00", [account.pk]), (4, "11:00", ["bluesky"])])

    def free(**chosen: str) -> list[str]:
        return [
            each["start"][11:16] for each in look(staff, bakery, "2026-12-01", "2026-12-05", **chosen).json()["free"]
        ]

    assert free() == ["09:00", "10:00", "11:00"]
    assert free(platform="facebook") == free(account=account.pk) == ["09:00", "10:00"]
    assert free(platform="tiktok") == free(status="failed") == []


def test_a_slot_of_another_zone_is_shown_by_the_workspaces_clock(staff: Client, bakery: Workspace) -> None:
    make_schedule(bakery, slots=[(2, "09:00", ["facebook"])], timezone="America/New_York")

    free = look(staff, bakery, "2026-12-01", "2026-12-05").json()["free"]

    assert [each["start"] for each in free] == ["2026-12-02T15:00:00"]


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ("2027-03-01", "On Sunday 28 March 2027 the clocks go forward: after 02:00 comes 03:00."),
        ("2026-10-01", "On Sunday 25 October 2026 the clocks go back: after 03:00 comes 02:00 again."),
    ],
    ids=["forward", "back"],
)
def test_a_change_of_the_clocks_is_said(staff: Client, bakery: Workspace, first: str, told: str) -> None:
    changes = look(staff, bakery, first, first[:8] + "31").json()["changes"]

    assert [each["text"].startswith(told) for each in changes] == [True]


@pytest.mark.parametrize(
    ("zone", "day", "told"),
    [
        (
            "America/Santiago",
            "2027-09-05",
            "On Sunday 5 September 2027 the clocks go forward: after 00:00 comes 01:00.",
        ),
        (
            "America/Santiago",
            "2027-04-03",
            "On Saturday 3 April 2027 the clocks go back: after 00:00 comes 23:00 again.",
        ),
        ("America/Havana", "2027-03-14", "On Sunday 14 March 2027 the clocks go forward: after 00:00 comes 01:00."),
        ("America/Nuuk", "2027-03-27", "On Saturday 27 March 2027 the clocks go forward: after 23:00 comes 00:00."),
    ],
)
def test_a_change_of_the_clocks_at_midnight_is_said_on_the_day_that_it_shortens_or_prolongs(
    staff: Client, bakery: Workspace, zone: str, day: str, told: str
) -> None:
    bakery.settings = {"timezone": zone}
    bakery.save()
    days = [f"{date.fromisoformat(day) + timedelta(days=number)}" for number in (-1, 0, 1)]

    before, there, after = (look(staff, bakery, each, each).json()["changes"] for each in days)

    assert [(each["day"], each["text"].partition(" Times")[0]) for each in there] == [(day, told)]
    assert before == after == []


@pytest.mark.parametrize(
    "zone",
    [
        "Europe/Paris",
        "America/Santiago",
        "America/Havana",
        "America/Nuuk",
        "Africa/Cairo",
        "Africa/Casablanca",
        "Australia/Lord_Howe",
        "Pacific/Chatham",
        "Antarctica/Troll",
        "Asia/Kathmandu",
    ],
)
def test_each_day_that_lacks_a_time_or_has_one_twice_says_so_and_no_other_does(zone: str) -> None:
    clocks, workspace = ZoneInfo(zone), Workspace(settings={"timezone": zone})
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(730)]

    def has_odd_times(day: date) -> bool:
        times = (datetime.combine(day, time(quarter // 4, quarter % 4 * 15), clocks) for quarter in range(96))
        return any(each.utcoffset() != each.replace(fold=1).utcoffset() for each in times)

    def says_so(day: date) -> list[str]:
        start, end = (datetime.combine(each, time(), clocks).astimezone(UTC) for each in (day, day + timedelta(days=1)))
        span = entries.Span(workspace=workspace, start=start, end=end, now=start)
        return [each["day"] for each in entries.shown_changes(span)]

    assert [says_so(day) for day in days] == [[f"{day}"] if has_odd_times(day) else [] for day in days]


def test_a_time_that_comes_twice_is_shown_with_its_offset(
    staff: Client, bakery: Workspace, account: SocialAccount
) -> None:
    for hour in (0, 1):
        scheduled(bakery, account, datetime(2027, 10, 31, hour, 30, tzinfo=UTC))

    shown = look(staff, bakery, "2027-10-31", "2027-10-31").json()["posts"]

    assert [(each["start"], each["offset"]) for each in shown] == [
        ("2027-10-31T02:30:00", "UTC+02:00"),
        ("2027-10-31T02:30:00", "UTC+01:00"),
    ]


def test_a_moved_post_has_the_local_time_that_was_asked_for(
    staff: Client, editor: User, bakery: Workspace, account: SocialAccount
) -> None:
    post = scheduled(bakery, account)

    answer = move(staff, post, "2027-07-01T09:15")

    at = datetime(2027, 7, 1, 7, 15, tzinfo=UTC)
    assert answer.json() == {"message": "The post goes out on Thursday 1 July 2027, 09:15."}
    assert standing(post) == ("scheduled", at, at, None, None, None, [("scheduled", at, at)])
    assert Post.objects.get().scheduled_local == "2027-07-01T09:15:00+02:00"
    told = Event.objects.get(type="post.scheduled", resource_id=post.pk)
    assert told.user_email == editor.email


def test_whoever_moves_a_post_is_told_of_a_connection_that_ends_before(staff: Client, bakery: Workspace) -> None:
    ends = Tokens(access_token="token", ends_at=datetime(2027, 6, 1, tzinfo=UTC))
    post = scheduled(bakery, make_account(bakery, name="Oven", tokens=ends))

    before, after = move(staff, post, "2027-05-01T09:15"), move(staff, post, "2027-07-01T09:15")

    assert before.json() == {"message": "The post goes out on Saturday 1 May 2027, 09:15."}
    told = "The connection of Oven (Facebook, companypage) ends on 1 Jun 2027, 02:00, before this post is due: "
    told += "it must be renewed by then."
    assert after.json() == {"message": f"The post goes out on Thursday 1 July 2027, 09:15. {told}"}


def test_a_post_that_is_moved_leaves_its_slot(staff: Client, bakery: Workspace, account: SocialAccount) -> None:
    rhythm = make_schedule(bakery, slots=[(2, "09:00", ["facebook"])])
    post = schedules.queue_post(scheduled(bakery, account), rhythm, actor=SYSTEM, now=NOW)
    assert post.slot_date == date(2026, 12, 2)

    answer = move(staff, post, "2026-12-05T10:00")

    assert answer.json()["message"].endswith("It left its slot in Mornings.")
    assert standing(post)[3:6] == (None, None, None)
    assert look(staff, bakery).json()["free"][0]["start"] == "2026-12-02T09:00:00"


@pytest.mark.parametrize(
    ("local", "choices", "told"),
    [
        ("2027-03-28T02:30", ["2027-03-28T03:30:00+02:00", "2027-03-28T01:30:00+01:00"], "does not exist"),
        ("2027-10-31T02:30", ["2027-10-31T02:30:00+02:00", "2027-10-31T02:30:00+01:00"], "comes twice"),
    ],
    ids=["in the gap", "twice"],
)
def test_a_doubtful_time_is_refused_with_both_times_and_either_is_taken(
    staff: Client, bakery: Workspace, account: SocialAccount, local: str, choices: list[str], told: str
) -> None:
    post = scheduled(bakery, account)
    before = standing(post)

    answer = move(staff, post, local)

    assert (answer.status_code, [each["at"] for each in answer.json()["choices"]]) == (400, choices)
    assert f"This time {told} in Europe/Paris" in answer.json()["message"]
    assert standing(post) == before
    for each in choices:
        moved = move(staff, post, each)
        assert moved.status_code == 200
        assert (f"(UTC{each[-6:]})" in moved.json()["message"]) == (told == "comes twice")
        assert standing(post)[1] == datetime.fromisoformat(each)


@pytest.mark.parametrize(
    ("values", "at", "status", "reason"),
    [
        ({}, "2026-11-25T10:00", 400, "The time Wednesday 25 November 2026, 10:00 is in the past."),
        ({}, "soon", 400, "Must be"),
        ({}, "", 400, "Must be"),
        (
            {"status": "published", "published_at": MORNING},
            "2026-12-05T10:00",
            409,
            "The state of the post is published",
        ),
        ({"content": ""}, "2026-12-05T10:00", 422, "The networks would refuse this post."),
    ],
    ids=["past", "no time", "nothing", "published", "no content"],
)
def test_a_refused_move_says_why_and_leaves_everything_as_it_was(
    staff: Client,
    bakery: Workspace,
    account: SocialAccount,
    values: dict[str, Any],
    at: str,
    status: int,
    reason: str,
) -> None:
    post = scheduled(bakery, account, **values)
    before = standing(post)

    answer = move(staff, post, at)

    assert answer.status_code == status
    assert reason in answer.json()["message"]
    assert standing(post) == before
    assert not Event.objects.filter(resource_id=post.pk).exists()


def called_back(post: Post) -> None:
    services.unschedule_post(post, actor=SYSTEM)


def moved_on(post: Post) -> None:
    at = datetime(2026, 12, 4, 8, 0, tzinfo=UTC)
    services.schedule_post(post, scheduled_at=at, zone="UTC", actor=SYSTEM, now=NOW)


def queued(post: Post) -> None:
    slots = [(2, "09:00", ["facebook"])]  # at the very time that the post has
    schedules.queue_post(post, make_schedule(post.workspace, slots=slots), actor=SYSTEM, now=NOW)


@pytest.mark.parametrize("change", [called_back, moved_on, queued])
def test_a_post_that_somebody_has_changed_since_the_calendar_was_loaded_is_not_moved(
    staff: Client, bakery: Workspace, account: SocialAccount, change: Callable[[Post], object]
) -> None:
    post = scheduled(bakery, account)
    [tile] = look(staff, bakery).json()["posts"]
    shown = {name: tile[name] for name in ("state", "start", "schedule")}
    change(post)
    before = standing(post)

    answer = move(staff, post, "2026-12-05T10:00", **shown)

    told = "Somebody has changed this post since the calendar was loaded: look at it first."
    assert (answer.status_code, answer.json()["message"], answer.json()["is_stale"]) == (409, told, True)
    assert standing(post) == before


def test_a_post_that_is_as_the_calendar_shows_it_is_moved(
    staff: Client, bakery: Workspace, account: SocialAccount
) -> None:
    post = scheduled(bakery, account)
    queued(post)
    [tile] = look(staff, bakery).json()["posts"]
    shown = {name: tile[name] for name in ("state", "start", "schedule")}

    assert move(staff, post, "2026-12-05T10:00", **shown).status_code == 200


def test_what_the_networks_would_refuse_is_said_by_network(
    staff: Client, bakery: Workspace, account: SocialAccount
) -> None:
    reasons = move(staff, scheduled(bakery, account, content=""), "2026-12-05T10:00").json()["reasons"]

    assert reasons
    assert all(each.startswith("Facebook: ") for each in reasons)


def test_a_post_whose_account_is_gone_stays_and_the_account_is_named(
    staff: Client, bakery: Workspace, account: SocialAccount
) -> None:
    post = scheduled(bakery, account)
    before = standing(post)
    SocialAccount.objects.filter(pk=account.pk).update(disconnected_at=NOW, default_of=None)

    answer = move(staff, post, "2026-12-05T10:00")

    assert (answer.status_code, answer.json()["reasons"]) == (422, [account.name])
    assert standing(post) == before


def test_a_draft_that_is_given_a_time_is_scheduled(staff: Client, bakery: Workspace, account: SocialAccount) -> None:
    draft = make_post(bakery, accounts=[account])

    assert move(staff, draft, "2026-12-05T10:00").status_code == 200

    assert standing(draft)[0] == "scheduled"


def test_the_calendar_costs_the_same_however_many_posts_there_are(
    staff: Client,
    bakery: Workspace,
    account: SocialAccount,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    rhythms = [make_schedule(bakery, name=f"Rhythm {number}") for number in range(5)]
    for number in range(60):
        scheduled(bakery, account, MORNING + timedelta(hours=number), schedule=rhythms[number % 5])
        make_post(bakery, accounts=[account])

    with django_assert_max_num_queries(12):
        answer = look(staff, bakery, platform="facebook", account=account.pk).json()
    with django_assert_max_num_queries(12):
        assert staff.get("/console/calendar/").status_code == 200

    assert (len(answer["posts"]), len(answer["drafts"]), answer["more_drafts"]) == (60, 20, True)


def test_a_calendar_that_is_cut_says_where(
    staff: Client, bakery: Workspace, account: SocialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "MOST_POSTS", 2)
    for number in range(3):
        scheduled(bakery, account, MORNING + timedelta(days=number))

    answer = look(staff, bakery).json()

    assert len(answer["posts"]) == 2
    assert "ends with the first 2, on Thursday 3 December, 09:00" in answer["cut"][0]


def test_free_slots_that_are_cut_are_said(staff: Client, bakery: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    make_schedule(bakery, slots=[(2, "09:00", ["facebook"])])
    whole = look(staff, bakery).json()
    monkeypatch.setattr(entries, "MOST_FREE", 2)

    cut = look(staff, bakery).json()

    assert (len(whole["free"]), whole["cut"]) == (5, [])
    assert (len(cut["free"]), len(cut["cut"])) == (2, 1)


def test_a_new_post_is_written_for_the_workspace_that_is_shown(staff: Client, bakery: Workspace) -> None:
    page = staff.get("/console/calendar/").content.decode()

    assert f"/console/compose/?workspace={bakery.pk}" in page
