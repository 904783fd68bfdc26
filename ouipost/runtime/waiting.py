"""Places for requests that wait: for a worker, a file's check, a foreign host, or the check of other passwords."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.conf import settings

from ouipost.errors import DomainError
from ouipost.phrases import Phrase

QUARTER = settings.WEB_THREADS // 4
ASKING = max(1, QUARTER)
ASK_SECONDS = 30.0
RETRY_SECONDS = 5

_places = threading.BoundedSemaphore(QUARTER)
"""Waiting requests hold at most a quarter of the server's threads, and none if it has fewer than four."""
_working = threading.BoundedSemaphore(max(1, settings.WEB_THREADS - QUARTER - 1))
"""Requests that check a file or ask a network hold one thread fewer than that leaves: one stays for other calls."""
_asking = threading.BoundedSemaphore(ASKING)
"""Those that ask a network are at most as many as those that wait, but at least one."""
_ends_by: ContextVar[float] = ContextVar("ends_by", default=math.inf)


class TooManyAsk(DomainError):
    code = "SERVICE_UNAVAILABLE"
    status = 503
    message = Phrase("Too many requests wait for networks at the moment: try again in a few seconds.")


@contextmanager
def place() -> Iterator[bool]:
    """Hold a place while the block runs; yields False at once, without one, if too many requests wait."""
    with _held(_places) as is_held:
        yield is_held


@contextmanager
def working() -> Iterator[bool]:
    """Hold a place for work that is long; yields False at once, without one, if too many requests do such work."""
    with _held(_working) as is_held:
        yield is_held


@contextmanager
def asking(*, seconds: float | None = None) -> Iterator[None]:
    """Hold a place while the block asks networks; all its calls together end after `seconds`, 30 by default.

    Raises TooManyAsk at once, without running the block, if no place is free.
    """
    with _held(_asking) as may_ask, _held(_working) as may_work:
        if not (may_ask and may_work):
            raise TooManyAsk(retry_after=RETRY_SECONDS)
        token = _ends_by.set(time.monotonic() + (ASK_SECONDS if seconds is None else seconds))
        try:
            yield
        finally:
            _ends_by.reset(token)


def ends_by() -> float:
    """Return the monotonic time at which this request's network calls end; infinite outside `asking`."""
    return _ends_by.get()


@contextmanager
def _held(places: threading.BoundedSemaphore) -> Iterator[bool]:
    is_held = places.acquire(blocking=False)
    try:
        yield is_held
    finally:
        if is_held:
            places.release()
