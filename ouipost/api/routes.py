"""Routes as people write them: what requests are counted and told by, for callers must not make up names."""

import re
from functools import cache

from django.http import HttpRequest

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
"""What no route answered, and any other method."""
PARAMETER = re.compile(r"\(\?P<(\w+)>[^()]*\)|<(?:\w+:)?(\w+)>")
PLAIN = re.compile(r"[\w/{}.-]*")


def route_of(request: HttpRequest) -> str:
    """Return the route that a request came to, without what stood in the place of its parameters."""
    return template(request.resolver_match.route) if request.resolver_match else OTHER


def method_of(request: HttpRequest) -> str:
    """Return a request's method, or `other`."""
    return request.method if request.method in METHODS else OTHER


@cache
def template(route: str) -> str:
    """Return a route as people write it, such as `/api/posts/{pk}`; what is none is `other`."""
    plain = PARAMETER.sub(lambda found: f"{{{found[1] or found[2]}}}", route.replace("^", ""))
    plain = plain.removesuffix("$").removesuffix(r"\Z").replace("\\", "")
    return f"/{plain}" if PLAIN.fullmatch(plain) else OTHER
