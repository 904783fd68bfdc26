"""Reading request bodies: validation by reused inputs, and chunked bodies."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.core.handlers.wsgi import LimitedStream
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request

from ouipost.api.inputs import StrictInput

_idle: defaultdict[tuple[type[StrictInput], bool], list[StrictInput]] = defaultdict(list)
"""A pool of unused inputs by class and `partial`: building an input's fields costs more than validating a body."""


def values_of(
    input_class: type[StrictInput], body: Any, *, context: Mapping[str, Any], partial: bool = False
) -> dict[str, Any]:
    """Return the body's validated values; raises ValidationError with all problems of the body."""
    idle = _idle[input_class, partial]
    try:
        given = idle.pop()
    except IndexError:  # all are in use by other threads
        given = input_class(partial=partial)
    try:
        return given.check(body, context)
    finally:
        idle.append(given)


def refuse_encoded(request: Request) -> None:
    """Refuse a body that is compressed: its parser would take it for a broken one."""
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise UnsupportedMediaType(encoding, detail="Send the body as it is, without Content-Encoding.")


def open_chunks(request: Request) -> None:
    """Make a chunked body readable: Django takes a body without a Content-Length for empty.

    The stream ends one byte after the largest size that the parser accepts, so that the parser refuses a longer body.
    """
    asked: Any = request._request
    parsers: Any = request.parsers
    if "HTTP_TRANSFER_ENCODING" not in asked.META or not asked.META.get("wsgi.input_terminated"):
        return
    most = max(parser.most_bytes for parser in parsers)
    asked._stream = LimitedStream(asked.META["wsgi.input"], most + 1)
    asked.META["CONTENT_LENGTH"] = str(most)
