"""Breakers of accounts and networks open and close by themselves, and each mode has its own."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from accounts import breakers
from accounts.breakers import Call, after_calls, note
from accounts.models import Guarded, Network, SocialAccount
from accounts.platforms.errors import (
    AppStopped,
    AuthExpired,
    Duplicate,
    NotConnected,
    Outdated,
    ProcessingFailed,
    RateLimited,
    Rejected,
    StillWorking,
    Unavailable,
    Unknown,
    WhoActs,
)
from accounts.platforms.shapes import Published
from tests.factories import NOW, make_account, make_workspace
from tests.foundation.threads import at_once
from workspaces.models import Workspace

OPEN_UNTIL = NOW + timedelta(seconds=30)
UNTROUBLED = {"held_until": None, "recent_calls": "", "recent_at": None}


def ago(**delta: float) -> datetime:
    return NOW - timedelta(**delta)


def opened(calls: str) -> dict[str, Any]:
    return {"held_until": OPEN_UNTIL, "recent_calls": calls, "recent_at": None}


def kept(calls: str) -> dict[str, Any]:
    return {"held_until": None, "recent_calls": calls, "recent_at": NOW}


@pytest.mark.parametrize(
    ("outcome", "mark"),
    [
        (Published(remote_id="1", url=""), "+"),
        (Rejected("no"), "+"),
        (Duplicate("twice"), "+"),
        (AuthExpired("who?"), "+"),
        (NotConnected("gone"), ""),
        (StillWorking("at work", retry_after=5), "+"),
        (ProcessingFailed("no video"), "+"),
        (Unavailable("away"), "-"),
        (Unknown("lost"), "-"),
        (RateLimited("slow"), ""),
        (Unavailable("no credentials", who_acts=WhoActs.OPERATOR), ""),
        (Unknown("a bug", who_acts=WhoActs.OPERATOR), ""),
        (Rejected("no such app", who_acts=WhoActs.OPERATOR), ""),
        (AppStopped("no money"), "!"),
        (Outdated("too old"), "!"),
    ],
)
def test_only_a_network_that_does_not_answer_counts_against_it(outcome: object, mark: str) -> None:
    assert breakers.mark(outcome) == mark


@pytest.mark.parametrize(
    ("outcome", "mark"), [(AppStopped("no reading"), ""), (Unavailable("away"), "-"), (Rejected("no"), "+")]
)
def test_an_app_that_may_not_look_for_posts_does_not_count_against_its_network(outcome: object, mark: str) -> None:
    assert breakers.mark(outcome, is_look=True) == mark


@pytest.mark.parametrize(
    ("before", "marks", "after"),
    [
        ({}, "", {}),
        ({}, "+", UNTROUBLED),
        ({}, "-", kept("-")),
        ({}, "-" * 9, kept("-" * 9)),
        ({}, "!", kept("!")),
        ({}, "-" * 10, opened("-" * 10)),
        ({}, "!" * 10, opened("!" * 10)),
        ({"recent_calls": "-" * 9, "recent_at": ago(seconds=10)}, "-", opened("-" * 10)),
        ({"recent_calls": "-!" * 3 + "+++", "recent_at": ago(seconds=10)}, "!", opened("-!" * 3 + "+++!")),
        ({"recent_calls": "-" * 6 + "+++", "recent_at": ago(seconds=10)}, "+", kept("-" * 6 + "++++")),
        ({"recent_calls": "-" * 9, "recent_at": ago(seconds=301)}, "-", kept("-")),
        ({"recent_calls": "-" * 9, "recent_at": ago(seconds=299)}, "-", opened("-" * 10)),
        ({"recent_calls": "-" + "+" * 19, "recent_at": ago(seconds=10)}, "+", UNTROUBLED),
        ({"recent_calls": "+-" * 10, "recent_at": ago(seconds=10)}, "-" * 30, opened("-" * 20)),
        ({"recent_calls": "-" * 13 + "+" * 7, "recent_at": ago(seconds=10)}, "+", kept("-" * 12 + "+" * 8)),
        ({"held_until": NOW + timedelta(seconds=1)}, "-", {}),
        ({"held_until": NOW + timedelta(seconds=1)}, "+", {}),
        ({"held_until": NOW}, "", {}),
        ({"held_until": NOW}, "-", opened("-")),
        ({"held_until": NOW}, "!", opened("!")),
        ({"held_until": NOW, "recent_calls": "!" * 10}, "-+", opened("-+")),
        ({"held_until": NOW, "recent_calls": "!" * 10}, "+", UNTROUBLED),
        ({"held_until": NOW}, "+", UNTROUBLED),
        ({"held_until": NOW}, "+-", UNTROUBLED),
    ],
)
def test_seven_failures_of_ten_open_a_breaker_and_the_first_call_after_it_decides(
    before: dict[str, Any], marks: str, after: dict[str, Any]
) -> None:
    assert after_calls(Network(id="twitter", **before), marks, now=NOW) == after


def of(account: SocialAccount, mark: str, times: int = 1) -> list[Call]:
    return [Call(account_id=account.pk, platform=account.platform, mark=mark)] * times


def health(rows: Any) -> dict[str, tuple[datetime | None, str]]:
    guarded: list[Guarded] = list(rows)
    return {row.pk: (row.held_until, row.recent_calls) for row in guarded}


def test_what_goes_well_costs_two_queries_and_leaves_no_trace(
    workspace: Workspace, django_assert_num_queries: Any
) -> None:
    accounts = [make_account(workspace, remote_id=str(number), default_of=None) for number in range(20)]

    with django_assert_num_queries(2):
        held = note([call for account in accounts for call in of(account, "+")], now=NOW)

    assert held == {}
    assert not Network.objects.exists()


def test_failures_are_kept_for_network_and_account(workspace: Workspace) -> None:
    one, other = make_account(workspace), make_account(workspace, platform="twitter", remote_id="2")

    note([*of(one, "-", 3), *of(other, "+"), *of(one, "+")], now=NOW)

    assert health(Network.objects.all()) == {"sandbox:facebook": (None, "---+")}
    assert health(SocialAccount.objects.all()) == {one.pk: (None, "---+"), other.pk: (None, "")}


def test_accounts_that_fail_are_held_and_told_and_a_network_that_fails_is_held(workspace: Workspace) -> None:
    accounts = [make_account(workspace, remote_id=str(number), default_of=None) for number in range(2)]

    held = note([*of(accounts[0], "-", 10), *of(accounts[1], "-", 9)], now=NOW)

    assert held == {accounts[0].pk: OPEN_UNTIL}
    assert health(Network.objects.all()) == {"sandbox:facebook": (OPEN_UNTIL, "-" * 19)}


def test_an_app_that_is_stopped_holds_its_network_and_no_account(workspace: Workspace) -> None:
    account = make_account(workspace)

    held = note(of(account, "!", 10), now=NOW)

    assert held == {}
    assert health(Network.objects.all()) == {"sandbox:facebook": (OPEN_UNTIL, "!" * 10)}
    assert health(SocialAccount.objects.all()) == {account.pk: (None, "")}


def test_the_simulated_network_and_the_true_one_do_not_hold_up_each_other(workspace: Workspace) -> None:
    live = make_account(make_workspace(mode="live"), remote_id="2")
    sandboxed = make_account(workspace)

    note([*of(sandboxed, "-", 10), *of(live, "-")], now=NOW)

    assert health(Network.objects.all()) == {"sandbox:facebook": (OPEN_UNTIL, "-" * 10), "facebook": (None, "-")}


@pytest.mark.parametrize(
    ("service", "network"), [("https://pds.example", {}), ("", {"sandbox:bluesky": (OPEN_UNTIL, "-" * 10)})]
)
def test_a_server_of_somebodys_own_does_not_hold_up_the_others_of_its_network(
    workspace: Workspace, service: str, network: Any
) -> None:
    account = make_account(workspace, platform="bluesky", metadata={"service": service})

    held = note(of(account, "-", 10), now=NOW)

    assert held == {account.pk: OPEN_UNTIL}
    assert health(Network.objects.all()) == network


def test_a_quota_says_nothing_of_a_network_that_is_tried_again(workspace: Workspace) -> None:
    Network.objects.create(pk="sandbox:facebook", held_until=ago(seconds=1))

    note(of(make_account(workspace), ""), now=NOW)

    assert health(Network.objects.all()) == {"sandbox:facebook": (ago(seconds=1), "")}


def test_the_first_call_that_goes_well_closes_the_breaker(workspace: Workspace) -> None:
    account = make_account(workspace, held_until=ago(seconds=1))
    Network.objects.create(pk="sandbox:facebook", held_until=ago(seconds=1))

    note(of(account, "+"), now=NOW)

    assert health(Network.objects.all()) == {"sandbox:facebook": (None, "")}
    assert health(SocialAccount.objects.all()) == {account.pk: (None, "")}


def span(network: str = "sandbox:facebook") -> tuple[datetime | None, datetime | None]:
    row = Network.objects.get(pk=network)
    return row.rested_from, row.rested_until


def test_a_network_rests_from_when_its_breaker_opens_until_it_closes(workspace: Workspace) -> None:
    """While it is open, its rest ends five minutes after a call may try, if none does."""
    account, second, window = make_account(workspace), timedelta(seconds=1), timedelta(seconds=330)
    note(of(account, "!", 9), now=NOW - second)
    assert span() == (None, None)

    note(of(account, "!"), now=NOW)
    assert span() == (NOW, NOW + window)
    note(of(account, "!"), now=NOW + 10 * second)
    assert span() == (NOW, NOW + window), "a call that was under way changes nothing"
    note(of(account, "!"), now=NOW + 31 * second)
    assert span() == (NOW, NOW + 31 * second + window)
    note(of(account, "+"), now=NOW + 70 * second)
    assert span() == (NOW, NOW + 70 * second)
    note(of(account, "!+"), now=NOW + 71 * second)
    assert span() == (NOW, NOW + 70 * second), "a closed breaker rests no longer for what fails"


@pytest.mark.parametrize(("seconds", "is_same"), [(300, True), (301, False)])
def test_a_rest_that_follows_within_five_minutes_is_the_same_one(
    workspace: Workspace, seconds: float, is_same: bool
) -> None:
    account, again = make_account(workspace), NOW + timedelta(seconds=seconds)
    note(of(account, "!", 10), now=ago(hours=1))
    note(of(account, "!"), now=ago(seconds=100))
    Network.objects.update(rested_from=ago(hours=1))
    note(of(account, "+"), now=NOW)

    note(of(account, "!", 10), now=again)

    assert span() == (ago(hours=1) if is_same else again, again + timedelta(seconds=330))


def test_a_rest_that_ended_before_the_breaker_closed_is_not_made_longer(workspace: Workspace) -> None:
    account = make_account(workspace)
    note(of(account, "!", 10), now=ago(seconds=331))

    note(of(account, "+"), now=NOW)

    assert span() == (ago(seconds=331), ago(seconds=1))


def test_a_breaker_that_was_open_before_rests_were_kept_rests_from_its_next_failure(workspace: Workspace) -> None:
    account = make_account(workspace)
    for mark, rested in (("+", (None, None)), ("!", (NOW, NOW + timedelta(seconds=330)))):
        Network.objects.update_or_create(pk="sandbox:facebook", defaults={"held_until": ago(seconds=1)})
        note(of(account, mark), now=NOW)
        assert span() == rested


def test_rests_are_those_that_go_on_or_ended_since(workspace: Workspace) -> None:
    account, live = make_account(workspace), make_account(make_workspace(mode="live"), remote_id="2")
    note([*of(account, "!", 10), *of(live, "!", 9)], now=ago(minutes=10))
    note(of(account, "+"), now=ago(minutes=9))
    rested = {"sandbox:facebook": (ago(minutes=10), ago(minutes=9))}

    assert breakers.rests(since=ago(minutes=9, seconds=1)) == rested
    assert breakers.rests(since=ago(minutes=9)) == {}


@pytest.mark.django_db(transaction=True)
def test_workers_that_note_the_same_failing_network_at_once_do_not_lock_each_other_out() -> None:
    workspace = make_workspace()
    accounts = [make_account(workspace, remote_id=str(number), default_of=None) for number in range(6)]
    Network.objects.create(pk="sandbox:facebook")

    def fail_again_and_again(account: SocialAccount) -> None:
        for _ in range(15):
            with transaction.atomic():
                note(of(account, "-") + of(account, "+"), now=NOW)

    ended = at_once(*[lambda account=account: fail_again_and_again(account) for account in accounts])

    assert ended == [None] * len(accounts)
    assert Network.objects.get().recent_calls == "-+" * 10
