"""Answers that want to hold a worker up, or to fill its memory."""

import gzip
from collections.abc import Callable
from functools import cache

from tests.outbound.servers import Talk, answering, repeating

OK = b"HTTP/1.1 200 OK\r\n"
LONG = OK + b"Content-Length: 1000000000\r\n\r\n"
CHUNK = OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n"
NOISE = b"x" * 65_536


@cache
def bomb() -> bytes:
    packed = gzip.compress(bytes(200_000_000))
    return OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed


LOST: dict[str, Callable[[], Talk]] = {
    "a byte a second": lambda: repeating(LONG, b"x", pause=1),
    "10,000 headers": lambda: answering(OK + b"a: b\r\n" * 10_000 + b"\r\n"),
}
"""Those of which nothing can be kept."""
CUT: dict[str, Callable[[], Talk]] = {
    "a gigabyte": lambda: repeating(LONG, NOISE),
    "200 kB that unpack to 200 MB": lambda: answering(bomb()),
    "a chunk without end": lambda: repeating(CHUNK, NOISE),
}
"""Those whose beginning is enough: they say 200."""
