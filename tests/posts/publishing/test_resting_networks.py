"""What waited for the circuit breaker of its network is not late for that."""

from datetime import datetime, timedelta

import pytest

from accounts import breakers
from accounts.models import Network, Pause, PauseScope, SocialAccount
from accounts.platforms.errors import Unavailable
from accounts.platforms.shapes import Published
from ouipost.claims import database_now
from posts.models import Target
from posts.publishing.settling import settle_all
from tests.factories import make_account, make_post, make_workspace
from tests.posts.fakes import claim_targets, make_result
from workspaces.models import Workspace

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def now(db: None) -> datetime:
    return database_now()


@pytest.fixture
def impatient(db: None) -> Workspace:
    return make_workspace(settings={"publish_late_up_to_minutes": 10})


@pytest.fixture
def account(impatient: Workspace) -> SocialAccount:
    return make_account(impatient)


def due(account: SocialAccount, at: datetime) -> Target:
    return make_post(account.workspace, accounts=[account], status="scheduled", scheduled_at=at).targets.get()


def note(account: SocialAccount, marks: str, *, now: datetime) -> None:
    breakers.note(
        [breakers.Call(account_id=account.pk, platform=account.platform, mark=mark) for mark in marks], now=now
    )


def rest(account: SocialAccount, *, since: datetime, until: datetime) -> None:
    """Open the breaker of an account's network, and have all tries fail; the last half minute ends then."""
    note(account, breakers.STOPPED * 10, now=since)
    moment = since + 5 * MINUTE
    while moment < until - MINUTE:
        note(account, breakers.STOPPED, now=moment)
        moment += 5 * MINUTE
    note(account, breakers.STOPPED, now=until - MINUTE / 2)


def close(account: SocialAccount, *, now: datetime) -> None:
    note(account, breakers.ANSWERED, now=now)


def fate(target: Target) -> str:
    """Return what a claim makes of a due target."""
    claim_targets(5)
    return Target.objects.get(pk=target.pk).status


def test_what_was_due_while_the_breaker_was_open_tries_the_network_again(account: SocialAccount, now: datetime) -> None:
    target = due(account, now - 40 * MINUTE)
    rest(account, since=now - 50 * MINUTE, until=now)

    assert fate(target) == "publishing"


def test_what_was_due_while_the_breaker_was_open_goes_out_once_it_is_closed(
    account: SocialAccount, now: datetime
) -> None:
    target = due(account, now - 40 * MINUTE)
    rest(account, since=now - 50 * MINUTE, until=now - 9 * MINUTE)
    close(account, now=now - 9 * MINUTE)

    assert fate(target) == "publishing"


def test_what_is_late_since_the_breaker_closed_is_missed(account: SocialAccount, now: datetime) -> None:
    target = due(account, now - 40 * MINUTE)
    rest(account, since=now - 50 * MINUTE, until=now - 11 * MINUTE)
    close(account, now=now - 11 * MINUTE)

    assert fate(target) == "missed"


def test_a_breaker_that_opens_again_soon_after_it_closed_has_made_nothing_late(
    account: SocialAccount, now: datetime
) -> None:
    target = due(account, now - 40 * MINUTE)
    rest(account, since=now - 50 * MINUTE, until=now - 20 * MINUTE)
    close(account, now=now - 20 * MINUTE)
    rest(account, since=now - 18 * MINUTE, until=now)

    assert fate(target) == "publishing"


def test_what_was_late_before_the_breaker_opened_is_missed(account: SocialAccount, now: datetime) -> None:
    target = due(account, now - 40 * MINUTE)
    rest(account, since=now - 29 * MINUTE, until=now)

    assert fate(target) == "missed"


