"""Run two deeds together in every way in which they can interleave, on any kind of data.

Each pair is tried with the second deed right before every statement and commit of the first, and the other way round.
The second may run between two transactions of the first. If it runs within one, or has to wait, the outcome must be
equal to one of those.
"""

import json
import os
import random
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import combinations_with_replacement
from operator import attrgetter
from typing import Any, ClassVar, Protocol, TypeVar

import pytest
from django.db import Error, connection
from django.db.models import QuerySet

from ouipost.api.failures import describe
from ouipost.db.locks import in_transaction
from ouipost.events.models import Event
from ouipost.writer import TRIES, Inline
from tests.conftest import AdminClient, ApiClient
from tests.factories import make_key, make_token, make_user
from tests.meeting import COMMIT, Actor, meet

PAIRS = int(os.environ.get("PAIRS", "0"))
MARKS = [
    pytest.mark.on_servers,
    pytest.mark.thorough,
    pytest.mark.timeout(120 + 120 * PAIRS),
    pytest.mark.skipif(connection.vendor != "mysql", reason="SQLite has one writer at a time"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("unlimited"),
]
Path = tuple[str, str, str]
"""The state of a world, and the two deeds that meet in it."""
NAMED = re.compile(r"\b[a-z]+_[0-9a-f]{8}-[0-9a-f-]{27}\b")
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?")
CHANCE = re.compile(r"https?://[^\s\"']+|\b[0-9a-f]{32}\b")
"""Signed addresses, and names of files and of posts at networks."""


@dataclass
class Caller:
    """A client of both APIs, which waits for no networks or receivers."""

    api: ApiClient
    admin: AdminClient

    def ask(self, method: str, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        client: ApiClient = self.admin if path.startswith("/admin") else self.api
        client.client.raise_request_exception = False
        answer = client(method, path, body, Prefer="wait=0", **headers)
        return answer.status_code, answer.json()


def two_callers() -> list[Caller]:
    """Return two callers who share a key and a user."""
    (_, secret), user = make_key(), make_user()
    return [Caller(api=ApiClient(secret), admin=AdminClient(make_token(user))) for _ in range(2)]


@dataclass(kw_only=True)
class World:
    """The rows for the deeds, each with a name, separate from those of other worlds."""

    own: ClassVar[tuple[str, ...]] = ("updated_at", "sequence", "timestamp")
    """Fields that may differ between two equal outcomes."""
    near_hours: ClassVar[int] = 12
    """Times that are further from now are constants of the world."""
    began: datetime
    ids: dict[str, str] = field(default_factory=dict)
    """The ids of the rows, by their names."""

    def __getattr__(self, name: str) -> str:
        return self.ids[name]

    def filled(self, text: str) -> str:
        """Return the text with ids in the places of names such as `$post`."""
        return re.sub(r"\$(\w+)", lambda found: self.ids[found[1]], text)

    def plain(self, value: Any) -> Any:
        """Return the value in a form that is equal in all worlds: names instead of ids, and times relative to now."""
        names = {pk: name for name, pk in self.ids.items()}
        text = json.dumps(value, default=str, sort_keys=True)
        text = NAMED.sub(lambda found: names.get(found[0], found[0].partition("_")[0]), text)
        text = MOMENT.sub(lambda found: self._from_now(found[0]), CHANCE.sub("*", text))
        return _without(json.loads(text), self.own)

    def _from_now(self, text: str) -> str:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        hours = (moment - self.began).total_seconds() / 3600
        if abs(hours) > self.near_hours:
            return moment.isoformat()
        return f"in {round(hours)} h"


def _without(value: Any, names: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {name: _without(each, names) for name, each in value.items() if name not in names}
    return [_without(each, names) for each in value] if isinstance(value, list) else value


Deed = Callable[[Any, Caller], Any]
W = TypeVar("W", bound=World)


def asks(method: str, path: str, body: Any = None, **headers: str) -> Deed:
    """Return a deed that calls the API, or below /admin the admin API; `$name` stands for the id of a row."""

    def ask(world: World, caller: Caller) -> tuple[int, Any]:
        caller.api.headers["X-Workspace-ID"] = world.ids.get("ws", "")
        filled = json.loads(world.filled(json.dumps(body)))
        return caller.ask(
            method, world.filled(path), filled, **{name: world.filled(each) for name, each in headers.items()}
        )

    return ask


def as_view(write: Callable[[], Any]) -> tuple[int, Any]:
    """Do this as a view does, and return the view's answer."""
    return answered(lambda: in_transaction(write))


def answered(work: Callable[[], Any]) -> tuple[int, Any]:
    """Do this, and return the answer of a view that does it."""
    try:
        work()
    except Exception as error:
        failure = describe(error)
        return failure.status, failure.body
    return 200, {}


def journal(world: World, events: "QuerySet[Event]", *, of: Callable[[Event], str] = attrgetter("resource_id")) -> Any:
    """Return these entries of the journal by resource, in order."""
    told = defaultdict(list)
    for event in events.order_by("pk"):
        told[of(event)].append([event.type, event.user_id, event.key_id, event.details])
    return sorted(told.items(), key=lambda each: json.dumps(world.plain(each)))


class Persevering(Inline):
    """Retries after lost locks, as the writer of a worker does."""

    def run(self, work: Any, item: Any) -> Any:
        for _ in range(TRIES - 1):
            try:
                return super().run(work, item)
            except Error:
                pass
        return super().run(work, item)


class Play(Protocol[W]):
    """A play: worlds in several states, the possible deeds in them, and the way to look at the result."""

    @property
    def deeds(self) -> Mapping[str, Deed]: ...

    def make_world(self, state: str) -> W: ...

    def callers(self, world: W) -> Sequence[Caller]:
        """Return the two callers for this world."""

    def settle(self, world: W) -> None:
        """Finish everything that is in progress."""

    def look(self, world: W) -> Any:
        """Return the complete state of the world."""

    def wrongs(self, world: W) -> list[str]:
        """Return the violated invariants."""

    def leave(self, world: W) -> None:
        """Leave nothing of this world due, or visible in other worlds."""


@dataclass(kw_only=True)
class Meeting:
    """The outcome if the second acted at one moment of the first."""

    first: Actor
    outcome: Any
    wrong: list[str]
    where: str
    is_at_a_seam: bool


@dataclass(kw_only=True)
class Stage:
    """Runs a play, each time in a new world."""

    play: Play[Any]
    waits: dict[int, int] = field(default_factory=dict)
    """The moment at which the second had to wait for the first, by the moment of the first."""

    def ways(self, state: str, first: str, second: str) -> list[Meeting]:
        """Return every way in which two deeds can meet, with either of them first."""
        found = [*self._meetings(state, first, second)]
        return found if first == second else [*found, *self._meetings(state, second, first)]

    def _meetings(self, state: str, first: str, second: str) -> Iterator[Meeting]:
        """Give every way in which the second can meet the first."""
        after = self._meet(state, first, second, at=0)
        yield after
        self.waits.clear()
        inside: list[int] = []
        for at, moment in enumerate(after.first.moments, 1):
            if at in after.first.seams:
                yield self._meet(state, first, second, at=at)
                continue
            inside.append(at)
            if moment == COMMIT:
                yield from self._inside(state, first, second, inside)
                inside = []

    def _inside(self, state: str, first: str, second: str, inside: list[int]) -> Iterator[Meeting]:
        """Meet within a transaction. If the second waits at the same place for two moments, it does for all between.

        The first only gets more locks between them, and its writes are not visible before its commit.
        """
        for at in {inside[0], inside[-1]} - self.waits.keys():
            yield self._meet(state, first, second, at=at)
        begins, ends = self.waits[inside[0]], self.waits[inside[-1]]
        if len(inside) > 2 and not (begins and begins == ends):
            middle = len(inside) // 2
            yield from self._inside(state, first, second, inside[: middle + 1])
            yield from self._inside(state, first, second, inside[middle:])

    def _meet(self, state: str, first: str, second: str, *, at: int) -> Meeting:
        play, world = self.play, self.play.make_world(state)
        callers = play.callers(world)
        one, two = meet(
            lambda: play.deeds[first](world, callers[0]), lambda: play.deeds[second](world, callers[1]), at=at
        )
        self.waits[at] = two.waited_at
        play.settle(world)
        results = {first: one.result, f"{second}, too" if first == second else second: two.result}
        outcome = json.dumps(world.plain([results, play.look(world)]), sort_keys=True)
        wrong = play.wrongs(world) + [text for each in results.values() for text in _unanswered(each)]
        play.leave(world)
        moment = one.moments[at - 1][:100] if 0 < at <= len(one.moments) else "its end"
        where = f"{state}: {second} at {moment!r}, {at}, of {first}"
        return Meeting(first=one, outcome=outcome, wrong=wrong, where=where, is_at_a_seam=at == 0 or at in one.seams)


def _unanswered(result: Any) -> list[str]:
    """Return the failures of one caller."""
    if isinstance(result, Exception):
        return [repr(result)]
    return [str(result)] if isinstance(result, tuple) and result[0] >= 500 else []


def pairs(together: Mapping[str, str]) -> list[Path]:
    """Return all pairs of the deeds that are listed together, with the state of their world."""
    return [
        (state, first, second)
        for state, told in together.items()
        for first, second in combinations_with_replacement(told.split("; "), 2)
    ]


def chosen(always: Sequence[Path], paths: Sequence[Path]) -> Sequence[Path]:
    """Return the few pairs that are always tried, or the requested number of random ones."""
    return random.sample(paths, min(PAIRS, len(paths))) if PAIRS else always


def wrong_in(ways: Sequence[Meeting]) -> list[Any]:
    """Return the places of meetings with violated invariants."""
    return [(way.where, way.wrong) for way in ways if way.wrong]


def in_no_order(ways: Sequence[Meeting]) -> list[Any]:
    """Return the places of meetings whose outcome equals that of no serial order, with the differences."""
    clean = {way.outcome for way in ways if way.is_at_a_seam}
    return [(way.where, _differences(way.outcome, clean)) for way in ways if way.outcome not in clean]


def _differences(outcome: str, others: Collection[str]) -> list[Any]:
    """Return the differences between an outcome and the most similar of others."""
    return min((list(_unlike(json.loads(outcome), json.loads(other))) for other in others), key=len)


def _unlike(one: Any, other: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted({*one, *other}):
            yield from _unlike(one.get(name), other.get(name), f"{place}.{name}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, pair in enumerate(zip(one, other, strict=True)):
            yield from _unlike(*pair, f"{place}.{number}")
    elif one != other:
        yield place, one, other
