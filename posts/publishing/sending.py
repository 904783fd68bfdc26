"""Sending: prepare invisibly, arm, and make the one visible call."""

import time

from django.db import Error

from accounts import pauses
from accounts.platforms.base import Recovery
from accounts.platforms.errors import AuthExpired, Duplicate, Rejected, StillWorking
from accounts.platforms.shapes import Published
from ouipost.claims import engine_time
from ouipost.observability import traces
from ouipost.phrases import Phrase
from ouipost.writer import WriterClosed
from posts.advice import WORKSPACE_DELETED
from posts.publishing.finding_out import find_out
from posts.publishing.looking import one_of
from posts.publishing.outcomes import VISIBLE_CALL_SECONDS, Held, Later, Outcome
from posts.publishing.past_answers import late_posts
from posts.publishing.turn import Turn


def send(turn: Turn) -> Outcome:
    """Send the target, unless a late answer shows that it is out, or there is an obstacle now."""
    turn.step = "prepare"
    if turn.account.workspace.deleted_at is not None:
        raise Rejected(WORKSPACE_DELETED)
    turn.session.deadline = turn.time_before_arming()
    with traces.span("prepare"):
        handles = turn.connector.prepare(turn.session, turn.operation, turn.save)
    turn.hold(handles)
    turn.recovery = turn.connector.recovery_of(turn.operation)
    late = turn.writer.run(late_posts, turn.target) if turn.sends else []
    if out := one_of(late):  # it may have come since the look
        return out
    if turn.is_ending():
        return Later(seconds=0, message=Phrase("The worker has to end; nothing was sent."))
    if (paused := turn.arm(handles)) is not None:
        return Held(seconds=0, message=pauses.describe(paused))
    if not turn.may_call():
        return Later(seconds=0, message=Phrase("The worker was held up; nothing was sent."))
    return _commit(turn)


def _commit(turn: Turn) -> Outcome:
    """Make the visible call: after it there is only a known answer or an unknown outcome."""
    turn.step, turn.requests_before, turn.refused = "commit", turn.session.requests, None
    turn.session.deadline = time.monotonic() + engine_time(VISIBLE_CALL_SECONDS).total_seconds()
    try:
        with traces.span("commit"):
            published = turn.connector.commit(turn.session, turn.operation)
    except AuthExpired as error:
        turn.refused = error
        raise
    except Rejected as refusal:
        return _refused(turn, refusal)
    _require_own(turn, published)
    return turn.with_public_url(published)


def _refused(turn: Turn, refusal: Rejected) -> Outcome:
    """Return the outcome of a refusal. After an earlier send, it may mean that this has arrived since the last look.

    The refusal is believed if the post is still absent half a minute later, or if the network also refuses the look and
    nothing was in doubt.
    """
    if not turn.target.sends or turn.recovery != Recovery.HANDLE or isinstance(refusal, Duplicate):
        return refusal
    turn.unresolved = True
    try:
        found = find_out(turn)
    except StillWorking:
        turn.step = "commit"
        raise
    except Rejected as error:
        if turn.target.outcome_unknown or error.is_nameless:
            raise
        found, turn.unresolved = None, False
    turn.step = "commit"
    return found or refusal


def _require_own(turn: Turn, published: Published) -> None:
    """Raise Duplicate if a repeated send was answered with a post that is known to be another target's."""
    try:
        is_own = turn.sends == 1 or not turn.others([published]).remote_ids
    except (Error, WriterClosed):
        return  # keeping the answer is more important than this check
    if not is_own:
        raise Duplicate(Phrase("The network takes it for another post of the account, with the same content."))
