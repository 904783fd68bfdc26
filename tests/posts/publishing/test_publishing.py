"""One claimed target on its way: nothing is sent before "armed" is stored, nor when the lease is nearly over."""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import DatabaseError, connection

from accounts import calls, registry
from accounts.platforms.errors import Rejected, StillWorking, Unavailable
from accounts.platforms.shapes import App, Published
from accounts.session import NetworkSession
from ouipost.claims import database_now
from ouipost.events import outbox
from ouipost.events.models import Event
from posts import lateness, status
from posts.media.storage import StorageUnavailable
from posts.models import Attempt, Target
from posts.publishing import one_target, settling
from posts.publishing.outcomes import VISIBLE_CALL_SECONDS, AttemptResult
from posts.publishing.turn import GUARD_SECONDS, Turn
from tests.factories import make_account, make_webhook, make_workspace
from tests.posts.fakes import (
    HERE,
    LOST,
    ScriptedNetwork,
    begin,
    bring_forward,
    claim,
    error_of,
    expired,
    make_due,
    outcomes,
    publish,
    send_into_the_dark,
)
from workspaces.models import Workspace

SHOWN = "http://testserver/sandbox/network.example/42"


def test_what_is_prepared_is_armed_and_sent_once(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.prepared = [{"upload": "1"}]
    target = make_due(workspace, content="Fresh bread")

    settled = publish(target)

    assert network.calls == ["prepare", "commit"]
    assert network.operations[1].content.text == "Fresh bread"
    assert network.operations[1].handles == {"upload": "1"}
    assert (settled.status, settled.remote_id, settled.url) == ("published", "42", SHOWN)
    assert outcomes(target) == [("commit", "published")]


def test_what_came_of_it_is_counted_and_what_was_put_off_is_not(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.committed = [LOST]

    publish(make_due(workspace))
    network.prepared = [StillWorking("At work.", retry_after=5)]
    publish(make_due(workspace, make_account(workspace, remote_id="2", default_of=None)))

    assert {key[1:]: each.calls for key, each in calls.COUNTED.take().items()} == {
        ("sandbox:facebook", "publish", "unknown"): 1
    }


@pytest.mark.django_db(transaction=True)
def test_armed_is_committed_before_the_visible_call_and_no_transaction_is_open_during_it(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    seen: list[Any] = []

    def look() -> Published:
        assert not connection.in_atomic_block
        names = ("outcome_unknown", "sends", "handles", "sent_text", "due_at", "armed_at")
        seen.append(Target.objects.values(*names).get())
        return HERE

    network.prepared, network.committed = [{"container": "9"}], [look]
    before = database_now()

    publish(make_due(workspace, content="Bread"))

    [row] = seen
    assert (row["outcome_unknown"], row["sends"]) == (True, 1)
    assert (row["handles"], row["sent_text"]) == ({"container": "9"}, "Bread")
    assert row["armed_at"] >= before
    assert row["due_at"] >= row["armed_at"] + timedelta(seconds=60)


def test_nothing_is_sent_when_armed_cannot_be_stored(
    workspace: Workspace, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise DatabaseError("read-only")

    monkeypatch.setattr(Turn, "arm", refuse)
    target = make_due(workspace)

    left = publish(target)

    assert network.calls == ["prepare"]
    assert (left.status, left.sends, left.outcome_unknown) == ("publishing", 0, False)
    assert outcomes(target) == []


def test_saved_handles_survive_a_failure_and_are_used_again(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.saved = [{"upload": "1"}]
    network.prepared = [Unavailable("away"), {}]
    target = make_due(workspace)

    waiting = publish(target)
    network.saved = []
    publish(target)

    assert waiting.handles == {"upload": "1"}
    assert network.operations[1].handles == {"upload": "1"}


def test_each_saved_step_gets_a_whole_lease(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.saved = [{"upload": "1"}]
    target = make_due(workspace)
    bring_forward(target)
    turn = begin(claim(target))
    turn.claim = expired(turn.claim)

    one_target.take(turn)

    assert network.calls == ["prepare", "commit"]
    assert turn.claim.seconds_left > 80


def test_a_lost_answer_while_nothing_is_visible_may_be_repeated(workspace: Workspace, opaque: ScriptedNetwork) -> None:
    opaque.prepared = [LOST, {}]
    target = make_due(workspace)

    waiting = publish(target)
    settled = publish(target)

    assert (waiting.status, waiting.outcome_unknown, waiting.attempts) == ("publishing", False, 1)
    assert settled.status == "published"
    assert opaque.calls == ["prepare", "prepare", "commit"]


def test_a_refusal_fails_the_target(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.committed = [Rejected("Not so.", status=400, network_code="100")]
    target = make_due(workspace)

    settled = publish(target)

    assert (settled.status, settled.due_at, settled.post.status) == ("failed", None, "failed")
    assert settled.error == {
        "code": "CONTENT_REJECTED",
        "message": "Not so.",
        "retryable": False,
        "who_acts": "caller",
        "network_code": "100",
    }
    assert list(Event.objects.values_list("type", flat=True)) == ["post.failed"]


def test_outside_the_sandbox_the_networks_own_address_is_stored(network: ScriptedNetwork, db: None) -> None:
    assert publish(make_due(make_workspace(mode="live"))).url == HERE.url


def test_a_bug_of_ours_before_the_visible_call_is_tried_again(
    workspace: Workspace, network: ScriptedNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    network.prepared = [KeyError("bug"), {}]
    target = make_due(workspace)

    waiting = publish(target)
    settled = publish(target)

    assert (waiting.status, error_of(waiting)["who_acts"]) == ("publishing", "operator")
    assert "bug" not in error_of(waiting)["message"]
    assert "KeyError" in caplog.text
    assert settled.status == "published"


def test_a_bug_of_ours_after_arming_leaves_the_outcome_unknown(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.committed = [KeyError("bug")]
    target = make_due(workspace)

    unknown = publish(target)

    assert (unknown.status, unknown.outcome_unknown) == ("publishing", True)
    assert outcomes(target) == [("commit", "unknown")]


def test_nothing_is_sent_to_a_simulator_that_is_off(
    workspace: Workspace, network: ScriptedNetwork, settings: Any
) -> None:
    settings.SIMULATOR = False

    waiting = publish(make_due(workspace))

    shown = error_of(waiting)
    assert (network.calls, waiting.outcome_unknown) == ([], False)
    assert (shown["code"], shown["who_acts"]) == ("PLATFORM_UNAVAILABLE", "operator")
    assert shown["message"].endswith("the operator must set SIMULATOR=1.")


def test_a_registration_that_was_taken_away_is_the_operators_and_waits(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    network.app = App()

    waiting = publish(make_due(workspace))

    assert network.calls == []
    assert waiting.error == {
        "code": "PLATFORM_UNAVAILABLE",
        "message": "Paper cannot be connected on this installation: the operator must set FACEBOOK_CLIENT_ID and "
        "FACEBOOK_CLIENT_SECRET.",
        "retryable": True,
        "who_acts": "operator",
        "network_code": "",
    }


def test_nothing_is_sent_when_the_lease_is_nearly_over(
    workspace: Workspace, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = make_due(workspace)
    arm = Turn.arm

    def slowly(turn: Turn, handles: Any) -> None:
        arm(turn, handles)
        turn.claim = expired(turn.claim)

    monkeypatch.setattr(Turn, "arm", slowly)

    left = publish(target)

    assert network.calls == ["prepare"]
    assert (left.status, left.outcome_unknown, left.attempts) == ("publishing", False, 0)
    assert left.due_at is not None
    assert left.due_at <= database_now()


def test_every_call_ends_within_the_lease(workspace: Workspace, network: ScriptedNetwork) -> None:
    seen: list[float] = []
    target = make_due(workspace)

    def note(answered: Any) -> Any:
        seen.append(network.sessions[-1].deadline - time.monotonic())
        return answered

    network.prepared, network.committed = [lambda: note({})], [lambda: note(HERE)]

    publish(target)

    before_arming, visible = seen
    assert 45 < before_arming <= lateness.LEASE_SECONDS - VISIBLE_CALL_SECONDS - GUARD_SECONDS
    assert 25 < visible <= VISIBLE_CALL_SECONDS


def test_a_look_ends_within_the_lease(workspace: Workspace, network: ScriptedNetwork) -> None:
    seen: list[float] = []
    target = send_into_the_dark(make_due(workspace), network)

    def note() -> Any:
        seen.append(network.sessions[-1].deadline - time.monotonic())
        return []

    network.found = [note]
    publish(target)

    assert 45 < seen[0] <= lateness.LEASE_SECONDS - VISIBLE_CALL_SECONDS - GUARD_SECONDS


def test_after_each_saved_step_the_calls_have_as_long_as_it_asked_for(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    seen: list[float] = []

    def note() -> Any:
        seen.append(network.sessions[-1].deadline - time.monotonic())
        return {}

    network.saved, network.save_seconds, network.prepared = [{"upload": "1"}], 600, [note]
    publish(make_due(workspace))

    assert 590 < seen[0] <= 600


@pytest.mark.parametrize(("requests", "outcome"), [(0, "unavailable"), (1, "unknown")])
def test_a_file_that_the_storage_does_not_give_leaves_it_open_only_where_something_was_sent(
    workspace: Workspace, network: ScriptedNetwork, requests: int, outcome: str
) -> None:
    def fail() -> Any:
        network.sessions[-1].requests += requests
        raise StorageUnavailable(reason="It is away.")

    network.committed = [fail]
    left = publish(make_due(workspace))

    assert outcomes(left) == [("commit", outcome)]
    assert left.outcome_unknown is bool(requests)


def test_a_worker_that_lost_its_claim_stops_before_the_visible_call(
    workspace: Workspace, network: ScriptedNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    target = make_due(workspace)

    def lose() -> Any:
        Target.objects.filter(pk=target.pk).update(fence=99)
        return {}

    network.prepared = [lose]
    left = publish(target)

    assert network.calls == ["prepare"]
    assert (left.status, left.sends) == ("publishing", 0)
    assert "taken over" in caplog.text


def test_an_outcome_is_settled_as_soon_as_the_database_is_back(
    workspace: Workspace, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [DatabaseError("gone away"), DatabaseError("gone away")]

    def settle_when_back(results: Sequence[AttemptResult]) -> list[bool]:
        if failures:
            raise failures.pop()
        return settling.settle_all(results)

    monkeypatch.setattr(one_target, "settle_all", settle_when_back)
    monkeypatch.setattr(one_target, "SETTLE_AGAIN_SECONDS", 0.001)

    settled = publish(make_due(workspace))

    assert settled.status == "published"
    assert network.calls == ["prepare", "commit"]


def test_an_outcome_that_cannot_be_settled_is_left_to_the_look(
    workspace: Workspace, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    target = make_due(workspace)
    bring_forward(target)
    turn = begin(claim(target))

    def never(results: Sequence[AttemptResult]) -> list[bool]:
        turn.claim = expired(turn.claim)
        raise DatabaseError("gone away")

    monkeypatch.setattr(one_target, "settle_all", never)
    with pytest.raises(DatabaseError):
        one_target.take(turn)

    left = Target.objects.get(pk=target.pk)
    assert (left.status, left.outcome_unknown, left.remote_id) == ("publishing", True, "")


ONCE_IT_IS_OUT: list[tuple[Any, str]] = [
    *((settling, name) for name in ("_release", "_log", "sync_each", "_record_rejected_files", "_leave_alone")),
    (status, "record_all"),
    (outbox, "put"),
    (calls, "note"),
]
"""What is done with an answer: target, attempt, post, files, account, journal, webhooks, figures."""


@pytest.mark.parametrize(("module", "name"), ONCE_IT_IS_OUT)
def test_whatever_fails_once_the_network_has_it_sends_nothing_again(
    workspace: Workspace, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    target, failing = make_due(workspace), Mock(side_effect=RuntimeError("a bug"))
    network.found = [[HERE]]
    make_webhook()

    with monkeypatch.context() as patch:
        patch.setattr(module, name, failing)
        with pytest.raises(RuntimeError):
            publish(target)
    left = Target.objects.get(pk=target.pk)
    settled = left if left.status == "published" else publish(target)

    assert (settled.status, settled.remote_id, settled.sends) == ("published", HERE.remote_id, 1)
    assert (network.calls.count("commit"), failing.called) == (1, True)


def test_what_was_asked_of_the_network_is_kept_with_each_attempt(
    workspace: Workspace, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"method": "POST", "url": "https://network.example/1", "status": 201}

    def session(*_: Any, exchanges: list[Any]) -> NetworkSession:
        exchanges.append(told)
        return NetworkSession(exchanges=exchanges)

    monkeypatch.setattr(registry, "session", session)

    target = publish(make_due(workspace))

    assert target.status == "published"
    assert [attempt.exchanges for attempt in Attempt.objects.filter(target=target)] == [[told]]


@pytest.mark.parametrize(
    ("status", "columns"),
    [("scheduled", {}), ("publishing", {}), ("publishing", {"sends": 1})],
    ids=["scheduled", "at once, or beside another", "retried"],
)
def test_a_first_try_that_comes_late_is_not_the_last_one(
    workspace: Workspace, network: ScriptedNetwork, status: str, columns: dict[str, Any]
) -> None:
    target = make_due(workspace, status=status, scheduled_at=database_now() - timedelta(hours=7))
    Target.objects.update(give_up_at=database_now() - timedelta(hours=1), **columns)
    working = StillWorking("It is being processed.", retry_after=5)
    network.prepared = [working, Unavailable("away"), working, {}]

    waiting, *others = [publish(target) for _ in range(4)]

    assert waiting.give_up_at is not None
    assert timedelta(minutes=14) < waiting.give_up_at - database_now() <= timedelta(minutes=15)
    assert {other.give_up_at for other in others} == {waiting.give_up_at}, "only its first try gives it longer"
    assert [other.status for other in others] == ["publishing"] * (len(others) - 1) + ["published"]
