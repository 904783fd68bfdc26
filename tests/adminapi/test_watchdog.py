"""The watchdog has a spare worker publish while nobody rings, and no longer than that."""

import logging
import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError, DataError, OperationalError
from pytest_django import Settings

from adminapi.models import Heartbeat
from adminapi.processes import consuming, watchdog
from adminapi.processes.consuming import IDLE
from adminapi.processes.heartbeats import TICK
from adminapi.processes.watchdog import TICKS_MISSED, Watchdog
from ouipost.claims import database_now
from ouipost.queues import UNHEARD
from posts.publishing import kept_answers
from tests.posts.fakes import HERE, bring_forward, claim, make_due, make_result
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


class FakeProcess:
    """A spare worker on paper."""

    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.calls: list[str] = []
        self.ended = False

    def poll(self) -> int | None:
        return 0 if self.ended else None

    def terminate(self) -> None:
        self.calls.append("terminate")

    def kill(self) -> None:
        self.calls.append("kill")

    def wait(self, timeout: float | None = None) -> None:
        self.calls.append("wait")


@pytest.fixture(autouse=True)
def spares(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> list[FakeProcess]:
    """The spare workers that were started; the test's own connection is left open, and no kept answers are there."""
    settings.OUIPOST_HOME = tmp_path
    started: list[FakeProcess] = []

    def start(command: list[str]) -> FakeProcess:
        started.append(FakeProcess(command))
        return started[-1]

    monkeypatch.setattr(watchdog, "spawn", start)
    monkeypatch.setattr(watchdog, "connections", SimpleNamespace(close_all=lambda: None))
    monkeypatch.setattr(watchdog, "last_turn", lambda: float("-inf"))
    return started


@pytest.fixture
def dog() -> Watchdog:
    """A watchdog that has been there for an hour."""
    found = Watchdog()
    found._started = time.monotonic() - 3600
    return found


def heard(ago: timedelta) -> None:
    Heartbeat.objects.update_or_create(pk=TICK, defaults={"at": database_now() - ago})


class FakeNode:
    """A node's consumer on paper: how many messages it took, and how many wait for it; and what it was told."""

    def __init__(self) -> None:
        self.total_count = {"adminapi.tasks.deliver_due": 7}
        self.active_requests: set[str] = set()
        self.waiting = UNHEARD
        self.told: list[int] = []


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> FakeNode:
    found = FakeNode()
    monkeypatch.setattr(consuming, "state", found)
    monkeypatch.setattr(consuming, "waiting", lambda producer, queue: found.waiting)
    monkeypatch.setattr(os, "kill", lambda pid, number: found.told.append(number))
    return found


@pytest.mark.parametrize(
    ("meanwhile", "told"),
    [
        pytest.param(lambda node: None, [signal.SIGTERM], id="nothing"),
        pytest.param(lambda node: setattr(node, "waiting", UNHEARD - 1), [], id="nothing to take"),
        pytest.param(lambda node: node.active_requests.add("one"), [], id="at work"),
        pytest.param(lambda node: node.total_count.update({"adminapi.tasks.tick": 1}), [], id="took another"),
    ],
)
def test_a_node_that_takes_nothing_for_a_minute_although_messages_wait_is_ended(
    dog: Watchdog, node: FakeNode, meanwhile: Callable[[FakeNode], None], told: list[int]
) -> None:
    dog._end_deaf_node()
    assert node.told == []
    dog._consuming._idle_since -= IDLE.total_seconds()
    meanwhile(node)

    dog._end_deaf_node()

    assert node.told == told


def test_a_broker_that_is_away_is_asked_once_in_an_idle_minute(
    dog: Watchdog, node: FakeNode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    node.total_count.clear()
    dog._consuming._idle_since -= IDLE.total_seconds()
    monkeypatch.setattr(consuming, "waiting", lambda producer, queue: {}[queue])

    for _ in range(3):
        dog._end_deaf_node()

    assert node.told == []
    assert caplog.text.count("The watchdog cannot ask the broker") == 1


@pytest.mark.parametrize(
    ("ago", "count"),
    [
        (TICKS_MISSED - timedelta(seconds=5), 0),
        (TICKS_MISSED + timedelta(seconds=1), 1),
        pytest.param(-timedelta(hours=1), 1, id="the clock was set back since"),
    ],
)
def test_a_spare_worker_is_started_after_half_a_minute_of_silence(
    dog: Watchdog, spares: list[FakeProcess], ago: timedelta, count: int
) -> None:
    heard(ago)

    dog._look()
    dog._look()

    assert [spare.command[2] for spare in spares] == ["work"] * count


def test_a_beat_that_was_never_heard_is_silent_too(dog: Watchdog, spares: list[FakeProcess]) -> None:
    dog._look()

    assert len(spares) == 1


def test_a_node_that_has_just_started_waits_for_the_first_tick(spares: list[FakeProcess]) -> None:
    heard(timedelta(days=1))

    Watchdog()._look()

    assert spares == []


def test_a_long_run_is_a_sign_of_life(
    dog: Watchdog, spares: list[FakeProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard(timedelta(days=1))
    monkeypatch.setattr(watchdog, "last_turn", time.monotonic)

    dog._look()

    silence = Heartbeat.objects.silence(TICK)
    assert silence is not None
    assert (spares, silence < timedelta(seconds=20)) == ([], True)


def test_a_spare_worker_that_died_is_started_again(dog: Watchdog, spares: list[FakeProcess]) -> None:
    dog._look()
    spares[0].ended = True

    dog._look()

    assert len(spares) == 2


def test_the_spare_worker_ends_when_a_tick_is_heard(dog: Watchdog, spares: list[FakeProcess]) -> None:
    dog._look()
    Heartbeat.objects.beat(TICK)

    dog._look()
    dog._look()

    assert [spare.calls for spare in spares] == [["terminate", "wait", "kill", "wait"]]


def test_a_database_that_is_away_changes_nothing(
    dog: Watchdog, spares: list[FakeProcess], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise DatabaseError("gone away")

    dog._look()
    monkeypatch.setattr(Heartbeat.objects, "silence", fail)

    with caplog.at_level(logging.WARNING, logger="adminapi.processes.watchdog"):
        dog._look()

    assert [spare.calls for spare in spares] == [[]]
    assert caplog.messages[-1] == "The watchdog cannot look: gone away"


class Turns:
    """Stands for the event that ends a watchdog: it lets it take so many turns."""

    def __init__(self, count: int) -> None:
        self.left = count

    def wait(self, timeout: float) -> bool:
        self.left -= 1
        return self.left < 0


def take_turns(dog: Watchdog, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(dog, "_stopping", Turns(count))
    monkeypatch.setattr(dog, "_dismiss", lambda: None)
    dog.run()


@pytest.mark.parametrize("error", [DataError("too long"), OperationalError("read-only"), ValueError("a bug")], ids=repr)
def test_an_answer_that_cannot_be_settled_keeps_no_spare_worker_from_its_start(
    dog: Watchdog,
    spares: list[FakeProcess],
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def fail(*_: Any) -> None:
        raise error

    target = make_due(workspace)
    bring_forward(target)
    kept_answers.keep(make_result(claim(target), HERE))
    monkeypatch.setattr(kept_answers, "settle_all", fail)

    take_turns(dog, monkeypatch, 3)

    assert [spare.command[2] for spare in spares] == ["work"]


def test_a_kept_answer_is_settled_beside_the_look(
    dog: Watchdog, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = make_due(workspace)
    bring_forward(target)
    kept_answers.keep(make_result(claim(target), HERE))

    take_turns(dog, monkeypatch, 1)

    target.refresh_from_db()
    assert target.status == "published"


@pytest.mark.parametrize("step", ["_is_silent", "_ensure"])
def test_no_error_of_a_look_is_its_last(
    dog: Watchdog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, step: str
) -> None:
    def fail() -> None:
        raise ValueError("a bug of ours")

    monkeypatch.setattr(dog, step, fail)

    with caplog.at_level(logging.ERROR, logger="adminapi.processes.watchdog"):
        take_turns(dog, monkeypatch, 2)

    assert [(each.message, str(each.exc_info[1])) for each in caplog.records if each.exc_info] == [
        ("The watchdog goes on after an error", "a bug of ours")
    ] * 2


def test_an_answer_that_nobody_can_read_does_not_end_the_watchdog(
    dog: Watchdog, spares: list[FakeProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_answers.path().write_text('{"step": "commit", "unresol{"step": "commit"}\n')

    take_turns(dog, monkeypatch, 2)

    assert len(spares) == 1
