"""Describe a stuck target or account: the cause, since when, who must act, and the next step."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from accounts import pauses, platforms, registry
from accounts.models import AFTER_RESTORE, Network, Pause, PauseScope, SocialAccount
from accounts.platforms.errors import ErrorCode, WhoActs
from ouipost.moments import written_in_utc
from posts import obstacles
from posts.advice import advise
from posts.asking import question
from posts.models import Target, TargetStatus
from posts.obstacles import Obstacle, obstacle

START_A_WORKER = "Start a worker: manage.py work"
NOT_SETTLED = "The time for trying is over, and no worker has settled it."


class Kind(StrEnum):
    """The kinds of being stuck."""

    NOT_TAKEN = "not_taken"
    WORKER_LOST = "worker_lost"
    WAITING = "waiting"
    PAUSED = "paused"
    PAST_GIVE_UP = "past_give_up"
    NEEDS_REVIEW = "needs_review"
    CRASH_LOOP = "crash_loop"
    FAILED = "failed"
    ACCOUNT_EXPIRED = "account_expired"
    ACCOUNT_DISCONNECTED = "account_disconnected"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One target or account that is stuck; without a target it is about the account."""

    kind: Kind
    platform: str
    workspace_id: str
    account_id: str
    post_id: str | None = None
    target_id: str | None = None
    since: datetime
    until: datetime | None = None
    """The time at which it goes on by itself; None: not known, or never."""
    cause: str
    who_acts: WhoActs
    retry_safe: bool
    """True if sending it again surely makes no second copy."""
    next_step: str


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The circumstances of a late target; trouble younger than `cutoff` does not count yet."""

    now: datetime
    cutoff: datetime
    network: Network | None
    """Its network, if that takes nothing at present."""
    is_behind: bool
    """True if another target of its account is in flight."""
    pauses: Sequence[Pause] = ()
    """The operator's pauses that hold it up."""


@dataclass(frozen=True, kw_only=True)
class Hold:
    """Why something that is late is left alone, and until when if that is known."""

    cause: str
    until: datetime | None = None
    who_acts: WhoActs | None = None
    """The one who can end it; None: the one that the target's own error names, or else the network."""


def late(target: Target, scene: Scene) -> Finding:
    """Describe a target that should be out already and is neither settled nor being sent."""
    assert target.due_at is not None  # the search matches by it
    if target.status == TargetStatus.SCHEDULED and not target.account.is_connected:
        return disconnected(target)
    if scene.pauses and not target.outcome_unknown:
        return _paused(target, scene.pauses)
    hold = _hold(target, scene, due_at=target.due_at)
    if target.give_up_at is not None and target.give_up_at <= scene.cutoff:
        return _past_give_up(target, hold)
    if hold is not None:
        return _waiting(target, hold)
    if target.lease_until is not None:
        cause = "The worker that had it is gone, and no other has taken it over."
        return _for_a_worker(target, Kind.WORKER_LOST, cause, since=target.lease_until)
    return _for_a_worker(target, Kind.NOT_TAKEN, "It is due, and no worker has taken it.", since=target.due_at)


def _hold(target: Target, scene: Scene, *, due_at: datetime) -> Hold | None:
    """Return the reason for which a target waits, or None if it only lacks a worker."""
    if found := obstacle(target, scene.network, now=scene.now):
        return Hold(cause=_in_words(found, target), until=found.until, who_acts=found.who_acts)
    if max(due_at, target.lease_until or due_at) > scene.cutoff:
        until = due_at if due_at > scene.now else None
        return Hold(cause=_error_text(target) or "It waits for its turn.", until=until)
    if scene.is_behind:
        return Hold(cause="Another post of the account is being sent.")
    return None


def _in_words(found: Obstacle, target: Target) -> str:
    match found.kind:
        case obstacles.Kind.STOPPED:
            refusing = f"{platforms.NAMES[target.platform]} takes nothing from this installation, for no account"
            return f"{refusing}: the posts that it refused have its words."
        case obstacles.Kind.NETWORK:
            return "The network is left alone: most calls to it failed."
        case obstacles.Kind.ACCOUNT:
            return _error_text(target) or "The account is left alone until its network takes calls again."
        case obstacles.Kind.PACE:
            return "The account's pace: its network takes only so many posts in a time."


def _error_text(target: Target) -> str:
    """Return the code and words of the target's error, empty where it has none."""
    return "{code}: {message}".format(**target.error) if target.error else ""


def _who_acts(target: Target, *, otherwise: WhoActs) -> WhoActs:
    error = target.error
    return advise(error["code"], who_acts=error.get("who_acts")).who_acts if error else otherwise


def _finding(target: Target, kind: Kind, **facts: Any) -> Finding:
    """Describe a target. By default it is late since its scheduled time, and safe to send again unless in doubt."""
    given = {"since": target.scheduled_at, "retry_safe": not target.outcome_unknown} | facts
    return Finding(
        kind=kind,
        platform=target.platform,
        workspace_id=target.post.workspace_id,
        account_id=target.account_id,
        post_id=target.post_id,
        target_id=target.pk,
        **given,
    )


