"""The outcomes of a step, and the only place that turns outcomes into states of the target."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from accounts.exchanges import Exchange
from accounts.platforms.base import Recovery
from accounts.platforms.errors import (
    AuthExpired,
    Duplicate,
    ErrorCode,
    PlatformError,
    ProcessingFailed,
    RateLimited,
    Rejected,
    StillWorking,
    Unavailable,
    Unknown,
)
from accounts.platforms.shapes import Published
from accounts.tokens import obstacle
from ouipost.claims import Claim, engine_time, spread
from ouipost.phrases import Phrase
from posts.advice import answered_too_late, failure, rest_unsent
from posts.lateness import GIVE_UP_AFTER, LEAST_TRYING
from posts.models import REMOTE_ID_LENGTH, Target, TargetStatus

VISIBLE_CALL_SECONDS = 30
SETTLE_SECONDS = 30
WAKING_SECONDS = 60
"""The wait after waking: a machine on which nothing ran for long may have no network, and tokens to renew first."""
OVERSLEPT = timedelta(minutes=5)
"""A look that is later than this had to wait until a worker ran again."""
RESEND_SECONDS = 5
RETRY_SECONDS = (30, 120, 600, 1800, 3600, 7200)
RATE_LIMIT_SECONDS, LONGEST_RATE_LIMIT_SECONDS = 60, 3600
SAFE_TO_REPEAT = (Recovery.KEY, Recovery.HANDLE)
"""Ways of recovery by which an old request still on its way does no harm beside a new one."""
NOTHING_THERE: dict[str, Any] = {"outcome_unknown": False, "armed_at": None, "absences": 0}
"""The columns after a visible call that certainly had no effect."""


@dataclass(frozen=True, kw_only=True)
class Absent:
    """A look for the post found nothing."""


@dataclass(frozen=True, kw_only=True)
class Undecidable:
    """We cannot find out whether the post exists."""

    message: str


@dataclass(frozen=True, kw_only=True)
class Later:
    """Nothing was tried: repeat the step in `seconds`, without counting an attempt."""

    seconds: float
    message: str


@dataclass(frozen=True, kw_only=True)
class Held(Later):
    """An operator paused it before anything was sent: it waits, and keeps its place."""


Outcome = Published | PlatformError | Absent | Undecidable | Later


@dataclass(frozen=True, kw_only=True)
class AttemptResult:
    """The result of one claim."""

    claim: Claim
    step: str
    outcome: Outcome
    unresolved: bool
    """True if an earlier send may have arrived, and this outcome alone does not decide it."""
    started_at: datetime
    recovery: Recovery
    listing_lag: float
    exchanges: Sequence[Exchange] = ()
    """The last requests to the network, and its answers."""
    is_restored: bool = False
    """True if it was looked for in a restored copy: the parts that follow may be out as well."""
    waited: timedelta | None = None
    """How long the account has already waited for a quota without a known end."""
    sent_at: datetime | None = None
    """The first earlier send that may have arrived, unless a look has found since that it did not."""
    refused: AuthExpired | None = None
    """The error if the network refused the last visible call because of its token, whatever the renewal's result."""


def is_definite(result: AttemptResult) -> bool:
    """Return whether the network gave a definite answer to the visible call: it is out, accepted, or certainly not."""
    is_answer = isinstance(result.outcome, PlatformError) and not isinstance(result.outcome, Unknown)
    return isinstance(result.outcome, Published) or (result.step == "commit" and is_answer)


def answer_of(result: AttemptResult) -> AttemptResult | None:
    """Return the network's definite answer to the visible call, or None."""
    if is_definite(result):
        return result
    return replace(result, step="commit", outcome=obstacle(result.refused)) if result.refused else None


def storable(published: Published) -> Outcome:
    """Return the published post, or Undecidable if its id is too long to store, so that a person must note it."""
    length = len(published.remote_id)
    if length <= REMOTE_ID_LENGTH:
        return published
    message = Phrase(
        "The network has it under an id of {length} characters, more than can be kept: {beginning}…",
        length=length,
        beginning=published.remote_id[:REMOTE_ID_LENGTH],
    )
    return Undecidable(message=message)


