"""Write the outcomes of publishing steps to targets, attempts, posts and the journal, and hold accounts up."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F

from accounts import breakers, calls, pauses, readable, tokens
from accounts.models import AFTER_RESTORE, PauseScope
from accounts.platforms.errors import ErrorCode, PlatformError, ProcessingFailed, RateLimited, StillWorking
from accounts.platforms.shapes import Published
from ouipost import claims
from ouipost.db.rows import insert_each, update_each
from ouipost.events.journal import SYSTEM, entry, record_all
from ouipost.events.models import Event
from ouipost.moments import written_in_utc
from ouipost.phrases import Phrase
from posts import pausing
from posts.lateness import GIVE_UP_AFTER
from posts.models import LATE, Attempt, Media, Post, Target, TargetStatus
from posts.publishing.adopting import adopt, adopted
from posts.publishing.holding import hold_account
from posts.publishing.outcomes import AttemptResult, Later, Outcome, code_of, is_definite, next_state
from posts.publishing.past_answers import was_only_looked_for
from posts.status import sync_each

logger = logging.getLogger(__name__)

MOST_LOST = timedelta(minutes=1)
"""An operator also checks what went out in this time before the first claim that the database has lost. A loss of more
than ten seconds is noticed by `adminapi.processes.restored`."""
BEHIND = timedelta(seconds=1)
"""By so much a target is put behind all others that a hold of its account put off: these are a millisecond apart."""
FOLLOWING = ("status", "scheduled_at", "scheduled_timezone", "published_at", "moment")
"""The columns of a post that are derived from its targets."""
READ = (
    *("post_id", "account_id", "platform", "status", "fence", "due_at", "give_up_at", "attempts", "sends", "absences"),
    *("remote_id", "url", "error", "published_at", "outcome_unknown", "armed_at", "parts", "replies", "waits_for"),
    *("scheduled_at", "lease_until", "sent_at", "forgotten_fence"),
)
"""The columns of a target that its next state, its post and the journal depend on."""


def settle_all(results: Sequence[AttemptResult]) -> list[bool]:
    """Write these outcomes to targets, attempts, posts and the journal, in the caller's transaction.

    An outcome that comes after its worker has lost the claim is late: mostly, only an attempt is added for it. Returns,
    for each outcome, whether its post still exists. The number of statements does not grow with that of the outcomes.
    """
    now = claims.database_now()
    posts = _lock_posts(results)
    targets = {target.pk: target for target in Target.objects.filter(post__in=posts).order_by("pk").only(*READ)}
    ours = [result for result in results if result.claim.pk in targets]
    _pause_where_forgotten(ours, targets, now=now)
    held, late = _divided(ours, targets)
    settled = _with_waits(held, targets, now=now)
    last_in_line = [each.claim.pk for each in settled if _may_meet_its_own_quota(targets[each.claim.pk], each)]
    next_at = _release(settled, targets, now=now)
    # A short delay gets no attempt row: while a token is renewed, there would be one every 2 seconds.
    tried = [each for each in settled if not _is_put_off(each) or next_at[each.claim.pk] is None]
    told = [(result, calls.word(result.outcome), next_at[result.claim.pk]) for result in tried]
    _log([*told, *((result, LATE, None) for result in _unlogged(late))], targets, now=now)
    answered = {result.claim.pk for result in late}
    beside = {each.pk for each in targets.values() if each.sends} - {result.claim.pk for result in settled}
    adopt([targets[pk] for pk in answered | beside], targets.values(), now=now)
    sync_each(posts.values(), targets.values(), now=now)
    _record_rejected_files([targets[result.claim.pk] for result in settled], posts)
    _leave_alone(settled, targets, next_at, now=now)
    _let_others_go_first(last_in_line, targets)
    published = [targets[each.claim.pk] for each in settled if isinstance(each.outcome, Published)]
    readable.clear_passed({each.account_id for each in published})
    return [result.claim.pk in targets for result in results]


def _pause_where_forgotten(results: Sequence[AttemptResult], targets: Mapping[str, Target], *, now: datetime) -> None:
    """Pause everything if the database has lost a claim: it is a copy, or a replica that took over too early, and lacks
    the posts sent since, too."""
    lost = [each.started_at for each in results if each.claim.fence > targets[each.claim.pk].fence]
    if not lost or pauses.is_after_restore():
        return
    logger.error("The database has lost claims, and what went out since then: everything is paused")
    reason = Phrase(
        "The database has lost its last moments, as a replica that took over, and does not know what was published in "
        "them. Before this pause is ended, do again what people deleted, edited, disconnected or revoked in them, as "
        "docs/operations/backup.md says; then run `{command}`.",
        command=f"{AFTER_RESTORE} --since {written_in_utc(min(lost) - MOST_LOST)}",
    )
    pausing.pause(PauseScope.ALL, reason=reason, actor=SYSTEM, now=now, after_restore=True)


def _divided(
    results: Sequence[AttemptResult], targets: Mapping[str, Target]
) -> tuple[list[AttemptResult], list[AttemptResult]]:
    """Return the results that settle their targets, one for each, and those that come too late.

    If a late answer settles a target, a worker that was looking for it loses its claim.
    """
    pairs = [(result, _held_again(result, targets[result.claim.pk])) for result in results]
    answered = {again.claim.pk for result, again in pairs if again is not result}
    held, late = list[AttemptResult](), list[AttemptResult]()
    for result, again in pairs:
        holds = result.claim.fence == targets[result.claim.pk].fence and result.claim.pk not in answered
        (held if holds or again is not result else late).append(again)
    return held, late


def _unlogged(late: Sequence[AttemptResult]) -> list[AttemptResult]:
    """Leave out results settled before, by a commit whose answer was lost or by an interrupted replay."""
    tried = [result for result in late if not _is_put_off(result)]
    rows = Attempt.objects.filter(target__in=[result.claim.pk for result in tried])
    known = set(rows.values_list("target", "started_at")) if tried else set()
    return [result for result in tried if (result.claim.pk, result.started_at) not in known]


def _with_waits(
    results: Sequence[AttemptResult], targets: Mapping[str, Target], *, now: datetime
) -> list[AttemptResult]:
    """Add to each result that met a quota without a known end again how long that was waited for.

    For a quota for one kind of posts it is the target that waited, for any other its account.
    """
    endless = [each for each in results if _is_endless(each.outcome)]
    accounts = {targets[each.claim.pk].account_id for each in endless}
    waits = breakers.guessed_waits(accounts, now=now) if accounts else {}
    own = _own_waits([each.claim.pk for each in endless if _is_of_a_kind(each.outcome)])
    return [
        replace(each, waited=own.get(each.claim.pk) or waits.get(targets[each.claim.pk].account_id)) for each in results
    ]


def _own_waits(pks: Sequence[str]) -> dict[str, timedelta]:
    """Return how long these targets waited after they met a quota the last time since they were scheduled."""
    met = Attempt.objects.filter(target__in=pks, code=RateLimited.code)
    since = met.filter(ended_at__gte=F("target__scheduled_at")).order_by("number")
    times = since.values_list("target", "next_at", "ended_at") if pks else ()
    return {pk: next_at - ended_at for pk, next_at, ended_at in times if next_at}


def _is_of_a_kind(outcome: Outcome) -> bool:
    return isinstance(outcome, RateLimited) and outcome.is_of_a_kind


def _is_endless(outcome: Outcome) -> bool:
    """Return whether this is a quota without a known end."""
    return isinstance(outcome, RateLimited) and outcome.retry_after is None


def _may_meet_its_own_quota(target: Target, result: AttemptResult) -> bool:
    """Return whether the quota that a target has met may leave the account's other targets alone.

    One that a look for an earlier send met may be for reading only. One that refuses the same target again may be for
    posts of its kind only, such as reels.
    """
    return isinstance(result.outcome, RateLimited) and (result.unresolved or code_of(target) == RateLimited.code)


def _held_again(result: AttemptResult, target: Target) -> AttemptResult:
    """Return a late answer with the present claim, if it certainly is about the last send.

    A late id settles a parked target in any case; a late acceptance or refusal does so only then.
    """
    holds = target.fence == result.claim.fence
    if holds or isinstance(result.outcome, Published) or result.unresolved or not is_definite(result):
        return result
    if not target.outcome_unknown or not was_only_looked_for(target, since=result.claim.fence):
        return result
    return replace(result, claim=replace(result.claim, fence=target.fence))


def _is_put_off(result: AttemptResult) -> bool:
    """Return whether nothing was tried: the target is put off, or the network still works on what it accepted."""
    is_asked_again = isinstance(result.outcome, StillWorking) and result.step == "recover"
    return isinstance(result.outcome, Later) or is_asked_again


def _lock_posts(results: Sequence[AttemptResult]) -> dict[str, Post]:
    """Lock the posts before their targets are read or written, as every change does."""
    pks = Target.objects.filter(pk__in=[result.claim.pk for result in results]).values_list("post_id", flat=True)
    rows = Post.objects.select_for_update().filter(pk__in=set(pks)).order_by("pk")
    return {post.pk: post for post in rows.only("workspace_id", "created_at", *FOLLOWING)}


def _release(
    results: Sequence[AttemptResult], targets: Mapping[str, Target], *, now: datetime
) -> dict[str, datetime | None]:
    """Give the targets back, each in its next state; returns when each is due again."""
    states = {result.claim: _state(targets[result.claim.pk], result, now=now) for result in results}
    ended = [each for each in results if _ends_in_vain(targets[each.claim.pk], each, states[each.claim])]
    doubtful = {each.claim.pk for each in ended if each.is_restored}
    found_out = adopted([targets[each.claim.pk] for each in ended], doubtful=doubtful, now=now)
    rows = []
    for claim, values in states.items():
        target = targets[claim.pk]
        values |= found_out.get(claim.pk, {})
        if target.status == TargetStatus.NEEDS_REVIEW:
            values.setdefault("status", TargetStatus.PUBLISHING)  # a late answer reopens it
        values = {"waits_for": ""} | values | claim.released | {"in_flight": None}
        for name, value in values.items():
            setattr(target, name, value)
        rows.append((claim, values))
    claims.write_each(Target, rows)
    return {claim.pk: targets[claim.pk].due_at for claim, _ in rows}


def _state(target: Target, result: AttemptResult, *, now: datetime) -> dict[str, Any]:
    values = next_state(target, result, now=now)
    return {"attempts": target.attempts + 1} | values if "status" in values else values


def _ends_in_vain(target: Target, result: AttemptResult, values: Mapping[str, Any]) -> bool:
    """Return whether a target ends without its post, or without the last parts of it, although an earlier send may have
    made them: a late answer to that may have named them."""
    status, earlier = values.get("status"), target.sends - (result.step == "commit")
    is_cut_short = status == TargetStatus.PUBLISHED and bool(values.get("error"))
    return status == TargetStatus.NEEDS_REVIEW or (earlier > 0 and (status == TargetStatus.FAILED or is_cut_short))


def _record_rejected_files(targets: Sequence[Target], posts: Mapping[str, Post]) -> None:
    """Record in the journal the posts whose files a network could not use, by the first file of each."""
    refused = [
        each for each in targets if each.status == TargetStatus.FAILED and code_of(each) == ErrorCode.MEDIA_REJECTED
    ]
    if not refused:
        return
    files = Media.objects.filter(post__in=[each.post_id for each in refused]).order_by("-position", "-pk")
    first = {file.post_id: file for file in files}
    record_all([_of_file(first[each.post_id], each, posts[each.post_id]) for each in refused if each.post_id in first])


def _of_file(file: Media, target: Target, post: Post) -> Event:
    details = {"target": target.pk, "account_id": target.account_id, "platform": target.platform, "error": target.error}
    return entry("failed", file, actor=SYSTEM, workspace_id=post.workspace_id, post=post.pk, **details)


def _leave_alone(
    results: Sequence[AttemptResult],
    targets: Mapping[str, Target],
    next_at: Mapping[str, datetime | None],
    *,
    now: datetime,
) -> None:
    """Hold an account's targets as long as its network said, or as its breaker is open."""
    tried = [(targets[each.claim.pk], each) for each in results if not isinstance(each.outcome, Later)]
    marked = [
        breakers.Call(account_id=target.account_id, platform=target.platform, mark=_mark(result))
        for target, result in tried
    ]
    held = breakers.note(marked, now=now)
    if revoked := {target.account_id for target, result in tried if _tells_of_a_revocation(result.outcome)}:
        tokens.refresh_soon(revoked, now=now)
    for result in results:
        account_id, outcome = targets[result.claim.pk].account_id, result.outcome
        if not isinstance(outcome, RateLimited) or _is_for_it_alone(outcome, result.step):
            continue
        until = _asked_again_at(outcome, next_at[result.claim.pk], now=now)
        if until and outcome.is_for_posting:  # a held account would be asked about nothing
            hold_account(account_id, until=until, now=now, only_sends=True)
        elif until:
            held[account_id] = until
            breakers.hold(account_id, until=until, since=now if _is_endless(outcome) else None)
    for account_id, until in held.items():
        hold_account(account_id, until=until, now=now)


