"""No stored file is removed that only another state of the database knows: a later one than the copy, or another's."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Pause
from adminapi.models import Gap, Mark
from adminapi.processes import restored
from adminapi.processes.worker import CHORES
from ouipost.claims import database_now
from tests.commands import running
from tests.posts.fakes import make_due
from tests.stores import Kept
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
AN_HOUR, A_DAY = timedelta(hours=1), timedelta(days=1)
FILE = "media/aa/newer.jpg"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, settings: Settings) -> Path:
    settings.OUIPOST_HOME = tmp_path / "home"
    settings.OUIPOST_HOME.mkdir()
    return Path(settings.OUIPOST_HOME)


@pytest.fixture
def in_use() -> Mark:
    """A database that has been in use for long, and was alive a moment ago."""
    now = database_now()
    return Mark.objects.create(pk=1, at=now, written_at=now)


def sweep() -> None:
    [chore] = [each for each in CHORES if each.name == "sweep orphaned files"]
    chore.do(lambda: False)


def go_back(ago: timedelta) -> None:
    moment = Mark.objects.get().at - ago
    Mark.objects.update(at=moment, written_at=moment)


def time_passes(time: timedelta) -> None:
    """Let everything that the database remembers have been so long ago."""
    for mark in Mark.objects.all():
        for name in ("files_kept_until", "files_since"):
            moment = getattr(mark, name)
            setattr(mark, name, moment and moment - time)
        mark.save()


def test_a_file_that_no_row_names_is_swept(kept: Kept, in_use: Mark) -> None:
    kept.put(FILE, age=2 * AN_HOUR, now=timezone.now())

    sweep()

    assert kept.names() == []


def test_after_a_restore_files_are_kept_for_a_week_even_where_nothing_could_go_out(kept: Kept, in_use: Mark) -> None:
    restored.pause_if_restored()
    kept.put(FILE, age=2 * AN_HOUR, now=timezone.now())
    go_back(A_DAY)

    sweep()
    assert (kept.names(), Pause.objects.exists()) == ([FILE], False)
    time_passes(7 * A_DAY - AN_HOUR)
    sweep()
    assert kept.names() == [FILE]
    time_passes(2 * AN_HOUR)
    sweep()
    assert kept.names() == []


@pytest.mark.parametrize("command", ["pause", "reconcile"])
def test_after_a_restore_that_an_operator_noticed_they_are_kept_as_long(
    workspace: Workspace, kept: Kept, in_use: Mark, command: str
) -> None:
    kept.put(FILE, age=2 * AN_HOUR, now=timezone.now())
    make_due(workspace)
    if command == "pause":
        call_command("pause", "--scope", "all", "--after-restore", "--reason", "A new machine.")
    else:
        running.outcome_of("reconcile", "--after-restore", "--since", "2h", "--wait", "0")
    restored.pause_if_restored()
    call_command("resume", "--scope", "all", "--anyway")

    sweep()

    assert kept.names() == [FILE]


def test_a_machine_without_the_mark_that_sweeps_first_removes_nothing(kept: Kept, in_use: Mark) -> None:
    kept.put(FILE, age=2 * AN_HOUR, now=timezone.now())
    go_back(A_DAY)

    sweep()
    assert (kept.names(), Gap.objects.count()) == ([FILE], 1)
    time_passes(AN_HOUR)
    sweep()
    assert kept.names() == []


def test_a_new_database_removes_nothing_for_a_day_and_then_only_what_came_since(kept: Kept) -> None:
    kept.put(FILE, age=2 * AN_HOUR, now=timezone.now())

    sweep()
    assert kept.names() == [FILE]
    kept.put("media/bb/own.jpg", age=2 * AN_HOUR, now=timezone.now())
    time_passes(A_DAY)
    kept.put(FILE, age=A_DAY + AN_HOUR, now=timezone.now())
    sweep()
    assert kept.names() == [FILE]


@pytest.mark.parametrize("is_new", [True, False])
def test_an_operator_can_have_them_removed_before(kept: Kept, is_new: bool) -> None:
    restored.pause_if_restored()
    if not is_new:
        go_back(A_DAY)
        restored.pause_if_restored()
    kept.put(FILE, age=2 * A_DAY, now=timezone.now())

    call_command("prune", "--files", "--dry-run")
    sweep()
    assert kept.names() == [FILE]
    call_command("prune", "--files")
    sweep()

    assert kept.names() == []


def test_while_everything_is_paused_for_a_copy_they_cannot_be_removed(workspace: Workspace, in_use: Mark) -> None:
    make_due(workspace)
    restored.pause_if_restored()
    go_back(A_DAY)
    restored.pause_if_restored()

    with pytest.raises(CommandError, match="paused for a restored copy"):
        call_command("prune", "--files")

    assert Mark.objects.get().files_kept_until is not None
