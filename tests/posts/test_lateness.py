"""How late is too late."""

from datetime import timedelta

from accounts.models import Pause
from posts.lateness import is_too_late
from tests.factories import NOW
from workspaces.models import Workspace

WORKSPACE = Workspace(settings={"publish_late_up_to_minutes": 10})
MINUTE, SHORTLY = timedelta(minutes=1), timedelta(microseconds=1)


def test_a_post_is_too_late_after_its_workspaces_minutes() -> None:
    assert not is_too_late(NOW, [], workspace=WORKSPACE, now=NOW + 10 * MINUTE)
    assert is_too_late(NOW, [], workspace=WORKSPACE, now=NOW + 10 * MINUTE + SHORTLY)


def test_what_goes_out_within_a_minute_is_in_time_for_every_workspace() -> None:
    at_once = Workspace(settings={"publish_late_up_to_minutes": 0})

    assert not is_too_late(NOW, [], workspace=at_once, now=NOW + MINUTE)
    assert is_too_late(NOW, [], workspace=at_once, now=NOW + MINUTE + SHORTLY)


def test_the_time_of_a_pause_makes_nothing_late() -> None:
    pauses = [Pause(paused_at=NOW + MINUTE, resumed_at=NOW + 4 * MINUTE)]

    assert not is_too_late(NOW, pauses, workspace=WORKSPACE, now=NOW + 13 * MINUTE)
    assert is_too_late(NOW, pauses, workspace=WORKSPACE, now=NOW + 13 * MINUTE + SHORTLY)
