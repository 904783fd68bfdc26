"""Whatever breaks, and whatever operators do about it: what the contract and `docs/operations/` let them believe of
an installation holds after each step and in the end, also where its database goes back to an older backup.

`Life` has the acts and the beliefs. A few lives are tried, the same in every run; other ones, and as many as you like:
`LIVES=500 pytest --hypothesis-profile=new tests/posts/operating/test_whole_life.py`.
"""

import os
import random
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from django.conf import settings as product_settings
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from adminapi import keyring
from adminapi.processes import restored
from ouipost.simulator.models import Fault
from tests.foundation.rings import make_key
from tests.in_process import BASE
from tests.posts.operating.system import Installation, Rows, at_home, installed, load, rows, seal
from tests.posts.system import COMMON_FAULTS, MAY, PLATFORMS, Acts, drawn, lived

LIVES = int(os.environ.get("LIVES", "2"))
pytestmark = [pytest.mark.any_database, pytest.mark.thorough, pytest.mark.timeout(60 + 30 * LIVES)]
UNSETTLED = {"scheduled", "publishing"}
REFUSALS = {"CONFLICT", "ACCOUNT_NOT_CONNECTED", "POST_NOT_PUBLISHABLE"}
ALL = {"scope": "all"}
FAULTS = [*COMMON_FAULTS, {"effect": "status", "options": {"status": 429, "headers": {"Retry-After": "3000"}}}]
WHICH, MOMENT = range(20), range(1, 15)
NAMES = [*((each,) for each in PLATFORMS), ("twitter", "bluesky"), ("threads", "facebook"), ("linkedin", "twitter")]
TIMES = (None, 0, 5, 5, 60, 60, 600, 4000)
DRY = (False, False, True)
OPTIONS: tuple[tuple[str, ...], ...] = ((), ("--limit", "1"), ("--wait", "0"), ("--wait", "40"))
ACTS: Acts = {
    "create": (9, (NAMES, TIMES, (False, False, True))),
    "publish": (3, (WHICH,)),
    "schedule": (1, (WHICH, (5, 300, 40_000))),
    "unschedule": (1, (WHICH,)),
    "retry": (2, (WHICH,)),
    "settle": (3, (WHICH,)),
    "delete": (1, (WHICH,)),
    "reconnect": (2, ()),
    "fault": (5, (PLATFORMS, FAULTS, (1, 1, 2, 5))),
    "break_down": (1, ((False, True),)),
    "wait": (7, ((1, 35, 35, 120, 700, 3700, 7 * 3600),)),
    "work": (10, ()),
    "work_and_die": (5, (MOMENT,)),
    "work_and_freeze": (2, (MOMENT, (95, 200))),
    "back_up": (3, ()),
    "back_up_and_publish": (9, (NAMES, (False, False, True), (*[None] * 6, *FAULTS), (1, 1, 2, 3))),
    "restore": (5, (WHICH, (True, True, False))),
    "restore_under_worker": (2, (WHICH, MOMENT)),
    "reconcile": (5, (OPTIONS, DRY, (True, True, False))),
    "ask_after_restore": (6, (OPTIONS, DRY, (True, True, False))),
    "pause": (2, (("all", "network", "workspace", "account"), PLATFORMS, DRY)),
    "resume": (5, (DRY,)),
    "look_for_trouble": (2, ()),
    "rotate": (2, (DRY,)),
    "prune": (1, (DRY,)),
    "replay": (1, (DRY,)),
    "verify": (1, ()),
}
"""What can happen, how often compared with the rest, and with what."""


@dataclass
class Post:
    """What is believed of a post; `shown` is how it was seen last."""

    id: str
    text: str
    shown: dict[str, Any] = field(default_factory=dict)
    said_published: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Backup:
    """A copy of the database, with the key that it needs, and what was believed when it was made."""

    at: datetime
    knows_until: datetime
    """Earlier than that, where it was made while everything was paused for another copy."""
    since: tuple[str, ...] | None
    """How `reconcile --after-restore` was told that."""
    rows: Rows
    key: str
    posts: list[Post]


