"""Tokens are renewed ahead of their end, once, and what comes back is never lost."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.db import InterfaceError, OperationalError, connection, connections
from django.db.models import F
from pytest_django import Settings

from accounts import connecting, readable, registry, services, tokens
from accounts.models import Pause, PauseScope, SocialAccount
from accounts.platforms.errors import AuthExpired, PlatformError, RateLimited, Rejected, Unavailable, Unknown, WhoActs
from accounts.platforms.shapes import Account, Tokens
from accounts.session import NetworkSession
from accounts.tokens import expire, is_stale, refresh_due, refresh_now, refresh_time
from ouipost.celery import app
from ouipost.claims import Claim, claim_due, database_now
from ouipost.events.journal import SYSTEM
from ouipost.events.models import Event
from tests.accounts.fakes import OLD_ERROR, FakeNetwork, make_candidate
from tests.factories import NOW, make_account, make_workspace
from tests.foundation.threads import PATIENCE_SECONDS, at_once
from workspaces.models import Workspace

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
PAIR = Tokens(access_token="old-access", refresh_token="old-refresh")
NEW_PAIR = Tokens(access_token="new-access", refresh_token="new-refresh")
REVOKED = AuthExpired("The person took it back.")


def make_due(workspace: Workspace, remote_id: str = "1001", **values: Any) -> SocialAccount:
    """Connect an account whose time to be refreshed came a minute ago."""
    given = {"due_at": database_now() - MINUTE, "tokens": PAIR, "default_of": None, "remote_id": remote_id}
    return make_account(workspace, **given | values)


def held_tokens(account: SocialAccount) -> tuple[str, str]:
    opened = SocialAccount.objects.get(pk=account.pk).unseal()
    return opened.access_token, opened.refresh_token


def told() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("type", flat=True))


@pytest.mark.parametrize(
    ("ends_in", "refresh_in"),
    [
        (timedelta(days=60), timedelta(days=53)),
        (timedelta(days=1), 18 * HOUR),
        (2 * HOUR, 90 * MINUTE),
        (HOUR, 30 * MINUTE),
        (10 * MINUTE, 5 * MINUTE),
        (timedelta(0), timedelta(0)),
        (-HOUR, -30 * MINUTE),
    ],
)
def test_tokens_are_refreshed_well_before_their_end(ends_in: timedelta, refresh_in: timedelta) -> None:
    account = SocialAccount(platform="pinterest", access_expires_at=NOW + ends_in, refresh_token="sealed")

    assert refresh_time(account, now=NOW) == NOW + refresh_in


@pytest.mark.parametrize("platform", ["instagram", "threads"])
def test_tokens_that_nothing_renews_after_their_end_are_refreshed_at_half_their_life(platform: str) -> None:
    ends = NOW + timedelta(days=60)
    account = SocialAccount(platform=platform, access_expires_at=ends, refresh_token="sealed")

    assert refresh_time(account, now=NOW) == NOW + timedelta(days=30)


@pytest.mark.parametrize("account", [SocialAccount(refresh_token="x"), SocialAccount(access_expires_at=NOW)])
def test_without_an_end_or_a_refresh_token_there_is_nothing_to_refresh(account: SocialAccount) -> None:
    assert refresh_time(account, now=NOW) is None


@pytest.mark.parametrize(
    ("ends_at", "stale"),
    [(None, False), (NOW + 31 * timedelta(seconds=1), False), (NOW + timedelta(seconds=30), True), (NOW, True)],
)
def test_a_token_is_stale_when_it_ends_before_a_call_could(ends_at: datetime | None, stale: bool) -> None:
    assert is_stale(SocialAccount(access_expires_at=ends_at), now=NOW) is stale


@pytest.mark.parametrize("paused", [[], [PauseScope.NETWORK]])
def test_a_due_account_gets_new_tokens_also_while_it_is_paused(
    workspace: Workspace, network: FakeNetwork, paused: list[str]
) -> None:
    for scope in paused:
        Pause.objects.create(scope=scope, subject_id="facebook", in_force=f"{scope}:facebook", paused_at=NOW)
    account = make_due(workspace, last_error=OLD_ERROR)
    ends, over = database_now() + 2 * HOUR, datetime(2027, 1, 1, tzinfo=UTC)
    network.refreshed = Tokens(
        access_token="new-access", refresh_token="new-refresh", access_expires_at=ends, ends_at=over
    )

    assert refresh_due() == 1

    row = SocialAccount.objects.get()
    assert network.calls == [("refresh", "1001", "old-refresh")]
    assert held_tokens(account) == ("new-access", "new-refresh")
    assert (row.access_expires_at, row.expires_at, row.status, row.last_error) == (ends, over, "active", None)
    assert (row.lease_until, row.due_at) == (None, ends - 30 * MINUTE)
    assert told() == []
    assert refresh_due() == 0


def test_an_account_that_cannot_be_read_gets_new_tokens_and_stays_so(
    workspace: Workspace, network: FakeNetwork
) -> None:
    trouble = {"code": "CONTENT_REJECTED", "message": "It may not read insights."}
    account = make_due(workspace, status="error", last_error=trouble)

    assert refresh_due() == 1

    row = SocialAccount.objects.get()
    assert held_tokens(account)[0] == "new-token"
    assert (row.status, row.last_error) == ("error", trouble)


def test_the_old_refresh_token_stays_where_the_network_sends_none(workspace: Workspace, network: FakeNetwork) -> None:
    account = make_due(workspace)

    refresh_due()

    assert held_tokens(account) == ("new-token", "old-refresh")


def test_a_refresh_token_that_stays_ends_when_it_did(workspace: Workspace, network: FakeNetwork) -> None:
    over = NOW + timedelta(days=300)
    make_due(workspace, tokens=replace(PAIR, ends_at=over))

    refresh_due()

    assert SocialAccount.objects.get().expires_at == over


@pytest.mark.parametrize(
    ("held", "end"), [(replace(PAIR, ends_at=NOW), NOW + HOUR), (replace(PAIR, refresh_token="", ends_at=NOW), None)]
)
def test_a_connection_ends_as_its_network_tells_now(workspace: Workspace, held: Tokens, end: datetime | None) -> None:
    account = make_account(workspace, tokens=held)

    account.seal(Tokens(access_token="new-access", ends_at=end))

    assert account.expires_at == end


@pytest.mark.parametrize(("moved", "is_kept"), [(MINUTE, True), (-MINUTE, True), (3 * MINUTE, False)])
def test_an_end_that_a_network_counts_down_to_stays_where_it_is(
    workspace: Workspace, moved: timedelta, is_kept: bool
) -> None:
    account = make_account(workspace, tokens=replace(PAIR, ends_at=NOW))

    account.seal(replace(NEW_PAIR, ends_at=NOW + moved))

    assert account.expires_at == (NOW if is_kept else NOW + moved)


def test_the_call_has_as_long_as_the_lease(workspace: Workspace, network: FakeNetwork, settings: Settings) -> None:
    settings.ENGINE_SPEED = 0.5
    make_due(workspace)
    before = time.monotonic()

    refresh_due()

    session = cast("NetworkSession", network.sessions[0])
    assert before + 119 < session.deadline < before + 125


@pytest.mark.parametrize(
    "values",
    [{"due_at": None}, {"due_at": database_now}, {"status": "expired"}, {"disconnected_at": NOW}],
    ids=["nothing to do", "later", "expired", "disconnected"],
)
def test_others_are_left_alone(workspace: Workspace, network: FakeNetwork, values: dict[str, Any]) -> None:
    given = {name: value() + HOUR if callable(value) else value for name, value in values.items()}
    make_due(workspace, **given)

    assert refresh_due() == 0
    assert network.calls == []


def test_as_many_are_refreshed_as_are_asked_for(workspace: Workspace, network: FakeNetwork) -> None:
    for number in range(3):
        make_due(workspace, str(number))

    assert [refresh_due(limit=2), refresh_due(limit=2)] == [2, 1]


def test_no_call_for_new_tokens_is_under_way_when_celery_cuts_a_run(
    workspace: Workspace, network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = [0.0]
    monkeypatch.setattr(tokens, "time", SimpleNamespace(monotonic=lambda: passed[0]))
    for number in range(20):
        make_due(workspace, str(number))

    def take_a_whole_lease() -> Tokens:
        passed[0] += tokens.LEASE_SECONDS
        return PAIR

    network.refreshed = take_a_whole_lease
    first = refresh_due()
    over_at = passed[0]
    others = [refresh_due() for _ in range(3)]

    assert over_at < app.conf.task_soft_time_limit
    assert first + sum(others) == 20


def test_a_worker_that_has_to_end_goes_on_to_no_other_account(workspace: Workspace, network: FakeNetwork) -> None:
    for number in range(3):
        make_due(workspace, str(number))

    assert refresh_due(is_ending=lambda: len(network.calls) == 2) == 2
    assert len(network.calls) == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_one_asks_the_network(network: FakeNetwork) -> None:
    account = make_due(make_workspace())
    other_is_done = threading.Event()

    def slow_answer() -> Tokens:
        assert other_is_done.wait(PATIENCE_SECONDS)
        return NEW_PAIR

    def work() -> int:
        taken = refresh_due()
        other_is_done.set()
        return taken

    network.refreshed = slow_answer
    ended = at_once(work, work)

    assert sorted(ended) == [0, 1]
    assert network.calls == [("refresh", "1001", "old-refresh")]
    assert held_tokens(account) == ("new-access", "new-refresh")


@pytest.mark.django_db(transaction=True)
def test_of_publishers_that_meet_one_dead_token_one_asks_the_network(network: FakeNetwork) -> None:
    account = make_account(make_workspace(), tokens=PAIR)
    network.refreshed = NEW_PAIR

    ended = at_once(*[lambda: refresh_now(account)] * 4)

    assert sorted(ended) == [False, False, False, True]
    assert network.calls == [("refresh", "1001", "old-refresh")]


def test_what_is_wrong_with_our_own_request_expires_no_account(workspace: Workspace, network: FakeNetwork) -> None:
    make_due(workspace)
    network.refreshed = Rejected("A parameter is wrong.", status=400, network_code="100")

    refresh_due()

    row = SocialAccount.objects.get()
    said = {"code": "PLATFORM_UNAVAILABLE", "message": "A parameter is wrong.", "who_acts": "operator"}
    assert (row.status, row.last_error) == ("active", said)


@pytest.mark.parametrize(
    "error",
    [REVOKED, Rejected("The person took it back.", code="TOKEN_REVOKED", who_acts=WhoActs.ACCOUNT_OWNER)],
    ids=["expired", "rejected"],
)
def test_an_account_that_only_its_owner_can_mend_expires(
    workspace: Workspace, network: FakeNetwork, error: PlatformError
) -> None:
    account = make_due(workspace, tokens=replace(PAIR, ends_at=NOW + HOUR))
    other = make_due(workspace, "1002", due_at=None)
    SocialAccount.objects.filter(pk=other.pk).update(fence=account.fence + 1)  # as the claim will make it
    network.refreshed = error

    assert refresh_due() == 1

    row = SocialAccount.objects.get(pk=account.pk)
    said = {"code": "TOKEN_REVOKED", "message": "The person took it back.", "who_acts": "account_owner"}
    assert (row.status, row.due_at, row.lease_until, row.last_error) == ("expired", None, None, said)
    assert row.expires_at is None, "there is nothing left to end"
    assert SocialAccount.objects.get(pk=other.pk).status == "active"
    event = Event.objects.values_list("type", "resource_id", "workspace_id", "details").get()
    about = {"platform": "facebook", "account_name": "Company Page"}
    assert event == ("account.expired", account.pk, workspace.pk, about | said)
    assert refresh_due() == 0


@pytest.mark.parametrize(
    ("says", "status", "acts"),
    [
        (Rejected("Authentication failed.", status=401, network_code="2"), "active", "operator"),
        (Unavailable("Authentication failed.", status=503), "active", "network"),
        (Rejected("The code is wrong.", status=400, network_code="1"), "expired", "account_owner"),
    ],
    ids=["refuses the app", "is away", "refuses the code"],
)
def test_a_token_that_is_refused_as_an_app_would_be_expires_no_account_before_the_app_is_known(
    workspace: Workspace, network: FakeNetwork, says: PlatformError, status: str, acts: str
) -> None:
    make_due(workspace)
    network.refreshed = AuthExpired("Authentication failed.", status=401, network_code="2")
    network.exchanged = says

    refresh_due()

    row = SocialAccount.objects.get()
    assert (row.status, row.last_error["who_acts"]) == (status, acts)
    assert [call[0] for call in network.calls] == ["refresh", "exchange"]


def test_an_expired_account_is_told_of_once(workspace: Workspace, network: FakeNetwork) -> None:
    account = make_due(workspace)
    network.refreshed = REVOKED
    refresh_due()

    refresh_now(account)
    expire(account, REVOKED)

    assert told() == ["account.expired"]


AWAY, OPERATOR = ("PLATFORM_UNAVAILABLE", "network"), ("PLATFORM_UNAVAILABLE", "operator")
TRY_AGAIN: list[tuple[Exception, tuple[str, str]]] = [
    (Unavailable("No."), AWAY),
    (RateLimited("No."), ("RATE_LIMITED_BY_PLATFORM", "network")),
    (Unknown("No.", status=502, network_code="9"), AWAY),
    (Rejected("No.", code="PLATFORM_UNAVAILABLE", who_acts=WhoActs.OPERATOR), OPERATOR),
    (AuthExpired("No.", code="PLATFORM_UNAVAILABLE", who_acts=WhoActs.OPERATOR), OPERATOR),
    (registry.PlatformNotConfigured("No."), OPERATOR),
    (AuthExpired("No.", status=401), AWAY),
    (Rejected("No.", code="TOKEN_REVOKED", who_acts=WhoActs.ACCOUNT_OWNER, status=403), AWAY),
    (Rejected("No.", status=404), AWAY),
]
"""The last three as a page of something before the network, which names no reason."""


@pytest.mark.parametrize(("error", "cause"), TRY_AGAIN, ids=lambda value: type(value).__name__)
def test_what_the_owner_cannot_mend_is_tried_again_and_its_cause_shown(
    workspace: Workspace, network: FakeNetwork, error: Exception, cause: tuple[str, str]
) -> None:
    account, before = make_due(workspace), database_now()
    network.refreshed = error

    assert refresh_due() == 1

    row = SocialAccount.objects.get()
    assert (row.status, told(), held_tokens(account)) == ("active", [], ("old-access", "old-refresh"))
    assert row.due_at is not None
    assert before + timedelta(seconds=30) <= row.due_at <= database_now() + timedelta(seconds=30)
    assert row.last_error == {"code": cause[0], "message": "No.", "who_acts": cause[1]}


@pytest.mark.parametrize(
    ("platform", "days", "is_in_doubt"),
    [("threads", 5, True), ("instagram", 5, True), ("threads", 6.5, False), ("twitter", 5, False)],
)
def test_an_account_that_ends_with_its_token_says_so_once_that_was_not_renewed_for_a_day(
    workspace: Workspace, network: FakeNetwork, platform: str, days: float, is_in_doubt: bool
) -> None:
    ends = database_now() + timedelta(days=days)
    make_due(workspace, platform=platform, tokens=replace(PAIR, access_expires_at=ends))
    network.refreshed = Unavailable("No.")

    refresh_due()

    assert SocialAccount.objects.get().expires_at == (ends if is_in_doubt else None)
    SocialAccount.objects.update(due_at=database_now(), lease_until=None)
    network.refreshed = NEW_PAIR
    assert (refresh_due(), SocialAccount.objects.get().expires_at) == (1, None)


def test_a_network_that_wants_to_be_left_alone_for_longer_is(workspace: Workspace, network: FakeNetwork) -> None:
    make_due(workspace)
    network.refreshed = RateLimited("No.", retry_after=3600)
    before = database_now()

    refresh_due()

    row = SocialAccount.objects.get()
    assert row.due_at is not None
    assert row.lease_until is not None
    assert row.due_at >= before + HOUR
    assert row.lease_until <= database_now() + timedelta(seconds=30)
    SocialAccount.objects.update(lease_until=database_now())
    network.refreshed = NEW_PAIR
    assert (refresh_due(), refresh_now(row)) == (0, True), "whoever needs the tokens may ask"


@pytest.mark.parametrize(
    ("error", "most"),
    [
        (RateLimited("No.", status=429), 3840),
        (Unknown("The network gave no complete answer."), 3840),
        (Unavailable("The network could not be reached."), 3840),
        (Unavailable("No.", status=503), 30),
        (Unknown("No.", status=500), 30),
        (Rejected("Unknown client.", code="PLATFORM_UNAVAILABLE", who_acts=WhoActs.OPERATOR), 30),
    ],
    ids=["quota", "no answer", "not reached", "away", "failing", "operator"],
)
def test_a_quota_and_a_network_that_gives_no_answer_are_asked_ever_more_seldom(
    workspace: Workspace, network: FakeNetwork, error: PlatformError, most: float
) -> None:
    make_due(workspace)
    network.refreshed = error

    for tries in range(10):
        now = database_now()
        SocialAccount.objects.update(due_at=now, lease_until=None)
        refresh_due()
        due_at = SocialAccount.objects.values_list("due_at", flat=True).get()
        assert due_at is not None
        assert (due_at - now).total_seconds() == pytest.approx(min(30 * 2**tries, most), abs=2)


def make_due_at(server: str, remote_id: str, workspace: Workspace, **values: Any) -> SocialAccount:
    """Connect a Bluesky account of a server that is due before accounts of other networks."""
    given = {"platform": "bluesky", "metadata": {"service": f"https://{server}"}, "due_at": database_now() - HOUR}
    return make_due(workspace, remote_id, **given | values)


def test_a_server_that_gives_no_answer_is_asked_once_in_a_run(workspace: Workspace, network: FakeNetwork) -> None:
    hanging = [make_due_at("silent.example", f"silent {number}", workspace).pk for number in range(3)]
    make_due_at("pds.example", "other server", workspace)
    make_due_at("bsky.social", "their own server", workspace)
    make_due(workspace, "other network")

    def say() -> Tokens:
        if network.calls[-1][1].startswith("silent"):
            raise Unknown("The network gave no complete answer.")
        return NEW_PAIR

    network.refreshed = say

    assert refresh_due() == 4

    asked = [remote_id for _, remote_id, _ in network.calls]
    assert asked == ["silent 0", "other server", "their own server", "other network"]
    tries = SocialAccount.objects.filter(pk__in=hanging).order_by("pk").values_list("claim_count", flat=True)
    assert list(tries) == [1, 0, 0]
    assert refresh_due() == 1
    assert network.calls[-1][1] == "silent 1", "the next run asks for the next of its accounts"


def test_a_network_that_gives_no_answer_is_asked_once_in_a_run(workspace: Workspace, network: FakeNetwork) -> None:
    for number in range(3):
        make_due(workspace, str(number))
    make_due(make_workspace(mode="live"), "real")

    def hang() -> Tokens:
        if network.calls[-1][1] != "real":
            raise Unavailable("The network could not be reached.")
        return NEW_PAIR

    network.refreshed = hang

    assert refresh_due() == 2
    assert [remote_id for _, remote_id, _ in network.calls] == ["0", "real"]


def test_the_wait_for_the_next_try_begins_when_the_call_is_over(workspace: Workspace, network: FakeNetwork) -> None:
    make_due(workspace)
    ended: list[datetime] = []

    def hang() -> Tokens:
        time.sleep(0.1)
        ended.append(database_now())
        raise Unknown("The network gave no complete answer.")

    network.refreshed = hang
    refresh_due()

    row = SocialAccount.objects.get()
    assert row.due_at is not None
    assert row.due_at >= ended[0] + timedelta(seconds=30)
    assert row.lease_until == row.due_at


def test_an_account_that_is_due_again_at_once_is_not_taken_twice_in_a_run(
    workspace: Workspace, network: FakeNetwork
) -> None:
    hanging = make_due(workspace, "1", due_at=database_now() - HOUR)
    make_due(workspace, "2")

    def hang_past_the_lease() -> Tokens:
        SocialAccount.objects.filter(pk=hanging.pk).update(lease_until=database_now() - MINUTE)
        raise ZeroDivisionError("bug")

    network.refreshed = hang_past_the_lease

    assert refresh_due() == 2
    assert [remote_id for _, remote_id, _ in network.calls] == ["1", "2"]


@pytest.mark.parametrize(("error", "cause"), TRY_AGAIN, ids=lambda value: type(value).__name__)
def test_who_needs_the_token_now_is_told_the_cause(
    workspace: Workspace, network: FakeNetwork, error: Exception, cause: tuple[str, str]
) -> None:
    account = make_account(workspace, tokens=PAIR)
    network.refreshed = error

    with pytest.raises(Unavailable) as caught:
        refresh_now(account)

    assert (caught.value.message, caught.value.code, caught.value.who_acts) == ("No.", *cause)
    assert isinstance(caught.value, RateLimited) == isinstance(error, RateLimited)
    if isinstance(error, PlatformError):
        assert (caught.value.status, caught.value.network_code) == (error.status, error.network_code)


def test_what_the_operator_must_mend_is_told_to_all_who_need_the_token_with_one_call(
    workspace: Workspace, network: FakeNetwork
) -> None:
    account = make_due(workspace)
    network.refreshed = Rejected("Unknown client.", code="PLATFORM_UNAVAILABLE", who_acts=WhoActs.OPERATOR)
    refresh_due()

    for _ in range(2):
        with pytest.raises(Unavailable, match="Unknown client") as caught:
            refresh_now(account)
        assert (caught.value.code, caught.value.who_acts) == ("PLATFORM_UNAVAILABLE", WhoActs.OPERATOR)

    assert len(network.calls) == 1
    SocialAccount.objects.update(due_at=database_now(), lease_until=database_now())
    network.refreshed = NEW_PAIR
    assert refresh_now(account)
    assert SocialAccount.objects.get().last_error is None


@pytest.mark.django_db
def test_a_server_that_the_operator_no_longer_allows_expires_no_account() -> None:
    server = {"service": "https://10.1.2.3"}
    account = make_due(make_workspace(mode="live"), "did:plc:1", platform="bluesky", metadata=server)

    with pytest.raises(Unavailable, match="does not allow the address"):
        refresh_now(account)

    row = SocialAccount.objects.get()
    assert (row.status, told(), held_tokens(account)) == ("active", [], ("old-access", "old-refresh"))
    assert row.last_error is not None
    assert (row.last_error["code"], row.last_error["who_acts"]) == OPERATOR


def test_nobody_asks_again_before_that(workspace: Workspace, network: FakeNetwork) -> None:
    account = make_due(workspace)
    network.refreshed = Unavailable("Down.")
    refresh_due()

    assert (refresh_due(), refresh_now(account)) == (0, False)
    assert len(network.calls) == 1

    network.refreshed = NEW_PAIR
    SocialAccount.objects.update(due_at=database_now(), lease_until=database_now())
    assert refresh_due() == 1
    assert held_tokens(account) == ("new-access", "new-refresh")


def test_tokens_that_do_not_open_wait_for_their_key(
    workspace: Workspace, network: FakeNetwork, settings: Settings
) -> None:
    account, ring = make_due(workspace), settings.TOKEN_KEYS
    settings.TOKEN_KEYS = ["other:" + "A" * 43 + "="]

    assert refresh_due() == 1
    assert network.calls == []
    with pytest.raises(Unavailable, match="cannot be opened") as caught:
        refresh_now(account)
    assert caught.value.who_acts == WhoActs.OPERATOR

    settings.TOKEN_KEYS = ring
    SocialAccount.objects.update(due_at=database_now(), lease_until=None)
    assert refresh_due() == 1
    assert held_tokens(account)[0] == "new-token"


def test_an_account_that_meets_an_error_of_ours_holds_up_no_other(
    workspace: Workspace, network: FakeNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    answers: Iterator[Tokens | Exception] = iter([ZeroDivisionError("bug"), NEW_PAIR])
    bad, good = make_due(workspace, "1", due_at=database_now() - HOUR), make_due(workspace, "2")

    def say() -> Tokens:
        said = next(answers)
        if isinstance(said, Exception):
            raise said
        return said

    network.refreshed = say
    assert refresh_due() == 2

    assert (held_tokens(bad)[0], held_tokens(good)[0]) == ("old-access", "new-access")
    assert f"The tokens of {bad.pk} were left to their lease" in caplog.text
    assert refresh_due() == 0


AWAY_ERRORS = [OperationalError(2013, "Lost connection"), OperationalError(1205, "Lock wait"), InterfaceError(0, "")]


def fail_to_store(monkeypatch: pytest.MonkeyPatch, *errors: Exception, meanwhile: Callable[[], object]) -> None:
    """Let the database fail with each of these errors when tokens are stored, and be well again after them."""
    left, store = list(errors), tokens._store

    def away(*given: Any, **values: Any) -> bool:
        if left:
            meanwhile()
            raise left.pop(0)
        return store(*given, **values)

    monkeypatch.setattr(tokens, "_store", away)
    monkeypatch.setattr(tokens, "KEEP_AGAIN_SECONDS", 0.001)
    monkeypatch.setattr(tokens, "close_old_connections", lambda: None)  # the test's own is in a transaction


@pytest.mark.parametrize("error", AWAY_ERRORS, ids=["lost", "locked", "closed"])
def test_new_tokens_are_stored_as_soon_as_the_database_is_there_again(
    workspace: Workspace, network: FakeNetwork, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    account = make_due(workspace)
    network.refreshed = NEW_PAIR
    fail_to_store(monkeypatch, error, error, meanwhile=lambda: None)

    assert refresh_now(account)

    assert held_tokens(account) == ("new-access", "new-refresh")
    assert network.calls == [("refresh", "1001", "old-refresh")]


def test_new_tokens_that_come_to_be_stored_too_late_replace_no_newer_ones(
    workspace: Workspace, network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_due(workspace)
    network.refreshed = NEW_PAIR

    def another_worker_claims() -> None:
        SocialAccount.objects.update(lease_until=database_now() - MINUTE)
        claim_due(SocialAccount.objects.all(), limit=1, lease=MINUTE)

    fail_to_store(monkeypatch, AWAY_ERRORS[0], meanwhile=another_worker_claims)

    assert not refresh_now(account)
    assert held_tokens(account) == ("old-access", "old-refresh")


def test_new_tokens_are_given_up_with_the_lease(
    workspace: Workspace,
    network: FakeNetwork,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.ENGINE_SPEED = 300
    account, began = make_due(workspace), time.monotonic()
    fail_to_store(monkeypatch, *AWAY_ERRORS[:1] * 10_000, meanwhile=lambda: None)

    with pytest.raises(OperationalError):
        refresh_now(account)

    assert 0.2 <= time.monotonic() - began < PATIENCE_SECONDS
    assert f"The new tokens of {account.pk} could not be stored: they are lost" in caplog.text


@pytest.mark.django_db(transaction=True)
@pytest.mark.on_servers
def test_new_tokens_are_stored_over_another_connection_where_theirs_was_lost(network: FakeNetwork) -> None:
    account = make_due(make_workspace())

    def lose_the_connection() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT CONNECTION_ID()")
            [number] = cursor.fetchone()
        other = connections.create_connection("default")
        with other.cursor() as cursor:
            cursor.execute("KILL %s", [number])
        other.close()

    during_the_refresh(network, lose_the_connection)

    assert refresh_due() == 1
    assert held_tokens(account) == ("new-access", "new-refresh")


def test_an_account_can_be_refreshed_out_of_turn(workspace: Workspace, network: FakeNetwork) -> None:
    account = make_due(workspace, due_at=None, status="expired")
    network.refreshed = NEW_PAIR

    assert refresh_now(account)

    assert held_tokens(account) == ("new-access", "new-refresh")
    assert SocialAccount.objects.get().status == "active"


@pytest.mark.parametrize(
    "values",
    [{"tokens": Tokens(access_token="only")}, {"disconnected_at": NOW}],
    ids=["no refresh token", "disconnected"],
)
def test_what_cannot_be_refreshed_is_not(workspace: Workspace, network: FakeNetwork, values: dict[str, Any]) -> None:
    account = make_due(workspace, due_at=None, **values)

    assert not refresh_now(account)
    assert network.calls == []


def test_whoever_comes_after_a_refresh_does_not_repeat_it(workspace: Workspace, network: FakeNetwork) -> None:
    seen_before = make_due(workspace)
    network.refreshed = NEW_PAIR
    refresh_due()

    assert not refresh_now(seen_before)
    assert len(network.calls) == 1


@pytest.mark.parametrize(
    "last_error", [None, {"code": OPERATOR[0], "message": "Unknown client.", "who_acts": OPERATOR[1]}]
)
def test_a_refresh_under_way_is_not_repeated(
    workspace: Workspace, network: FakeNetwork, last_error: dict[str, str] | None
) -> None:
    account = make_due(workspace, last_error=last_error)
    claim_due(SocialAccount.objects.all(), limit=1, lease=MINUTE)

    assert not refresh_now(account)
    assert network.calls == []


def during_the_refresh(network: FakeNetwork, happens: Callable[[], object], then: Any = NEW_PAIR) -> None:
    """Let something happen while the network thinks, before it answers."""

    def slow_answer() -> Tokens:
        network.refreshed = then
        happens()
        if isinstance(then, Exception):
            raise then
        return cast("Tokens", then)

    network.refreshed = slow_answer


def test_a_refresh_brings_no_tokens_back_to_a_disconnected_account(workspace: Workspace, network: FakeNetwork) -> None:
    account = make_due(workspace)
    during_the_refresh(network, lambda: services.disconnect(account, actor=SYSTEM, now=NOW))

    refresh_due()

    row = SocialAccount.objects.get()
    assert (row.access_token, row.refresh_token, row.due_at, row.is_connected) == ("", "", None, False)
    assert network.calls == [("refresh", "1001", "old-refresh"), ("revoke", "1001", "new-access")]


def test_a_refresh_leaves_a_grant_that_another_account_lives_on(workspace: Workspace, network: FakeNetwork) -> None:
    account = make_due(workspace, metadata={"user_id": "7"})
    make_account(workspace, remote_id="2", default_of=None, metadata={"user_id": "7"})
    during_the_refresh(network, lambda: services.disconnect(account, actor=SYSTEM, now=NOW))

    refresh_due()

    assert network.calls == [("refresh", "1001", "old-refresh")]


@pytest.mark.parametrize("then", [NEW_PAIR, REVOKED], ids=["tokens", "refusal"])
def test_a_refresh_does_not_disturb_a_sign_in_that_was_faster(
    workspace: Workspace, network: FakeNetwork, then: Any
) -> None:
    account = make_due(workspace)

    def sign_in() -> None:
        connecting.connect(workspace, platform="facebook", candidate=make_candidate(), actor=SYSTEM, now=NOW)

    during_the_refresh(network, sign_in, then)
    refresh_due()

    assert held_tokens(account) == ("page-token", "person-token")
    assert SocialAccount.objects.get().status == "active"
    assert told() == ["account.connected"]


def before_the_refresh(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen right after an account was claimed, before its tokens are read."""
    refresh = tokens._refresh

    def held_up(claim: Claim) -> bool:
        happens()
        return refresh(claim)

    monkeypatch.setattr(tokens, "_refresh", held_up)


