"""Changing tables while others use them, and resuming an interrupted migration."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import DatabaseError, Error, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from ouipost.db.locks import LOCK_WAIT_TIMEOUT, is_lock_error

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
NO_SUCH_TABLE, NO_SUCH_COLUMN = 1146, 1054
TABLE_EXISTS, CANNOT_CREATE, DUPLICATE_KEY = 1050, 1005, "errno: 121"
DONE_ALREADY = (1060, 1061, 1091, 1826, 3822)
"""A column, index or constraint to be created is already there, or one to be dropped is missing."""
GIVE_WAY_SECONDS, GIVE_WAY_TRIES = 3, 120
"""Seconds that a change of a table waits for its locks, while users of the table wait for it; and number of tries."""


@contextmanager
def giving_way(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Let statements in the block give up waiting for a lock after seconds, let others pass, and try again.

    New queries of a table wait behind a change that waits for it, for as long as any older transaction runs, even a
    backup's. If a transaction holds a row that the change needs and only then uses the table, both wait for each other,
    and the server does not detect it. SQLite has one lock for everything.
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
    """Run a statement until it gets its locks; in a transaction retry only lock timeouts: other errors roll it back."""
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
    """Skip, within the block, changes that an interrupted migration has already made to the tables.

    MySQL and MariaDB keep these changes, and Django begins that migration again at its first step.
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
    """Whether the error says that the change was already made; a table of the same name must have these columns.

    A missing column in a MODIFY was dropped by a later step of the same migration.
    """
    if error.args[:1] == (NO_SUCH_COLUMN,):
        return " MODIFY " in sql
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


def is_clash(error: Error) -> bool:
    """Whether the error says that a table to be changed has an unexpected form, although the database answers."""
    is_code = error.args[:1] in {(code,) for code in (TABLE_EXISTS, CANNOT_CREATE, *DONE_ALREADY)}
    return is_code or any(each in str(error) for each in ("already exists", "duplicate column name"))
