"""What becomes of a target after a step: the one place that turns outcomes into states."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from accounts.platforms.base import (
    Duplicate,
    PlatformError,
    Published,
    RateLimited,
    Recovery,
    Unavailable,
    Unknown,
    WhoActs,
)
from ouipost import claims
from ouipost.claims import Claim, engine_time
from posts.models import Attempt, Post, Target, TargetStatus
from posts.services import sync_and_tell

VISIBLE_CALL_SECONDS = 30
SETTLE_SECONDS = 30
RESEND_SECONDS = 5
RETRY_SECONDS = (30, 120, 600, 1800, 3600, 7200)
RATE_LIMIT_SECONDS = 60
JITTER = 0.2


@dataclass(frozen=True, kw_only=True)
class Absent:
    """A look for the post found nothing."""


@dataclass(frozen=True, kw_only=True)
class Undecidable:
    """Whether the post exists cannot be found out by us."""

    message: str


@dataclass(frozen=True, kw_only=True)
class Later:
    """Nothing was tried; the same again in `seconds`, without counting as an attempt."""

    seconds: float
    message: str


Outcome = Published | PlatformError | Absent | Undecidable | Later


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one claim led to."""

    claim: Claim
    step: str
    outcome: Outcome
    started_at: datetime
    recovery: Recovery
    listing_lag: float


def recovery_time(recovery: Recovery, listing_lag: float, *, now: datetime) -> datetime:
    """Return when a call that was armed now may be looked into, should its worker never come back.

    Where the network keeps one copy per key, that is when the call must have ended; elsewhere later, so that no old
    request can still be on its way and the account's list surely shows it.
    """
    patience = RESEND_SECONDS if recovery == Recovery.KEY else SETTLE_SECONDS + listing_lag
    return now + engine_time(VISIBLE_CALL_SECONDS + patience)


def settle(report: Report) -> None:
    """Write the outcome, in the caller's transaction: target, attempt, post and journal, or only the late answer."""
    now = claims.database_now()
    post = Post.objects.select_for_update().get(targets=report.claim.pk)
    target = Target.objects.get(pk=report.claim.pk)
    values = next_state(target, report, now=now)
    if not claims.release(Target, report.claim, in_flight=None, claim_count=0, **values):
        _note_late(target, report, now=now)
        return
    _log(target, report, now=now, outcome=_word(report.outcome), next_at=values["due_at"])
    sync_and_tell(post)


def next_state(target: Target, report: Report, *, now: datetime) -> dict[str, Any]:
    """Return the columns that the outcome sets."""
    if report.step == "recover" and not isinstance(report.outcome, Published):
        return _still_unknown(target, report, now=now)
    match report.outcome:
        case Published(remote_id=remote_id, url=url):
            return _published(remote_id, url, now=now)
        case Unknown() | Duplicate() as error if _may_be_there(target, error):
            return _unknown(target, error, report, now=now)
        case Later(seconds=seconds):
            return _nothing_there(target) | {"due_at": now + engine_time(seconds)}
        case Unavailable() as error:
            return _nothing_there(target) | _again(target, error, now=now)
        case PlatformError() as error:
            return _nothing_there(target) | _failed(error)
        case Undecidable(message=message):
            return _review(message)
    raise TypeError(report.outcome)


def _may_be_there(target: Target, error: PlatformError) -> bool:
    """Whether the network may have the post: the answer was lost, or it says to have one like it and we sent before."""
    return isinstance(error, Unknown) or target.sends > 1


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


def _nothing_there(target: Target) -> dict[str, Any]:
    """The visible call certainly did nothing: what was armed is over."""
    return {"outcome_unknown": False, "armed_at": None, "absences": 0}


def _again(target: Target, error: Unavailable, *, now: datetime) -> dict[str, Any]:
    counts = not isinstance(error, RateLimited)
    due_at = now + _delay(target.attempts, error)
    if target.give_up_at is not None and due_at > target.give_up_at:
        return _failed(error, retryable=True)
    return {"due_at": due_at, "attempts": target.attempts + counts, "error": _shown(error, retryable=True)}


