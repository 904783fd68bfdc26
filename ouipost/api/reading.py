"""Bodies as inputs read them."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.core.handlers.wsgi import LimitedStream
from rest_framework.request import Request

from ouipost.api.inputs import StrictInput

_idle: defaultdict[tuple[type[StrictInput], bool], list[StrictInput]] = defaultdict(list)
"""Inputs of each class that check nothing just now: to build one's fields costs more than to check a body with them."""


def values_of(
    input_class: type[StrictInput], body: Any, *, context: Mapping[str, Any], partial: bool = False
) -> dict[str, Any]:
    """Return a body's values as the input allows them; raises ValidationError with all that is wrong with it."""
    idle = _idle[input_class, partial]
    try:
        given = idle.pop()
    except IndexError:  # as many threads as there are inputs are at it
        given = input_class(partial=partial)
    try:
        return given.check(body, context)
    finally:
        idle.append(given)


def open_chunks(request: Request) -> None:
    """Let a body that comes in chunks, and so tells no length, be read: Django takes it for an empty one.

    It ends a byte behind the most that its parser takes, which refuses it for that.
    """
    asked: Any = request._request
    parsers: Any = request.parsers
    if "HTTP_TRANSFER_ENCODING" not in asked.META or not asked.META.get("wsgi.input_terminated"):
        return
    most = max(parser.most_bytes for parser in parsers)
    asked._stream = LimitedStream(asked.META["wsgi.input"], most + 1)
    asked.META["CONTENT_LENGTH"] = str(most)
