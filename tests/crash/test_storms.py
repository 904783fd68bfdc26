"""Many posts at once, workers killed at random or told to stop, answers lost: one copy of each all the same."""

from collections.abc import Callable

import pytest

from tests.crash import storms
from tests.crash.conftest import Stages
from tests.product import NETWORKS

pytestmark = pytest.mark.crash

Record = Callable[[str, object], None]
FAR = 0.8
"""So that most workers that die have a call out; they die for less than a lease."""


def test_all_that_is_due_in_one_moment_goes_out_once_and_soon(stages: Stages, record_property: Record) -> None:
    due = storms.all_due_at_once(stages("work"), publications=48, accounts=12)

    record_property("numbers", f"due at once: {due}")
    assert due.is_good, due


@pytest.mark.parametrize("runner", ["work", pytest.param("celery", marks=pytest.mark.on_servers)])
def test_workers_killed_at_random_leave_one_copy_of_each(runner: str, stages: Stages, record_property: Record) -> None:
    seen = storms.random_kills(stages(runner), *NETWORKS, publications=24, seconds=5, every=0.6, latency=FAR)

    record_property("numbers", f"{runner}, kills at random: {seen}")
    assert seen.is_good, seen
    assert seen.numbers.kills >= 5


@pytest.mark.any_database
def test_where_the_network_cannot_be_asked_a_person_is_and_nothing_is_said_that_is_not_so(
    stages: Stages, record_property: Record
) -> None:
    seen = storms.random_kills(
        stages("work"), "twitter", publications=30, seconds=4, every=0.4, latency=FAR, opaque=True
    )

    record_property("numbers", f"kills at random, a network that cannot be asked: {seen}")
    assert seen.is_good, seen
    assert seen.numbers.kills >= 5


@pytest.mark.on_servers
def test_a_lost_answer_is_cleared_up_and_never_met_by_sending_blindly(stages: Stages, record_property: Record) -> None:
    seen = storms.lost_answers(stages("work"), accounts=1, rounds=1)

    record_property("numbers", f"lost answers: {seen}")
    assert seen.is_good, seen
    assert seen.numbers.faults == 18


@pytest.mark.on_servers
def test_workers_that_are_told_to_stop_do_so_in_good_order(stages: Stages, record_property: Record) -> None:
    stopped = storms.stop_all(stages("work"), publications=48, accounts=12)

    record_property("numbers", f"TERM to all: {stopped}")
    assert stopped.is_good, stopped
    assert stopped.left
