"""Whatever is done to webhooks, whatever their receivers answer, and whenever a worker dies: each event is told as
`docs/webhooks.md` says, or shown as not told, and nobody hears what was not for them.

`Life` has the acts, `Hook` the beliefs. One short life is tried, the same in every run; other ones, and as many as you
like: `LIVES=500 pytest --hypothesis-profile=new tests/webhooks/test_whole_life.py`.
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from standardwebhooks import Webhook as Verifier

from ouipost.events.delivery import Job, deliver
from ouipost.events.models import Event, Message
from tests.posts.system import Acts, Killed, drawn
from tests.webhooks.conftest import claim_deliveries
from tests.webhooks.invariants import SLACK, deliveries, deliveries_agree, webhook_agrees
from tests.webhooks.model import DAY, KEPT, LEASE, TEST, Again, Hook, Told
from tests.webhooks.system import REPLIES, TAKEN, Call, Reply, Site, parsed, running

IS_USUAL = "LIVES" not in os.environ
LIVES = int(os.environ.get("LIVES", "1"))
FIRST = 9
"""The seed of the life of a usual run."""
ACTS_OF_A_LIFE, LOOKS_EVERY = (24, 5) if IS_USUAL else (40, 1)
pytestmark = [pytest.mark.any_database, pytest.mark.thorough, pytest.mark.timeout(60 + 20 * LIVES)]
TYPES = ["post.created", "post.updated", "post.scheduled", "post.deleted"]
WHICH = range(20)
SOME = [
    {"post.created"},
    {"post.created", "post.updated"},
    {"post.updated", "post.scheduled", "post.deleted"},
    {*TYPES},
]
PLACES = [[], [0], [1], [0, 1]]
MOMENTS = range(1, 6)
MEANWHILE = ["move", "listen", "switch", "rotate", "test", "remove", "care", "write", "prune"]
ACTS: Acts = {
    "create": (3, (SOME, PLACES)),
    "write": (14, (WHICH, ["create", "create", "update", "schedule", "delete"], [1, 2, 3])),
    "answer": (10, (WHICH, [*REPLIES], [1, 6, 40, 40])),
    "work": (9, ([False, True],)),
    "work_and_die": (4, (MOMENTS,)),
    "work_and_freeze": (3, (MOMENTS,)),
    "work_and_meanwhile": (6, (MOMENTS, MEANWHILE, WHICH)),
    "go_on": (9, ([600, 7200, 100_000, 300_000, 6 * 86_400],)),
    "wait": (4, ([1, 8, 45, 1000, 90_000, 31 * 86_400],)),
    "move": (2, (WHICH,)),
    "listen": (5, (WHICH, SOME, PLACES)),
    "switch": (4, (WHICH,)),
    "rotate": (2, (WHICH, [None, 0, 1, 48])),
    "test": (3, (WHICH,)),
    "redeliver": (4, (WHICH, WHICH)),
    "replay": (4, (WHICH, [1, 3, 200], ["all", "failed"])),
    "remove": (1, (WHICH,)),
    "prune": (2, ()),
}
BORN = [("create", {"post.created", "post.updated"}, []), ("create", {*TYPES}, [0]), ("write", 0, "create", 3)]
Ended = tuple[Any, Hook, Reply | None, datetime]
"""A worker's report of a call, the webhook as the worker had it, what the receiver replied, and when it began."""


