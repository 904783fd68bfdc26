"""Whatever is done to schedules, their slots, their queues and the times of posts, wherever clocks change: each post
goes out at the time that the wall shows, once, and everything that tells of times agrees.

`Life` and `Operations` have the acts, `Beliefs` the reckoning, `Invariants` what is looked at. A few lives are tried,
the same in every run; other ones, and as many as you like:
`LIVES=500 pytest --hypothesis-profile=new tests/posts/schedules/test_whole_life.py`.
"""

import os
import random
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from posts.schedules.services import follow_zones
from tests.posts.schedules.clocks import DAY
from tests.posts.schedules.invariants import MINUTE
from tests.posts.schedules.model import DAYS, Plan, Slot
from tests.posts.schedules.operations import Operations, When
from tests.posts.schedules.system import PLATFORMS, Office
from tests.posts.system import drawn, lived, running_as

LIVES = int(os.environ.get("LIVES", "2"))
pytestmark = [pytest.mark.any_database, pytest.mark.thorough, pytest.mark.timeout(60 + 20 * LIVES)]
STARTS = {
    "Europe/Paris": ("2026-10-24T05:00", "2027-03-27T12:00"),
    "America/New_York": ("2026-10-31T12:00", "2027-03-13T08:00"),
    "Australia/Lord_Howe": ("2026-10-02T20:00", "2027-04-03T06:00"),
    "Africa/Casablanca": ("2027-02-06T09:00", "2027-03-13T09:00"),
    "Asia/Kathmandu": ("2026-12-30T12:00",),
    "Pacific/Apia": ("2026-07-03T20:00", "2011-12-29T06:00"),
    "America/Santiago": ("2026-09-05T12:00", "2027-04-03T12:00"),
    "Africa/Cairo": ("2026-10-29T04:00",),
    "UTC": ("2027-02-27T12:00",),
    "Antarctica/Troll": ("2026-10-24T12:00", "2027-03-27T12:00"),
    "Etc/GMT+12": ("2028-02-28T06:00", "2026-12-31T06:00"),
}
"""Zones, and moments within a day before their clocks change, or the month: by half an hour, two, a day, or not."""
ZONES = [*STARTS]
TIMES = ("00:00", "00:15", "01:30", "01:45", "02:00", "02:15", "02:30", "03:00", "03:30", "09:00", "23:30", "23:59")
WEEKEND = ("friday", "saturday", "sunday", "sunday", "monday", *DAYS)
CHANCE = random.Random(7)
NETWORKS = [{name for name in PLATFORMS if CHANCE.random() < 0.55} or {"twitter"} for _ in range(12)]


def some_slots() -> list[dict[str, Any]]:
    """Return slots at different times; `own` in the place of a network is for its account alone."""
    times = {(CHANCE.choice(WEEKEND), CHANCE.choice(TIMES)) for _ in range(CHANCE.choice([1, 1, 2, 3, 6]))}
    own = [f"own {name}" for name in PLATFORMS]
    among = [[*PLATFORMS, *PLATFORMS, *own], [*PLATFORMS], own]
    return [
        {"day": day, "time": at, "platforms": CHANCE.sample(names, CHANCE.randint(1, len(names)))}
        for day, at in sorted(times)
        for names in [CHANCE.choice(among)]
    ]


