"""The answer to a commit is lost: what was done is done once, and what was not is done when it is asked for again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash import lost_commits
from tests.crash.conftest import SPEED

pytestmark = [pytest.mark.crash, pytest.mark.any_database]

Record = Callable[[str, object], None]


def test_commits_whose_answers_are_lost_leave_one_copy_of_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Record
) -> None:
    monkeypatch.setenv("OUTBOUND_ALLOW", "127.0.0.0/8")  # the receiver is on this machine
    with lost_commits.place(tmp_path, speed=SPEED) as place:
        seen = lost_commits.lose_answers(place, publications=24, share=0.1)

    record_property("numbers", f"answers to commits are lost: {seen}")
    assert seen.is_good, seen
