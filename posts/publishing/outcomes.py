"""What one step led to, and what state its target has then: the one place that turns outcomes into states."""

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from accounts.exchanges import Exchange
from accounts.platforms.base import (
    AuthExpired,
    Duplicate,
    PlatformError,
    ProcessingFailed,
    Published,
    RateLimited,
    Recovery,
    Rejected,
    StillWorking,
    Unavailable,
    Unknown,
)
from accounts.tokens import obstacle
from ouipost.claims import Claim, engine_time
from ouipost.phrases import Phrase
from posts.advice import failure, rest_unsent
from posts.lateness import GIVE_UP_AFTER
from posts.models import REMOTE_ID_LENGTH, Target, TargetStatus

VISIBLE_CALL_SECONDS = 30
SETTLE_SECONDS = 30
WAKING_SECONDS = 60
"""A machine on which nothing ran for long may reach nobody at first, and has its tokens to renew."""
LATE = timedelta(minutes=5)
"""A look that comes so long after its time had to wait until something ran again."""
RESEND_SECONDS = 5
RETRY_SECONDS = (30, 120, 600, 1800, 3600, 7200)
RATE_LIMIT_SECONDS, LONGEST_RATE_LIMIT_SECONDS = 60, 3600
JITTER = 0.2
SAFE_TO_REPEAT = (Recovery.KEY, Recovery.HANDLE)
"""An old request that is still on its way does no harm beside a new one."""
NOTHING_THERE: dict[str, Any] = {"outcome_unknown": False, "armed_at": None, "absences": 0}
"""The visible call certainly did nothing: what was armed is over."""


@dataclass(frozen=True, kw_only=True)
class Absent:
    """A look for the post found nothing."""


@dataclass(frozen=True, kw_only=True)
class Undecidable:
    """Whether the post exists cannot be found out by us."""

    message: str


@dataclass(frozen=True, kw_only=True)
class Later:
    """Nothing was tried: do the same again in `seconds`, without counting an attempt."""

    seconds: float
    message: str


@dataclass(frozen=True, kw_only=True)
class Held(Later):
    """An operator has paused it before anything was sent: it waits, and keeps its place."""


Outcome = Published | PlatformError | Absent | Undecidable | Later


@dataclass(frozen=True, kw_only=True)
class AttemptResult:
    """What one claim led to."""

    claim: Claim
    step: str
    outcome: Outcome
    unresolved: bool
    """Whether an earlier send may have arrived, and this outcome alone does not tell."""
    started_at: datetime
    recovery: Recovery
    listing_lag: float
    exchanges: Sequence[Exchange] = ()
    """The last requests to the network, and its answers."""
    is_paused: bool = False
    """Whether it was looked for during a pause: after a restore what follows it may be out as well."""
    waited: timedelta | None = None
    """How long the account has waited in vain for a quota of which nobody tells when it ends."""
    sent_at: datetime | None = None
    """When what may be there was sent first, before this claim, if no look has told since that it is not there."""
    refused: AuthExpired | None = None
    """Why the last visible call was not taken, where that was its token: whatever came of the renewal."""


def is_definite(result: AttemptResult) -> bool:
    """Whether the network has said how the visible call ended: it is out, accepted, or certainly not there."""
    is_answer = isinstance(result.outcome, PlatformError) and not isinstance(result.outcome, Unknown)
    return isinstance(result.outcome, Published) or (result.step == "commit" and is_answer)


def answer_of(result: AttemptResult) -> AttemptResult | None:
    """Return what the network has said of the visible call; None: nothing that is certain."""
    if is_definite(result):
        return result
    return replace(result, step="commit", outcome=obstacle(result.refused)) if result.refused else None


