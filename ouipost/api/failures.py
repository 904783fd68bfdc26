"""Maps exceptions to what the caller sees: a status, a code and a message, without internals."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
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


def describe(error: Exception) -> Failure:
    """Return the failure for an exception; an unexpected one becomes a 500 and is logged with its traceback."""
    match error:
        case DomainError():
            return _of_rule(error)
        case exceptions.ValidationError():
            return _of_fields(error)
        case exceptions.ParseError():
            return Failure(status=400, code="MALFORMED_JSON", message=str(error.detail))
        case exceptions.UnsupportedMediaType():
            return of_status(415, message=str(error.detail))
        case RequestDataTooBig():
            return of_status(413, details={"limit_bytes": settings.DATA_UPLOAD_MAX_MEMORY_SIZE})
        case OperationalError() | InterfaceError():
            logger.error("The database refused", exc_info=error)
            return of_status(503, headers={"Retry-After": str(BUSY_SECONDS)})
    return of_status(_status_of(error))


def _status_of(error: Exception) -> int:
    """Return the status of an exception whose message to the caller is the status's own."""
    match error:
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return 401  # the framework makes it 403 where a view names no credential
        case exceptions.APIException():
            return error.status_code
        case PermissionDenied():
            return 403
        case Http404():
            return 404
        case BadRequest() | MultiPartParserError() | SuspiciousOperation() | UnreadablePostError():
            return 400
    logger.error("Unhandled %s", type(error).__name__, exc_info=error)
    return 500


def _of_rule(error: DomainError) -> Failure:
    retry_after = error.details.get("retry_after")
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Failure(status=error.status, code=error.code, message=error.message, details=error.details, headers=headers)


def _of_fields(error: exceptions.ValidationError) -> Failure:
    fields: dict[str, list[str]] = {}
    for path, message in _messages(error.detail, ()):
        fields.setdefault(".".join(path) if path else WHOLE_BODY, []).append(message)
    return of_status(400, message="The request has invalid values.", details={"fields": fields})


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
