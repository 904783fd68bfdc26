"""Whatever is done to posts, in whatever order, and whatever breaks on the way: what the contract lets a stranger
believe of them holds after each step and in the end.

`Life` has the acts and the beliefs. A few lives are tried, the same in every run; other ones, and as many as you like:
`LIVES=500 pytest --hypothesis-profile=new tests/posts/test_whole_life.py`.
"""

import os
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from analytics import discovery
from ouipost.simulator.models import Fault
from tests.in_process import BASE
from tests.posts.system import COMMON_FAULTS, MAY, PLATFORMS, Product, lived, running

LIVES = int(os.environ.get("LIVES", "2"))
pytestmark = [pytest.mark.any_database, pytest.mark.thorough, pytest.mark.timeout(60 + 20 * LIVES)]
BY_ITSELF = {
    "scheduled": {"publishing", "published", "failed", "needs_review", "missed"},
    "publishing": {"published", "failed", "needs_review", "missed"},
    "needs_review": {"published", "failed"},
    "failed": {"published"},
}
"""What becomes of a target while nobody does anything to its post: the last two by an answer that comes late."""
OUTCOMES = {"published", "partially_published", "failed", "needs_review", "missed"}
UNPUBLISHABLE = {"POST_NOT_PUBLISHABLE", "ACCOUNT_NOT_CONNECTED"}
REFUSED: dict[str, Any] = {
    "effect": "status",
    "options": {"status": 400, "body": {"error": {"message": "No.", "type": "OAuthException", "code": 100}}},
}
"""As Meta's networks refuse what a post says."""
FAULTS = [
    *COMMON_FAULTS,
    REFUSED,
    {"effect": "status", "options": {"status": 400, "body": "no"}},
    {"effect": "status", "options": {"status": 401, "body": {"error": "no"}}},
    {"effect": "status", "options": {"status": 429}},
    {"effect": "status", "options": {"status": 429, "headers": {"Retry-After": "30000"}}},
    {"effect": "cut_json", "match": "/"},
    {"effect": "processing_failed"},
]
WHICH = st.integers(0, 19)
MOMENT = st.integers(1, 14)
PLATFORM = st.sampled_from(PLATFORMS)
COMMANDS = ("edit", "unschedule", "publish", "retry", "resolve", "delete")
ACTS: dict[str, tuple[int, tuple[st.SearchStrategy[Any], ...]]] = {
    "create": (6, (st.sets(PLATFORM, min_size=1, max_size=3), st.sampled_from([None, -30, 5, 300]), st.booleans())),
    "edit": (2, (WHICH, st.none() | st.sets(PLATFORM, min_size=1, max_size=2))),
    "schedule": (3, (WHICH, st.sampled_from([-30, 5, 300, 40_000]))),
    "queue": (2, (WHICH,)),
    "hold": (1, (st.booleans(),)),
    "unschedule": (2, (WHICH,)),
    "publish": (9, (WHICH,)),
    "retry": (6, (WHICH,)),
    "resolve": (6, (WHICH, st.sampled_from(["truth", "truth", "published", "not_published"]))),
    "delete": (2, (WHICH,)),
    "pause": (1, (st.sampled_from(["all", "network", "workspace", "account"]), PLATFORM)),
    "resume": (3, ()),
    "disconnect": (1, (PLATFORM,)),
    "reconnect": (3, ()),
    "break_down": (1, (st.booleans(),)),
    "fault": (11, (PLATFORM, st.sampled_from(FAULTS), st.sampled_from([1, 1, 2, 5]))),
    "wait": (9, (st.sampled_from([None, None, None, 1, 35, 120, 3700, 7 * 3600]),)),
    "work": (9, ()),
    "work_and_die": (7, (MOMENT,)),
    "work_and_freeze": (5, (MOMENT, st.sampled_from([95, 200]))),
    "work_and_meanwhile": (6, (MOMENT, st.sampled_from(COMMANDS), WHICH)),
}
"""What can happen, how often compared with the rest, and by what it is drawn."""
NAMES = [name for name, (weight, _) in ACTS.items() for _ in range(weight)]
SOMETHING = st.sampled_from(NAMES).flatmap(lambda name: st.tuples(st.just(name), *ACTS[name][1]))


@dataclass
class Post:
    """What a stranger believes of a post."""

    id: str
    text: str
    status: str = "draft"
    scheduled_at: str | None = None
    targets: dict[str, str] = field(default_factory=dict)
    """Status by account."""
    may_double: Counter[str] = field(default_factory=Counter)
    """By account: how often somebody said that it was not there when it was."""
    said_published: set[str] = field(default_factory=set)
    was_touched: bool = True
    """Whether somebody did something to it since it was read."""

    @property
    def is_going(self) -> bool:
        return bool({"scheduled", "publishing"} & set(self.targets.values()))


