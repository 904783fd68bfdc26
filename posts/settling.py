"""What state a target has after a step: the one place that turns outcomes into states."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count

from accounts import calls, traffic
from accounts.exchanges import Exchange
from accounts.platforms.base import (
    Duplicate,
    PlatformError,
    ProcessingFailed,
    Published,
    RateLimited,
    Recovery,
    StillWorking,
    Unavailable,
    Unknown,
)
from accounts.traffic import Call
from ouipost import claims
from ouipost.claims import Claim, engine_time
from ouipost.events.journal import SYSTEM, entry, record_all
from ouipost.events.models import Event
from ouipost.phrases import Phrase
from ouipost.rows import insert_each, update_each
from posts.advice import failure, rest_unsent
from posts.holding import hold_account
from posts.late_answers import LATE, told_late, was_only_looked_for
from posts.models import Attempt, Media, Post, Target, TargetStatus
from posts.services import sync_each

VISIBLE_CALL_SECONDS = 30
SETTLE_SECONDS = 30
RESEND_SECONDS = 5
RETRY_SECONDS = (30, 120, 600, 1800, 3600, 7200)
RATE_LIMIT_SECONDS, LONGEST_RATE_LIMIT_SECONDS = 60, 3600
JITTER = 0.2
BEHIND = timedelta(seconds=1)
"""What waits for an account that is left alone goes right after its time, a millisecond apart."""
NETWORK_CODE_LENGTH = Attempt._meta.get_field("network_code").max_length
"""Nobody says how long a network's codes are."""
SAFE_TO_REPEAT = (Recovery.KEY, Recovery.HANDLE)
"""An old request that is still on its way does no harm beside a new one."""
FOLLOWING = ("status", "scheduled_at", "scheduled_timezone", "published_at", "moment")
"""The columns of a post that follow from its targets."""
READ = (
    *("post_id", "account_id", "platform", "status", "fence", "due_at", "give_up_at", "attempts", "sends", "absences"),
    *("remote_id", "url", "error", "published_at", "outcome_unknown", "armed_at", "parts", "replies", "waits_for"),
    "lease_until",
)
"""The columns of a target that its next state, its post and the journal depend on."""
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
    exchanges: Sequence[Exchange] = ()
    """What went wrong between us and the network, in words."""
    is_paused: bool = False
    """Whether it was looked for during a pause: after a restore what follows it may be out as well."""
    waited: timedelta | None = None
    """How long the account has waited in vain for a quota of which nobody tells when it ends."""


def is_definite(report: Report) -> bool:
    """Whether the network has said how the visible call ended: it is out, accepted, or certainly not there."""
    is_answer = isinstance(report.outcome, PlatformError) and not isinstance(report.outcome, Unknown)
    return isinstance(report.outcome, Published) or (report.step == "commit" and is_answer)


def recovery_time(recovery: Recovery, listing_lag: float, *, now: datetime) -> datetime:
    """Return when a call that is armed now may be checked at the network, in case its worker never comes back.

    Where the network keeps one copy per key, that is when the call must have ended; elsewhere later, so that no old
    request can still be on its way and the account's list surely shows it.
    """
    return now + engine_time(VISIBLE_CALL_SECONDS + _patience(recovery, listing_lag))


def _patience(recovery: Recovery, listing_lag: float) -> float:
    return RESEND_SECONDS if recovery in SAFE_TO_REPEAT else SETTLE_SECONDS + listing_lag


def settle_all(reports: Sequence[Report]) -> list[bool]:
    """Write the outcomes, in the caller's transaction: targets, attempts, posts and journal, or only late answers.

    Returns, for each, whether its post is still there. The cost in statements does not grow with the reports.
    """
    now = claims.database_now()
    posts = _lock_posts(reports)
    targets = {target.pk: target for target in Target.objects.filter(post__in=posts).order_by("pk").only(*READ)}
    held, late = _divided([report for report in reports if report.claim.pk in targets], targets)
    settled = _with_waits(held, targets, now=now)
    refused_again = [each.claim.pk for each in settled if _met_a_quota_before(targets[each.claim.pk], each)]
    next_at = _release(settled, targets, now=now)
    # What is put off for a moment has no line of its own: while a token is renewed, there would be one every 2 seconds.
    tried = [each for each in settled if not _is_put_off(each) or next_at[each.claim.pk] is None]
    _log([*((report, calls.word(report.outcome), next_at[report.claim.pk]) for report in tried),
          *((report, LATE, None) for report in late)], now=now)  # fmt: skip
    _adopt_late([targets[report.claim.pk] for report in late], now=now)
    sync_each(posts.values(), targets.values(), now=now)
    _tell_of_files([targets[report.claim.pk] for report in settled], posts)
    _leave_alone(settled, targets, next_at, now=now)
    _let_others_go_first(refused_again, targets)
    return [report.claim.pk in targets for report in reports]


