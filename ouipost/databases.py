"""What the product relies on in each database: its settings, its locks, and what its errors mean."""

import os
import secrets
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import environ
from django.apps import AppConfig
from django.db import Error, OperationalError, connection, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.lookups import IContains

Result = TypeVar("Result")
QS = TypeVar("QS", bound="models.QuerySet[Any, Any]")
ATTEMPTS = 5
NO_SUCH_TABLE, NO_SUCH_COLUMN = 1146, 1054
LOCK_ERRORS = (1213, 1205, 1020)
"""MySQL's deadlock, lock wait timeout, and record changed since last read."""
AWAY_SECONDS = 5
"""A server whose machine does not answer for so long is away: who waits for it goes on without."""
IDLE_TRANSACTION_SECONDS = 30
"""A transaction whose client says nothing for so long is rolled back, and its locks are free before anybody who waits
for them gives up (50 s), and before the lease of what it claimed is over (90 s). No call is ever made inside of one."""
CACHED_KIB = 256
"""What each connection to SQLite may keep of its file. Each thread has one, and the system keeps the file once for all:
SQLite's own 2 MiB are 128 for 64 threads, of each database, and make no list faster (docs/performance.md)."""
SESSION = f"""SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_TRANS_TABLES'
/*M!100300 , idle_transaction_timeout = {IDLE_TRANSACTION_SECONDS} */"""
"""MySQL takes what is for MariaDB for a comment."""


def database(url: str) -> dict[str, Any]:
    """Return Django's settings for this database address.

    READ COMMITTED lets a second claimer see 0 rows instead of an error; full sync keeps an armed mark through a power
    loss; the session's clock is UTC, because claims compare with the database's own time.
    """
    config = environ.Env.db_url_config(url) | {"CONN_HEALTH_CHECKS": True}
    if config["ENGINE"].endswith("sqlite3"):
        return config | {
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-{CACHED_KIB};",
            },
            "TEST": {"NAME": f"{config['NAME']}.test", "DEPENDENCIES": []},  # a file: threads share no memory
        }
    return config | {
        "CONN_MAX_AGE": 60,
        "OPTIONS": {
            "charset": "utf8mb4",
            "isolation_level": "read committed",
            "init_command": SESSION,
            "connect_timeout": AWAY_SECONDS,
        },
    }


@models.CharField.register_lookup
@models.TextField.register_lookup
class ContainsInAnyCase(IContains):
    """`icontains`, also in MySQL and MariaDB: there a column that is compared byte by byte has to be told."""

    def as_mysql(self, compiler: Any, connection: Any) -> Any:
        sql, parameters = self.as_sql(compiler, connection)
        return f"{sql} COLLATE utf8mb4_general_ci", parameters


def compare_byte_by_byte(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """Before tables are made: let MySQL and MariaDB tell `Ab`, `ab` and `ab ` apart, as ids and secrets must be."""
    connection = connections[using]
    if connection.vendor != "mysql":
        return
    collation = "utf8mb4_nopad_bin" if getattr(connection, "mysql_is_mariadb", False) else "utf8mb4_0900_bin"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE CHARACTER SET utf8mb4 COLLATE {collation}")


def is_unmigrated(error: Error) -> bool:
    """Whether the database lacks a table or a column that this code knows."""
    missing = ("no such table", "no such column", "has no column named")
    return error.args[:1] in ((NO_SUCH_TABLE,), (NO_SUCH_COLUMN,)) or any(each in str(error) for each in missing)


def notice_silence(sender: Any, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """On a new connection to a server: let the system notice when the server's machine is gone.

    The library would wait for a quarter of an hour for an answer, or for ever. A limit for answers would also end what
    only takes long; this one ends when nothing at the other end acknowledges anything.
    """
    if connection.vendor != "mysql" or not hasattr(socket, "TCP_USER_TIMEOUT"):
        return
    with socket.socket(fileno=os.dup(connection.connection.fileno())) as wire:
        if wire.family != socket.AF_UNIX:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, AWAY_SECONDS)
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, AWAY_SECONDS * 1000)


def lock_free(rows: QS) -> QS:
    """Lock these rows and leave out those that another transaction holds; SQLite, which has one writer, skips none."""
    return rows.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)


def is_lock_error(error: OperationalError) -> bool:
    """Whether the database only lost a race, so that the same work may succeed now."""
    return any(code in LOCK_ERRORS for code in error.args[:1]) or "is locked" in str(error)


def in_transaction(work: Callable[[], Result]) -> Result:
    """Run the work in a transaction of its own and commit it, up to five times over lost races.

    The work starts from nothing each time. It is not run again once it is committed, whatever fails after that.
    """
    attempt = 1
    while True:
        committed: list[bool] = []
        try:
            with transaction.atomic(durable=True):
                transaction.on_commit(partial(committed.append, True))
                return work()
        except OperationalError as error:
            if committed or attempt == ATTEMPTS or not is_lock_error(error):
                raise
        time.sleep(secrets.randbelow(20 << attempt) / 1000)
        attempt += 1
