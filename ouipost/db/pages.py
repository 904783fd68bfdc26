"""Paging through tables of millions of rows without counting them all or reading the rows that are skipped."""

from typing import Any

from django.db.models import QuerySet

MOST = 10_000
"""Rows that are counted and can be paged through; a response says if there are more."""


def count_to(most: int, rows: "QuerySet[Any]") -> int:
    """Return the number of rows, at most `most`."""
    return rows.order_by()[:most].count()


def by_keys(rows: "QuerySet[Any]", first: int, end: int) -> list[Any]:
    """Return the rows at the positions `first` to `end` (excluded); their keys are read from the index first."""
    keys = list(rows.values_list("pk", flat=True)[first:end])
    found = rows.order_by().in_bulk(keys)
    return [found[key] for key in keys if key in found]