def _divided(reports: Sequence[Report], targets: Mapping[str, Target]) -> tuple[list[Report], list[Report]]:
    """Return the reports that settle their targets, one for each, and those that come too late.

    Where a late answer settles a target, whoever was just looking for it has lost the claim.
    """
    pairs = [(report, _held_again(report, targets[report.claim.pk])) for report in reports]
    answered = {again.claim.pk for report, again in pairs if again is not report}
    held, late = list[Report](), list[Report]()
    for report, again in pairs:
        holds = report.claim.fence == targets[report.claim.pk].fence and report.claim.pk not in answered
        (held if holds or again is not report else late).append(again)
    return held, late


def _with_waits(reports: Sequence[Report], targets: Mapping[str, Target], *, now: datetime) -> list[Report]:
    """Note how long their accounts have waited, where a quota is met again and does not say when it ends."""
    accounts = {targets[each.claim.pk].account_id for each in reports if _is_endless(each.outcome)}
    waits = traffic.guessed_waits(accounts, now=now) if accounts else {}
    return [replace(each, waited=waits.get(targets[each.claim.pk].account_id)) for each in reports]


def _is_endless(outcome: Outcome) -> bool:
    """Whether this is a quota of which nobody tells when it ends."""
    return isinstance(outcome, RateLimited) and outcome.retry_after is None


def _met_a_quota_before(target: Target, report: Report) -> bool:
    """Whether a quota refuses a target again: it may be one for its kind alone, such as reels."""
    before = (target.error or {}).get("code")
    return isinstance(report.outcome, RateLimited) and before == RateLimited.code


def _held_again(report: Report, target: Target) -> Report:
    """Return a late answer as one whose claim is still held, if it certainly is about the last send.

    A late id settles what is parked in any case; what the network took or refused does so only then.
    """
    holds = target.fence == report.claim.fence
    if holds or isinstance(report.outcome, Published) or report.unresolved or not is_definite(report):
        return report
    if not target.outcome_unknown or not was_only_looked_for(target, since=report.claim.fence):
        return report
    return replace(report, claim=replace(report.claim, fence=target.fence))


def _is_put_off(report: Report) -> bool:
    """Whether nothing was tried: it is put off, or the network is still working on what it accepted before."""
    is_asked_again = isinstance(report.outcome, StillWorking) and report.step == "recover"
    return isinstance(report.outcome, Later) or is_asked_again


def _lock_posts(reports: Sequence[Report]) -> dict[str, Post]:
    """Lock the posts before their targets are read or written, as every change does."""
    pks = Target.objects.filter(pk__in=[report.claim.pk for report in reports]).values_list("post_id", flat=True)
    rows = Post.objects.select_for_update().filter(pk__in=set(pks)).order_by("pk")
    return {post.pk: post for post in rows.only("workspace_id", "created_at", *FOLLOWING)}


def _release(reports: Sequence[Report], targets: Mapping[str, Target], *, now: datetime) -> dict[str, datetime | None]:
    """Give the targets back, each in its next state; returns when each is due again."""
    states = {report.claim: _state(targets[report.claim.pk], report, now=now) for report in reports}
    in_vain = [targets[claim.pk] for claim, values in states.items() if _may_be_out(targets[claim.pk], values)]
    adopted = _adopted(in_vain, now=now)
    rows = []
    for claim, values in states.items():
        target = targets[claim.pk]
        values |= adopted.get(claim.pk, {})
        if target.status == TargetStatus.NEEDS_REVIEW:
            values.setdefault("status", TargetStatus.PUBLISHING)  # a late answer says how it goes on
        values = {"waits_for": ""} | values | claim.released | {"in_flight": None}
        for name, value in values.items():
            setattr(target, name, value)
        rows.append((claim, values))
    claims.write_each(Target, rows)
    return {claim.pk: targets[claim.pk].due_at for claim, _ in rows}


def _state(target: Target, report: Report, *, now: datetime) -> dict[str, Any]:
    values = next_state(target, report, now=now)
    return {"attempts": target.attempts + 1} | values if "status" in values else values


def _may_be_out(target: Target, values: Mapping[str, Any]) -> bool:
    """Whether it ends without a post although an earlier send may have made one, of which a late answer may tell."""
    status = values.get("status")
    return status == TargetStatus.NEEDS_REVIEW or (status == TargetStatus.FAILED and target.sends > 1)


