"""Pages of the console's lists, which may have millions of rows: nothing here counts them all."""

from typing import Any

from django.core.paginator import Page, Paginator
from django.utils.functional import cached_property

MOST = 10_000


class BoundedPaginator(Paginator[Any]):
    """Counts to ten thousand, and there the pages end; `is_exact` tells whether that was all.

    A page is found by its keys first: an index has them, and rows that are passed over are neither read nor sorted.
    """

    template_name = "console/pagination.html"

    @cached_property
    def _found(self) -> int:
        return int(self._rows.order_by()[: MOST + 1].count())

    @cached_property
    def count(self) -> int:
        return min(self._found, MOST)

    def page(self, number: int | str) -> Page[Any]:
        valid, rows = self.validate_number(number), self._rows
        first = (valid - 1) * self.per_page
        keys = list(rows.values_list("pk", flat=True)[first : min(first + self.per_page, self.count)])
        found = rows.order_by().in_bulk(keys)
        return Page([found[key] for key in keys if key in found], valid, self)

    @property
    def _rows(self) -> Any:
        return self.object_list

    @property
    def is_exact(self) -> bool:
        return self._found <= MOST