@pytest.mark.parametrize("ask", [lambda account: refresh_due(), refresh_now], ids=["due", "needed"])
def test_a_refresh_uses_up_no_token_of_a_sign_in_that_came_right_after_its_claim(
    workspace: Workspace,
    network: FakeNetwork,
    monkeypatch: pytest.MonkeyPatch,
    ask: Callable[[SocialAccount], object],
) -> None:
    account = make_due(workspace)
    sign_in = partial(
        connecting.connect, workspace, platform="facebook", candidate=make_candidate(), actor=SYSTEM, now=NOW
    )
    before_the_refresh(monkeypatch, sign_in)

    ask(account)

    assert network.calls == []
    assert held_tokens(account) == ("page-token", "person-token")


def test_a_refresh_leaves_an_account_that_cannot_be_read_meanwhile_as_it_is(
    workspace: Workspace, network: FakeNetwork
) -> None:
    account = make_due(workspace)
    during_the_refresh(network, lambda: readable.mark_unreadable({account.pk: OLD_ERROR}))

    refresh_due()

    row = SocialAccount.objects.get()
    assert (row.status, row.last_error, held_tokens(account)[0]) == ("error", OLD_ERROR, "new-access")


def test_a_refresh_that_lost_its_claim_expires_no_account(workspace: Workspace, network: FakeNetwork) -> None:
    make_due(workspace)
    during_the_refresh(network, lambda: SocialAccount.objects.update(fence=F("fence") + 1), REVOKED)

    refresh_due()

    assert (SocialAccount.objects.get().status, told()) == ("active", [])


