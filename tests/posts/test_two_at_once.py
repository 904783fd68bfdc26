"""Whatever two do at the same time, it comes out as if one of them had come after the other, wherever they meet.

Here that is the responses, the rows, the journal, the webhooks' messages and what the network got.

A few pairs are tried; other ones, and as many as you like of the thousand that there are, with a database server:
`PAIRS=100 pytest tests/posts/test_two_at_once.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from ouipost.events.catalogue import EVENTS
from tests.factories import make_webhook
from tests.posts import operations
from tests.posts.conftest import install
from tests.posts.operations import Everywhere, PostsWorld
from tests.two_at_once import MARKS, Caller, Deed, Stage, chosen, in_no_order, pairs, two_callers, wrong_in

pytestmark = MARKS
ALWAYS = [
    ("failed", "retry", "disconnect"),
    ("needs_review", "say it is not", "disconnect"),
    ("draft", "create", "delete"),
    ("draft", "create", "another default"),
    ("draft", "widen", "another default"),
    ("draft", "create for another", "connect the first"),
    ("draft", "widen to another", "connect the first"),
    ("parted", "unschedule", "connect again"),
    ("called_off", "schedule", "disconnect"),
]
TOGETHER = {
    "draft": (
        "create; create once; create in vain; create scheduled; edit; narrow; widen; schedule; queue; "
        "queue the second; publish; publish once; delete; delete once; attach; change the file; remove the file; "
        "new slots; slots for some; end the schedule; disconnect; connect again; another default; "
        "disconnect the other; close; create for another; widen to another; connect the first"
    ),
    "scheduled": (
        "edit; narrow; put off; queue; unschedule; publish; delete; attach; change the file; remove the file; "
        "disconnect; close; pause"
    ),
    "due": (
        "work; edit; narrow; widen; schedule; queue; unschedule; publish; publish once; delete; attach; "
        "remove the file; disconnect; connect again; disconnect another; close; less patience; pause; purge"
    ),
    "called_off": (
        "edit; narrow; widen; schedule; queue; unschedule; publish; delete; disconnect; connect again; "
        "disconnect another; close"
    ),
    "parted": "unschedule; delete; connect again",
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
WRITES_A_DRAFT = {"create", "create once", "create for another", "edit", "narrow", "widen", "widen to another"}
TAKES_AN_ACCOUNT = {"disconnect", "disconnect another", "disconnect the other"}
"""Beside each other they may leave a draft with a target that goes nowhere: `destinations.require_all` says why."""
DONE_FOR_BOTH = {"close", "remove the file"}
"""Where two do this at once, the second is told that it is done; a moment later, that there is no such thing."""
COLLIDE = {"connect the first"}
"""Where two do this at once, both make theirs the default; a sign-in is run again then, and these deeds are not."""
COUNTS_TARGETS = {"delete", *TAKES_AN_ACCOUNT}
"""Tells of targets that `close` may just have called off: it waits for nobody's post."""
PATHS = [
    (state, first, second)
    for state, first, second in pairs(TOGETHER)
    if state != "draft" or first not in WRITES_A_DRAFT or second not in TAKES_AN_ACCOUNT
    if first != second or first not in DONE_FOR_BOTH | COLLIDE
    if second != "close" or first not in COUNTS_TARGETS
]


@dataclass(kw_only=True)
class Posts:
    """Posts and all that they depend on; one network for all worlds, and the same two who act in them."""

    network: Everywhere
    two: Sequence[Caller]
    deeds: Mapping[str, Deed] = field(default_factory=lambda: operations.DEEDS)

    def make_world(self, state: str) -> PostsWorld:
        self.network.forget()
        return operations.make_world(state)

    def callers(self, world: PostsWorld) -> Sequence[Caller]:
        return self.two

    def settle(self, world: PostsWorld) -> None:
        operations.settle(world)

    def look(self, world: PostsWorld) -> Any:
        return operations.look(world, self.network)

    def wrongs(self, world: PostsWorld) -> list[str]:
        return operations.wrongs(world, self.network)

    def leave(self, world: PostsWorld) -> None:
        operations.leave(world)


@pytest.fixture
def stage(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Stage:
    network = Everywhere()
    install(monkeypatch, network)
    make_webhook(events=[*EVENTS])
    return Stage(play=Posts(network=network, two=two_callers()))


@pytest.mark.parametrize(("state", "first", "second"), chosen(ALWAYS, PATHS))
def test_two_at_once_come_out_as_one_after_the_other(stage: Stage, state: str, first: str, second: str) -> None:
    ways = stage.ways(state, first, second)

    assert wrong_in(ways) == []
    assert in_no_order(ways) == []
