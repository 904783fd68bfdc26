"""`sync_analytics` reads what is due, says account by account how it went, and exits 1 where one could not be read."""

from datetime import timedelta
from functools import partial
from unittest.mock import Mock

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts import registry
from accounts.models import Network, SocialAccount
from accounts.platforms.errors import Rejected, Unavailable, WhoActs
from accounts.platforms.limits import Allowance
from adminapi.management.commands import sync_analytics
from analytics.discovery import discover
from analytics.models import AccountSync, Snapshot, TargetNumbers
from ouipost import claims
from ouipost.events.journal import SYSTEM
from ouipost.moments import written_in_utc
from posts import pausing
from tests.analytics.fake_network import FakeNumbers, connect, make_published, numbers_of, read_due, sync_of
from tests.analytics.world import Time
from tests.commands.running import lines_of
from tests.factories import make_account, make_workspace
from workspaces.models import Workspace

run = partial(lines_of, "sync_analytics")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WRITES = ("INSERT", "UPDATE", "DELETE")


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> FakeNumbers:
    network = FakeNumbers()
    monkeypatch.setattr(registry, "get", lambda platform, *, sandbox=False: network)
    settings.SYNC_THREADS = 2
    return network


@pytest.fixture
def time(db: None, monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch, claims.database_now())


def named(account: SocialAccount) -> str:
    return f"{account.pk} ({account.platform}, {account.name})"


def publish(account: SocialAccount, *remote_ids: str, ago: timedelta) -> None:
    """Publish some time ago, and have it taken up."""
    now = claims.database_now()
    make_published(account, *remote_ids, at=now - ago)
    discover(now=now, since=ago + HOUR)


def test_a_dry_run_says_what_would_be_read_and_writes_nothing(
    workspace: Workspace, network: FakeNumbers, time: Time
) -> None:
    first, second = connect(workspace, "1"), connect(workspace, "2", name="Bakery")
    publish(first, "1a", "1b", ago=HOUR)
    publish(second, "2a", ago=timedelta())
    expired = connect(workspace, "3", status="expired")

    with CaptureQueriesContext(
        connection,
    ) as queries:
        due = run("--dry-run")
        everything = run("--dry-run", "--all")

    cannot = f"{named(expired)}: cannot be read until its owner signs in again."
    assert due == (0, [f"{named(first)}: 2 posts", cannot, "Would read 2 posts of 1 account; nothing was done."])
    assert everything == (
        0,
        [
            f"{named(first)}: 2 posts and its own numbers",
            f"{named(second)}: 1 post and its own numbers",
            cannot,
            "Would read 3 posts of 2 accounts; nothing was done.",
        ],
    )
    assert [each["sql"] for each in queries if each["sql"].startswith(WRITES)] == []
    assert network.asked == []


def test_a_dry_run_asks_as_often_for_many_accounts_as_for_one(
    workspace: Workspace, network: FakeNumbers, time: Time
) -> None:
    counted = []
    for name in ("1", "2", "3"):
        publish(connect(workspace, name), f"{name}a", ago=HOUR)
        with CaptureQueriesContext(connection) as queries:
            assert run("--dry-run", "--all")[1][-1].startswith(f"Would read {name} post")
        counted.append(len(queries))

    assert len(set(counted)) == 1


