"""Rate limits: requests per minute for each API key, by the key's tier."""

import math
import threading
import time
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest

from ouipost.api.permissions import Caller
from ouipost.errors import DomainError

WINDOW_SECONDS = 60


class RateLimitExceeded(DomainError):
    code = "RATE_LIMIT_EXCEEDED"
    status = 429
    message = "This key has used up its requests; try again after the seconds in Retry-After."


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
    """What the rate-limit headers tell a caller."""

    limit: int
    remaining: int
    reset: int
    """Unix seconds at which the next window begins."""


class Windows:
    """The requests of each key in its present minute, as this process counts them; threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sweep_at = 0.0
        self.open: dict[str, tuple[int, float]] = {}
        """The number of requests and the end of the minute (Unix seconds), by key id."""

    def count(self, key_id: str) -> Window:
        """Count one request, and return the minute that it falls into."""
        with self._lock:
            now = time.time()
            if now >= self._sweep_at:
                self.open = {each: window for each, window in self.open.items() if window[1] > now}
                self._sweep_at = now + WINDOW_SECONDS
            requests, ends_at = self.open.get(key_id, (0, 0.0))
            requests, ends_at = (requests + 1, ends_at) if ends_at > now else (1, now + WINDOW_SECONDS)
            self.open[key_id] = requests, ends_at
        return Window(requests=requests, seconds_left=ends_at - now, ends_at=math.ceil(ends_at), is_shared=False)


IN_PROCESS = Windows()
"""Everything in embedded mode; else what could not be counted in Redis."""


def note(request: HttpRequest, window: Window) -> None:
    """Keep on the request that it was counted together with those of other processes."""
    request.window = window  # type: ignore[attr-defined]  # it goes with the request, whichever view it meets


def enforce(request: HttpRequest, caller: Caller | None) -> None:
    """Count the request, unless Redis did, and keep the allowance on it for `headers`; raises RateLimitExceeded.

    Anonymous callers and callers without a tier are not limited.
    """
    if caller is None or not caller.tier:
        return
    window: Window = getattr(request, "window", None) or IN_PROCESS.count(caller.pk)
    limit = limit_of(caller, window)
    allowance = Allowance(limit=limit, remaining=max(0, limit - window.requests), reset=window.ends_at)
    request.allowance = allowance  # type: ignore[attr-defined]  # the middleware reads it, whatever became of the view
    if window.requests > limit:
        raise RateLimitExceeded(limit=limit, retry_after=max(1, math.ceil(window.seconds_left)))


def limit_of(caller: Caller, window: Window) -> int:
    """Return the caller's limit in this window: the tier's, or a process's share of it where each counts alone."""
    limit: int = settings.RATE_LIMITS[caller.tier]
    return limit if window.is_shared else max(1, limit // settings.WEB_WORKERS)


def headers(request: HttpRequest) -> dict[str, str]:
    """Return the X-RateLimit headers of a request whose caller is limited; else none."""
    allowance: Allowance | None = getattr(request, "allowance", None)
    if allowance is None:
        return {}
    return {
        "X-RateLimit-Limit": str(allowance.limit),
        "X-RateLimit-Remaining": str(allowance.remaining),
        "X-RateLimit-Reset": str(allowance.reset),
    }
