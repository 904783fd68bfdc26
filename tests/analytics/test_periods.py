"""Days, hours and buckets by the calendar of a zone."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analytics.periods import A_DAY, SECOND, Granularity, Period, day_of, hour_of

ZONES = (
    "UTC",
    "Europe/Paris",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Africa/Casablanca",
)
DAYS = st.dates(min_value=date(2015, 1, 1), max_value=date(2035, 1, 1))


def period(first: str, last: str, *, zone: str = "UTC", granularity: str = "day") -> Period:
    return Period(
        first=date.fromisoformat(first),
        last=date.fromisoformat(last),
        zone=zone,
        granularity=Granularity(granularity),
    )


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Paris", "2026-03-29", 23),
        ("Europe/Paris", "2026-10-25", 25),
        ("Europe/Paris", "2026-06-01", 24),
        ("America/Sao_Paulo", "2018-11-04", 23),  # the clocks jumped over midnight
        (
            "Australia/Lord_Howe",
            "2026-04-05",
            25,
        ),  # a day of 24.5 hours: the one that the clocks go back into is a half
    ],
)
def test_a_day_has_as_many_hours_as_its_clocks_show(zone: str, day: str, hours: int) -> None:
    found = period(day, day, zone=zone, granularity="hour").buckets

    assert len(found) == hours


def test_the_day_that_the_clocks_jump_into_begins_when_they_have_jumped() -> None:
    found = period("2018-11-04", "2018-11-04", zone="America/Sao_Paulo")

    assert found.starts == datetime(2018, 11, 4, 3, tzinfo=UTC)
    assert found.ends == datetime(2018, 11, 5, 1, 59, 59, tzinfo=UTC)


def test_a_day_that_a_calendar_leaves_out_is_an_empty_bucket() -> None:
    found = period("2011-12-29", "2011-12-31", zone="Pacific/Apia")

    assert found.buckets == (date(2011, 12, 29), date(2011, 12, 30), date(2011, 12, 31))
    assert day_of(datetime(2011, 12, 30, 9, 59, tzinfo=UTC), zone="Pacific/Apia") == date(2011, 12, 29)
    assert day_of(datetime(2011, 12, 30, 10, 0, tzinfo=UTC), zone="Pacific/Apia") == date(2011, 12, 31)


@given(first=DAYS, days=st.integers(0, 40), zone=st.sampled_from(ZONES), second=st.floats(0, 1))
@example(first=date(2026, 4, 5), days=0, zone="Australia/Lord_Howe", second=0.08)  # the clocks go back by half an hour,
@example(first=date(2026, 10, 4), days=0, zone="Australia/Lord_Howe", second=0.1)  # and forward
def test_every_moment_of_a_period_falls_into_the_bucket_of_its_hour(
    first: date, days: int, zone: str, second: float
) -> None:
    found = Period(first=first, last=first + days * A_DAY, zone=zone, granularity=Granularity.HOUR)
    moment = found.starts + (found.ends - found.starts) * second

    bucket = found.bucket_of(moment)

    assert isinstance(bucket, datetime)
    assert bucket == hour_of(moment, zone=zone)
    assert timedelta(0) <= moment - bucket < timedelta(hours=1)


@given(first=DAYS, days=st.integers(0, 800), zone=st.sampled_from(ZONES), granularity=st.sampled_from(Granularity))
def test_buckets_follow_each_other_and_cover_every_day(
    first: date, days: int, zone: str, granularity: Granularity
) -> None:
    if granularity == Granularity.HOUR:
        days %= 35
    found = Period(first=first, last=first + days * A_DAY, zone=zone, granularity=granularity)

    assert all(one < other for one, other in pairwise(found.buckets))
    if granularity != Granularity.HOUR:
        assert found.buckets[0] <= first
        assert {found.bucket_of(first + day * A_DAY) for day in range(days + 1)} == set(found.buckets)


@pytest.mark.parametrize("granularity", ["day", "week", "month"])
def test_what_lies_before_a_period_falls_into_its_first_bucket(granularity: str) -> None:
    found = period("2026-01-15", "2026-03-15", granularity=granularity)

    assert found.bucket_of(date(2025, 12, 1)) == found.buckets[0]


@given(first=DAYS, zone=st.sampled_from(ZONES))
def test_one_period_begins_a_second_after_the_one_before_ends(first: date, zone: str) -> None:
    before = Period(first=first - A_DAY, last=first - A_DAY, zone=zone)
    after = Period(first=first, last=first, zone=zone)

    assert before.ends + SECOND == after.starts
