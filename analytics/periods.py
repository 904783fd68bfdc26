"""Days, hours and buckets by the calendar of one zone. Pure."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from django.utils.functional import cached_property

A_DAY, AN_HOUR = timedelta(days=1), timedelta(hours=1)
SECOND = timedelta(seconds=1)


class Granularity(StrEnum):
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def day_of(moment: datetime, *, zone: str) -> date:
    """Return the day of a moment, by the zone's clock."""
    return moment.astimezone(ZoneInfo(zone)).date()


def hour_of(moment: datetime, *, zone: str) -> datetime:
    """Return the instant in UTC of the last full hour on the zone's clock, or of a clock change since then."""
    hour = moment.astimezone(UTC) - _past_the_hour(moment, zone)
    over = _past_the_hour(hour, zone)
    return hour + AN_HOUR - over if over else hour  # changed by half an hour, at what had been a full one


def _past_the_hour(moment: datetime, zone: str) -> timedelta:
    local = moment.astimezone(ZoneInfo(zone))
    return timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)


def midnight(day: date, *, zone: str) -> datetime:
    """Return the instant in UTC at which a day begins; if the clocks skip midnight, the end of the gap."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


@dataclass(frozen=True, kw_only=True)
class Period:
    """Whole days of a zone, the first and the last included, cut into buckets."""

    first: date
    last: date
    zone: str
    granularity: Granularity = Granularity.DAY

    @property
    def starts(self) -> datetime:
        return midnight(self.first, zone=self.zone)

    @property
    def ends(self) -> datetime:
        """Return the last second of the last day."""
        return midnight(self.last + A_DAY, zone=self.zone) - SECOND

    @cached_property
    def buckets(self) -> tuple[date, ...] | tuple[datetime, ...]:
        """Return the start of each bucket, in order: its first day, or for hours its instant.

        A week begins on Monday and a month on its first day, also where the period begins later.
        """
        return tuple(self._hours()) if self.granularity == Granularity.HOUR else tuple(self._days())

    def bucket_of(self, at: date) -> date:
        """Return the bucket of a day, or for hours of an instant; the first bucket also takes all earlier ones.

        There are earlier ones because gains were counted by the zone that their workspace had at that time.
        """
        return self.buckets[max(bisect_right(self.buckets, at) - 1, 0)]

    def _days(self) -> Iterator[date]:
        day = self._first_of(self.first)
        while day <= self.last:
            yield day
            day = self._after(day)

    def _first_of(self, day: date) -> date:
        match self.granularity:
            case Granularity.WEEK:
                return day - timedelta(days=day.weekday())
            case Granularity.MONTH:
                return day.replace(day=1)
        return day

    def _after(self, day: date) -> date:
        match self.granularity:
            case Granularity.WEEK:
                return day + timedelta(weeks=1)
            case Granularity.MONTH:
                return (day + timedelta(days=31)).replace(day=1)
        return day + A_DAY

    def _hours(self) -> Iterator[datetime]:
        hour = self.starts
        while hour <= self.ends:
            yield hour
            hour = hour_of(hour + AN_HOUR, zone=self.zone)
