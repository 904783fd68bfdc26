"""Check the database: its kind and version, and the guarantees that publishing relies on."""

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connection, connections, transaction
from django.utils import timezone

from adminapi.doctor.findings import Finding, warning, well, wrong
from adminapi.models import Gap, Mark
from adminapi.monitoring.probes import FILLING, FULL, percent_used
from adminapi.processes import restored
from ouipost.api import health
from ouipost.claims import database_now
from ouipost.db import replica

OLDEST = {"MariaDB": (10, 6), "MySQL": (8, 0, 11), "SQLite": (3, 31)}
CLOCKS_DIFFER, CLOCKS_FAR_APART = timedelta(seconds=2), timedelta(seconds=30)
REPLICA_BEHIND = timedelta(minutes=1)
READ_COMMITTED = "READ-COMMITTED"
FULL_SYNC = 2
SYNCED_LOG, SYNCED_BINLOG = "innodb_flush_log_at_trx_commit", "sync_binlog"
WRITTEN = ("log_bin", "binlog_format", SYNCED_LOG, SYNCED_BINLOG, "wsrep_on")
VARIABLES = ("tx_isolation", "transaction_isolation", *WRITTEN)
TAKE_WRITES = {
    "sqlite": "Let its file, and those beside it, belong to the user that runs Oui Post.",
    "mysql": "Name a server that is no replica and not read-only, and a user who has all rights in the database.",
}
FOREIGN = (
    "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE() "
    "AND collation_name IS NOT NULL AND (character_set_name <> 'utf8mb4' OR collation_name NOT LIKE '%%\\_bin') "
    "ORDER BY table_name, column_name"
)
WITHOUT_TRANSACTIONS = (
    "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' "
    "AND engine <> 'InnoDB' ORDER BY table_name"
)
REMOTE = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "glusterfs", "ceph")
"""Network file systems, where SQLite's locks do not hold."""


def server() -> Finding:
    """Name the server, and check that it is new enough."""
    name, version = connection.display_name, connection.get_database_version()
    shown, least = ".".join(map(str, version)), ".".join(map(str, OLDEST[name]))
    if version < OLDEST[name]:
        return wrong(f"The database is {name} {shown}.", f"Use {name} {least} or newer.")
    return well(f"It is {name} {shown}.")


def transactions() -> Finding:
    """Check that commits last, and that a second transaction sees that a row is taken."""
    return _of_sqlite() if connection.vendor == "sqlite" else _of_tables() or _of_mysql()


def _of_sqlite() -> Finding:
    mode, sync = str(_one("PRAGMA journal_mode")), int(_one("PRAGMA synchronous"))
    if mode.lower() != "wal":
        return wrong(
            f"SQLite's journal_mode is {mode}, not wal: readers and writers wait for each other.",
            "Keep the file on a local disk, where write-ahead logging works, and let nothing else open it.",
        )
    if sync < FULL_SYNC:
        return wrong(
            f"SQLite's synchronous is {sync}, not FULL: a power cut may undo what was allowed to be sent.",
            "Leave PRAGMA synchronous as Oui Post sets it.",
        )
    return well("SQLite logs ahead (wal) and writes through (FULL).")


def _of_tables() -> Finding | None:
    tables = [table for (table,) in _rows(WITHOUT_TRANSACTIONS)]
    if not tables:
        return None
    return wrong(
        f"Not InnoDB, and so without transactions and locks of rows: {_first(tables)}.",
        "ALTER TABLE … ENGINE=InnoDB, for each of the tables, while nothing runs. If nothing is stored yet, create the "
        "database anew instead: tables that were not created as InnoDB lack their foreign keys, too.",
    )


def _of_mysql() -> Finding:
    found = _variables()
    isolation = found.get("transaction_isolation") or found.get("tx_isolation", "")
    has_binlog = found.get("log_bin") == "ON"
    if isolation != READ_COMMITTED:
        return wrong(
            f"Transactions are isolated as {isolation}, not {READ_COMMITTED}: workers get in each other's way.",
            "Leave isolation_level as Oui Post sets it, and let no init_connect of the server change it.",
        )
    if has_binlog and found.get("binlog_format") == "STATEMENT":
        return wrong(
            "The server logs statements: it refuses writes under READ COMMITTED.", "Set binlog_format to ROW or MIXED."
        )
    if found.get("wsrep_on") == "ON":
        return warning(
            "The server is one of a Galera cluster: what is locked on it is free on the others.",
            "Let all processes write to the same server of it.",
        )
    # At its start the server rolls back transactions that a power cut removed from the binary log, even committed ones.
    needed = [SYNCED_LOG, SYNCED_BINLOG] if has_binlog else [SYNCED_LOG]
    if loose := [name for name in needed if found.get(name) != "1"]:
        return warning(
            "A commit is not written through: after a power cut, what had been sent may be sent again.",
            f"Set {' and '.join(loose)} to 1.",
        )
    return well(f"They are isolated as {isolation} and written through.")


def _variables() -> dict[str, str]:
    names = ", ".join(f"'{name}'" for name in VARIABLES)
    return dict(_rows(f"SHOW VARIABLES WHERE Variable_name IN ({names})"))


def collation() -> Finding:
    """Check that ids and digests that differ only in case, or in trailing spaces, are different."""
    if connection.vendor == "sqlite":
        return well("SQLite compares byte by byte.")
    charset, collated = _row("SELECT @@character_set_database, @@collation_database")
    columns = [f"{table}.{column}" for table, column in _rows(FOREIGN)]
    how = "CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"
    how = how if connection.display_name == "MariaDB" else "CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin"
    if columns:
        return wrong(
            f"Not every character is held, or Ab is not told from ab, in {_first(columns)}.",
            f"ALTER TABLE … CONVERT TO {how}, for each of the tables.",
        )
    if charset != "utf8mb4" or not str(collated).endswith("_bin"):
        return wrong(
            f"New tables would be {charset}, {collated}: they would not tell Ab from ab.", "Run `manage.py prepare`."
        )
    return well(f"Texts are {charset}, {collated}.")


