"""`prune` removes what was kept long enough, step by step; what is younger, and every sum by the day, stays."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.sessions.models import Session as ConsoleSession
from pytest_django import Settings

from accounts.models import CallCount, Connection
from adminapi.jobs.prune import NAMES
from adminapi.management.commands import prune
from adminapi.models import LoginAttempt, LoginTurn, Session
from analytics import pruning as numbers
from analytics.models import AccountDay, DayTotal, HourTotal, InstallationDay, Snapshot, TargetDay, TargetNumbers
from analytics.periods import Granularity, Period
from analytics.queries import require_hours
from ouipost.api import idempotency
from ouipost.api.models import StoredAnswer
from ouipost.db import pruning
from tests.analytics.fake_network import connect, make_published
from tests.commands import running
from tests.factories import NOW, make_token, make_user
from workspaces.models import Workspace

AN_HOUR, A_DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(prune, "database_now", lambda: NOW)
    return NOW


def make_readings(workspace: Workspace, *ages: timedelta) -> None:
    """Write a reading and an hour of each of these ages, and the sums by the day."""
    account = connect(workspace)
    [target] = make_published(account, "1", at=NOW - 60 * A_DAY)
    numbers = TargetNumbers.objects.create(
        target=target,
        workspace=workspace,
        account=account,
        platform="facebook",
        published_at=NOW - 60 * A_DAY,
        published_hour=NOW - 60 * A_DAY,
        impressions=len(ages),
    )
    for age in ages:
        at = NOW - age
        Snapshot.objects.create(numbers=numbers, read_at=at, hour=at, read={}, impressions=1)
        HourTotal.objects.create(workspace=workspace, hour=at, platform="facebook", impressions=1)
    day = (NOW - 50 * A_DAY).date()
    total = DayTotal.objects.create(workspace=workspace, day=day, platform="facebook", impressions=len(ages))
    TargetDay.objects.create(total=total, numbers=numbers, impressions=len(ages))
    InstallationDay.objects.create(day=day, platform="facebook", impressions=len(ages))
    AccountDay.objects.create(account=account, day=day, followers=7, read_at=NOW - 50 * A_DAY)


def run(*arguments: str) -> list[str]:
    return running.run("prune", *arguments).splitlines()


def ages(rows: Any, column: str) -> list[timedelta]:
    return sorted(NOW - at for at in rows.values_list(column, flat=True))


def kept() -> list[Any]:
    """Return all that no prune may touch."""
    models = (TargetNumbers, DayTotal, TargetDay, InstallationDay, AccountDay)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


def test_a_dry_run_says_how_much_would_go_and_removes_nothing(workspace: Workspace) -> None:
    make_readings(workspace, A_DAY, 37 * A_DAY, 38 * A_DAY)

    assert run("--dry-run") == ["Sums by the hour: 2 would be removed", "Single readings: 2 would be removed"]

    assert (HourTotal.objects.count(), Snapshot.objects.count()) == (3, 3)


def test_what_is_older_goes_and_what_is_younger_and_every_sum_by_the_day_stays(workspace: Workspace) -> None:
    limit = 36 * A_DAY + 2 * AN_HOUR
    make_readings(workspace, A_DAY, limit, limit + AN_HOUR, 50 * A_DAY)
    before = kept()

    lines = run()

    assert lines == [
        "Sums by the hour: 2 of 2 removed",
        "Single readings: 2 of 2 removed",
    ]
    assert ages(HourTotal.objects, "hour") == ages(Snapshot.objects, "read_at") == [A_DAY, limit]
    assert kept() == before
    assert run() == ["There is nothing to remove."]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris", "Antarctica/Troll", "Pacific/Kiritimati"])
def test_no_hour_goes_that_can_still_be_asked_for(workspace: Workspace, zone: str) -> None:
    clocks = ZoneInfo(zone)
    first = datetime(2026, 10, 21, tzinfo=clocks)
    evening = datetime(2026, 11, 25, 23, 59, tzinfo=clocks).astimezone(UTC)  # meanwhile the clocks went back
    days = Period(first=first.date(), last=evening.date(), zone=zone, granularity=Granularity.HOUR)
    require_hours(days, now=evening)
    HourTotal.objects.create(workspace=workspace, hour=first, platform="facebook", impressions=1)

    pruning.remove_all(numbers.old(evening))

    assert HourTotal.objects.count() == 1


def test_the_operator_may_keep_them_longer(workspace: Workspace, settings: Settings) -> None:
    make_readings(workspace, 50 * A_DAY, 100 * A_DAY)
    settings.KEEP_SNAPSHOTS_DAYS = 90

    run()

    assert ages(HourTotal.objects, "hour") == ages(Snapshot.objects, "read_at") == [50 * A_DAY]


def test_the_operator_may_keep_them_for_ever(workspace: Workspace, settings: Settings) -> None:
    make_readings(workspace, 50 * A_DAY)
    settings.KEEP_SNAPSHOTS_DAYS = 999_999

    assert run() == ["There is nothing to remove."]


def test_it_goes_step_by_step_the_oldest_first_and_a_run_that_was_stopped_is_gone_on_with(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "AT_ONCE", 2)
    make_readings(workspace, *(number * A_DAY for number in range(35, 45)))
    hours, _ = numbers.old(NOW)

    assert next(iter(hours.remove())) == 2  # and whoever removes is stopped here

    assert ages(HourTotal.objects, "hour")[-1] == 42 * A_DAY
    assert run() == [
        "Sums by the hour: 2 of 6 removed",
        "Sums by the hour: 4 of 6 removed",
        "Sums by the hour: 6 of 6 removed",
        "Single readings: 2 of 8 removed",
        "Single readings: 4 of 8 removed",
        "Single readings: 6 of 8 removed",
        "Single readings: 8 of 8 removed",
    ]


def test_a_worker_removes_the_same(workspace: Workspace) -> None:
    make_readings(workspace, A_DAY, 40 * A_DAY)

    assert (pruning.remove_all(numbers.old(NOW)), pruning.remove_all(numbers.old(NOW))) == (2, 0)

    assert ages(HourTotal.objects, "hour") == ages(Snapshot.objects, "read_at") == [A_DAY]


def test_a_worker_that_ends_meanwhile_leaves_whole_steps(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "AT_ONCE", 2)
    make_readings(workspace, *(number * A_DAY for number in range(35, 45)))
    steps = iter([False, False, True, True])

    assert pruning.remove_all(numbers.old(NOW), is_ending=lambda: next(steps)) == 4

    assert ages(HourTotal.objects, "hour")[-1] == 40 * A_DAY


def test_what_is_of_use_for_hours_only_is_counted_and_removed_too(workspace: Workspace) -> None:
    over = NOW - 3 * A_DAY
    Connection.objects.create(workspace=workspace, platform="facebook", state_digest="a", expires_at=over)
    LoginAttempt.objects.create(email="a", ip_address="127.0.0.1", at=over)
    LoginTurn.objects.create(name="a", at=over)
    make_token(make_user(), expires_at=over)
    ConsoleSession.objects.create(session_key="a", expire_date=over)
    StoredAnswer.objects.create(digest="a", lease_until=over, created_at=over)
    CallCount.objects.create(at=over, network="facebook", kind="request", outcome="ok", calls=1, milliseconds=1)

    lines = run("--dry-run")
    run()

    names = ("connections", "logins", "turns", "sessions", "console_sessions", "answers", "calls")
    assert lines == [f"{NAMES[name]}: 1 would be removed" for name in names]
    models = (Connection, LoginAttempt, LoginTurn, Session, ConsoleSession, StoredAnswer, CallCount)
    assert not any(model._default_manager.exists() for model in models)


def test_a_step_takes_as_many_rows_as_any_database_finds_by_a_key_of_several_columns(db: None) -> None:
    CallCount.objects.bulk_create(
        CallCount(at=NOW - 3 * A_DAY, network=str(number), kind="request", outcome="ok", calls=1, milliseconds=1)
        for number in range(1_001)
    )

    assert run()[-1] == f"{NAMES['calls']}: 1001 of 1001 removed"


def test_a_row_that_is_begun_anew_while_it_is_removed_stays(db: None) -> None:
    StoredAnswer.objects.create(digest="a", lease_until=NOW, created_at=NOW - 2 * A_DAY)
    [answers] = idempotency.old(NOW)

    def begin_anew(_: object) -> None:
        StoredAnswer.objects.update(created_at=NOW)

    removed = list(pruning.Old(name="answers", rows=answers.rows, take_along=begin_anew).remove())

    assert (removed, StoredAnswer.objects.count()) == ([1], 1)
