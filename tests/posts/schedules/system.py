"""The product on a day before clocks change, a worker that is there or not, and the calendar of the console."""

import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ouipost.simulator import models as networks
from posts.schedules.services import follow_zones
from tests.console.conftest import browser_of
from tests.posts.system import A_MOMENT, BEGINNING, Product

PLATFORMS = ("facebook", "twitter", "bluesky")


class Office(Product):
    """A workspace whose posts have their times, and those who look at them."""

    def open_on(self, start: datetime) -> None:
        """Begin a life at this moment, with fresh tokens."""
        self.begin_anew()
        self.clock.moved.move_to(start)
        self.clock.tell_database()
        for name in PLATFORMS if self.can_sign_in else ():
            assert self.client.connect(name)["id"] == self.accounts[name]

    @property
    def can_sign_in(self) -> bool:
        """Whether the time is not before that at which the product was set up."""
        return self.clock.now > BEGINNING

    def work_off(self, turns: int = 12) -> None:
        """Be a worker until nothing is due."""
        for _ in range(turns):
            before = networks.Request.objects.count()
            self.work()
            if networks.Request.objects.count() == before:
                break
        assert follow_zones(self.clock.now) == 0

    def until(self, at: datetime) -> None:
        """Let time go by until then."""
        if at > self.clock.now:
            self.clock.go_on((at - self.clock.now).total_seconds())

    def calendar(self, first: date, last: date) -> dict[str, Any]:
        """Return what the console's calendar has for these days."""
        browser = browser_of(self.operator)
        asked = {"workspace": self.workspace.pk, "from": f"{first}", "to": f"{last}"}
        answer = browser.get("/console/calendar/events", asked)
        assert answer.status_code == 200, answer.content
        found: dict[str, Any] = answer.json()
        return found

    def move(self, post: str, at: str) -> tuple[int, dict[str, Any]]:
        """Drag a post in the calendar to this local time; returns the status, and what is told."""
        self.clock.go_on(A_MOMENT)
        answer = browser_of(self.operator).post(f"/console/calendar/posts/{post}/move", {"at": at})
        found: dict[str, Any] = answer.json()
        return answer.status_code, found

    @contextmanager
    def rules(self) -> Iterator[None]:
        """Let zones have the rules that they have, but for those that change, until the end."""
        before = zoneinfo.TZPATH
        with TemporaryDirectory() as folder:
            self.folder = Path(folder)
            zoneinfo.reset_tzpath([folder, *before])
            try:
                yield
            finally:
                zoneinfo.reset_tzpath(before)
                zoneinfo.ZoneInfo.clear_cache()

    def change_rules(self, zone: str, *, like: str) -> None:
        """Let a zone have the rules of another one."""
        there = self.folder / zone
        there.parent.mkdir(exist_ok=True)
        there.write_bytes(resources.files("tzdata").joinpath("zoneinfo", *like.split("/")).read_bytes())
        zoneinfo.ZoneInfo.clear_cache()

    def times_told(self) -> dict[str, list[str]]:
        """Return, by post, every time that webhooks have been told, in the order in which it was set."""
        self.deliver()
        found: dict[str, list[str]] = {}
        for each in sorted(self.told, key=lambda each: each["sequence"]):
            if each["type"] == "post.scheduled":
                found.setdefault(each["data"]["post"]["id"], []).append(each["data"]["post"]["scheduled_at"])
        return found
