"""Reading ISO 8601 moments and days, in the years 2000 to 2100, and writing moments. Pure functions."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from ouipost.phrases import Phrase

DAY = r"\d{4}-\d{2}-\d{2}"
CLOCK = r"\d{2}:\d{2}(:\d{2}(?P<fraction>\.\d{1,9})?)?"
OFFSET = r"Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?"
SHAPE = re.compile(rf"(?a:{DAY})(?P<time>[T ](?a:{CLOCK}({OFFSET})?))?")
"""Allows fractions of up to nine digits, as other languages write them; digits below a microsecond are dropped."""
SECONDS = "%Y-%m-%dT%H:%M:%SZ"
"""The form of a moment in every answer; the moment must be in UTC."""
YEARS = range(2000, 2101)
INSTANT = timedelta(microseconds=1)


class NotAMoment(ValueError):
    """The text is not a valid moment; the message says why."""


def parse_moment(text: str) -> datetime:
    """Return the moment, naive if the text has no offset; raises NotAMoment."""
    match = SHAPE.fullmatch(text)
    if match is None or not match["time"]:
        raise NotAMoment(Phrase("Must be an ISO 8601 moment such as 2026-01-31T09:30:00Z."))
    moment = in_years(_read(text))
    if moment.tzinfo:
        in_years(moment.astimezone(UTC))  # it is shown in UTC, and may be sent back
    return moment


def parse_bound(value: str, *, zone: tzinfo, end: bool) -> datetime:
    """Return in UTC the first moment that a bound includes, or with `end` the last; raises NotAMoment.

    A date is that whole day in `zone`, and a time without an offset is local to `zone`: if the clocks show it twice,
    the bound includes both. A time without a fraction is that whole second, so that a moment shown in a response, sent
    back as a bound, includes its row.
    """
    match = SHAPE.fullmatch(value)
    if match is None:
        raise NotAMoment(
            Phrase("Must be an ISO 8601 date or moment such as 2026-01-31 or 2026-01-31T09:30:00Z (a + as %2B).")
        )
    moment = in_years(_read(value))
    if match["time"]:
        width = INSTANT if match["fraction"] else timedelta(seconds=1)
        return _instant(moment, zone, last=end) + (width - INSTANT if end else timedelta())
    return _midnight(moment.date(), zone) if not end else _midnight(moment.date() + timedelta(days=1), zone) - INSTANT


def _instant(moment: datetime, zone: tzinfo, *, last: bool) -> datetime:
    if moment.tzinfo:
        return moment.astimezone(UTC)
    first, second = (moment.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return max(first, second) if last else first


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _read(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise NotAMoment(Phrase("There is no such moment.")) from error


def in_years(moment: datetime) -> datetime:
    """Return the moment; raises NotAMoment for one in another year."""
    if moment.year not in YEARS:
        raise NotAMoment(
            Phrase("The year must be {first} to {last}.", first=str(YEARS.start), last=str(YEARS.stop - 1))
        )
    return moment


def written_in_utc(moment: datetime) -> str:
    """Return a moment of any zone as the APIs show it: in UTC and whole seconds."""
    return moment.astimezone(UTC).strftime(SECONDS)
