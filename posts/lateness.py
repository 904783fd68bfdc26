"""The limits for how late a target may go out, how long it is tried, and how long a worker holds it."""

from collections.abc import Collection
from datetime import datetime, timedelta

from accounts import pauses
from accounts.models import Pause
from accounts.pauses import Span
from workspaces.models import Workspace

LEASE_SECONDS = 90
GIVE_UP_AFTER = timedelta(hours=6)
LEAST_TRYING = timedelta(minutes=15)
"""Each target is tried for at least this long after its first try, however late that comes."""
IN_TIME = timedelta(minutes=1)
"""Workers take due targets moments later. This much is never late, whatever the workspace's setting."""


def is_too_late(
    due: datetime,
    held_up_by: Collection[Pause],
    *,
    workspace: Workspace,
    now: datetime,
    rests: Collection[Span] = (),
) -> bool:
    """Return whether a target is later than its workspace allows; time under an operator's pause does not count.

    Nor does time in which its network rests, while the target would still be tried if it had been sent when it was due.
    """
    held_up = pauses.time_paused(held_up_by, since=due, until=now)
    if now <= due + held_up + GIVE_UP_AFTER:
        held_up = pauses.time_paused(held_up_by, since=due, until=now, besides=rests)
    return now > due + held_up + max(timedelta(minutes=workspace.publish_late_up_to_minutes), IN_TIME)
