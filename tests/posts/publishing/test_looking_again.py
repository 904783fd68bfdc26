"""What a person leaves undecided can be asked about once more: it is adopted, or fails, and is never sent blindly."""

from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.http import Http404

from accounts import tokens
from accounts.models import SocialAccount
from accounts.platforms.errors import Duplicate, Rejected, Unavailable
from accounts.platforms.shapes import Published
from ouipost.claims import database_now
from ouipost.events.models import Event
from posts import reviewing, services
from posts.models import Target
from posts.publishing.claiming import MAX_UNSETTLED_CLAIMS
from tests.factories import make_account, make_post
from tests.posts.fakes import (
    ACTOR,
    LOST,
    ScriptedNetwork,
    bring_forward,
    claim_targets,
    error_of,
    make_due,
    outcomes,
    publish,
    send_into_the_dark,
    told,
)
from workspaces.models import Workspace

REFUSED = Rejected("You may not look.")
FOUND = Published(remote_id="7", url="https://network.example/7")


def leave_in_doubt(target: Target, network: ScriptedNetwork) -> Target:
    """Lose the answer, and let the network refuse to tell."""
    send_into_the_dark(target, network)
    found, committed = network.found, network.committed
    network.found, network.committed = [REFUSED], [REFUSED]
    doubtful = publish(target)
    assert doubtful.status == "needs_review"
    network.found, network.committed = found, committed
    network.forget()
    return doubtful


def look_again(target: Target) -> Target:
    reviewing.look_again(target, actor=ACTOR, now=database_now())
    return Target.objects.select_related("post").get(pk=target.pk)


@pytest.mark.parametrize("kind", ["network", "keyed"])
def test_what_is_there_is_adopted(workspace: Workspace, request: pytest.FixtureRequest, kind: str) -> None:
    network: ScriptedNetwork = request.getfixturevalue(kind)
    target = leave_in_doubt(make_due(workspace), network)
    network.found = [[FOUND]]

    asked = look_again(target)
    settled = publish(target)

    assert (asked.status, asked.post.status, asked.due_at is None) == ("publishing", "publishing", False)
    assert (error_of(target)["who_acts"], asked.error) == ("caller", None)
    assert network.calls == ["recover"]
    assert (settled.status, settled.remote_id, settled.post.status) == ("published", "7", "published")
    assert told()[-2:] == ["post.reconcile_requested", "post.published"]


@pytest.mark.parametrize("kind", ["network", "keyed"])
def test_what_is_surely_not_there_fails_and_is_sent_once_by_a_retry(
    workspace: Workspace, request: pytest.FixtureRequest, kind: str
) -> None:
    network: ScriptedNetwork = request.getfixturevalue(kind)
    target = leave_in_doubt(make_due(workspace), network)

    look_again(target)
    publish(target)
    failed = publish(target)
    calls = list(network.calls)
    services.retry_post(target.post, actor=ACTOR, now=database_now())
    sent = publish(target)

    assert calls == ["recover", "recover"]
    assert (failed.status, failed.post.status, error_of(failed)["retryable"]) == ("failed", "failed", True)
    assert error_of(failed)["message"].startswith("It did not arrive")
    assert network.calls == [*calls, "prepare", "commit"]
    assert (sent.status, sent.error) == ("published", None)


def test_what_is_looked_for_under_its_key_is_looked_for_under_the_one_it_was_sent_with(
    workspace: Workspace, keyed: ScriptedNetwork
) -> None:
    keyed.saved = [{"key": "k1"}]
    target = make_due(workspace)
    leave_in_doubt(target, keyed)

    look_again(target)
    publish(target)

    assert [operation.handles["key"] for operation in keyed.operations] == ["k1"]
    assert keyed.sent == []


