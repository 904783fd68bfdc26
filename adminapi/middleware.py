"""What only the console needs, and what counts requests for monitoring."""

import time
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from adminapi import metrics

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


class MetricsMiddleware:
    """Counts requests by route, method and status, and how long they took; not there without METRICS_TOKEN."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if not settings.METRICS_TOKEN:
            raise MiddlewareNotUsed
        self.get_response = get_response
        metrics.meters()  # a folder that cannot be written is told when the process starts

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.monotonic()
        response = self.get_response(request)
        metrics.count(request, status=response.status_code, seconds=time.monotonic() - began)
        return response
