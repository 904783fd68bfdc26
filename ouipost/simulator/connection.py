"""Close a client's connection without an answer, for which WSGI has no interface."""

import os
import socket
from typing import Any

from django.http import StreamingHttpResponse


def close_unanswered(environ: dict[str, Any]) -> StreamingHttpResponse:
    """Return a response by which the server closes the connection without having sent a byte.

    Granian does not expose the socket of a request. But its HTTP library (hyper) refuses to send a streamed answer
    whose Content-Length is no number: it drops the head and closes. The servers of the standard library would send that
    head, so their socket is shut down here before.
    """
    shut_down(environ.get("wsgi.input"))
    response = StreamingHttpResponse(iter([b""]))
    response.headers["Content-Length"] = "unanswered"
    return response


def shut_down(stream: Any) -> None:
    """Shut the socket from which this request body is read, if there is one."""
    # Django's own server wraps the socket's file in a LimitedStream that keeps only its read method
    reader = getattr(getattr(stream, "_read", None), "__self__", stream)
    try:
        descriptor = os.dup(reader.fileno())
    except (AttributeError, OSError):
        return
    with socket.socket(fileno=descriptor) as connection:
        connection.shutdown(socket.SHUT_RDWR)