def test_of_two_that_look_alike_both_are_asked_about_again_the_later_one_first(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    account, other = make_account(workspace), Published(remote_id="8", url="https://network.example/8")
    first, second = (leave_in_doubt(make_due(workspace, account), network) for _ in range(2))
    network.found = [[FOUND, other], [other], [FOUND, other]]
    for target in (first, second):
        look_again(target)
    bring_forward(second, due_at=database_now() + timedelta(seconds=20))

    waiting, later, settled = publish(first), publish(second), publish(first)

    states = [(each.status, each.remote_id) for each in (waiting, later, settled)]
    assert states == [("publishing", ""), ("published", "8"), ("published", "7")]


def test_what_is_asked_again_while_its_token_is_being_renewed_is_asked_with_the_new_one(
    workspace: Workspace, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = leave_in_doubt(make_due(workspace), network)
    network.found = [[FOUND]]
    look_again(target)
    with monkeypatch.context() as patch:
        patch.setattr(tokens, "authorized", Mock(side_effect=tokens.BeingRenewed()))
        waiting = publish(target)

    settled = publish(target)

    assert (waiting.status, settled.status, settled.remote_id) == ("publishing", "published", "7")


@pytest.mark.parametrize("trouble", [LOST, Unavailable("away"), REFUSED], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("kind", ["network", "keyed"])
def test_what_nobody_can_tell_stays_in_doubt(
    workspace: Workspace, request: pytest.FixtureRequest, kind: str, trouble: Exception
) -> None:
    network: ScriptedNetwork = request.getfixturevalue(kind)
    target = make_due(workspace)
    send_into_the_dark(target, network)
    network.found = network.committed = [REFUSED]
    publish(target)
    network.found = network.committed = [trouble]

    look_again(target)
    settled = publish(target)

    assert (settled.status, settled.due_at, settled.outcome_unknown) == ("needs_review", None, True)
    assert (error_of(settled)["code"], error_of(settled)["who_acts"]) == ("OUTCOME_UNKNOWN", "caller")


def test_what_cannot_be_asked_about_is_left_alone(workspace: Workspace, opaque: ScriptedNetwork) -> None:
    parked = send_into_the_dark(make_due(workspace), opaque)

    with pytest.raises(services.WrongStatus, match="It cannot be asked about: its network cannot be asked"):
        look_again(parked)

    assert Target.objects.get().status == "needs_review"


def test_what_the_network_says_to_have_is_not_taken_for_absent(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    send_into_the_dark(target, network)
    network.committed = [Duplicate("Said before.", status=403)]
    for _ in range(4):
        publish(target)
    network.forget()

    look_again(target)
    publish(target)
    settled = publish(target)

    assert network.calls == ["recover", "recover"]
    assert settled.status == "needs_review"


def test_what_the_network_said_of_a_text_does_not_count_for_the_text_that_was_written_since(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    target = send_into_the_dark(make_due(workspace), network)
    network.committed, network.found = [Duplicate("Said before.", status=403), REFUSED], [[], [], REFUSED]
    while publish(target).status == "publishing":
        pass
    reviewing.resolve_target(target, published=False, url="", actor=ACTOR, now=database_now())
    assert publish(target).status == "failed"
    services.unschedule_post(target.post, actor=ACTOR)
    services.update_post(target.post, values={"content": "Stale bread"}, actor=ACTOR, now=database_now())
    services.publish_post(target.post, actor=ACTOR, now=database_now())
    network.found = [[]]
    leave_in_doubt(target, network)

    look_again(target)
    publish(target)
    settled = publish(target)

    assert (settled.status, settled.outcome_unknown) == ("failed", False)


def crash(target: Target) -> Target:
    """Let the target take down its workers until it is set aside."""
    for _ in range(MAX_UNSETTLED_CLAIMS):
        bring_forward(target)
        assert [held.pk for held in claim_targets(1)] == [target.pk]
    bring_forward(target)
    assert claim_targets(1) == []
    parked = Target.objects.get(pk=target.pk)
    assert error_of(parked)["code"] == "WORKER_CRASH_LOOP"
    return parked


@pytest.mark.parametrize(
    ("is_refused", "message", "calls"),
    [
        (False, "It was set aside before anything was sent.", ["prepare", "commit"]),
        (True, "It was refused, and set aside before it was sent again.", ["recover", "prepare", "commit"]),
    ],
)
def test_what_crashed_before_it_was_sent_fails_at_once(
    workspace: Workspace, network: ScriptedNetwork, is_refused: bool, message: str, calls: list[str]
) -> None:
    target = make_due(workspace)
    if is_refused:
        Target.objects.update(armed_at=database_now() - timedelta(hours=1), sends=1)
    parked = crash(target)

    failed = look_again(parked)
    services.retry_post(parked.post, actor=ACTOR, now=database_now())
    sent = publish(parked)

    assert (parked.claim_count, failed.claim_count) == (MAX_UNSETTLED_CLAIMS, 0)
    assert (failed.status, failed.due_at, failed.post.status) == ("failed", None, "failed")
    assert error_of(failed) == {
        "code": "WORKER_CRASH_LOOP",
        "message": message,
        "retryable": False,
        "who_acts": "operator",
        "network_code": "",
    }
    assert (sent.status, network.calls) == ("published", calls)


def test_a_thread_that_crashed_before_its_next_part_was_sent_ends_behind_those_that_are_out(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    target = make_due(workspace)
    Target.objects.update(parts=[{"remote_id": "7", "url": FOUND.url}], remote_id="7", url=FOUND.url, replies=1)

    ended = look_again(crash(target))

    assert (ended.status, ended.due_at, ended.post.status) == ("published", None, "published")
    assert (ended.remote_id, ended.published_at is None) == ("7", False)
    assert error_of(ended)["message"].startswith("1 of 2 parts are out;")


def test_what_crashed_after_it_was_allowed_to_go_is_looked_for(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    Target.objects.filter(pk=target.pk).update(outcome_unknown=True, armed_at=database_now(), sends=1)
    crash(target)
    network.found = [[FOUND]]

    asked = look_again(target)
    settled = publish(target)

    assert (asked.status, asked.claim_count) == ("publishing", 0)
    assert network.calls == ["recover"]
    assert (settled.status, settled.remote_id) == ("published", "7")
    assert outcomes(target) == [("recover", "published")]


def test_a_target_is_asked_about_while_another_of_its_post_is_on_its_way(
    workspace: Workspace, network: ScriptedNetwork, accounts: list[SocialAccount]
) -> None:
    post = make_post(workspace, accounts=accounts, status="publishing", scheduled_at=database_now())
    one, _ = Target.objects.filter(post=post).order_by("pk")
    Target.objects.filter(pk=one.pk).update(status="needs_review", due_at=None, outcome_unknown=True)

    asked = look_again(one)

    assert (asked.status, asked.post.status) == ("publishing", "publishing")
    [line] = Event.objects.filter(type="post.reconcile_requested")
    assert (line.resource_id, line.key_id, line.details) == (post.pk, ACTOR.key_id, {"target": one.pk})


@pytest.mark.parametrize("status", ["draft", "scheduled", "publishing", "published", "failed", "missed", "cancelled"])
def test_what_is_not_in_doubt_is_left_alone(workspace: Workspace, network: ScriptedNetwork, status: str) -> None:
    target = make_due(workspace)
    Target.objects.filter(pk=target.pk).update(status=status)
    before: Any = Target.objects.filter(pk=target.pk).values().get()

    with pytest.raises(services.WrongStatus, match=f"The target is {status}"):
        look_again(target)

    assert Target.objects.filter(pk=target.pk).values().get() == before
    assert told() == []


def test_a_post_that_was_deleted_meanwhile_is_not_found(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = leave_in_doubt(make_due(workspace), network)
    services.delete_post(target.post, actor=ACTOR)

    with pytest.raises(Http404):
        look_again(target)
