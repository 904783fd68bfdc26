"""Noticing that the database's clock jumps ahead: then everything is paused, before posts go out early.

That clock alone decides what is due. If it is set hours ahead, the posts of these hours go out at once, and none can be
called back.
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
    """What the database's clock and this machine's two clocks showed, the latter in seconds."""

    at: datetime
    monotonic: float
    wall: float

    def ahead_of(self, earlier: "Reading") -> timedelta:
        """Return by how much the database's clock advanced further than either of this machine's clocks.

        On a machine that slept, the monotonic clock is behind but the wall clock is right: nothing has jumped.
        """
        ours = max(self.monotonic - earlier.monotonic, self.wall - earlier.wall)
        return self.at - earlier.at - timedelta(seconds=ours)


class Clock:
    """The database's clock, as one process sees it go on."""

    def __init__(self) -> None:
        self._seen: Reading | None = None

    def look(self) -> Pause | None:
        """Read the clock; where it has jumped ahead by more than five minutes, pause everything and return the pause.

        After a jump the new time counts as right: whoever resumes has checked it. A clock that goes back sends nothing
        early, and is accepted. Raises what the database raises.
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
"""This process's, whoever publishes in it."""