def clock() -> Finding:
    """Compare the clocks of this machine and of the database."""
    before = timezone.now()
    there = database_now()
    trip = timezone.now() - before
    apart = abs(there - before - trip / 2) - trip / 2
    if apart < CLOCKS_DIFFER:
        return well("This machine and the database tell the same time.")
    message = f"This machine's clock and the database's are {apart.total_seconds():.0f} seconds apart."
    found = wrong if apart >= CLOCKS_FAR_APART else warning
    return found(message, "Let both follow a time server.")


def migrations() -> Finding:
    """Check that every database has the tables of this version."""
    states = {alias: health.check(alias) for alias in replica.own()}
    bad = [f"{alias}: {state}" for alias, state in states.items() if state != "ok"]
    if "unreachable" in states.values():
        return wrong(
            f"Not every database can be opened ({', '.join(bad)}).",
            "See what SIMULATOR_DATABASE_URL and its like name.",
        )
    if bad:
        return wrong(f"Not every database is as this version needs it ({', '.join(bad)}).", "Run `manage.py prepare`.")
    return well("Every migration is applied.")


def writing() -> Finding:
    """Check that rows may be inserted, changed and removed."""
    now = timezone.now()
    try:
        with transaction.atomic():
            row = Gap.objects.create(since=now, until=now)
            row.save()
            row.delete()
            transaction.set_rollback(True)
    except Error as error:
        return wrong(f"It takes no writes: {error.args[-1]}.", TAKE_WRITES[connection.vendor])
    return well("It takes writes.")


def the_replica() -> Finding:
    """Check that the replica, if there is one, answers and keeps up."""
    if replica.REPLICA not in connections:
        return well("None is used.")
    reached = _mark(DEFAULT_DB_ALIAS)
    try:
        copied = _mark(replica.REPLICA)
    except Error as error:
        return warning(
            f"It does not answer ({error.args[-1]}): reports are read from the database itself.",
            "See that it runs, and that DATABASE_REPLICA_URL has its address, user and password.",
        )
    if reached and (copied is None or copied.database != reached.database):
        return warning("It is no copy of this database.", "Name a replica of it as DATABASE_REPLICA_URL, or none.")
    if reached and copied and reached.clock - copied.clock > REPLICA_BEHIND:
        behind = round((reached.clock - copied.clock).total_seconds())
        return warning(
            f"It is {behind} seconds behind, and so are reports and analytics.",
            "Ask it why with SHOW REPLICA STATUS, or leave DATABASE_REPLICA_URL out until it follows.",
        )
    return well("It answers.")


def _mark(alias: str) -> Mark | None:
    """Return the time that a database has reached; a worker notes it every few seconds."""
    return Mark.objects.using(alias).first()


def disk() -> Finding:
    """Check that the database and this machine's files can be written, and that there is room."""
    folder = settings.OUIPOST_HOME
    if not folder.exists():
        return wrong(
            f"OUIPOST_HOME, {folder}, does not exist; nothing else was looked at.",
            "Correct it if it is misspelled. Else make the folder, let it belong to the user that runs Oui Post, and "
            "run `manage.py prepare`.",
        )
    if not os.access(folder, os.W_OK) or not folder.is_dir():
        return wrong(
            f"OUIPOST_HOME, {folder}, is no folder that can be written to: answers that come while the database is "
            "away would be lost, and a restore not noticed.",
            "Make the folder, and let it belong to the user that runs Oui Post.",
        )
    if connection.vendor == "sqlite":
        folder = Path(connection.settings_dict["NAME"]).absolute().parent
        if not os.access(folder, os.W_OK):
            return wrong(f"{folder} cannot be written to.", "Let it belong to the user that runs Oui Post.")
        if (kind := file_system_of(folder)) in REMOTE:
            return wrong(f"{folder} is on another machine ({kind}).", "Keep SQLite on a local disk, or use MariaDB.")
    used = percent_used(folder)
    if used >= FILLING:
        found = wrong if used >= FULL else warning
        return found(f"The disk of {folder} is {used:.0f} % full.", "Make room on it.")
    if unreadable := restored.unreadable():
        file, why = next(iter(unreadable.items()))
        return warning(
            f"{file} cannot be read, so a restore of the database may not be noticed: {why}.",
            "If the database was restored, see docs/operations/backup.md. Else remove it: a worker writes it anew.",
        )
    return well(f"The disk of {folder} is {used:.0f} % full.")


def file_system_of(folder: Path, mounts: str = "/proc/self/mounts") -> str:
    """Return the type of the file system of a folder, or empty if this machine does not list mounts."""
    try:
        lines = Path(mounts).read_text().splitlines()
    except OSError:
        return ""
    found = [(point, kind) for _, point, kind, *_ in map(str.split, lines) if folder.is_relative_to(point)]
    # The last mount at a point counts: a network disk is mounted over the automounter's own entry.
    return max(reversed(found), key=lambda each: len(each[0]), default=("", ""))[1]


def _first(names: Sequence[str]) -> str:
    """Return the first name, and the number of the others."""
    return f"{names[0]} and {len(names) - 1} more" if names[1:] else names[0]


def _one(statement: str) -> Any:
    return _row(statement)[0]


def _row(statement: str) -> Any:
    return _rows(statement)[0]


def _rows(statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())
