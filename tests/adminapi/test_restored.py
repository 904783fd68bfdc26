"""A database that is behind what was noted beside it pauses everything, before anything of it goes out."""

import errno
import os
import threading
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from pytest_django import Settings

from accounts.models import Pause
from adminapi import tasks
from adminapi.doctor import databases
from adminapi.models import Canary, Gap, Mark
from adminapi.processes import restored, worker
from adminapi.processes.worker import Worker
from ouipost.claims import database_now
from posts.models import Target
from posts.tasks import publish_due
from tests.factories import NOW, make_account, make_post
from tests.foundation.threads import meanwhile, wait_until
from tests.posts.fakes import claim_targets
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
A_DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, settings: Settings) -> Path:
    settings.OUIPOST_HOME = tmp_path
    return tmp_path


def go_back() -> None:
    """Let the database be as it was a day ago."""
    be_at(Mark.objects.get().at - A_DAY)


def be_at(moment: datetime) -> None:
    """Let the database be as it was then."""
    Mark.objects.update(at=moment, written_at=moment)


def make_due(workspace: Workspace) -> None:
    make_post(workspace, accounts=[make_account(workspace)], status="scheduled", scheduled_at=database_now())


def test_time_after_time_the_database_and_the_file_say_the_same(home: Path) -> None:
    assert (restored.pause_if_restored(), restored.pause_if_restored()) == (None, None)

    mark = Mark.objects.get()
    assert restored.path(mark.database).read_text() == mark.at.isoformat()
    assert [path.name for path in home.iterdir()] == [f"{mark.database}.mark"]
    assert restored.copied_at() is None
    assert not Gap.objects.exists()


