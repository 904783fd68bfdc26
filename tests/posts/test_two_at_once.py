"""Whatever two do at the same time, it comes out as if one of them had come after the other, wherever they meet.

A pair of deeds is tried with the second right before each statement and commit of the first, and the other way round.
Between two transactions of the first, the second one may come; if it comes in the middle of one, or has to wait, the
responses, the rows, the journal, the webhooks' messages and what the network got must be those of such a way, too.

A few pairs are tried; other ones, and as many as you like of the thousand that there are, with a database server:
`PAIRS=100 pytest tests/posts/test_two_at_once.py`.
"""

import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from typing import Any

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from ouipost.events.catalogue import EVENTS
from tests.conftest import AdminClient, ApiClient
from tests.factories import make_key, make_token, make_user, make_webhook
from tests.posts.conftest import install
from tests.posts.deeds import DEEDS, Caller, Everywhere, leave, look, make_world, settle, wrongs
from tests.posts.meeting import COMMIT, Actor, meet

PAIRS = int(os.environ.get("PAIRS", "0"))
pytestmark = [
    pytest.mark.on_servers,
    pytest.mark.thorough,
    pytest.mark.timeout(120 + 120 * PAIRS),
    pytest.mark.skipif(connection.vendor != "mysql", reason="SQLite has one writer at a time"),
    pytest.mark.django_db(transaction=True),
]
ALWAYS = [("failed", "retry", "disconnect"), ("draft", "create", "delete")]
TOGETHER = {
    "draft": (
        "create; create once; create in vain; create scheduled; edit; narrow; widen; schedule; queue; "
        "queue the second; publish; publish once; delete; delete once; attach; change the file; remove the file; "
        "new slots; slots for some; end the schedule; disconnect; connect again; another default; "
        "disconnect the other; close"
    ),
    "scheduled": (
        "edit; narrow; put off; queue; unschedule; publish; delete; attach; change the file; remove the file; "
        "disconnect; close; pause"
    ),
    "due": (
        "work; edit; narrow; widen; schedule; queue; unschedule; publish; publish once; delete; attach; "
        "remove the file; disconnect; connect again; disconnect another; close; less patience; pause; purge"
    ),
    "publishing": "work; edit; publish; retry; delete; disconnect; close; pause; purge",
    "queued": (
        "edit; narrow; widen; put off; queue; unschedule; publish; delete; attach; new slots; slots for some; hold; "
        "another zone; end the schedule; disconnect; connect again; disconnect another; close"
    ),
    "on_hold": (
        "edit; narrow; put off; queue; unschedule; publish; delete; new slots; activate; end the schedule; disconnect; "
        "another zone"
    ),
    "failed": "work; retry; retry once; unschedule; delete; disconnect; publish; close; edit",
    "missed": "work; publish; schedule; queue; unschedule; delete; disconnect; edit; close",
    "published": "work; publish; delete; disconnect; close; purge",
    "needs_review": "work; say it is out; say it is not; look again; publish; delete; disconnect; close",
}
"""The deeds that share something, by the state of the posts."""
WRITES_A_DRAFT = {"create", "create once", "edit", "narrow", "widen"}
TAKES_AN_ACCOUNT = {"disconnect", "disconnect another", "disconnect the other"}
"""Beside each other they may leave a draft with a target that goes nowhere: `destinations.require_all` says why."""
DONE_FOR_BOTH = {"close", "remove the file", *TAKES_AN_ACCOUNT}
"""Where two do this at once, the second is told that it is done; a moment later, that there is no such thing."""
COUNTS_TARGETS = {"delete", *TAKES_AN_ACCOUNT}
"""Tells of targets that `close` may just have called off: it waits for nobody's post."""
PATHS = [
    (state, first, second)
    for state, told in TOGETHER.items()
    for first, second in combinations_with_replacement(told.split("; "), 2)
    if state != "draft" or first not in WRITES_A_DRAFT or second not in TAKES_AN_ACCOUNT
    if first != second or first not in DONE_FOR_BOTH
    if second != "close" or first not in COUNTS_TARGETS
]


