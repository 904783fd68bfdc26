"""Maps exceptions to what the caller sees: a status, a code and a message, without internals."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial, singledispatch
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from rest_framework import exceptions

from ouipost.errors import DomainError

logger = logging.getLogger(__name__)

BUSY_SECONDS = 5
WHOLE_BODY = "body"
"""The key in `details.fields` for problems of the body as a whole."""

BY_STATUS = {
    400: ("VALIDATION_ERROR", "The request is malformed, or names a host that is not served here."),
    401: ("AUTHENTICATION_REQUIRED", "Send a valid credential with the request."),
    403: ("PERMISSION_DENIED", "This is not allowed."),
    404: ("NOT_FOUND", "There is nothing at this address that you may see: check the path, the ids and the workspace."),
    405: ("METHOD_NOT_ALLOWED", "This address does not take this method; see the Allow header."),
    406: ("NOT_ACCEPTABLE", "The answer is JSON: accept application/json."),
    409: ("CONFLICT", "The request conflicts with the present state."),
    413: ("PAYLOAD_TOO_LARGE", "The body is too large."),
    415: ("UNSUPPORTED_MEDIA_TYPE", "The body's Content-Type is not one that this address takes."),
    429: ("RATE_LIMIT_EXCEEDED", "Too many requests; try again after the number of seconds in Retry-After."),
    500: ("INTERNAL_ERROR", "Something went wrong on our side. Quote the X-Request-ID when you report it."),
    503: (
        "SERVICE_UNAVAILABLE",
        "The service cannot answer now; try again after the number of seconds in Retry-After.",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One failed request, as its caller sees it."""

    status: int
    code: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        """The envelope of the failure."""
        return {"success": False, "error": {"code": self.code, "message": self.message, "details": dict(self.details)}}


def of_status(
    status: int,
    *,
    message: str = "",
    details: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Failure:
    """Return the failure for an HTTP status, with the status's own code and, unless given, its own message."""
    code, meaning = BY_STATUS.get(status) or BY_STATUS[500 if status >= 500 else 400]
    return Failure(status=status, code=code, message=message or meaning, details=details or {}, headers=headers or {})


def note(failure: Failure) -> None:
    """Add the failure's code to the request's log line."""
    structlog.contextvars.bind_contextvars(code=failure.code)


@singledispatch
def describe(error: Exception) -> Failure:
    """Return the failure for an exception; an unexpected one becomes a 500 and is logged with its traceback."""
    logger.error("Unhandled %s", type(error).__name__, exc_info=error)
    return of_status(500)


@describe.register
def _(error: DomainError) -> Failure:
    retry_after = error.details.get("retry_after")
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Failure(status=error.status, code=error.code, message=error.message, details=error.details, headers=headers)


@describe.register
def _(error: OperationalError | InterfaceError) -> Failure:
    logger.error("The database refused", exc_info=error)
    return of_status(503, headers={"Retry-After": str(BUSY_SECONDS)})


@describe.register
def _(error: exceptions.APIException) -> Failure:
    return of_status(error.status_code)


@describe.register
def _(error: exceptions.UnsupportedMediaType) -> Failure:
    return of_status(error.status_code, message=str(error.detail))


@describe.register
def _(error: exceptions.ParseError) -> Failure:
    return Failure(status=400, code="MALFORMED_JSON", message=str(error.detail))


@describe.register
def _(error: exceptions.ValidationError) -> Failure:
    fields: dict[str, list[str]] = {}
    for path, message in _messages(error.detail, ()):
        fields.setdefault(".".join(path) or WHOLE_BODY, []).append(message)
    return of_status(400, message="The request has invalid values.", details={"fields": fields})


@describe.register
def _(error: RequestDataTooBig) -> Failure:
    return of_status(413, details={"limit_bytes": settings.DATA_UPLOAD_MAX_MEMORY_SIZE})


STATUSES: Mapping[type[Exception], int] = {
    Http404: 404,
    PermissionDenied: 403,
    exceptions.NotAuthenticated: 401,
    exceptions.AuthenticationFailed: 401,
    **dict.fromkeys((BadRequest, MultiPartParserError, SuspiciousOperation, UnreadablePostError), 400),
}
"""Statuses of exceptions whose message to the caller is the status's own."""
for kind, status in STATUSES.items():
    describe.register(kind, partial(lambda status, error: of_status(status), status))


def _messages(detail: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield (path, message) of nested errors; a problem of an object as a whole has the object's own path."""
    match detail:
        case dict():
            for name, inner in detail.items():
                yield from _messages(inner, path if name == "non_field_errors" else (*path, str(name)))
        case list():
            for index, inner in enumerate(detail):
                yield from _messages(inner, (*path, str(index)) if isinstance(inner, dict | list) else path)
        case _:
            yield path, str(detail)