def recovery_time(recovery: Recovery, listing_lag: float, *, now: datetime) -> datetime:
    """Return when a call that is armed now may be checked at the network, in case its worker never comes back.

    If a key or handle makes a repetition safe, that is soon after the call must have ended. Else it is later, so that
    no old request can still be on its way and the account's list surely shows it.
    """
    return now + engine_time(VISIBLE_CALL_SECONDS + _patience(recovery, listing_lag))


def _patience(recovery: Recovery, listing_lag: float) -> float:
    return RESEND_SECONDS if recovery in SAFE_TO_REPEAT else SETTLE_SECONDS + listing_lag


def _caution(target: Target, result: AttemptResult) -> timedelta:
    """Return the time in doubt before this claim, by which waits double each time; zero if no earlier send may have
    arrived."""
    if not target.is_repeated or target.armed_at is None:
        return timedelta(0)
    return min(result.started_at - target.armed_at, engine_time(RETRY_SECONDS[-1]))


def next_state(target: Target, result: AttemptResult, *, now: datetime) -> dict[str, Any]:
    """Return the columns that the outcome sets."""
    match result.outcome:
        case Published() as published:
            return when_out(target, published, is_doubtful=result.is_restored, now=now)
        case ProcessingFailed() as gave_it_up:
            return NOTHING_THERE | _failed(target, gave_it_up, now=now)
        case StillWorking() as working:  # from `prepare` it is a Later
            return _taken(target, working, result, now=now)
        case Held():
            return {} if result.unresolved else _nothing_there(target, result)
    if not result.unresolved:
        return _answered(target, result, now=now)
    if _is_waking(target, result, now=now):
        return {"due_at": now + engine_time(WAKING_SECONDS)}
    return _still_unknown(target, result, now=now)


def _answered(target: Target, result: AttemptResult, *, now: datetime) -> dict[str, Any]:
    """Return the columns after a try without an open question from before."""
    match result.outcome:
        case Unknown() as error:
            return _unknown(target, error, result, now=now)
        case Duplicate() as refusal if target.sends > 1:
            return _unknown(target, _may_be_there(refusal), result, now=now)
        case Later() as later:
            return _nothing_there(target, result) | _later(target, later, now=now)
        case Unavailable() as error:
            return _nothing_there(target, result) | _again(target, error, result.waited, now=now)
        case PlatformError() as error:
            return _nothing_there(target, result) | _failed(target, error, now=now)
        case Undecidable(message=message):
            return review(message)
    raise TypeError(result.outcome)


def _nothing_there(target: Target, result: AttemptResult) -> dict[str, Any]:
    """Return the columns of a target that is not out by the network's word. A refused send may have arrived
    nevertheless, so `armed_at` stays until a look finds that it did not."""
    error = result.outcome
    is_answer = isinstance(error, PlatformError) and error.status is not None and not isinstance(error, Duplicate)
    is_refused = result.refused is not None or (result.step == "commit" and is_answer)
    return NOTHING_THERE | {"armed_at": target.armed_at if is_refused else result.sent_at}


def when_out(target: Target, published: Published, *, is_doubtful: bool = False, now: datetime) -> dict[str, Any]:
    """Return the columns after the post, or one of its replies, went out: the next is due at once, or all is published.

    A doubtful next one is looked for before it is sent, as after a lost answer.
    """
    parts = [*target.parts, asdict(published)]
    if len(parts) > target.replies:
        return _out(parts, now=now)
    following = {"parts": parts, "remote_id": parts[0]["remote_id"], "url": parts[0]["url"]}
    state = {"outcome_unknown": True, "absences": 0, "sends": 1} if is_doubtful else NOTHING_THERE | {"sends": 0}
    return following | state | {"handles": {}, "error": None, "due_at": now}


def when_over(target: Target, published: Published, *, now: datetime) -> dict[str, Any]:
    """Return the columns of a target that was over when it became known that the post, or one of its replies, is out:
    what follows is not sent any more. One that was published already keeps its time."""
    parts = [*target.parts, asdict(published)]
    is_whole = len(parts) > target.replies
    error = None if is_whole else answered_too_late(sent=len(parts), replies=target.replies)
    out = _out(parts, now=target.published_at or now)
    return out | {"error": error} | ({} if is_whole else {"parts": parts})


def _out(parts: Sequence[dict[str, Any]], *, now: datetime) -> dict[str, Any]:
    """Return the columns of a published target, with its parts if there are several."""
    return _published(parts[0]["remote_id"], parts[0]["url"], now=now) | ({"parts": parts} if parts[1:] else {})


