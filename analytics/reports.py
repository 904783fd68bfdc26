"""Report the gains of a workspace, or of the whole installation, in a period: from the sums alone, in one query."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet, Sum

from accounts import registry
from analytics.gains import Numbers, bucketed, rate, sum_by_key
from analytics.models import AccountSync, DayTotal, HourTotal, InstallationDay, PlatformTotal, WorkspaceDay
from analytics.periods import A_DAY, Granularity, Period
from analytics.totals import SUMMED, negative
from ouipost.db.prepared import fetch
from ouipost.db.replica import on_replica
from ouipost.moments import written_in_utc
from workspaces.models import Workspace

ZEROS: Numbers = dict.fromkeys(SUMMED, 0)
"""The numbers reported if nothing was counted."""
TOLD = ("impressions", "engagement", "posts")
"""The numbers of a timeline."""
SUMS = {name: Sum(name) for name in SUMMED}
Row = tuple[date, str, Numbers]
"""A day, or for hours an instant; a network; and the gain."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The numbers to report: of one workspace, some or all; and of one network or all."""

    workspace: Workspace | None = None
    workspace_ids: Sequence[str] | None = None
    platform: str = ""

    def rows(self, period: Period) -> list[Row]:
        """Return the gains by day or hour and by network, in any order."""
        by_hour = period.granularity == Granularity.HOUR
        field, first, last = ("hour", period.starts, period.ends) if by_hour else ("day", period.first, period.last)
        matching = {f"{field}__gte": first, f"{field}__lte": last} | self.matching
        found = fetch(_sums, self._model(by_hour=by_hour), field, self.workspace_ids is not None, **matching)
        rows: list[Row] = [(at, name, dict(zip(SUMMED, numbers, strict=True))) for at, name, *numbers in found]
        return rows if self._whose() else [*rows, *self._leaving(period)]

    def _leaving(self, period: Period) -> Iterator[Row]:
        """Give the negative gains of deleted workspaces: the installation's sums contain them until their removal.

        They are read after those sums: a workspace that is removed in between is counted, not subtracted twice.
        """
        deleted = Workspace.objects.exclude(deleted_at=None)
        rows = DayTotal.objects.filter(workspace__in=deleted, day__range=(period.first, period.last), **self.matching)
        for at, platform, *numbers in rows.values_list("day", "platform", *SUMMED):
            yield at, platform, negative(dict(zip(SUMMED, numbers, strict=True)))

    def last_day(self, today: date) -> date:
        """Return the newest day that may have numbers: today in UTC, or tomorrow if a zone ahead of UTC has some."""
        tomorrow: dict[str, Any] = {"day": today + A_DAY} | self._whose()
        has_begun = self._model(by_hour=False)._default_manager.filter(**tomorrow).exists()
        return today + A_DAY if has_begun else today

    def _model(self, *, by_hour: bool) -> type[DayTotal | HourTotal | InstallationDay]:
        if not self._whose():
            return InstallationDay
        return HourTotal if by_hour else DayTotal

    @property
    def matching(self) -> dict[str, Any]:
        """Return the filters that match this scope's rows."""
        return self._whose() | ({"platform": self.platform} if self.platform else {})

    def _whose(self) -> dict[str, Any]:
        some = {} if self.workspace_ids is None else {"workspace__in": list(self.workspace_ids)}
        return {"workspace": self.workspace.pk} if self.workspace else some

    def posts_by_platform(self) -> dict[str, int]:
        """Return the number of targets ever published by network, the largest first."""
        rows = PlatformTotal.objects.filter(**self._whose(), workspace__deleted_at=None).order_by()
        found = rows.values_list("platform").annotate(published=Sum("posts"))
        counted = {platform: int(published) for platform, published in found if published}
        return dict(sorted(counted.items(), key=lambda each: (-each[1], registry.IDS.index(each[0]))))

    def as_of(self) -> datetime | None:
        """Return the time of the last reading, including those of accounts disconnected since."""
        found = fetch(_last_read, **{f"account__{name}": value for name, value in self.matching.items()})
        return found[0][0] if found else None


