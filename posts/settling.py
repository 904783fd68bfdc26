"""What becomes of a target after a step: the one place that turns outcomes into states."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ObjectDoesNotExist

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
from ouipost.claims import Claim, LostClaim, engine_time
from posts.models import Attempt, Post, Target, TargetStatus
from posts.services import sync_and_tell

VISIBLE_CALL_SECONDS = 30
SETTLE_SECONDS = 30
RESEND_SECONDS = 5
RETRY_SECONDS = (30, 120, 600, 1800, 3600, 7200)
RATE_LIMIT_SECONDS = 60
JITTER = 0.2
LATE = "late"
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
    unresolved: bool
    """Whether an earlier send may have arrived, and this outcome alone does not tell."""
    started_at: datetime
    recovery: Recovery
    listing_lag: float


def recovery_time(recovery: Recovery, listing_lag: float, *, now: datetime) -> datetime:
    """Return when a call that was armed now may be looked into, should its worker never come back.

    Where the network keeps one copy per key, that is when the call must have ended; elsewhere later, so that no old
    request can still be on its way and the account's list surely shows it.
    """
    return now + engine_time(VISIBLE_CALL_SECONDS + _patience(recovery, listing_lag))


def _patience(recovery: Recovery, listing_lag: float) -> float:
    return RESEND_SECONDS if recovery == Recovery.KEY else SETTLE_SECONDS + listing_lag


def settle(report: Report) -> None:
    """Write the outcome, in the caller's transaction: target, attempt, post and journal, or only the late answer."""
    now = claims.database_now()
    post, target = _lock(report.claim)
    values = next_state(target, report, now=now)
    if "status" in values:
        values = {"attempts": target.attempts + 1} | values
    if values.get("status") == TargetStatus.NEEDS_REVIEW:
        values |= _told_late(target, now=now)
    if not claims.release(Target, report.claim, in_flight=None, claim_count=0, **values):
        _note_late(post, target, report, now=now)
        return
    if isinstance(report.outcome, RateLimited) and values["due_at"]:
        _hold_account(target, until=values["due_at"])
    _log(target, report, now=now, outcome=_word(report.outcome), next_at=values["due_at"])
    sync_and_tell(post)


def _lock(claim: Claim) -> tuple[Post, Target]:
    """Lock the post before its target is read or written, as every change does; raises LostClaim if they are gone."""
    try:
        post_id = Target.objects.values_list("post_id", flat=True).get(pk=claim.pk)
        return Post.objects.select_for_update().get(pk=post_id), Target.objects.get(pk=claim.pk)
    except ObjectDoesNotExist as error:
        raise LostClaim from error


def _hold_account(target: Target, *, until: datetime) -> None:
    """Let all that would go to the same account earlier wait as long: its network would refuse that, too."""
    waiting = Target.objects.filter(account=target.account_id, in_flight=None, due_at__lt=until)
    waiting.exclude(pk=target.pk).update(due_at=until)


def next_state(target: Target, report: Report, *, now: datetime) -> dict[str, Any]:
    """Return the columns that the outcome sets."""
    if report.unresolved and not isinstance(report.outcome, Published):
        return _still_unknown(target, report, now=now)
    match report.outcome:
        case Published(remote_id=remote_id, url=url):
            return _published(remote_id, url, now=now)
        case Unknown() | Duplicate() as error if _may_be_there(target, error):
            return _unknown(target, error, report, now=now)
        case Later() as later:
            return NOTHING_THERE | _later(target, later, now=now)
        case Unavailable() as error:
            return NOTHING_THERE | _again(target, error, now=now)
        case PlatformError() as error:
            return NOTHING_THERE | _failed(error)
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


def _later(target: Target, later: Later, *, now: datetime) -> dict[str, Any]:
    if gave_up(target, now=now):
        return _failed(Unavailable(later.message), retryable=True)
    return {"due_at": now + engine_time(later.seconds)}


def _again(target: Target, error: Unavailable, *, now: datetime) -> dict[str, Any]:
    wait = _delay(target.attempts, error)
    if gave_up(target, now=now + wait):
        return _failed(error, retryable=True)
    return _asked_again(target, error, wait=wait, now=now)


def _delay(attempts: int, error: Unavailable) -> timedelta:
    """Return how long to wait: a quota's own time, else longer after each attempt; the network's word is a floor."""
    own = RETRY_SECONDS[min(attempts, len(RETRY_SECONDS) - 1)]
    if isinstance(error, RateLimited):
        own = RATE_LIMIT_SECONDS if error.retry_after is None else 0
    wait = engine_time(own * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 (spreads load, guards nothing)
    return max(wait, timedelta(seconds=error.retry_after or 0))


def _failed(error: PlatformError, *, retryable: bool = False) -> dict[str, Any]:
    return {"status": TargetStatus.FAILED, "due_at": None, "error": _shown(error, retryable=retryable)}


def _unknown(target: Target, error: PlatformError, report: Report, *, now: datetime) -> dict[str, Any]:
    """The network may have it: wait until that can be found out, or leave it to a person where it cannot."""
    if report.recovery == Recovery.PARK:
        return _review(error.message)
    return {
        "due_at": now + engine_time(_patience(report.recovery, report.listing_lag)),
        "outcome_unknown": True,
        "absences": 0,
        "attempts": target.attempts + 1,
        "error": _shown(error),
    }


def _still_unknown(target: Target, report: Report, *, now: datetime) -> dict[str, Any]:
    """It was not found out whether an earlier send arrived: ask again, until a person must."""
    match report.outcome:
        case Absent():
            return {"due_at": now + engine_time(SETTLE_SECONDS), "absences": target.absences + 1}
        case Undecidable(message=message):
            return _review(message)
        case Later(seconds=seconds) if not gave_up(target, now=now):
            return {"due_at": now + engine_time(seconds)}
        case Unavailable() as error if not gave_up(target, now=now):
            return _asked_again(target, error, wait=_delay(target.attempts, error), now=now)
        case Unknown() as error if not gave_up(target, now=now):
            wait = engine_time(_patience(report.recovery, report.listing_lag))
            return _asked_again(target, error, wait=wait, now=now)
        case Later() | PlatformError() as error:
            return _review(f"Whether it was published could not be found out: {error.message}")
    raise TypeError(report.outcome)


def _asked_again(target: Target, error: PlatformError, *, wait: timedelta, now: datetime) -> dict[str, Any]:
    counts = not isinstance(error, RateLimited)
    return {"due_at": now + wait, "attempts": target.attempts + counts, "error": _shown(error, retryable=True)}


def gave_up(target: Target, *, now: datetime) -> bool:
    """Whether the time for trying is over."""
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


def _told_late(target: Target, *, now: datetime) -> dict[str, Any]:
    """Return the columns of the one post that late answers told of; none where they told of no post, or of several."""
    late = Attempt.objects.filter(target=target, outcome=LATE).exclude(remote_id="")
    match list(dict(late.values_list("remote_id", "url")).items()):
        case [(remote_id, url)]:
            return _published(remote_id, url, now=now)
    return {}


def _note_late(post: Post, target: Target, report: Report, *, now: datetime) -> None:
    """Keep an answer that came after the claim was lost; the one late id of a parked target settles it."""
    _log(target, report, now=now, outcome=LATE, next_at=None)
    values = _told_late(target, now=now)
    if target.status == TargetStatus.NEEDS_REVIEW and values:
        Target.objects.filter(pk=target.pk, fence=target.fence).update(**values)
        sync_and_tell(post)


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
