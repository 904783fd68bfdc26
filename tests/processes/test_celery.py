"""Celery rings, the database knows: whatever happens to beat, the broker or a worker, each post goes out once."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.crash import broker as scenarios
from tests.crash.broker import Batch, Stage, kill, node
from tests.databases import fresh_database
from tests.product import wait_for

pytestmark = [pytest.mark.crash, pytest.mark.on_servers]

Record = Callable[[str, object], None]
SEEN_WITHIN_SECONDS = 45
"""By then somebody has noticed that nobody rings; at the tests' engine speed after 3 s instead of 30."""

STOPPED = "The worker has stopped."


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    home = tmp_path_factory.mktemp("celery")
    with fresh_database(home) as url, scenarios.stage(home, url) as staged:
        yield staged


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_three_times_as_many_ticks_leave_one_copy_of_each(stage: Stage, record_property: Record) -> None:
    seen = scenarios.two_beats_and_a_shell(stage, posts=12, seconds=3)

    record_property("numbers", f"two beats and a shell: {seen}")
    assert seen.is_good, seen
    assert "Deadlock" not in stage.product.log()


def test_a_publish_rings_for_a_worker_without_beat(stage: Stage) -> None:
    unhurried = replace(stage.product, speed=1)  # its watchdog waits for half a minute
    batch = Batch(stage)

    with node(unhurried, beats=0):
        batch.publish_now(3)
        seen = batch.wait(due=time.monotonic())

    assert seen.is_good, seen
    assert seen.seconds < 20


def test_what_falls_due_after_beat_died_goes_out_by_a_worker_that_stops_with_its_node(
    stage: Stage, record_property: Record
) -> None:
    before = stage.product.log().count(STOPPED)

    seen = scenarios.beat_dies(stage, posts=3)

    record_property("numbers", f"beat is killed: {seen}")
    assert seen.is_good, seen
    assert seen.seconds < SEEN_WITHIN_SECONDS
    assert stage.product.log().count(STOPPED) == before + 1


def test_a_broker_that_forgets_everything_loses_no_post(stage: Stage, record_property: Record) -> None:
    seen = scenarios.broker_forgets(stage, posts=24)

    record_property("numbers", f"Redis is flushed: {seen}")
    assert seen.is_good, seen


def test_while_the_broker_is_away_everything_goes_out_and_every_request_is_answered(
    stage: Stage, record_property: Record
) -> None:
    seen = scenarios.broker_stops(stage, posts=8, now=6)

    record_property("numbers", f"Redis is stopped: {seen}")
    assert seen.is_good, seen
    assert seen.slowest_answer < 3
    assert seen.seconds < SEEN_WITHIN_SECONDS


def test_while_the_broker_hangs_everything_goes_out_and_no_request_waits_for_it(
    stage: Stage, record_property: Record
) -> None:
    seen = scenarios.broker_falls_silent(stage, posts=8, now=6)

    record_property("numbers", f"Redis falls silent: {seen}")
    assert seen.is_good, seen
    assert seen.p95_answer < 2  # a request that waited for the broker would take 5 s
    assert seen.seconds < SEEN_WITHIN_SECONDS


def test_while_the_broker_refuses_what_is_written_everything_goes_out(stage: Stage, record_property: Record) -> None:
    """As after a fail-over, or where its memory is full."""
    seen = scenarios.broker_takes_no_writes(stage, posts=8, now=6)

    record_property("numbers", f"Redis takes no writes: {seen}")
    assert seen.is_good, seen
    assert seen.seconds < SEEN_WITHIN_SECONDS


@pytest.mark.parametrize("group", [False, True], ids=["its parent alone", "all its processes"])
def test_a_node_that_is_told_to_stop_lets_its_calls_end_and_begins_no_others(
    stage: Stage, group: bool, record_property: Record
) -> None:
    stopped = scenarios.node_is_stopped(stage, rounds=4, group=group)

    record_property("numbers", f"TERM to {'all processes' if group else 'the node'}: {stopped.seen}")
    assert stopped.seen.is_good, stopped
    assert stopped.seconds < 60
    assert (stopped.abandoned, stopped.left > 0) == (0, True)


def test_the_spare_worker_goes_when_ticks_come_through_again_and_when_its_node_is_killed(stage: Stage) -> None:
    with node(stage.product, beats=0) as lonely:
        first = lonely.spare()
        beat = stage.product.beat()
        wait_for(lambda: gone(first), what="the first spare worker to end")
        kill(beat)
        second = lonely.spare()

        kill(lonely.worker)

        wait_for(lambda: gone(second), what="the second spare worker to end")
