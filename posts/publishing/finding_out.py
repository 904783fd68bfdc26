"""Find out whether an earlier send has arrived, before anything is sent again."""

from dataclasses import replace

from accounts.platforms.base import Recovery
from accounts.platforms.errors import (
    AuthExpired,
    NotListed,
    PlatformError,
    ProcessingFailed,
    StillWorking,
    Unavailable,
    Unknown,
)
from accounts.platforms.shapes import Published
from ouipost.observability import traces
from ouipost.phrases import Phrase
from posts.publishing.looking import NOT_ASKED, NOT_SHOWN, after, can_look, look, one_of, until_listed
from posts.publishing.outcomes import SAFE_TO_REPEAT, Absent, Later, Outcome, gave_up
from posts.publishing.past_answers import late_posts, said_to_be_there
from posts.publishing.turn import Turn

LOOKS_BEFORE_ABSENT = 2


def find_out(turn: Turn) -> Outcome | None:
    """Look for an earlier send whose answer is unknown or was a refusal; None means to send (again)."""
    if not turn.unresolved:
        return _look_once(turn) if turn.operation.armed_at else None
    if turn.asks_by_sending():
        return None
    turn.step = "recover"
    return NOT_ASKED if turn.recovery == Recovery.PARK else _found(turn) or _absent(turn)


def _look_once(turn: Turn) -> Outcome | None:
    """Look once for a refused send, which may have arrived nevertheless. An inconclusive look holds up nothing."""
    is_absent, sent = False, replace(turn.content, text=turn.target.sent_text)
    turn.operation = replace(turn.operation, content=sent)
    if can_look(turn.connector, turn.operation):
        turn.step = "recover"
        if later := until_listed(turn.connector, turn.operation, turn.target.sent_at):
            return later
        try:
            out = _found(turn)
        except (AuthExpired, StillWorking):
            raise
        except PlatformError as error:
            is_absent = isinstance(error, ProcessingFailed)
        else:
            if isinstance(out, Published | Later):
                return out
            is_absent = out is None
    _begin_again(turn, is_absent=is_absent)
    return None


def _begin_again(turn: Turn, *, is_absent: bool) -> None:
    """Prepare to send a refused target again. If it was scheduled again since, its handles are dropped, unless it may
    be out and they keep it from being published twice."""
    sent_at, asked_at = turn.operation.began_at, turn.target.scheduled_at
    if asked_at and sent_at < asked_at and (is_absent or turn.recovery not in SAFE_TO_REPEAT):
        turn.hold({})
    turn.target.armed_at = None if is_absent else sent_at
    turn.operation = replace(turn.operation, content=turn.content, armed_at=turn.target.armed_at)


def _found(turn: Turn) -> Outcome | None:
    """Return the one found post, or the obstacle to a decision; None if no post was found."""
    turn.session.deadline = turn.time_before_arming()
    try:
        with traces.span("recover"):
            found = look(turn.connector, turn.session, turn.operation, began=turn.began)
    except NotListed:  # the network has forgotten the handles: its list is believed the second time
        turn.recovery, found = Recovery.LOOK, []
    known = turn.others(found)
    account, theirs = turn.operation.account, set(known.remote_ids)
    theirs.update(turn.connector.listed_id(turn.session, account, each) for each in known.alike)
    shown = [turn.with_public_url(each) for each in found if each.remote_id not in theirs]
    turn.recovery = Recovery.LOOK if found and not shown else turn.recovery  # a handle would find no others
    if shown and known.in_doubt:
        return after(turn.target, known.in_doubt)
    return one_of(shown or turn.writer.run(late_posts, turn.target))


def _absent(turn: Turn) -> Outcome | None:
    """Return the outcome of a look that found nothing; None means that it certainly did not arrive: send again.

    By a handle one look is enough, unless the target was sent again since the claim, and refused. Without the handle,
    which a restored copy may lack, nothing was asked.
    """
    if turn.recovery == Recovery.HANDLE and not turn.target.handles:
        return NOT_ASKED
    is_one_enough = turn.recovery == Recovery.HANDLE and turn.sends == turn.target.sends
    if not is_one_enough and turn.target.absences + 1 < LOOKS_BEFORE_ABSENT:
        return Absent()
    if turn.writer.run(said_to_be_there, turn.target):
        return NOT_SHOWN
    if not turn.connector.may_send_again(turn.operation):
        message = Phrase("{network} was sent it twice and does not list it.", network=turn.connector.name)
        return Unknown(message)
    turn.unresolved = False
    if gave_up(turn.target, now=turn.started_at):
        return Unavailable(Phrase("It did not arrive, and the time for trying is over."))
    return None
