"""A lock for one process at a time per database, on any machine: the second waits for the first to end or die."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from django.db import Error

logger = logging.getLogger(__name__)
NAME = "CONCAT('ouipost ', SHA1(DATABASE()))"
"""Lock names are shared by all databases of a server, and have at most 64 characters."""
ASK_FOR_SECONDS = 5
"""The lock is asked for repeatedly, since a connection with a read timeout would fail during a longer wait."""
WAITING = "Another process is setting up this database: waiting for it to end."


@contextmanager
def advisory_lock(connection: Any) -> Iterator[None]:
    """Let no other process into such a block for the same database; a wait is logged."""
    connection.ensure_connection()
    with _lock_of_server(connection) if connection.vendor == "mysql" else _lock_of_file(connection):
        yield


@contextmanager
def _lock_of_server(connection: Any) -> Iterator[None]:
    """Hold a lock that ends with the connection."""
    if not _ask(connection, f"GET_LOCK({NAME}, 0)"):
        logger.warning(WAITING)
        while not _ask(connection, f"GET_LOCK({NAME}, {ASK_FOR_SECONDS})"):
            pass
    try:
        yield
    finally:
        with suppress(Error):  # a broken connection has lost it
            _ask(connection, f"RELEASE_LOCK({NAME})")


def _ask(connection: Any, function: str) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}")
        found: int | None = cursor.fetchone()[0]
    return found


@contextmanager
def _lock_of_file(connection: Any) -> Iterator[None]:
    """Lock the folder, not the file: opening and closing the file beside SQLite would drop SQLite's own locks."""
    if connection.is_in_memory_db():
        yield
        return
    folder = os.open(Path(connection.settings_dict["NAME"]).parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.warning(WAITING)
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
