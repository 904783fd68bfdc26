"""Set-up of each database: the options of its connections, and the collation of its columns."""

import os
import socket
from collections.abc import Mapping
from typing import Any

import environ
from django.apps import AppConfig
from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.lookups import IContains

AWAY_SECONDS = 5
"""A connection fails after this time without an answer from the server's machine."""
REPLICA_SECONDS = 30
"""Far more than a report takes. Without a limit, a hanging replica would block every thread of a web process."""
IDLE_TRANSACTION_SECONDS = 30
"""The server rolls back a transaction whose client is silent for this time: its locks are freed before others give up
waiting for them (50 s), and before the leases of its claims end (90 s). No network call is made in a transaction."""
IDLE_SECONDS = 300
"""MySQL does not distinguish an idle transaction from an idle connection, and would keep either for eight hours. Our
connections are idle for less, except in requests that upload or fetch files, which then open a new one."""
CACHED_KIB = 256
"""The page cache of each SQLite connection. Every thread has a connection for each database: SQLite's default of 2 MiB
would be 128 MiB for 64 threads, and no faster, as the system caches the file anyway (docs/performance.md)."""
WAL_BYTES = 32 * 1024 * 1024
"""The size to which SQLite truncates its write-ahead log. The log grows while anybody reads, by 230 MB in a busy
minute, and would otherwise keep that size."""
SESSION = f"""SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_TRANS_TABLES', default_storage_engine = InnoDB
/*M!100300 , idle_transaction_timeout = {IDLE_TRANSACTION_SECONDS} */
/*!80000 , wait_timeout = {IDLE_SECONDS} */"""
"""MariaDB runs the first comment, MySQL the second."""


def database(url: str, *, patience: int | None = None) -> dict[str, Any]:
    """Return Django's settings for the database at this URL; a server must answer within `patience` seconds.

    With READ COMMITTED a second claimer updates no row instead of failing; full sync keeps a committed claim through a
    power loss; the session is in UTC, because claims are compared with the database's clock.
    """
    config = environ.Env.db_url_config(url) | {"CONN_HEALTH_CHECKS": True}
    if config["ENGINE"].endswith("sqlite3"):
        return config | {
            "ENGINE": "ouipost.db.sqlite",
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
    """Return the client's TLS options: the mode and the files that the URL names (`database_address`)."""
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
    """Make MySQL and MariaDB distinguish `Ab`, `ab` and `ab ` in new tables, as ids and digests need; pre_migrate."""
    connection = connections[using]
    if connection.vendor != "mysql":
        return
    collation = "utf8mb4_nopad_bin" if getattr(connection, "mysql_is_mariadb", False) else "utf8mb4_0900_bin"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE CHARACTER SET utf8mb4 COLLATE {collation}")


def notice_silence(sender: Any, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Set TCP timeouts on a new connection, so that the system notices when the server's machine is gone.

    The client library would wait for an answer for a quarter of an hour, or forever. A limit on answers would also cut
    off slow queries; these timeouts take effect only when the other machine acknowledges nothing.
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
    """Close this thread's connections that have reached their maximum age, except those in a transaction.

    The end of a request does the same. The next query opens a new one: the server may have closed the idle one.
    """
    for each in connections.all(initialized_only=True):
        if not each.in_atomic_block:
            each.close_if_unusable_or_obsolete()
