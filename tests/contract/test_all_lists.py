"""Whatever is in an installation, and however its lists are asked: each answers what the contract says.

Each life draws an installation, changes it through the APIs, and in between asks every list with whatever filters,
bounds and pages are drawn. What must come is worked out from what was made, by hand. Once:
`LIVES=300 pytest --hypothesis-profile=new tests/contract/test_all_lists.py`.
"""

import os
import random
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from adminapi.monitoring import figures
from tests.conftest import ApiClient
from tests.contract import reported
from tests.contract.shelved import NETWORKS, Installation, Sent, Written
from tests.contract.shelves import Shelves, shown
from tests.contract.world import data_of
from tests.posts.system import Acts, drawn, lived
from workspaces.models import User, Workspace

LIVES = int(os.environ.get("LIVES", "3"))
pytestmark = [pytest.mark.thorough, pytest.mark.timeout(60 + 30 * LIVES)]
MANY = tuple(range(100))
ACTS: Acts = {
    "write": (6, (MANY, NETWORKS, NETWORKS, (None, None, 1, 48))),
    "edit": (3, (MANY, MANY)),
    "schedule": (4, (MANY, (1, 12, 36, 400))),
    "queue": (4, (MANY, MANY)),
    "unschedule": (2, (MANY,)),
    "delete": (3, (MANY,)),
    "disconnect": (1, (MANY,)),
    "rename": (2, (MANY, MANY)),
    "hold": (1, (MANY, (True, False))),
    "hire": (1, (MANY,)),
    "revoke": (1, (MANY,)),
    "leave": (1, (MANY,)),
}
CONFLICTS = (409, 422, 400)


