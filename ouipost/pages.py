"""Pages of tables that may have millions of rows: nothing here counts them all, or reads what is passed over."""

from typing import Any

from django.db.models import QuerySet

MOST = 10_000
"""Rows that a list pages through: it counts to that, and there it ends."""


def count_to(most: int, rows: "QuerySet[Any]") -> int:
    """Return how many rows there are, or `most` where there are more."""
    return rows.order_by()[:most].count()


def by_keys(rows: "QuerySet[Any]", first: int, end: int) -> list[Any]:
    """Return the rows from one place in their order to another: their keys are found first, which an index has."""
    keys = list(rows.values_list("pk", flat=True)[first:end])
    found = rows.order_by().in_bulk(keys)
    return [found[key] for key in keys if key in found]