WHICH = range(20)
SLOTS = [some_slots() for _ in range(40)]
WHENS: list[When] = [
    *[("in", seconds, zone) for seconds in (-90, -30, 5, 5, 3600, 3600, 40_000) for zone in ("UTC", *ZONES[:5])],
    *[
        ("doubt", minutes, zone)
        for minutes in (-1, 0, 1, 14, 29, 30, 59, 60)
        for zone in ("", "", "", *ZONES[:4], *ZONES[6:8])
    ],
    *[("at", days, at, zone) for days in (0, 0, 1, 1, 2, 7) for at in TIMES for zone in ("", *ZONES[:4], *ZONES[6:8])],
]
ON_POSTS = ("queue", "schedule", "edit", "unschedule", "publish", "delete")
MEANWHILE = (*ON_POSTS, "swap", "swap", "change_zone", "switch", "remove_plan")
ACTS: dict[str, tuple[int, tuple[Sequence[Any], ...]]] = {
    "create": (7, (NETWORKS, [None, None, *WHENS])),
    "schedule": (6, (WHICH, WHENS)),
    "queue": (11, (WHICH, WHICH)),
    "edit": (2, (WHICH,)),
    "redirect": (3, (WHICH, NETWORKS)),
    "unschedule": (4, (WHICH,)),
    "publish": (2, (WHICH,)),
    "delete": (2, (WHICH,)),
    "plan": (3, (["", *ZONES], SLOTS, (True, True, True, False))),
    "change_slots": (4, (WHICH, SLOTS, (None, None, True, False))),
    "change_zone": (3, (WHICH, ZONES)),
    "switch": (5, (WHICH, (False, False, True))),
    "send_back": (2, (WHICH,)),
    "remove_plan": (1, (WHICH,)),
    "move_workspace": (2, (["", *ZONES],)),
    "allow_late": (1, ((0, 30, 360, 2000),)),
    "fill": (4, (WHICH,)),
    "send_post_back": (2, (WHICH, (False, False, True))),
    "disconnect": (4, (PLATFORMS,)),
    "reconnect": (4, ()),
    "pause": (3, ()),
    "resume": (3, ()),
    "go_on": (7, ((1, 45, 300, 800, 1500, 3000, 12_000),)),
    "be_down": (4, ((1, 20, 45, 300, 800, 3000),)),
    "work": (2, ()),
    "work_and_meanwhile": (12, (range(1, 9), MEANWHILE, WHICH, WHICH)),
    "drag": (3, (WHICH, [each for each in WHENS if not each[-1]])),
    "change_rules": (1, (ZONES, ZONES)),
    "look_at_waits": (2, ()),
    "look_at_calendar": (3, ((0, 1, 3), (1, 9, 40))),
    "look_at_days": (4, ((-1, 0, 1, 2), (0, 0, 1, 8))),
}
"""What can happen, how often compared with the rest, and with what."""
BORN = [
    ("plan", "", SLOTS[3], True),
    ("create", {"facebook"}, None),
    ("fill", 0),
    ("work_and_meanwhile", 2, "swap", 0, 0),
]


