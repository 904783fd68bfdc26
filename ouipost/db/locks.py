"""Locking of rows, and retries of transactions that lost a race for their locks."""

import secrets
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from django.db import OperationalError, connection, models, transaction
from django.db.transaction import TransactionManagementError

Result = TypeVar("Result")
Row = TypeVar("Row", bound=models.Model)
QS = TypeVar("QS", bound="models.QuerySet[Any, Any]")
ATTEMPTS = 5
LOCK_WAIT_TIMEOUT = 1205
LOCK_ERRORS = (1213, LOCK_WAIT_TIMEOUT, 1020)
"""MySQL's deadlock, lock wait timeout, and record changed since last read."""


class Overtaken(OperationalError):
    """Another transaction changed rows that this one had read, before it could lock them: it must be run again."""


def lock_free(rows: QS) -> QS:
    """Lock these rows and leave out those that another transaction has locked; SQLite has one writer and skips none."""
    return rows.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)


def lock_shared(rows: "models.QuerySet[Row]") -> list[Row]:
    """Return these rows in their latest state with a shared lock, as a foreign key takes it.

    Others may take the same lock, and nobody can change the rows before the transaction ends.
    """
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

    Committed work is not run again, whatever fails after the commit. Raises OperationalError if the connection is
    lost, even within a savepoint that another error had ended.
    """
    attempt = 1
    while True:
        committed: list[bool] = []
        try:
            with transaction.atomic(durable=True):
                used = connection.connection
                transaction.on_commit(partial(committed.append, True))
                return work()
        except OperationalError as error:
            if committed or attempt == ATTEMPTS or not is_lock_error(error):
                raise
        except TransactionManagementError as error:
            if connection.connection is not used:  # it could not roll back, and was dropped
                raise OperationalError("The connection was lost.") from error
            raise
        time.sleep(secrets.randbelow(20 << attempt) / 1000)
        attempt += 1
