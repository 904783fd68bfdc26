"""Closing a client's connection without an answer, which WSGI has no word for."""

import os
import socket
from typing import Any

from django.http import StreamingHttpResponse


def close_unanswered(environ: dict[str, Any]) -> StreamingHttpResponse:
    """Return what makes the server close the connection without having sent a byte.

    Granian never tells which socket a request came by. But its HTTP library (hyper) refuses to send a streamed answer
    whose Content-Length is no number: it takes the head back and closes. The servers of the standard library would send
    that head, so their socket is shut down here, before they try.
    """
    shut_down(environ.get("wsgi.input"))
    response = StreamingHttpResponse(iter([b""]))
    response.headers["Content-Length"] = "unanswered"
    return response


def shut_down(stream: Any) -> None:
    """Shut the socket that this request body is read from, where it has one."""
    # Django's own server wraps the socket's file in a LimitedStream that keeps only its read method
    reader = getattr(getattr(stream, "_read", None), "__self__", stream)
    try:
        descriptor = os.dup(reader.fileno())
    except (AttributeError, OSError):
        return
    with socket.socket(fileno=descriptor) as connection:
        connection.shutdown(socket.SHUT_RDWR)
