"""What a reading adds to what was known."""

import pytest

from analytics.gains import COUNTED, Numbers, bucketed, gained, merged, rate, total

NOTHING = dict.fromkeys(COUNTED)


def test_a_first_reading_gains_all_of_it() -> None:
    read = NOTHING | {"impressions": 10, "engagement": 0}

    assert gained(NOTHING, read) == read
    assert merged(NOTHING, read) == read


def test_a_number_that_is_left_out_once_stays_as_it_was() -> None:
    known = NOTHING | {"impressions": 10, "clicks": 4}
    read = NOTHING | {"impressions": 12}

    assert gained(known, read) == NOTHING | {"impressions": 2}
    assert merged(known, read) == NOTHING | {"impressions": 12, "clicks": 4}


def test_a_fall_is_a_gain_below_zero() -> None:
    assert gained(NOTHING | {"reach": 9}, NOTHING | {"reach": 7})["reach"] == -2


@pytest.mark.parametrize(
    ("engagement", "impressions", "expected"),
    [(892, 15_420, 5.78), (8920, 125_420, 7.11), (3, 0, 0.0), (0, 5, 0.0), (None, 5, None), (5, None, None)],
)
def test_a_rate_is_engagements_by_a_hundred_impressions(
    engagement: int | None, impressions: int | None, expected: float | None
) -> None:
    assert rate(engagement, impressions) == expected


def test_a_sum_of_what_nobody_knows_is_not_known() -> None:
    assert total([None, None]) is None
    assert total([None, 2, 3]) == 5


def test_an_empty_bucket_has_zeros_and_one_that_nobody_speaks_of_nothing() -> None:
    found: dict[int, Numbers] = {
        1: {"impressions": 5, "clicks": None},
        3: {"impressions": None, "clicks": None},
    }

    shown = list(bucketed(found, [1, 2, 3], ["impressions", "clicks"]))

    assert shown == [
        (1, {"impressions": 5, "clicks": None}),
        (2, {"impressions": 0, "clicks": 0}),
        (3, {"impressions": 0, "clicks": None}),
    ]


def test_without_any_number_all_buckets_are_zeros() -> None:
    assert list(bucketed({}, [1], ["impressions"])) == [(1, {"impressions": 0})]
