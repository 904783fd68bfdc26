"""The queue of a schedule: no place is shared or skipped, none is lost in an outage, and zones are followed."""

import threading
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import SocialAccount
from accounts.services import disconnect
from ouipost import claims
from ouipost.claims import database_now
from ouipost.errors import InvalidInput
from ouipost.events.models import Event
from posts import services
from posts.lateness import GIVE_UP_AFTER
from posts.models import Post, Schedule, Slot, Target
from posts.schedules import services as schedules
from posts.schedules.queue import next_free, queued
from posts.schedules.slots import occurs_at
from tests.conftest import ApiClient
from tests.factories import NOW, make_account, make_post, make_schedule
from tests.foundation.threads import at_once
from tests.posts.fakes import ACTOR, ScriptedNetwork, claim_targets, publish_claimed, states, status_of, told
from workspaces.models import Workspace

EACH = 4
HOURLY = [(day, f"{hour:02}:00", ["facebook"]) for day in range(7) for hour in range(24)]


def put_in(post: Post, schedule: Schedule, *, now: datetime | None = None) -> Post:
    return schedules.queue_post(post, schedule, actor=ACTOR, now=now or database_now())


@pytest.mark.django_db
def test_two_posts_cannot_have_one_place(workspace: Workspace, accounts: list[SocialAccount]) -> None:
    schedule = make_schedule(workspace)
    first, second = (make_post(workspace, accounts=accounts) for _ in range(2))
    put_in(first, schedule)
    place = Post.objects.values("slot", "slot_date").get(pk=first.pk)

    with pytest.raises(IntegrityError), transaction.atomic():
        Post.objects.filter(pk=second.pk).update(**place)


@pytest.mark.django_db
@pytest.mark.parametrize("change", ["none", "zone", "hold", "account"])
def test_the_next_place_is_that_by_the_clock_which_publishes_whatever_a_web_machine_s_says(
    api: ApiClient, workspace: Workspace, change: str
) -> None:
    gone = make_account(workspace, remote_id="gone", default_of=None)
    schedule = make_schedule(workspace, slots=[*HOURLY, (0, "00:30", [gone.pk])])
    post = make_post(workspace, accounts=[make_account(workspace)])
    path = f"/api/schedules/{schedule.pk}"

    with time_machine.travel(database_now() + timedelta(hours=6)):
        api.post(f"/api/posts/{post.pk}/schedule", {"schedule_id": schedule.pk})
        match change:
            case "zone":
                api.put(path, {"timezone": "America/New_York"})
            case "hold":
                api.put(path, {"is_active": False})
                api.put(path, {"is_active": True})
            case "account":
                Post.objects.update(slot=None, slot_date=None, scheduled_at=NOW)
                api.delete(f"/api/accounts/{gone.pk}")
        stats = api.get(path).json()["data"]["schedule"]["stats"]
        [first] = api.get(f"{path}/slots?count=1").json()["data"]["slots"]

    scheduled_at = Post.objects.get(pk=post.pk).scheduled_at
    assert scheduled_at is not None
    told = [scheduled_at, *map(datetime.fromisoformat, (first["slot_time"], stats["next_slot"]))]
    assert max(abs(moment - database_now()) for moment in told) <= timedelta(hours=2)


@pytest.mark.thorough
@pytest.mark.django_db(transaction=True)
def test_eight_that_queue_at_once_share_no_place_and_skip_none(workspace: Workspace) -> None:
    account, schedule = make_account(workspace), make_schedule(workspace, slots=HOURLY)
    posts = [make_post(workspace, accounts=[account], content=f"Bread {number}") for number in range(32)]
    now = database_now()

    def work(mine: list[Post]) -> None:
        for post in mine:
            put_in(post, schedule, now=now)

    ended = at_once(*[lambda mine=posts[start::8]: work(mine) for start in range(8)])

    assert ended == [None] * 8
    taken = sorted(filter(None, Post.objects.values_list("scheduled_at", flat=True)))
    assert [later - sooner for sooner, later in pairwise(taken)] == [timedelta(hours=1)] * 31