def storable(published: Published) -> Outcome:
    """Return what the network has, or why that cannot be kept: a person must note it."""
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

    Where the network keeps one copy per key, that is when the call must have ended; elsewhere later, so that no old
    request can still be on its way and the account's list surely shows it.
    """
    return now + engine_time(VISIBLE_CALL_SECONDS + _patience(recovery, listing_lag))


def _patience(recovery: Recovery, listing_lag: float) -> float:
    return RESEND_SECONDS if recovery in SAFE_TO_REPEAT else SETTLE_SECONDS + listing_lag


def _caution(target: Target, result: AttemptResult) -> timedelta:
    """Return for how long it was in doubt before this claim, so that it waits twice as long each time: nothing where
    what was sent before had certainly not arrived."""
    if not target.is_repeated or target.armed_at is None:
        return timedelta(0)
    return min(result.started_at - target.armed_at, engine_time(RETRY_SECONDS[-1]))


def next_state(target: Target, result: AttemptResult, *, now: datetime) -> dict[str, Any]:
    """Return the columns that the outcome sets."""
    match result.outcome:
        case Published() as published:
            return when_out(target, published, is_doubtful=result.is_paused, now=now)
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
    """It was tried, and nothing from before is open."""
    match result.outcome:
        case Unknown() | Duplicate() as error if isinstance(error, Unknown) or target.sends > 1:
            return _unknown(target, error, result, now=now)
        case Later() as later:
            return _nothing_there(target, result) | _later(target, later, now=now)
        case Unavailable() as error:
            return _nothing_there(target, result) | _again(target, error, result.waited, now=now)
        case PlatformError() as error:
            return _nothing_there(target, result) | _failed(target, error, now=now)
        case Undecidable(message=message):
            return _review(message)
    raise TypeError(result.outcome)


def _nothing_there(target: Target, result: AttemptResult) -> dict[str, Any]:
    """Return the columns of what is not there by the network's word. `armed_at` says that it may be there all the same,
    refused as it was: only a look that tells otherwise clears it, whatever else was met."""
    error = result.outcome
    is_answer = isinstance(error, PlatformError) and error.status is not None and not isinstance(error, Duplicate)
    is_refused = result.refused is not None or (result.step == "commit" and is_answer)
    return NOTHING_THERE | {"armed_at": target.armed_at if is_refused else result.sent_at}


def when_out(target: Target, published: Published, *, is_doubtful: bool = False, now: datetime) -> dict[str, Any]:
    """The post, or one of its replies, is out: the next one is due at once, or all is published.

    A doubtful next one is looked for before it is sent, as after a lost answer.
    """
    parts = [*target.parts, asdict(published)]
    if len(parts) > target.replies:
        return _published(parts[0]["remote_id"], parts[0]["url"], now=now) | ({"parts": parts} if parts[1:] else {})
    following = {"parts": parts, "remote_id": parts[0]["remote_id"], "url": parts[0]["url"]}
    state = {"outcome_unknown": True, "absences": 0, "sends": 1} if is_doubtful else NOTHING_THERE | {"sends": 0}
    return following | state | {"handles": {}, "error": None, "due_at": now}


def _taken(target: Target, error: StillWorking, result: AttemptResult, *, now: datetime) -> dict[str, Any]:
    """The network has accepted it and does not show it yet: ask again, until it is left to a person.

    However late it was sent, the network has as much time for its work as one that is sent in time.
    """
    given = _given(error)
    has_time = result.step == "commit" or (target.armed_at is not None and now < target.armed_at + GIVE_UP_AFTER)
    if gave_up(target, now=now) and not has_time:
        told = Phrase("The network has accepted it and has not shown it: {error}", error=error.message)
        return _review(told, error) | given
    values = {"due_at": now + engine_time(error.retry_after), "outcome_unknown": True, "absences": 0, "error": None}
    return values | given | {"waits_for": error.message}


def _given(error: PlatformError) -> dict[str, Any]:
    """The handles for the next step, where this one came to others."""
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
    if gave_up(target, now=now):
        return _failed(target, Unavailable(later.message), now=now, retryable=True)
    return {"due_at": now + engine_time(later.seconds), "waits_for": later.message}


def _again(target: Target, error: Unavailable, waited: timedelta | None, *, now: datetime) -> dict[str, Any]:
    wait = _delay(target.attempts, error, waited)
    if gave_up(target, now=now + wait):
        return _failed(target, _with_its_time(target, error, now=now), now=now, retryable=True)
    return _asked_again(target, error, wait=wait, now=now)


def _with_its_time(target: Target, error: Unavailable, *, now: datetime) -> Unavailable:
    """Return the error with the time from which on the network takes it again, where that is too late by its word."""
    if error.retry_after is None:
        return error
    again_at = now + timedelta(seconds=error.retry_after)
    if not gave_up(target, now=again_at):  # it is our own wait that is too long
        return error
    moment = f"{again_at:%Y-%m-%d %H:%M:%S} UTC"
    told = Phrase(
        "Nothing is accepted before {moment}, and the time for trying is over by then: {error}",
        moment=moment,
        error=error.message,
    )
    return Unavailable(told, code=error.error_code, who_acts=error.acts, network_code=error.network_code)


def _delay(attempts: int, error: Unavailable, waited: timedelta | None) -> timedelta:
    """Return how long to wait: a quota's own time, or twice as long as it was waited for before; else longer after each
    attempt. The network's word is a floor."""
    if waited is not None:
        return min(2 * waited, engine_time(LONGEST_RATE_LIMIT_SECONDS))
    own = RETRY_SECONDS[min(attempts, len(RETRY_SECONDS) - 1)]
    if isinstance(error, RateLimited):
        own = RATE_LIMIT_SECONDS if error.retry_after is None else 0
    wait = engine_time(own * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 (spreads load, guards nothing)
    return max(wait, timedelta(seconds=error.retry_after or 0))


def _failed(target: Target, error: PlatformError, *, now: datetime, retryable: bool = False) -> dict[str, Any]:
    """It is not published; a reply that is not leaves the post before it out, with the reason why the rest is not."""
    if not target.parts:
        return {"status": TargetStatus.FAILED, "due_at": None, "error": _shown(error, retryable=retryable)}
    told = rest_unsent(error.message, sent=len(target.parts), replies=target.replies)
    first = _published(target.remote_id, target.url, now=now)
    return first | {"error": _shown(error) | {"message": told}}


def _unknown(target: Target, error: PlatformError, result: AttemptResult, *, now: datetime) -> dict[str, Any]:
    """The network may have it: wait until that can be found out, or leave it to a person where it cannot."""
    if result.recovery == Recovery.PARK:
        return _review(error.message, error)
    patience = engine_time(_patience(result.recovery, result.listing_lag))
    return {
        "due_at": now + max(patience, _caution(target, result)),
        "outcome_unknown": True,
        "absences": 0,
        "attempts": target.attempts + 1,
        "error": _shown(error),
    }


def _still_unknown(target: Target, result: AttemptResult, *, now: datetime) -> dict[str, Any]:
    """It was not found out whether an earlier send arrived: ask again, until it is left to a person."""
    match result.outcome:
        case Absent():
            return {"due_at": now + engine_time(SETTLE_SECONDS), "absences": target.absences + 1}
        case Undecidable(message=message):
            return _review(message)
        case Later(seconds=seconds) if not gave_up(target, now=now):
            return {"due_at": now + engine_time(seconds)}
        case Unavailable() as error if not gave_up(target, now=now):
            return _asked_again(target, error, wait=_delay(target.attempts, error, result.waited), now=now)
        case Unknown() as error if not gave_up(target, now=now):
            wait = engine_time(_patience(result.recovery, result.listing_lag))
            return _asked_again(target, error, wait=wait, now=now)
        case Rejected(is_nameless=True) as error if result.step == "recover" and not gave_up(target, now=now):
            away = Unavailable(**error.facts)
            return _asked_again(target, away, wait=_delay(target.attempts, away, None), now=now)
        case Later() | PlatformError() as error:
            return _review(
                Phrase("Whether it was published could not be found out: {error}", error=error.message), error
            )
    raise TypeError(result.outcome)


def _is_waking(target: Target, result: AttemptResult, *, now: datetime) -> bool:
    """Whether the look came late, as nothing ran, told nothing, and would be the last: then it is made once more."""
    came_late = target.due_at is not None and target.due_at < now - LATE
    return came_late and gave_up(target, now=now) and isinstance(result.outcome, Later | Unavailable | Unknown)


def _asked_again(target: Target, error: PlatformError, *, wait: timedelta, now: datetime) -> dict[str, Any]:
    counts = not isinstance(error, RateLimited)
    shown = target.error if is_said_to_be_there(target) else _shown(error, retryable=True)
    return {"due_at": now + wait, "attempts": target.attempts + counts, "error": shown} | _given(error)


def is_said_to_be_there(target: Target) -> bool:
    """Whether the network has refused it as a post that it has: until that is cleared up, no absence is an answer."""
    return target.outcome_unknown and code_of(target) == Duplicate.code


def gave_up(target: Target, *, now: datetime) -> bool:
    """Whether the time for trying is over."""
    return target.give_up_at is not None and now >= target.give_up_at


def _review(message: str, outcome: Outcome | None = None) -> dict[str, Any]:
    """Leave it to a person, with the network's own code where that said something."""
    network_code = outcome.network_code if isinstance(outcome, PlatformError) else ""
    return {
        "status": TargetStatus.NEEDS_REVIEW,
        "due_at": None,
        "outcome_unknown": True,
        "error": failure("OUTCOME_UNKNOWN", message, network_code=network_code),
    }


def _shown(error: PlatformError, *, retryable: bool = False) -> dict[str, Any]:
    return failure(
        error.error_code, error.message, retryable=retryable, who_acts=error.acts, network_code=error.network_code
    )


def code_of(target: Target) -> str:
    return str((target.error or {}).get("code", ""))
