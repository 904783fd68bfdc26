"""Reading of reports from a replica of the database, if there is one; it may be some seconds behind."""

import logging
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, connections

from ouipost.db.migrating import is_unmigrated

logger = logging.getLogger(__name__)

REPLICA = "replica"
P = ParamSpec("P")
R = TypeVar("R")
_is_reading: ContextVar[bool] = ContextVar("is_reading", default=False)


def on_replica(read: Callable[P, R]) -> Callable[P, R]:
    """Send the function's queries to the replica, or to the database if there is no replica, or it is away or behind a
    migration.

    The function must run all its queries within the call, and write nothing.
    """

    @wraps(read)
    def asked(*args: P.args, **options: P.kwargs) -> R:
        if REPLICA not in settings.DATABASES or _is_reading.get():
            return read(*args, **options)
        token = _is_reading.set(True)
        try:
            return read(*args, **options)
        except Error as error:
            if not isinstance(error, OperationalError | InterfaceError) and not is_unmigrated(error):
                raise
            logger.warning("The replica cannot be read, the database is asked: %s", error)
        finally:
            _is_reading.reset(token)
        return read(*args, **options)

    return asked


def own() -> list[str]:
    """Return the aliases of the databases that the product migrates and requires: all but the replica."""
    return [alias for alias in connections if alias != REPLICA]


class ReplicaRouter:
    """Routes reads within an `on_replica` function to the replica, and nothing else."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return REPLICA if _is_reading.get() else None

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if db == REPLICA else None
