"""Say what unsettled targets wait for: a worker, their time, or an obstacle."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db.models import Prefetch, prefetch_related_objects

from accounts import pacing, pauses, platforms, registry
from accounts.models import AccountStatus, Network, Pause, SocialAccount
from accounts.platforms.errors import ErrorCode, WhoActs
from accounts.platforms.limits import Allowance
from ouipost.moments import written_in_utc
from ouipost.phrases import Ours, Phrase, joined
from posts import obstacles
from posts.advice import Advice, advise
from posts.models import UNSETTLED, Target, TargetStatus
from posts.obstacles import Obstacle, obstacle
from posts.paused import held_up
from posts.rules import must_reconnect
from posts.timeline.entries import Entry, cause_of

ON_HOLD = Phrase(
    "The schedule in whose queue it waits is on hold: it takes the next free place when that is active again."
)
AFTER_PAUSES = Phrase("It goes out when that has ended, not before its time.")


def waiting_entries(targets: Iterable[Target], *, now: datetime) -> list[Entry]:
    """Return a line for each unsettled target.

    Their accounts, and the workspaces of these, must be loaded.
    """
    unsettled = [target for target in targets if target.status in UNSETTLED]
    waiting = [target for target in unsettled if target.due_at is not None]
    resting = obstacles.resting(now=now) if waiting else {}
    paused = held_up(waiting, workspace_id=waiting[0].account.workspace_id) if waiting else {}
    return [_on_hold(target, now=now) for target in unsettled if is_on_hold(target)] + [
        _paused(target, paused[target.pk], now=now)
        if target.pk in paused and not target.is_claimed(now=now)
        else _line(target, resting, now=now)
        for target in waiting
    ]


def shown(targets: Iterable[Target], *, workspace_id: str, now: datetime) -> dict[str, dict[str, str | None]]:
    """Return, by target, the values to show in place of its row's: the reason of one that is held up and its end, that
    it waits for its next try, and no next attempt while it is paused or a worker is on it. Accounts are read only of
    targets that may be held up."""
    unsettled = [target for target in targets if target.status in UNSETTLED]
    paused = held_up(unsettled, workspace_id=workspace_id)
    late = [each for each in unsettled if each.pk not in paused and _may_be_held_back(each, now=now)]
    prefetch_related_objects(late, Prefetch("account", SocialAccount.objects.select_related("workspace")))
    resting = obstacles.resting(now=now) if late else {}
    held_back = {target.pk: obstacle(target, _network(target, resting), now=now) for target in late}
    values: dict[str, dict[str, str | None]] = {}
    for target in unsettled:
        if holding := paused.get(target.pk):
            values[target.pk] = {"waits_for": pauses.describe_all(holding), "next_attempt_at": None}
        elif is_on_hold(target):
            values[target.pk] = {"waits_for": ON_HOLD}
        elif target.is_claimed(now=now):
            values[target.pk] = {"next_attempt_at": None}
        elif found := held_back.get(target.pk):
            until = written_in_utc(found.until) if found.until else None
            values[target.pk] = {"waits_for": _in_words(found, target), "next_attempt_at": until}
        elif target.pk in held_back and _is_put_off(target, now=now):
            values[target.pk] = {"waits_for": _reason(target, None, now=now)}
    return values


def _may_be_held_back(target: Target, *, now: datetime) -> bool:
    """Return whether its time has come, now or before it was put off, and no worker is on it."""
    if target.due_at is None or target.is_claimed(now=now):
        return False
    return target.status == TargetStatus.PUBLISHING or target.due_at <= now or target.has_waited


def _is_put_off(target: Target, *, now: datetime) -> bool:
    """Return whether it waits for another try, and its row says no more of it."""
    return target.due_at is not None and target.due_at > now and not target.waits_for


def _network(target: Target, resting: Mapping[str, Network]) -> Network | None:
    return resting.get(registry.network_of(target.platform, target.account.workspace))


def is_on_hold(target: Target) -> bool:
    """Return whether it waits in the queue of an inactive schedule: it is scheduled, and never due."""
    return target.status == TargetStatus.SCHEDULED and target.due_at is None


def _on_hold(target: Target, *, now: datetime) -> Entry:
    """Describe a target whose schedule the caller has put on hold."""
    return Entry(
        at=now,
        kind="waiting",
        message=ON_HOLD,
        target_id=target.pk,
        platform=target.platform,
        who_acts=WhoActs.CALLER,
    )


def _paused(target: Target, holding: list[Pause], *, now: datetime) -> Entry:
    """Describe a target that waits for the operator, for an unknown time."""
    return Entry(
        at=now,
        kind="waiting",
        message=joined([pauses.describe_all(holding), AFTER_PAUSES], " "),
        target_id=target.pk,
        platform=target.platform,
        cause=cause_of(target.error) if target.error else None,
        who_acts=WhoActs.OPERATOR,
        retry_safe=not any(each.is_after_restore for each in holding) if target.error else None,
    )


def _line(target: Target, resting: Mapping[str, Network], *, now: datetime) -> Entry:
    found = obstacle(target, _network(target, resting), now=now)
    is_sending = target.is_claimed(now=now)
    until = found.until if found else target.due_at
    advice = _advice(target, found.who_acts if found else None)
    return Entry(
        at=now,
        kind="sending" if is_sending else "waiting",
        message=_on_it(target) if is_sending else _reason(target, found, now=now),
        target_id=target.pk,
        platform=target.platform,
        cause=cause_of(target.error) if target.error else None,
        who_acts=advice.who_acts if advice else None,
        retry_safe=advice.retry_safe if advice else None,
        next_attempt_at=None if is_sending else until,
    )


def _is_cut_off(target: Target) -> bool:
    """Return whether it fails at its time unless the account's owner signs in again before."""
    return target.status == TargetStatus.SCHEDULED and target.account.status == AccountStatus.EXPIRED


