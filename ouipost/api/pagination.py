"""Pagination by `page` and `limit`."""

import re
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ouipost.db.pages import MOST, by_keys, count_to
from ouipost.errors import InvalidInput

PARAMETERS = ("page", "limit")
LARGEST_PAGE = 1_000_000
LARGEST_LIMIT = 100
DEFAULT_LIMIT = 20
UNPAGED_LIMIT = 500
PLAIN_INTEGER = re.compile(r"[0-9]{1,9}")
PAGINATION_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        name: {"type": "integer", "minimum": minimum}
        for name, minimum in (("current_page", 1), ("total_pages", 1), ("total_items", 0), ("per_page", 1))
    },
    "required": ["current_page", "total_pages", "total_items", "per_page"],
}


class Pages(BasePagination):
    """Pages of the form `{<resources>: […], "pagination": {…}}`.

    A view with `paging_optional` returns up to 500 rows, without `pagination`, if the query asks for no page.
    """

    resources = "results"
    optional = False
    pagination_name, pagination_schema = "Pagination", PAGINATION_SCHEMA

    def configure(self, view: Any) -> "Pages":
        """Take `resources` and `paging_optional` from the view; returns self."""
        self.resources = getattr(view, "resources", self.resources)
        self.optional = getattr(view, "paging_optional", self.optional)
        return self

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        self.configure(view)
        self.pagination: dict[str, int] | None = None
        parameters = request.query_params
        if self.optional and not any(name in parameters for name in PARAMETERS):
            return list(queryset[:UNPAGED_LIMIT])
        page, limit = read_page(parameters)
        first = (page - 1) * limit
        total = self.count(queryset, end=first + limit)
        self.pagination = pagination(page=page, limit=limit, total=total)
        return self.rows(queryset, first, min(first + limit, total)) if first < total else []

    def count(self, queryset: Any, *, end: int) -> int:
        """Return how many rows there are to page through; the page that is asked for goes up to `end`."""
        total: int = queryset.count()
        return total

    def rows(self, queryset: Any, first: int, end: int) -> list[Any]:
        """Return the rows of a page."""
        return list(queryset[first:end])

    def get_paginated_response(self, data: Any) -> Response:
        return Response({self.resources: data} | ({"pagination": self.pagination} if self.pagination else {}))

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {
                self.resources: schema,
                "pagination": {"$ref": f"#/components/schemas/{self.pagination_name}"},
            },
            "required": [self.resources] if self.optional else [self.resources, "pagination"],
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe `page` and `limit`; an optional paging has no defaults, since clients would send them."""
        self.configure(view)
        bounds = {"page": (LARGEST_PAGE, 1), "limit": (LARGEST_LIMIT, DEFAULT_LIMIT)}
        return [
            {
                "name": name,
                "in": "query",
                "schema": {"type": "integer", "minimum": 1, "maximum": largest}
                | ({} if self.optional else {"default": default}),
            }
            for name, (largest, default) in bounds.items()
        ]


class BoundedPages(Pages):
    """Pages of a list that may have millions of rows, which are counted 10,000 beyond at most.

    `total_is_exact` is false if there are more. The count always goes past the page that is asked for, so whoever goes
    on to the next page while there is one gets to see every row.
    """

    pagination_name = "BoundedPagination"
    pagination_schema = PAGINATION_SCHEMA | {
        "properties": PAGINATION_SCHEMA["properties"] | {"total_is_exact": {"type": "boolean"}},
        "required": [*PAGINATION_SCHEMA["required"], "total_is_exact"],
    }

    def count(self, queryset: Any, *, end: int) -> int:
        most = (end // MOST + 1) * MOST
        found = count_to(most + 1, queryset)
        self.is_exact = found <= most
        return min(found, most)

    def rows(self, queryset: Any, first: int, end: int) -> list[Any]:
        return by_keys(queryset, first, end)

    def get_paginated_response(self, data: Any) -> Response:
        response = super().get_paginated_response(data)
        response.data["pagination"]["total_is_exact"] = self.is_exact
        return response


def pagination(*, page: int, limit: int, total: int) -> dict[str, int]:
    """Return the `pagination` object of a list; `total_pages` is at least 1."""
    return {
        "current_page": page,
        "total_pages": max(1, -(-total // limit)),
        "total_items": total,
        "per_page": limit,
    }


def asks_for_a_page_only(parameters: QueryDict) -> bool:
    """Whether the query has nothing but a valid `page` and `limit`, each once."""
    once = all(len(values) == 1 for _, values in parameters.lists())
    return once and parameters.keys() <= set(PARAMETERS) and not page_problems(parameters)


def read_page(parameters: Mapping[str, str]) -> tuple[int, int]:
    """Return page and limit, with their defaults; raises InvalidInput."""
    problems = page_problems(parameters)
    if problems:
        raise InvalidInput(**problems)
    return int(parameters.get("page", 1)), int(parameters.get("limit", DEFAULT_LIMIT))


def page_problems(parameters: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the errors of `page` and `limit`, by parameter."""
    return {
        name: [f"Must be a whole number from 1 to {largest}."]
        for name, largest in (("page", LARGEST_PAGE), ("limit", LARGEST_LIMIT))
        if name in parameters and not is_within(parameters[name], largest)
    }


def is_within(text: str, largest: int) -> bool:
    """Whether a parameter is a whole number from 1 to this."""
    return PLAIN_INTEGER.fullmatch(text) is not None and 1 <= int(text) <= largest
