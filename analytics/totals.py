"""The sums for reports, updated with every reading in its transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db.models import Model

from analytics.gains import COUNTED, Numbers, sum_by_key
from analytics.models import DayTotal, HourTotal, InstallationDay, PlatformTotal, TargetDay, WorkspaceDay
from ouipost.db.rows import add_each

SUMMED = ("posts", *COUNTED)
NOTHING: Numbers = dict.fromkeys(COUNTED)
Day = tuple[str, date, str]
"""A workspace's id, a day of its calendar, and a network."""


@dataclass(frozen=True, kw_only=True)
class Gain:
    """The gain of one target by one reading, or by being published."""

    numbers_id: int
    workspace_id: str
    platform: str
    day: date
    hour: datetime
    counts: Numbers = field(default_factory=lambda: NOTHING)
    posts: int = 0

    @property
    def key(self) -> Day:
        return self.workspace_id, self.day, self.platform

    @property
    def summed(self) -> Numbers:
        return {"posts": self.posts, **self.counts}


def add_all(gains: Iterable[Gain]) -> None:
    """Add gains to their targets, hours and days, in the caller's transaction; a gain of 0 is known, unlike null.

    Rows that many transactions add to come last, as they stay locked until the transaction ends.
    """
    told = [gain for gain in gains if any(number is not None for number in gain.counts.values()) or gain.posts]
    if not told:
        return
    _add_shares([gain for gain in told if any(gain.summed.values())])
    add_hours((gain.workspace_id, gain.hour, gain.platform, gain.summed) for gain in told)
    add_days((*gain.key, gain.summed) for gain in told)


def _add_shares(gains: Sequence[Gain]) -> None:
    """Add to each target's share of its day; a target that gained nothing needs no row."""
    days = _day_totals({gain.key for gain in gains}) if gains else {}
    shares = (((days[gain.key], gain.numbers_id), gain.summed) for gain in gains)
    _add(TargetDay, ("total_id", "numbers_id"), shares)


def add_hours(hours: Iterable[tuple[str, datetime, str, Numbers]]) -> None:
    """Add to the hours of workspaces and networks."""
    rows = (((workspace, hour, platform), numbers) for workspace, hour, platform, numbers in hours)
    _add(HourTotal, ("workspace_id", "hour", "platform"), rows)


def add_days(days: Iterable[tuple[str, date, str, Numbers]]) -> None:
    """Add to the days of workspaces and networks, and to those of the whole installation."""
    told = list(days)
    rows = (((workspace, day, platform), numbers) for workspace, day, platform, numbers in told)
    _add(DayTotal, ("workspace_id", "day", "platform"), rows)
    _add(WorkspaceDay, ("workspace_id", "day"), (((workspace, day), numbers) for workspace, day, _, numbers in told))
    published = (
        ((workspace, platform), {"posts": numbers["posts"]})
        for workspace, _, platform, numbers in told
        if numbers["posts"]
    )
    _add(PlatformTotal, ("workspace_id", "platform"), published)
    add_installation((day, platform, numbers) for _, day, platform, numbers in told)


def add_installation(days: Iterable[tuple[date, str, Numbers]]) -> None:
    """Add to the days of the whole installation."""
    _add(InstallationDay, ("day", "platform"), (((day, platform), numbers) for day, platform, numbers in days))


def negative(numbers: Numbers) -> dict[str, int | None]:
    """Return the negative of these numbers, which takes them away again."""
    return {name: None if number is None else -number for name, number in numbers.items()}


def _day_totals(keys: set[Day]) -> dict[Day, int]:
    """Return the ids of the days' rows, and create the missing ones."""
    found = _find(keys)
    missing = sorted(keys - set(found))
    if missing:
        rows = [DayTotal(workspace_id=workspace, day=day, platform=platform) for workspace, day, platform in missing]
        DayTotal.objects.bulk_create(rows, ignore_conflicts=True)  # another process may create the same ones
        found |= _find(set(missing))
    return found


def _find(keys: set[Day]) -> dict[Day, int]:
    workspaces, days, platforms = (set(each) for each in zip(*keys, strict=True))
    rows = DayTotal.objects.filter(workspace__in=workspaces, day__in=days, platform__in=platforms)
    columns = rows.values_list("pk", "workspace", "day", "platform")
    return {(workspace, day, platform): pk for pk, workspace, day, platform in columns}


def _add(model: type[Model], columns: Sequence[str], pairs: Iterable[tuple[tuple[Any, ...], Numbers]]) -> None:
    """Add numbers to the rows with these keys; numbers with the same key are summed first."""
    found = sum_by_key(pairs).items()
    add_each(model, columns, [dict(zip(columns, key, strict=True)) | dict(numbers) for key, numbers in found])
