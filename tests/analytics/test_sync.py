"""When what is read, and by whom: once each, at growing intervals, and never where it is of no use."""

import threading
import time as real_time
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts import connecting, hooks, registry, tokens
from accounts.models import Network, SocialAccount
from accounts.platforms.errors import AuthExpired, PlatformError, RateLimited, Rejected, Unavailable, WhoActs
from accounts.platforms.limits import Allowance
from accounts.platforms.shapes import Account, AccountNumbers, Candidate, Demographics, Profile, Published, Tokens
from accounts.services import disconnect
from analytics import discovery, reading, sync
from analytics.discovery import discover, discover_all
from analytics.models import AccountDay, AccountSync, DayTotal, HourTotal, Snapshot, TargetNumbers
from analytics.reading import read
from analytics.settling import SyncResult, settle_all
from analytics.sync import LOOK_AHEAD, ClaimedAccount, Syncer, claim_accounts, read_before_posts, read_soon
from ouipost import claims
from ouipost.engine import Engine
from ouipost.events.journal import SYSTEM
from ouipost.events.models import Event
from ouipost.writer import Inline
from posts.models import Post, Target
from tests.analytics.fake_network import (
    FakeNumbers,
    connect,
    make_published,
    numbers_of,
    post_of,
    read_due,
    seen,
    sync_of,
)
from tests.analytics.sums import what_is_wrong
from tests.analytics.world import Time
from tests.factories import NOW, make_account, make_post, make_workspace
from tests.foundation.threads import at_once
from tests.posts.fakes import never
from workspaces.models import Workspace

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RUN_SECONDS = 60
REFUSED = Rejected("It may not be read.", code="TOKEN_REVOKED")
DOWN = Unavailable("It is down.")


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> FakeNumbers:
    network = FakeNumbers()
    monkeypatch.setattr(registry, "get", lambda platform, *, sandbox=False: network)
    monkeypatch.setattr(tokens, "close_old_connections", lambda: None)
    return network


@pytest.fixture
def time(db: None, monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch, claims.database_now())


@pytest.fixture
def account(workspace: Workspace, time: Time) -> SocialAccount:
    """An account that was just read."""
    return connect(workspace)


def publish(account: SocialAccount, *remote_ids: str) -> list[Target]:
    """Publish now, and let it be taken up."""
    now = claims.database_now()
    targets = make_published(account, *remote_ids, at=now)
    discover(now=now)
    return targets


def told(kind: str) -> int:
    return Event.objects.filter(type=kind).count()


def status_of(account: SocialAccount) -> str:
    return SocialAccount.objects.get(pk=account.pk).status


