"""Pause everything when the database's clock jumps ahead, before posts go out early.

That clock alone decides which posts are due. If it is set hours ahead, the posts of these hours would go out at once,
and could not be called back.
"""

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts import pauses
from accounts.models import Pause, PauseScope
from ouipost import claims
from ouipost.events.journal import SYSTEM
from ouipost.phrases import Phrase
from posts import pausing

logger = logging.getLogger(__name__)

MOST = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One reading of the database's clock, and of this machine's two clocks in seconds."""

    at: datetime
    monotonic: float
    wall: float

    def ahead_of(self, earlier: "Reading") -> timedelta:
        """Return by how much the database's clock advanced further than either of this machine's clocks.

        After a machine slept, its monotonic clock is behind but its wall clock is right: that is no jump.
        """
        ours = max(self.monotonic - earlier.monotonic, self.wall - earlier.wall)
        return self.at - earlier.at - timedelta(seconds=ours)


class Clock:
    """Watches the database's clock from one process."""

    def __init__(self) -> None:
        self._seen: Reading | None = None

    def pause_if_jumped(self) -> Pause | None:
        """Read the clock; if it has jumped ahead by more than five minutes, pause everything and return the pause.

        After a jump the new time counts as right: the operator checks it before resuming. A clock that goes back is
        accepted, as it sends nothing early. Raises the database's errors.
        """
        before = time.monotonic(), time.time()
        at = claims.database_now()
        now = Reading(at=at, monotonic=time.monotonic(), wall=time.time())
        ahead = now.ahead_of(self._seen) if self._seen else timedelta(0)
        pause = _pause(ahead, now=at) if ahead > MOST else None
        self._seen = Reading(at=at, monotonic=before[0], wall=before[1])
        return pause


def _pause(ahead: timedelta, *, now: datetime) -> Pause:
    logger.error("The database's clock jumped %s ahead: everything is paused", ahead)
    found = pauses.of_all()
    reason = Phrase(
        "The database's clock jumped {seconds} seconds ahead. See whether it is right.",
        seconds=round(ahead.total_seconds()),
    )
    return found or pausing.pause(PauseScope.ALL, reason=reason, actor=SYSTEM, now=now)


CLOCK = Clock()
"""The watch of this process, shared by all its publishers."""
