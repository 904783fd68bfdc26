"""Who writes next on SQLite, which has one writer."""

import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import Error, OperationalError, connections, transaction
from django.db.transaction import TransactionManagementError

from ouipost.db.configuration import database
from ouipost.db.locks import is_lock_error
from ouipost.db.sqlite.base import DatabaseWrapper
from tests.foundation.threads import PATIENCE_SECONDS, at_once

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
WRITERS, WRITES = 8, 25
HELD_SECONDS = 0.004


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with a table of numbers."""
    path = tmp_path / "numbers.sqlite3"
    with closing(sqlite3.connect(path)) as made:
        made.execute("PRAGMA journal_mode = WAL")
        made.execute("CREATE TABLE number (value integer)")
    return path


@contextmanager
def connected(path: Path, *, timeout: float = 20) -> Iterator[DatabaseWrapper]:
    """Give a connection of this thread's own, by whose alias transactions are begun: the name of the thread."""
    alias = threading.current_thread().name
    given = connections.configure_settings({"default": database(f"sqlite:///{path}")})["default"]
    wrapper = DatabaseWrapper(given | {"OPTIONS": given["OPTIONS"] | {"timeout": timeout}}, alias)
    connections[alias] = wrapper
    try:
        yield wrapper
    finally:
        wrapper.close()
        del connections[alias]
        if wrapper.connection:  # Django keeps one in memory, whose tables would be gone with it
            wrapper.connection.close()


def write(wrapper: DatabaseWrapper, during: Callable[[], Any] = lambda: None) -> None:
    with transaction.atomic(wrapper.alias), wrapper.cursor() as cursor:
        cursor.execute("INSERT INTO number VALUES (1)")
        during()


def read(path: Path) -> int:
    with closing(sqlite3.connect(path)) as reader:
        [count] = reader.execute("SELECT count(*) FROM number").fetchone()
    return int(count)


def test_a_new_file_and_those_beside_it_are_their_owners_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    with connected(tmp_path / "new.sqlite3") as wrapper, wrapper.cursor() as cursor:
        cursor.execute("CREATE TABLE number (value integer)")
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}

    assert modes == {f"new.sqlite3{ending}": 0o600 for ending in ("", "-shm", "-wal")}


def test_a_file_that_is_there_stays_as_its_owner_made_it(path: Path) -> None:
    path.chmod(0o640)

    with connected(path) as wrapper:
        write(wrapper)

    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_nobody_waits_until_all_others_are_through(path: Path) -> None:
    """Each writes 25 times, without a pause: in SQLite's own order the last ones wait until the others are through."""
    written: list[int] = []

    def hold() -> None:
        time.sleep(HELD_SECONDS)
        written.append(1)

    def write_often() -> int:
        most = 0
        with connected(path) as wrapper:
            for _ in range(WRITES):
                before = len(written)
                write(wrapper, hold)
                most = max(most, len(written) - 1 - before)
        return most

    overtaken = at_once(*[write_often] * WRITERS)

    assert max(overtaken) < (WRITERS - 1) * WRITES
    assert read(path) == WRITERS * WRITES


def fail() -> None:
    raise ValueError("What was begun is taken back.")


@pytest.mark.parametrize(
    ("during", "kept"),
    [
        (lambda wrapper: None, 1),
        (lambda wrapper: fail(), 0),
        (lambda wrapper: wrapper.close(), 0),
        (lambda wrapper: wrapper.connection.close(), 0),
    ],
    ids=["committed", "rolled back", "closed", "lost"],
)
def test_the_next_one_writes_however_the_one_before_ended(
    path: Path, during: Callable[[DatabaseWrapper], Any], kept: int
) -> None:
    def end() -> None:
        with connected(path) as wrapper, suppress(ValueError, Error, TransactionManagementError):
            write(wrapper, lambda: during(wrapper))

    with connected(path, timeout=1) as wrapper:
        at_once(end)
        write(wrapper)

    assert read(path) == kept + 1


@pytest.mark.parametrize(("end", "during"), [("_commit", lambda: None), ("_rollback", fail)])
def test_a_connection_writes_again_after_the_end_of_a_transaction_was_broken_off(
    path: Path, monkeypatch: pytest.MonkeyPatch, end: str, during: Callable[[], None]
) -> None:
    def break_off(_: DatabaseWrapper) -> None:
        raise KeyboardInterrupt  # as a signal's handler may; it is no error of the database's, which Django handles

    with connected(path, timeout=0.1) as wrapper:
        with monkeypatch.context() as patch:
            patch.setattr(DatabaseWrapper, end, break_off)
            with pytest.raises(KeyboardInterrupt):
                write(wrapper, during)
        before = read(path)
        write(wrapper)

    assert read(path) == before + 1


@contextmanager
def held_by_a_thread(path: Path) -> Iterator[None]:
    """Have another thread of this process in the middle of a write meanwhile."""

    def wait() -> None:
        begun.set()
        over.wait(PATIENCE_SECONDS)

    def hold() -> None:
        with connected(path) as wrapper:
            write(wrapper, wait)

    begun, over = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        assert begun.wait(PATIENCE_SECONDS)
        try:
            yield
        finally:
            over.set()
            holding.result()


@contextmanager
def held_by_another_program(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.parametrize("held", [held_by_a_thread, held_by_another_program])
def test_who_waits_in_vain_is_told_that_the_database_is_locked_and_writes_later(
    path: Path, held: Callable[[Path], AbstractContextManager[None]]
) -> None:
    with connected(path, timeout=0.1) as wrapper:
        with held(path), pytest.raises(OperationalError, match="database is locked") as raised:
            write(wrapper)
        before = read(path)
        write(wrapper)

    assert is_lock_error(raised.value)
    assert read(path) == before + 1


def test_databases_in_memory_have_nobody_to_wait_for() -> None:
    def begin() -> None:
        with connected(Path(":memory:"), timeout=0.1) as other, transaction.atomic(other.alias):
            pass

    with connected(Path(":memory:")) as wrapper, transaction.atomic(wrapper.alias):
        assert at_once(begin) == [None]
