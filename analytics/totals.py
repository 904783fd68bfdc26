"""The sums that reports are made of, kept in step with every reading in its own transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from analytics.gains import COUNTED, Numbers, summed
from analytics.models import DayTotal, HourTotal, InstallationDay, PlatformTotal, TargetDay, WorkspaceDay
from ouipost.rows import add_each

SUMMED = ("posts", *COUNTED)
NOTHING: Numbers = dict.fromkeys(COUNTED)
Day = tuple[str, date, str]
"""A workspace's id, a day of its calendar, and a network."""
Columns = tuple[tuple[str, Any], ...]
"""The key of a row: its columns, each with its value."""


@dataclass(frozen=True, kw_only=True)
class Gain:
    """What one target gained by one reading, or by being published."""

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

    Rows that many add to come last: they stay locked until the transaction ends.
    """
    told = [gain for gain in gains if any(number is not None for number in gain.counts.values()) or gain.posts]
    if not told:
        return
    _add_shares([gain for gain in told if any(gain.summed.values())])
    add_hours((gain.workspace_id, gain.hour, gain.platform, gain.summed) for gain in told)
    add_days((*gain.key, gain.summed) for gain in told)


def _add_shares(gains: Sequence[Gain]) -> None:
    """Add to what each target has of its day; one that gained nothing needs no row."""
    days = _day_totals({gain.key for gain in gains}) if gains else {}
    shares = (((("total_id", days[gain.key]), ("numbers_id", gain.numbers_id)), gain.summed) for gain in gains)
    add_each(TargetDay, ("total_id", "numbers_id"), _rows(shares))


def add_hours(hours: Iterable[tuple[str, datetime, str, Numbers]]) -> None:
    """Add to the hours of workspaces and networks."""
    rows = (
        ((("workspace_id", workspace), ("hour", hour), ("platform", platform)), numbers)
        for workspace, hour, platform, numbers in hours
    )
    add_each(HourTotal, ("workspace_id", "hour", "platform"), _rows(rows))


def add_days(days: Iterable[tuple[str, date, str, Numbers]]) -> None:
    """Add to the days of workspaces and networks, and to those of the whole installation."""
    told = list(days)
    rows = (
        ((("workspace_id", workspace), ("day", day), ("platform", platform)), numbers)
        for workspace, day, platform, numbers in told
    )
    add_each(DayTotal, ("workspace_id", "day", "platform"), _rows(rows))
    days_of_all = (((("workspace_id", workspace), ("day", day)), numbers) for workspace, day, _, numbers in told)
    add_each(WorkspaceDay, ("workspace_id", "day"), _rows(days_of_all))
    published = (
        ((("workspace_id", workspace), ("platform", platform)), {"posts": numbers["posts"]})
        for workspace, _, platform, numbers in told
        if numbers["posts"]
    )
    add_each(PlatformTotal, ("workspace_id", "platform"), _rows(published))
    add_installation((day, platform, numbers) for _, day, platform, numbers in told)


def add_installation(days: Iterable[tuple[date, str, Numbers]]) -> None:
    """Add to the days of the whole installation."""
    rows = (((("day", day), ("platform", platform)), numbers) for day, platform, numbers in days)
    add_each(InstallationDay, ("day", "platform"), _rows(rows))


def negative(numbers: Numbers) -> dict[str, int | None]:
    """Return the negative of these numbers, which takes them away again."""
    return {name: None if number is None else -number for name, number in numbers.items()}


def _day_totals(keys: set[Day]) -> dict[Day, int]:
    """Return the ids of the days' rows, made where they are missing."""
    found = _find(keys)
    missing = sorted(keys - set(found))
    if missing:
        rows = [DayTotal(workspace_id=workspace, day=day, platform=platform) for workspace, day, platform in missing]
        DayTotal.objects.bulk_create(rows, ignore_conflicts=True)  # another may do the same right now
        found |= _find(set(missing))
    return found


def _find(keys: set[Day]) -> dict[Day, int]:
    workspaces, days, platforms = (set(each) for each in zip(*keys, strict=True))
    rows = DayTotal.objects.filter(workspace__in=workspaces, day__in=days, platform__in=platforms)
    columns = rows.values_list("pk", "workspace", "day", "platform")
    return {(workspace, day, platform): pk for pk, workspace, day, platform in columns}


def _rows(pairs: Iterable[tuple[Columns, Numbers]]) -> Sequence[Mapping[str, Any]]:
    """Return one row for each key, with the sums of what comes with it."""
    return [dict(columns) | dict(numbers) for columns, numbers in summed(pairs).items()]