@pytest.mark.thorough
@pytest.mark.django_db(transaction=True)
def test_workers_and_clients_at_once_keep_each_place_to_one_post(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    accounts = [make_account(workspace, remote_id=str(number), default_of=None) for number in range(8)]
    schedule = make_schedule(workspace, slots=HOURLY)
    clients_at_work, doorbell = set(accounts), threading.Event()
    times = dict(schedule.slots.values_list("pk", "time"))
    seen: list[tuple[str, date]] = []

    def client(account: SocialAccount) -> None:
        try:
            for _ in range(EACH):
                post = make_post(workspace, accounts=[account])
                Post.objects.filter(pk=post.pk).update(destinations=[account.pk])
                queued = put_in(post, schedule)
                assert queued.slot_id
                assert queued.slot_date
                seen.append((queued.slot_id, queued.slot_date))
                Target.objects.filter(post=post).update(due_at=database_now())
                doorbell.set()
        finally:
            clients_at_work.discard(account)

    def worker() -> None:
        while clients_at_work:
            doorbell.wait(0.1)
            doorbell.clear()
            for held in claim_targets(4):
                publish_claimed(held)

    ended = at_once(*[lambda account=account: client(account) for account in accounts], *[worker] * 8)

    assert [each for each in ended if each is not None] == []
    hours = sorted(occurs_at(day, times[slot], zone=schedule.timezone) for slot, day in seen)
    assert [later - sooner for sooner, later in pairwise(hours)] == [timedelta(hours=1)] * (len(accounts) * EACH - 1)


@pytest.mark.django_db
def test_a_place_in_the_middle_that_became_free_is_the_next_one(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    schedule = make_schedule(workspace, slots=[(0, at, ["facebook", "twitter"]) for at in ("09:00", "15:00")])
    posts = [put_in(make_post(workspace, accounts=accounts), schedule) for _ in range(5)]
    hole = posts[2].scheduled_at
    Post.objects.filter(pk=posts[2].pk).update(slot=None, slot_date=None)

    assert put_in(make_post(workspace, accounts=accounts), schedule).scheduled_at == hole


@pytest.mark.django_db
def test_of_two_places_in_the_middle_that_became_free_the_first_is_the_next_one(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    schedule = make_schedule(workspace, slots=[(0, "09:00", ["facebook", "twitter"])])
    posts = [put_in(make_post(workspace, accounts=accounts), schedule) for _ in range(5)]
    free = [post.pk for post in posts[1:3]]
    Post.objects.filter(pk__in=free).update(slot=None, slot_date=None)

    assert put_in(make_post(workspace, accounts=accounts), schedule).slot_date == posts[1].slot_date


@pytest.mark.django_db
def test_posts_of_a_queue_come_in_the_order_of_their_places(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    schedule = make_schedule(workspace, slots=[(0, "09:00", ["facebook", "twitter"])])
    later, sooner = (put_in(make_post(workspace, accounts=accounts), schedule) for _ in range(2))
    assert sooner.scheduled_at
    Post.objects.filter(pk=later.pk).update(scheduled_at=sooner.scheduled_at + timedelta(weeks=1))

    assert queued(schedule) == [sooner, later]


@pytest.mark.django_db
def test_a_place_that_is_past_hides_no_free_one(workspace: Workspace, accounts: list[SocialAccount]) -> None:
    schedule = make_schedule(workspace, slots=[(0, "09:00", ["facebook", "twitter"])])
    sent, _ = (put_in(make_post(workspace, accounts=accounts), schedule) for _ in range(2))
    assert sent.slot_date
    Post.objects.filter(pk=sent.pk).update(slot_date=sent.slot_date - timedelta(weeks=1))

    assert put_in(make_post(workspace, accounts=accounts), schedule).slot_date == sent.slot_date


@pytest.mark.django_db
def test_what_a_place_costs_does_not_grow_with_the_queue(workspace: Workspace, accounts: list[SocialAccount]) -> None:
    schedule = make_schedule(workspace, slots=[(0, "09:00", ["facebook", "twitter"])])

    def cost(count: int) -> int:
        for _ in range(count):
            put_in(make_post(workspace, accounts=accounts), schedule)
        post = make_post(workspace, accounts=accounts)
        with CaptureQueriesContext(connection) as queries:
            put_in(post, schedule)
        return len(queries)

    assert cost(1) == cost(6)


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 16])
def test_deleting_a_schedule_costs_the_same_for_one_post_or_many(
    workspace: Workspace, accounts: list[SocialAccount], django_assert_max_num_queries: Any, count: int
) -> None:
    schedule = make_schedule(workspace)
    posts = [put_in(make_post(workspace, accounts=accounts), schedule) for _ in range(count)]

    with django_assert_max_num_queries(18):
        assert schedules.delete_schedule(schedule, actor=ACTOR, now=NOW) == count

    assert told().count("post.unscheduled") == count
    assert {states(post) == ["draft"] * len(accounts) for post in posts} == {True}
    found: Any = Post.objects.values_list("status", "scheduled_at", "schedule", "slot", "slot_date", "updated_at")
    assert set(found) == {("draft", None, None, None, None, NOW)}


@pytest.mark.django_db
def test_an_outage_of_eight_hours_is_no_storm(workspace: Workspace, network: ScriptedNetwork) -> None:
    """What is later than the workspace allows is missed; the rest goes out one by one, and the next places stay."""
    Workspace.objects.update(settings={"publish_late_up_to_minutes": 360})
    account, schedule = make_account(workspace), make_schedule(workspace, slots=HOURLY, timezone="UTC")
    up_again = database_now()
    posts = [
        put_in(make_post(workspace, accounts=[account]), schedule, now=up_again - timedelta(hours=8)) for _ in range(12)
    ]

    sizes = []
    for _ in range(30):
        held = claim_targets(10)
        sizes.append(len(held))
        for claim in held:
            publish_claimed(claim)

    states = dict(Post.objects.values_list("pk", "status"))
    late = [up_again - post.scheduled_at for post in posts if post.scheduled_at]
    expected = [
        "missed" if each > timedelta(hours=6) else "published" if each >= timedelta(0) else "scheduled" for each in late
    ]
    assert [states[post.pk] for post in posts] == expected
    assert {"missed", "published", "scheduled"} == set(expected)
    assert max(sizes) == 1
    assert Event.objects.filter(type="post.missed").count() == expected.count("missed")
    missed = next(post for post in posts if states[post.pk] == "missed")
    assert put_in(missed, schedule).status == "scheduled"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (datetime(2026, 3, 27, 12, tzinfo=UTC), ["2026-03-28T01:30", "2026-03-29T01:30", "2026-03-30T00:30"]),
        (datetime(2026, 10, 23, 12, tzinfo=UTC), ["2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"]),
    ],
)
def test_half_past_two_goes_out_once_on_each_date_when_the_clocks_change(
    workspace: Workspace,
    network: ScriptedNetwork,
    monkeypatch: pytest.MonkeyPatch,
    start: datetime,
    expected: list[str],
) -> None:
    account = make_account(workspace)
    schedule = make_schedule(workspace, slots=[(day, "02:30", ["facebook"]) for day in range(7)])
    for _ in range(3):
        put_in(make_post(workspace, accounts=[account]), schedule, now=start)

    sent = []
    nights = [half_hours for half_hours in range(4 * 48) if 22 <= half_hours % 48 < 30]  # from 23:00 to 02:30 in UTC
    for half_hours in nights:
        now = start + timedelta(minutes=30 * half_hours)
        monkeypatch.setattr(claims, "database_now", lambda using="default", now=now: now)
        for held in claim_targets(10):
            publish_claimed(held)
            sent.append(now.isoformat()[:16])

    assert sent == expected
    assert network.calls.count("commit") == 3


