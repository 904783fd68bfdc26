"""Reading request bodies: validation, and chunked bodies."""

from collections.abc import Mapping
from typing import Any, cast

from django.core.handlers.wsgi import LimitedStream
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request

from ouipost.api.inputs import StrictInput


def values_of(
    input_class: type[StrictInput], body: Any, *, context: Mapping[str, Any], partial: bool = False
) -> dict[str, Any]:
    """Return the body's validated values; raises ValidationError with all problems of the body."""
    given = input_class(data=body, context=context, partial=partial)
    given.is_valid(raise_exception=True)
    return cast("dict[str, Any]", given.validated_data)


def refuse_encoded(request: Request) -> None:
    """Refuse a compressed body, since the parser would report it as malformed."""
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
