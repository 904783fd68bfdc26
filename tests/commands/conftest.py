"""A network on paper, a clock that a command sleeps by, and a worker that works while it sleeps."""

from collections.abc import Callable

import pytest

from accounts import tokens
from adminapi.management.commands import reconcile
from posts.models import Target
from tests.posts.conftest import install
from tests.posts.fakes import ScriptedNetwork, bring_forward, claim_targets, publish_claimed


class Clock:
    """Time that passes only while the command sleeps; meanwhile a worker may work."""

    def __init__(self) -> None:
        self.now = 0.0
        self.work: Callable[[], None] = lambda: None

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.work()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(reconcile, "time", clock)
    return clock


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> ScriptedNetwork:
    return install(monkeypatch, ScriptedNetwork())


@pytest.fixture
def worker(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publish what is due while the command sleeps, in the transaction of the test."""
    monkeypatch.setattr(tokens, "close_old_connections", lambda: None)

    def work() -> None:
        for target in Target.objects.filter(status="publishing"):
            bring_forward(target)
        for held in claim_targets(10):
            publish_claimed(held)

    clock.work = work