@pytest.mark.django_db
def test_a_zone_with_new_rules_takes_its_queue_along(
    workspace: Workspace, accounts: list[SocialAccount], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, schedule = make_schedule(workspace), make_schedule(workspace)
    sent, post, other = (put_in(make_post(workspace, accounts=accounts), schedule) for _ in range(3))
    assert post.scheduled_at is not None
    old = post.scheduled_at + timedelta(hours=1)
    Post.objects.filter(pk=sent.pk).update(scheduled_at=old, moment=old, status="published")
    Post.objects.filter(pk=post.pk).update(scheduled_at=old, moment=old)
    Target.objects.filter(post=post).update(scheduled_at=old, due_at=old)

    moved = schedules.follow_zones(database_now())

    again = Post.objects.get(pk=post.pk)
    assert (moved, again.scheduled_at, again.slot_date) == (1, post.scheduled_at, post.slot_date)
    places = Target.objects.filter(post=post).values_list("scheduled_at", "due_at", "give_up_at")
    assert set(places) == {(post.scheduled_at, post.scheduled_at, post.scheduled_at + GIVE_UP_AFTER)}
    assert Post.objects.get(pk=sent.pk).scheduled_at == old
    assert Post.objects.get(pk=other.pk).scheduled_at == other.scheduled_at
    assert schedules.follow_zones(database_now()) == 0
    line, told = Event.objects.order_by("pk").filter(type__in=["schedule.zone_followed", "post.scheduled"])[3:]
    assert (line.resource_id, line.details) == (schedule.pk, {"posts": [post.pk]})
    assert (told.resource_id, told.key_id) == (post.pk, "")
    assert told.details["before"] == {"scheduled_at": f"{old:%Y-%m-%dT%H:%M:%SZ}"}
    assert told.details["after"] == {"scheduled_at": f"{post.scheduled_at:%Y-%m-%dT%H:%M:%SZ}"}


@pytest.mark.django_db
def test_a_zone_that_no_waiting_post_follows_any_more_is_not_told(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = make_schedule(workspace)
    monkeypatch.setattr(schedules, "moved_by_their_zone", lambda _: {schedule.pk: ["post_1"], "sched_1": ["post_2"]})

    assert schedules.follow_zones(database_now()) == 0
    assert not Event.objects.filter(type="schedule.zone_followed").exists()


@pytest.mark.django_db
def test_the_next_place_is_by_the_schedules_clock(workspace: Workspace) -> None:
    schedule = make_schedule(workspace, timezone="Pacific/Auckland", slots=[(0, "00:30", ["facebook"])])
    sunday_in_utc = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)  # 23:00 in Auckland

    place = next_free(schedule, list(Slot.objects.all()), post=Post(), now=sunday_in_utc)

    assert (place.at, place.date) == (datetime(2026, 11, 22, 11, 30, tzinfo=UTC), date(2026, 11, 23))
    assert place.at == occurs_at(place.date, Slot.objects.get().time, zone="Pacific/Auckland")


@pytest.mark.django_db
@pytest.mark.parametrize("is_for_both", [False, True])
def test_a_post_for_others_keeps_its_time_when_the_account_goes_that_its_slot_was_for(
    workspace: Workspace, accounts: list[SocialAccount], is_for_both: bool
) -> None:
    page, other = accounts
    schedule = make_schedule(workspace, slots=[(0, "09:00", [page.pk])])
    post = put_in(make_post(workspace, accounts=[page]), schedule)
    named = [page.pk, other.pk] if is_for_both else [other.pk]
    services.update_post(post, values={"platforms": named}, actor=ACTOR, now=NOW)

    gone = disconnect(page, actor=ACTOR, now=NOW)

    kept = Post.objects.get(pk=post.pk)
    assert gone.cancelled == int(is_for_both)
    assert (kept.status, kept.scheduled_at, kept.schedule, kept.slot) == ("scheduled", post.scheduled_at, None, None)
    assert Target.objects.get(account=other).due_at == post.scheduled_at
    left = Event.objects.get(type="post.updated", details__after={"schedule_id": None})
    assert left.details["before"] == {"schedule_id": schedule.pk}


@pytest.mark.django_db
def test_an_account_can_go_though_the_zone_of_a_schedule_is_gone(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    page, other = accounts
    schedule = make_schedule(workspace, slots=[(0, "09:00", [page.pk]), (1, "09:00", ["twitter"])])
    post, moved = (put_in(make_post(workspace, accounts=[page]), schedule) for _ in range(2))
    services.update_post(moved, values={"platforms": [other.pk]}, actor=ACTOR, now=NOW)
    Schedule.objects.update(timezone="Mars/Olympus")

    assert disconnect(page, actor=ACTOR, now=NOW).cancelled == 1
    waits = Post.objects.get(pk=moved.pk)
    schedules.update_schedule(schedule, values={"timezone": "Europe/Paris"}, actor=ACTOR, now=NOW)

    assert (status_of(post), waits.status, waits.scheduled_at) == ("draft", "scheduled", moved.scheduled_at)
    assert Post.objects.get(pk=moved.pk).slot == schedule.slots.get()


@pytest.mark.django_db
@pytest.mark.parametrize("is_active", [True, False])
def test_what_went_out_holds_no_slot_that_comes_again_as_the_zone_moves_west(
    workspace: Workspace, accounts: list[SocialAccount], is_active: bool
) -> None:
    schedule = make_schedule(workspace, timezone="Asia/Tokyo", slots=[(0, "09:00", ["facebook"])])
    before, sent, waits, new = (make_post(workspace, accounts=accounts[:1]) for _ in range(4))
    monday = datetime(2026, 11, 30, tzinfo=UTC)  # nine o'clock in Tokyo
    for weeks, post in ((2, before), (1, sent), (1, waits)):
        put_in(post, schedule, now=monday - timedelta(weeks=weeks, hours=-1))
    Post.objects.filter(pk__in=[before.pk, sent.pk]).update(status="published")
    now = monday + timedelta(minutes=5)

    moved = {"timezone": "America/Los_Angeles", "is_active": is_active}
    schedules.update_schedule(schedule, values=moved, actor=ACTOR, now=now)
    schedules.update_schedule(schedule, values={"is_active": True}, actor=ACTOR, now=now)
    put_in(new, schedule, now=now)

    dates = dict(Post.objects.values_list("pk", "slot_date"))
    assert dates == {
        before.pk: date(2026, 11, 23),
        sent.pk: None,
        waits.pk: date(2026, 11, 30),
        new.pk: date(2026, 12, 7),
    }
    assert Post.objects.get(pk=sent.pk).schedule == schedule


@pytest.mark.django_db
def test_slots_for_an_account_that_went_while_the_request_was_read_are_refused_by_their_place(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    schedule = make_schedule(workspace)
    slots = [{"day": day, "time": "12:30", "platforms": ["facebook", each.pk]} for day, each in enumerate(accounts)]
    disconnect(accounts[1], actor=ACTOR, now=NOW)

    for write in (
        lambda: schedules.create_schedule(workspace, values={"name": "A", "slots": slots}, actor=ACTOR),
        lambda: schedules.update_schedule(schedule, values={"slots": slots}, actor=ACTOR, now=NOW),
    ):
        with pytest.raises(InvalidInput) as refused, transaction.atomic():
            write()
        assert list(refused.value.details["fields"]) == ["slots.1.platforms.1"]
    assert not Slot.objects.filter(time="12:30").exists()


@pytest.mark.django_db
def test_a_schedule_that_was_deleted_while_the_request_was_read_is_told_by_its_field(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    post, schedule = make_post(workspace, accounts=accounts), make_schedule(workspace)
    schedules.delete_schedule(schedule, actor=ACTOR, now=NOW)

    with pytest.raises(InvalidInput) as refused:
        put_in(post, schedule)

    assert list(refused.value.details["fields"]) == ["schedule_id"]
    assert states(post) == ["draft", "draft"]