@pytest.mark.django_db(transaction=True)
def test_whoever_reads_no_further_ends_it_and_leaves_no_account_to_its_lease(
    workspace: Workspace, network: FakeNumbers, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("1", "2", "3"):
        publish(connect(workspace, name), f"{name}a", ago=HOUR)
    output = Mock(write=Mock(side_effect=BrokenPipeError))

    with pytest.raises(BrokenPipeError):
        call_command("sync_analytics", stdout=output)

    assert caplog.messages == []
    assert AccountSync.objects.filter(lease_until__isnull=False).count() == 0


@pytest.mark.django_db(transaction=True)
def test_each_account_is_printed_as_it_was_read_and_then_the_sum(
    workspace: Workspace, network: FakeNumbers, time: Time
) -> None:
    first, second = connect(workspace, "1"), connect(workspace, "2")
    publish(first, "1a", "1b", ago=HOUR)
    publish(second, "2a", "gone", ago=HOUR)
    network.posts["gone"] = None
    new = make_account(workspace, remote_id="3", default_of=None)

    status, lines = run()

    assert status == 0
    assert [line.split("]")[0] for line in lines[:-1]] == ["[1 of 3", "[2 of 3", "[3 of 3"]
    assert sorted(line.split("] ")[1] for line in lines[:-1]) == sorted(
        [
            f"{named(first)}: 2 posts read",
            f"{named(second)}: 1 post read, 1 not there any more",
            f"{named(new)}: 0 posts read, its own numbers read",
        ]
    )
    assert lines[-1] == "Read 3 posts of 3 accounts."
    assert run() == (0, ["Read 0 posts of 0 accounts."])


@pytest.mark.django_db(transaction=True)
def test_who_cannot_be_read_is_named_with_the_reason_and_the_exit_status_is_1(
    workspace: Workspace, network: FakeNumbers, time: Time
) -> None:
    good, refused, down = (connect(workspace, remote_id) for remote_id in "123")
    for account in (good, refused, down):
        publish(account, f"{account.remote_id}a", ago=HOUR)
    network.posts["2a"] = Rejected("No permission.", code="TOKEN_REVOKED", who_acts=WhoActs.ACCOUNT_OWNER)
    network.posts["3a"] = Unavailable("It is down.")
    expired = connect(workspace, "4", status="expired")

    status, lines = run()

    assert status == 1
    assert lines[0] == f"{named(expired)}: cannot be read until its owner signs in again."
    assert {line.split("] ")[1] for line in lines[1:-1]} == {
        f"{named(good)}: 1 post read",
        f"{named(refused)}: 0 posts read; TOKEN_REVOKED: No permission. (account_owner acts)",
        f"{named(down)}: 0 posts read; PLATFORM_UNAVAILABLE: It is down. (network acts)",
    }
    assert lines[-1] == "Read 1 post of 1 account; 2 could not be read."


def test_an_account_that_is_read_after_all_has_not_failed(
    workspace: Workspace, network: FakeNumbers, time: Time
) -> None:
    publish(connect(workspace, "1"), "1a", ago=HOUR)
    network.posts["1a"] = Unavailable("It is down.")
    reports = read_due()
    del network.posts["1a"]
    time.pass_by(days=1)
    reports += read_due()
    progress = sync_analytics.Progress(Mock(), accounts=1)

    for report in reports:
        progress.tell(report)

    assert (len(reports), progress.failed, progress.summary) == (2, set(), "Read 1 post of 1 account.")


@pytest.mark.django_db(transaction=True)
def test_all_reads_what_is_not_due_yet_but_nothing_that_is_over(
    workspace: Workspace, network: FakeNumbers, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = connect(workspace, "1"), connect(workspace, "2")
    publish(first, "1a", ago=timedelta())
    publish(second, "2a", ago=timedelta())
    TargetNumbers.objects.filter(account=second).update(due_at=None)
    monkeypatch.setattr(sync_analytics, "discover_all", lambda *, now: time.pass_by(seconds=1))  # it takes some time

    status, lines = run("--all")

    assert (status, len(lines), lines[-1]) == (0, 3, "Read 1 post of 2 accounts.")
    assert [line.split("]")[0] for line in lines[:-1]] == ["[1 of 2", "[2 of 2"]
    assert sorted(network.asked) == [("1", []), ("1", ["1a"]), ("2", [])]
    assert set(AccountSync.objects.values_list("account_due_at", flat=True)) == {time.now + DAY}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("options", [(), ("--all",)])
def test_who_is_passed_over_is_named_with_the_reason(
    workspace: Workspace, network: FakeNumbers, time: Time, options: tuple[str, ...]
) -> None:
    good, paused, held = (connect(workspace, remote_id) for remote_id in "123")
    of_network = connect(workspace, "4", platform="twitter")
    AccountSync.objects.update(due_at=time.now, account_due_at=time.now)
    limited = connect(workspace, "5")
    AccountSync.objects.filter(pk=limited.pk).update(
        due_at=time.now + HOUR, failures=1, error={"code": "RATE_LIMITED_BY_PLATFORM", "message": "Later."}
    )
    pausing.pause("account", paused.pk, reason="Holidays.", actor=SYSTEM, now=time.now)
    SocialAccount.objects.filter(pk=held.pk).update(held_until=time.now + 2 * HOUR)
    Network.objects.create(pk="sandbox:twitter", held_until=time.now + 3 * HOUR)

    dry, (status, lines) = run("--dry-run", *options), run(*options)

    expected = [f"{named(paused)}: passed over while it is paused."]
    waiting = [(held, 2), (of_network, 3), *([(limited, 1)] if options else [])]
    for account, hours in waiting:
        until = written_in_utc(time.now + hours * HOUR)
        expected.append(f"{named(account)}: passed over until {until}, as its network fails or limits it.")
    assert (status, lines[:-2], lines[-1]) == (0, expected, "Read 0 posts of 1 account.")
    assert dry[1][1:-1] == expected
    assert dry[1][0] == f"{named(good)}: 0 posts and its own numbers"


@pytest.mark.django_db(transaction=True)
def test_all_leaves_alone_what_a_worker_is_reading(workspace: Workspace, network: FakeNumbers, time: Time) -> None:
    account = connect(workspace, "1")
    AccountSync.objects.update(lease_until=time.now + HOUR)
    before = AccountSync.objects.values().get(account=account)

    assert run("--all") == (0, ["Read 0 posts of 0 accounts."])

    assert AccountSync.objects.values().get(account=account) == before


@pytest.mark.django_db(transaction=True)
def test_what_a_networks_budget_does_not_allow_is_said(
    workspace: Workspace, network: FakeNumbers, time: Time, settings: Settings
) -> None:
    settings.NETWORK_READ_BUDGET = settings.NETWORK_READ_BUDGET | {"facebook": Allowance(most=4, seconds=3600)}
    network.cost = 1
    network.metrics_batch = 1  # type: ignore[misc]
    account = connect(workspace, "1")
    publish(account, "1a", "1b", "1c", ago=HOUR)

    status, lines = run()

    told = "2 posts read, the rest when the budget for its network allows it"
    assert (status, lines) == (0, [f"[1 of 1] {named(account)}: {told}", "Read 2 posts of 1 account."])
    assert sync_of(account).due_at == time.now + HOUR / 2


@pytest.mark.django_db(transaction=True)
def test_a_budget_used_before_the_clock_was_set_back_holds_up_no_reading(
    workspace: Workspace, network: FakeNumbers, time: Time, settings: Settings
) -> None:
    settings.NETWORK_READ_BUDGET = settings.NETWORK_READ_BUDGET | {"facebook": Allowance(most=4, seconds=3600)}
    network.cost = 1
    account = connect(workspace, "1")
    publish(account, "1a", ago=HOUR)
    AccountSync.objects.update(paced_at=time.now + 6 * HOUR)

    status, lines = run()

    assert (status, lines[-1]) == (0, "Read 1 post of 1 account.")
    assert sync_of(account).paced_at == time.now + HOUR / 2


@pytest.mark.django_db(transaction=True)
def test_one_workspace_is_read_alone(workspace: Workspace, network: FakeNumbers, time: Time) -> None:
    other = make_workspace()
    mine, theirs = connect(workspace, "1"), connect(other, "2")
    publish(mine, "1a", ago=HOUR)
    publish(theirs, "2a", ago=HOUR)
    connect(workspace, "3", status="expired")

    dry, (status, lines) = run("--dry-run", "--all", "--workspace", other.pk), run("--all", "--workspace", other.pk)

    assert dry == (
        0,
        [f"{named(theirs)}: 1 post and its own numbers", "Would read 1 post of 1 account; nothing was done."],
    )
    assert (status, lines) == (
        0,
        [f"[1 of 1] {named(theirs)}: 1 post read, its own numbers read", "Read 1 post of 1 account."],
    )
    assert sorted(network.asked) == [("2", []), ("2", ["2a"])]


@pytest.mark.django_db(transaction=True)
def test_what_an_outage_left_out_is_taken_up_and_read(workspace: Workspace, network: FakeNumbers, time: Time) -> None:
    account = connect(workspace, "1")
    [target] = make_published(account, "1a", at=time.now - 30 * DAY)

    assert run()[1][-1] == "Read 1 post of 1 account."

    assert numbers_of(target).read_at == time.now


@pytest.mark.django_db(transaction=True)
def test_a_run_takes_nothing_more_when_its_time_is_over(
    workspace: Workspace, network: FakeNumbers, time: Time, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SYNC_THREADS = 1
    publish(connect(workspace, "1"), "1a", ago=HOUR)
    publish(connect(workspace, "2"), "2a", ago=HOUR)

    def be_slow() -> None:
        monkeypatch.setattr("ouipost.engine.time.monotonic", lambda: float("inf"))

    network.meanwhile = be_slow

    status, lines = run("--seconds", "1")

    left = "1 account left to a running worker, or to the next run."
    assert (status, lines[-2:]) == (0, ["Read 1 post of 1 account.", left])
    assert Snapshot.objects.count() == 1
