"""Wall-clock times and instants: the only place that knows about zones. Pure."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ouipost.errors import InvalidInput


class NoSuchLocalTime(InvalidInput):
    """The clocks jump over this local time."""


class AmbiguousLocalTime(InvalidInput):
    """The clocks show this local time twice."""


def instant(moment: datetime, *, zone: str, field: str = "scheduled_at") -> datetime:
    """Return the instant in UTC that a time means: its own offset counts, else the zone's at that time.

    Raises NoSuchLocalTime in a spring gap and AmbiguousLocalTime in an autumn fold, each with both candidates.
    """
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    local = moment.replace(tzinfo=ZoneInfo(zone))
    first, second = local.replace(fold=0).astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    if first == second:
        return first
    given, candidates = moment.isoformat(), f"{_shown(first, zone)} or {_shown(second, zone)}"
    if first < second:
        raise AmbiguousLocalTime(**{field: [f"{given} happens twice in {zone}. Give an offset: {candidates}."]})
    raise NoSuchLocalTime(**{field: [f"{given} does not exist in {zone}, the clocks jump over it. Take {candidates}."]})


def _shown(moment: datetime, zone: str) -> str:
    return moment.astimezone(ZoneInfo(zone)).isoformat()


def too_late(scheduled_at: datetime, *, now: datetime, minutes: int) -> bool:
    """Whether a post that was due then is later than its workspace allows."""
    return now > scheduled_at + timedelta(minutes=minutes)