def derived(statuses: Sequence[str]) -> str:
    """Return a post's status by the contract's sentence."""
    counted = {status for status in statuses if status != "cancelled"}
    if "publishing" in counted or counted == {"published"}:
        return "publishing" if "publishing" in counted else "published"
    order = ("needs_review", "published", "scheduled", "failed", "missed")
    first = next((status for status in order if status in counted), "draft")
    return "partially_published" if first == "published" else first


class Life:
    """Some posts, what was done to them, and what follows from that."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.posts: list[Post] = []
        self.gone: list[Post] = []
        self.texts = 0
        self.counts: Counter[tuple[str, str]] = Counter()
        self.going: set[str] = set()
        self.paused: list[dict[str, str]] = []
        self.disconnected: list[str] = []
        self.queue_id = ""

    # What people do

    def create(self, names: set[str], wait: int | None, is_thread: bool) -> None:
        """Create a post, and ask twice with one key: it is there once."""
        if len(self.posts) == 4:
            return
        body: dict[str, Any] = {"content": self.text(), "platforms": sorted(names)}
        if is_thread:
            options = {"options": {"thread": [f"{body['content']}, and more", f"{body['content']}, the end"]}}
            body["platform_content"] = dict.fromkeys(names & {"twitter", "bluesky", "threads"}, options)
        if wait is not None:
            body["scheduled_at"] = self.product.moment_in(wait)
        key = {"Idempotency_Key": f"{body['content']} {self.product.clock.now}"}
        status, data = self.product.ask("POST", "/api/posts", body, **key)
        assert self.product.ask("POST", "/api/posts", body, **key) == (status, data)
        if status == 422 and wait is not None:
            assert data["code"] in UNPUBLISHABLE
            return
        assert status == 201, data
        shown = data["post"]
        expected = ("draft" if wait is None else "scheduled", body.get("scheduled_at"))
        assert (shown["status"], shown["scheduled_at"]) == expected
        self.posts.append(Post(id=shown["id"], text=body["content"]))
        self.read(self.posts[-1])

    def text(self) -> str:
        self.texts += 1
        return f"Bread number {self.texts}"

    def edit(self, which: int, names: set[str] | None = None) -> None:
        body: dict[str, Any] = {"content": self.text(), "platform_content": {}}
        if names:
            body["platforms"] = sorted(names)
        if (told := self.change("edit", which, body)) is not None:
            post, shown = told
            post.text = body["content"]
            assert (shown["status"], shown["scheduled_at"]) == (post.status, post.scheduled_at)

    def schedule(self, which: int, wait: int) -> None:
        at = self.product.moment_in(wait)
        if (told := self.change("schedule", which, {"scheduled_at": at})) is not None:
            assert (told[1]["status"], told[1]["scheduled_at"]) == ("scheduled", at)

    def queue(self, which: int) -> None:
        """Put a post into the queue of a schedule, which is made when it is needed."""
        if not self.queue_id:
            slots = [{"day": "monday", "time": at, "platforms": [*PLATFORMS]} for at in ("09:10", "09:20", "12:00")]
            _, data = self.product.ask("POST", "/api/schedules", {"name": "Queue", "timezone": "UTC", "slots": slots})
            self.queue_id = data["schedule"]["id"]
        if (told := self.change("schedule", which, {"schedule_id": self.queue_id})) is not None:
            assert told[1]["status"] == "scheduled"

    def hold(self, is_active: bool) -> None:
        """Let nothing go out of the queue, or go on: its posts have other times then."""
        if self.queue_id:
            self.read_all()
            status, data = self.product.ask("PUT", f"/api/schedules/{self.queue_id}", {"is_active": is_active})
            assert status == 200, data
            self.touch_all()

    def unschedule(self, which: int) -> None:
        if (told := self.change("unschedule", which)) is not None:
            assert (told[1]["status"], told[1]["scheduled_at"]) == ("draft", None)

    def publish(self, which: int) -> None:
        """Publish a post; whatever is not about to go out is only shown as it stands."""
        if (post := self.chosen(which, "publish")) is None:
            return
        status, data = self.product.ask("POST", f"/api/posts/{post.id}/publish")
        post.was_touched = True
        if status >= 300:
            assert data["code"] in UNPUBLISHABLE, (post, data)
            assert post.status in MAY["publish"], (post, data)
            return
        shown = data["post"]
        expected = "publishing" if post.status in MAY["publish"] else post.status
        assert (status, shown["status"]) == (202 if expected == "publishing" else 200, expected)
        assert len(shown["platform_results"]) == len([each for each in post.targets.values() if each != "cancelled"])
        self.going.add(post.id)

    def retry(self, which: int) -> None:
        self.change("retry", which)

    def resolve(self, which: int, word: str = "truth") -> None:
        """Say what became of a target of which nobody knows it, as it is or not."""
        if (post := self.chosen(which, "resolve")) is None or not post.targets:
            return
        targets = self.read(post)["targets"]
        target = next((each for each in targets if each["status"] == "needs_review"), targets[0])
        account = target["account_id"]
        is_there = any(each.text == post.text for each in self.product.copies()[account])
        if word == "truth":
            word = "published" if is_there else "not_published"
        body = {"outcome": word} | ({"url": "https://network.example/1"} if word == "published" else {})
        if self.change("resolve", post, body, path=f"targets/{target['id']}/resolve") is not None:
            if word == "published":
                post.said_published.add(account)
            elif is_there:
                post.may_double[account] += 1

    def delete(self, which: int) -> None:
        if (post := self.chosen(which, "delete")) is None or self.change("delete", post) is None:
            return
        self.posts.remove(post)
        self.gone.append(post)
        assert self.product.ask("GET", f"/api/posts/{post.id}")[0] == 404

    def chosen(self, which: int, action: str) -> Post | None:
        """Return a post as it is now, mostly one that allows this."""
        fit = [post for post in self.posts if post.status in MAY[action]] if which % 5 else []
        if not (among := fit or self.posts):
            return None
        self.read(among[which % len(among)])
        return among[which % len(among)]

    def change(
        self, action: str, which: int | Post, body: Any = None, *, path: str = ""
    ) -> tuple[Post, dict[str, Any]] | None:
        """Do something to a post, exactly if its status allows it; returns it, and how it is shown, or None."""
        post = which if isinstance(which, Post) else self.chosen(which, action)
        if post is None:
            return None
        method, end = {"edit": ("PUT", ""), "delete": ("DELETE", "")}.get(action, ("POST", f"/{path or action}"))
        status, data = self.product.ask(method, f"/api/posts/{post.id}{end}", body)
        post.was_touched = True
        if post.status not in MAY[action]:
            code = "POST_NOT_EDITABLE" if action == "edit" else "CONFLICT"
            assert (status, data["code"], data["details"]["status"]) == (409, code, post.status)
            return None
        if status >= 300:
            on_hold = data["code"] == "CONFLICT" and body == {"schedule_id": self.queue_id}
            assert data["code"] in UNPUBLISHABLE or on_hold, (action, post, data)
            return None
        self.going.add(post.id)
        return post, data.get("post", {})

    # What operators and owners of accounts do

    def pause(self, scope: str, name: str) -> None:
        subject = {"network": name, "workspace": self.product.workspace.pk, "account": self.product.accounts[name]}
        body = {"scope": scope} | ({"id": subject[scope]} if scope in subject else {})
        if not self.paused:
            self.product.operate("/admin/pause", body | {"reason": "Why not"})
            self.paused.append(body)

    def resume(self) -> None:
        while self.paused:
            self.product.operate("/admin/resume", self.paused.pop())

    def disconnect(self, name: str) -> None:
        """Disconnect an account: what it has not sent is called off, and counted."""
        if self.disconnected:
            return
        self.read_all()
        account = self.product.accounts[name]
        mine = [post.targets.get(account) for post in self.posts]
        status, data = self.product.ask("DELETE", f"/api/accounts/{account}")
        assert status == 200, data
        unsent = mine.count("scheduled") + mine.count("missed")
        assert unsent <= data["cancelled_posts"] <= unsent + mine.count("publishing")
        self.disconnected.append(name)
        self.touch_all()

    def reconnect(self) -> None:
        while self.disconnected:
            name = self.disconnected.pop()
            Fault.objects.filter(network=name).delete()  # who cannot sign in tries again until they can
            assert self.product.client.connect(name)["id"] == self.product.accounts[name]
            self.touch_all()

    # What goes wrong, and who works

    def break_down(self, is_down: bool) -> None:
        self.product.is_down = is_down

    def fault(self, name: str, fault: dict[str, Any], times: int) -> None:
        Fault.objects.create(network=name, times=times, **fault)

    def wait(self, seconds: float | None) -> None:
        """Let time go by, or all of it until the next time that the product names."""
        self.product.clock.go_on(self.until_next() if seconds is None else seconds)

    def work(self) -> None:
        self.begin_work()
        self.product.work()

    def work_and_die(self, after: int) -> None:
        self.begin_work()
        self.product.work_and_die(after)

    def work_and_freeze(self, after: int, seconds: int) -> None:
        """Be a worker that is frozen for longer than its lease, while another one works."""
        self.begin_work()
        self.product.work_and_freeze(after, seconds, meanwhile=self.product.work)

    def work_and_meanwhile(self, after: int, action: str, which: int) -> None:
        """Be a worker while somebody does something to a post, maybe to the very one."""
        self.begin_work()
        self.product.work(strike=lambda: getattr(self, action)(which), after=after)

    def begin_work(self) -> None:
        self.read_all()
        self.going |= {post.id for post in self.posts if post.is_going and self.may_go(post)}

    def may_go(self, post: Post) -> bool:
        """Whether its time has come, or comes while a worker is frozen."""
        return post.status == "publishing" or (post.scheduled_at or "") <= self.product.moment_in(250)

    # What is believed

    def read(self, post: Post) -> dict[str, Any]:
        """Read a post: it has become only what it could, and it is one thing with its targets."""
        shown: dict[str, Any] = self.product.get(f"/api/posts/{post.id}")["post"]
        statuses = {each["account_id"]: each["status"] for each in shown["targets"]}
        if not post.was_touched:
            assert shown["scheduled_at"] == post.scheduled_at
            for account, status in statuses.items():
                before = post.targets[account]
                assert status == before or status in BY_ITSELF.get(before, ()), (before, shown)
        assert shown["content"] == post.text
        assert shown["status"] == derived([*statuses.values()]), shown
        for each in shown["targets"]:
            assert each["error"] or each["status"] not in ("failed", "missed", "needs_review"), shown
        post.status, post.scheduled_at, post.targets = shown["status"], shown["scheduled_at"], statuses
        post.was_touched = False
        return shown

    def read_all(self) -> list[dict[str, Any]]:
        return [self.read(post) for post in self.posts]

    def touch_all(self) -> None:
        for post in self.posts:
            post.was_touched = True

    def check(self) -> None:
        """Hold the networks and all lists against what is believed."""
        shown = self.read_all()
        self.nothing_is_out_that_should_not_be()
        self.what_is_published_is_there(shown)
        self.lists_agree(shown)

    def nothing_is_out_that_should_not_be(self) -> None:
        """Each text is out once for each account, and went out while its post was on its way."""
        by_text = {post.text: post for post in [*self.gone, *self.posts]}
        counts = Counter((account, row.text) for account, rows in self.product.copies().items() for row in rows)
        for (account, text), count in counts.items():
            post = by_text[text.partition(",")[0]]
            assert count <= 1 + post.may_double[account], (post, account, count)
            assert count == self.counts[account, text] or post.id in self.going, (post, "went out")
        self.counts = counts
        self.going = set()

    def what_is_published_is_there(self, shown: Sequence[dict[str, Any]]) -> None:
        """Each published target has the id and the address of a post of its own that says what its post says."""
        there = {
            (account, row.external_id): (row.text, row.url.replace("https://", f"{BASE}/sandbox/"))
            for account, rows in self.product.copies().items()
            for row in rows
        }
        for post, told in zip(self.posts, shown, strict=True):
            for each in told["targets"]:
                if each["status"] == "published" and each["account_id"] not in post.said_published:
                    assert there.pop((each["account_id"], each["post_id"])) == (post.text, each["url"])

    def lists_agree(self, shown: Sequence[dict[str, Any]]) -> None:
        """The list, its filters and the workspace's numbers say what the posts themselves say."""
        answer = self.product.get("/api/posts?limit=100")
        rows = answer["posts"]
        by_id = {post["id"]: post for post in shown}
        assert answer["pagination"]["total_items"] == len(rows) == len(by_id)
        for row in rows:
            assert row.items() <= (by_id[row["id"]] | {"analytics": row["analytics"]}).items(), row
        moments = [row["published_at"] or row["scheduled_at"] or row["created_at"] for row in rows]
        assert moments == sorted(moments, reverse=True)
        statuses = Counter(post["status"] for post in shown)
        for status in statuses:
            found = self.product.get(f"/api/posts?status={status}")["posts"]
            assert [row["id"] for row in found] == [row["id"] for row in rows if row["status"] == status]
        stats = self.product.get(f"/api/workspaces/{self.product.workspace.pk}")["workspace"]["stats"]
        figures = (len(shown), statuses["scheduled"], statuses["published"])
        assert (stats["total_posts"], stats["scheduled_posts"], stats["published_posts"]) == figures

    def until_next(self) -> float:
        """Return the seconds until the next time that the product names; each wait names a time or a person."""
        seconds = [30.0]
        for post in self.posts:
            told = self.read(post)
            lines = self.product.get(f"/api/posts/{post.id}/timeline")["timeline"]
            waits = {line["target_id"]: line for line in lines if line["kind"] in ("waiting", "sending")}
            going = {each["id"] for each in told["targets"] if each["status"] in ("scheduled", "publishing")}
            assert waits.keys() == going, (told, lines)
            for line in waits.values():
                at = line["next_attempt_at"]
                assert at or line["who_acts"] or line["kind"] == "sending", line
                if at:
                    ahead = (datetime.fromisoformat(at) - self.product.clock.now).total_seconds()
                    seconds.append(max(ahead, 0) + 1)
        return min(seconds[1:] or seconds)

    def end(self) -> None:
        """Let everything calm down: each target comes to an end, and all that tells of it agrees."""
        self.resume()
        self.hold(True)
        self.break_down(False)
        Fault.objects.all().delete()
        for _ in range(300):
            for _ in range(3):
                self.work()
            self.check()
            if not any(post.is_going for post in self.posts):
                break
            self.wait(None)
        assert not any(post.is_going for post in self.posts), self.read_all()
        shown = self.read_all()
        self.failures_are_none_at_the_networks(shown)
        self.figures_agree(shown)
        self.webhooks_agree()

    def failures_are_none_at_the_networks(self, shown: Sequence[dict[str, Any]]) -> None:
        copies = self.product.copies()
        for post, told in zip(self.posts, shown, strict=True):
            for each in told["targets"]:
                if each["status"] == "failed" and not post.may_double[each["account_id"]]:
                    assert post.text not in [row.text for row in copies[each["account_id"]]], told

    def figures_agree(self, shown: Sequence[dict[str, Any]]) -> None:
        """Analytics and the operator's pages count what the posts show."""
        out = Counter(each["platform"] for post in shown for each in post["targets"] if each["status"] == "published")
        statuses = Counter(post["status"] for post in shown)
        discovery.discover_all(now=self.product.clock.now)
        report = self.product.get("/api/analytics?from=2026-05-30&to=2026-06-28")
        assert report["summary"]["total_posts"] == out.total()
        assert {name: each["posts"] for name, each in report["by_platform"].items() if each["posts"]} == out
        posts = self.product.figures("/admin/stats")["posts"]
        assert posts["total"] == len(shown)
        assert {name: count for name, count in posts["by_status"].items() if count} == statuses
        assert {name: count for name, count in posts["by_platform"].items() if count} == out
        dashboard = self.product.figures("/admin/dashboard")
        assert dashboard["overview"]["total_posts"] == len(shown)
        assert dashboard["activity"]["scheduled_posts"] == statuses["scheduled"]

    def webhooks_agree(self) -> None:
        """Webhooks told of each post once that it was there, and last of what has become of it."""
        self.product.deliver()
        told = sorted(self.product.told, key=lambda each: each["sequence"])
        for post in [*self.posts, *self.gone]:
            mine = [each["type"].removeprefix("post.") for each in told if each["data"]["post"]["id"] == post.id]
            assert mine.count("created") == 1, mine
            assert mine.count("published") <= 1, mine
            assert mine.count("deleted") == (post in self.gone), mine
            outcomes = [each for each in mine if each in OUTCOMES]
            if post.status in OUTCOMES:
                assert outcomes[-1:] == [post.status], (post, mine)


class WholeLifeTest(TestCase):
    databases = "__all__"
    product: Product

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.product = cls.enterClassContext(running())

    @settings(max_examples=LIVES, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(FAULTS[:4]), st.lists(SOMETHING, min_size=15, max_size=30), st.integers(0, 3))
    def test_a_post_lives_as_the_contract_says(
        self, first_fault: dict[str, Any], acts: list[tuple[Any, ...]], seed: int
    ) -> None:
        born = [
            *[("create", {"twitter", "bluesky"}, 5, False), ("fault", "twitter", first_fault, 1)],
            *[("create", {"threads"}, 5, False), ("fault", "threads", REFUSED, 1)],
            *[("wait", 35), ("work",)],
        ]
        random.seed(seed)
        self.product.begin_anew()
        lived(Life(self.product), [*born, *acts], which=f"with the seed {seed}")
