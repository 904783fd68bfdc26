"""What the product relies on in each database: its settings, its locks, and what its errors mean."""

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import environ
from django.apps import AppConfig
from django.db import DatabaseError, Error, OperationalError, connection, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.lookups import IContains

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
Row = TypeVar("Row", bound=models.Model)
QS = TypeVar("QS", bound="models.QuerySet[Any, Any]")
ATTEMPTS = 5
NO_SUCH_TABLE, NO_SUCH_COLUMN = 1146, 1054
LOCK_WAIT_TIMEOUT = 1205
LOCK_ERRORS = (1213, LOCK_WAIT_TIMEOUT, 1020)
"""MySQL's deadlock, lock wait timeout, and record changed since last read."""
TABLE_EXISTS, CANNOT_CREATE, DUPLICATE_KEY = 1050, 1005, "errno: 121"
DONE_ALREADY = (1060, 1061, 1091, 1826, 3822)
"""A column, an index or a constraint of that name is there, or is none to be dropped."""
GIVE_WAY_SECONDS, GIVE_WAY_TRIES = 3, 120
"""So long a change of a table waits for its locks, and whoever uses the table for the change; then it gives way."""
AWAY_SECONDS = 5
"""After this long without an answer from the server's machine, a connection to it fails."""
REPLICA_SECONDS = 30
"""Far more than a report takes. Without a limit, one that hangs would hold every thread of a web process for good."""
IDLE_TRANSACTION_SECONDS = 30
"""The server rolls back a transaction whose client is silent for so long: its locks are free before others give up
waiting for them (50 s), and before the leases of its claims end (90 s). No network call is made in a transaction."""
IDLE_SECONDS = 300
"""MySQL cannot tell an idle transaction from an idle connection, and would keep either for eight hours: this is more
than any of ours is idle, but for those of requests that bring or fetch files, which then take a new one."""
CACHED_KIB = 256
"""The page cache of each SQLite connection. Every thread has a connection for each database: SQLite's default of 2 MiB
would be 128 MiB for 64 threads, and no faster, as the system caches the file anyway (docs/performance.md)."""
WAL_BYTES = 32 * 1024 * 1024
"""What SQLite keeps of its write-ahead log on disk. The log grows as long as anybody reads, by 230 MB in a busy minute,
and would otherwise keep that size."""
SESSION = f"""SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_TRANS_TABLES'
/*M!100300 , idle_transaction_timeout = {IDLE_TRANSACTION_SECONDS} */
/*!80000 , wait_timeout = {IDLE_SECONDS} */"""
"""MariaDB runs the first of the comments, MySQL the second."""


def database(url: str, *, patience: int | None = None) -> dict[str, Any]:
    """Return Django's settings for the database at this URL; a server may take `patience` seconds for an answer.

    With READ COMMITTED a second claimer updates no row instead of failing; full sync keeps a committed claim through a
    power loss; the session is in UTC, because claims are compared with the database's clock.
    """
    config = environ.Env.db_url_config(url) | {"CONN_HEALTH_CHECKS": True}
    if config["ENGINE"].endswith("sqlite3"):
        return config | {
            "ENGINE": "ouipost.sqlite",
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": (
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
                    f"PRAGMA cache_size=-{CACHED_KIB}; PRAGMA journal_size_limit={WAL_BYTES};"
                ),
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
            **({"read_timeout": patience} if patience else {}),
            **_tls(config.get("OPTIONS", {})),
        },
    }


def _tls(asked: Mapping[str, str]) -> dict[str, Any]:
    """Return what the client is told of TLS: the mode and the files that the URL names (`database_address`)."""
    files = {name.removeprefix("ssl_"): path for name, path in asked.items() if name != "ssl_mode"}
    return {"ssl_mode": asked["ssl_mode"], "ssl": files} if asked else {}


@models.CharField.register_lookup
@models.TextField.register_lookup
class ContainsInAnyCase(IContains):
    """`icontains` that ignores case in MySQL and MariaDB too, where columns are compared byte by byte."""

    def as_mysql(self, compiler: Any, connection: Any) -> Any:
        sql, parameters = self.as_sql(compiler, connection)
        return f"{sql} COLLATE utf8mb4_general_ci", parameters


