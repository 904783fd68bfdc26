"""When a slot comes: once on each of its local dates, whatever the clocks do; test 24 of the acceptance list."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posts.schedules.slots import DAYS, WEEK, dates, first_date, occurs_at, shown, week_of

ZONES = (
    "Europe/Paris",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Africa/Casablanca",
    "Pacific/Chatham",
    "Pacific/Apia",
    "Antarctica/Troll",
    "UTC",
)
first, last = datetime(2000, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
moments = st.integers(0, int((last - first).total_seconds())).map(lambda at: first + timedelta(seconds=at))
clock = st.times().map(lambda at: at.replace(second=0, microsecond=0))


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 3, 28), "2026-03-28T02:30:00+01:00"),
        (date(2026, 3, 29), "2026-03-29T03:30:00+02:00"),
        (date(2026, 3, 30), "2026-03-30T02:30:00+02:00"),
        (date(2026, 10, 24), "2026-10-24T02:30:00+02:00"),
        (date(2026, 10, 25), "2026-10-25T02:30:00+02:00"),
        (date(2026, 10, 26), "2026-10-26T02:30:00+01:00"),
    ],
)
def test_half_past_two_in_paris_comes_once_a_day(day: date, expected: str) -> None:
    assert shown(occurs_at(day, time(2, 30), zone="Europe/Paris"), zone="Europe/Paris") == expected


@pytest.mark.parametrize(
    ("zone", "day", "at", "expected"),
    [
        ("America/New_York", date(2026, 3, 8), time(2, 30), "2026-03-08T03:30:00-04:00"),
        ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 15), "2026-10-04T02:45:00+11:00"),
        ("America/St_Johns", date(2026, 11, 1), time(1, 30), "2026-11-01T01:30:00-02:30"),
        ("Asia/Kathmandu", date(2026, 6, 1), time(9, 0), "2026-06-01T09:00:00+05:45"),
        ("Pacific/Chatham", date(2026, 9, 27), time(3, 0), "2026-09-27T04:00:00+13:45"),
    ],
)
def test_a_gap_moves_a_time_forward_by_its_length(zone: str, day: date, at: time, expected: str) -> None:
    assert shown(occurs_at(day, at, zone=zone), zone=zone) == expected


@pytest.mark.parametrize("zone", ZONES)
def test_a_year_has_each_date_once_and_in_order(zone: str) -> None:
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(366)]

    for at in (time(0), time(2, 30), time(9), time(23, 59)):
        instants = [occurs_at(day, at, zone=zone) for day in days]

        assert len(set(instants)) == len(days)
        assert all(timedelta(hours=22) <= after - before <= timedelta(hours=26) for before, after in pairwise(instants))
        assert [each.astimezone(ZoneInfo(zone)).date() for each in instants] == days


@given(st.sampled_from(ZONES), st.integers(0, 6), clock, moments)
def test_the_first_date_is_the_first_after_the_moment(zone: str, weekday: int, at: time, after: datetime) -> None:
    first = first_date(weekday, at, zone=zone, after=after)

    assert first.weekday() == weekday
    assert occurs_at(first, at, zone=zone) > after >= occurs_at(first - WEEK, at, zone=zone)
    assert first_date(weekday, at, zone=zone, after=occurs_at(first, at, zone=zone)) == first + WEEK


@given(st.sampled_from(ZONES), st.integers(0, 6), clock, moments)
def test_dates_are_a_week_apart_and_none_is_skipped(zone: str, weekday: int, at: time, after: datetime) -> None:
    found = list(islice(dates(weekday, at, zone=zone, after=after), 60))

    assert found == [found[0] + number * WEEK for number in range(60)]
    instants = [occurs_at(day, at, zone=zone) for day in found]
    assert instants == sorted(set(instants))


@given(st.sampled_from(ZONES), moments)
def test_a_week_is_from_monday_to_monday_by_the_local_clock(zone: str, moment: datetime) -> None:
    begins, ends = week_of(moment, zone=zone)

    assert begins <= moment < ends
    local = [each.astimezone(ZoneInfo(zone)) for each in (begins, ends)]
    assert [DAYS[each.weekday()] for each in local] == ["monday", "monday"]
    assert local[1].date() - local[0].date() == WEEK
    assert [begins, ends] == [occurs_at(each.date(), time(), zone=zone) for each in local]