def test_a_post_is_read_for_the_first_time_a_quarter_of_an_hour_after_it_was_published(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    [target] = publish(account, "1")
    assert sync_of(account).due_at == time.now + 15 * MINUTE

    time.pass_by(minutes=14, seconds=59)
    assert read_due() == []
    time.pass_by(seconds=1)
    [result] = read_due()

    assert (network.asked, result.error) == ([("1001", ["1"])], None)
    assert (numbers_of(target).impressions, post_of(target).impressions) == (10, 10)


@pytest.mark.parametrize(
    ("age", "again_after"),
    [
        (15 * MINUTE, 15 * MINUTE),
        (DAY - MINUTE, 15 * MINUTE),
        (DAY, HOUR),
        (7 * DAY - MINUTE, HOUR),
        (7 * DAY, DAY),
        (90 * DAY - MINUTE, DAY),
        (90 * DAY, None),
        (200 * DAY, None),
    ],
)
def test_the_older_a_post_is_the_less_often_it_is_read_and_after_ninety_days_never(
    account: SocialAccount, network: FakeNumbers, time: Time, age: timedelta, again_after: timedelta | None
) -> None:
    [target] = publish(account, "1")
    TargetNumbers.objects.update(published_at=time.now - age, due_at=time.now)
    AccountSync.objects.update(due_at=time.now, account_due_at=time.now + 2 * DAY)

    read_due()

    assert numbers_of(target).read_at == time.now
    assert numbers_of(target).due_at == (again_after and time.now + again_after)
    assert sync_of(account).due_at == time.now + (again_after or 2 * DAY)


def test_the_numbers_of_an_account_are_read_at_once_and_then_daily(
    workspace: Workspace, network: FakeNumbers, time: Time
) -> None:
    account = make_account(workspace)
    discover(now=time.now)

    read_due()

    assert network.asked == [("1001", [])]
    assert (sync_of(account).due_at, AccountDay.objects.get().followers) == (time.now + DAY, 7)
    assert SocialAccount.objects.values_list("followers", "last_sync").get() == (7, time.now)


def test_followers_that_cannot_be_are_taken_for_unknown(workspace: Workspace, network: FakeNumbers, time: Time) -> None:
    make_account(workspace)
    discover(now=time.now)
    network.account = AccountNumbers(followers=-1, following=3)

    read_due()

    assert AccountDay.objects.values_list("followers", "following").get() == (None, 3)
    assert SocialAccount.objects.values_list("following", "last_sync").get() == (3, time.now)


@pytest.mark.parametrize("later", [Rejected("Not now."), Profile(name="")])
@pytest.mark.parametrize("is_ours", [False, True])
def test_how_an_account_shows_itself_and_what_it_may_choose_is_read_daily(
    workspace: Workspace, network: FakeNumbers, time: Time, is_ours: bool, later: Any
) -> None:
    account = make_account(workspace, name="Page", name_is_ours=is_ours, metadata={"page_id": "1", "boards": []})
    discover(now=time.now)
    network.shown = Profile(name="Bakery", username="rye", profile_image="https://b", metadata={"boards": [1]})

    read_due()
    network.shown = later
    time.pass_by(days=1)
    read_due()

    shown = SocialAccount.objects.values_list("name", "username", "profile_image", "followers").get()
    assert shown == ("Page" if is_ours else "Bakery", "rye", "https://b", 7)
    assert SocialAccount.objects.get().metadata == {"page_id": "1", "boards": [1]}
    assert sync_of(account).failures == 0


def test_what_is_due_within_a_minute_is_read_along(account: SocialAccount, network: FakeNumbers, time: Time) -> None:
    publish(account, "1")
    time.pass_by(seconds=60)
    publish(account, "2")
    time.pass_by(seconds=1)
    publish(account, "3")
    time.pass_by(minutes=13, seconds=59)

    read_due()

    assert network.asked == [("1001", ["1", "2"])]


def test_an_account_that_fails_waits_a_minute_and_twice_as_long_each_time_up_to_six_hours(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    [target] = publish(account, "1")
    network.posts["1"] = DOWN
    waited, statuses = [], []
    time.pass_by(minutes=15)

    for failure in range(1, 12):
        read_due()
        row = sync_of(account)
        assert row.due_at is not None
        assert (row.failures, numbers_of(target).read_at) == (failure, None)
        assert row.error == {"code": "PLATFORM_UNAVAILABLE", "message": "It is down.", "who_acts": "network"}
        waited.append((row.due_at - time.now) / MINUTE)
        statuses.append(status_of(account))
        time.now = row.due_at

    assert waited == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]
    assert statuses == ["active"] * 4 + ["error"] * 7
    assert told("account.error") == 1
    network.posts.clear()
    read_due()
    assert (sync_of(account).failures, sync_of(account).error, status_of(account)) == (0, None, "active")
    assert numbers_of(target).read_at == time.now


def test_an_account_waits_as_long_as_its_network_says_and_not_a_moment_longer(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    publish(account, "1")
    network.posts["1"] = RateLimited("Slowly.", retry_after=1234)
    time.pass_by(minutes=15)

    read_due()

    assert sync_of(account).due_at == time.now + timedelta(seconds=1234)
    assert (status_of(account), told("account.error")) == ("active", 0)


def test_a_post_that_always_fails_does_not_keep_the_others_waiting(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    network.metrics_batch = 1  # type: ignore[misc]
    bad, *good = publish(account, "1", "2", "3")
    network.posts["1"] = DOWN
    time.pass_by(minutes=15, seconds=1)

    read_due()
    time.pass_by(minutes=1)
    read_due()

    assert [remote_ids for _, remote_ids in network.asked] == [["1"], ["2"], ["3"], ["1"]]
    assert (numbers_of(bad).read_at, {numbers_of(each).read_at for each in good}) == (None, {time.now})


def test_an_account_whose_own_numbers_are_refused_has_its_posts_read(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    [target] = publish(account, "1")
    AccountSync.objects.update(account_due_at=time.now)
    network.account = REFUSED
    time.pass_by(minutes=15)

    [result] = read_due()

    assert (result.error, numbers_of(target).read_at) == (REFUSED, time.now)
    row = sync_of(account)
    assert (row.failures, row.due_at, row.account_due_at) == (0, time.now + 15 * MINUTE, time.now + HOUR)
    assert (status_of(account), told("account.error")) == ("active", 0)


def sign_in_again(account: SocialAccount, now: Any) -> None:
    tokens = Tokens(access_token="again")
    again = Candidate(remote_id=account.remote_id, type="page", profile=Profile(name="Paper"), tokens=tokens)
    with TestCase.captureOnCommitCallbacks(execute=True):
        connecting.connect(account.workspace, platform=account.platform, candidate=again, actor=SYSTEM, now=now)


@pytest.mark.parametrize("is_gone", [False, True], ids=["connected", "disconnected"])
def test_an_account_that_was_signed_in_to_again_is_read_at_once_and_its_failures_are_forgotten(
    account: SocialAccount, network: FakeNumbers, time: Time, is_gone: bool
) -> None:
    [target] = publish(account, "1")
    network.posts["1"] = DOWN
    for _ in range(8):
        time.now = max(sync_of(account).due_at or time.now, time.now)
        read_due()
    if is_gone:
        disconnect(account, actor=SYSTEM, now=time.now)
    network.posts.clear()

    sign_in_again(account, time.now)

    row = sync_of(account)
    assert (row.failures, row.error, row.due_at) == (0, None, time.now)
    read_due()
    assert numbers_of(target).read_at == time.now


def test_a_new_sign_in_does_not_end_the_wait_that_a_network_asked_for(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    publish(account, "1")
    network.posts["1"] = RateLimited("Not before tomorrow.", retry_after=86_400)
    time.pass_by(minutes=15)
    read_due()

    sign_in_again(account, time.now)

    assert (sync_of(account).failures, sync_of(account).due_at) == (1, time.now + DAY)


@pytest.fixture
def scarce(network: FakeNumbers, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> FakeNumbers:
    """A network that allows an account two requests at once, and then two per hour; each post costs one."""
    settings.NETWORK_READ_BUDGET = settings.NETWORK_READ_BUDGET | {"facebook": Allowance(most=4, seconds=3600)}
    monkeypatch.setattr(network, "metrics_batch", 1)
    network.cost = 1
    return network


def test_an_account_with_a_budget_is_read_daily_however_much_it_posts(
    account: SocialAccount, scarce: FakeNumbers, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeNumbers, "metrics_requests", lambda self, remote_id, posts: posts or 2)
    read_at = []
    for number in range(6 * 24):
        publish(account, f"{number}a", f"{number}b")
        time.pass_by(minutes=30)
        asked = len(scarce.asked)
        read_due()
        read_at += [time.now for _, posts in scarce.asked[asked:] if not posts]

    assert len(read_at) == 2
    assert read_at[1] - read_at[0] <= DAY + 2 * HOUR
    assert any(posts for _, posts in scarce.asked[-3:])


@pytest.mark.parametrize("failures", [0, 8], ids=["first failure", "after an outage"])
@pytest.mark.parametrize(
    "error", [DOWN, RateLimited("Later.", retry_after=7200), REFUSED], ids=lambda error: error.code
)
@pytest.mark.parametrize("cost", [0, 5], ids=["free", "all of the budget"])
def test_an_account_whose_own_numbers_fail_for_ever_keeps_no_post_waiting_for_ever(
    account: SocialAccount,
    scarce: FakeNumbers,
    time: Time,
    monkeypatch: pytest.MonkeyPatch,
    failures: int,
    error: PlatformError,
    cost: int,
) -> None:
    def fail(session: Any, asked: Any, *, now: Any) -> None:
        scarce.asked.append((asked.remote_id, []))
        session.requests += cost
        raise error

    monkeypatch.setattr(scarce, "account_metrics", fail)
    monkeypatch.setattr(scarce, "metrics_requests", lambda _, posts: posts or cost)
    targets = publish(account, "1", "2")
    AccountSync.objects.update(account_due_at=time.now, failures=failures)
    time.pass_by(minutes=15)

    for _ in range(40):
        read_due()
        time.now = max(sync_of(account).due_at or time.now, time.now)

    assert all(numbers_of(each).read_at for each in targets)
    assert [posts for _, posts in scarce.asked].count([]) > 2


def test_a_new_post_is_read_before_the_many_old_ones_that_a_budget_keeps_waiting(
    account: SocialAccount, scarce: FakeNumbers, time: Time
) -> None:
    publish(account, *(f"old {number}" for number in range(8)))
    TargetNumbers.objects.update(published_at=time.now - 3 * DAY, due_at=time.now - 2 * HOUR)
    publish(account, "new")
    read_soon(AccountSync.objects.all(), now=time.now)
    AccountSync.objects.update(account_due_at=time.now + DAY)

    read_due()

    assert [posts for _, posts in scarce.asked] == [["new"], ["old 0"]]


def test_a_post_that_is_refused_is_put_off_and_the_account_goes_on_as_if_nothing_was(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    network.metrics_batch = 1  # type: ignore[misc]
    bad, good = publish(account, "1", "2")
    network.posts["1"] = REFUSED

    for _ in range(6):
        time.pass_by(minutes=15)
        [result] = read_due()
        assert result.error is REFUSED
        assert (numbers_of(good).read_at, sync_of(account).due_at) == (time.now, time.now + 15 * MINUTE)

    assert (numbers_of(bad).read_at, numbers_of(bad).due_at) == (None, time.now + 15 * MINUTE)
    row = sync_of(account)
    assert (row.failures, row.error) == (
        0,
        {"code": "TOKEN_REVOKED", "message": "It may not be read.", "who_acts": "caller"},
    )
    assert (status_of(account), told("account.error")) == ("active", 0)


@pytest.mark.parametrize(
    ("refusal", "status"), [(REFUSED, "error"), (Rejected("No such app.", who_acts=WhoActs.OPERATOR), "active")]
)
def test_after_three_refusals_in_a_row_the_account_is_left_alone(
    account: SocialAccount, network: FakeNumbers, time: Time, refusal: Rejected, status: str
) -> None:
    network.metrics_batch = 1  # type: ignore[misc]
    publish(account, *"12345")
    network.posts = dict.fromkeys("12345", refusal)
    time.pass_by(minutes=15)

    read_due()

    assert len(network.asked) == 3
    assert (sync_of(account).due_at, status_of(account)) == (time.now + MINUTE, status)


@pytest.mark.parametrize(("status", "found"), [("active", REFUSED), ("error", None)], ids=["fails", "goes well"])
def test_how_it_goes_with_an_account_that_is_disconnected_while_it_is_read_is_nobodys_business(
    account: SocialAccount, network: FakeNumbers, time: Time, status: str, found: Any
) -> None:
    SocialAccount.objects.update(status=status)
    publish(account, "1")
    network.posts, network.meanwhile = {"1": found}, lambda: disconnect(account, actor=SYSTEM, now=time.now)
    time.pass_by(minutes=15)

    read_due()

    assert (status_of(account), told("account.disconnected")) == (status, 1)
    assert told("account.error") + told("account.recovered") == 0


def test_an_account_that_has_expired_while_its_reading_was_refused_stays_expired(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    publish(account, "1")
    network.posts, network.meanwhile = {"1": REFUSED}, lambda: SocialAccount.objects.update(status="expired")
    time.pass_by(minutes=15)

    read_due()

    assert (status_of(account), told("account.error")) == ("expired", 0)


def test_what_was_refused_to_a_sign_in_says_nothing_of_the_one_that_took_its_place_meanwhile(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    publish(account, "1")
    again = Candidate(
        remote_id=account.remote_id, type="page", profile=Profile(name="Page"), tokens=Tokens(access_token="new")
    )
    network.posts = {"1": REFUSED}
    network.meanwhile = lambda: connecting.connect(
        account.workspace, platform="facebook", candidate=again, actor=SYSTEM, now=time.now
    )
    time.pass_by(minutes=15)

    read_due()

    row = SocialAccount.objects.get()
    assert (row.status, row.last_error, told("account.connected"), told("account.error")) == ("active", None, 1, 0)
    assert sync_of(account).failures == 1


@pytest.mark.parametrize(
    ("values", "is_cleared"),
    [({}, True), ({"lease_until": NOW}, False), ({"status": "expired"}, False)],
    ids=["passing", "of its tokens", "expired"],
)
def test_a_reading_that_goes_well_clears_the_error_that_a_refresh_left(
    account: SocialAccount, network: FakeNumbers, time: Time, values: dict[str, Any], is_cleared: bool
) -> None:
    passing = {"code": "PLATFORM_UNAVAILABLE", "message": "It is down."}
    SocialAccount.objects.update(last_error=passing, **values)
    publish(account, "1")
    time.pass_by(minutes=15)

    read_due()

    row = SocialAccount.objects.get()
    assert (row.status, row.last_error) == (values.get("status", "active"), None if is_cleared else passing)
    assert told("account.recovered") == 0


def test_a_claim_that_asks_nothing_says_nothing_of_the_accounts_health(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    revoked = {"code": "TOKEN_REVOKED", "message": "The token was revoked."}
    SocialAccount.objects.update(status="error", last_error=revoked, last_sync=None)
    AccountSync.objects.update(failures=3, error=revoked, due_at=time.now)

    [result] = read_due()

    assert (network.asked, result.error) == ([], None)
    row = SocialAccount.objects.get()
    assert (row.status, row.last_error, row.last_sync) == ("error", revoked, None)
    assert (sync_of(account).failures, sync_of(account).error) == (3, revoked)


def test_an_error_of_ours_is_an_explained_failure(account: SocialAccount, network: FakeNumbers, time: Time) -> None:
    publish(account, "1")
    network.posts["1"] = ZeroDivisionError()
    time.pass_by(minutes=15)

    read_due()

    assert sync_of(account).error == {
        "code": "PLATFORM_UNAVAILABLE",
        "message": "An internal error stopped it; the operator's log has it.",
        "who_acts": "operator",
    }
    assert (sync_of(account).due_at, read_due(), len(network.asked)) == (time.now + MINUTE, [], 1)


def test_an_account_whose_tokens_cannot_be_opened_is_an_explained_failure(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    publish(account, "1")
    SocialAccount.objects.update(access_token="not ours")
    time.pass_by(minutes=15)

    [result] = read_due()

    assert (result.failed, network.asked) == (True, [])
    assert sync_of(account).error == {
        "code": "PLATFORM_UNAVAILABLE",
        "message": "The stored tokens cannot be opened; the operator's log has the cause.",
        "who_acts": "operator",
    }


@pytest.mark.parametrize(
    "held",
    [
        {"held_until": HOUR},
        {"status": "expired"},
        {"disconnected_at": -HOUR},
    ],
)
def test_an_account_on_hold_is_not_read_and_when_it_can_be_again_it_is(
    account: SocialAccount, network: FakeNumbers, time: Time, held: dict[str, Any]
) -> None:
    publish(account, "1")
    time.pass_by(minutes=15)
    values = {name: time.now + value if isinstance(value, timedelta) else value for name, value in held.items()}
    SocialAccount.objects.update(**values)

    assert read_due() == []

    SocialAccount.objects.update(held_until=time.now, status="active", disconnected_at=None)
    assert len(read_due()) == 1


@pytest.mark.parametrize(("resting", "is_read"), [("sandbox:facebook", False), ("facebook", True), ("sandbox:x", True)])
def test_a_network_whose_breaker_is_open_is_not_asked_and_no_other_suffers_for_it(
    account: SocialAccount, network: FakeNumbers, time: Time, resting: str, is_read: bool
) -> None:
    publish(account, "1")
    time.pass_by(minutes=15)
    Network.objects.create(pk=resting, held_until=time.now + HOUR)

    assert bool(read_due()) == is_read

    Network.objects.update(held_until=time.now)
    read_due()
    assert len(network.asked) == 1


def test_a_workspace_that_was_deleted_is_neither_read_nor_taken_up(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    publish(account, "1")
    make_published(account, "2", at=time.now)
    make_account(account.workspace, remote_id="2", default_of=None)
    Workspace.objects.update(deleted_at=time.now)
    time.pass_by(minutes=15)

    assert (discover_all(now=time.now), read_due(), network.asked) == (0, [], [])

    assert (TargetNumbers.objects.count(), AccountSync.objects.count()) == (1, 1)


def test_a_workspace_that_is_deleted_while_it_is_read_keeps_its_numbers_as_they_were(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    [target] = publish(account, "1")
    network.meanwhile = lambda: Workspace.objects.update(deleted_at=time.now)
    time.pass_by(minutes=15)

    read_due()

    assert (numbers_of(target).read_at, Snapshot.objects.count()) == (None, 0)


def test_who_lost_the_claim_writes_nothing(account: SocialAccount, network: FakeNumbers, time: Time) -> None:
    publish(account, "1")
    time.pass_by(minutes=15)
    [job] = claim_accounts(1, share=1, busy=Counter(), workspace_id="")
    time.pass_by(minutes=3)
    network.meanwhile = lambda: claim_accounts(1, share=1, busy=Counter(), workspace_id="")

    def rows() -> list[Any]:
        models = (TargetNumbers, Target, Post, SocialAccount, DayTotal, HourTotal, Snapshot, AccountDay)
        return [list(model._default_manager.order_by("pk").values()) for model in models]

    before = rows()

    assert read(job.claim, writer=Inline(), is_ending=never) is None

    assert len(network.asked) == 1
    assert rows() == before
    row = sync_of(account)
    assert (row.fence, row.lease_until, row.failures) == (2, time.now + 2 * MINUTE, 0)


def test_no_call_may_take_longer_than_until_half_a_minute_before_the_lease_is_over(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    publish(account, "1")
    time.pass_by(minutes=15)
    [job] = claim_accounts(1, share=1, busy=Counter(), workspace_id="")

    read(job.claim, writer=Inline(), is_ending=never)

    assert network.deadlines == [job.claim.deadline - 30]


def test_a_reading_that_its_process_never_settled_is_made_again_when_the_lease_is_over(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    [target] = publish(account, "1")
    time.pass_by(minutes=15)
    claim_accounts(1, share=1, busy=Counter(), workspace_id="")

    time.pass_by(seconds=119)
    assert read_due() == []
    time.pass_by(seconds=1)
    read_due()

    assert numbers_of(target).read_at == time.now
    assert (sync_of(account).claim_count, what_is_wrong()) == (0, [])


def test_no_network_gets_more_than_its_share_of_the_threads(workspace: Workspace, time: Time) -> None:
    live = make_workspace(mode="live")
    for number in range(5):
        connect(workspace, f"1{number}")
        connect(workspace, f"2{number}", platform="twitter")
        connect(live, f"3{number}")
    AccountSync.objects.update(due_at=time.now)

    jobs = claim_accounts(10, share=4, busy=Counter({"sandbox:facebook": 3, "sandbox:twitter": 2}), workspace_id="")

    assert Counter(job.network for job in jobs) == {"sandbox:facebook": 1, "sandbox:twitter": 2, "facebook": 4}


def test_a_network_with_much_that_is_due_for_longest_hides_no_other(workspace: Workspace, time: Time) -> None:
    for number in range(2 * LOOK_AHEAD):
        connect(workspace, f"1{number}")
    other = connect(workspace, "2", platform="twitter")
    AccountSync.objects.update(due_at=time.now - HOUR)
    AccountSync.objects.filter(pk=other.pk).update(due_at=time.now)

    jobs = claim_accounts(2, share=1, busy=Counter(), workspace_id="")

    assert {job.network for job in jobs} == {"sandbox:facebook", "sandbox:twitter"}


def on_server(workspace: Workspace, host: str, count: int) -> list[SocialAccount]:
    """Connect accounts on somebody's own Bluesky server."""
    metadata = {"service": f"https://{host}"}
    return [connect(workspace, f"{host} {each}", platform="bluesky", metadata=metadata) for each in range(count)]


def test_no_server_of_somebodys_own_gets_more_than_a_quarter_of_its_networks_share(
    workspace: Workspace, time: Time
) -> None:
    many, few = on_server(workspace, "many.example", 60), on_server(workspace, "few.example", 1)
    usual = on_server(workspace, "bsky.social", 5)
    AccountSync.objects.filter(account__in=many).update(due_at=time.now - HOUR)
    AccountSync.objects.exclude(account__in=many).update(due_at=time.now)

    jobs = claim_accounts(10, share=8, busy=Counter(), workspace_id="")
    others = claim_accounts(10, share=8, busy=Counter(key for job in jobs for key in job.keys), workspace_id="")

    assert {job.claim.pk for job in jobs[:2]} < {each.pk for each in many}
    assert {job.claim.pk for job in jobs[2:]} == {each.pk for each in [*few, *usual]}
    assert [job.claim.pk for job in others] == []


class HangingServer(FakeNumbers):
    """Answers for accounts on `hangs.example` only once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[str] = []
        self.may_answer, self.others_read = threading.Event(), threading.Event()

    def account_metrics(self, session: Any, account: Account, *, now: datetime) -> AccountNumbers:
        if account.remote_id.startswith("hangs"):
            self.held.append(account.remote_id)
            self.may_answer.wait(RUN_SECONDS)
        elif sum(name.startswith("works") for name, _ in self.asked) == 2:
            self.others_read.set()
        return super().account_metrics(session, account, now=now)


@pytest.mark.django_db(transaction=True)
def test_a_server_that_hangs_holds_up_no_other(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    network = HangingServer()
    monkeypatch.setattr(registry, "get", lambda platform, *, sandbox=False: network)
    hanging, _ = on_server(workspace, "hangs.example", 12), on_server(workspace, "works.example", 3)
    now = claims.database_now()
    AccountSync.objects.update(due_at=now, account_due_at=now)
    AccountSync.objects.filter(account__in=hanging).update(due_at=now - HOUR)

    def look() -> tuple[bool, int]:
        seen = network.others_read.wait(10), len(network.held)
        network.may_answer.set()
        return seen

    outcomes = at_once(lambda: Syncer(8).run_until_idle(seconds=RUN_SECONDS), look)

    assert outcomes == [None, (True, 1)]
    assert AccountSync.objects.filter(failures=0).exclude(read_at=None).count() == 15


def test_half_of_a_processs_threads_are_one_networks_share(
    workspace: Workspace, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = []

    def remember(free: int, *, share: int, **options: Any) -> list[ClaimedAccount]:
        shares.append(share)
        return []

    monkeypatch.setattr(sync, "claim_accounts", remember)

    for threads in (8, 3, 1):
        Syncer(threads).claim(threads, [])

    assert shares == [4, 1, 1]


def test_the_longest_due_account_is_read_first_and_one_workspace_can_be_read_alone(
    workspace: Workspace, time: Time
) -> None:
    late, later = connect(workspace, "1"), connect(workspace, "2")
    others = connect(make_workspace(), "3")
    for minutes, each in enumerate((later, late, others)):
        AccountSync.objects.filter(pk=each.pk).update(due_at=time.now - minutes * MINUTE)

    [first] = claim_accounts(1, share=1, busy=Counter(), workspace_id="")
    mine = claim_accounts(5, share=5, busy=Counter(), workspace_id=workspace.pk)

    assert (first.claim.pk, {job.claim.pk for job in mine}) == (others.pk, {late.pk, later.pk})


def test_a_token_that_ends_is_renewed_before_anything_is_asked(
    workspace: Workspace, network: FakeNumbers, time: Time
) -> None:
    ending = Tokens(access_token="old", refresh_token="refresh", access_expires_at=time.now + 15 * MINUTE)
    account = connect(workspace, tokens=ending)
    publish(account, "1")
    time.pass_by(minutes=15)

    read_due()

    account.refresh_from_db()
    assert (account.unseal().access_token, len(network.asked)) == ("renewed", 1)


def test_an_account_whose_renewal_is_refused_is_expired_once_and_read_no_more(
    workspace: Workspace, network: FakeNumbers, time: Time
) -> None:
    account = connect(workspace, tokens=Tokens(access_token="old", refresh_token="refresh"))
    publish(account, "1")
    network.posts["1"] = network.refreshed = AuthExpired("It was taken back.")
    time.pass_by(minutes=15)

    for _ in range(3):
        read_due()
        time.pass_by(hours=1)

    assert (status_of(account), told("account.expired"), told("account.error")) == ("expired", 1, 0)
    assert len(network.asked) == 1


def test_an_account_that_somebody_else_renews_waits_a_moment(
    workspace: Workspace, network: FakeNumbers, time: Time
) -> None:
    account = connect(workspace, tokens=Tokens(access_token="old", refresh_token="refresh"))
    [target] = publish(account, "1")
    network.posts["1"] = AuthExpired("It has ended.")
    time.pass_by(minutes=15)
    SocialAccount.objects.update(lease_until=time.now + MINUTE)

    read_due()

    assert (status_of(account), sync_of(account).due_at) == ("active", time.now + timedelta(seconds=5))
    SocialAccount.objects.update(lease_until=None)
    network.posts.clear()
    time.pass_by(seconds=5)
    read_due()
    assert numbers_of(target).read_at == time.now


def test_a_number_that_falls_is_a_correction_and_one_that_is_left_out_stays(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    [target] = publish(account, "1")
    for said in (seen(100, clicks=5), seen(70), seen(90, engagement=None, clicks=6)):
        time.pass_by(minutes=15)
        network.posts["1"] = said
        read_due()

    numbers = numbers_of(target)
    assert (numbers.impressions, numbers.engagement, numbers.clicks) == (90, 7, 6)
    gains = Snapshot.objects.order_by("read_at").values_list("impressions", "engagement", "clicks")
    assert list(gains) == [(100, 10, 5), (-30, -3, None), (20, None, 1)]
    assert what_is_wrong() == []


def test_what_was_published_lately_is_taken_up_and_what_an_outage_left_out_with_the_look_back(
    account: SocialAccount, time: Time
) -> None:
    make_published(account, "new", at=time.now - 2 * MINUTE + timedelta(seconds=1))
    make_published(account, "late", at=time.now - 2 * MINUTE)
    make_published(account, "oldest", at=time.now - 90 * DAY + MINUTE)
    make_published(account, "too old", at=time.now - 90 * DAY)
    make_published(account, "not out", at=time.now, status="failed")

    def known() -> set[str]:
        return set(TargetNumbers.objects.values_list("target__remote_id", flat=True))

    assert (discover(now=time.now), known()) == (1, {"new"})
    assert (discover_all(now=time.now), known()) == (2, {"new", "late", "oldest"})
    assert (discover(now=time.now), discover_all(now=time.now), what_is_wrong()) == (0, 0, [])


def test_an_account_is_due_with_the_first_of_its_new_posts_and_no_other_account_is(
    account: SocialAccount, time: Time
) -> None:
    other, soon = (make_account(account.workspace, remote_id=name, default_of=None) for name in ("2", "3"))
    discover(now=time.now)
    AccountSync.objects.exclude(account=soon).update(due_at=time.now + DAY)
    for number, ago in enumerate((0, 60, 30)):
        make_published(account, str(number), at=time.now - timedelta(seconds=ago))
    make_published(soon, "3", at=time.now)

    discover(now=time.now)

    due = [sync_of(each).due_at for each in (account, other, soon)]
    assert due == [time.now + 14 * MINUTE, time.now + DAY, time.now]


@pytest.mark.parametrize(("length", "kept"), [(255, "2" * 255), (256, "1")])
def test_a_post_that_got_another_id_has_that_unless_it_is_longer_than_can_be_kept(
    account: SocialAccount, network: FakeNumbers, time: Time, length: int, kept: str
) -> None:
    [target] = publish(account, "1")
    network.posts["1"] = seen(10, published=Published(remote_id="2" * length, url="https://network.example/2"))
    time.pass_by(minutes=15)

    read_due()

    assert (Target.objects.get(pk=target.pk).remote_id, numbers_of(target).impressions) == (kept, 10)


def test_a_post_that_was_published_without_an_address_gets_it_with_its_numbers(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    late, known = publish(account, "1", "2")
    Target.objects.filter(pk=known.pk).update(url="https://known.example/2")
    network.addresses = {"1": "https://late.example/1", "2": "https://late.example/2"}
    time.pass_by(minutes=15)

    read_due()

    for target, shown in ((late, "late.example/1"), (known, "known.example/2")):
        assert Target.objects.get(pk=target.pk).url.endswith(shown)


def test_a_post_without_an_id_is_counted_and_never_asked_for(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    [target] = publish(account, "")
    time.pass_by(days=2)

    read_due()

    assert (numbers_of(target).due_at, network.asked) == (None, [("1001", [])])
    assert DayTotal.objects.get().posts == 1


@pytest.mark.django_db(transaction=True)
def test_targets_that_several_find_at_once_are_counted_once(workspace: Workspace) -> None:
    now = claims.database_now()
    for number in range(3):
        account = connect(workspace, f"{number}")
        make_published(account, *(f"{number}{each}" for each in range(10)), at=now)

    found = at_once(*[lambda: discover(now=now)] * 4)

    assert (sum(found), TargetNumbers.objects.count(), DayTotal.objects.get().posts) == (30, 30, 30)
    assert what_is_wrong() == []
    assert set(AccountSync.objects.values_list("due_at", flat=True)) == {now + 15 * MINUTE}


@pytest.mark.skipif(connection.vendor != "mysql", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_whoever_takes_up_targets_locks_no_others(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    now, account = claims.database_now(), connect(workspace)
    make_published(account, "1", at=now)
    waiting = Target.objects.select_for_update(nowait=True).filter(
        post=make_post(workspace, accounts=[account], status="scheduled")
    )
    met: list[Any] = []

    def meanwhile(numbers: Any) -> None:
        met.extend(at_once(transaction.atomic(lambda: len(waiting.all()))))

    monkeypatch.setattr(discovery, "_count_posts", meanwhile)

    assert (discover(now=now), met) == (1, [1])


@pytest.mark.django_db
def test_what_lost_a_race_is_taken_up_with_the_next_turn(
    account: SocialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = claims.database_now()
    make_published(account, "1", at=now)

    def lose(numbers: Any) -> None:
        raise OperationalError(1213, "Deadlock found")

    with monkeypatch.context() as patch:
        patch.setattr(discovery, "_count_posts", lose)
        assert discover(now=now) == 0
    assert (discover(now=now), what_is_wrong()) == (1, [])


@pytest.mark.django_db(transaction=True)
def test_two_that_sync_at_once_read_each_account_once(workspace: Workspace, network: FakeNumbers) -> None:
    now = claims.database_now()
    for number in range(8):
        make_published(connect(workspace, f"{number}"), f"{number}a", f"{number}b", at=now - 15 * MINUTE)
    discover_all(now=now)
    network.meanwhile = lambda: threading.Event().wait(0.02)

    outcomes = at_once(*[lambda: Syncer(4).run_until_idle(seconds=RUN_SECONDS)] * 2)

    assert outcomes == [None, None]
    assert sorted(network.asked) == [(f"{number}", [f"{number}a", f"{number}b"]) for number in range(8)]
    assert (Snapshot.objects.count(), what_is_wrong()) == (16, [])


class Patient(Syncer):
    tick_seconds = 60.0


@pytest.mark.django_db(transaction=True)
def test_a_run_goes_on_as_soon_as_a_thread_is_free(workspace: Workspace, network: FakeNumbers) -> None:
    for number in range(4):
        make_account(workspace, remote_id=f"{number}", default_of=None)
    began = real_time.monotonic()

    Patient(1).run_until_idle(seconds=RUN_SECONDS)

    assert len(network.asked) == 4
    assert real_time.monotonic() - began < Patient.tick_seconds / 2


@pytest.mark.django_db(transaction=True)
def test_a_reading_that_outlasts_a_run_is_kept(
    workspace: Workspace, network: FakeNumbers, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = claims.database_now()
    make_published(connect(workspace, "1"), "1a", at=now - 15 * MINUTE)
    discover_all(now=now)
    answers = threading.Event()
    network.meanwhile = answers.wait
    monkeypatch.setattr(Engine, "last_seconds", 0)
    threading.Timer(1, answers.set).start()

    Syncer(2).run_until_idle(seconds=0.1)

    assert (len(network.asked), Snapshot.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("stops_at", ["posts", "account"])
def test_a_reading_goes_on_to_no_other_call_once_its_process_is_told_to_stop(
    workspace: Workspace, network: FakeNumbers, stops_at: str
) -> None:
    now = claims.database_now()
    account = connect(workspace)
    make_published(account, "1a", "1b", at=now - 15 * MINUTE)
    discover_all(now=now)
    AccountSync.objects.update(account_due_at=now)
    network.metrics_batch = 1  # type: ignore[misc]
    syncer = Syncer(1)

    def stop_and_count() -> AccountNumbers:
        syncer.stop()
        return AccountNumbers(followers=7)

    if stops_at == "posts":
        network.meanwhile = syncer.stop
    else:
        network.account = stop_and_count
        network.shown = lambda: pytest.fail("The profile was asked for.")

    syncer.run()

    assert [len(posts) for _, posts in network.asked] == ([0, 1] if stops_at == "posts" else [0])
    assert Snapshot.objects.count() == (1 if stops_at == "posts" else 0)
    row = sync_of(account)
    assert (row.lease_until, row.failures, row.error) == (None, 0, None)
    assert row.due_at is not None
    assert row.due_at <= claims.database_now()


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_settled_is_left_to_its_lease_and_no_hot_loop(
    workspace: Workspace, network: FakeNumbers, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_account(workspace)

    def fail(results: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(reading, "settle_all", fail)

    Syncer(2).run_until_idle(seconds=RUN_SECONDS)

    row = sync_of(account)
    assert row.lease_until is not None
    assert (len(network.asked), row.claim_count, row.lease_until > claims.database_now() + MINUTE) == (1, 1, True)


class Unsettled(Inline):
    """Keeps the results that are to be settled, and settles none."""

    def __init__(self) -> None:
        self.results: list[SyncResult] = []

    def run(self, work: Any, item: Any) -> Any:
        if work is not settle_all:
            return super().run(work, item)
        self.results.append(item)
        return True


def test_several_accounts_are_settled_in_as_many_statements_as_one(
    network: FakeNumbers, workspace: Workspace, time: Time
) -> None:
    network.account = AccountNumbers(followers=8, demographics=Demographics(countries={"FR": 50}))
    time.go_on_to_noon()  # a day that ends between the two has statements of its own
    statements, settled = [], []
    for remote_ids in (["a"], ["b", "c", "d", "e"]):
        for remote_id in remote_ids:
            publish(connect(workspace, remote_id), f"1-{remote_id}", f"2-{remote_id}")
        time.pass_by(minutes=15, seconds=1)
        waiting = AccountSync.objects.filter(due_at__lte=time.now)
        waiting.update(account_due_at=time.now)
        SocialAccount.objects.filter(sync__in=waiting).update(status="error")
        unsettled = Unsettled()
        for job in claim_accounts(100, share=100, busy=Counter(), workspace_id=""):
            read(job.claim, writer=unsettled, is_ending=never)
        with CaptureQueriesContext(connection) as made, transaction.atomic():
            assert all(settle_all(unsettled.results))
        statements.append(len(made))
        settled.append(len(unsettled.results))

    assert settled == [1, 5]
    assert statements[0] == statements[1]
    assert set(AccountDay.objects.values_list("account__remote_id", "followers")) == {(each, 8) for each in "abcde"}
    assert AccountSync.objects.filter(lease_until=None, claim_count=0).count() == 5
    assert told("account.recovered") == 6


def test_a_later_reading_of_the_day_takes_the_place_of_the_one_before(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    for followers in (7, 9):
        network.account = AccountNumbers(followers=followers)
        AccountSync.objects.update(due_at=time.now, account_due_at=time.now)
        read_due()

    assert AccountDay.objects.get().followers == 9
    assert SocialAccount.objects.get().followers == 9


def test_what_a_later_reading_of_the_day_lacks_stays_as_the_one_before_gave_it(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    full = Demographics(age_groups={"18-24": 60}, countries={"FR": 80})
    readings = (
        AccountNumbers(followers=7, posts=3, impressions=5, demographics=full),
        AccountNumbers(posts=0, demographics=Demographics(countries={"FR": 70})),
        AccountNumbers(followers=-1, reach=2),
    )
    for network.account in readings:
        AccountSync.objects.update(due_at=time.now, account_due_at=time.now)
        read_due()

    day = AccountDay.objects.get()
    assert (day.followers, day.following, day.posts, day.impressions, day.reach) == (7, None, 0, 5, 2)
    assert day.demographics == {"age_groups": {"18-24": 60}, "countries": {"FR": 70}}


def test_another_day_has_none_of_what_the_day_before_had(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    for network.account in (AccountNumbers(followers=7), AccountNumbers(posts=3)):
        time.pass_by(hours=24)
        read_due()

    assert list(AccountDay.objects.order_by("day").values_list("followers", "posts")) == [(7, None), (None, 3)]


def schedule(account: SocialAccount, *, within: timedelta, status: str = "scheduled") -> None:
    make_post(account.workspace, accounts=[account], status=status, scheduled_at=claims.database_now() + within)


def test_access_that_was_taken_back_shows_before_the_next_post_is_due(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    schedule(account, within=10 * HOUR)
    network.account = network.refreshed = AuthExpired("It was taken back.")

    time.pass_by(hours=6, minutes=59)
    assert read_before_posts(claims.database_now()) == 0
    time.pass_by(minutes=1)
    assert read_before_posts(claims.database_now()) == 1
    read_due()

    assert (status_of(account), told("account.expired")) == ("expired", 1)
    assert read_before_posts(claims.database_now()) == 0


def test_an_account_that_is_well_is_read_once_more_and_not_again_for_three_hours(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    time.pass_by(hours=3)
    for hours in (1, 2, 3, 4, 5):
        schedule(account, within=hours * HOUR)

    seen_due = []
    for _ in range(6):
        seen_due.append((read_before_posts(claims.database_now()), len(read_due())))
        time.pass_by(minutes=30)

    assert seen_due == [(1, 1)] + [(0, 0)] * 5


def test_an_account_whose_token_may_have_ended_is_read_at_once_without_its_posts(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    other = connect(account.workspace, "2")
    publish(account, "1")
    time.pass_by(minutes=15)
    read_due()
    of_post, of_other = TargetNumbers.objects.get().due_at, sync_of(other).due_at
    time.pass_by(minutes=1)

    for hook in hooks.on_doubt:
        hook([account.pk], time.now)

    sync = sync_of(account)
    assert (sync.due_at, sync.account_due_at) == (time.now, time.now)
    assert (TargetNumbers.objects.get().due_at, sync_of(other).due_at) == (of_post, of_other)


def test_an_account_that_is_to_be_read_soon_is_alone_with_its_posts(
    account: SocialAccount, network: FakeNumbers, time: Time
) -> None:
    other = connect(account.workspace, "2")
    publish(account, "1a")
    publish(other, "2a")

    assert read_soon(AccountSync.objects.filter(pk=account.pk), now=time.now) == 1

    read_due()
    assert sorted(network.asked) == [("1001", []), ("1001", ["1a"])]
    assert set(TargetNumbers.objects.filter(account=other.pk).values_list("due_at", flat=True)) == {
        time.now + 15 * MINUTE
    }


@pytest.mark.parametrize(("error", "waits"), [(RateLimited("Later.", retry_after=7200), True), (DOWN, False)])
def test_what_is_to_be_read_soon_still_waits_for_as_long_as_its_network_limits_it(
    account: SocialAccount, network: FakeNumbers, time: Time, error: Unavailable, waits: bool
) -> None:
    publish(account, "1")
    network.posts["1"] = error
    time.pass_by(minutes=15)
    read_due()
    limited_until = sync_of(account).due_at

    count = read_soon(AccountSync.objects.all(), now=time.now)

    row = sync_of(account)
    assert (count, row.due_at) == ((0, limited_until) if waits else (1, time.now))
    assert (row.account_due_at, numbers_of(Target.objects.get()).due_at) == (time.now, time.now)


@pytest.mark.parametrize(
    ("post", "plan"),
    [
        ({"within": 3 * HOUR + MINUTE}, {}),
        ({"within": HOUR, "status": "draft"}, {}),
        ({"within": HOUR}, {"account_due_at": 22 * HOUR}),
        ({"within": HOUR}, {"due_at": HOUR}),
        ({"within": HOUR}, {"failures": 1}),
    ],
    ids=["later", "no time", "just read", "read soon", "left alone for its failures"],
)
def test_no_account_is_read_for_nothing(
    account: SocialAccount, time: Time, post: dict[str, Any], plan: dict[str, Any]
) -> None:
    time.pass_by(hours=4)
    schedule(account, **post)
    now = claims.database_now()
    values = {name: now + value if isinstance(value, timedelta) else value for name, value in plan.items()}
    AccountSync.objects.update(**{"due_at": now + 20 * HOUR, "account_due_at": now + 20 * HOUR} | values)

    assert read_before_posts(now) == 0

    AccountSync.objects.update(due_at=now + 20 * HOUR, account_due_at=now + 20 * HOUR, failures=0)
    schedule(account, within=HOUR)
    assert read_before_posts(now) == 1
