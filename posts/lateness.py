"""How late a target may go out, for how long it is tried, and how long a worker holds it."""

from collections.abc import Collection
from datetime import datetime, timedelta

from accounts import pauses
from accounts.models import Pause
from workspaces.models import Workspace

LEASE_SECONDS = 90
GIVE_UP_AFTER = timedelta(hours=6)
LEAST_TRYING = timedelta(minutes=15)
"""So long it is tried from its first try on, however late that comes."""
IN_TIME = timedelta(minutes=1)
"""A worker takes what is due moments later: that is not late, whatever a workspace says."""


def is_too_late(due: datetime, held_up_by: Collection[Pause], *, workspace: Workspace, now: datetime) -> bool:
    """Whether what was due then is later than its workspace allows; a pause, an operator's act, makes nothing late."""
    was_to_go_at = due + pauses.time_paused(held_up_by, since=due, until=now)
    return now > was_to_go_at + max(timedelta(minutes=workspace.publish_late_up_to_minutes), IN_TIME)
