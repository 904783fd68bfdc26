"""Whether what was sent before has arrived: asked of the network before anything is sent once more."""

from dataclasses import replace

from accounts.platforms.base import (
    AuthExpired,
    NotListed,
    PlatformError,
    ProcessingFailed,
    Published,
    Recovery,
    StillWorking,
    Unavailable,
    Unknown,
)
from ouipost.observability import traces
from ouipost.phrases import Phrase
from posts.publishing.late_answers import late_posts
from posts.publishing.looking import NOT_ASKED, NOT_SHOWN, after, can_look, look, one_of, until_listed
from posts.publishing.outcomes import SAFE_TO_REPEAT, Absent, Later, Outcome, gave_up, is_said_to_be_there
from posts.publishing.turn import Turn

LOOKS_BEFORE_ABSENT = 2


def find_out(turn: Turn) -> Outcome | None:
    """Look whether an earlier send arrived whose answer is not known, or refused it; None: send it, once more."""
    if not turn.unresolved:
        return _look_once(turn) if turn.operation.armed_at else None
    if turn.asks_by_sending():
        return None
    turn.step = "recover"
    return NOT_ASKED if turn.recovery == Recovery.PARK else _found(turn) or _absent(turn)


def _look_once(turn: Turn) -> Outcome | None:
    """Look once for what was refused: it may be there all the same. A look that does not tell holds up nothing."""
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
    """Send what was refused once more. What was asked for anew since is prepared afresh, unless it may be there and its
    handles keep it from being there twice."""
    sent_at, asked_at = turn.operation.began_at, turn.target.scheduled_at
    if asked_at and sent_at < asked_at and (is_absent or turn.recovery not in SAFE_TO_REPEAT):
        turn.hold({})
    turn.target.armed_at = None if is_absent else sent_at
    turn.operation = replace(turn.operation, content=turn.content, armed_at=turn.target.armed_at)


def _found(turn: Turn) -> Outcome | None:
    """Return the one post that was found, or what keeps us from telling; None where there is none."""
    turn.session.deadline = turn.time_before_arming()
    try:
        with traces.span("recover"):
            found = look(turn.connector, turn.session, turn.operation, began=turn.began)
    except NotListed:  # what it gave is forgotten: its list is believed the second time
        turn.recovery, found = Recovery.LOOK, []
    known = turn.others(found)
    account, theirs = turn.operation.account, set(known.remote_ids)
    theirs.update(turn.connector.listed_id(turn.session, account, each) for each in known.alike)
    shown = [turn.with_public_url(each) for each in found if each.remote_id not in theirs]
    turn.recovery = Recovery.LOOK if found and not shown else turn.recovery  # a handle tells of no others
    if shown and known.in_doubt:
        return after(turn.target, known.in_doubt)
    return one_of(shown or turn.writer.run(late_posts, turn.target))


def _absent(turn: Turn) -> Outcome | None:
    """Return what it means that the look found nothing; None: it certainly did not arrive, send again.

    A handle tells that at once, unless it was sent again since the claim, and refused. Who has none, as a restored copy
    may, has asked about nothing.
    """
    if turn.recovery == Recovery.HANDLE and not turn.target.handles:
        return NOT_ASKED
    is_one_enough = turn.recovery == Recovery.HANDLE and turn.sends == turn.target.sends
    if not is_one_enough and turn.target.absences + 1 < LOOKS_BEFORE_ABSENT:
        return Absent()
    if is_said_to_be_there(turn.target):
        return NOT_SHOWN
    if not turn.connector.may_send_again(turn.operation):
        message = Phrase("{network} was sent it twice and does not list it.", network=turn.connector.name)
        return Unknown(message)
    turn.unresolved = False
    if gave_up(turn.target, now=turn.started_at):
        return Unavailable(Phrase("It did not arrive, and the time for trying is over."))
    return None