class Life(Shelves):
    """An installation, what happens in it, and what is asked of it in between."""

    def __init__(self, chance: random.Random, installation: Installation, clock: Any) -> None:
        super().__init__(chance, installation)
        self.clock = clock
        self.done: dict[str, list[str]] = {}
        """What was done to each post that was made by a caller."""

    def text(self) -> str:
        """Return a text in the form in which it is kept."""
        return unicodedata.normalize("NFC", self.made.text())

    def act(self, workspace: str, method: str, path: str, body: Any = None) -> Any:
        """Do something, and return the data; None where it is refused for a reason."""
        answer = self.api(workspace)(method, path, body)
        if answer.status_code in CONFLICTS:
            return None
        assert answer.status_code < 300, answer.content
        return answer.json()["data"]

    # What happens

    def write(self, place: int, first: str, second: str, hours: int | None) -> None:
        """Write a post to two networks, perhaps for a later time."""
        workspace = self.made.workspaces[place % len(self.made.workspaces)].pk
        names, content = list(dict.fromkeys([first, second])), self.text()
        body: dict[str, Any] = {"content": content, "platforms": names}
        at = self.made.now + timedelta(hours=hours) if hours else None
        data = self.act(workspace, "POST", "/api/posts", body | ({"scheduled_at": at.isoformat()} if at else {}))
        if data is None:
            assert at is not None
            return
        made: dict[str, Any] = {
            "workspace": workspace,
            "content": content,
            "platforms": names,
            "created_at": self.made.now,
        }
        post = Written(id=data["post"]["id"], scheduled_at=at, **made)
        self.made.posts.append(post)
        self.done[post.id] = ["created", *(["scheduled"] if at else [])]
        self._aim(post, "scheduled" if at else "draft")

    def _aim(self, post: Written, status: str) -> None:
        """Let a post go to the default accounts of its networks, or be as it was but for its status."""
        if not post.targets or all(each.status == "cancelled" for each in post.targets):
            here = [each for each in self.made.accounts if each.workspace_id == post.workspace]
            found = [each for name in post.platforms for each in here if each.platform == name and each.is_default]
            post.targets += [Sent(account=each.pk, platform=each.platform, status=status) for each in found]
        for each in post.targets:
            each.status = status if each.status != "cancelled" else "cancelled"

    def _post(self, which: int) -> Written | None:
        return self.made.posts[which % len(self.made.posts)] if self.made.posts else None

    def edit(self, which: int, text: int) -> None:
        post, content = self._post(which), f"{self.text()} {text}"
        if post and self.act(post.workspace, "PUT", f"/api/posts/{post.id}", {"content": content}):
            assert post.status in ("draft", "scheduled")
            post.content = content
            self.done.get(post.id, []).append("updated")

    def schedule(self, which: int, hours: int) -> None:
        at = self.made.now + timedelta(hours=hours, seconds=which)
        self._schedule(which, {"scheduled_at": at.isoformat()}, asked=at)

    def queue(self, which: int, schedule: int) -> None:
        here = self.made.schedules[schedule % len(self.made.schedules)]
        self._schedule(which, {"schedule_id": here.pk})

    def _schedule(self, which: int, body: dict[str, Any], *, asked: datetime | None = None) -> None:
        post = self._post(which)
        if post is None:
            return
        data = self.act(post.workspace, "POST", f"/api/posts/{post.id}/schedule", body)
        if data is None:
            return
        told = data["post"]["scheduled_at"]
        assert shown(asked) == told or asked is None
        post.scheduled_at = asked or datetime.fromisoformat(told)
        self._learn_targets(post)
        assert post.status == "scheduled"
        self.done.get(post.id, []).append("scheduled")

    def _learn_targets(self, post: Written) -> None:
        """Take from the post's own page where it goes: which accounts that is to be, other tests prove."""
        page = data_of(self.api(post.workspace).get(f"/api/posts/{post.id}"))["post"]
        post.targets = [
            Sent(account=each["account_id"], platform=each["platform"], status=each["status"])
            for each in page["targets"]
        ]

    def unschedule(self, which: int) -> None:
        post = self._post(which)
        if post and self.act(post.workspace, "POST", f"/api/posts/{post.id}/unschedule"):
            post.scheduled_at = None
            self._learn_targets(post)
            assert post.status == "draft"
            self.done.get(post.id, []).append("unscheduled")

    def delete(self, which: int) -> None:
        post = self._post(which)
        if post and self.act(post.workspace, "DELETE", f"/api/posts/{post.id}"):
            assert post.status != "publishing"
            self.made.posts.remove(post)

    def disconnect(self, which: int) -> None:
        """Whatever an account had not sent is not sent any more."""
        account = self.made.accounts[which % len(self.made.accounts)] if self.made.accounts else None
        if account is None or not self.act(account.workspace_id, "DELETE", f"/api/accounts/{account.pk}"):
            return
        self.made.accounts = [each for each in self.made.accounts if each.pk != account.pk]
        for each in self.made.accounts:
            each.refresh_from_db()
        for post in self.made.posts:
            if any(each.account == account.pk for each in post.targets):
                self._learn_targets_after_disconnecting(post)

    def _learn_targets_after_disconnecting(self, post: Written) -> None:
        known = {each.account: each for each in post.targets}
        self._learn_targets(post)
        for each in post.targets:
            each.published_at, each.numbers = known[each.account].published_at, known[each.account].numbers
        post.scheduled_at = None if post.status == "draft" else post.scheduled_at

    def rename(self, which: int, text: int) -> None:
        if self.made.accounts:
            account = self.made.accounts[which % len(self.made.accounts)]
            account.name = f"{self.text()[:100].strip()} {text}"
            assert self.act(account.workspace_id, "PUT", f"/api/accounts/{account.pk}", {"name": account.name})

    def hold(self, which: int, is_active: bool) -> None:
        """Hold a schedule, or let it go on: what waits in it may move."""
        schedule = self.made.schedules[which % len(self.made.schedules)]
        body = {"is_active": is_active}
        if self.act(schedule.workspace_id, "PUT", f"/api/schedules/{schedule.pk}", body):
            schedule.is_active = is_active
            for post in self.made.posts:
                if post.status == "scheduled":
                    page = data_of(self.api(post.workspace).get(f"/api/posts/{post.id}"))["post"]
                    if page["scheduled_at"] != shown(post.scheduled_at):
                        post.scheduled_at = datetime.fromisoformat(page["scheduled_at"])

    def hire(self, which: int) -> None:
        body = {
            "email": f"new{which}.{len(self.made.users)}@example.com",
            "role": "viewer",
            "name": self.text()[:100],
        }
        answer = self.staff(self.made.admin).post("/admin/users", body | {"password": "a long pass phrase, indeed"})
        self.made.users.append(User.objects.get(pk=data_of(answer, status=201)["user"]["id"]))

    def revoke(self, which: int) -> None:
        """End a key, but the first, by which everything is done."""
        if len(self.made.secrets) > 1:
            key, _ = self.made.secrets.pop(1 + which % (len(self.made.secrets) - 1))
            data_of(self.staff(self.made.admin).delete(f"/admin/keys/{key.pk}"))

    def leave(self, which: int) -> None:
        """Delete a workspace, but the first."""
        if len(self.made.workspaces) < 2:
            return
        gone = self.made.workspaces.pop(1 + which % (len(self.made.workspaces) - 1))
        assert self.act("", "DELETE", f"/api/workspaces/{gone.pk}")
        self.made.posts = [each for each in self.made.posts if each.workspace != gone.pk]
        self.made.accounts = [each for each in self.made.accounts if each.workspace_id != gone.pk]
        self.made.schedules = [each for each in self.made.schedules if each.workspace_id != gone.pk] or [
            self.made.schedule_in(self.made.workspaces[0])
        ]

    # What is compared

    def check(self) -> None:
        self.clock.shift(self.chance.choice((0, 0.5, 7)))
        self.made.take_up()
        for _ in range(4):
            self.ask_something()
        self.chance.choice(self.reports)()

    @property
    def reports(self) -> list[Callable[[], None]]:
        return [self.gains, self.all_gains, self.installation, self.numbers, self.timelines, self.queues]

    def _anywhere(self) -> tuple[Workspace, ApiClient]:
        workspace = self.chance.choice([*self.made.workspaces, self.made.workspaces[0]])
        return workspace, self.api(workspace.pk)

    def gains(self) -> None:
        workspace, api = self._anywhere()
        today = self.made.now.astimezone(ZoneInfo(workspace.timezone)).date()
        reported.a_report_is_the_sum_of_its_parts(api, today, self.chance)

    def all_gains(self) -> None:
        workspace, api = self._anywhere()
        reported.a_workspace_gained_what_its_posts_have(self.made, api, workspace)

    def installation(self) -> None:
        user = self.somebody()
        reported.the_installation_is_the_sum_of_its_workspaces(self.made, self.staff(user), user)

    def numbers(self) -> None:
        for post in self.some_posts(lambda post: sum(each.numbers["reach"] is not None for each in post.targets)):
            reported.a_post_says_its_numbers_everywhere(self.api(post.workspace), post, self.chance)

    def timelines(self) -> None:
        for post in self.some_posts(lambda post: len(self.done.get(post.id, ()))):
            reported.a_timeline_tells_all_that_was_done(self.api(post.workspace), post, self.done.get(post.id))

    def queues(self) -> None:
        schedule = self.chance.choice(self.made.schedules)
        api = self.api(schedule.workspace_id)
        reported.a_queue_is_told_alike_everywhere(self.made, api, schedule.pk, self.chance)

    def some_posts(self, most: Callable[[Written], int]) -> list[Written]:
        """Return any post, and the one that has most of something."""
        posts = self.made.posts
        return [self.chance.choice(posts), max(posts, key=most)] if posts else []

    def end(self) -> None:
        """Page through everything, and read every report."""
        for make in (self.posts, *self.others):
            self.pages_are_one_list(*make())
        for ask in self.reports:
            ask()


@contextmanager
def drawn_at(chance: random.Random) -> Iterator[Life]:
    """Draw an installation, at noon of its day."""
    installation = Installation(chance)
    with (
        time_machine.travel(installation.beginning, tick=False) as clock,
        mock.patch.object(figures, "database_now", timezone.now),
    ):
        installation.settle()
        yield Life(chance, installation, clock)


class AllListsTest(TestCase):
    @settings(max_examples=LIVES, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 10**9))
    def test_each_list_answers_what_the_contract_says(self, seed: int) -> None:
        random.seed(seed)
        chance = random.Random(seed)
        acts = drawn(ACTS, chance.randint(8, 20))
        with drawn_at(chance) as life:
            lived(life, acts, which=f"of the seed {seed}")
