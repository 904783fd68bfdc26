"""A wall-clock time means one instant, or the caller is told that it means none or two."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouipost.errors import InvalidInput
from posts.schedules.slots import (
    AmbiguousLocalTime,
    DoubtfulLocalTime,
    NoSuchLocalTime,
    UnknownZone,
    clock_changes,
    instant,
    shown,
)

ZONES = ["Europe/Paris", "Australia/Sydney", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "UTC"]


def naive(text: str) -> datetime:
    return datetime.fromisoformat(text)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("local", "zone", "expected"),
    [
        ("2026-03-29T01:59:59", "Europe/Paris", "2026-03-29T00:59:59"),
        ("2026-03-29T03:00:00", "Europe/Paris", "2026-03-29T01:00:00"),
        ("2026-10-25T01:59:59", "Europe/Paris", "2026-10-24T23:59:59"),
        ("2026-10-25T03:00:00", "Europe/Paris", "2026-10-25T02:00:00"),
        ("2026-04-05T01:59:59", "Australia/Sydney", "2026-04-04T14:59:59"),
        ("2026-10-04T03:00:00", "Australia/Sydney", "2026-10-03T16:00:00"),
        ("2026-07-01T12:00:00", "Asia/Kathmandu", "2026-07-01T06:15:00"),
        ("2026-07-01T12:00:00", "UTC", "2026-07-01T12:00:00"),
    ],
)
def test_a_time_without_offset_is_the_zones(local: str, zone: str, expected: str) -> None:
    assert instant(naive(local), zone=zone) == utc(expected)


def test_a_times_own_offset_counts_whatever_the_zone_says() -> None:
    within_the_gap = datetime.fromisoformat("2026-03-29T02:30:00+05:45")

    found = instant(within_the_gap, zone="Europe/Paris")

    assert (found, found.tzinfo) == (utc("2026-03-28T20:45:00"), UTC)


@pytest.mark.parametrize(
    ("local", "zone", "candidates"),
    [
        ("2026-03-29T02:30:00", "Europe/Paris", ("2026-03-29T03:30:00+02:00", "2026-03-29T01:30:00+01:00")),
        ("2026-10-04T02:30:00", "Australia/Sydney", ("2026-10-04T03:30:00+11:00", "2026-10-04T01:30:00+10:00")),
        ("2026-10-04T02:15:00", "Australia/Lord_Howe", ("2026-10-04T02:45:00+11:00", "2026-10-04T01:45:00+10:30")),
    ],
)
def test_a_time_that_the_clocks_jump_over_is_refused_with_its_neighbours(
    local: str, zone: str, candidates: tuple[str, str]
) -> None:
    with pytest.raises(NoSuchLocalTime) as refused:
        instant(naive(local), zone=zone)

    told = f"{local} does not exist in {zone}, the clocks jump over it. Take {candidates[0]} or {candidates[1]}."
    assert refused.value.details == {"fields": {"scheduled_at": [told]}}


@pytest.mark.parametrize(
    ("local", "zone", "candidates"),
    [
        ("2026-10-25T02:30:00", "Europe/Paris", ("2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00")),
        ("2026-04-05T02:30:00", "Australia/Sydney", ("2026-04-05T02:30:00+11:00", "2026-04-05T02:30:00+10:00")),
    ],
)
def test_a_time_that_comes_twice_is_refused_with_both_meanings(
    local: str, zone: str, candidates: tuple[str, str]
) -> None:
    with pytest.raises(AmbiguousLocalTime) as refused:
        instant(naive(local), zone=zone)

    told = f"{local} happens twice in {zone}. Give an offset: {candidates[0]} or {candidates[1]}."
    assert refused.value.details == {"fields": {"scheduled_at": [told]}}
    assert refused.value.status == 400


@given(
    moment=st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2035, 1, 1)),  # noqa: DTZ001
    zone=st.sampled_from(ZONES),
)
def test_an_instant_shows_the_time_that_was_asked_for(moment: datetime, zone: str) -> None:
    try:
        found = instant(moment, zone=zone)
    except InvalidInput:
        return

    assert found.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == moment


@pytest.mark.parametrize(
    ("start", "end", "zone", "told"),
    [
        (
            "2026-01-01T12:34:56.789",
            "2027-01-01T00:00:00",
            "Australia/Lord_Howe",
            [
                ("2026-04-04T15:00:00", "2026-04-05T02:00", "2026-04-05T01:30"),
                ("2026-10-03T15:30:00", "2026-10-04T02:00", "2026-10-04T02:30"),
            ],
        ),
        (
            "2026-03-28T23:00:00",
            "2026-10-25T01:00:00.5",
            "Europe/Paris",
            [
                ("2026-03-29T01:00:00", "2026-03-29T02:00", "2026-03-29T03:00"),
                ("2026-10-25T01:00:00", "2026-10-25T03:00", "2026-10-25T02:00"),
            ],
        ),
        ("2026-03-28T23:00:00", "2026-03-29T00:59:59", "Europe/Paris", []),
    ],
)
def test_changes_of_the_clocks_are_found_to_the_second(
    start: str, end: str, zone: str, told: list[tuple[str, str, str]]
) -> None:
    found = clock_changes(utc(start), utc(end), zone=zone)

    expected = [(utc(at), naive(before), naive(after)) for at, before, after in told]
    assert [(each.at, each.before, each.after) for each in found] == expected
    assert [each.is_forward for each in found] == [after > before for _, before, after in told]


def test_a_zone_without_summer_time_has_no_change_of_the_clocks() -> None:
    assert clock_changes(utc("2026-01-01T00:00:00"), utc("2026-12-31T00:00:00"), zone="Asia/Tokyo") == []


@pytest.mark.parametrize(("given", "hours"), [("2026-10-25T02:30:00", (0, 1)), ("2026-03-29T02:30:00", (1, 0))])
def test_what_a_doubtful_time_may_mean_comes_with_its_refusal(given: str, hours: tuple[int, int]) -> None:
    with pytest.raises(DoubtfulLocalTime) as refused:
        instant(naive(given), zone="Europe/Paris")

    assert refused.value.candidates == tuple(utc(f"{given[:10]}T0{hour}:30:00") for hour in hours)


def test_a_zone_that_this_machine_no_longer_knows_is_named_and_what_is_stored_is_shown_in_utc() -> None:
    with pytest.raises(UnknownZone, match="There is no time zone Mars/Olympus any more"):
        instant(datetime.fromisoformat("2026-06-01T09:00:00"), zone="Mars/Olympus")

    assert shown(datetime(2026, 6, 1, 9, 0, 0, 5, tzinfo=UTC), zone="Mars/Olympus") == "2026-06-01T09:00:00+00:00"