def _taken(target: Target, error: StillWorking, result: AttemptResult, *, now: datetime) -> dict[str, Any]:
    """Return the columns while the network has accepted it and does not show it yet: ask again, at last a person.

    A target that was sent late gives the network as much time for processing as one sent in time. One that the network
    can only be asked about when the time for trying is over has some minutes for that.
    """
    given = _given(error)
    has_time = result.step == "commit" or (target.armed_at is not None and now < target.armed_at + GIVE_UP_AFTER)
    if gave_up(target, now=now) and not has_time:
        told = Phrase("The network has accepted it and has not shown it: {error}", error=error.message)
        return review(told, error) | given
    due_at = now + engine_time(error.retry_after)
    values = {"due_at": due_at, "outcome_unknown": True, "absences": 0, "error": None, "waits_for": error.message}
    if has_time and gave_up(target, now=due_at) and due_at - now > LEAST_TRYING:
        values["give_up_at"] = due_at + LEAST_TRYING
    return values | given


def _given(error: PlatformError) -> dict[str, Any]:
    """Return the handles for the next step if this one returned new ones."""
    if not isinstance(error, Unavailable) or error.handles is None:
        return {}
    return {"handles": dict(error.handles)}


def _published(remote_id: str, url: str, *, now: datetime) -> dict[str, Any]:
    return {
        "status": TargetStatus.PUBLISHED,
        "remote_id": remote_id,
        "url": url,
        "published_at": now,
        "due_at": None,
        "outcome_unknown": False,
        "error": None,
    }


def _later(target: Target, later: Later, *, now: datetime) -> dict[str, Any]:
    if not _is_repeated(target, later, now=now):
        return _failed(target, Unavailable(later.message), now=now, retryable=True)
    return {"due_at": now + engine_time(later.seconds), "waits_for": later.message}


def _is_repeated(target: Target, later: Later, *, now: datetime) -> bool:
    """Return whether a step that tried nothing is repeated. A worker that has to stop takes away no target's last try;
    nor does another wait, unless it goes on for long after the time for trying."""
    return not later.seconds or not gave_up(target, now=now - LEAST_TRYING)


def _again(target: Target, error: Unavailable, waited: timedelta | None, *, now: datetime) -> dict[str, Any]:
    wait = _delay(target.attempts, error, waited)
    if gave_up(target, now=now + wait):
        return _failed(target, _with_its_time(target, error, now=now), now=now, retryable=True)
    return _tried_again(target, error, wait=wait, now=now) | {"error": _shown(error, retryable=True)}


def _with_its_time(target: Target, error: Unavailable, *, now: datetime) -> Unavailable:
    """Return the error, with the network's own time for the next try if that is too late."""
    if error.retry_after is None:
        return error
    again_at = now + timedelta(seconds=error.retry_after)
    if not gave_up(target, now=again_at):  # only our own wait is too long
        return error
    moment = f"{again_at:%Y-%m-%d %H:%M:%S} UTC"
    told = Phrase(
        "Nothing is accepted before {moment}, and the time for trying is over by then: {error}",
        moment=moment,
        error=error.message,
    )
    return Unavailable(told, code=error.code, who_acts=error.who_acts, network_code=error.network_code)


def _delay(attempts: int, error: Unavailable, waited: timedelta | None) -> timedelta:
    """Return the next wait: for a quota its own time, or twice the previous wait; else longer after each attempt, and
    at least what the network said."""
    if waited is not None:
        return min(2 * waited, engine_time(LONGEST_RATE_LIMIT_SECONDS))
    own = RETRY_SECONDS[min(attempts, len(RETRY_SECONDS) - 1)]
    if isinstance(error, RateLimited):
        own = RATE_LIMIT_SECONDS if error.retry_after is None else 0
    return max(spread(engine_time(own)), timedelta(seconds=error.retry_after or 0))


def _failed(target: Target, error: PlatformError, *, now: datetime, retryable: bool = False) -> dict[str, Any]:
    """Return the columns of a failure. If a reply fails, the post before it stays published, with the reason."""
    if not target.parts:
        return {"status": TargetStatus.FAILED, "due_at": None, "error": _shown(error, retryable=retryable)}
    told = rest_unsent(error.message, sent=len(target.parts), replies=target.replies)
    first = _published(target.remote_id, target.url, now=now)
    return first | {"error": _shown(error) | {"message": told}}