def _tell_of_files(targets: Sequence[Target], posts: Mapping[str, Post]) -> None:
    """Tell the journal of posts whose files a network could not use, by the first file of each."""
    refused = [each for each in targets if each.status == TargetStatus.FAILED and _code(each) == "MEDIA_REJECTED"]
    if not refused:
        return
    files = Media.objects.filter(post__in=[each.post_id for each in refused]).order_by("-position", "-pk")
    first = {file.post_id: file for file in files}
    record_all([_of_file(first[each.post_id], each, posts[each.post_id]) for each in refused if each.post_id in first])


def _of_file(file: Media, target: Target, post: Post) -> Event:
    told = {"target": target.pk, "account_id": target.account_id, "platform": target.platform, "error": target.error}
    return entry("failed", file, actor=SYSTEM, workspace_id=post.workspace_id, post=post.pk, **told)


def _code(target: Target) -> str:
    return str((target.error or {}).get("code", ""))


def _leave_alone(
    reports: Sequence[Report],
    targets: Mapping[str, Target],
    next_at: Mapping[str, datetime | None],
    *,
    now: datetime,
) -> None:
    """Let everything for an account wait as long as its network said, or as its breaker is open."""
    calls = [
        Call(account_id=target.account_id, platform=target.platform, mark=traffic.mark(report.outcome))
        for report in reports
        if (target := targets[report.claim.pk]) and not isinstance(report.outcome, Later)
    ]
    held = traffic.note(calls, now=now)
    for report in reports:
        account_id, until = targets[report.claim.pk].account_id, next_at[report.claim.pk]
        if isinstance(report.outcome, RateLimited) and until:
            held[account_id] = until
            traffic.hold(account_id, until=until, since=now if _is_endless(report.outcome) else None)
    for account_id, until in held.items():
        hold_account(account_id, until=until, now=now)


def _let_others_go_first(refused_again: Sequence[str], targets: Mapping[str, Target]) -> None:
    """Put targets behind everything that waits for their account, so that targets of another kind can go first."""
    last = {pk: {"due_at": due_at + BEHIND} for pk in refused_again if (due_at := targets[pk].due_at)}
    update_each(Target, last)


def next_state(target: Target, report: Report, *, now: datetime) -> dict[str, Any]:
    """Return the columns that the outcome sets."""
    match report.outcome:
        case Published() as published:
            return _out(target, published, is_doubtful=report.is_paused, now=now)
        case ProcessingFailed() as gave_it_up:
            return NOTHING_THERE | _failed(target, gave_it_up, now=now)
        case StillWorking() as working:  # from `prepare` it is a Later
            return _taken(target, working, now=now)
        case Held():
            return {} if report.unresolved else {**NOTHING_THERE}
    return _still_unknown(target, report, now=now) if report.unresolved else _answered(target, report, now=now)


def _answered(target: Target, report: Report, *, now: datetime) -> dict[str, Any]:
    """It was tried, and nothing from before is open."""
    match report.outcome:
        case Unknown() | Duplicate() as error if _may_be_there(target, error):
            return _unknown(target, error, report, now=now)
        case Later() as later:
            return NOTHING_THERE | _later(target, later, now=now)
        case Unavailable() as error:
            return NOTHING_THERE | _again(target, error, report.waited, now=now)
        case PlatformError() as error:
            return NOTHING_THERE | _failed(target, error, now=now)
        case Undecidable(message=message):
            return _review(message)
    raise TypeError(report.outcome)


def _may_be_there(target: Target, error: PlatformError) -> bool:
    """Whether the network may have the post: the answer was lost, or it says to have one like it and we sent before."""
    return isinstance(error, Unknown) or target.sends > 1


def _out(target: Target, published: Published, *, is_doubtful: bool = False, now: datetime) -> dict[str, Any]:
    """The post, or one of its replies, is out: the next one is due at once, or all is published.

    A doubtful next one is looked for before it is sent, as after a lost answer.
    """
    parts = [*target.parts, asdict(published)]
    if len(parts) > target.replies:
        return _published(parts[0]["remote_id"], parts[0]["url"], now=now) | ({"parts": parts} if parts[1:] else {})
    following = {"parts": parts, "remote_id": parts[0]["remote_id"], "url": parts[0]["url"]}
    state = {"outcome_unknown": True, "absences": 0, "sends": 1} if is_doubtful else NOTHING_THERE | {"sends": 0}
    return following | state | {"handles": {}, "error": None, "due_at": now}


