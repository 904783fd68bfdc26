"""Read the query of a report; all its errors are reported at once."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from accounts import registry
from analytics.periods import A_DAY, Granularity, Period, day_of
from ouipost.errors import InvalidInput, problems_in
from ouipost.moments import NotAMoment, parse_bound
from ouipost.phrases import Phrase, joined

USUAL_DAYS = 30
HOURS_KEPT_DAYS = 35
MOST_BUCKETS = 1100
MOST_DAYS = 3660
MOST_DAYS_OF_HOURS = MOST_BUCKETS // 24
TOO_MANY = Phrase("At most {days} days can be reported at once.", days=MOST_DAYS)
TOO_MANY_OF_HOURS = Phrase("At most {days} days of hours can be reported at once.", days=MOST_DAYS_OF_HOURS)
ENDS_FIRST = Phrase("Must not be later than `to`.")
PARAMETERS = ("from", "to", "platform", "granularity", "format")
Problems = dict[str, Sequence[str]]


def read_period(parameters: Mapping[str, str], *, zone: str, now: datetime) -> Period:
    """Return the period of whole days from `from` to `to`, by default the last 30, with its granularity.

    Raises InvalidInput with all errors, including those of `platform`.
    """
    problems: Problems = {}
    first, last = (_read_day(parameters, name, zone=zone, problems=problems) for name in ("from", "to"))
    if parameters.get("platform", registry.IDS[0]) not in registry.IDS:
        problems["platform"] = [Phrase("Must be one of: {choices}.", choices=", ".join(registry.IDS))]
    granularity = None
    try:
        granularity = read_granularity(parameters)
    except InvalidInput as error:
        problems |= error.details["fields"]
    last = last or max(day_of(now, zone=zone), first or date.min)
    first = first or last - (USUAL_DAYS - 1) * A_DAY
    period = Period(first=first, last=last, zone=zone, granularity=granularity or Granularity.DAY)
    if not {"from", "to"} & set(problems):
        problems = _problems_of(period, now=now) | problems
    if problems:
        raise InvalidInput(**problems)
    return period


def read_granularity(parameters: Mapping[str, str]) -> Granularity | None:
    """Return the requested granularity, if any; raises InvalidInput for an unknown name."""
    given = parameters.get("granularity")
    if given is None or given in list(Granularity):
        return Granularity(given) if given else None
    raise InvalidInput(granularity=[Phrase("Must be one of: {choices}.", choices=", ".join(Granularity))])


def _read_day(parameters: Mapping[str, str], name: str, *, zone: str, problems: Problems) -> date | None:
    given = parameters.get(name)
    if not given:
        return None
    try:
        return day_of(parse_bound(given, zone=ZoneInfo(zone), end=name == "to"), zone=zone)
    except NotAMoment as error:
        problems[name] = [str(error)]
        return None


def _problems_of(period: Period, *, now: datetime) -> Problems:
    if period.first > period.last:
        return {"from": [ENDS_FIRST]}
    problems = problems_in(lambda: require_hours(period, now=now))
    of_hours = period.granularity == Granularity.HOUR
    most, too_many = (MOST_DAYS_OF_HOURS, TOO_MANY_OF_HOURS) if of_hours else (MOST_DAYS, TOO_MANY)
    if period.last - period.first >= timedelta(days=most):  # before buckets are made: ten years of hours take long
        return problems | {"from": [too_many]}
    if not problems and len(period.buckets) > MOST_BUCKETS:
        message = Phrase(
            "At most {most} buckets are reported at once, and these are {count}.",
            most=MOST_BUCKETS,
            count=len(period.buckets),
        )
        return {"granularity": [joined([message, Phrase("Take longer ones, or fewer days.")], " ")]}
    return problems


def require_hours(period: Period, *, now: datetime) -> None:
    """Raise InvalidInput if hours are asked for that are no longer kept."""
    oldest = day_of(now, zone=period.zone) - HOURS_KEPT_DAYS * A_DAY
    if period.granularity == Granularity.HOUR and period.first < oldest:
        message = Phrase("Hours are kept for {days} days: take a later day, or `day`.", days=HOURS_KEPT_DAYS)
        raise InvalidInput(granularity=[message])
