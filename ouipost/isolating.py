"""Doing the same for many: one that fails keeps no other from its turn."""

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from django.db import InterfaceError, OperationalError

logger = logging.getLogger(__name__)
Item = TypeVar("Item")


def for_each(items: Iterable[Item], work: Callable[[Item], int]) -> int:
    """Do this for each item and return the sum; one that fails is logged.

    Raises OperationalError and InterfaceError: with these the database is at fault, and the others would fail as well.
    """
    total = 0
    for item in items:
        try:
            total += work(item)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # whatever it is, it is this item's
            logger.exception("%s was left out", item)
    return total
