"""Tokens that end while a post is on its way are renewed once, and never lose what may be at the network."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError

from accounts import tokens
from accounts.models import AccountStatus, SocialAccount
from accounts.platforms.errors import (
    Duplicate,
    PlatformError,
    ProcessingFailed,
    RateLimited,
    Rejected,
    StillWorking,
    Unavailable,
    Unknown,
    WhoActs,
)
from accounts.platforms.shapes import Tokens
from ouipost.claims import database_now
from ouipost.events.models import Event
from posts.lateness import LEAST_TRYING
from posts.models import Target
from tests.accounts.fakes import answer
from tests.factories import make_account
from tests.posts.fakes import (
    HERE,
    LOST,
    REVOKED,
    ScriptedNetwork,
    error_of,
    make_due,
    outcomes,
    publish,
    send_into_the_dark,
)
from workspaces.models import Workspace

GRANT = Tokens(access_token="old", refresh_token="refresh")
MINUTE = timedelta(minutes=1)


def test_a_token_that_the_network_refuses_is_renewed_once(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.prepared = [REVOKED, {}]

    settled = publish(make_due(workspace, make_account(workspace, tokens=GRANT)))

    assert network.calls == ["prepare", "refresh", "prepare", "commit"]
    assert [each.account.access_token for each in network.operations] == ["old", "renewed", "renewed"]
    assert settled.status == "published"


def test_a_duplicate_of_what_was_refused_for_its_token_is_looked_for(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    network.committed, network.found = [REVOKED, Duplicate("Said before.", status=403)], [[HERE]]
    doubted = publish(make_due(workspace, make_account(workspace, tokens=GRANT)))

    settled = publish(doubted)

    assert network.calls == ["prepare", "commit", "refresh", "prepare", "commit", "recover"]
    assert (settled.status, settled.remote_id) == ("published", HERE.remote_id)


def test_a_token_that_has_ended_is_renewed_before_anything_is_sent(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    ended = Tokens(access_token="old", refresh_token="refresh", access_expires_at=database_now())

    publish(make_due(workspace, make_account(workspace, tokens=ended)))

    assert network.calls == ["refresh", "prepare", "commit"]


def test_a_token_that_nothing_renews_is_used_whatever_is_known_of_its_end(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    ended = Tokens(access_token="old", access_expires_at=database_now())

    publish(make_due(workspace, make_account(workspace, tokens=ended)))

    assert network.calls == ["prepare", "commit"]


def test_a_token_that_has_ended_when_it_comes_is_not_renewed_again(
    workspace: Workspace, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, ahead = make_account(workspace, tokens=GRANT), [0.0]
    monkeypatch.setattr(tokens, "time", SimpleNamespace(monotonic=lambda: ahead[0], sleep=None))

    def upload_for_an_hour() -> Any:
        ahead[0] += 3600
        raise REVOKED

    network.prepared = [upload_for_an_hour, REVOKED, {}]
    hour = Tokens(access_token="renewed", refresh_token="refresh", access_expires_at=database_now() + 60 * MINUTE)
    network.refreshed = [hour, Tokens(access_token="again", refresh_token="refresh")]

    publish(make_due(workspace, account))

    assert network.calls == ["prepare", "refresh", "prepare"]
    assert SocialAccount.objects.get(pk=account.pk).status == AccountStatus.EXPIRED


@pytest.mark.parametrize("replaced", [False, True])
def test_an_upload_may_outlast_one_token_after_the_other(
    workspace: Workspace, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch, replaced: bool
) -> None:
    account, ahead = make_account(workspace, tokens=GRANT), [5000.0]
    monkeypatch.setattr(tokens, "time", SimpleNamespace(monotonic=lambda: ahead[0], sleep=None))

    def upload_until_the_token_ends() -> Any:
        ahead[0] += 0 if replaced else 3600
        if replaced:
            SocialAccount.objects.filter(pk=account.pk).update(access_token="another worker's")
        raise REVOKED

    network.saved, network.prepared = [{"upload": "1"}], [REVOKED, upload_until_the_token_ends, {}]
    hour = Tokens(access_token="renewed", refresh_token="refresh", access_expires_at=database_now() + 60 * MINUTE)
    network.refreshed = [hour, Tokens(access_token="again", refresh_token="refresh")]

    settled = publish(make_due(workspace, account))

    assert (settled.status, settled.error) == ("publishing" if replaced else "published", None)
    assert network.calls.count("refresh") == (1 if replaced else 2)
    assert SocialAccount.objects.get(pk=account.pk).status == AccountStatus.ACTIVE


@pytest.mark.parametrize("refreshed", [REVOKED, Tokens(access_token="renewed", refresh_token="refresh")])
def test_a_token_that_only_the_owner_can_renew_ends_account_and_target(
    workspace: Workspace, network: ScriptedNetwork, refreshed: Any
) -> None:
    network.committed, network.refreshed = [REVOKED], [refreshed]
    account = make_account(workspace, tokens=GRANT)

    settled = publish(make_due(workspace, account))

    assert network.calls.count("refresh") == 1
    assert (settled.status, settled.due_at, error_of(settled)["code"]) == ("failed", None, "TOKEN_REVOKED")
    assert SocialAccount.objects.get(pk=account.pk).status == AccountStatus.EXPIRED
    assert sorted(Event.objects.values_list("type", flat=True)) == ["account.expired", "post.failed"]


def test_a_token_that_cannot_be_renewed_at_all_ends_account_and_target(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    network.committed = [REVOKED]
    account = make_account(workspace)

    settled = publish(make_due(workspace, account))

    assert network.calls == ["prepare", "commit"]
    assert error_of(settled)["code"] == "TOKEN_REVOKED"
    assert SocialAccount.objects.get(pk=account.pk).status == AccountStatus.EXPIRED


def test_a_post_goes_on_with_the_token_that_its_owner_has_signed_in_for_meanwhile(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    account = make_account(workspace)

    def refuse_the_old_token() -> Any:
        signed_in = SocialAccount.objects.get(pk=account.pk)
        signed_in.seal(Tokens(access_token="new"))
        signed_in.save()
        raise REVOKED

    network.committed = [refuse_the_old_token, HERE]
    target = make_due(workspace, account)

    waiting = publish(target)
    assert (waiting.status, waiting.error) == ("publishing", None)
    settled = publish(target)

    assert [each.account.access_token for each in network.sent] == ["token", "new"]
    assert settled.status == "published"
    assert list(Event.objects.values_list("type", flat=True)) == ["post.published"]


def test_nobody_is_asked_to_sign_in_again_for_an_account_that_was_disconnected(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    account = make_account(workspace)
    target = make_due(workspace, account)
    SocialAccount.objects.filter(pk=account.pk).update(access_token="", disconnected_at=database_now())

    settled = publish(target)

    assert network.calls == []
    assert error_of(settled)["code"] == "TOKEN_REVOKED"
    assert list(Event.objects.values_list("type", flat=True)) == ["post.failed"]


def seconds_until(moment: datetime | None) -> float:
    assert moment is not None
    return (moment - database_now()).total_seconds()


def being_renewed(account: SocialAccount) -> None:
    """Let another worker hold the account for its refresh."""
    soon = database_now() + timedelta(seconds=30)
    SocialAccount.objects.filter(pk=account.pk).update(due_at=database_now(), lease_until=soon, fence=7)


def test_a_token_that_another_worker_renews_is_waited_for(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.committed = [REVOKED, HERE]
    account = make_account(workspace, tokens=GRANT)
    being_renewed(account)
    target = make_due(workspace, account)

    waiting = publish(target)

    assert network.calls == ["prepare", "commit"]
    assert (waiting.status, waiting.attempts, waiting.outcome_unknown) == ("publishing", 0, False)
    assert outcomes(target) == []


def test_a_wait_for_a_token_that_outlasts_the_time_for_trying_is_told(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    network.committed = [REVOKED]
    account = make_account(workspace, tokens=GRANT)
    being_renewed(account)
    target = make_due(workspace, account)
    Target.objects.filter(pk=target.pk).update(give_up_at=database_now() - LEAST_TRYING, attempts=1)

    failed = publish(target)

    assert (failed.status, error_of(failed)["retryable"]) == ("failed", True)
    assert outcomes(target) == [("commit", "later")]


def test_a_look_for_which_no_token_is_to_be_had_tells_nothing_of_the_post(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    network.committed, network.refreshed = [LOST], [Unavailable("Away.")]
    target = make_due(workspace, make_account(workspace, tokens=GRANT))
    publish(target)
    SocialAccount.objects.update(access_expires_at=database_now())

    publish(target)

    assert outcomes(target) == [("commit", "unknown"), ("recover", "unavailable")]


WRONG_SECRET = Rejected("Unknown client.", code="PLATFORM_UNAVAILABLE", who_acts=WhoActs.OPERATOR)


def test_a_token_that_only_the_operator_can_have_renewed_is_asked_for_at_the_ordinary_times_until_it_is(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    network.prepared, network.refreshed = [REVOKED], [WRONG_SECRET]
    account = make_account(workspace, tokens=GRANT)
    target = make_due(workspace, account)

    waits = []
    for _ in range(3):
        waiting = publish(target)
        waits.append(seconds_until(waiting.due_at))
    told = error_of(waiting)
    network.prepared, network.refreshed = [REVOKED, {}], [Tokens(access_token="renewed")]
    SocialAccount.objects.filter(pk=account.pk).update(due_at=database_now(), lease_until=None)
    sent = publish(target)

    assert told == {
        "code": "PLATFORM_UNAVAILABLE",
        "message": "Unknown client.",
        "retryable": True,
        "who_acts": "operator",
        "network_code": "",
    }
    assert all(0.7 * own < wait < 1.3 * own for wait, own in zip(waits, (30, 120, 600), strict=True))
    assert (sent.status, sent.error) == ("published", None)
    assert outcomes(target) == [*[("prepare", "unavailable")] * 3, ("commit", "published")]


@pytest.mark.parametrize("refused", [Unavailable("Down."), Unknown("Lost."), RateLimited("Slow.", retry_after=60)])
def test_a_network_that_does_not_renew_the_token_now_has_surely_not_taken_the_post(
    workspace: Workspace, network: ScriptedNetwork, refused: PlatformError
) -> None:
    network.committed, network.refreshed = [REVOKED], [refused]

    waiting = publish(make_due(workspace, make_account(workspace, tokens=GRANT)))

    assert (waiting.status, waiting.outcome_unknown, error_of(waiting)["who_acts"]) == ("publishing", False, "network")
    assert seconds_until(waiting.due_at) > 20


@pytest.mark.parametrize(("code", "is_asked"), [("TOKEN_REVOKED", True), ("MEDIA_REJECTED", False)])
def test_a_post_that_is_given_up_since_the_access_was_revoked_has_the_token_renewed_at_once(
    workspace: Workspace, handled: ScriptedNetwork, code: str, is_asked: bool
) -> None:
    next_week = database_now() + timedelta(days=7)
    account = make_account(workspace, due_at=next_week, tokens=GRANT)
    handled.committed = [StillWorking("It is being processed.", retry_after=5)]
    handled.found = [ProcessingFailed("The access was revoked.", code=code, who_acts=WhoActs.ACCOUNT_OWNER)]

    failed = publish(publish(make_due(workspace, account)))

    assert failed.status == "failed"
    due_at = SocialAccount.objects.get(pk=account.pk).due_at
    assert due_at is not None
    assert (due_at <= database_now()) == is_asked


def test_a_token_that_loses_a_race_for_its_account_is_renewed_the_next_time(
    workspace: Workspace, opaque: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    opaque.committed = [REVOKED, REVOKED, HERE]
    target = make_due(workspace, make_account(workspace, tokens=GRANT))

    with monkeypatch.context() as patch:
        patch.setattr(tokens, "refresh_now", lambda account: answer(OperationalError(1213, "Deadlock found")))
        waiting = publish(target)

    assert (waiting.status, waiting.outcome_unknown, error_of(waiting)["retryable"]) == ("publishing", False, True)
    assert publish(target).status == "published"


def test_a_lost_answer_that_the_operator_keeps_from_being_cleared_up_stays_unknown(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    target = make_due(workspace, make_account(workspace, tokens=GRANT))
    send_into_the_dark(target, network)
    network.found, network.refreshed = [REVOKED], [WRONG_SECRET]

    waiting = publish(target)

    assert (waiting.status, waiting.outcome_unknown, error_of(waiting)["who_acts"]) == ("publishing", True, "operator")
    assert network.calls == ["recover", "refresh"]


@pytest.mark.parametrize("trouble", ["renewed elsewhere", "revoked", "unreadable"])
@pytest.mark.parametrize("kind", ["network", "keyed"])
def test_trouble_with_the_token_never_makes_an_unknown_send_a_failed_one(
    workspace: Workspace, request: pytest.FixtureRequest, kind: str, trouble: str
) -> None:
    network: ScriptedNetwork = request.getfixturevalue(kind)
    account = make_account(workspace, tokens=GRANT)
    target = make_due(workspace, account)
    send_into_the_dark(target, network)
    ended = {"access_expires_at": database_now() - timedelta(hours=1)}
    SocialAccount.objects.filter(pk=account.pk).update(**ended)
    if trouble == "renewed elsewhere":
        being_renewed(account)
    elif trouble == "revoked":
        network.refreshed = [REVOKED]
    else:
        SocialAccount.objects.filter(pk=account.pk).update(access_token="v1.gone.x.y")

    settled = publish(target)

    assert "commit" not in network.calls
    assert settled.status in ("publishing", "needs_review")
    assert settled.outcome_unknown


def test_a_token_that_ends_between_two_sends_counts_as_nothing_visible_again(
    workspace: Workspace, opaque: ScriptedNetwork
) -> None:
    opaque.prepared = [{}, LOST]
    opaque.committed = [REVOKED]

    waiting = publish(make_due(workspace, make_account(workspace, tokens=GRANT)))

    assert opaque.calls == ["prepare", "commit", "refresh", "prepare"]
    assert (waiting.status, waiting.outcome_unknown) == ("publishing", False)


def test_what_was_saved_before_the_token_was_renewed_is_not_done_again(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    network.saved, network.prepared = [{"upload": "1"}], [REVOKED, {}]

    publish(make_due(workspace, make_account(workspace, tokens=GRANT)))

    assert network.operations[1].handles == {"upload": "1"}
    assert network.calls == ["prepare", "refresh", "prepare", "commit"]
