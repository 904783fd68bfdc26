"""What targets that are not settled wait for: a worker, their time, or what holds them up."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from accounts import pacing, pauses, platforms, registry
from accounts.models import AccountStatus, Network, Pause
from accounts.platforms.base import WhoActs
from ouipost.phrases import Ours, Phrase, joined
from posts.advice import Advice, advise
from posts.models import UNSETTLED, Target, TargetStatus
from posts.publishing.holding import needs_place
from posts.rules import must_reconnect
from posts.timeline.entries import Entry, cause_of

SPACING = timedelta(seconds=1)
"""What is held up together goes out one after the other, within this time."""
ON_HOLD = Phrase(
    "The schedule in whose queue it waits is on hold: it takes the next free place when that is active again."
)


def tell_waits(targets: Iterable[Target], *, now: datetime) -> list[Entry]:
    """Return a line for each target that is still to be worked on.

    Their accounts, with the workspaces of these, must be loaded.
    """
    unsettled = [target for target in targets if target.status in UNSETTLED]
    waiting = [target for target in unsettled if target.due_at is not None]
    resting = dict(Network.objects.filter(held_until__gt=now).values_list("pk", "held_until")) if waiting else {}
    paused = held_up(waiting, workspace_id=waiting[0].account.workspace_id) if waiting else {}
    return [_on_hold(target, now=now) for target in unsettled if is_on_hold(target)] + [
        _paused(target, paused[target.pk], now=now)
        if target.pk in paused and not _is_busy(target, now=now)
        else _line(target, resting, now=now)
        for target in waiting
    ]


def is_on_hold(target: Target) -> bool:
    """Whether it waits in the queue of a schedule that lets nothing go out: it is scheduled, and never due."""
    return target.status == TargetStatus.SCHEDULED and target.due_at is None


def held_up(targets: Iterable[Target], *, workspace_id: str) -> dict[str, Pause]:
    """Return, by target, the pause that holds it up; one that only asks about an earlier send goes on."""
    held = [each for each in targets if each.status in UNSETTLED and each.due_at and not each.outcome_unknown]
    paused = pauses.in_force() if held else []
    found = {}
    for each in held:
        if pause := pauses.holding(paused, each.account_id, each.platform, workspace_id):
            found[each.pk] = pause
    return found


def _is_busy(target: Target, *, now: datetime) -> bool:
    return target.lease_until is not None and target.lease_until > now


def _on_hold(target: Target, *, now: datetime) -> Entry:
    """Tell of a target whose schedule the caller has put on hold."""
    return Entry(
        at=now,
        kind="waiting",
        message=ON_HOLD,
        target_id=target.pk,
        platform=target.platform,
        who_acts=WhoActs.CALLER,
    )


def _paused(target: Target, pause: Pause, *, now: datetime) -> Entry:
    """Tell of a target that waits for the operator; when that will be is not known."""
    return Entry(
        at=now,
        kind="waiting",
        message=joined([pauses.told(pause), Phrase("It goes out when that has ended, not before its time.")], " "),
        target_id=target.pk,
        platform=target.platform,
        cause=cause_of(target.error) if target.error else None,
        who_acts=WhoActs.OPERATOR,
        retry_safe=not pause.is_after_restore if target.error else None,
    )


def _line(target: Target, resting: Mapping[str, datetime | None], *, now: datetime) -> Entry:
    network_until = resting.get(registry.network_of(target.platform, target.account.workspace))
    account_until = pacing.wait(target.account, sends=needs_place(target), now=now)
    is_busy = _is_busy(target, now=now)
    until = max(each for each in (target.due_at, account_until, network_until) if each is not None)
    advice = _advice(target)
    return Entry(
        at=now,
        kind="sending" if is_busy else "waiting",
        message=_on_it(target) if is_busy else _reason(target, account_until, network_until, now=now),
        target_id=target.pk,
        platform=target.platform,
        cause=cause_of(target.error) if target.error else None,
        who_acts=advice.who_acts if advice else None,
        retry_safe=advice.retry_safe if advice else None,
        next_attempt_at=None if is_busy else until,
    )


def _is_cut_off(target: Target) -> bool:
    """Whether it fails at its time unless the account's owner signs in again before."""
    return target.status == TargetStatus.SCHEDULED and target.account.status == AccountStatus.EXPIRED


def _advice(target: Target) -> Advice | None:
    if _is_cut_off(target):
        return advise("TOKEN_REVOKED")
    if target.outcome_unknown:
        return advise("OUTCOME_UNKNOWN", who_acts=WhoActs.NETWORK)
    return advise(target.error["code"], who_acts=target.error.get("who_acts")) if target.error else None


def _on_it(target: Target) -> Phrase:
    name = platforms.NAMES[target.platform]
    return Phrase("A worker is on it: it is sending to {name}, or asking {name} about an earlier send.", name=name)


def _reason(target: Target, account_until: datetime | None, network_until: datetime | None, *, now: datetime) -> str:
    """Return what a target that no worker has waits for."""
    if _is_cut_off(target):
        return must_reconnect(target.account)
    name, due_at = platforms.NAMES[target.platform], target.due_at or now
    if network_until and network_until >= due_at - SPACING:
        return Phrase(
            "{name} has not responded lately: nothing is sent there until then, and then one post as a test.", name=name
        )
    if account_until and account_until >= due_at - SPACING:
        return Phrase("The account has to wait: {name} has limited it, or has not responded to it lately.", name=name)
    return _turn(target, now=now)


def _turn(target: Target, *, now: datetime) -> str:
    """Return what a target waits for that nothing holds back."""
    if target.waits_for:
        return joined([Ours(target.waits_for), Phrase("It is asked again then.")], " ")
    if target.outcome_unknown:
        return Phrase("Whether {name} has it is found out then.", name=platforms.NAMES[target.platform])
    if (target.due_at or now) <= now:
        return Phrase("It is due: the next free worker takes it.")
    if target.error:
        return Phrase("It is tried again then.")
    if target.status == TargetStatus.SCHEDULED:
        return Phrase("It goes out at its time.")
    return Phrase("It waits for its turn.")
