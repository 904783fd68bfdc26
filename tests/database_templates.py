"""The tables of new databases: made once in a run of tests, and then copied in a tenth of the time."""

import fcntl
import os
import pickle
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Kept = list[tuple[str, Sequence[Any]]]
"""Statements, and the rows that each is run for."""


def make(address: str, *, what: str, root: Path, fill: Callable[[], str]) -> str:
    """Fill the database at this address as the code in `root` does, and return the command's output.

    `fill` does it if there is no kept copy yet, or if the database has tables already.
    """
    kind = urlsplit(address).scheme
    is_empty, take, put = (_has_no_file, _image, _lay_down) if kind == "sqlite" else (_has_no_table, _kept, _run)
    if not is_empty(address):
        return fill()
    with _place(f"{root} {what} {kind}") as place:
        if not place.exists():
            printed = fill()
            place.write_bytes(pickle.dumps((take(address), printed)))
            return printed
    kept, printed = pickle.loads(place.read_bytes())  # noqa: S301 (our own file)
    put(address, kept)
    return str(printed)


@contextmanager
def _place(name: str) -> Iterator[Path]:
    """Give the file of the kept copy with this name, locked against other processes."""
    place = _folder() / sha256(name.encode()).hexdigest()
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield place


@cache
def _folder() -> Path:
    """Return the folder of this run, or one of this process if the run has named none."""
    return Path(os.environ.get("OUIPOST_DATABASE_TEMPLATES") or tempfile.mkdtemp(prefix="ouipost-templates-"))


def _file(address: str) -> Path:
    return Path(urlsplit(address).path[1:])


def _has_no_file(address: str) -> bool:
    return not _file(address).exists()


def _image(address: str) -> bytes:
    with closing(sqlite3.connect(_file(address))) as connection:
        return connection.serialize()


def _lay_down(address: str, image: bytes) -> None:
    _file(address).write_bytes(image)


def _has_no_table(address: str) -> bool:
    with _cursor(address) as cursor:
        return not _rows(cursor, "SHOW TABLES")


def _kept(address: str) -> Kept:
    with _cursor(address) as cursor:
        [(characters, collation)] = _rows(cursor, "SELECT @@character_set_database, @@collation_database")
        kept: Kept = [("SET foreign_key_checks = 0", ())]
        kept.append((f"ALTER DATABASE CHARACTER SET {characters} COLLATE {collation}", ()))
        for (table,) in _rows(cursor, "SHOW TABLES"):
            [(_, statement)] = _rows(cursor, f"SHOW CREATE TABLE {table}")
            kept.append((statement, ()))
            if rows := _rows(cursor, f"SELECT * FROM {table}"):  # noqa: S608 (our own table)
                places = ", ".join(["%s"] * len(rows[0]))
                kept.append((f"INSERT INTO {table} VALUES ({places})", rows))  # noqa: S608 (our own table)
        return kept


def _run(address: str, kept: Kept) -> None:
    with _cursor(address) as cursor:
        for statement, rows in kept:
            if rows:
                cursor.executemany(statement, rows)
            else:
                cursor.execute(statement)


def _rows(cursor: Any, statement: str) -> list[tuple[Any, ...]]:
    cursor.execute(statement)
    return list(cursor.fetchall())


@contextmanager
def _cursor(address: str) -> Iterator[Any]:
    import MySQLdb  # only where there is a server

    parts = urlsplit(address)
    login = {"user": parts.username or "root", "password": parts.password or ""}
    host = {"host": parts.hostname, "port": parts.port or 3306}
    connection: Any = MySQLdb.connect(**host, **login, database=parts.path[1:], charset="utf8mb4")
    with closing(connection):
        yield connection.cursor()
        connection.commit()