def _advice(target: Target, who_acts: WhoActs | None) -> Advice | None:
    """Return the advice for a target. `who_acts` is the one who can end its obstacle, if anybody has to."""
    if _is_cut_off(target):
        return advise(ErrorCode.TOKEN_REVOKED)
    if target.outcome_unknown:
        return advise(ErrorCode.OUTCOME_UNKNOWN, who_acts=who_acts or WhoActs.NETWORK)
    if target.error:
        return advise(target.error["code"], who_acts=who_acts or target.error.get("who_acts"))
    return advise(ErrorCode.PLATFORM_UNAVAILABLE, who_acts=who_acts) if who_acts else None


def _on_it(target: Target) -> Phrase:
    name = platforms.NAMES[target.platform]
    return Phrase("A worker is on it: it is sending to {name}, or asking {name} about an earlier send.", name=name)


def _reason(target: Target, found: Obstacle | None, *, now: datetime) -> str:
    """Return what a target waits for that no worker has claimed."""
    if _is_cut_off(target):
        return must_reconnect(target.account)
    return _in_words(found, target) if found else _turn(target, now=now)


def _in_words(found: Obstacle, target: Target) -> str:
    name, pace = platforms.NAMES[target.platform], pacing.pace_of(target.platform)
    if found.kind == obstacles.Kind.PACE and pace:
        return _paced(pace)
    if found.kind == obstacles.Kind.ACCOUNT:
        return Phrase("The account has to wait: {name} has limited it, or has not responded to it lately.", name=name)
    return Phrase(
        "{name} takes nothing at present: one post is sent there as a test now and then, and the others follow once it "
        "is taken.",
        name=name,
    )


def _paced(pace: Allowance) -> str:
    """Return in words why a target waits for the pace of its account."""
    posts, seconds = pace.most, pace.seconds
    if seconds >= 2 * 3600:
        return Phrase(
            "The account's pace is {posts} in {hours:g} hours: this post takes the next free place.",
            posts=posts,
            hours=seconds / 3600,
        )
    if seconds >= 2 * 60:
        return Phrase(
            "The account's pace is {posts} in {minutes:g} minutes: this post takes the next free place.",
            posts=posts,
            minutes=seconds / 60,
        )
    return Phrase(
        "The account's pace is {posts} in {seconds} s: this post takes the next free place.",
        posts=posts,
        seconds=seconds,
    )


def _turn(target: Target, *, now: datetime) -> str:
    """Return what a target waits for without an obstacle."""
    if target.waits_for:
        return joined([Ours(target.waits_for), Phrase("It is asked again at the next try.")], " ")
    if target.outcome_unknown:
        return Phrase("Whether {name} has it is found out at the next try.", name=platforms.NAMES[target.platform])
    if (target.due_at or now) <= now:
        return Phrase("It is due: the next free worker takes it.")
    if target.error:
        return Phrase("It waits for the next try.")
    if target.status == TargetStatus.SCHEDULED:
        return Phrase("It goes out at its time.")
    return Phrase("It waits for its turn.")