def _delay(attempts: int, error: Unavailable) -> timedelta:
    """Return how long to wait: the network's own word is a floor, else longer after each attempt, with jitter."""
    own = RATE_LIMIT_SECONDS if isinstance(error, RateLimited) else RETRY_SECONDS[min(attempts, len(RETRY_SECONDS) - 1)]
    wait = engine_time(own * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 (spreads load, guards nothing)
    return max(wait, timedelta(seconds=error.retry_after or 0))


def _failed(error: PlatformError, *, retryable: bool = False) -> dict[str, Any]:
    return {"status": TargetStatus.FAILED, "due_at": None, "error": _shown(error, retryable=retryable)}


def _unknown(target: Target, error: PlatformError, report: Report, *, now: datetime) -> dict[str, Any]:
    """The network may have it: wait until that can be found out, or leave it to a person where it cannot."""
    if report.recovery == Recovery.PARK or _gave_up(target, now=now):
        return _review(error.message)
    wait = RESEND_SECONDS if report.recovery == Recovery.KEY else SETTLE_SECONDS + report.listing_lag
    return {
        "due_at": now + engine_time(wait),
        "outcome_unknown": True,
        "absences": 0,
        "attempts": target.attempts + 1,
        "error": _shown(error),
    }


def _still_unknown(target: Target, report: Report, *, now: datetime) -> dict[str, Any]:
    """A look that did not find it: look again, until a person must."""
    match report.outcome:
        case Absent():
            return {"due_at": now + engine_time(SETTLE_SECONDS), "absences": target.absences + 1}
        case Later(seconds=seconds):
            return {"due_at": now + engine_time(seconds)}
        case Unavailable() | Unknown() as error if not _gave_up(target, now=now):
            wait = _delay(target.attempts, error) if isinstance(error, Unavailable) else engine_time(SETTLE_SECONDS)
            return {"due_at": now + wait, "attempts": target.attempts + 1, "error": _shown(error, retryable=True)}
        case PlatformError() as error:
            return _review(f"Whether it was published could not be looked up: {error.message}")
        case Undecidable(message=message):
            return _review(message)
    raise TypeError(report.outcome)


def _gave_up(target: Target, *, now: datetime) -> bool:
    return target.give_up_at is not None and now >= target.give_up_at


def _review(message: str) -> dict[str, Any]:
    error = {"code": "OUTCOME_UNKNOWN", "message": message, "retryable": False, "who_acts": str(WhoActs.CALLER)}
    return {"status": TargetStatus.NEEDS_REVIEW, "due_at": None, "outcome_unknown": True, "error": error}


def _shown(error: PlatformError, *, retryable: bool = False) -> dict[str, Any]:
    return {
        "code": error.error_code,
        "message": error.message,
        "retryable": retryable,
        "who_acts": str(error.acts),
        "network_code": error.network_code,
    }


def _word(outcome: Outcome) -> str:
    """Return the name of an outcome as attempts show it: `rate_limited`, `published`, …"""
    name = type(outcome).__name__
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _note_late(target: Target, report: Report, *, now: datetime) -> None:
    """Keep an answer that came after the claim was lost; the one late id of a parked target settles it."""
    _log(target, report, now=now, outcome="late", next_at=None)
    if target.status != TargetStatus.NEEDS_REVIEW or not isinstance(report.outcome, Published):
        return
    late = Attempt.objects.filter(target=target, outcome="late").exclude(remote_id="").values("remote_id").distinct()
    if late.count() == 1:
        values = _published(report.outcome.remote_id, report.outcome.url, now=now)
        Target.objects.filter(pk=target.pk, fence=target.fence).update(**values)
        sync_and_tell(Post.objects.get(pk=target.post_id))


def _log(target: Target, report: Report, *, now: datetime, outcome: str, next_at: datetime | None) -> None:
    error = report.outcome if isinstance(report.outcome, PlatformError) else None
    published = report.outcome if isinstance(report.outcome, Published) else None
    told = error or report.outcome
    Attempt.objects.create(
        target=target,
        number=target.attempt_log.count() + 1,
        fence=report.claim.fence,
        step=report.step,
        started_at=report.started_at,
        ended_at=now,
        outcome=outcome,
        http_status=error.status if error else None,
        code=error.error_code if error else "",
        network_code=error.network_code if error else "",
        message=getattr(told, "message", ""),
        remote_id=published.remote_id if published else "",
        url=published.url if published else "",
        next_at=next_at,
    )
