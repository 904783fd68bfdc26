"""What a stranger believes of schedules and of posts, and which post has which time of a week."""

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import islice, takewhile

from tests.posts.schedules.clocks import DAY, clock, comes_at, told

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEK = timedelta(weeks=1)
Coming = tuple[datetime, str, date]
"""When a slot comes, which it is, and on which date of its zone."""


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A time of the week, and for whom it is."""

    id: str
    day: int
    time: time
    platforms: frozenset[str]

    def comes(self, zone: str, *, after: datetime) -> Iterator[Coming]:
        """Give when it comes later than an instant, in order."""
        day = clock(after, zone).date() - 3 * DAY
        day += (self.day - day.weekday()) % 7 * DAY
        while True:
            at = comes_at(datetime.combine(day, self.time), zone)
            if at > after:
                yield at, self.id, day
            day += WEEK

    def fits(self, recipients: Mapping[str, str]) -> bool:
        """Whether it is for all of these accounts, given with their networks."""
        return all({account, network} & self.platforms for account, network in recipients.items())


@dataclass(kw_only=True)
class Plan:
    """What a stranger believes of a schedule."""

    id: str
    zone: str
    slots: list[Slot]
    is_active: bool = True

    def coming(self, *, after: datetime, slots: Iterable[Slot] | None = None) -> Iterator[Coming]:
        return heapq.merge(*[each.comes(self.zone, after=after) for each in (self.slots if slots is None else slots)])

    def first(self, count: int, *, after: datetime) -> list[Coming]:
        return list(islice(self.coming(after=after), count))

    def between(self, after: datetime, end: datetime) -> list[Coming]:
        return list(takewhile(lambda each: each[0] < end, self.coming(after=after)))


@dataclass(kw_only=True)
class Post:
    """What a stranger believes of a post."""

    id: str
    text: str
    created_at: datetime
    names: set[str]
    """The networks that it names."""
    accounts: set[str] = field(default_factory=set)
    """Where it goes; accounts that were disconnected since it got its time are not among them."""
    status: str = "draft"
    at: datetime | None = None
    zone: str = ""
    local: datetime | None = None
    """What the clocks of its zone are to show then, whatever their rules; None for an exact moment, and in a queue."""
    plan: Plan | None = None
    place: tuple[str, date] | None = None
    published_at: datetime | None = None
    times: list[str] = field(default_factory=list)
    """Every time that it was given, as is told of it."""
    stood: object = None
    """How it stood before somebody gave it a time: to be given the same changes nothing, and is not told."""

    @property
    def stands(self) -> object:
        return self.status, self.at, self.zone, self.local, self.plan and self.plan.id, self.place, {*self.accounts}

    @property
    def is_held(self) -> bool:
        return self.status == "scheduled" and self.plan is not None and not self.plan.is_active

    @property
    def moment(self) -> datetime:
        return self.published_at or self.at or self.created_at

    @property
    def waits_until(self) -> datetime | None:
        """When it goes out if nobody does anything."""
        return self.at if self.status == "scheduled" and not self.is_held else None

    def leave(self) -> None:
        """Have neither a time nor a place."""
        self.at, self.zone, self.local, self.plan, self.place = None, "", None, None, None

    def become_draft(self) -> None:
        self.leave()
        self.status, self.accounts = "draft", set()

    def go_out_at(self, at: datetime, zone: str, *, local: datetime | None) -> None:
        self.leave()
        self.status, self.at, self.zone, self.local = "scheduled", at, zone, local
        self.tell_change()

    def take(self, coming: Coming, plan: Plan) -> None:
        """Take this place in a queue."""
        at, slot, day = coming
        self.leave()
        self.status, self.at, self.zone, self.plan, self.place = "scheduled", at, plan.zone, plan, (slot, day)
        self.tell_change()

    def follows_clocks_to(self, now: datetime) -> datetime | None:
        """Return when it is to go out by the present rules of its zone; None if those no longer matter to it."""
        if self.status != "scheduled":
            return None
        if self.plan and self.plan.is_active and self.place:
            slot = next(each for each in self.plan.slots if each.id == self.place[0])
            return comes_at(datetime.combine(self.place[1], slot.time), self.plan.zone)
        return comes_at(self.local, self.zone) if self.local and self.at and self.at > now else None

    def go_to(self, accounts: set[str]) -> None:
        """Have these accounts; its time follows."""
        self.stood, self.accounts = self.stands, accounts

    def tell_change(self) -> None:
        if self.stands != self.stood:
            self.tell()
        self.stood = None

    def tell(self) -> None:
        self.times.append(told(self.at) or "")


class Beliefs:
    """Schedules, posts, and which of them has which place."""

    def __init__(self, accounts: Mapping[str, str]) -> None:
        self.network_of = {pk: network for network, pk in accounts.items()}
        self.connected = set(self.network_of)
        self.posts: list[Post] = []
        self.plans: list[Plan] = []

    def named(self, names: Collection[str]) -> set[str]:
        """Return the accounts that these networks have ever had."""
        return {pk for pk, network in self.network_of.items() if network in names}

    def recipients(self, accounts: Iterable[str]) -> dict[str, str]:
        return {pk: self.network_of[pk] for pk in accounts}

    def free(self, plan: Plan, accounts: Collection[str], *, now: datetime) -> Coming | None:
        """Return the first place that nobody has and that is for all these accounts; None if no slot is."""
        taken = {post.place for post in self.posts}
        fitting = [slot for slot in plan.slots if slot.fits(self.recipients(accounts))]
        return next((each for each in plan.coming(after=now, slots=fitting) if each[1:] not in taken), None)

    def waiting(self, plan: Plan) -> list[Post]:
        """Return the posts that wait in a queue, in their order."""
        waiting = [post for post in self.posts if post.plan is plan and post.status == "scheduled"]
        return sorted(waiting, key=lambda post: (post.at or post.created_at, post.id))

    def deal_out(self, plan: Plan, posts: Sequence[Post], *, now: datetime) -> list[Post]:
        """Give posts of a queue its first free places, in order; returns those that no slot fits."""
        returned = []
        for post in posts:
            post.place = None
        for post in posts:
            coming = self.free(plan, post.accounts, now=now)
            if coming is None:
                returned.append(post)
            elif post.at == coming[0]:
                post.place, post.zone = coming[1:], plan.zone
            else:
                post.take(coming, plan)
        return returned

    def hold(self, plan: Plan) -> None:
        for post in self.waiting(plan):
            post.place = None

    def lose(self, account: str, *, now: datetime) -> list[Post]:
        """Disconnect an account; returns the posts that were to go there."""
        self.connected.remove(account)
        touched = [post for post in self.posts if post.status in ("scheduled", "missed") and account in post.accounts]
        for post in touched:
            post.accounts.remove(account)
            if not post.accounts:
                post.become_draft()
        for plan in self.plans:
            self._forget(plan, account, now=now)
        return touched

    def _forget(self, plan: Plan, account: str, *, now: datetime) -> None:
        left = [
            Slot(id=each.id, day=each.day, time=each.time, platforms=each.platforms - {account}) for each in plan.slots
        ]
        plan.slots = [slot for slot in left if slot.platforms]
        gone = {slot.id for slot in left if not slot.platforms}
        lost = [post for post in self.waiting(plan) if post.place and post.place[0] in gone]
        self.free_places(gone)
        if plan.is_active:
            for post in self.deal_out(plan, lost, now=now):
                post.plan = None

    def free_coming(self, plan: Plan, *, now: datetime) -> None:
        """Free the places that come by the clocks of the schedule's zone, whoever has them."""
        times = {slot.id: slot.time for slot in plan.slots}
        for post in self.posts:
            if post.place and post.place[0] in times:
                slot, day = post.place
                if comes_at(datetime.combine(day, times[slot]), plan.zone) > now:
                    post.place = None

    def free_places(self, slots: Collection[str]) -> None:
        for post in self.posts:
            if post.place and post.place[0] in slots:
                post.place = None