class Life:
    """An installation, what was done to it, and what follows from that."""

    def __init__(self, product: Installation) -> None:
        self.product = product
        self.posts: list[Post] = []
        self.texts = 0
        self.keys = 0
        self.backups: list[Backup] = []
        self.since: tuple[str, ...] | None = None
        """How `reconcile --after-restore` is told since when; None: nothing was restored yet."""
        self.is_unasked = self.was_unasked = False
        """Whether everything is paused for a restored copy."""
        self.knows_until = product.clock.now
        self.untold: set[tuple[str, str]] = set()
        """What is out, by account and text, and is documented not to be asked about."""
        self.may_double: Counter[tuple[str, str]] = Counter()
        self.counts: Counter[tuple[str, str]] = Counter()
        keyring.require()
        self.product.tick()

    # What people do

    def create(self, names: tuple[str, ...], wait: int | None, is_thread: bool) -> None:
        if len(self.posts) == 5:
            return
        self.texts += 1
        text = f"Bread number {self.texts}"
        body: dict[str, Any] = {"content": text, "platforms": [*names]}
        if is_thread:
            options = {"options": {"thread": [f"{text}, and more", f"{text}, the end"]}}
            body["platform_content"] = dict.fromkeys({*names} & {"twitter", "bluesky", "threads"}, options)
        if wait is not None:
            body["scheduled_at"] = self.product.moment_in(wait)
        status, data = self.product.ask("POST", "/api/posts", body)
        assert status == 201 or data["code"] in REFUSALS, data
        if status == 201:
            self.posts.append(Post(id=data["post"]["id"], text=text))

    def publish(self, which: int) -> None:
        self.change("publish", which)

    def schedule(self, which: int, wait: int) -> None:
        self.change("schedule", which, {"scheduled_at": self.product.moment_in(wait)})

    def unschedule(self, which: int) -> None:
        self.change("unschedule", which)

    def retry(self, which: int) -> None:
        self.change("retry", which)

    def delete(self, which: int) -> None:
        if (post := self.change("delete", which)) is not None:
            self.posts.remove(post)

    def change(self, action: str, which: int, body: Any = None) -> Post | None:
        """Do something to a post that allows it; returns it, or None."""
        fit = [post for post in self.posts if post.shown.get("status") in MAY[action]]
        if not fit:
            return None
        post = fit[which % len(fit)]
        targets = self.read(post)["targets"]
        method, path = ("DELETE", "") if action == "delete" else ("POST", f"/{action}")
        status, data = self.product.ask(method, f"/api/posts/{post.id}{path}", body)
        if status >= 300:
            assert data["code"] in REFUSALS, data
            return None
        for each in targets:
            key = (each["account_id"], post.text)
            if self.is_unasked and action in ("schedule", "unschedule") and self.is_out(*key):
                self.untold.add(key)  # somebody moved it before the network was asked
            if action in ("publish", "schedule", "retry") and each["status"] != "published":
                self.may_double[key] += key in self.untold
        return post

    def settle(self, which: int) -> None:
        """Look at the accounts, and say what became of what nobody knows of a post."""
        doubtful = [post for post in self.posts if post.shown.get("status") == "needs_review"]
        if doubtful:
            self.settle_all(doubtful[which % len(doubtful)])

    def settle_all(self, post: Post) -> None:
        for each in self.read(post)["targets"]:
            if each["status"] != "needs_review":
                continue
            there = self.is_out(each["account_id"], post.text)
            out = {"outcome": "published", "url": "https://network.example/1"}
            body = out if there else {"outcome": "not_published"}
            status, data = self.product.ask("POST", f"/api/posts/{post.id}/targets/{each['id']}/resolve", body)
            assert status == 200 or data["code"] == "CONFLICT", data
            if status == 200 and there:
                post.said_published.add(each["account_id"])

    def reconnect(self) -> None:
        """Connect what has to be connected again."""
        statuses = {each["id"]: each["status"] for each in self.product.get("/api/accounts")["accounts"]}
        for name, pk in self.product.accounts.items():
            if statuses[pk] != "active":
                Fault.objects.filter(network=name).delete()
                assert self.product.client.connect(name)["id"] == pk

    # What is backed up and restored

    def back_up(self) -> None:
        now, key = self.product.clock.now, product_settings.TOKEN_KEYS[0]
        knows_until, since = (self.knows_until, self.since) if self.is_unasked else (now, ())
        self.backups.append(Backup(now, knows_until, since, rows(), key, deepcopy(self.posts)))

    def back_up_and_publish(
        self, names: tuple[str, ...], is_thread: bool, fault: dict[str, Any] | None, turns: int
    ) -> None:
        """Back up while a post is about to go out."""
        self.create(names, 5, is_thread)
        self.back_up()
        if fault:
            self.fault(names[0], fault, 1)
        self.wait(10)
        for _ in range(turns):
            self.work()

    def restore(self, which: int, is_noticed: bool) -> None:
        """Stop everything, load an older copy, and start again; without the file the operator says what it is."""
        if not self.backups:
            return
        self.wait(10)  # what comes right after a mark nobody notices
        backup = self.go_back(which)
        if not is_noticed:
            for file in product_settings.OUIPOST_HOME.glob("*.mark"):
                file.unlink()
            reason = ("--reason", "The database was restored")
            assert self.product.command("pause", "--scope", "all", "--after-restore", *reason)[0] == 0
        self.start_again(backup, is_noticed=is_noticed)

    def restore_under_worker(self, which: int, after: int) -> None:
        """Load an older copy while a worker works."""
        if not self.backups:
            return
        self.wait(10)
        backup: list[Backup] = []
        self.product.work(strike=lambda: backup.append(self.go_back(which)), after=after)
        self.start_again(backup[0] if backup else self.go_back(which), is_noticed=True)

    def go_back(self, which: int) -> Backup:
        backup = self.backups[-1 - which % min(3, len(self.backups))]
        self.backups = [each for each in self.backups if each.at <= backup.at]
        load(backup.rows)
        return backup

    def start_again(self, backup: Backup, *, is_noticed: bool) -> None:
        """Start a worker: with the key of the copy, and paused if anything of it might go out."""
        if backup.key not in product_settings.TOKEN_KEYS:
            with pytest.raises(SystemExit, match="Put it back"):
                keyring.require()
            product_settings.TOKEN_KEYS = [*product_settings.TOKEN_KEYS, backup.key]
        keyring.require()
        restored.pause_if_restored()
        is_known = is_noticed and not backup.since
        self.since = () if is_known else ("--since", f"{backup.knows_until:%Y-%m-%dT%H:%M:%SZ}")
        self.posts, self.knows_until = deepcopy(backup.posts), backup.knows_until
        self.is_unasked = ALL in self.product.pauses()
        assert self.is_unasked or not [*self.going()]
        for post in self.posts:
            self.note_untold(post)

    def note_untold(self, post: Post) -> None:
        """Note what is out and not asked about: as far as the copy knows it is scheduled for later, or not at all."""
        shown = self.read(post)
        for each in shown["targets"]:
            is_due = each["status"] in UNSETTLED and (shown["scheduled_at"] or "") <= self.product.moment_in(0)
            key = (each["account_id"], post.text)
            if self.is_out(*key) and not is_due and each["status"] not in ("published", "needs_review"):
                self.untold.add(key)
                self.may_double[key] += each["status"] in UNSETTLED

    # What operators do

    def run(self, *arguments: str, dry: bool) -> tuple[int, str]:
        """Run a command, or ask it twice what it would do: that changes nothing."""
        seal()
        if not dry:
            return self.product.command(*arguments)
        before = rows()
        result = self.product.command(*arguments, "--dry-run")
        assert result == self.product.command(*arguments, "--dry-run")
        after = rows()
        assert not [name for name in before if before[name] != after[name]], arguments
        return result

    def reconcile(self, options: tuple[str, ...], dry: bool, is_working: bool) -> None:
        self.product.works_while_asked = is_working
        status, said = self.run("reconcile", *options, dry=dry)
        assert status in (0, 1), said

    def ask_after_restore(self, options: tuple[str, ...], dry: bool, is_working: bool) -> None:
        if self.since is None:
            return
        self.product.works_while_asked = is_working
        status, said = self.run("reconcile", "--after-restore", *self.since, *options, dry=dry)
        assert status in (0, 1), said
        self.is_unasked |= "Nothing goes out before" in said

    def pause(self, scope: str, name: str, dry: bool) -> None:
        """Pause something, twice."""
        subject = {"network": name, "workspace": self.product.workspace.pk, "account": self.product.accounts[name]}
        which = ("--id", subject[scope]) if scope in subject else ()
        for _ in range(2):
            assert self.run("pause", "--scope", scope, *which, "--reason", "Why not", dry=dry)[0] == 0
        assert dry or {"scope": scope} | ({"id": subject[scope]} if which else {}) in self.product.pauses()

    def resume(self, dry: bool) -> None:
        """End a pause; that of a restored copy is not ended while something is not asked about."""
        paused = self.product.pauses()
        for each in paused[-1:]:
            which = [f"--{name}={value}" for name, value in each.items()]
            status, said = self.run("resume", *which, dry=dry)
            if status:
                assert (self.is_unasked, "may be out already" in said) == (True, True), said
            elif not dry:
                self.is_unasked &= each != ALL
            assert (each in self.product.pauses()) == bool(status or dry)

    def look_for_trouble(self) -> None:
        """What is late or in doubt is listed, twice the same."""
        answer = status, told = self.product.asked("stuck", "--older-than", "0")
        assert answer == self.product.asked("stuck", "--older-than", "0")
        assert status == bool(told["stuck"])
        listed = {each["target_id"] for each in told["stuck"]}
        for post in self.posts:
            shown = self.read(post)
            is_late = (shown["scheduled_at"] or "") < self.product.moment_in(0)
            for each in shown["targets"]:
                waits = is_late and each["status"] in UNSETTLED and not self.product.is_held(each["id"])
                assert each["id"] in listed or not (waits or each["status"] == "needs_review"), shown

    def rotate(self, dry: bool) -> None:
        """Bring in a new key, and take out the old ones once they are said to be needed no more."""
        self.keys += not dry
        new = [f"life{self.keys}:{make_key(bytes([self.keys]))}"] if not dry else []
        product_settings.TOKEN_KEYS = [*new, *product_settings.TOKEN_KEYS]
        keyring.require()
        status, said = self.run("rotate_encryption", dry=dry)
        assert status == 0, said
        if not dry:
            product_settings.TOKEN_KEYS = product_settings.TOKEN_KEYS[:1]
            keyring.require()

    def prune(self, dry: bool) -> None:
        assert self.run("prune", dry=dry)[0] == 0

    def replay(self, dry: bool) -> None:
        self.run("replay_webhooks", "--all", "--since", "7d", dry=dry)

    def verify(self) -> None:
        seal()
        status, told = self.product.asked("verify_audit")
        assert (status, told["holds"], told["unsealed"]) == (0, True, 0), told

    # What goes wrong, and who works

    def fault(self, name: str, fault: dict[str, Any], times: int) -> None:
        if (name, fault["effect"]) != ("bluesky", "revoke"):  # its owner would have to make another password
            Fault.objects.create(network=name, times=times, **fault)

    def break_down(self, is_down: bool) -> None:
        self.product.is_down = is_down

    def wait(self, seconds: int) -> None:
        """Let time go by, in which workers note how far the database is."""
        for _ in range(3):
            self.product.clock.go_on(seconds / 3)
            restored.pause_if_restored()

    def work(self) -> None:
        self.product.tick()

    def work_and_die(self, after: int) -> None:
        restored.pause_if_restored()
        self.product.work_and_die(after)

    def work_and_freeze(self, after: int, seconds: int) -> None:
        restored.pause_if_restored()
        self.product.work_and_freeze(after, seconds, meanwhile=self.product.tick)

    # What is believed

    def read(self, post: Post) -> dict[str, Any]:
        post.shown = self.product.get(f"/api/posts/{post.id}")["post"]
        return post.shown

    def is_out(self, account: str, text: str) -> bool:
        return any(each.text == text for each in self.product.copies()[account])

    def going(self) -> Iterator[dict[str, Any]]:
        """Give the targets that are to be sent, or are being sent."""
        for post in self.posts:
            yield from [each for each in self.read(post)["targets"] if each["status"] in UNSETTLED]

    def check(self) -> None:
        """Hold the networks and the posts against what is believed."""
        copies = self.product.copies()
        counts = Counter((account, row.text) for account, found in copies.items() for row in found)
        for (account, text), count in counts.items():
            assert count <= 1 + self.may_double[account, text.partition(",")[0]], (account, text, count)
        assert counts == self.counts or not (self.is_unasked and self.was_unasked), counts - self.counts
        self.counts, self.was_unasked = counts, self.is_unasked
        there = {
            (account, row.external_id): (row.text, row.url.replace("https://", f"{BASE}/sandbox/"))
            for account, found in copies.items()
            for row in found
        }
        for post in self.posts:
            for each in self.read(post)["targets"]:
                key = (each["account_id"], post.text)
                if each["status"] == "published" and each["account_id"] not in post.said_published:
                    assert there.pop((each["account_id"], each["post_id"]), None) == (post.text, each["url"]), each
                if each["status"] not in {"published", "needs_review", *UNSETTLED} and key not in self.untold:
                    assert counts[key] == 0, each

    def end(self) -> None:
        """Let everything calm down as the documentation says: all comes to an end, and all that tells of it agrees."""
        self.break_down(False)
        Fault.objects.all().delete()
        self.ask_until_nothing_is_paused()
        for _ in range(100):
            for _ in range(3):
                self.work()
            self.people_look()
            if not [*self.going()]:
                break
            self.look_for_trouble()
            self.wait(600)
        assert not [*self.going()], self.product.command("stuck")
        self.people_look()
        self.rotate(False)
        self.verify()
        _, told = self.product.asked("stuck", "--older-than", "0")
        assert {each["kind"] for each in told["stuck"]} <= {"failed"}, told

    def ask_until_nothing_is_paused(self) -> None:
        for _ in range(30):
            self.reconnect()
            if self.is_unasked:
                self.ask_after_restore((), False, True)
            self.people_look()
            self.resume(False)
            if not self.product.pauses():
                return
            self.wait(100)  # a lease that the copy was made in ends first
        raise AssertionError(self.product.command("stuck"))

    def people_look(self) -> None:
        self.check()
        self.reconnect()
        for post in self.posts:
            self.settle_all(post)


class WholeLifeTest(TestCase):
    databases = "__all__"
    product: Installation

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.product = cls.enterClassContext(installed())

    @settings(max_examples=LIVES, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.booleans(), st.integers(1, 1_000_000))
    def test_an_installation_lives_as_the_documentation_says(self, is_noticed: bool, seed: int) -> None:
        random.seed(seed)
        born = [
            *[("back_up_and_publish", ("twitter", "bluesky"), False, None, 2), ("restore", 0, is_noticed)],
            *[("resume", False), ("work",)],
        ]
        self.product.begin_anew()
        acts = drawn(ACTS, random.randint(15, 35))
        with TemporaryDirectory() as home, at_home(Path(home)):
            lived(Life(self.product), [*born, *acts], which=f"with the seed {seed}")
