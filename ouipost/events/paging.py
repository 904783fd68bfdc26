"""Pages of the console's lists, which may have millions of rows: nothing here counts them all."""

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property

MOST = 10_000


class BoundedPaginator(Paginator[Any]):
    """Counts to ten thousand, and there the pages end; `is_exact` tells whether that was all."""

    template_name = "console/pagination.html"

    @cached_property
    def _found(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: MOST + 1].count())

    @cached_property
    def count(self) -> int:
        return min(self._found, MOST)

    @property
    def is_exact(self) -> bool:
        return self._found <= MOST
