"""Where the database is away or not migrated, a command says so, and what to run: with 3, which means nothing else."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, ProgrammingError

from adminapi.management.unusable import on_the_database
from ouipost.observability import log_format
from tests.product import Product, wait_for
from tests.services import free_port

ROOT = Path(__file__).resolve().parents[2]
ADMIN = ("--email", "ops@example.com", "--password", "a long pass phrase")
AWAY, BEHIND = ("does not answer", "`manage.py doctor`"), ("is not migrated", "`manage.py prepare`")
REFUSING = ("The database refuses", "`manage.py doctor`")


def run(home: Path, *command: str, **variables: str) -> tuple[int, str, str]:
    """Run a command in a home that has nothing, and return its exit code and what it wrote."""
    started = start(home, *command, **variables)
    told, said = started.communicate()
    return started.returncode, told, said


def start(home: Path, *command: str, **variables: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "OUIPOST_HOME": str(home)} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.thorough
@pytest.mark.any_database
@pytest.mark.parametrize(
    ("command", "folder", "says"),
    [
        (("bootstrap", *ADMIN, "--json"), "", BEHIND),
        (("stuck", "--json"), "away", AWAY),
        (("serve",), "away", AWAY),
        (("migrate",), "away", AWAY),
        (("changepassword", "ops@example.com"), "", BEHIND),
        (("prepare", "--wait", "1"), "away", AWAY),
    ],
    ids=lambda given: given[0] if isinstance(given, tuple) else given,
)
def test_a_command_that_finds_no_database_or_an_empty_one_says_what_to_run(
    tmp_path: Path, command: tuple[str, ...], folder: str, says: tuple[str, str]
) -> None:
    status, output, said = run(tmp_path, *command, DATABASE_URL=f"sqlite:///{tmp_path / folder}/x.sqlite3")

    assert (status, output if "--json" in command else "") == (3, "")
    assert all(words in said for words in says)
    assert "Traceback" not in said


@pytest.mark.any_database
@pytest.mark.parametrize(("kept", "why"), [(0, "file is not a database"), (100, "database disk image is malformed")])
@pytest.mark.parametrize("command", ["stuck", "serve", "migrate"])
def test_a_damaged_file_is_no_find_and_is_told_with_where_to_read_how_to_restore(
    tmp_path: Path, command: str, kept: int, why: str
) -> None:
    path = damaged(tmp_path / "x.sqlite3", kept=kept)

    status, _, said = run(tmp_path, command, DATABASE_URL=f"sqlite:///{path}", PORT=str(free_port()))

    assert (status, said) == (
        3,
        f"CommandError: The file of a database is damaged ({why}): stop everything and restore a backup, as "
        "docs/operations/backup.md says.\n",
    )


@pytest.mark.any_database
@pytest.mark.parametrize("kept", [0, 100])
def test_the_doctor_names_a_damaged_file(tmp_path: Path, kept: int) -> None:
    path = damaged(tmp_path / "x.sqlite3", kept=kept)

    status, told, said = run(tmp_path, "doctor", "--json", DATABASE_URL=f"sqlite:///{path}")

    found = next(check for check in json.loads(told)["checks"] if check["name"] == "database")
    assert (status, found["status"], said) == (1, "wrong", "")
    assert "docs/operations/backup.md" in found["action"]


def damaged(path: Path, *, kept: int) -> Path:
    """Make a database of which no more than the first bytes are left as they were."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE x (y)")
        database.commit()
    whole = path.read_bytes()
    path.write_bytes(whole[:kept] + b"\xff" * (len(whole) - kept))
    return path


CELERY = ("-m", "celery", "-A", "ouipost", "--quiet")


@pytest.mark.thorough
@pytest.mark.any_database
@pytest.mark.parametrize("form", log_format.ALL)
@pytest.mark.parametrize(
    "command",
    [("manage.py", "work"), ("manage.py", "web"), (*CELERY, "worker", "--concurrency", "1"), (*CELERY, "beat")],
    ids=["work", "web", "celery worker", "celery beat"],
)
def test_a_process_whose_database_is_not_migrated_says_what_to_run(
    tmp_path: Path, command: tuple[str, ...], form: str
) -> None:
    given = {"PORT": str(free_port()), "CELERY_BROKER_URL": f"redis://127.0.0.1:{free_port()}", "LOG_FORMAT": form}

    with begun(tmp_path, *command, **given) as log:
        wait_for(lambda: "not migrated" in log.read_text(), what="what to run")

    line = next(line for line in log.read_text().splitlines() if "not migrated" in line)
    said = json.loads(line)["event"] if form == log_format.JSON else line
    assert "The database is not migrated for this version (no such table: " in said
    assert "): run `manage.py prepare`." in said


@contextmanager
def begun(home: Path, *command: str, **variables: str) -> Iterator[Path]:
    """Run a process with all its children during the block, and give the file of its log."""
    log = home / "log"
    environment = {"PATH": os.environ["PATH"], "OUIPOST_HOME": str(home)} | variables
    with (
        log.open("w") as file,
        subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=environment, stdout=file, stderr=file, start_new_session=True
        ) as process,
    ):
        try:
            yield log
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.thorough
@pytest.mark.any_database
def test_prepare_waits_for_a_database_that_comes_late(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    Product(home=tmp_path, database_url=f"sqlite:///{tmp_path}/made/x.sqlite3").migrate()
    waiting = start(tmp_path, "prepare", "--wait", "60", DATABASE_URL=f"sqlite:///{tmp_path}/late/x.sqlite3")
    assert waiting.stdout is not None
    first = waiting.stdout.readline()
    (tmp_path / "made").rename(tmp_path / "late")
    told, said = waiting.communicate()

    assert (waiting.returncode, said) == (0, "")
    assert (first, told) == ("A database does not answer yet: waiting for it, up to 60 s.\n", "All is ready.\n")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OperationalError(2002, "Can't connect to server"), AWAY),
        (OperationalError(2013, "Lost connection to server during query"), AWAY),
        (InterfaceError(0, ""), AWAY),
        (OperationalError(1142, "CREATE command denied to user 'ouipost'"), REFUSING),
        (OperationalError(1286, "Unknown storage engine 'InnoDB'"), REFUSING),
        (ProgrammingError(1146, "Table 'ouipost.x' doesn't exist"), BEHIND),
        (OperationalError(1054, "Unknown column 'x' in 'SELECT'"), BEHIND),
        (OperationalError("no such column: x"), BEHIND),
        (OperationalError("table x has no column named y"), BEHIND),
    ],
)
def test_each_database_is_understood(error: DatabaseError, says: tuple[str, str]) -> None:
    with pytest.raises(CommandError) as raised, on_the_database():
        raise error

    assert raised.value.returncode == 3
    assert all(words in str(raised.value) for words in says)


@pytest.mark.parametrize("error", [IntegrityError(1062, "Duplicate entry"), ProgrammingError(1064, "Syntax")])
def test_an_error_of_ours_stays_what_it_is(error: DatabaseError) -> None:
    with pytest.raises(type(error)), on_the_database():
        raise error
