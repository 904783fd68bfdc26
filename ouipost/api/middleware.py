"""What happens around every request: its id, and the envelope of failures that no view answered."""

import ipaddress
import re
import uuid
from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase

from ouipost.api import limits
from ouipost.api.failures import Failure, describe, of_status

GetResponse = Callable[[HttpRequest], HttpResponseBase]
SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
API = re.compile(r"/(api|admin)(/|$)")
MAX_ADDRESS = 45
KEPT_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")


class RequestIdMiddleware:
    """Gives each request an id, the caller's where it is sane: in `request.request_id`, X-Request-ID and the logs."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if SANE_ID.fullmatch(given) else str(uuid.uuid4())
        # Cleared here, not afterwards: Django logs failed answers when the middleware is through.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        request.request_id = request_id  # type: ignore[attr-defined]  # the documented way to hand it on
        response = self.get_response(request)
        response.headers["X-Request-ID"] = request_id
        return response


class TrustedProxiesMiddleware:
    """Takes the caller's address and scheme from trusted proxies, and from nobody else.

    `TRUSTED_PROXIES` is a list of addresses and networks. The caller is the rightmost hop that is none of them.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.trusted = [ipaddress.ip_network(each, strict=False) for each in settings.TRUSTED_PROXIES]

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not self._is_trusted(request.META.get("REMOTE_ADDR", "")):
            request.META.pop("HTTP_X_FORWARDED_PROTO", None)
            return self.get_response(request)
        hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
        caller = next((hop for hop in reversed(hops) if not self._is_trusted(hop)), None)
        if caller is not None:
            request.META["REMOTE_ADDR"] = caller[:MAX_ADDRESS]
        return self.get_response(request)

    def _is_trusted(self, address: str) -> bool:
        try:
            return any(ipaddress.ip_address(address) in network for network in self.trusted)
        except ValueError:
            return False


class EnvelopeMiddleware:
    """Answers under /api and /admin in JSON whatever failed, and tells a known caller what is left of its limit."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not API.match(request.path):
            return response
        if response.status_code >= 400 and not _is_json(response):
            kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
            response = _answer(of_status(response.status_code, headers=kept))
        for name, value in limits.headers(request).items():
            response.headers[name] = value
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer what a view outside of REST framework raised, or what went wrong while rendering."""
        return _answer(describe(error)) if API.match(request.path) else None


def _is_json(response: HttpResponseBase) -> bool:
    return response.headers.get("Content-Type", "").partition(";")[0].strip() == "application/json"


def _answer(failure: Failure) -> HttpResponse:
    return JsonResponse(failure.body, status=failure.status, headers=failure.headers)
