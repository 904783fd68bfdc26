"""Look for a post at its network, whose clock may be behind ours, and judge the posts found."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from accounts.platforms.base import Connector, Recovery
from accounts.platforms.errors import NotListed, StillWorking
from accounts.platforms.shapes import Operation, Published
from accounts.session import NetworkSession
from ouipost.claims import engine_time
from ouipost.phrases import Phrase
from posts.models import Target
from posts.publishing.outcomes import Later, Undecidable

TURN_SECONDS = 5
CLOCKS_AGREE = timedelta(seconds=2)
NOT_ASKED = Undecidable(message=Phrase("The network's response was lost, and it cannot be asked."))
NOT_SHOWN = Undecidable(message=Phrase("The network says that it has this post, but the account does not show it."))


def can_look(connector: Connector, operation: Operation) -> bool:
    """Return whether the network can be asked for a sent post, by its handles or in a list."""
    is_known = bool(operation.handles) or connector.lists(operation)
    return is_known and connector.recovery_of(operation) != Recovery.PARK


def until_listed(connector: Connector, operation: Operation, sent_at: datetime | None) -> Later | None:
    """Return a wait until the list surely shows a refused send, or None if it does so now."""
    is_in_list = connector.recovery_of(operation) == Recovery.LOOK
    if not is_in_list or operation.now - (sent_at or operation.began_at) >= engine_time(connector.listing_lag):
        return None
    message = Phrase("It was refused, and may be there all the same: it is looked for first.")
    return Later(seconds=connector.listing_lag, message=message)


def look(connector: Connector, session: NetworkSession, operation: Operation, *, began: float) -> list[Published]:
    """Look for the post; if it is not there and the network's clock is behind ours, look again from that much earlier.

    `began` is the operation's `now` by this process's monotonic clock.
    """
    found: list[Published] = []
    try:
        found = connector.recover(session, operation)
    except (StillWorking, NotListed):
        if not _behind(session, operation, began=began):
            raise
    behind = _behind(session, operation, began=began)
    if found or not behind or operation.armed_at is None:
        return found
    by_their_clock = replace(operation, armed_at=operation.armed_at - behind, now=operation.now - behind)
    return connector.recover(session, by_their_clock)


def _behind(session: NetworkSession, operation: Operation, *, began: float) -> timedelta:
    """Return by how much the network's clock is behind the database's, by its last answer's date; zero if within the
    precision of answers."""
    if session.dated is None:
        return timedelta(0)
    answered, theirs = session.dated
    behind = operation.now + timedelta(seconds=answered - began) - theirs
    return behind if behind > CLOCKS_AGREE else timedelta(0)


def after(target: Target, others: Sequence[str]) -> Later:
    """Look again after other targets that may own the found post have settled: one after the other, not all at once."""
    message = Phrase("Of another post of the account it is to be found out first whether it is this one.")
    return Later(seconds=TURN_SECONDS * (1 + sum(pk < target.pk for pk in others)), message=message)


def one_of(found: Sequence[Published]) -> Published | Undecidable | None:
    """Return the one found post, None if there is none, or Undecidable for several."""
    match found:
        case []:
            return None
        case [one]:
            return one
    return Undecidable(message=Phrase("The account has several posts that could be this one."))