def test_a_refused_refresh_gives_nothing_to_ask_with(workspace: Workspace, network: FakeNetwork) -> None:
    account = make_due(workspace)
    network.refreshed = REVOKED

    assert refresh_now(account) is False
    assert (SocialAccount.objects.get().status, told()) == ("expired", ["account.expired"])


def test_a_publisher_expires_an_account_only_for_the_token_that_was_refused(
    workspace: Workspace, network: FakeNetwork
) -> None:
    seen_before = make_due(workspace)
    network.refreshed = NEW_PAIR
    refresh_due()

    expire(seen_before, REVOKED)
    assert (SocialAccount.objects.get().status, told()) == ("active", [])

    expire(SocialAccount.objects.get(), REVOKED)
    assert (SocialAccount.objects.get().status, told()) == ("expired", ["account.expired"])


def test_an_account_that_is_disconnected_right_after_its_refresh_expires_no_more(
    workspace: Workspace, network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, store = make_due(workspace), tokens._store

    def store_and_disconnect(row: SocialAccount, *given: Any, **values: Any) -> bool:
        stored = store(row, *given, **values)
        services.disconnect(row, actor=SYSTEM, now=NOW)
        return stored

    def ask(_: Account) -> None:
        raise REVOKED

    monkeypatch.setattr(tokens, "_store", store_and_disconnect)
    monkeypatch.setattr(tokens, "close_old_connections", lambda: None)  # the test's own is in a transaction

    with pytest.raises(AuthExpired):
        tokens.authorized(account, ask, now=database_now())

    assert (SocialAccount.objects.get().status, told()) == ("active", ["account.disconnected"])


def test_a_deleted_workspace_keeps_its_tokens_fresh_until_it_is_removed(
    workspace: Workspace, network: FakeNetwork
) -> None:
    make_due(workspace)
    Workspace.objects.update(deleted_at=NOW)

    assert refresh_due() == 1