def _sums(
    model: type[DayTotal | HourTotal | InstallationDay], field: str, added: bool, **matching: Any
) -> "QuerySet[Any, Any]":
    """Match the sums by time and network; `added` are those of several workspaces into one."""
    rows = model._default_manager.filter(**matching)
    rows = rows.values(field, "platform").annotate(**SUMS) if added else rows
    return rows.values_list(field, "platform", *SUMMED)


def _last_read(**matching: Any) -> "QuerySet[AccountSync, Any]":
    rows = AccountSync.objects.filter(account__workspace__deleted_at=None, read_at__isnull=False, **matching)
    return rows.order_by("-read_at").values_list("read_at")[:1]


@dataclass(frozen=True, kw_only=True)
class Report:
    """A period's numbers, summed in three ways that agree."""

    summary: Mapping[str, Any]
    by_platform: Mapping[str, Mapping[str, Any]]
    timeline: Sequence[Mapping[str, Any]]
    """One entry for each bucket, including empty ones."""


def report(scope: Scope, period: Period) -> Report:
    """Return the gains of a period."""
    rows = scope.rows(period)
    platforms = sum_by_key((platform, numbers) for _, platform, numbers in rows)
    by_platform = {name: _rated(platforms[name]) for name in registry.IDS if name in platforms}
    return Report(summary=_summary(platforms, by_platform), by_platform=by_platform, timeline=_timeline(rows, period))


@on_replica
def table(scope: Scope, period: Period) -> list[dict[str, Any]]:
    """Return a row for each bucket and network with counts, in order of time."""
    pairs = (((period.bucket_of(at), platform), numbers) for at, platform, numbers in scope.rows(period))
    found = sorted(sum_by_key(pairs).items())
    return [{"date": shown_bucket(at), "platform": platform, **numbers} for (at, platform), numbers in found]


def shown_bucket(at: date) -> str:
    """Return a bucket as answers show it: its first day, or for hours its instant."""
    return written_in_utc(at) if isinstance(at, datetime) else at.isoformat()


def by_workspace(names: Mapping[str, str], period: Period) -> list[dict[str, Any]]:
    """Return the gain of each of these workspaces, the most engaged first, without those that gained nothing."""
    rows = WorkspaceDay.objects.filter(workspace__in=list(names))
    days = rows.filter(day__range=(period.first, period.last)).order_by()
    gained = days.values("workspace").annotate(**SUMS).values_list("workspace", *SUMMED)
    found = {pk: dict(zip(SUMMED, numbers, strict=True)) for pk, *numbers in gained}
    told = {pk: numbers for pk, numbers in found.items() if any(numbers.values())}  # a deleted post leaves zeros behind
    shown = [{"id": pk, "name": names[pk], **_rated(numbers)} for pk, numbers in told.items()]
    return sorted(shown, key=lambda each: (-(each["engagement"] or 0), -each["posts"], each["id"]))


def _rated(numbers: Numbers) -> dict[str, Any]:
    return {**numbers, "engagement_rate": rate(numbers["engagement"], numbers["impressions"])}


def _summary(platforms: Mapping[str, Numbers], by_platform: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    numbers = sum_by_key(("all", each) for each in platforms.values()).get("all", ZEROS)
    return {
        **{f"total_{name}": numbers[name] for name in SUMMED},
        "avg_engagement_rate": rate(numbers["engagement"], numbers["impressions"]),
        "best_performing_platform": _best(by_platform),
    }


def _best(by_platform: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the network with the highest engagement rate; of equal ones the first in the usual order.

    A network that corrected its numbers downwards may have lost more than it gained: its rate means nothing.
    """
    seen = {
        name: numbers["engagement_rate"] for name, numbers in by_platform.items() if (numbers["impressions"] or 0) > 0
    }
    known = {name: rate for name, rate in seen.items() if rate is not None and rate >= 0}
    return max(known, key=lambda name: known[name]) if known else None


def _timeline(rows: Sequence[Row], period: Period) -> list[dict[str, Any]]:
    gained = sum_by_key((period.bucket_of(at), numbers) for at, _, numbers in rows)
    found = bucketed(gained, period.buckets, TOLD)
    return [{"date": shown_bucket(bucket), **numbers} for bucket, numbers in found]
