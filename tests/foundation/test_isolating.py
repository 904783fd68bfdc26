"""What is done for many: one that fails is logged and left out, and where the database is away nobody goes on."""

import pytest
from django.db import DataError, OperationalError

from ouipost.isolating import for_each


def done(item: int) -> int:
    errors = {2: KeyError("timezone"), 3: DataError("Too long"), 4: OperationalError("The server has gone away")}
    if item in errors:
        raise errors[item]
    return item


def test_one_that_fails_keeps_no_other_from_its_turn(caplog: pytest.LogCaptureFixture) -> None:
    assert for_each([1, 2, 3, 5], done) == 6

    assert [record.getMessage() for record in caplog.records] == ["2 was left out", "3 was left out"]


def test_none_is_begun_once_the_process_ends() -> None:
    ended = iter([False, False, True])

    assert for_each([1, 5, 6], done, is_ending=lambda: next(ended)) == 6


def test_where_the_database_is_away_none_is_tried_in_vain() -> None:
    with pytest.raises(OperationalError):
        for_each([1, 4, 5], done)
