"""A queue against a reckoning of its own: whatever the clocks and the zone of a schedule do, each post has the first
place that was free, at the time that the wall shows."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from posts import services
from posts.models import Post, PostStatus, Schedule, Slot, Target, TargetStatus
from posts.schedules import services as schedules
from tests.factories import make_account, make_post, make_schedule, make_workspace
from tests.posts.fakes import ACTOR

CHANGES = {
    "Europe/Paris": (datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)),
    "America/Santiago": (datetime(2026, 9, 5, 12, tzinfo=UTC), datetime(2026, 4, 4, 12, tzinfo=UTC)),
    "Australia/Lord_Howe": (datetime(2026, 10, 3, 6, tzinfo=UTC), datetime(2026, 4, 4, 6, tzinfo=UTC)),
    "Antarctica/Troll": (datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)),
    "Pacific/Apia": (datetime(2011, 12, 29, 6, tzinfo=UTC),),  # it is to leave out a day
    "Etc/GMT+12": (datetime(2028, 2, 28, 6, tzinfo=UTC), datetime(2026, 12, 31, 6, tzinfo=UTC)),
}
"""Zones, and a moment within a day before their clocks, or the month, change."""
TIMES = ["00:00", "00:30", "01:45", "02:30", "03:30", "23:30"]
STARTS = st.sampled_from([(zone, at) for zone, moments in CHANGES.items() for at in moments])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("queue"), st.integers(1, 6)),
        st.tuples(st.just("publish")),
        st.tuples(st.just("leave"), st.integers(0, 5)),
        st.tuples(st.just("wait"), st.integers(1, 1500)),
        st.tuples(st.just("move"), st.sampled_from(list(CHANGES))),
        st.tuples(st.just("hold")),
    ),
    max_size=10,
)
Place = tuple[str, date]


@cache
def shown_at(day: date, at: time, zone: str) -> datetime:
    """Return the first instant at which the wall shows this, or would if its clock had not just jumped."""
    clocks = ZoneInfo(zone)
    around = datetime.combine(day, at, UTC) - timedelta(hours=30)
    instants = [around + timedelta(minutes=15 * number) for number in range(240)]
    there = [each for each in instants if each.astimezone(clocks).replace(tzinfo=None) == datetime.combine(day, at)]
    if there:
        return there[0]
    before = max(each for each in instants if each.astimezone(clocks).replace(tzinfo=None) < datetime.combine(day, at))
    offset = before.astimezone(clocks).utcoffset()
    assert offset is not None
    return datetime.combine(day, at, UTC) - offset


@dataclass
class World:
    """A schedule, its posts in their order, and the places that were taken for good."""

    schedule: Schedule
    slots: list[Slot]
    account: Any
    now: datetime
    waiting: list[str] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    gone: set[Place] = field(default_factory=set)

    def free(self) -> Place:
        taken = self.gone | set(self.places.values())
        today = self.now.date()
        coming = [
            (at, slot.pk, day)
            for slot in self.slots
            for day in (today + timedelta(days=number) for number in range(-3, 7 + len(taken)))
            if day.weekday() == slot.day and (slot.pk, day) not in taken
            if (at := shown_at(day, slot.time, self.schedule.timezone)) > self.now
        ]
        _, pk, day = min(coming)
        return pk, day

    def queue(self, many: int) -> None:
        for _ in range(many):
            post = make_post(self.account.workspace, accounts=[self.account])
            self.places[post.pk] = self.free()
            schedules.queue_post(post, self.schedule, actor=ACTOR, now=self.now)
            self.waiting.append(post.pk)

    def leave(self, place: int) -> None:
        """Take a post out of the queue, out of its middle too."""
        if self.waiting:
            pk = self.waiting.pop(place % len(self.waiting))
            services.unschedule_post(Post.objects.get(pk=pk), actor=ACTOR)
            del self.places[pk]

    def publish(self) -> None:
        """Let the first post go out."""
        for first in self.in_order()[:1]:
            self.waiting.remove(first)
            self.now = max(self.now, self.at(first)[0])
            self.gone.add(self.places.pop(first))
            Post.objects.filter(pk=first).update(status=PostStatus.PUBLISHED)
            Target.objects.filter(post=first).update(status=TargetStatus.PUBLISHED, due_at=None)

    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    def move(self, zone: str) -> None:
        order, is_new = self.in_order(), zone != self.schedule.timezone
        self.change(timezone=zone)
        if is_new:
            self.deal_out(order)

    def hold(self) -> None:
        order = self.in_order()
        self.change(is_active=False)
        self.change(is_active=True)
        self.deal_out(order)

    def change(self, **values: Any) -> None:
        assert not schedules.update_schedule(self.schedule, values=values, actor=ACTOR, now=self.now)
        self.schedule.refresh_from_db()

    def deal_out(self, order: list[str]) -> None:
        self.places.clear()
        for pk in order:
            self.places[pk] = self.free()

    def in_order(self) -> list[str]:
        return sorted(self.waiting, key=self.at)

    def at(self, pk: str) -> tuple[datetime, str]:
        slot_id, day = self.places[pk]
        slot = next(each for each in self.slots if each.pk == slot_id)
        return shown_at(day, slot.time, self.schedule.timezone), pk


@pytest.mark.thorough
class TestClocks(TestCase):
    """On a database that each example finds empty."""

    @given(times=st.sets(st.sampled_from(TIMES), min_size=1, max_size=3), start=STARTS, steps=STEPS)
    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    def test_each_post_has_the_first_place_that_was_free(
        self, times: set[str], start: tuple[str, datetime], steps: list[tuple[Any, ...]]
    ) -> None:
        account, (zone, now) = make_account(make_workspace()), start
        daily = [(day, at, ["facebook"]) for day in range(7) for at in sorted(times)]
        schedule = make_schedule(account.workspace, slots=daily, timezone=zone)
        world = World(schedule=schedule, slots=list(schedule.slots.all()), account=account, now=now)

        for name, *values in [("queue", 4), *steps]:
            getattr(world, name)(*values)

            rows = Post.objects.filter(pk__in=world.waiting).values_list("pk", "slot_id", "slot_date", "scheduled_at")
            found = {pk: ((slot, day), at) for pk, slot, day, at in rows}
            assert found == {pk: (world.places[pk], world.at(pk)[0]) for pk in world.waiting}
