"""`copy_from_sqlite` refuses what could lose a row or send a post twice; test_copying.py has the whole way."""

import gc
import json
from collections.abc import Callable
from errno import EACCES
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from accounts.models import Pause, PauseScope
from adminapi.management import copying
from adminapi.management.copying import SOURCE
from adminapi.models import Canary, Heartbeat
from adminapi.processes.heartbeats import SILENCE
from posts.models import Post
from tests.commands import running
from tests.factories import NOW, make_workspace
from tests.product import Product
from workspaces.models import Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.crash]


@pytest.fixture(autouse=True)
def any_connection(db: None, django_db_blocker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the test use a database that its settings do not name."""
    monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", django_db_blocker._real_ensure_connection)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of embedded mode that may be copied, of one workspace."""
    Product(home=tmp_path, database_url=f"sqlite:///{tmp_path}/ouipost.sqlite3").migrate()
    path = tmp_path / "ouipost.sqlite3"
    with copying.source(path):
        Workspace.objects.using(SOURCE).create(name="Bakery")
        now = timezone.now()
        Pause.objects.using(SOURCE).create(scope=PauseScope.ALL, in_force="all:", reason="We move", paused_at=now)
    return path


def run(path: Path, *options: str) -> str:
    return running.run("copy_from_sqlite", str(path), *options)


def resume() -> None:
    Pause.objects.using(SOURCE).update(resumed_at=timezone.now())


def pause_one_network_only() -> None:
    Pause.objects.using(SOURCE).update(scope=PauseScope.NETWORK, subject_id="bluesky", in_force="network:bluesky")


def let_a_worker_be_heard() -> None:
    Heartbeat.objects.using(SOURCE).beat("worker:here:1")


def have_another_version() -> None:
    with connections[SOURCE].cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET name = '9999_later' WHERE app = 'posts' AND name LIKE '0001%'")


def lack_a_migration() -> None:
    with connections[SOURCE].cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'posts' AND name NOT LIKE '0001%'")


def name_what_is_not_there() -> None:
    with connections[SOURCE].constraint_checks_disabled():
        Post.objects.using(SOURCE).create(workspace_id="ws_1", created_at=NOW, moment=NOW)


def encrypt_with_another_key() -> None:
    Canary.objects.using(SOURCE).create(key_id="k9", sealed="k9:…")


def use_the_new_one() -> None:
    make_workspace()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (resume, "The file is not paused"),
        (pause_one_network_only, "The file is not paused"),
        (let_a_worker_be_heard, "A worker is still running with the file"),
        (have_another_version, "The file is of another version"),
        (lack_a_migration, "The file is of another version"),
        (name_what_is_not_there, "A row of the file names another that is not there"),
        (encrypt_with_another_key, "TOKEN_KEYS has no key k9"),
        (use_the_new_one, "there are rows in workspaces_workspace"),
    ],
)
def test_it_refuses_and_copies_nothing(file: Path, spoil: Callable[[], None], why: str) -> None:
    with copying.source(file):
        spoil()
    before = list(Workspace.objects.all())

    with pytest.raises(CommandError, match=why) as refused:
        run(file)

    assert refused.value.returncode == 1

    assert list(Workspace.objects.all()) == before


@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")  # Django drops what SQLite cannot open
@pytest.mark.parametrize(
    ("content", "why"), [(None, "There is no file"), (b"text" * 2000, "cannot be read: file is not")]
)
def test_what_is_no_database_is_told_and_left_as_it_is(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "other.sqlite3"
    if content:
        path.write_bytes(content)

    with pytest.raises(CommandError, match=why) as refused:
        run(path)

    assert refused.value.returncode == 2

    gc.collect()  # now, and not in the test that happens to run when it becomes due
    assert (path.read_bytes() if path.exists() else None) == content


def test_a_file_that_may_not_be_looked_at_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bool:
        raise PermissionError(EACCES, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refuse)

    with pytest.raises(CommandError, match="cannot be read: Permission denied") as refused:
        run(tmp_path / "ouipost.sqlite3")

    assert refused.value.returncode == 2


def test_the_simulators_file_is_not_taken_for_ours(tmp_path: Path) -> None:
    Product(home=tmp_path, database_url=f"sqlite:///{tmp_path}/ouipost.sqlite3").migrate()

    with pytest.raises(CommandError, match="The file is the simulator's") as refused:
        run(tmp_path / "simulator.sqlite3")

    assert refused.value.returncode == 2


@pytest.mark.on_servers
def test_a_row_that_a_server_does_not_take_is_told_of(file: Path) -> None:
    with copying.source(file):
        Workspace.objects.using(SOURCE).update(name="x" * 1000)

    with pytest.raises(CommandError, match="A row of workspaces_workspace does not fit into the new database"):
        run(file)


def test_a_dry_run_counts(file: Path) -> None:
    said, told = run(file, "--dry-run"), json.loads(run(file, "--dry-run", "--json"))

    assert (told["rows"]["workspaces_workspace"], told["rows"]["accounts_pause"]) == (1, 1)
    assert said == f"Would copy {sum(told['rows'].values())} rows of {len(told['rows'])} tables.\n"
    assert not Workspace.objects.exists()


def test_every_row_is_copied_as_it_is(file: Path) -> None:
    with copying.source(file):
        let_a_worker_be_heard()
        Heartbeat.objects.using(SOURCE).update(at=timezone.now() - 2 * SILENCE)  # it is long gone
        there = list(Workspace.objects.using(SOURCE).values())

    said = run(file)

    assert list(Workspace.objects.values()) == there
    assert "workspaces_workspace: 1\n" in said
    assert said.endswith("Nothing goes out before it is resumed.\n")
