"""What was kept long enough, kind by kind: counted, and removed some rows at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

AT_ONCE = 500
"""Of rows whose key has several columns, SQLite finds fewer than a thousand at once."""


@dataclass(frozen=True, kw_only=True)
class Old:
    """Rows of a kind that are old, in the order in which they go, and what they are called."""

    name: str
    rows: "QuerySet[Any]"
    take_along: Callable[[Sequence[Any]], object] | None = None
    """Removes what belongs to rows with these keys, ahead of them, in the same transaction."""

    @transaction.atomic
    def remove_some(self) -> int:
        """Remove the first of them, and return how many rows went: 0 when none is left."""
        pks = list(self.rows.values_list("pk", flat=True)[:AT_ONCE])
        if self.take_along is not None:
            self.take_along(pks)
        self.rows.filter(pk__in=pks).delete()  # not one that was begun anew meanwhile
        return len(pks)

    def remove(self) -> Iterator[int]:
        """Remove them all, and give how many rows went with each step."""
        while removed := self.remove_some():
            yield removed


def remove_all(kinds: Iterable[Old]) -> int:
    """Remove all of these, kind after kind; returns how many rows went."""
    return sum(removed for each in kinds for removed in each.remove())