class Life(Operations):
    """Some posts and schedules, what is done to them, and what follows from that."""

    def __init__(self, office: Office, zone: str, start: datetime) -> None:
        super().__init__(office, zone)
        office.open_on(start)
        self.workspace_path = f"/api/workspaces/{office.workspace.pk}"
        self.move_workspace(zone)

    # What people do to schedules, and at once

    def plan(self, zone: str, slots: list[dict[str, Any]], is_active: bool) -> None:
        if len(self.plans) == 3 or not (slots := self.meant_slots(slots)):
            return
        body = {"name": f"Plan {len(self.plans)}", "slots": slots, "is_active": is_active}
        body |= {"timezone": zone} if zone else {}
        status, data = self.office.ask("POST", "/api/schedules", body)
        assert status == 201, data
        made = data["schedule"]
        learned = self.learned(slots, made["slots"])
        self.plans.append(Plan(id=made["id"], zone=zone or self.zone, slots=learned, is_active=is_active))

    def meant_slots(self, slots: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Put ids in the places of accounts, without those that are not connected."""
        ids = {f"own {name}": pk for name, pk in self.office.accounts.items() if pk in self.connected}
        known = ids | {name: name for name in PLATFORMS}
        meant = [each | {"platforms": [known[name] for name in each["platforms"] if name in known]} for each in slots]
        return [each for each in meant if each["platforms"]]

    def learned(self, given: list[dict[str, Any]], shown: list[dict[str, Any]]) -> list[Slot]:
        """Return the slots that are shown: those that were given, in the order of the week."""
        slots = [
            Slot(
                id=each["id"],
                day=DAYS.index(each["day"]),
                time=time.fromisoformat(each["time"]),
                platforms=frozenset(each["platforms"]),
            )
            for each in shown
        ]
        wanted = {(DAYS.index(each["day"]), time.fromisoformat(each["time"])): {*each["platforms"]} for each in given}
        assert {(each.day, each.time): {*each.platforms} for each in slots} == wanted
        assert [(each.day, each.time) for each in slots] == sorted(wanted)
        return slots

    def change_slots(self, which: int, slots: list[dict[str, Any]], is_active: bool | None = None) -> None:
        plan, slots = self.chosen_plan(which), self.meant_slots(slots)
        if plan is not None and slots:
            self.change_plan(plan, {"slots": slots} | ({} if is_active is None else {"is_active": is_active}))

    def change_zone(self, which: int, zone: str) -> None:
        if plan := self.chosen_plan(which):
            self.change_plan(plan, {"timezone": zone})

    def switch(self, which: int, is_active: bool) -> None:
        if plan := self.chosen_plan(which):
            self.change_plan(plan, {"is_active": is_active})

    def send_back(self, which: int) -> None:
        """Send what is shown: nothing moves."""
        if plan := self.chosen_plan(which):
            self.change_plan(plan, self.office.get(f"/api/schedules/{plan.id}")["schedule"])

    def change_plan(self, plan: Plan, body: dict[str, Any]) -> None:
        status, data = self.office.ask("PUT", f"/api/schedules/{plan.id}", body)
        assert status == 200, data
        order = self.waiting(plan)
        was, had = (plan.zone, plan.is_active), {(each.day, each.time): each for each in plan.slots}
        plan.zone, plan.is_active = body.get("timezone", plan.zone), body.get("is_active", plan.is_active)
        if "slots" in body:
            plan.slots = self.learned(body["slots"], data["schedule"]["slots"])
            kept = {(each.day, each.time): each.id for each in plan.slots}
            assert all(had[key].id == pk for key, pk in kept.items() if key in had)
            self.free_places({each.id for key, each in had.items() if key not in kept})
        if plan.zone != was[0]:
            self.free_coming(plan, now=self.now)
        is_new = (plan.zone, plan.is_active) != was or {*had.values()} != {*plan.slots}
        returned = []
        if plan.is_active and is_new:
            returned = self.deal_out(plan, order, now=self.now)
            for post in returned:
                post.become_draft()
        elif not plan.is_active:
            self.hold(plan)
        assert data["returned_to_draft"] == [post.id for post in returned], (data, returned)
        assert len(data.get("warnings", [])) == bool(returned)

    def remove_plan(self, which: int) -> None:
        if plan := self.chosen_plan(which):
            status, data = self.office.ask("DELETE", f"/api/schedules/{plan.id}")
            waiting = self.waiting(plan)
            assert (status, data["returned_to_draft"]) == (200, len(waiting)), data
            for post in waiting:
                post.become_draft()
            self.plans.remove(plan)
            for post in self.posts:
                if post.plan is plan:
                    post.plan = post.place = None
            assert self.office.ask("POST", "/api/posts/post_x/schedule", {"schedule_id": plan.id})[0] in (400, 404)

    def publish(self, which: int) -> None:
        """Publish a post at once: it leaves its time and its place."""
        if (post := self.chosen(which)) is None or self.is_paused:
            return
        status, data = self.office.ask("POST", f"/api/posts/{post.id}/publish")
        if post.status in ("published", "publishing"):
            assert status == (200 if post.status == "published" else 202), data
            return
        if self.may_go(post, status, data):
            assert status == 202, data
            post.leave()
            post.status = "publishing"
            if not self.is_striking:
                self.work()

    # What owners and operators do

    def move_workspace(self, zone: str) -> None:
        """Let the workspace have another zone; nothing moves."""
        status, data = self.office.ask("PUT", self.workspace_path, {"settings": {"timezone": zone or None}})
        assert status == 200, data
        self.zone = zone or "UTC"

    def change_rules(self, zone: str, other: str) -> None:
        """The country decides that its clocks show something else from now on."""
        self.office.change_rules(zone, like=other)
        moved = 0
        for post in self.posts:
            at = post.follows_clocks_to(self.now)
            if at and at != post.at:
                post.at, moved = at, moved + 1
                post.tell()
        assert follow_zones(self.now) == moved

    def allow_late(self, minutes: int) -> None:
        body = {"settings": {"publish_late_up_to_minutes": minutes}}
        status, data = self.office.ask("PUT", self.workspace_path, body)
        assert status == 200, data
        self.late_up_to = max(minutes, 1) * MINUTE

    def disconnect(self, name: str) -> None:
        account = self.office.accounts[name]
        if account not in self.connected or not self.office.can_sign_in:
            return
        status, data = self.office.ask("DELETE", f"/api/accounts/{account}")
        touched = self.lose(account, now=self.now)
        assert (status, data["cancelled_posts"]) == (200, len(touched)), (data, touched)

    def reconnect(self) -> None:
        for name, account in self.office.accounts.items():
            if account not in self.connected:
                assert self.office.client.connect(name)["id"] == account
                self.connected.add(account)

    def pause(self) -> None:
        if not self.is_paused:
            self.office.operate("/admin/pause", {"scope": "all", "reason": "Why not"})
            self.pauses.append([self.now])
            self.is_paused = True

    def resume(self) -> None:
        if self.is_paused:
            self.office.operate("/admin/resume", {"scope": "all"})
            self.pauses[-1].append(self.now)
            self.is_paused = False

    # How time goes by

    def be_down(self, minutes: int) -> None:
        """Let time go by without any worker."""
        self.office.clock.go_on(minutes * 60 + 7)

    def go_on(self, minutes: int) -> None:
        """Let time go by with a worker, who is there right before and right after each post's time."""
        until = self.now + minutes * MINUTE
        self.office.deliver()  # webhooks hear of nothing that is a month old
        self.work()
        for _ in range(100):
            coming = [post.waits_until for post in self.posts if post.waits_until and post.waits_until > self.now]
            following = min(coming, default=until)
            if following >= until:
                break
            self.office.until(following - timedelta(seconds=0.5))
            self.work()
            self.office.until(following)
            self.work()
        self.office.until(until)
        self.work()

    def work_and_meanwhile(self, after: int, action: str, which: int, second: int) -> None:
        """Be there at the time of the next post, and let something happen at some moment of the sending."""
        coming = [post.waits_until for post in self.posts if post.waits_until]
        if coming and min(coming) < self.now + 7 * DAY:
            self.office.until(min(coming))
        due = [post for post in self.posts if post.waits_until and post.waits_until <= self.now]
        queues = [self.plans.index(post.plan) for post in due if post.plan]
        if action not in ON_POSTS and queues:
            which = queues[0]  # the very one
        began, given = self.now, {"queue": (which, second), "schedule": (which, WHENS[-second - 1])}
        given |= {"swap": (which, SLOTS[second]), "change_zone": (which, ZONES[second % len(ZONES)])}
        given |= {"switch": (which, second % 3 == 0)}

        def strike() -> None:
            self.notice(began)
            self.is_striking = True
            getattr(self, action)(*given.get(action, (which,)))
            self.is_striking = False

        self.office.work(strike=strike, after=after)
        self.work(began)

    def swap(self, which: int, slots: list[dict[str, Any]]) -> None:
        self.change_slots(which, slots)

    def notice(self, began: datetime) -> None:
        """See which posts a worker has begun with, or ended."""
        if self.is_paused:
            return
        for post in self.posts:
            if (post.waits_until and post.waits_until <= self.now) or post.status == "publishing":
                shown = self.office.get(f"/api/posts/{post.id}")["post"]
                if shown["status"] == "publishing":
                    post.status = "publishing"
                elif shown["status"] != post.status:
                    self.has_ended(post, began)

    def work(self, began: datetime | None = None) -> None:
        """Be a worker until there is nothing to do; what was due is out, or missed."""
        began = began or self.now
        self.office.work_off()
        for post in self.posts:
            if post.status == "publishing" or (
                post.waits_until and post.waits_until <= self.now and not self.is_paused
            ):
                self.has_ended(post, began)

    # What is believed

    def check(self) -> None:
        self.posts_agree()
        self.networks_agree()
        for plan in self.plans:
            self.plan_agrees(plan)
        self.list_agrees("", self.posts)
        self.list_agrees("?status=scheduled", [post for post in self.posts if post.status == "scheduled"])

    def end(self) -> None:
        """Let everything that has a time go out, and see what was told of times."""
        self.resume()
        for plan in [*self.plans]:
            self.change_plan(plan, {"is_active": True})
        self.check()
        self.go_on(40 * 24 * 60)
        self.check()
        heard = self.office.times_told()
        assert {post.id: heard.get(post.id, []) for post in self.posts} == {post.id: post.times for post in self.posts}
        for post in self.posts:
            lines = self.office.get(f"/api/posts/{post.id}/timeline")["timeline"]
            assert [each["next_attempt_at"] for each in lines if each["kind"] == "scheduled"] == post.times


class WholeLifeTest(TestCase):
    databases = "__all__"
    office: Office

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.office = cls.enterClassContext(running_as(Office, PLATFORMS))

    @settings(max_examples=LIVES, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 2**32))
    @example(427)
    @example(1327)
    def test_what_has_a_time_goes_out_then(self, seed: int) -> None:
        random.seed(seed)
        zone = random.choice(ZONES)
        start = datetime.fromisoformat(random.choice(STARTS[zone])).replace(tzinfo=UTC)
        acts = [*BORN, *drawn(ACTS, random.randint(20, 32))]
        with self.office.rules():
            lived(Life(self.office, zone, start), acts, which=f"in {zone} from {start}, of the seed {seed}")
