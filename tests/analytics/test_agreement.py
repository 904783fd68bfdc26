"""Whatever was published, read, corrected and removed: the sums agree with each other and with what was read."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.models import SocialAccount
from accounts.platforms.errors import RateLimited
from accounts.platforms.shapes import PostNumbers
from analytics import removal
from analytics.gains import COUNTED
from analytics.models import (
    AccountDay,
    DayTotal,
    HourTotal,
    InstallationDay,
    PlatformTotal,
    Snapshot,
    TargetDay,
    TargetNumbers,
    WorkspaceDay,
)
from analytics.periods import A_DAY, Granularity, Period, day_of, hour_of
from analytics.reports import Scope, report, table
from analytics.top import top_targets
from analytics.totals import SUMMED
from ouipost.events.journal import SYSTEM
from posts import services
from posts.models import Post, Target
from tests.analytics.readings import publish_to, read
from tests.factories import make_account, make_workspace
from workspaces.models import Workspace

BEGINNING = datetime(2026, 3, 1, tzinfo=UTC)
"""The clocks change on the way, in Europe and in America."""
ZONES = ("UTC", "Europe/Paris", "America/New_York", "Asia/Kathmandu")
NUMBER = st.one_of(st.none(), st.integers(0, 1000))
READINGS = st.tuples(NUMBER, NUMBER, NUMBER, NUMBER)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(0, 2), st.integers(0, 72)),
        st.tuples(st.just("read"), st.integers(0, 20), st.integers(0, 72), READINGS),
        st.tuples(st.just("delete"), st.integers(0, 20), st.integers(0, 5)),
        st.tuples(st.just("move"), st.sampled_from(ZONES), st.integers(0, 5)),
    ),
    min_size=3,
    max_size=25,
)


@dataclass
class World:
    """Two workspaces, and all that was read in them: by target, each gain with its day and hour."""

    workspaces: list[Workspace]
    accounts: list[list[SocialAccount]]
    now: datetime = BEGINNING
    targets: list[Target] = field(default_factory=list)
    known: dict[str, dict[str, int | None]] = field(default_factory=dict)
    gains: dict[str, list[tuple[date, datetime, dict[str, int | None]]]] = field(default_factory=dict)

    def play(self, steps: list[tuple[Any, ...]]) -> None:
        for step in steps:
            getattr(self, step[0])(*step[1:])

    def publish(self, place: int, hours: int) -> None:
        """Publish from one account, or from two at once."""
        self.now += timedelta(hours=hours)
        accounts = self.accounts[place % 2]
        for target in publish_to(accounts if place == 2 else accounts[:1], at=self.now):
            zone = target.account.workspace.timezone
            self.targets.append(target)
            self.known[target.pk] = dict.fromkeys(COUNTED)
            gain = {"posts": 1, **dict.fromkeys(COUNTED)}
            self.gains[target.pk] = [(day_of(self.now, zone=zone), hour_of(self.now, zone=zone), gain)]

    def read(self, place: int, hours: int, told: tuple[int | None, ...]) -> None:
        self.now += timedelta(hours=hours)
        if not self.targets:
            return
        target = self.targets[place % len(self.targets)]
        numbers = dict(zip(COUNTED, told, strict=True))
        read(target.account, at=self.now, posts={target.pk: PostNumbers(**numbers)})  # type: ignore[arg-type]
        known = self.known[target.pk]
        gain = {name: None if number is None else number - (known[name] or 0) for name, number in numbers.items()}
        known |= {name: number for name, number in numbers.items() if number is not None}
        zone = Workspace.objects.get(pk=target.account.workspace_id).timezone
        entry = (day_of(self.now, zone=zone), hour_of(self.now, zone=zone), {"posts": 0, **gain})
        self.gains[target.pk].append(entry)

    def delete(self, place: int, hours: int) -> None:
        """Delete a post with all its targets."""
        self.now += timedelta(hours=hours)
        if not self.targets:
            return
        post_id = self.targets[place % len(self.targets)].post_id
        services.delete_post(Post.objects.get(pk=post_id), actor=SYSTEM)
        for target in [target for target in self.targets if target.post_id == post_id]:
            self.targets.remove(target)
            del self.gains[target.pk]

    def move(self, zone: str, hours: int) -> None:
        """Let a workspace have another calendar from now on."""
        self.now += timedelta(hours=hours)
        Workspace.objects.filter(pk=self.workspaces[0].pk).update(settings={"timezone": zone})
        for accounts in self.accounts:
            for account in accounts:
                account.workspace.refresh_from_db()


def summed(entries: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return the sums of all numbers; what is not known counts nothing."""
    found = list(entries)
    return {name: sum(entry[name] or 0 for entry in found) for name in SUMMED}


def make_world() -> World:
    workspaces = [make_workspace(settings={"timezone": "Europe/Paris"}), make_workspace(name="Other")]
    accounts = [[make_account(each), make_account(each, platform="twitter", remote_id="2")] for each in workspaces]
    return World(workspaces=workspaces, accounts=accounts)


