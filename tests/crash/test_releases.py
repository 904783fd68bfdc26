"""A deploy: the release before this one works on while tables are changed and new workers come beside it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import NOT_TRIED
from tests.crash import releases
from tests.crash.conftest import SPEED

pytestmark = [pytest.mark.crash, pytest.mark.any_database]

Record = Callable[[str, object], None]


def test_both_releases_side_by_side_publish_and_tell_everything_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Record
) -> None:
    monkeypatch.setenv("OUTBOUND_ALLOW", "127.0.0.0/8")  # the receiver is on this machine
    try:
        with releases.place(tmp_path, speed=SPEED) as place:
            seen = releases.deploy(place, publications=24, seconds=5)
    except releases.NoHistory as reason:
        pytest.skip(f"{NOT_TRIED}{reason}.")

    record_property("numbers", f"two releases side by side: {seen}")
    assert seen.is_good, seen
    assert (seen.events, seen.numbers.kills >= 4) == (24, True)