def _for_a_worker(target: Target, kind: Kind, cause: str, *, since: datetime) -> Finding:
    return _finding(target, kind, since=since, cause=cause, who_acts=WhoActs.OPERATOR, next_step=START_A_WORKER)


def _waiting(target: Target, hold: Hold) -> Finding:
    who_acts = hold.who_acts or _who_acts(target, otherwise=WhoActs.NETWORK)
    then = "it goes on by itself"
    step = f"Fix the cause, then {then}" if hold.who_acts else _to_mend(target, who_acts, then=then)
    facts = {"until": hold.until, "cause": hold.cause, "who_acts": who_acts}
    return _finding(target, Kind.WAITING, next_step=step or f"None: {then}", **facts)


def _paused(target: Target, holding: Sequence[Pause]) -> Finding:
    is_after_restore = any(each.is_after_restore for each in holding)
    first = f"{AFTER_RESTORE}, for it may be out already; " if is_after_restore else ""
    return _finding(
        target,
        Kind.PAUSED,
        cause=pauses.describe_all(holding),
        who_acts=WhoActs.OPERATOR,
        retry_safe=not is_after_restore,
        next_step=f"{first}{' and '.join(map(_resume, holding))}, then it goes out at once",
    )


def _resume(pause: Pause) -> str:
    """Return the command that ends a pause."""
    subject = f" --id {pause.subject_id}" if pause.scope != PauseScope.ALL else ""
    return f"manage.py resume --scope {pause.scope}{subject}"


def _past_give_up(target: Target, hold: Hold | None) -> Finding:
    """Describe a target that should be settled already; only the search for a lost answer may go on that long."""
    return _finding(
        target,
        Kind.PAST_GIVE_UP,
        since=target.give_up_at,
        until=hold.until if hold else None,
        cause=hold.cause if hold else _error_text(target) or NOT_SETTLED,
        who_acts=hold.who_acts or _who_acts(target, otherwise=WhoActs.NETWORK) if hold else WhoActs.OPERATOR,
        next_step="None: it is settled at its next turn" if hold else START_A_WORKER,
    )


def doubtful(target: Target) -> Finding:
    """Describe a target that may or may not be out."""
    is_crash_loop = target.error is not None and target.error["code"] == ErrorCode.WORKER_CRASH_LOOP
    ask = f"manage.py reconcile --post {target.post_id}"
    resolve = f"POST /api/posts/{target.post_id}/targets/{target.pk}/resolve"
    step = f"Read the worker's log for {target.pk}, then {ask}" if is_crash_loop else f"{ask}, else {resolve}"
    return _finding(
        target,
        Kind.CRASH_LOOP if is_crash_loop else Kind.NEEDS_REVIEW,
        cause=_error_text(target),
        who_acts=_who_acts(target, otherwise=WhoActs.CALLER),
        next_step=resolve if question(target).obstacle else step,
    )


def failed(target: Target) -> Finding:
    """Describe a failure that only the operator can mend."""
    retry = f"POST /api/posts/{target.post_id}/retry"
    step = _to_mend(target, WhoActs.OPERATOR, then=retry)
    return _finding(target, Kind.FAILED, cause=_error_text(target), who_acts=WhoActs.OPERATOR, next_step=step)


def _to_mend(target: Target, who_acts: WhoActs, *, then: str) -> str:
    """Return the operator's first step; empty if somebody else must act."""
    if who_acts != WhoActs.OPERATOR:
        return ""
    account = target.account
    if missing := registry.lacking(registry.of(account), sandbox=account.workspace.is_sandbox):
        return f"Set {' and '.join(missing)} and restart the workers, then {then}"
    return f"Fix the cause (the worker's log tells more of {target.pk}), then {then}"


def disconnected(target: Target) -> Finding:
    """Describe a target that is still to go to a disconnected account."""
    return _finding(
        target,
        Kind.ACCOUNT_DISCONNECTED,
        cause="Its account was disconnected.",
        who_acts=WhoActs.CALLER,
        next_step=f"POST /api/accounts to connect it again, or POST /api/posts/{target.post_id}/unschedule",
    )


def expired(account: SocialAccount, *, since: datetime, posts: int, first: datetime) -> Finding:
    """Describe an account whose owner must sign in again before the first of its posts is due."""
    error = account.last_error or {
        "code": ErrorCode.TOKEN_REVOKED,
        "message": "The network no longer accepts its token.",
    }
    coming = (
        f"{posts} scheduled {'post goes' if posts == 1 else 'posts go'} to it, the first at {written_in_utc(first)}."
    )
    return Finding(
        kind=Kind.ACCOUNT_EXPIRED,
        platform=account.platform,
        workspace_id=account.workspace_id,
        account_id=account.pk,
        since=since,
        cause=f"{error['code']}: {error['message']} {coming}",
        who_acts=WhoActs.ACCOUNT_OWNER,
        retry_safe=True,
        next_step=f"POST /api/accounts/{account.pk}/reconnect, and its owner signs in",
    )
