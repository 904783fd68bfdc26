"""The database dies in the middle of it all: nothing is lost or doubled, and the API says when to ask again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash import database_dies
from tests.crash.conftest import SPEED

pytestmark = [pytest.mark.crash, pytest.mark.any_database]

Record = Callable[[str, object], None]


def test_a_database_that_is_killed_and_comes_back_leaves_one_copy_of_each(
    tmp_path: Path, record_property: Record
) -> None:
    with database_dies.place(tmp_path, speed=SPEED) as place:
        seen = database_dies.killed(place, publications=24, per_second=4, away=3)

    record_property("numbers", f"the database is killed: {seen}")
    assert seen.is_good, seen
