"""Running the same work for many items, so that one failing item does not stop the others."""

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from django.db import InterfaceError, OperationalError

logger = logging.getLogger(__name__)
Item = TypeVar("Item")


def for_each(
    items: Iterable[Item], work: Callable[[Item], int], *, is_ending: Callable[[], bool] = lambda: False
) -> int:
    """Call `work` for each item, until `is_ending`, and return the sum; an item that fails is logged.

    Raises OperationalError and InterfaceError: then the database is at fault, and the other items would fail too.
    """
    total = 0
    for item in items:
        if is_ending():
            break
        try:
            total += work(item)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # any other error concerns this item only
            logger.exception("%s was left out", item)
    return total
