"""What only the console needs."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

CONSOLE = "/console/"
UNSAFE_EVAL = "'unsafe-eval'"


class ConsolePolicyMiddleware:
    """Lets the console's own scripts be evaluated: its Alpine needs that; every other path stays stricter."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.path.startswith(CONSOLE):
            response._csp_update = {"script-src": ["'self'", UNSAFE_EVAL]}  # type: ignore[attr-defined]  # django-csp's way
        return response
