"""Requests per minute and key, by the key's tier."""

import math
import threading
import time
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from ouipost.api.permissions import Caller
from ouipost.errors import DomainError

LIMITERS: dict[str, FixedWindowRateLimiter] = {}
_making = threading.Lock()


class RateLimitExceeded(DomainError):
    code = "RATE_LIMIT_EXCEEDED"
    status = 429
    message = "This key has used up its requests; try again after the seconds in Retry-After."


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What a caller may still ask for, and until when that holds."""

    limit: int
    remaining: int
    reset: int
    """Unix seconds at which the next window begins."""


class AtomicMemory(MemoryStorage):
    """The library's memory storage; its own reads and counts forget each other's unless one lock is around them."""

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


def storage_uri() -> str:
    """Return where the counters live: in this process, unless settings name another place."""
    return str(getattr(settings, "RATE_LIMIT_STORAGE", "atomic+memory://"))


def limiter(uri: str) -> FixedWindowRateLimiter:
    """Return the limiter over this storage; there is exactly one for each in a process."""
    with _making:
        if uri not in LIMITERS:
            LIMITERS[uri] = FixedWindowRateLimiter(storage_from_string(uri))
        return LIMITERS[uri]


def take(caller: Caller) -> tuple[Allowance, bool]:
    """Count one request of this caller; returns what is left and whether the request may go on."""
    item = RateLimitItemPerMinute(settings.RATE_LIMITS[caller.tier])
    counter = limiter(storage_uri())
    allowed = counter.hit(item, caller.pk)
    window = counter.get_window_stats(item, caller.pk)
    return Allowance(limit=item.amount, remaining=window.remaining, reset=math.ceil(window.reset_time)), allowed


def enforce(request: HttpRequest, caller: Caller | None) -> None:
    """Count the request and note the allowance on it for `headers`; raises when nothing is left.

    Nobody, and a caller without a tier, is not limited here.
    """
    if caller is None or not caller.tier:
        return
    allowance, allowed = take(caller)
    request.allowance = allowance  # type: ignore[attr-defined]  # the middleware reads it, whatever became of the view
    if not allowed:
        raise RateLimitExceeded(limit=allowance.limit, retry_after=max(1, allowance.reset - math.floor(time.time())))


def headers(request: HttpRequest) -> dict[str, str]:
    """Return the headers that tell a known caller its allowance."""
    allowance: Allowance | None = getattr(request, "allowance", None)
    if allowance is None:
        return {}
    return {
        "X-RateLimit-Limit": str(allowance.limit),
        "X-RateLimit-Remaining": str(allowance.remaining),
        "X-RateLimit-Reset": str(allowance.reset),
    }
