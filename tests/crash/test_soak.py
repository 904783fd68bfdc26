"""Everything at once, for a few seconds; `make soak` does it for half an hour, and looks at what is held meanwhile."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash import soak
from tests.crash.conftest import SPEED
from tests.crash.matrix import stage

pytestmark = [pytest.mark.crash, pytest.mark.any_database]

Record = Callable[[str, object], None]


def test_requests_posts_webhooks_and_killed_workers_are_in_nobodys_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Record
) -> None:
    monkeypatch.setattr(soak, "LOOK_SECONDS", 1)
    monkeypatch.setenv("OUTBOUND_ALLOW", "127.0.0.0/8")  # the receiver is on this machine
    monkeypatch.setenv("RATE_LIMITS", "enterprise=1000000")

    with stage(tmp_path, None, "celery", speed=SPEED) as staged:
        seen = soak.soak(staged, seconds=6, kill_every=2)

    record_property("numbers", f"soak: {seen}")
    assert seen.is_good, str(seen)
    assert seen.numbers.kills >= 2
