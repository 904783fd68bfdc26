"""A publisher that has to end while a call is out: what nobody has seen is given back, what was armed is kept."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait
from threading import Event
from typing import Any

import pytest
from django.db import OperationalError

from ouipost.claims import Claim
from posts.publishing import arming
from posts.publishing.arming import Loaded
from posts.publishing.publisher import Publisher
from tests.factories import make_account, make_workspace
from tests.posts.fakes import HERE, ScriptedNetwork, make_due

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_SECONDS = 60


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Publisher:
    """One that waits for nothing once it is asked to stop."""
    monkeypatch.setattr(Publisher, "stop_seconds", 0)
    monkeypatch.setattr("ouipost.engine.LEAVE_SECONDS", 0.1)
    return Publisher(2)


@pytest.fixture
def held_up(publisher: Publisher) -> Iterator[Callable[[Any], Callable[[], Any]]]:
    """Make calls that have the publisher stop, and answer with this once the test is over."""
    over = Event()

    def held(answer: Any) -> Callable[[], Any]:
        def call() -> Any:
            publisher.stop()
            assert over.wait(PATIENCE_SECONDS)
            return answer

        return call

    yield held
    over.set()
    wait(publisher._running, timeout=PATIENCE_SECONDS)


def test_what_is_being_prepared_is_due_at_once_and_goes_out_once(
    network: ScriptedNetwork, publisher: Publisher, held_up: Callable[[Any], Callable[[], Any]]
) -> None:
    target = make_due(make_workspace())
    network.prepared = [held_up({}), {}]

    publisher.run()
    target.refresh_from_db()
    given_back = (target.lease_until, target.in_flight, target.claim_count)
    Publisher(2).run_until_idle(seconds=PATIENCE_SECONDS)

    target.refresh_from_db()
    assert (given_back, target.status, len(network.sent)) == ((None, None, 0), "published", 1)


def test_what_is_prepared_when_it_is_asked_to_stop_is_left_to_others(network: ScriptedNetwork) -> None:
    target, publisher = make_due(make_workspace()), Publisher(2)

    def prepared() -> dict[str, Any]:
        publisher.stop()
        return {}

    network.prepared = [prepared, {}]

    publisher.run()
    target.refresh_from_db()
    left = (target.lease_until, target.outcome_unknown, target.attempts, len(network.sent))
    Publisher(2).run_until_idle(seconds=PATIENCE_SECONDS)

    target.refresh_from_db()
    assert (left, target.status, len(network.sent)) == ((None, False, 0, 0), "published", 1)


def test_what_was_armed_is_left_to_its_lease(
    network: ScriptedNetwork, publisher: Publisher, held_up: Callable[[Any], Callable[[], Any]]
) -> None:
    target = make_due(make_workspace())
    network.committed = [held_up(HERE)]

    publisher.run()
    Publisher(2).run_until_idle(seconds=PATIENCE_SECONDS)

    target.refresh_from_db()
    assert (target.outcome_unknown, target.lease_until is None, len(network.sent)) == (True, False, 1)


def test_a_target_that_cannot_be_read_keeps_no_other_from_going_out(
    network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make_workspace()
    broken = make_due(workspace)
    sound = make_due(workspace, make_account(workspace, remote_id="2", default_of=None))
    read = arming.load_all

    def fail_for_one(held: Sequence[Claim]) -> list[Loaded | None]:
        assert broken.pk not in [claim.pk for claim in held], "a bug"
        return read(held)

    monkeypatch.setattr("posts.publishing.arming.load_all", fail_for_one)
    monkeypatch.setattr("posts.publishing.turn.load_all", fail_for_one)
    Publisher(2).run_until_idle(seconds=PATIENCE_SECONDS)

    sound.refresh_from_db()
    assert (sound.status, len(network.sent)) == ("published", 1)


def test_what_cannot_be_read_when_it_is_claimed_is_read_anew_and_does_not_wait_for_its_lease(
    network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = make_due(make_workspace())

    def lose(held: Sequence[Claim]) -> list[Loaded | None]:
        raise OperationalError(2013, "Lost connection to server during query")

    monkeypatch.setattr("posts.publishing.arming.load_all", lose)
    Publisher(2).run_until_idle(seconds=PATIENCE_SECONDS)

    target.refresh_from_db()
    assert (target.status, len(network.sent)) == ("published", 1)
