"""Convert between a zone's local times and instants. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from ouipost import zones
from ouipost.errors import DomainError, InvalidInput
from ouipost.moments import NotAMoment, in_years
from ouipost.phrases import Phrase, either


class DoubtfulLocalTime(InvalidInput):
    """A local time that does not exist exactly once; `candidates` are the instants that it may mean."""

    def __init__(self, candidates: tuple[datetime, datetime], /, **fields: Sequence[str]) -> None:
        self.candidates = candidates
        super().__init__(**fields)


class NoSuchLocalTime(DoubtfulLocalTime):
    """The clocks skip this local time."""


class AmbiguousLocalTime(DoubtfulLocalTime):
    """The clocks show this local time twice."""


class UnknownZone(DomainError):
    """A row names a time zone that this machine does not know."""


def _clocks(zone: str) -> ZoneInfo:
    if not zones.is_known(zone):
        raise UnknownZone(Phrase("There is no time zone {zone} any more: choose another one.", zone=zone))
    return ZoneInfo(zone)


def instant(moment: datetime, *, zone: str) -> datetime:
    """Return the instant in UTC of a time, by its own offset, or else by the zone's at that time.

    Raises NoSuchLocalTime in a spring gap and AmbiguousLocalTime in an autumn fold, each with both candidates, and
    InvalidInput for a year that would not be accepted if it were sent back.
    """
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    local = moment.replace(tzinfo=_clocks(zone))
    first, second = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    if first == second:
        return _sendable(first)
    candidates = either([_shown(first, zone), _shown(second, zone)])
    words = {"given": moment.isoformat(), "zone": zone, "candidates": candidates}
    if first < second:
        message = Phrase("{given} happens twice in {zone}. Give an offset: {candidates}.", **words)
        raise AmbiguousLocalTime((first, second), scheduled_at=[message])
    message = Phrase("{given} does not exist in {zone}, the clocks jump over it. Take {candidates}.", **words)
    raise NoSuchLocalTime((first, second), scheduled_at=[message])


def _sendable(moment: datetime) -> datetime:
    try:
        return in_years(moment)
    except NotAMoment as error:
        raise InvalidInput(scheduled_at=[error.args[0]]) from error


def kept_local(moment: datetime, *, at: datetime) -> str:
    """Return a local time with its offset at this instant; empty if it was given with an offset."""
    if moment.tzinfo is not None:
        return ""
    return moment.replace(tzinfo=timezone(moment - at.replace(tzinfo=None))).isoformat()


def local_moves_to(kept: str, *, zone: str) -> datetime:
    """Return the instant in UTC of a kept local time by the zone's present rules; gaps and folds as in `occurs_at`."""
    local = datetime.fromisoformat(kept)
    return occurs_at(local.date(), local.time(), zone=zone)


def _shown(moment: datetime, zone: str) -> str:
    return moment.astimezone(_clocks(zone)).isoformat()


DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEK = timedelta(weeks=1)


def occurs_at(day: date, at: time, *, zone: str) -> datetime:
    """Return the instant in UTC of a slot's time on a date.

    A time that the clocks skip moves forward by the length of the gap. A time that comes twice means the first.
    """
    return datetime.combine(day, at, tzinfo=_clocks(zone)).astimezone(UTC)


def first_date(weekday: int, at: time, *, zone: str, after: datetime) -> date:
    """Return the first date on which this time of the week (0 is Monday) comes later than an instant."""
    near = after.astimezone(_clocks(zone)).date() - timedelta(days=2)
    day = near + timedelta(days=(weekday - near.weekday()) % 7)
    while occurs_at(day, at, zone=zone) <= after:
        day += WEEK
    return day


def dates(weekday: int, at: time, *, zone: str, after: datetime) -> Iterator[date]:
    """Give the dates on which this time of the week comes later than an instant, in order, without end."""
    day = first_date(weekday, at, zone=zone, after=after)
    while True:
        yield day
        day += WEEK


def week_of(moment: datetime, *, zone: str) -> tuple[datetime, datetime]:
    """Return the instants at which the week of a moment begins and ends: Monday, midnight, by the zone's clock."""
    zone = _readable(zone)
    today = moment.astimezone(_clocks(zone)).date()
    monday = today - timedelta(days=today.weekday())
    return occurs_at(monday, time(0), zone=zone), occurs_at(monday + WEEK, time(0), zone=zone)


def shown(moment: datetime, *, zone: str) -> str:
    """Return a moment in whole seconds, with the offset that the zone has then."""
    return moment.astimezone(_clocks(_readable(zone))).replace(microsecond=0).isoformat()


def comes_twice(local: datetime) -> bool:
    """Return whether the clocks show this local time twice, so that it is ambiguous without an offset."""
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def offset(local: datetime) -> str:
    """Return how far a local time is from UTC, as in UTC+02:00."""
    return f"UTC{local.isoformat(timespec='seconds')[19:]}"


def _readable(zone: str) -> str:
    """Return the zone, or UTC for an unknown one, so that stored times can still be shown."""
    return zone if zones.is_known(zone) else "UTC"


@dataclass(frozen=True, kw_only=True)
class ClockChange:
    """An instant at which a zone's clocks change, with the local times just before and from then on."""

    at: datetime
    before: datetime
    after: datetime

    @property
    def is_forward(self) -> bool:
        return self.after > self.before

    @property
    def day(self) -> date:
        """Return the day whose times are skipped or come twice; if clocks go back at midnight, the day before."""
        return min(self.before, self.after).date()


def clock_changes(start: datetime, end: datetime, *, zone: str) -> list[ClockChange]:
    """Return when the clocks of a zone change between two instants; two changes within a day are not found."""
    clocks, day, found = _clocks(zone), timedelta(days=1), []
    while start < end:
        following = min(start + day, end)
        if _offset(start, clocks) != _offset(following, clocks):
            found.append(_change_between(start, following, clocks))
        start = following
    return found


def _change_between(start: datetime, end: datetime, clocks: ZoneInfo) -> ClockChange:
    """Search for the second from which the offset differs from the one at the start."""
    earlier, second = _offset(start, clocks), timedelta(seconds=1)
    while end - start > second:
        middle = start + timedelta(seconds=(end - start) // second // 2 or 1)
        start, end = (middle, end) if _offset(middle, clocks) == earlier else (start, middle)
    at = end.replace(microsecond=0)
    local = at.replace(tzinfo=None)
    return ClockChange(at=at, before=local + earlier, after=local + _offset(at, clocks))


def _offset(moment: datetime, clocks: ZoneInfo) -> timedelta:
    return moment.astimezone(clocks).utcoffset() or timedelta()
