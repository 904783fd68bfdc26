"""A moment is written as the APIs show it."""

import pytest

from ouipost.moments import parse_moment, written_in_utc


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("2026-07-01T01:30:00+02:00", "2026-06-30T23:30:00Z"),
        ("2026-01-31T19:00:00-05:00", "2026-02-01T00:00:00Z"),
        ("2026-01-31T09:30:00.999999Z", "2026-01-31T09:30:00Z"),
    ],
)
def test_a_moment_of_any_zone_is_written_in_utc_and_whole_seconds(given: str, written: str) -> None:
    assert written_in_utc(parse_moment(given)) == written
    assert parse_moment(written) == parse_moment(given).replace(microsecond=0)