def _taken(target: Target, error: StillWorking, *, now: datetime) -> dict[str, Any]:
    """The network has accepted it and does not show it yet: ask again, until it is left to a person."""
    given = {} if error.handles is None else {"handles": dict(error.handles)}
    if gave_up(target, now=now):
        return _review(Phrase("The network has taken it and has not shown it: {error}", error=error.message)) | given
    values = {"due_at": now + engine_time(error.retry_after), "outcome_unknown": True, "absences": 0, "error": None}
    return values | given | {"waits_for": error.message}


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
        return _failed(target, error, now=now, retryable=True)
    return _asked_again(target, error, wait=wait, now=now)


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
    """It was not found out whether an earlier send arrived: ask again, until it is left to a person."""
    match report.outcome:
        case Absent():
            return {"due_at": now + engine_time(SETTLE_SECONDS), "absences": target.absences + 1}
        case Undecidable(message=message):
            return _review(message)
        case Later(seconds=seconds) if not gave_up(target, now=now):
            return {"due_at": now + engine_time(seconds)}
        case Unavailable() as error if not gave_up(target, now=now):
            return _asked_again(target, error, wait=_delay(target.attempts, error, report.waited), now=now)
        case Unknown() as error if not gave_up(target, now=now):
            wait = engine_time(_patience(report.recovery, report.listing_lag))
            return _asked_again(target, error, wait=wait, now=now)
        case Later() | PlatformError() as error:
            return _review(Phrase("Whether it was published could not be found out: {error}", error=error.message))
    raise TypeError(report.outcome)


def _asked_again(target: Target, error: PlatformError, *, wait: timedelta, now: datetime) -> dict[str, Any]:
    counts = not isinstance(error, RateLimited)
    shown = target.error if is_said_to_be_there(target) else _shown(error, retryable=True)
    return {"due_at": now + wait, "attempts": target.attempts + counts, "error": shown}


def is_said_to_be_there(target: Target) -> bool:
    """Whether the network has refused it as a post that it has: until that is cleared up, no absence is an answer."""
    return target.outcome_unknown and _code(target) == Duplicate.code


def gave_up(target: Target, *, now: datetime) -> bool:
    """Whether the time for trying is over."""
    return target.give_up_at is not None and now >= target.give_up_at


def _review(message: str) -> dict[str, Any]:
    return {
        "status": TargetStatus.NEEDS_REVIEW,
        "due_at": None,
        "outcome_unknown": True,
        "error": failure("OUTCOME_UNKNOWN", message),
    }


def _shown(error: PlatformError, *, retryable: bool = False) -> dict[str, Any]:
    return failure(
        error.error_code, error.message, retryable=retryable, who_acts=error.acts, network_code=error.network_code
    )


def _adopted(targets: Sequence[Target], *, now: datetime) -> dict[str, dict[str, Any]]:
    """Return, by id, the columns of those of which late answers told one post, and not several."""
    told = zip(targets, told_late(targets) if targets else [], strict=True)
    going = {"status": TargetStatus.PUBLISHING, "claim_count": 0}
    return {target.pk: going | _out(target, late[0], now=now) for target, late in told if len(late) == 1}


def _adopt_late(targets: Iterable[Target], *, now: datetime) -> None:
    """Settle parked and failed targets by the one id that answers after a lost claim told of; others only have it in
    their log."""
    ended = {each.pk: each for each in targets if each.status in (TargetStatus.NEEDS_REVIEW, TargetStatus.FAILED)}
    for pk, values in _adopted(list(ended.values()), now=now).items():
        Target.objects.filter(pk=pk, fence=ended[pk].fence).update(**values)
        for name, value in values.items():
            setattr(ended[pk], name, value)


def _log(entries: Sequence[tuple[Report, str, datetime | None]], *, now: datetime) -> None:
    """Add an attempt for each report, with its outcome's name and when the target is due again."""
    pks = [report.claim.pk for report, _, _ in entries]
    counts = Attempt.objects.filter(target__in=pks).values_list("target").annotate(count=Count("pk"))
    numbers = dict(counts.order_by())
    attempts = []
    for report, word, next_at in entries:
        numbers[report.claim.pk] = numbers.get(report.claim.pk, 0) + 1
        attempts.append(_attempt(report, number=numbers[report.claim.pk], word=word, next_at=next_at, now=now))
    insert_each(attempts)


def _attempt(report: Report, *, number: int, word: str, next_at: datetime | None, now: datetime) -> Attempt:
    error = report.outcome if isinstance(report.outcome, PlatformError) else None
    published = report.outcome if isinstance(report.outcome, Published) else None
    told = error or report.outcome
    return Attempt(
        target_id=report.claim.pk,
        number=number,
        fence=report.claim.fence,
        step=report.step,
        started_at=report.started_at,
        ended_at=now,
        outcome=word,
        http_status=error.status if error else None,
        code=error.error_code if error else "",
        network_code=error.network_code[:NETWORK_CODE_LENGTH] if error else "",
        message=getattr(told, "message", ""),
        remote_id=published.remote_id if published else "",
        url=published.url if published else "",
        next_at=next_at,
        exchanges=list(report.exchanges) or None,
    )
