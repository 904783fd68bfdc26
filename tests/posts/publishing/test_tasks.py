"""A message makes a process publish until nothing is due, or until it or its node is told to stop."""

import os
import signal
import time
from collections.abc import Callable
from multiprocessing import RawValue
from typing import Any

import pytest

from accounts.platforms.bluesky import video as bluesky
from accounts.platforms.facebook import video as facebook
from accounts.platforms.pinterest import media as pinterest
from ouipost.engine import LEAVE_SECONDS
from ouipost.runtime import node
from posts import doorbell, tasks
from posts.publishing.outcomes import VISIBLE_CALL_SECONDS
from posts.publishing.publisher import Publisher
from posts.tasks import PublisherStops, publish_due
from tests.posts.fakes import ScriptedNetwork, make_due
from workspaces.models import Workspace

LONGEST_UPLOAD_SECONDS = 600


@pytest.fixture(autouse=True)
def fresh_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that was not told anything, and has done nothing."""
    monkeypatch.setattr(node, "_leaving", RawValue("b", 0))
    monkeypatch.setattr(tasks, "_last_turn", RawValue("d", float("-inf")))


def run_instead(monkeypatch: pytest.MonkeyPatch, work: Callable[[Publisher], None]) -> list[bool]:
    """Have publishers do this; returns whether each was told to stop by its end."""
    stopped = []

    def run_until_idle(publisher: Publisher, *, seconds: float) -> None:
        work(publisher)
        stopped.append(publisher._stopping.is_set())

    monkeypatch.setattr(Publisher, "run_until_idle", run_until_idle)
    return stopped


def test_a_message_publishes_what_is_due(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)

    publish_due()

    target.refresh_from_db()
    assert (target.status, len(network.sent)) == ("published", 1)


def test_a_node_that_leaves_publishes_no_more(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    node._leave(how="Warm")

    publish_due()

    target.refresh_from_db()
    assert (target.claim_count, target.due_at is None, network.sent) == (0, False, [])


def test_a_process_that_gets_term_ends_its_run_before_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    gone: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: gone.append(number))
    stopped = run_instead(monkeypatch, lambda _: os.kill(os.getpid(), signal.SIGTERM))
    try:
        publish_due()
    finally:
        signal.signal(signal.SIGTERM, before)

    assert (stopped, gone) == ([True], [signal.SIGTERM])


def test_a_process_of_a_node_that_leaves_waits_to_be_ended_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(_: Publisher) -> None:
        node._leave(how="Warm")
        os.kill(os.getpid(), signal.SIGTERM)

    gone: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: gone.append(number))
    stopped = run_instead(monkeypatch, leave)
    try:
        publish_due()
    finally:
        signal.signal(signal.SIGTERM, before)

    assert (stopped, gone) == ([True], [])


@pytest.mark.parametrize(("lasted", "rings"), [(0, 0), (60, 1)])
def test_a_run_that_was_cut_short_rings_for_another(monkeypatch: pytest.MonkeyPatch, lasted: int, rings: int) -> None:
    rung: list[bool] = []
    clock = iter([100.0, 100.0, 100.0 + lasted])
    monkeypatch.setattr(doorbell, "ring", lambda: rung.append(True))
    monkeypatch.setattr(Publisher, "run_until_idle", lambda _, seconds: None)
    monkeypatch.setattr(tasks, "time", FakeTime(clock))

    publish_due()

    assert len(rung) == rings


class FakeTime:
    """A clock that shows these times, one after the other."""

    def __init__(self, moments: Any) -> None:
        self._moments = moments

    def monotonic(self) -> float:
        return float(next(self._moments))


def test_only_a_run_that_lasts_notes_its_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    stops, began = PublisherStops(), time.monotonic()

    stops.is_set()
    at_first = tasks.last_turn()
    stops._long_after = time.monotonic() - 1
    stops.is_set()
    later = tasks.last_turn()
    stops._over_at = time.monotonic()
    stops.is_set()

    assert at_first == float("-inf")
    assert later >= began
    assert tasks.last_turn() == later  # it waits for its long calls, and others must publish


def test_a_video_that_is_on_its_way_when_a_run_is_over_has_its_time() -> None:
    assert Publisher.last_seconds >= LONGEST_UPLOAD_SECONDS + VISIBLE_CALL_SECONDS
    assert tasks.RUN_SECONDS + Publisher.last_seconds + LEAVE_SECONDS < tasks.SOFT_LIMIT_SECONDS
    assert {video.UPLOAD_SECONDS for video in (facebook, pinterest)} == {LONGEST_UPLOAD_SECONDS}
    assert bluesky.LONGEST_UPLOAD == LONGEST_UPLOAD_SECONDS
