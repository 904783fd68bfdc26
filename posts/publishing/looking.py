"""Looking for a post at its network, whose clock may be behind ours."""

from dataclasses import replace
from datetime import timedelta

from accounts.platforms.base import Connector, Operation, Published, StillWorking
from accounts.session import NetworkSession

CLOCKS_AGREE = timedelta(seconds=2)


def look(connector: Connector, session: NetworkSession, operation: Operation, *, began: float) -> list[Published]:
    """Look for the post; where it is not there, and the network's clock is behind ours, from as much earlier on.

    `began` is the operation's `now` by this process's monotonic clock.
    """
    found: list[Published] = []
    try:
        found = connector.recover(session, operation)
    except StillWorking:
        if not _behind(session, operation, began=began):
            raise
    behind = _behind(session, operation, began=began)
    if found or not behind or operation.armed_at is None:
        return found
    by_their_clock = replace(operation, armed_at=operation.armed_at - behind, now=operation.now - behind)
    return connector.recover(session, by_their_clock)


def _behind(session: NetworkSession, operation: Operation, *, began: float) -> timedelta:
    """Return by how much the network's clock is behind the database's, as its last answer tells; nothing for less than
    what answers are exact to."""
    if session.dated is None:
        return timedelta(0)
    answered, theirs = session.dated
    behind = operation.now + timedelta(seconds=answered - began) - theirs
    return behind if behind > CLOCKS_AGREE else timedelta(0)
