"""Where the database takes no writes, nothing is sent; once it does, everything is."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash import read_only

pytestmark = [pytest.mark.crash, pytest.mark.on_servers]

Record = Callable[[str, object], None]


def test_what_cannot_be_armed_is_not_sent_until_the_database_takes_writes_again(
    tmp_path: Path, record_property: Record
) -> None:
    with read_only.mariadb(tmp_path) as place:
        seen = read_only.nothing_can_be_armed(place, posts=3, seconds=3)

    record_property("numbers", f"nothing can be armed: {seen}")
    assert seen.is_good, seen
