"""Removing rows past their retention, in batches."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from ouipost.isolating import for_each

AT_ONCE = 500
"""The size of a batch: with keys of several columns, SQLite takes fewer than a thousand in one statement."""


@dataclass(frozen=True, kw_only=True)
class Old:
    """Rows of one kind that are past their retention, in the order of their removal."""

    name: str
    rows: "QuerySet[Any]"
    take_along: Callable[[Sequence[Any]], object] | None = None
    """Removes rows that depend on these keys; called before the rows are deleted, in the same transaction."""

    @transaction.atomic
    def remove_some(self) -> int:
        """Remove the first batch and return how many rows it had: 0 when none are left."""
        pks = list(self.rows.values_list("pk", flat=True)[:AT_ONCE])
        if self.take_along is not None:
            self.take_along(pks)
        self.rows.filter(pk__in=pks).delete()  # filtered again: a row may have been renewed meanwhile
        return len(pks)

    def remove(self, *, is_ending: Callable[[], bool] = lambda: False) -> Iterator[int]:
        """Remove all of them, and yield the number of rows of each batch; begins no further one once `is_ending`."""
        while not is_ending() and (removed := self.remove_some()):
            yield removed


def remove_all(kinds: Iterable[Old], *, is_ending: Callable[[], bool] = lambda: False) -> int:
    """Remove all rows of these kinds, one kind after the other, until `is_ending`; returns how many."""
    return for_each(kinds, lambda kind: sum(kind.remove(is_ending=is_ending)))