def test_a_database_that_went_back_pauses_everything_once(workspace: Workspace) -> None:
    make_due(workspace)
    restored.pause_if_restored()
    go_back()
    behind = Mark.objects.get().at

    pause = restored.pause_if_restored()

    assert pause is not None
    assert (pause.scope, claim_targets(10)) == ("all", [])
    first, then = "do again what people deleted, edited, disconnected or revoked", "run `manage.py reconcile --after-re"
    assert 0 < pause.reason.find(first) < pause.reason.find("docs/operations/backup.md") < pause.reason.find(then)
    assert restored.copied_at() == behind
    Pause.objects.update(in_force=None, resumed_at=database_now())
    assert restored.pause_if_restored() is None


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of another machine."""
    return tmp_path_factory.mktemp("elsewhere")


def test_a_machine_without_the_file_that_looks_first_hides_no_restore(
    workspace: Workspace, settings: Settings, home: Path, elsewhere: Path
) -> None:
    make_due(workspace)
    restored.pause_if_restored()
    go_back()
    behind = Mark.objects.get().at

    settings.OUIPOST_HOME = elsewhere
    assert (restored.pause_if_restored(), restored.pause_if_restored()) == (None, None)
    settings.OUIPOST_HOME = home
    pause = restored.pause_if_restored()

    assert pause is not None
    assert (pause.scope, claim_targets(10)) == ("all", [])
    assert restored.copied_at() == behind
    assert f"a copy of {behind:%Y-%m-%d %H:%M:%S} UTC" in pause.reason


@pytest.mark.parametrize("is_hidden", [False, True])
def test_of_several_machines_that_were_further_one_pauses_everything(
    workspace: Workspace, settings: Settings, home: Path, elsewhere: Path, tmp_path: Path, is_hidden: bool
) -> None:
    make_due(workspace)
    restored.pause_if_restored()
    for file in home.iterdir():
        (elsewhere / file.name).write_bytes(file.read_bytes())
    go_back()
    if is_hidden:
        settings.OUIPOST_HOME = tmp_path / "new"
        settings.OUIPOST_HOME.mkdir()
        restored.pause_if_restored()

    settings.OUIPOST_HOME = home
    assert restored.pause_if_restored() is not None
    Pause.objects.update(in_force=None, resumed_at=database_now())
    settings.OUIPOST_HOME = elsewhere
    assert restored.pause_if_restored() is None


def test_a_copy_that_is_loaded_between_the_two_writes_is_noticed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_due(workspace)
    restored.pause_if_restored()
    compare = restored._compare

    def compare_and_go_back() -> Any:
        compared = compare()
        go_back()
        return compared

    monkeypatch.setattr(restored, "_compare", compare_and_go_back)
    restored.pause_if_restored()
    monkeypatch.setattr(restored, "_compare", compare)

    assert restored.pause_if_restored() is not None


def test_a_day_on_which_nobody_worked_is_no_copy(workspace: Workspace, settings: Settings, elsewhere: Path) -> None:
    make_due(workspace)
    restored.pause_if_restored()
    go_back()
    mark = Mark.objects.get()
    path = restored.path(mark.database)
    path.write_text(mark.at.isoformat())

    assert (restored.pause_if_restored(), restored.pause_if_restored()) == (None, None)
    gap = Gap.objects.get()
    assert (gap.since, gap.until > gap.since + A_DAY / 2) == (mark.at, True)
    settings.OUIPOST_HOME = elsewhere
    for noted in (gap.since, gap.until):  # by machines that were the last to work before it, and the first after it
        (elsewhere / path.name).write_text(noted.isoformat())
        assert restored.pause_if_restored() is None


def test_gaps_are_kept_for_ninety_days() -> None:
    restored.pause_if_restored()
    for days in (89, 91):
        at = database_now() - timedelta(days=days)
        Gap.objects.create(since=at - A_DAY, until=at)
    be_at(database_now() - A_DAY)
    Mark.objects.update(database="db_another")

    restored.pause_if_restored()

    assert Gap.objects.count() == 2
    assert not Gap.objects.filter(until__lt=database_now() - timedelta(days=90)).exists()


def test_a_copy_that_was_made_before_the_networks_were_asked_knows_nothing_since_the_copy_before(
    workspace: Workspace,
) -> None:
    make_due(workspace)
    restored.pause_if_restored()
    go_back()
    first = Mark.objects.get().at
    restored.pause_if_restored()

    be_at(first + A_DAY / 2)
    restored.pause_if_restored()

    assert restored.copied_at() == first
    call_command("resume", "--scope", "all", "--anyway")
    be_at(first + A_DAY / 2)
    restored.pause_if_restored()
    assert restored.copied_at() == first + A_DAY / 2


@pytest.mark.parametrize("leased", [{}, {"lease_until": NOW + timedelta(days=9999)}], ids=["due", "in flight"])
def test_its_pause_is_not_ended_by_the_command_while_nobody_has_asked_what_is_out(
    workspace: Workspace, leased: dict[str, Any]
) -> None:
    make_due(workspace)
    Target.objects.update(**leased)
    restored.pause_if_restored()
    go_back()
    restored.pause_if_restored()

    call_command("pause", "--scope", "all", "--reason", "We look into it.")  # it goes on, for another reason

    with pytest.raises(CommandError, match="1 that was due by now may be out already"):
        call_command("resume", "--scope", "all")
    assert Pause.objects.in_force().count() == 1
    call_command("resume", "--scope", "all", "--anyway")
    assert Pause.objects.in_force().count() == 0
    assert restored.unasked() == 0
    call_command("pause", "--scope", "all", "--reason", "Holidays.")
    assert restored.unasked() == 0


def test_the_pause_of_a_worker_of_the_version_before_is_not_ended_by_the_command_either(workspace: Workspace) -> None:
    make_due(workspace)
    restored.pause_if_restored()
    go_back()
    restored.pause_if_restored()
    Pause.objects.update(after_restore=False)  # it knows no such column

    assert restored.unasked() == 1
    call_command("pause", "--scope", "all", "--reason", "We look into it.")

    with pytest.raises(CommandError, match="1 that was due by now may be out already"):
        call_command("resume", "--scope", "all")


def test_an_update_finds_in_the_journal_what_a_pause_was_for_before_it_got_another_reason(workspace: Workspace) -> None:
    make_due(workspace)
    restored.pause_if_restored()
    go_back()
    restored.pause_if_restored()
    call_command("pause", "--scope", "all", "--reason", "We look into it.")
    call_command("pause", "--scope", "network", "--id", "facebook", "--reason", "Maintenance.")
    Pause.objects.update(after_restore=False)  # the version before kept it nowhere else

    import_module("accounts.migrations.0008_read_pauses_from_journal").read_from_journal(apps, None)

    assert dict(Pause.objects.values_list("scope", "after_restore")) == {"all": True, "network": False}
    assert restored.unasked() == 1


def test_where_nothing_could_go_out_nothing_is_paused() -> None:
    restored.pause_if_restored()
    go_back()

    assert restored.pause_if_restored() is None
    assert restored.copied_at() is None


def test_once_a_restore_is_settled_a_later_copy_says_nothing_of_it(workspace: Workspace) -> None:
    make_due(workspace)
    restored.pause_if_restored()
    go_back()
    restored.pause_if_restored()
    Pause.objects.update(in_force=None, resumed_at=database_now())
    assert restored.copied_at() is None

    restored.pause_if_restored()

    assert Mark.objects.get().copied_at is None


def test_another_database_in_the_same_home_is_no_copy(workspace: Workspace) -> None:
    make_due(workspace)
    restored.pause_if_restored()
    be_at(database_now() - A_DAY)
    Mark.objects.update(database="db_another")

    assert restored.pause_if_restored() is None


def test_a_clock_that_goes_back_is_no_copy(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    make_due(workspace)
    restored.pause_if_restored()
    monkeypatch.setattr(restored, "database_now", lambda: database_now() - A_DAY)

    assert restored.pause_if_restored() is None


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    """Let the database's clock show this."""
    monkeypatch.setattr(restored, "database_now", lambda: moment)