def _mark(result: AttemptResult) -> str:
    return breakers.mark(result.outcome, is_look=result.step == "recover")


def _tells_of_a_revocation(outcome: Outcome) -> bool:
    """Return whether the network gave the post up since it lost the access to the account; no call was refused yet."""
    return isinstance(outcome, ProcessingFailed) and outcome.code == ErrorCode.TOKEN_REVOKED


def _is_for_it_alone(error: RateLimited, step: str) -> bool:
    """Return whether a quota holds up no other post of the account.

    It is for one kind of posts, or it may be for reading only: a look for an earlier send met it, and it has an end.
    """
    return error.is_of_a_kind or (step == "recover" and not _is_endless(error))


def _asked_again_at(error: RateLimited, due_at: datetime | None, *, now: datetime) -> datetime | None:
    """Return when the account's other targets may go: with the target that met the quota, or, if that has ended, at the
    time that the network said. A wait beyond the time for trying holds up none: each target asks for itself."""
    until = due_at
    if until is None and error.retry_after is not None:
        until = now + timedelta(seconds=error.retry_after)
    return until if until is not None and until <= now + GIVE_UP_AFTER else None


def _let_others_go_first(last_in_line: Sequence[str], targets: Mapping[str, Target]) -> None:
    """Put targets behind everything that waits for their account, so that targets of another kind can go first."""
    last = {pk: {"due_at": due_at + BEHIND} for pk in last_in_line if (due_at := targets[pk].due_at)}
    update_each(Target, last)