def compare_byte_by_byte(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """Make MySQL and MariaDB tell `Ab`, `ab` and `ab ` apart in new tables, as ids and digests need; on pre_migrate."""
    connection = connections[using]
    if connection.vendor != "mysql":
        return
    collation = "utf8mb4_nopad_bin" if getattr(connection, "mysql_is_mariadb", False) else "utf8mb4_0900_bin"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE CHARACTER SET utf8mb4 COLLATE {collation}")


@contextmanager
def giving_way(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Have whatever waits for a lock within the block give up after seconds, let others pass, and try again.

    Whoever comes to a table waits behind a change that waits for it: as long as any transaction goes on, a backup's
    too. Where a transaction holds a row that the change needs, and comes to the table only then, both wait for each
    other, and the server does not see it. SQLite has one lock for everything.
    """
    if connection.vendor != "mysql":
        yield
        return
    limits = "SET SESSION lock_wait_timeout = {0}, innodb_lock_wait_timeout = {0}"
    with connection.cursor() as cursor:
        cursor.execute(limits.format(GIVE_WAY_SECONDS))
        with connection.execute_wrapper(_again_and_again):
            yield
        cursor.execute(limits.format("DEFAULT"))


def _again_and_again(
    execute: Callable[..., Result], sql: str, parameters: Any, many: bool, context: Mapping[str, Any]
) -> Result:
    """Run a statement; within a transaction only one that has waited for too long, as other errors undo all of it."""
    for _ in range(GIVE_WAY_TRIES):
        try:
            return execute(sql, parameters, many, context)
        except OperationalError as error:
            is_alone = not context["connection"].in_atomic_block
            if error.args[:1] != (LOCK_WAIT_TIMEOUT,) and not (is_alone and is_lock_error(error)):
                raise
        time.sleep(1)
    return execute(sql, parameters, many, context)


@contextmanager
def going_on(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Take for done, within the block, what a migration that broke off has done to the tables already.

    MySQL and MariaDB keep it, and Django begins that migration again at its first step.
    """
    if connection.features.can_rollback_ddl:
        yield
        return
    with connection.execute_wrapper(_unless_done):
        yield


def _unless_done(
    execute: Callable[..., Result], sql: str, parameters: Any, many: bool, context: Mapping[str, Any]
) -> Result | None:
    try:
        return execute(sql, parameters, many, context)
    except DatabaseError as error:
        if not _is_done(error, sql, context["connection"]):
            raise
    logger.warning("A migration that broke off has done this before: %s", sql)
    return None


def _is_done(error: DatabaseError, sql: str, connection: BaseDatabaseWrapper) -> bool:
    """Whether the error says that it is there, or gone, already; a table of that name may be somebody else's."""
    if error.args[:1] != (TABLE_EXISTS,):
        is_key = error.args[:1] == (CANNOT_CREATE,) and DUPLICATE_KEY in str(error)
        return is_key or error.args[:1] in {(code,) for code in DONE_ALREADY}
    table = sql.split("`")[1]
    with connection.cursor() as cursor:
        return all(f"`{each.name}` " in sql for each in connection.introspection.get_table_description(cursor, table))


def is_unmigrated(error: Error) -> bool:
    """Whether the error says that the database lacks a table or column of this version."""
    missing = ("no such table", "no such column", "has no column named")
    return error.args[:1] in ((NO_SUCH_TABLE,), (NO_SUCH_COLUMN,)) or any(each in str(error) for each in missing)


def notice_silence(sender: Any, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Set TCP timeouts on a new connection, so that the system notices when the server's machine is gone.

    The client library would wait for an answer for a quarter of an hour, or for ever. A limit on answers would also cut
    off slow queries; this one takes effect when the other machine acknowledges nothing.
    """
    if connection.vendor != "mysql" or not hasattr(socket, "TCP_USER_TIMEOUT"):
        return
    with socket.socket(fileno=os.dup(connection.connection.fileno())) as wire:
        if wire.family != socket.AF_UNIX:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, AWAY_SECONDS)
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, AWAY_SECONDS * 1000)


def release_old_connections() -> None:
    """Close the connections of this thread that are as old as they may be, as the end of a request does; none that is
    in a transaction. What is asked next takes a new one: the server may have ended the idle one."""
    for each in connections.all(initialized_only=True):
        if not each.in_atomic_block:
            each.close_if_unusable_or_obsolete()


class Overtaken(OperationalError):
    """What the transaction has read was changed by another one before it could be locked: it is to be run again."""


def lock_free(rows: QS) -> QS:
    """Lock these rows and leave out those that another transaction holds; SQLite, which has one writer, skips none."""
    return rows.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)


def lock_shared(rows: "models.QuerySet[Row]") -> list[Row]:
    """Return these rows as they are by now, locked as a foreign key to them locks them: others may hold them as well,
    and nobody changes them before the transaction ends."""
    if not connection.features.has_select_for_update:  # SQLite has one writer at a time
        return list(rows)
    sql, parameters = rows.query.sql_with_params()
    return list(rows.model._default_manager.raw(f"{sql} LOCK IN SHARE MODE", parameters))


def is_lock_error(error: OperationalError) -> bool:
    """Whether the transaction lost a race for a lock, so that running it again may succeed."""
    is_locks = any(code in LOCK_ERRORS for code in error.args[:1]) or "is locked" in str(error)
    return is_locks or isinstance(error, Overtaken)


def in_transaction(work: Callable[[], Result]) -> Result:
    """Run the work in a transaction of its own and return its result; retries up to four times over lost locks.

    Each try starts afresh. Work that was committed is not run again, whatever fails after the commit.
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
