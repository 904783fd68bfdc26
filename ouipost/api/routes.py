"""Readable routes such as `/api/posts/{pk}`, to label metrics and logs; with paths, callers could invent labels."""

import re
from functools import cache

from django.http import HttpRequest

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
"""The label of requests without a route, and of unusual methods."""
PARAMETER = re.compile(r"\(\?P<(\w+)>[^()]*\)|<(?:\w+:)?(\w+)>")
PLAIN = re.compile(r"[\w/{}.-]*")


def route_of(request: HttpRequest) -> str:
    """Return the route of a request with its parameters' names in place of their values."""
    return template(request.resolver_match.route) if request.resolver_match else OTHER


def method_of(request: HttpRequest) -> str:
    """Return a request's method, or `other`."""
    return request.method if request.method in METHODS else OTHER


@cache
def template(route: str) -> str:
    """Return a Django route as `/api/posts/{pk}`; `other` if it has more than names and parameters."""
    plain = PARAMETER.sub(lambda found: f"{{{found[1] or found[2]}}}", route.replace("^", ""))
    plain = plain.removesuffix("$").removesuffix(r"\Z").replace("\\", "")
    return f"/{plain}" if PLAIN.fullmatch(plain) else OTHER
