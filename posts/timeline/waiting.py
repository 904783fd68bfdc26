"""Say what unsettled targets wait for: a worker, their time, or an obstacle."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db.models import Prefetch, prefetch_related_objects

from accounts import breakers, pacing, pauses, platforms, registry
from accounts.models import AccountStatus, Network, Pause, SocialAccount
from accounts.platforms.base import Allowance, WhoActs
from ouipost.phrases import Ours, Phrase, joined
from posts.advice import Advice, advise
from posts.models import UNSETTLED, Target, TargetStatus
from posts.paused import held_up, is_busy
from posts.publishing.holding import needs_place
from posts.rules import must_reconnect
from posts.timeline.entries import Entry, cause_of

SPACING = timedelta(seconds=1)
"""Targets that were held up together go out one after the other, within this time."""
ON_HOLD = Phrase(
    "The schedule in whose queue it waits is on hold: it takes the next free place when that is active again."
)
ENDED = Phrase("It goes out when that has ended, not before its time.")


def waiting_entries(targets: Iterable[Target], *, now: datetime) -> list[Entry]:
    """Return a line for each unsettled target.

    Their accounts, and the workspaces of these, must be loaded.
    """
    unsettled = [target for target in targets if target.status in UNSETTLED]
    waiting = [target for target in unsettled if target.due_at is not None]
    resting = _resting(now) if waiting else {}
    paused = held_up(waiting, workspace_id=waiting[0].account.workspace_id) if waiting else {}
    return [_on_hold(target, now=now) for target in unsettled if is_on_hold(target)] + [
        _paused(target, paused[target.pk], now=now)
        if target.pk in paused and not is_busy(target, now=now)
        else _line(target, resting, now=now)
        for target in waiting
    ]


def shown(targets: Iterable[Target], *, workspace_id: str, now: datetime) -> dict[str, dict[str, str | None]]:
    """Return, by target, the values to show in place of its row's: the reason of one that is held up or put off, and no
    next attempt while it is paused or a worker is on it. Accounts are read only of targets that may be held up."""
    unsettled = [target for target in targets if target.status in UNSETTLED]
    paused = held_up(unsettled, workspace_id=workspace_id)
    late = [each for each in unsettled if each.pk not in paused and _may_be_held_back(each, now=now)]
    prefetch_related_objects(late, Prefetch("account", SocialAccount.objects.select_related("workspace")))
    resting = _resting(now) if late else {}
    held_back = {target.pk: _told(target, _network(target, resting), now=now) for target in late}
    reasons = (
        {target.pk: ON_HOLD for target in unsettled if is_on_hold(target)}
        | {pk: pauses.describe_all(found) for pk, found in paused.items()}
        | {pk: reason for pk, reason in held_back.items() if reason}
    )
    told: dict[str, dict[str, str | None]] = {pk: {"waits_for": reason} for pk, reason in reasons.items()}
    for target in unsettled:
        if target.pk in paused or is_busy(target, now=now):
            told.setdefault(target.pk, {})["next_attempt_at"] = None
    return told


def _may_be_held_back(target: Target, *, now: datetime) -> bool:
    """Return whether its time has come, now or before it was put off, and no worker is on it."""
    if target.due_at is None or is_busy(target, now=now):
        return False
    return target.status == TargetStatus.PUBLISHING or target.due_at <= now or target.has_waited


def _told(target: Target, network: Network | None, *, now: datetime) -> str | None:
    """Return why a target waits: None if its row says it, or if nothing but a worker is missing."""
    is_put_off = target.due_at is not None and target.due_at > now
    return (_reason if is_put_off and not target.waits_for else _held_back)(target, network, now=now)


def _resting(now: datetime) -> dict[str, Network]:
    """Return the networks that are left alone for now."""
    return Network.objects.filter(held_until__gt=now).in_bulk()


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
        message=joined([pauses.describe_all(holding), ENDED], " "),
        target_id=target.pk,
        platform=target.platform,
        cause=cause_of(target.error) if target.error else None,
        who_acts=WhoActs.OPERATOR,
        retry_safe=not any(each.is_after_restore for each in holding) if target.error else None,
    )


def _line(target: Target, resting: Mapping[str, Network], *, now: datetime) -> Entry:
    network = _network(target, resting)
    account_until = pacing.wait(target.account, sends=needs_place(target), now=now)
    is_sending = is_busy(target, now=now)
    network_until = network.held_until if network else None
    until = max(each for each in (target.due_at, account_until, network_until) if each is not None)
    advice = _advice(target, network, now=now)
    return Entry(
        at=now,
        kind="sending" if is_sending else "waiting",
        message=_on_it(target) if is_sending else _reason(target, network, now=now),
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


def _advice(target: Target, network: Network | None, *, now: datetime) -> Advice | None:
    if _is_cut_off(target):
        return advise("TOKEN_REVOKED")
    if target.outcome_unknown:
        return advise("OUTCOME_UNKNOWN", who_acts=WhoActs.NETWORK)
    if target.error:
        return advise(target.error["code"], who_acts=target.error.get("who_acts"))
    if network is not None and breakers.is_stopped(network) and _is_behind(network, target, now=now):
        return advise("PLATFORM_UNAVAILABLE", who_acts=WhoActs.OPERATOR)
    return None


def _is_behind(network: Network, target: Target, *, now: datetime) -> bool:
    """Return whether its network is left alone at its turn."""
    return network.held_until is not None and network.held_until >= _turn_at(target, now=now)


def _turn_at(target: Target, *, now: datetime) -> datetime:
    return (target.due_at or now) - SPACING


def _on_it(target: Target) -> Phrase:
    name = platforms.NAMES[target.platform]
    return Phrase("A worker is on it: it is sending to {name}, or asking {name} about an earlier send.", name=name)


def _reason(target: Target, network: Network | None, *, now: datetime) -> str:
    """Return what a target waits for that no worker has claimed."""
    if _is_cut_off(target):
        return must_reconnect(target.account)
    return _held_back(target, network, now=now) or _turn(target, now=now)


def _held_back(target: Target, network: Network | None, *, now: datetime) -> str | None:
    """Return the obstacle of a target: its network, its account, or the account's pace."""
    name, since = platforms.NAMES[target.platform], _turn_at(target, now=now)
    if network is not None and _is_behind(network, target, now=now):
        return Phrase(
            "{name} takes nothing at present: nothing is sent there until then, and then one post as a test.", name=name
        )
    held_until = target.account.held_until
    if held_until and held_until > now and held_until >= since:
        return Phrase("The account has to wait: {name} has limited it, or has not responded to it lately.", name=name)
    pace, paced_until = pacing.pace_of(target.platform), pacing.wait(target.account, sends=True, now=now)
    if pace and needs_place(target) and (_is_in_line(target, now=now) or (paced_until and paced_until >= since)):
        return _paced(pace)
    return None


def _is_in_line(target: Target, *, now: datetime) -> bool:
    """Return whether it was put off, and waits only for its place."""
    is_put_off = target.has_waited and target.due_at is not None and target.due_at > now
    return is_put_off and not target.error and not target.waits_for


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
