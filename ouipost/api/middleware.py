"""Middleware: request ids and logging, trusted proxies, unread bodies, and the envelope of errors outside of views."""

import ipaddress
import logging
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase

from ouipost.api import limits, problems
from ouipost.api.failures import Failure, describe, note, of_status
from ouipost.api.routes import method_of, route_of
from ouipost.ids import PATTERN
from ouipost.observability import traces

requests = logging.getLogger("ouipost.requests")

GetResponse = Callable[[HttpRequest], HttpResponseBase]
SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
API = re.compile(r"/(api|admin)(/|$)")
WORKSPACE_ID = re.compile(f"ws_{PATTERN}")
MAX_ADDRESS = 45
WITH_PORT = re.compile(r"([0-9.]+):[0-9]+|\[([0-9a-fA-F:.]+)\](?::[0-9]+)?")
"""A hop with its port, as some proxies write it."""
DISCARD_SECONDS = 10
"""Time to discard a body; a proxy that has the whole body sends a gigabyte in one or two seconds."""
DISCARD_BYTES = 65_536
KEPT_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")


class RequestIdMiddleware:
    """Gives each request an id, in X-Request-ID and the logs; keeps a caller's well-formed one.

    Logs one line per request, with the route in place of the path and without the query.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = _bound(request)
        began, method = time.monotonic(), method_of(request)
        with traces.span(method, traces.SERVER) as span:
            response = self.get_response(request)
            if span is not None:
                span.update_name(f"{method} {route_of(request)}")
                span.set_attribute("http.response.status_code", response.status_code)
        response.headers["X-Request-ID"] = request_id
        if requests.isEnabledFor(logging.INFO):
            milliseconds = round((time.monotonic() - began) * 1000)
            fields = {"method": method, "route": route_of(request), "status": response.status_code, "ms": milliseconds}
            requests.info("Request", extra=fields)
        return response


def _bound(request: HttpRequest) -> str:
    """Return the request's id, and bind it and the workspace's id to the log lines of this thread.

    The next request clears them, not the end of this one: Django logs failed responses after the middleware.
    """
    given = request.headers.get("X-Request-ID", "")
    request_id = given if SANE_ID.fullmatch(given) else str(uuid.uuid4())
    workspace_id = request.headers.get("X-Workspace-ID", "")
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)
    if WORKSPACE_ID.fullmatch(workspace_id):
        structlog.contextvars.bind_contextvars(workspace_id=workspace_id)
    return request_id


class TrustedProxiesMiddleware:
    """Takes the client's address and scheme from X-Forwarded headers of trusted proxies, and drops them otherwise.

    `TRUSTED_PROXIES` lists addresses and networks. The client is the rightmost hop that is not one of them.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.trusted = [ipaddress.ip_network(each, strict=False) for each in settings.TRUSTED_PROXIES]

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not self._is_trusted(request.META.get("REMOTE_ADDR", "")):
            request.META.pop("HTTP_X_FORWARDED_PROTO", None)
            return self.get_response(request)
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        hops = [_without_port(hop.strip()) for hop in forwarded if hop.strip()]
        caller = next((hop for hop in reversed(hops) if not self._is_trusted(hop)), None)
        if caller is not None:
            request.META["REMOTE_ADDR"] = caller[:MAX_ADDRESS]
        return self.get_response(request)

    def _is_trusted(self, address: str) -> bool:
        try:
            return any(_parsed(address) in network for network in self.trusted)
        except ValueError:
            return False


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return an IP address; an IPv4 address that a dual-stack socket gives as IPv6 is returned as IPv4."""
    parsed = ipaddress.ip_address(address)
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _without_port(hop: str) -> str:
    """Return the address of a hop without its port, as each connection of a caller has another port."""
    found = WITH_PORT.fullmatch(hop)
    return found[1] or found[2] if found else hop


class UnreadBodyMiddleware:
    """Discards the rest of a body that a trusted proxy still sends, before the response is given.

    Otherwise the server closes the connection, and nginx, Apache and similar proxies answer 502 when they cannot send
    the rest. Responses to all others get `Connection: close`: the server closes the connection without always
    announcing it, and a client's next request on it could be lost.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if _is_unread(request) and not (_is_proxys(request) and _discarded(request)):
            response.headers["Connection"] = "close"
        return response


def _is_unread(request: Any) -> bool:
    if _is_chunked(request):  # its length is not known
        return not request._read_started
    stream = request._stream  # Django replaces it once it has read the whole body
    return hasattr(stream, "limit") and stream._pos < stream.limit


def _is_chunked(request: HttpRequest) -> bool:
    return "HTTP_TRANSFER_ENCODING" in request.META


def _is_proxys(request: HttpRequest) -> bool:
    """Whether a trusted proxy sends the body without being asked to: X-Forwarded-Proto of others was dropped."""
    return "HTTP_X_FORWARDED_PROTO" in request.META and "HTTP_EXPECT" not in request.META


def _discarded(request: Any) -> bool:
    """Read the rest of the body and return whether it ended in time."""
    rest = request.META["wsgi.input"] if _is_chunked(request) else request._stream
    ends = time.monotonic() + DISCARD_SECONDS
    while time.monotonic() < ends:
        if not rest.read(DISCARD_BYTES):
            return True
    return False


class EnvelopeMiddleware:
    """Turns errors under /api and /admin into the JSON envelope, or on request into problems of RFC 9457.

    Adds the rate-limit headers, and forbids caching: a shared cache stores no response to a request with
    `Authorization`, but does not know `X-API-Key`.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not API.match(request.path):
            return response
        if response.status_code >= 400 and not _is_json(response):
            kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
            response = _answer(of_status(response.status_code, headers=kept))
        if response.status_code >= 400 and problems.is_asked_for(request) and isinstance(response, HttpResponse):
            request_id = structlog.contextvars.get_contextvars().get("request_id", "")
            problems.give_as_problem(response, request_id=request_id)
        for name, value in limits.headers(request).items():
            response.headers[name] = value
        response.headers["Cache-Control"] = "no-store"
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the envelope for an exception from a plain Django view, or from rendering a response."""
        return _answer(describe(error)) if API.match(request.path) else None


def _is_json(response: HttpResponseBase) -> bool:
    return response.headers.get("Content-Type", "").partition(";")[0].strip() == "application/json"


def _answer(failure: Failure) -> HttpResponse:
    note(failure)
    return JsonResponse(failure.body, status=failure.status, headers=failure.headers)