@dataclass(kw_only=True)
class Meeting:
    """How it came out when the second acted at one moment of the first."""

    first: Actor
    outcome: Any
    wrong: list[str]
    where: str
    is_at_a_seam: bool


@dataclass(kw_only=True)
class Stage:
    """The network of all worlds, and the two who act in them."""

    network: Everywhere
    callers: tuple[Caller, Caller]
    waits: dict[int, int] = field(default_factory=dict)
    """By the moment of the first: where the second had to wait for it."""

    def meetings(self, state: str, first: str, second: str) -> Iterator[Meeting]:
        """Give every way in which the second can meet the first."""
        after = self.meet(state, first, second, at=0)
        yield after
        self.waits.clear()
        inside: list[int] = []
        for at, moment in enumerate(after.first.moments, 1):
            if at in after.first.seams:
                yield self.meet(state, first, second, at=at)
                continue
            inside.append(at)
            if moment == COMMIT:
                yield from self._inside(state, first, second, inside)
                inside = []

    def _inside(self, state: str, first: str, second: str, inside: list[int]) -> Iterator[Meeting]:
        """Meet within a transaction: of two moments at which the second waits at the same place, all between are alike.

        The first only gets more locks, and what it writes is not seen before it commits.
        """
        for at in {inside[0], inside[-1]} - self.waits.keys():
            yield self.meet(state, first, second, at=at)
        begins, ends = self.waits[inside[0]], self.waits[inside[-1]]
        if len(inside) > 2 and not (begins and begins == ends):
            middle = len(inside) // 2
            yield from self._inside(state, first, second, inside[: middle + 1])
            yield from self._inside(state, first, second, inside[middle:])

    def meet(self, state: str, first: str, second: str, *, at: int) -> Meeting:
        world = make_world(state)
        self.network.forget()
        one, two = meet(
            lambda: DEEDS[first](world, self.callers[0]), lambda: DEEDS[second](world, self.callers[1]), at=at
        )
        self.waits[at] = two.waited_at
        settle(world)
        results = {first: one.result, f"{second}, too" if first == second else second: two.result}
        outcome = json.dumps(world.plain([results, look(world, self.network)]), sort_keys=True)
        wrong = wrongs(world, self.network) + [text for each in results.values() for text in unanswered(each)]
        leave(world)
        moment = one.moments[at - 1][:100] if 0 < at <= len(one.moments) else "its end"
        where = f"{state}: {second} at {moment!r}, {at}, of {first}"
        return Meeting(first=one, outcome=outcome, wrong=wrong, where=where, is_at_a_seam=at == 0 or at in one.seams)


def unanswered(result: Any) -> list[str]:
    """Return what went wrong for one who acted."""
    if isinstance(result, Exception):
        return [repr(result)]
    return [str(result)] if isinstance(result, tuple) and result[0] >= 500 else []


@pytest.fixture
def stage(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Stage:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 10**9)
    network = Everywhere()
    install(monkeypatch, network)
    (_, secret), user = make_key(), make_user()
    make_webhook(events=[*EVENTS])
    callers = [Caller(api=ApiClient(secret), admin=AdminClient(make_token(user))) for _ in range(2)]
    return Stage(network=network, callers=(callers[0], callers[1]))


def drawn() -> list[tuple[str, str, str]]:
    return random.sample(PATHS, min(PAIRS, len(PATHS)))


@pytest.mark.parametrize(("state", "first", "second"), ALWAYS if not PAIRS else drawn())
def test_two_at_once_come_out_as_one_after_the_other(stage: Stage, state: str, first: str, second: str) -> None:
    ways = [*stage.meetings(state, first, second)]
    ways += stage.meetings(state, second, first) if first != second else []

    assert [(way.where, way.wrong) for way in ways if way.wrong] == []
    clean = {way.outcome for way in ways if way.is_at_a_seam}
    assert [(way.where, differences(way.outcome, clean)) for way in ways if way.outcome not in clean] == []


def differences(outcome: str, others: set[str]) -> list[Any]:
    """Return in what an outcome is not like the most similar of others."""
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