def test_a_network_that_nobody_tries_excuses_five_minutes_more(account: SocialAccount, now: datetime) -> None:
    target, other = due(account, now - 40 * MINUTE), make_account(account.workspace, remote_id="2", default_of=None)
    rest(account, since=now - 50 * MINUTE, until=now - 16 * MINUTE)

    assert fate(target) == "missed"

    Network.objects.all().delete()
    rest(other, since=now - 50 * MINUTE, until=now - 14 * MINUTE)
    assert fate(due(other, now - 40 * MINUTE)) == "publishing"


def test_all_go_out_after_tries_of_which_one_failed_and_one_went_well(impatient: Workspace, now: datetime) -> None:
    accounts = [make_account(impatient, remote_id=str(number), default_of=None) for number in range(4)]
    targets = {due(account, now - 40 * MINUTE).pk for account in accounts}
    rest(accounts[0], since=now - 50 * MINUTE, until=now)

    [failing], meanwhile = claim_targets(5), claim_targets(5)
    settle_all([make_result(failing, Unavailable("away"))])
    resting = claim_targets(5)
    Network.objects.update(held_until=now)
    [going], beside = claim_targets(5), claim_targets(5)
    settle_all([make_result(going, Published(remote_id="1", url=""))])
    others = claim_targets(5)

    assert (meanwhile, resting, beside) == ([], [], [])
    assert {each.pk for each in [failing, going, *others]} == targets
    assert not Target.objects.filter(status="missed").exists()


def pause(account: SocialAccount, *, since: datetime, until: datetime) -> None:
    given = {"scope": PauseScope.ACCOUNT, "subject_id": account.pk, "reason": "Wait."}
    Pause.objects.create(paused_at=since, resumed_at=until, **given)


@pytest.mark.parametrize(("paused_until", "status"), [(15, "publishing"), (21, "missed")])
def test_time_that_a_pause_and_the_breaker_cover_counts_once(
    account: SocialAccount, now: datetime, paused_until: int, status: str
) -> None:
    """Counted twice, the ten minutes that both cover would make up for those that neither does."""
    target = due(account, now - 40 * MINUTE)
    rest(account, since=now - 50 * MINUTE, until=now - 25 * MINUTE)
    close(account, now=now - 25 * MINUTE)
    pause(account, since=now - 35 * MINUTE, until=now - paused_until * MINUTE)
    Workspace.objects.update(settings={"publish_late_up_to_minutes": 20})

    assert fate(target) == status


@pytest.mark.parametrize(
    ("late", "paused", "status"),
    [
        (6 * HOUR - MINUTE, timedelta(0), "publishing"),
        (6 * HOUR + MINUTE, timedelta(0), "missed"),
        (6 * HOUR + MINUTE, 2 * MINUTE, "publishing"),
    ],
)
def test_a_breaker_excuses_nothing_beyond_the_six_hours_of_trying(
    account: SocialAccount, now: datetime, late: timedelta, paused: timedelta, status: str
) -> None:
    target = due(account, now - late)
    rest(account, since=now - 7 * HOUR, until=now)
    if paused:
        pause(account, since=now - HOUR, until=now - HOUR + paused)

    assert fate(target) == status


@pytest.mark.parametrize("pk", ["facebook", "sandbox:twitter"])
def test_the_breaker_of_another_network_excuses_nothing(account: SocialAccount, now: datetime, pk: str) -> None:
    target = due(account, now - 40 * MINUTE)
    rest(account, since=now - 50 * MINUTE, until=now)
    Network.objects.update(id=pk)

    assert fate(target) == "missed"


def test_the_breaker_of_a_true_network_excuses_live_posts(now: datetime) -> None:
    account = make_account(make_workspace(mode="live", settings={"publish_late_up_to_minutes": 10}))
    target = due(account, now - 40 * MINUTE)
    rest(account, since=now - 50 * MINUTE, until=now)

    assert fate(target) == "publishing"
    assert Network.objects.get().pk == "facebook"


def test_networks_are_read_for_what_looks_late_alone(
    account: SocialAccount, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breakers, "rests", lambda **_: pytest.fail("They are read."))
    target = due(account, now - 9 * MINUTE)

    assert fate(target) == "publishing"
