"""Rate limits in fixed windows, counted in the database."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ouipost.simulator.models import Counter, atomic


@dataclass(frozen=True, kw_only=True)
class Usage:
    """The state of a window after a call; `exceeded` if this call was one too many."""

    limit: int
    used: int
    resets_at: datetime

    @property
    def exceeded(self) -> bool:
        """Return whether the limit was passed."""
        return self.used > self.limit

    @property
    def remaining(self) -> int:
        """Return the remaining calls of the window."""
        return max(self.limit - self.used, 0)


def take(key: str, *, limit: int, window: timedelta, now: datetime, cost: int = 1) -> Usage:
    """Count a call, and return the window's state; a refused call costs nothing."""
    with atomic():
        counter, _ = Counter.objects.select_for_update().get_or_create(key=key, defaults={"started_at": now})
        if not counter.started_at <= now < counter.started_at + window:
            counter.started_at, counter.used = now, 0
        used = counter.used + cost
        if used <= limit:
            counter.used = used
        counter.save()
    return Usage(limit=limit, used=used, resets_at=counter.started_at + window)