class Life:
    """Some webhooks, what happened that they hear of, and what follows from that."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.hooks: list[Hook] = []
        self.removed: list[Hook] = []
        self.addresses: dict[str, Hook] = {}
        self.events: list[Told] = []
        self.posts: list[list[str]] = [[], []]
        self.answers: dict[str, list[Reply]] = {}
        self.replays: dict[str, Again] = {}
        self.strike: tuple[int, Callable[[], None]] | None = None
        self.last_reply: Reply | None = None
        self.number = self.acts = 0
        site.receive = self.receive
        site.seen = str(Event.objects.order_by("-pk").values_list("pk", flat=True).first() or "")

    def act(self, name: str, *given_values: Any) -> None:
        self.acts += 1
        getattr(self, name)(*given_values)
        if self.acts % LOOKS_EVERY == 0:
            self.check()

    @property
    def now(self) -> datetime:
        return self.site.clock.now

    def chosen(self, which: int) -> Hook | None:
        return self.hooks[which % len(self.hooks)] if self.hooks else None

    # What people do

    def create(self, events: set[str], places: list[int]) -> None:
        if len(self.hooks) == 3:
            return
        body: dict[str, Any] = {"url": self.address(), "events": sorted(events)}
        body["workspaces"] = [self.site.workspaces[place] for place in places]
        status, data = self.site.admin("POST", "/admin/webhooks", body)
        assert status == 201, data
        shown = data["webhook"]
        hook = Hook(**body, id=shown["id"], secrets=[(shown["secret"], self.now + 10_000 * DAY)])
        self.hooks.append(hook)
        self.addresses[hook.url] = hook

    def address(self) -> str:
        self.number += 1
        return f"https://1.1.1.{self.number % 200 + 1}/hook/{self.number}"

    def write(self, place: int, verb: str = "create", times: int = 1) -> None:
        """Write posts, or do something to one."""
        for _ in range(times):
            self._write(place, verb)
            self.happened()

    def _write(self, place: int, verb: str) -> None:
        posts, workspace = self.posts[place % 2], self.site.workspaces[place % 2]
        self.number += 1
        content = {"content": f"Bread {self.number}", "platforms": ["twitter"]}
        if verb == "create" or not posts:
            status, data = self.site.api("POST", "/api/posts", content, workspace=workspace)
            posts.append(data["post"]["id"])
        elif verb == "update":
            status, data = self.site.api("PUT", f"/api/posts/{posts[-1]}", content, workspace=workspace)
        elif verb == "delete":
            status, data = self.site.api("DELETE", f"/api/posts/{posts.pop()}", workspace=workspace)
        else:
            at = {"scheduled_at": f"{self.now + 2000 * DAY:%Y-%m-%dT%H:%M:%SZ}"}
            self.site.api("POST", f"/api/posts/{posts[-1]}/schedule", at, workspace=workspace)
            return
        assert status < 300, data

    def happened(self) -> None:
        """Let everybody hear of what is new in the journal."""
        for row in self.site.new_events():
            event = Told(id=f"evt_{row.pk}", type=row.type, workspace=row.workspace_id, at=row.created_at)
            hearing = [hook for hook in self.hooks if hook.hears(event)]
            if hearing:
                self.events.append(event)
            for hook in hearing:
                if hook.is_active:
                    hook.take(event, self.now)

    def answer(self, which: int, name: str, times: int) -> None:
        """Have a receiver answer its next calls with this."""
        if hook := self.chosen(which):
            self.answers[hook.id] = [REPLIES[name]] * times

    def move(self, which: int) -> None:
        """Give a webhook another address: it is tried at once."""
        if hook := self.chosen(which):
            self.change(hook, {"url": self.address()})
            hook.url = [*self.addresses][-1]
            hook.recover()
            for each in hook.sendings.values():
                if each.status == "pending" and not each.is_held(self.now):
                    each.first, each.last = min(each.first, self.now), self.now

    def change(self, hook: Hook, body: dict[str, Any]) -> None:
        status, data = self.site.admin("PUT", f"/admin/webhooks/{hook.id}", body)
        assert status == 200, data
        if "url" in body:
            self.addresses[body["url"]] = hook

    def listen(self, which: int, events: Collection[str] = ("post.deleted",), places: Sequence[int] = ()) -> None:
        """Subscribe a webhook to something else."""
        if hook := self.chosen(which):
            hook.events, hook.workspaces = sorted(events), [self.site.workspaces[place] for place in places]
            self.change(hook, {"events": hook.events, "workspaces": hook.workspaces})
            waiting = hook.sendings.values()
            hook.discard(self.now, [each for each in waiting if each.event.type != TEST and not hook.hears(each.event)])

    def switch(self, which: int) -> None:
        if hook := self.chosen(which):
            hook.is_active = not hook.is_active
            self.change(hook, {"is_active": hook.is_active})
            hook.reason = None if hook.is_active else "It was switched off."
            hook.recover()
            if not hook.is_active:
                hook.discard(self.now)

    def rotate(self, which: int, hours: int | None = None) -> None:
        if hook := self.chosen(which):
            body = {} if hours is None else {"grace_hours": hours}
            status, data = self.site.admin("POST", f"/admin/webhooks/{hook.id}/rotate-secret", body)
            assert status == 200, data
            until = self.now + timedelta(hours=24 if hours is None else hours)
            hook.secrets = [(data["webhook"]["secret"], self.now + 10_000 * DAY), (hook.secrets[0][0], until)]

    def test(self, which: int) -> None:
        if hook := self.chosen(which):
            status, data = self.site.admin("POST", f"/admin/webhooks/{hook.id}/test")
            assert status == 200, data
            event = Told(id=data["delivery"]["event_id"], type=TEST, workspace="", at=self.now)
            hook.rests_until = None  # whoever tests it wants to know: where this arrives, the rest follows
            for each in hook.sendings.values():
                each.first = min(each.first, self.now)
            hook.take(event, self.now)

    def redeliver(self, which: int, place: int) -> None:
        """Send a delivery again, if it has ended."""
        hook = self.chosen(which)
        if not hook or not (shown := deliveries(self.site, hook)):
            return
        told = shown[place % len(shown)]
        sending = hook.sendings[told["event_id"]]
        path = f"/admin/webhooks/{hook.id}/deliveries/{told['id']}/redeliver"
        status, data = self.site.admin("POST", path)
        if not hook.is_active or sending.status == "pending":
            assert (status, data["code"]) == (409, "CONFLICT")
            return
        assert (status, data["delivery"]["status"]) == (200, "pending")
        hook.send_again(sending, self.now)

    def replay(self, which: int, hours: int, scope: str) -> None:
        if hook := self.chosen(which):
            since = max(self.now - timedelta(hours=hours), self.now - 14 * DAY).replace(microsecond=0)
            self.number += 1
            body = {"since": since.isoformat(), "scope": scope, "replay_id": f"number {self.number}"}
            status, data = self.site.admin("POST", f"/admin/webhooks/{hook.id}/replay", body)
            if not hook.is_active:
                assert (status, data["code"]) == (409, "CONFLICT")
                return
            found = self.found(hook, since=since, until=self.now, scope=scope)
            assert (status, data["replay"]["total"]) == (200, len(found)), data
            assert self.site.admin("POST", f"/admin/webhooks/{hook.id}/replay", body) == (status, data)
            asked = {"since": since, "until": self.now, "scope": scope}
            self.replays[data["replay"]["id"]] = Again(hook=hook, asked=asked)

    def found(self, hook: Hook, *, since: datetime, until: datetime, scope: str) -> list[Told]:
        """Return the events that a replay sends."""
        rows = [event for event in self.events if since <= event.at <= until and hook.hears(event)]
        arrived = {key for key, each in hook.sendings.items() if each.status == "delivered"}
        return [event for event in rows if scope == "all" or event.id not in arrived]

    def remove(self, which: int) -> None:
        if hook := self.chosen(which):
            status, data = self.site.admin("DELETE", f"/admin/webhooks/{hook.id}")
            assert status == 200, data
            self.hooks.remove(hook)
            self.removed.append(hook)
            hook.discard(self.now)
            hook.is_active = False
            assert self.site.admin("GET", f"/admin/webhooks/{hook.id}")[0] == 404

    # What workers do

    def care(self, _: int = 0) -> None:
        self.site.care()
        self.site.replay()
        for again in self.replays.values():
            if again.done is None:
                again.is_cut_short = not again.hook.is_active and self.found(again.hook, **again.asked) != []
                again.done = self._replayed(again.hook, **again.asked)

    def _replayed(self, hook: Hook, **asked: Any) -> int:
        found = self.found(hook, **asked) if hook.is_active else []
        done = 0
        for event in found:
            if event.id not in hook.sendings:
                hook.take(event, self.now)
                done += 1
            elif hook.sendings[event.id].status != "pending":
                hook.send_again(hook.sendings[event.id], self.now)
                done += 1
        return done

    def work(self, together: bool = False) -> bool:
        """Be a worker for one turn; returns whether there was anything to do."""
        is_slow = any(reply.seconds > 1 for replies in self.answers.values() for reply in replies)
        jobs = claim_deliveries(2 if is_slow else 12)
        snapshots = [self.claimed(job) for job in jobs]
        ended = []
        for job, snapshot in zip(jobs, snapshots, strict=True):
            self.moment()
            ended.append((job, self.call(job, snapshot)))
            self.moment()
            if not together:
                self.settle([ended.pop()])
        self.settle(ended)
        return bool(jobs)

    def claimed(self, job: Job) -> Hook:
        """Believe that this delivery was due; returns its webhook as it is at this moment."""
        hook = self.addresses[job.delivery.webhook.url]
        sending = hook.sendings[job.delivery.message.public_id]
        assert hook in self.hooks or sending.held_until, hook
        assert sending.status == "pending", sending
        assert not sending.is_held(self.now), sending
        assert sending.first <= self.now + SLACK, (hook, sending)
        assert not hook.is_resting(self.now), hook
        sending.held_until = self.now + LEASE
        under_way = [each for each in hook.sendings.values() if each.is_held(self.now)]
        assert len(under_way) <= (1 if hook.rests else 8), hook
        return replace(hook)

    def call(self, job: Job, snapshot: Hook) -> Ended:
        """Let the worker call; believe that it does exactly if the webhook still wants it."""
        self.calling, self.last_reply, at = snapshot, None, self.now
        report = deliver(job)
        event = snapshot.sendings[job.delivery.message.public_id].event
        if snapshot.id in {hook.id for hook in self.hooks}:
            is_due = (snapshot.is_active or event.type == TEST) and event.at > at - KEPT
            assert (self.last_reply is not None) == is_due, (snapshot, event)
        return report, snapshot, self.last_reply, at

    def receive(self, call: Call) -> Reply:
        """Be a receiver: verify what comes."""
        hook, told = self.calling, parsed(call.body)
        sending = hook.sendings[call.headers["webhook-id"]]
        event = sending.event
        assert (told["id"], told["type"], told["workspace_id"] or "") == (event.id, event.type, event.workspace)
        assert call.url == hook.url
        secrets = hook.signs_with(self.now)
        for secret in secrets:
            Verifier(secret).verify(call.body, dict(call.headers))
        assert len(call.headers["webhook-signature"].split()) == len(secrets)
        assert int(call.headers["webhook-timestamp"]) == int(self.now.timestamp())
        assert event.body in (b"", call.body)
        event.body = call.body
        waiting = self.answers.get(hook.id) or [TAKEN]
        self.last_reply = waiting[0]
        self.answers[hook.id] = waiting[1:]
        return self.last_reply

    def settle(self, ended: list[tuple[Job, Ended]]) -> None:
        now = self.now
        settled = self.site.settle([outcome[0] for _, outcome in ended])
        ours = [(job, *outcome[1:]) for (job, outcome), is_ours in zip(ended, settled, strict=True) if is_ours]
        for _, snapshot, reply, at in ours:
            if reply is not None:
                self.addresses[snapshot.url].note(reply, url=snapshot.url, at=at, now=now)
        for job, snapshot, reply, _ in ours:
            hook = self.addresses[snapshot.url]
            sending = hook.sendings[job.delivery.message.public_id]
            if reply is None:
                sending.status = "discarded"
            else:
                hook.conclude(sending, reply, url=snapshot.url, now=now)
        for _, snapshot, _, _ in ours:
            hook = self.addresses[snapshot.url]
            if not hook.is_active and snapshot.is_active:
                hook.discard(now)

    def moment(self) -> None:
        if self.strike is None:
            return
        left, act = self.strike
        self.strike = (left - 1, act) if left > 1 else None
        if left == 1:
            act()

    def struck(self, after: int, act: Callable[[], None]) -> None:
        """Be a worker to whom something happens at its so manieth moment, if it has that many."""
        self.strike = after, act
        try:
            self.work()
        finally:
            self.strike = None

    def work_and_die(self, after: int) -> None:
        def die() -> None:
            raise Killed

        with suppress(Killed):
            self.struck(after, die)

    def work_and_freeze(self, after: int) -> None:
        def freeze() -> None:
            self.site.clock.go_on(45)
            self.care()
            self.work()

        self.struck(after, freeze)

    def work_and_meanwhile(self, after: int, action: str, which: int) -> None:
        self.struck(after, lambda: getattr(self, action)(*([] if action == "prune" else [which])))

    def prune(self) -> None:
        """Forget what is older than 30 days, and all of webhooks that were removed."""
        self.site.prune()
        before = self.now - KEPT
        self.events = [event for event in self.events if event.at >= before]
        for hook in self.hooks:
            for key, each in list(hook.sendings.items()):
                if each.event.at < before:
                    del hook.sendings[key]
                    hook.pruned = Counter(hook.pruned) + Counter([each.status])
        self.removed = []

    # How time goes by

    def wait(self, seconds: float) -> None:
        self.site.clock.go_on(seconds)

    def go_on(self, seconds: float) -> None:
        """Let workers work for so long, and look after each turn."""
        until = self.now + timedelta(seconds=seconds)
        for _ in range(160):
            self.calm_down()
            ahead = [each for hook in self.hooks for each in self.moments(hook) if each > self.now]
            self.site.clock.go_on((min([*ahead, until]) - self.now).total_seconds() + 0.1)
            if self.now >= until:
                break
        self.calm_down()

    def moments(self, hook: Hook) -> list[datetime]:
        """Return when something may be due next."""
        waiting = [each for each in hook.sendings.values() if each.status == "pending"]
        times = [time for each in waiting for time in (each.last, each.held_until) if time]
        return [*times, *([hook.rests_until] if waiting and hook.rests_until else [])]

    def calm_down(self) -> None:
        """Work until there is nothing to do: then nothing is late."""
        for _ in range(60):
            self.care()
            if not self.work():
                break
        for hook in self.hooks:
            is_tried = hook.rests and any(each.is_held(self.now) for each in hook.sendings.values())
            if hook.is_resting(self.now) or is_tried:
                continue
            for each in hook.sendings.values():
                late = each.status == "pending" and each.last + SLACK < self.now
                assert not late or each.is_held(self.now), (hook, each)

    # What is believed

    def check(self) -> None:
        for hook in self.hooks:
            webhook_agrees(self.site, hook)
            deliveries_agree(self.site, hook)
        self.replays_agree()
        kept = {f"evt_{pk}" for pk in Message.objects.exclude(type=TEST).values_list("pk", flat=True)}
        assert kept == {event.id for event in self.events}

    def replays_agree(self) -> None:
        for hook in self.hooks:
            _, data = self.site.admin("GET", f"/admin/webhooks/{hook.id}/replays?limit=100")
            for told in data["replays"]:
                again = self.replays[told["id"]]
                assert told["done"] == (again.done or 0), (told, hook)
                assert (told["finished_at"] is None) == (again.done is None or again.is_cut_short), told

    def end(self) -> None:
        """Let all receivers be well: each delivery comes to an end."""
        self.answers = {}
        self.go_on(5 * 86_400)
        self.check()
        assert not [each for hook in self.hooks for each in hook.sendings.values() if each.status == "pending"]
        self.wait(31 * 86_400)
        self.prune()
        self.check()
        assert not Message.objects.exists()


class WholeLifeTest(TestCase):
    site: Site

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.site = cls.enterClassContext(running())

    @settings(max_examples=LIVES, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.integers(FIRST, 2**32))
    def test_an_event_is_told_as_the_page_says(self, seed: int) -> None:
        random.seed(seed)
        self.site.clock.begin_anew()
        life = Life(self.site)
        acts = [*BORN, *drawn(ACTS, ACTS_OF_A_LIFE)]
        try:
            for name, *given_values in acts:
                life.act(name, *given_values)
            life.end()
        except Exception as error:
            error.add_note(f"The life of the seed {seed} was {acts}.")
            raise