def _may_be_there(refusal: Duplicate) -> Unknown:
    """Return the error of a repeated send that was refused as a duplicate: an earlier one may have arrived."""
    told = Phrase("The network says that it is there already. {error}", error=refusal.message)
    return Unknown(**refusal.facts | {"message": told})


def _unknown(target: Target, error: Unknown, result: AttemptResult, *, now: datetime) -> dict[str, Any]:
    """Return the columns of a lost answer: wait until it can be found out, or leave it to a person if it cannot."""
    if result.recovery == Recovery.PARK:
        return review(error.message, error)
    patience = engine_time(_patience(result.recovery, result.listing_lag))
    return {
        "due_at": now + max(patience, _caution(target, result)),
        "outcome_unknown": True,
        "absences": 0,
        "attempts": target.attempts + 1,
        "error": _shown(error),
    }


def _still_unknown(target: Target, result: AttemptResult, *, now: datetime) -> dict[str, Any]:
    """Return the columns while it is unknown whether an earlier send arrived: ask again, at last a person."""
    match result.outcome:
        case Absent():
            return {"due_at": now + engine_time(SETTLE_SECONDS), "absences": target.absences + 1}
        case Undecidable(message=message):
            return review(message)
        case Later() as later if _is_repeated(target, later, now=now):
            return {"due_at": now + engine_time(later.seconds)}
        case Unavailable() as error if not gave_up(target, now=now):
            return _asked_again(target, error, wait=_delay(target.attempts, error, result.waited), now=now)
        case Unknown() as error if not gave_up(target, now=now):
            wait = engine_time(_patience(result.recovery, result.listing_lag))
            return _asked_again(target, error, wait=wait, now=now)
        case Rejected(is_nameless=True) as error if result.step == "recover" and not gave_up(target, now=now):
            away = Unavailable(**error.facts)
            return _asked_again(target, away, wait=_delay(target.attempts, away, None), now=now)
        case Later() | PlatformError() as error:
            return review(
                Phrase("Whether it was published could not be found out: {error}", error=error.message), error
            )
    raise TypeError(result.outcome)


def _is_waking(target: Target, result: AttemptResult, *, now: datetime) -> bool:
    """Return whether an inconclusive last look came late because no worker ran; then it is repeated once more."""
    came_late = target.due_at is not None and target.due_at < now - OVERSLEPT
    return came_late and gave_up(target, now=now) and isinstance(result.outcome, Later | Unavailable | Unknown)


def _asked_again(target: Target, error: PlatformError, *, wait: timedelta, now: datetime) -> dict[str, Any]:
    """Return the columns after a look in vain: whatever kept us from looking, the outcome stays unknown."""
    shown = failure(ErrorCode.OUTCOME_UNKNOWN, error.message, who_acts=error.who_acts, network_code=error.network_code)
    return _tried_again(target, error, wait=wait, now=now) | {"error": shown}


def _tried_again(target: Target, error: PlatformError, *, wait: timedelta, now: datetime) -> dict[str, Any]:
    counts = not isinstance(error, RateLimited)
    return {"due_at": now + wait, "attempts": target.attempts + counts} | _given(error)


def gave_up(target: Target, *, now: datetime) -> bool:
    """Return whether the time for trying is over."""
    return target.give_up_at is not None and now >= target.give_up_at


def review(message: str, outcome: Outcome | None = None) -> dict[str, Any]:
    """Leave it to a person, with the network's own code where that said something."""
    network_code = outcome.network_code if isinstance(outcome, PlatformError) else ""
    return {
        "status": TargetStatus.NEEDS_REVIEW,
        "due_at": None,
        "outcome_unknown": True,
        "published_at": None,
        "error": failure(ErrorCode.OUTCOME_UNKNOWN, message, network_code=network_code),
    }


def _shown(error: PlatformError, *, retryable: bool = False) -> dict[str, Any]:
    return failure(
        error.code, error.message, retryable=retryable, who_acts=error.who_acts, network_code=error.network_code
    )


def code_of(target: Target) -> str:
    return str((target.error or {}).get("code", ""))
