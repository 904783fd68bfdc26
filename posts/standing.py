"""What targets that are not settled wait for at present: a worker, their time, or somebody who holds them up."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from accounts import traffic
from accounts.models import Network
from accounts.platforms.base import WhoActs
from posts.advice import Advice, advise
from posts.history import NAMES, Entry, cause_of
from posts.models import Target, TargetStatus

UNSETTLED = (TargetStatus.SCHEDULED, TargetStatus.PUBLISHING)
SPACING = timedelta(seconds=1)
"""What is held up together goes out one after the other, within this time."""


def present(targets: Iterable[Target], *, now: datetime) -> list[Entry]:
    """Return a line for each target that something shall still be done about; their accounts must be loaded."""
    waiting = [target for target in targets if target.status in UNSETTLED and target.due_at is not None]
    held = dict(Network.objects.filter(held_until__gt=now).values_list("pk", "held_until")) if waiting else {}
    return [_line(target, now=now, network_until=held.get(target.platform)) for target in waiting]


def _line(target: Target, *, now: datetime, network_until: datetime | None) -> Entry:
    is_busy = target.lease_until is not None and target.lease_until > now
    account_until = traffic.wait(target.account, now=now)
    until = max(each for each in (target.due_at, account_until, network_until) if each is not None)
    advice = _advice(target)
    return Entry(
        at=now,
        kind="sending" if is_busy else "waiting",
        message=_reason(target, is_busy=is_busy, now=now, account_until=account_until, network_until=network_until),
        target_id=target.pk,
        platform=target.platform,
        cause=cause_of(target.error) if target.error else None,
        who_acts=advice.who_acts if advice else None,
        retry_safe=advice.retry_safe if advice else None,
        next_attempt_at=None if is_busy else until,
    )


def _advice(target: Target) -> Advice | None:
    if target.outcome_unknown:
        return advise("OUTCOME_UNKNOWN", who_acts=WhoActs.NETWORK)
    return advise(target.error["code"], who_acts=target.error["who_acts"]) if target.error else None


def _reason(
    target: Target,
    *,
    is_busy: bool,
    now: datetime,
    account_until: datetime | None,
    network_until: datetime | None,
) -> str:
    name, due_at = NAMES[target.platform], target.due_at or now
    if is_busy:
        return f"A worker is at it: it sends to {name}, or asks {name} about an earlier send."
    if network_until and network_until >= due_at - SPACING:
        return f"{name} has not answered of late: nothing goes there until then, and then one post to try."
    if account_until and account_until >= due_at - SPACING:
        return f"The account has to wait: {name} has set it a limit, or has not answered it of late."
    if target.waits_for:
        return f"{target.waits_for} It is asked again then."
    if target.outcome_unknown:
        return f"Whether {name} has it is found out then."
    if due_at <= now:
        return "It is due: the next free worker takes it."
    if target.error:
        return "It is tried again then."
    return "It goes out at its time." if target.status == TargetStatus.SCHEDULED else "It waits for its turn."
