"""Pagination of the console's lists, which may have millions of rows, without counting them all."""

from typing import Any

from django.core.paginator import Page, Paginator
from django.utils.functional import cached_property

from ouipost.db.pages import MOST, by_keys, count_to


class BoundedPaginator(Paginator[Any]):
    """Pages through the first 10,000 rows; `is_exact` is false where there are more."""

    object_list: Any
    template_name = "console/pagination.html"

    @cached_property
    def _found(self) -> int:
        return count_to(MOST + 1, self.object_list)

    @cached_property
    def count(self) -> int:
        return min(self._found, MOST)

    def page(self, number: int | str) -> Page[Any]:
        valid = self.validate_number(number)
        first = (valid - 1) * self.per_page
        return Page(by_keys(self.object_list, first, min(first + self.per_page, self.count)), valid, self)

    @property
    def is_exact(self) -> bool:
        return self._found <= MOST
