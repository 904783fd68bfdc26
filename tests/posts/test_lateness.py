"""How late is too late."""

from datetime import timedelta

from accounts.models import Pause
from posts.lateness import GIVE_UP_AFTER, is_too_late
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


def test_the_time_in_which_a_network_rests_makes_nothing_late_and_counts_once_beside_a_pause() -> None:
    pauses, rests = [Pause(paused_at=NOW + MINUTE, resumed_at=NOW + 4 * MINUTE)], [(NOW + 2 * MINUTE, NOW + 9 * MINUTE)]

    assert not is_too_late(NOW, pauses, workspace=WORKSPACE, now=NOW + 18 * MINUTE, rests=rests)
    assert is_too_late(NOW, pauses, workspace=WORKSPACE, now=NOW + 18 * MINUTE + SHORTLY, rests=rests)


def test_what_waited_longer_than_it_would_be_tried_is_late_however_long_its_network_rests() -> None:
    rests = [(NOW, NOW + 100 * GIVE_UP_AFTER)]

    assert not is_too_late(NOW, [], workspace=WORKSPACE, now=NOW + GIVE_UP_AFTER, rests=rests)
    assert is_too_late(NOW, [], workspace=WORKSPACE, now=NOW + GIVE_UP_AFTER + SHORTLY, rests=rests)


def test_the_six_hours_in_which_a_resting_network_excuses_begin_after_a_pause() -> None:
    pauses, rests = [Pause(paused_at=NOW, resumed_at=NOW + MINUTE)], [(NOW, NOW + 100 * GIVE_UP_AFTER)]

    assert not is_too_late(NOW, pauses, workspace=WORKSPACE, now=NOW + GIVE_UP_AFTER + MINUTE, rests=rests)
    assert is_too_late(NOW, pauses, workspace=WORKSPACE, now=NOW + GIVE_UP_AFTER + MINUTE + SHORTLY, rests=rests)


def test_a_workspace_that_allows_more_than_six_hours_keeps_them() -> None:
    patient = Workspace(settings={"publish_late_up_to_minutes": 600})

    assert not is_too_late(NOW, [], workspace=patient, now=NOW + 600 * MINUTE, rests=[(NOW, NOW + MINUTE)])
