"""Places for requests that wait: for a worker, for somebody else's endpoint, or for the check of other passwords."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

_places = threading.BoundedSemaphore(settings.WEB_THREADS // 4)
"""Waiting requests hold at most a quarter of the server's threads, and none if it has fewer than four."""


@contextmanager
def place() -> Iterator[bool]:
    """Hold a place while the block runs; yields False at once, without one, if too many requests wait."""
    is_held = _places.acquire(blocking=False)
    try:
        yield is_held
    finally:
        if is_held:
            _places.release()