AHEAD = NOW + A_DAY
MOMENTS = [timedelta(seconds=10 * each) for each in range(9)]


def backed_up() -> tuple[Mark, list[Gap]]:
    return Mark.objects.get(), list(Gap.objects.all())


def load(copy: tuple[Mark, list[Gap]]) -> None:
    """Let the database be as it was when this was read."""
    Gap.objects.all().delete()
    copy[0].save()
    Gap.objects.bulk_create(copy[1])


def test_a_copy_is_noticed_as_well_while_the_clock_is_behind_what_it_showed_before(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_due(workspace)
    for moment in (AHEAD, NOW, NOW + MOMENTS[1]):
        at(monkeypatch, moment)
        assert restored.pause_if_restored() is None
    copy = backed_up()
    at(monkeypatch, NOW + MOMENTS[2])
    restored.pause_if_restored()

    load(copy)
    at(monkeypatch, NOW + MOMENTS[3])
    pause = restored.pause_if_restored()

    assert pause is not None
    assert restored.copied_at() == NOW + MOMENTS[1]
    assert f"a copy of {NOW + MOMENTS[1]:%Y-%m-%d %H:%M:%S} UTC" in pause.reason


def test_a_machine_without_the_file_hides_no_restore_while_the_clock_is_behind_either(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, settings: Settings, home: Path, elsewhere: Path
) -> None:
    make_due(workspace)
    for moment in (AHEAD, NOW):
        at(monkeypatch, moment)
        restored.pause_if_restored()
    copy = backed_up()
    for each in MOMENTS[1:5]:
        at(monkeypatch, NOW + each)
        restored.pause_if_restored()

    load(copy)
    settings.OUIPOST_HOME = elsewhere
    for each in MOMENTS[5:]:
        at(monkeypatch, NOW + each)
        assert restored.pause_if_restored() is None
    settings.OUIPOST_HOME = home

    assert restored.pause_if_restored() is not None
    assert restored.copied_at() == NOW


def test_a_clock_that_is_right_again_catches_up_with_what_it_showed_before(monkeypatch: pytest.MonkeyPatch) -> None:
    reached = []
    for each in (MOMENTS[2], *MOMENTS[:4]):
        at(monkeypatch, NOW + each)
        restored.pause_if_restored()
        reached.append(Mark.objects.get().at)

    assert reached == sorted(set(reached))
    assert (reached[-1], Gap.objects.exists()) == (NOW + MOMENTS[3], False)


def test_a_copy_whose_clock_showed_the_future_does_not_say_when_it_was_made(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_due(workspace)
    at(monkeypatch, AHEAD)
    restored.pause_if_restored()
    copy = backed_up()
    restored.pause_if_restored()

    load(copy)
    at(monkeypatch, NOW)
    pause = restored.pause_if_restored()

    assert pause is not None
    assert restored.copied_at() is None
    restored.pause_if_restored()
    at(monkeypatch, AHEAD + A_DAY)
    assert restored.copied_at() is None


def test_a_database_of_a_version_that_wrote_no_time_of_its_clock_is_noticed_as_well(workspace: Workspace) -> None:
    make_due(workspace)
    restored.pause_if_restored()
    go_back()
    Mark.objects.update(written_at=None)
    behind = Mark.objects.get().at

    assert restored.pause_if_restored() is not None
    assert restored.copied_at() == behind


@pytest.mark.django_db(transaction=True)
def test_processes_that_look_at_once_advance_one_after_the_other(workspace: Workspace) -> None:
    make_due(workspace)
    reached: list[datetime] = []

    def look() -> None:
        for _ in range(5):
            reached.append(restored._compare()[1].at)
        connections.close_all()

    restored.pause_if_restored()
    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(set(reached)) == 20
    assert (max(reached), Gap.objects.exists()) == (Mark.objects.get().at, False)


@pytest.mark.parametrize("content", [b"", b"yesterday", b"\xff\x00", b"2026-12-01T16:58:00"])
def test_a_file_that_says_nothing_is_told_of_and_written_anew(
    workspace: Workspace, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    make_due(workspace)
    restored.pause_if_restored()
    path = restored.path(Mark.objects.get().database)
    path.write_bytes(content)

    assert restored.pause_if_restored() is None
    assert path.read_text() == Mark.objects.get().at.isoformat()
    [told] = [each for each in caplog.messages if str(path) in each]
    assert told.startswith(f"{path} cannot be read, so whether the database was restored is not known here: ")


def test_a_folder_in_its_place_is_told_of_and_the_machine_works_on(
    workspace: Workspace, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "percent_used", lambda folder: 10)
    make_due(workspace)
    restored.pause_if_restored()
    path = restored.path(Mark.objects.get().database)
    path.unlink()
    path.mkdir()

    assert restored.pause_if_restored() is None
    assert f"{path} cannot be read, so whether the database was restored is not known here: [Errno" in caplog.text
    found = databases.disk()
    assert (found.status, found.message.startswith(f"{path} cannot be read, ")) == ("warning", True)


def test_a_machine_with_a_readable_file_or_none_has_nothing_to_tell(caplog: pytest.LogCaptureFixture) -> None:
    assert restored.unreadable() == {}
    restored.pause_if_restored()
    assert (restored.unreadable(), caplog.messages) == ({}, [])


def test_a_machine_that_keeps_no_files_works_on(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.OUIPOST_HOME = Path("/nonexistent")

    assert restored.pause_if_restored() is None
    assert "A restore of the database would not be noticed: how far it is could not be noted" in caplog.text


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """While it is set, the database is away."""
    is_away, connect = threading.Event(), BaseDatabaseWrapper.ensure_connection

    def ensure_connection(connection: BaseDatabaseWrapper) -> None:
        if is_away.is_set():
            raise OperationalError("away")
        connect(connection)

    monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", ensure_connection)
    return is_away


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Worker:
    """A worker that only publishes."""
    settings.DELIVERY_THREADS = settings.SYNC_THREADS = 0
    monkeypatch.setattr(worker, "CHORES", ())
    return Worker()


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_begins_before_its_database_publishes_nothing_of_a_copy(
    workspace: Workspace, busy: Worker, away: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    make_due(workspace)
    restored.pause_if_restored()
    go_back()
    away.set()

    with meanwhile(busy.run, stop=busy.stop):
        wait_until(lambda: "The database does not answer (away): `manage.py doctor`" in caplog.text)
        away.clear()
        wait_until(Pause.objects.in_force().exists)

    target = Target.objects.get()
    assert (target.status, target.fence) == ("scheduled", 0)


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_begins_before_its_database_needs_the_ring_of_its_keys(
    busy: Worker, away: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    Canary.objects.create(pk="another", sealed="v1.another.AAAA.AAAA")
    away.set()
    ends: list[object] = []

    def run() -> None:
        try:
            busy.run()
        except SystemExit as end:
            ends.append(end.code)

    with meanwhile(run, stop=busy.stop):
        wait_until(lambda: "The database does not answer (away): `manage.py doctor`" in caplog.text)
        away.clear()
        wait_until(lambda: ends != [])

    assert "TOKEN_KEYS has no key another" in str(ends)


@pytest.mark.django_db(transaction=True)
def test_a_node_of_celery_that_begins_before_its_database_publishes_nothing_of_a_copy(
    workspace: Workspace, away: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    make_due(workspace)
    restored.pause_if_restored()
    go_back()
    away.set()

    with meanwhile(tasks._look_before_the_first_post):
        wait_until(lambda: "The database does not answer (away): `manage.py doctor`" in caplog.text)
        away.clear()
    publish_due()

    target = Target.objects.get()
    assert (target.status, target.fence) == ("scheduled", 0)


@pytest.mark.django_db(transaction=True)
def test_a_worker_whose_database_never_comes_stops_when_it_is_asked_to(
    busy: Worker, away: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    away.set()

    with meanwhile(busy.run, stop=busy.stop):
        wait_until(lambda: "The database does not answer (away): `manage.py doctor`" in caplog.text)

    assert caplog.text.count("The database does not answer (away): `manage.py doctor`") == 1


def test_a_disk_that_is_full_is_not_filled_with_files(
    workspace: Workspace, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OUIPOST_HOME = tmp_path

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)

    assert restored.pause_if_restored() is None
    assert list(tmp_path.iterdir()) == []
