"""Errors of commands whose database is away, damaged or not migrated; loads no models, as `manage.py` uses it, too."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import Error, InterfaceError, OperationalError

from adminapi.management import NOBODY_CAN_TELL
from ouipost.db.migrating import is_clash, is_unmigrated

OF_THE_CLIENT = (0, *range(2000, 3000))
"""Codes of errors that MariaDB's and MySQL's client has before, or instead of, an answer of the server."""
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
RESTORE = "stop everything and restore a backup, as docs/operations/backup.md says"


@contextmanager
def on_the_database() -> Iterator[None]:
    """Turn the errors of an unusable database into a CommandError that says what to run."""
    try:
        yield
    except Error as error:
        if said := remedy(error):
            raise CommandError(said, returncode=NOBODY_CAN_TELL) from error
        raise


def remedy(error: Error) -> str:
    """Return what makes the database unusable and what to run, in a sentence; empty if the error says neither."""
    if is_unmigrated(error):
        return f"The database is not migrated for this version ({error.args[-1]}): run `manage.py prepare`."
    if is_damaged(error):
        return f"The file of a database is damaged ({error.args[-1]}): {RESTORE}."
    if isinstance(error, OperationalError | InterfaceError) and not is_clash(error):
        trouble = "refuses" if _is_from_server(error) else "does not answer"
        return f"The database {trouble} ({error.args[-1]}): `manage.py doctor` says what is wrong with it."
    return ""


def is_damaged(error: Exception) -> bool:
    """Whether SQLite says that a database's file is broken, or none of its own."""
    code: int = getattr(error.__cause__, "sqlite_errorcode", 0)
    return code & 0xFF in DAMAGED  # the other bits say what is broken in it


def _is_from_server(error: Error) -> bool:
    """Whether a server answered with this error; SQLite's errors have no code."""
    return isinstance(error.args[0], int) and error.args[0] not in OF_THE_CLIENT
