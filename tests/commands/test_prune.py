"""`prune` removes what was kept long enough, step by step; what is younger, and every sum by the day, stays."""

from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import Settings

from adminapi.management.commands import prune
from analytics import pruning as numbers
from analytics.models import AccountDay, DayTotal, HourTotal, InstallationDay, Snapshot, TargetDay, TargetNumbers
from ouipost import pruning
from tests.analytics.paper import connect, make_published
from tests.factories import NOW
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
    output = StringIO()
    call_command("prune", *arguments, stdout=output)
    return output.getvalue().splitlines()


def ages(rows: Any, column: str) -> list[timedelta]:
    return sorted(NOW - at for at in rows.values_list(column, flat=True))


def kept() -> list[Any]:
    """Return all that no prune may touch."""
    models = (TargetNumbers, DayTotal, TargetDay, InstallationDay, AccountDay)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


def test_a_dry_run_says_how_much_would_go_and_removes_nothing(workspace: Workspace) -> None:
    make_readings(workspace, A_DAY, 37 * A_DAY, 38 * A_DAY)

    assert run("--dry-run") == ["Would remove 2 hours.", "Would remove 2 snapshots."]

    assert (HourTotal.objects.count(), Snapshot.objects.count()) == (3, 3)


def test_what_is_older_goes_and_what_is_younger_and_every_sum_by_the_day_stays(workspace: Workspace) -> None:
    limit = 36 * A_DAY
    make_readings(workspace, A_DAY, limit, limit + AN_HOUR, 50 * A_DAY)
    before = kept()

    lines = run()

    assert lines == [
        "2 of 2 hours removed",
        "Removed 2 hours.",
        "2 of 2 snapshots removed",
        "Removed 2 snapshots.",
    ]
    assert ages(HourTotal.objects, "hour") == ages(Snapshot.objects, "read_at") == [A_DAY, limit]
    assert kept() == before
    assert run() == ["There is nothing to remove."]


def test_the_operator_may_keep_them_longer(workspace: Workspace, settings: Settings) -> None:
    make_readings(workspace, 50 * A_DAY, 100 * A_DAY)
    settings.KEEP_SNAPSHOTS_DAYS = 90

    run()

    assert ages(HourTotal.objects, "hour") == ages(Snapshot.objects, "read_at") == [50 * A_DAY]


def test_it_goes_step_by_step_the_oldest_first_and_a_run_that_was_stopped_is_gone_on_with(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "AT_ONCE", 2)
    make_readings(workspace, *(number * A_DAY for number in range(35, 45)))
    hours, _ = numbers.old(NOW)

    assert next(iter(hours.remove())) == 2  # and whoever removes is stopped here

    assert ages(HourTotal.objects, "hour")[-1] == 42 * A_DAY
    assert run() == [
        "2 of 6 hours removed",
        "4 of 6 hours removed",
        "6 of 6 hours removed",
        "Removed 6 hours.",
        "2 of 8 snapshots removed",
        "4 of 8 snapshots removed",
        "6 of 8 snapshots removed",
        "8 of 8 snapshots removed",
        "Removed 8 snapshots.",
    ]


def test_a_worker_removes_the_same(workspace: Workspace) -> None:
    make_readings(workspace, A_DAY, 40 * A_DAY)

    assert (numbers.forget_old(NOW), numbers.forget_old(NOW)) == (2, 0)

    assert ages(HourTotal.objects, "hour") == ages(Snapshot.objects, "read_at") == [A_DAY]
