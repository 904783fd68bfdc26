"""Middleware: content security policies, and counting requests for monitoring."""

import time
from collections.abc import Callable

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import add_never_cache_headers

from adminapi.monitoring import metrics

CONSOLE = "/console/"
UNSAFE_EVAL = "'unsafe-eval'"
DATA = "application/json"
NOTHING = "default-src 'none'; frame-ancestors 'none'"


class ContentPolicyMiddleware(CSPMiddleware):
    """Set the policy of what a page may load: that of the settings; the console also allows eval, which Alpine needs.

    Answers that are data may load nothing, wherever they are shown. Caches must not store pages of the console.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.headers.get("Content-Type") == DATA:
            response.headers.setdefault(HEADER, NOTHING)
            return response
        if request.path.startswith(CONSOLE):
            add_never_cache_headers(response)
            response._csp_update = {"script-src": ["'self'", UNSAFE_EVAL]}  # type: ignore[attr-defined]  # django-csp's way
        return super().process_response(request, response)


class MetricsMiddleware:
    """Counts requests by route, method and status, and their duration; unused without METRICS_TOKEN."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if not settings.METRICS_TOKEN:
            raise MiddlewareNotUsed
        self.get_response = get_response
        metrics.meters()  # created now, so that files that cannot be written are logged at the start of the process

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.monotonic()
        response = self.get_response(request)
        metrics.count(request, status=response.status_code, seconds=time.monotonic() - began)
        return response
