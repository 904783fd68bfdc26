"""Rate limits: requests per minute for each API key, by the key's tier."""

import math
import threading
import time
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest

from ouipost.api.permissions import Caller
from ouipost.errors import DomainError
from ouipost.phrases import Phrase

WINDOW_SECONDS = 60
WINDOW, ALLOWANCE = "ouipost.window", "ouipost.allowance"
"""Names in `request.META`, by which the views and the middleware know what was counted."""


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


class InProcess:
    """The requests of each key in its present minute, as this process counts them; any number of threads may count."""

    def __init__(self) -> None:
        self._counting = threading.Lock()
        self.reset()

    def __len__(self) -> int:
        """Return the number of minutes that are kept."""
        return len(self._minutes)

    def reset(self) -> None:
        """Forget all requests."""
        self._minutes: dict[str, tuple[int, float]] = {}
        self._forgets_at = 0.0

    def count(self, key_id: str) -> Window:
        """Count one request of this key, and return its present minute."""
        with self._counting:
            now = time.time()
            self._forget_ended(now)
            requests, ends_at = self._minutes.get(key_id, (0, 0.0))
            if not _is_running(ends_at, now):
                requests, ends_at = 0, now + WINDOW_SECONDS
            self._minutes[key_id] = requests + 1, ends_at
        return Window(requests=requests + 1, seconds_left=ends_at - now, ends_at=math.ceil(ends_at), is_shared=False)

    def _forget_ended(self, now: float) -> None:
        """Forget the minutes that have ended, once a minute."""
        if not _is_running(self._forgets_at, now):
            self._forgets_at = now + WINDOW_SECONDS
            self._minutes = {key: each for key, each in self._minutes.items() if _is_running(each[1], now)}


def _is_running(ends_at: float, now: float) -> bool:
    """Return whether a minute with this end runs; one that began before the clock was set back has ended, or it would
    last until the old time.
    """
    return now < ends_at <= now + WINDOW_SECONDS


IN_PROCESS = InProcess()
"""Counts all requests in embedded mode, else those that could not be counted in Redis."""


def note(request: HttpRequest, window: Window) -> None:
    """Store on the request the window in which Redis counted it."""
    request.META[WINDOW] = window


def enforce(request: HttpRequest, caller: Caller | None) -> None:
    """Count the request, unless Redis did, and keep the allowance on it for `headers`; raises RateLimitExceeded.

    Anonymous callers and callers without a tier are not limited.
    """
    if caller is None or not caller.tier:
        return
    window: Window = request.META.get(WINDOW) or IN_PROCESS.count(caller.pk)
    limit = limit_of(caller, window)
    left = max(1, math.ceil(window.seconds_left))
    remaining = max(0, limit - window.requests)
    allowance = Allowance(limit=limit, remaining=remaining, reset=window.ends_at, seconds_left=left)
    request.META[ALLOWANCE] = allowance
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
    allowance: Allowance | None = request.META.get(ALLOWANCE)
    if allowance is None:
        return {}
    return {
        "X-RateLimit-Limit": str(allowance.limit),
        "X-RateLimit-Remaining": str(allowance.remaining),
        "X-RateLimit-Reset": str(allowance.reset),
        "RateLimit-Policy": f'"minute";q={allowance.limit};w={WINDOW_SECONDS}',
        "RateLimit": f'"minute";r={allowance.remaining};t={allowance.seconds_left}',
    }
