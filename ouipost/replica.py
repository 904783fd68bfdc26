"""A copy of the database that reports are read from, where the operator keeps one: it may be some seconds behind."""

import logging
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections

logger = logging.getLogger(__name__)

REPLICA = "replica"
P = ParamSpec("P")
R = TypeVar("R")
_is_reading: ContextVar[bool] = ContextVar("is_reading", default=False)


def on_replica(read: Callable[P, R]) -> Callable[P, R]:
    """Read from the replica whatever this function reads; from the database itself where there is none, or it is away.

    The function must read all within its call, and write nothing.
    """

    @wraps(read)
    def asked(*args: P.args, **options: P.kwargs) -> R:
        if REPLICA not in settings.DATABASES or _is_reading.get():
            return read(*args, **options)
        token = _is_reading.set(True)
        try:
            return read(*args, **options)
        except (OperationalError, InterfaceError) as error:
            logger.warning("The replica does not answer, the database is asked: %s", error)
        finally:
            _is_reading.reset(token)
        return read(*args, **options)

    return asked


def own() -> list[str]:
    """Return the databases that are ours to change and cannot do without: the replica gets all from the first."""
    return [alias for alias in connections if alias != REPLICA]


class ReplicaRouter:
    """Sends what is read within `on_replica` there, and nothing else."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return REPLICA if _is_reading.get() else None

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if db == REPLICA else None