@pytest.mark.thorough
class TestAgreement(TestCase):
    """On a database that each example finds empty."""

    @given(steps=STEPS, first=st.integers(-2, 60), days=st.integers(0, 60))
    @settings(max_examples=50, suppress_health_check=list(HealthCheck))
    def test_sums_agree_with_each_other_and_with_what_was_read(
        self, steps: list[tuple[Any, ...]], first: int, days: int
    ) -> None:
        world = make_world()
        world.play(steps)

        begins = BEGINNING.date() + first * A_DAY
        for workspace, scope in self.scopes(world):
            for granularity in Granularity:
                if workspace is None and granularity == Granularity.HOUR:
                    continue
                period = Period(first=begins, last=begins + days * A_DAY, zone="Europe/Paris", granularity=granularity)
                self.check_report(scope, period)
            self.check_against_gains(world, workspace, scope, begins, begins + days * A_DAY)
        self.check_every_kind_of_sum(world)

    def scopes(self, world: World) -> Iterator[tuple[Workspace | None, Scope]]:
        yield None, Scope()
        for workspace in world.workspaces:
            yield workspace, Scope(workspace=workspace)

    def check_report(self, scope: Scope, period: Period) -> None:
        found = report(scope, period)
        platforms, summary = found.by_platform.values(), found.summary
        for name in SUMMED:
            assert sum(each[name] or 0 for each in platforms) == (summary[f"total_{name}"] or 0)
            assert sum(each[name] or 0 for each in table(scope, period)) == (summary[f"total_{name}"] or 0)
        for name in ("posts", "impressions", "engagement"):
            assert sum(each[name] or 0 for each in found.timeline) == (summary[f"total_{name}"] or 0)

    def check_against_gains(
        self, world: World, workspace: Workspace | None, scope: Scope, first: date, last: date
    ) -> None:
        mine = {
            target.pk: [gain for day, _, gain in world.gains[target.pk] if first <= day <= last]
            for target in world.targets
            if workspace is None or target.account.workspace_id == workspace.pk
        }
        period = Period(first=first, last=last, zone="Europe/Paris")
        wanted = summed(gain for gains in mine.values() for gain in gains)
        summary = report(scope, period).summary
        assert {name: summary[f"total_{name}"] or 0 for name in SUMMED} == {
            name: wanted.get(name, 0) for name in SUMMED
        }
        if workspace is not None:
            self.check_top(workspace, period, mine)

    def check_top(self, workspace: Workspace, period: Period, gains: dict[str, list[dict[str, Any]]]) -> None:
        told = {pk: [gain for gain in found if any(gain.values())] for pk, found in gains.items()}
        engaged = {
            pk: sum(gain["engagement"] or 0 for gain in found)
            for pk, found in told.items()
            if any(gain["engagement"] is not None for gain in found)
        }
        numbers = dict(TargetNumbers.objects.values_list("pk", "target"))
        best = [(numbers[top.numbers_id], top.engagement) for top in top_targets(workspace, period)]
        assert sorted(engaged.values(), reverse=True)[:10] == [count for _, count in best]
        assert all(engaged[pk] == count for pk, count in best)

    def check_every_kind_of_sum(self, world: World) -> None:
        wanted = summed(gain for gains in world.gains.values() for _, _, gain in gains)
        for model in (TargetDay, DayTotal, HourTotal, WorkspaceDay, InstallationDay):
            assert summed(model._default_manager.values(*SUMMED)) == wanted, model
        assert sum(PlatformTotal.objects.values_list("posts", flat=True)) == wanted["posts"]
        snapshots = summed({"posts": 0, **each} for each in Snapshot.objects.values(*COUNTED))
        assert snapshots == wanted | {"posts": 0}
        for numbers in TargetNumbers.objects.all():
            assert {name: getattr(numbers, name) for name in COUNTED} == world.known[numbers.target_id]


@pytest.mark.parametrize("zone", ZONES)
def test_a_deleted_post_leaves_nothing_in_any_sum(workspace: Workspace, zone: str) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(settings={"timezone": zone})
    workspace.refresh_from_db()
    accounts = [make_account(workspace), make_account(workspace, platform="twitter", remote_id="2")]
    targets = publish_to(accounts, at=BEGINNING)
    for days in range(5):
        for target in targets:
            numbers = PostNumbers(impressions=100 * days, engagement=7 - days, clicks=None)
            read(target.account, at=BEGINNING + days * A_DAY, posts={target.pk: numbers})

    services.delete_post(Post.objects.get(), actor=SYSTEM)

    for model in (DayTotal, HourTotal, WorkspaceDay, InstallationDay):
        assert set(summed(model._default_manager.values(*SUMMED)).values()) == {0}
        for row in model._default_manager.values(*SUMMED):
            assert not any(row.values())
    for gone in (TargetDay, Snapshot, TargetNumbers):
        assert not gone._default_manager.exists()


OF_WORKSPACES: tuple[tuple[Any, str], ...] = (
    *((model, "workspace") for model in (TargetNumbers, DayTotal, HourTotal, WorkspaceDay, PlatformTotal)),
    (AccountDay, "account__workspace"),
)


def rows_of(workspace: Workspace) -> list[int]:
    return [model.objects.filter(**{place: workspace}).count() for model, place in OF_WORKSPACES]


@pytest.mark.django_db
def test_a_workspace_that_is_removed_takes_its_own_numbers_along_and_no_others() -> None:
    gone, other = make_workspace(), make_workspace(name="Other")
    for each in (gone, other):
        [target] = publish_to([make_account(each)], at=BEGINNING)
        read(target.account, at=BEGINNING + A_DAY, posts={target.pk: PostNumbers(impressions=5)})
        AccountDay.objects.create(account=target.account, day=BEGINNING.date(), read_at=BEGINNING)
    before = rows_of(other)

    while not removal.purge(gone):
        pass

    assert (rows_of(gone), rows_of(other)) == ([0] * len(OF_WORKSPACES), before)
    assert all(before)
    assert summed(InstallationDay.objects.values(*SUMMED)) == summed(DayTotal.objects.values(*SUMMED))


def test_who_only_waits_for_a_quota_is_not_in_trouble_however_often(workspace: Workspace) -> None:
    account = make_account(workspace)

    for minutes in range(8):
        at = BEGINNING + timedelta(minutes=minutes)
        read(account, at=at, error=RateLimited("Wait.", retry_after=30))

    account.refresh_from_db()
    assert (account.status, account.sync.failures) == ("active", 8)
