"""Rate limits: requests per minute for each API key, by the key's tier."""

import math
import threading
import time
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from limits.storage import MemoryStorage

from ouipost.api.permissions import Caller
from ouipost.errors import DomainError
from ouipost.phrases import Phrase

WINDOW_SECONDS = 60


class RateLimitExceeded(DomainError):
    code = "RATE_LIMIT_EXCEEDED"
    status = 429
    message = Phrase("This key has used up its requests; try again after the number of seconds in Retry-After.")


@dataclass(frozen=True, kw_only=True)
class Window:
    """The minute in which a request was counted; it begins with the first request."""

    requests: int
    """Requests so far, this one included."""
    seconds_left: float
    ends_at: int
    """Unix seconds, rounded up, by the clock of the machine that counts."""
    is_shared: bool
    """Whether the requests of all processes are counted."""


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """The values of the rate-limit headers."""

    limit: int
    remaining: int
    reset: int
    """Unix seconds at which the next window begins."""
    seconds_left: int
    """Seconds until then, rounded up."""


class AtomicMemory(MemoryStorage):
    """The library's memory storage with a lock around reads and counts, as threads would lose some counts without."""

    STORAGE_SCHEME = ["atomic+memory"]

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: str) -> None:
        self._counting = threading.RLock()
        super().__init__(uri, wrap_exceptions, **options)

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        with self._counting:
            return super().incr(key, expiry, amount)

    def get(self, key: str) -> int:
        with self._counting:
            return super().get(key)

    def _MemoryStorage__expire_events(self) -> None:  # noqa: N802 (the library's name for its sweep)
        with self._counting:
            super()._MemoryStorage__expire_events()  # type: ignore[misc]  # private to the library, and in need of the lock

    def count(self, key: str) -> Window:
        """Count one request under this name, and return its present minute.

        A minute that began before the clock was set back is forgotten, or it would last until the old time.
        """
        with self._counting:
            if self.get_expiry(key) > time.time() + WINDOW_SECONDS:
                self.clear(key)
            requests, ends_at = self.incr(key, WINDOW_SECONDS), self.get_expiry(key)
        left = ends_at - time.time()
        return Window(requests=requests, seconds_left=left, ends_at=math.ceil(ends_at), is_shared=False)


IN_PROCESS = AtomicMemory()
"""Counts all requests in embedded mode, else those that could not be counted in Redis."""


def note(request: HttpRequest, window: Window) -> None:
    """Store on the request the window in which Redis counted it."""
    request.window = window  # type: ignore[attr-defined]  # stored on the request, for any view


def enforce(request: HttpRequest, caller: Caller | None) -> None:
    """Count the request, unless Redis did, and keep the allowance on it for `headers`; raises RateLimitExceeded.

    Anonymous callers and callers without a tier are not limited.
    """
    if caller is None or not caller.tier:
        return
    window: Window = getattr(request, "window", None) or IN_PROCESS.count(f"requests/{caller.pk}")
    limit = limit_of(caller, window)
    left = max(1, math.ceil(window.seconds_left))
    remaining = max(0, limit - window.requests)
    allowance = Allowance(limit=limit, remaining=remaining, reset=window.ends_at, seconds_left=left)
    request.allowance = allowance  # type: ignore[attr-defined]  # the middleware reads it, even if the view failed
    if window.requests > limit:
        raise RateLimitExceeded(limit=limit, retry_after=left)


def limit_of(caller: Caller, window: Window) -> int:
    """Return the caller's limit in this window: the tier's, or a process's share of it if each counts for itself."""
    limit: int = settings.RATE_LIMITS[caller.tier]
    return limit if window.is_shared else max(1, limit // settings.WEB_WORKERS)


def headers(request: HttpRequest) -> dict[str, str]:
    """Return the rate-limit headers of a limited caller, and none for others.

    They have their usual names and those of the IETF's draft (draft-ietf-httpapi-ratelimit-headers).
    """
    allowance: Allowance | None = getattr(request, "allowance", None)
    if allowance is None:
        return {}
    return {
        "X-RateLimit-Limit": str(allowance.limit),
        "X-RateLimit-Remaining": str(allowance.remaining),
        "X-RateLimit-Reset": str(allowance.reset),
        "RateLimit-Policy": f'"minute";q={allowance.limit};w={WINDOW_SECONDS}',
        "RateLimit": f'"minute";r={allowance.remaining};t={allowance.seconds_left}',
    }