def _log(
    entries: Sequence[tuple[AttemptResult, str, datetime | None]], targets: Mapping[str, Target], *, now: datetime
) -> None:
    """Add an attempt for each result, with its outcome's name and when the target is due again.

    None ends before the last send was armed, although the database's clock may have been set back since.
    """
    pks = [result.claim.pk for result, _, _ in entries]
    counts = Attempt.objects.filter(target__in=pks).values_list("target").annotate(count=Count("pk"))
    numbers = dict(counts.order_by())
    attempts = []
    for result, word, next_at in entries:
        numbers[result.claim.pk] = numbers.get(result.claim.pk, 0) + 1
        ended_at = max(now, targets[result.claim.pk].sent_at or now)
        attempts.append(
            _attempt(result, number=numbers[result.claim.pk], word=word, next_at=next_at, ended_at=ended_at)
        )
    insert_each(attempts)


def _attempt(result: AttemptResult, *, number: int, word: str, next_at: datetime | None, ended_at: datetime) -> Attempt:
    error = result.outcome if isinstance(result.outcome, PlatformError) else None
    published = result.outcome if isinstance(result.outcome, Published) else None
    return Attempt(
        target_id=result.claim.pk,
        number=number,
        fence=result.claim.fence,
        step=result.step,
        started_at=result.started_at,
        ended_at=ended_at,
        outcome=word,
        http_status=error.status if error else None,
        code=error.code if error else "",
        who_acts=str(error.who_acts) if error else "",
        network_code=error.network_code if error else "",
        message=getattr(result.outcome, "message", ""),
        remote_id=published.remote_id if published else "",
        url=published.url if published else "",
        next_at=next_at,
        exchanges=list(result.exchanges) or None,
    )
