"""Make targets due, and reset the columns of earlier tries."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max

from accounts import registry
from posts import doorbell
from posts.lateness import GIVE_UP_AFTER
from posts.models import LATE, Attempt, Target, TargetStatus

UNTRIED: dict[str, Any] = {
    "attempts": 0,
    "absences": 0,
    "claim_count": 0,
    "armed_at": None,
    "outcome_unknown": False,
    "handles": {},
    "waits_for": "",
    "error": None,
}
"""The columns of a target whose next visible call is untried. `sends` stays, as it decides what a duplicate means."""
SENT_BEFORE = {name: value for name, value in UNTRIED.items() if name not in ("armed_at", "handles")}
"""The columns of a target that may be at its network although that has refused it; it is looked for first."""
UNSCHEDULED = SENT_BEFORE | {"status": TargetStatus.DRAFT, "scheduled_at": None, "due_at": None, "give_up_at": None}
"""The columns of a target whose post is a draft again."""


def set_due(targets: Iterable[Target], *, scheduled_at: datetime, now: datetime) -> None:
    """Schedule targets for this time, or for now if it is over, as if they had never been tried: they are not late."""
    _make_due(targets, TargetStatus.SCHEDULED, at=max(scheduled_at, now))


def _make_due(targets: Iterable[Target], status: TargetStatus, *, at: datetime) -> None:
    """Make targets due, as if they had never been tried; those that may be out keep the columns for looking."""
    given = list(targets)
    for is_sent, values in ((False, UNTRIED), (True, SENT_BEFORE)):
        pks = [target.pk for target in given if (target.armed_at is not None) is is_sent]
        if pks:
            Target.objects.filter(pk__in=pks).update(**_due(status, at=at), **values)


def _due(status: TargetStatus, *, at: datetime) -> dict[str, Any]:
    return {"status": status, "scheduled_at": at, "due_at": at, "give_up_at": at + GIVE_UP_AFTER}


def are_due(targets: Iterable[Target], *, at: datetime, now: datetime) -> bool:
    """Return whether these targets already are as `set_due` would make them, or has made them since that time."""
    return all(_is_due(target, at=max(at, min(target.scheduled_at or at, now))) for target in targets)


def _is_due(target: Target, *, at: datetime) -> bool:
    columns = _due(TargetStatus.SCHEDULED, at=at) | (UNTRIED if target.armed_at is None else SENT_BEFORE)
    return all(getattr(target, name) == value for name, value in columns.items())


def send_now(targets: Iterable[Target], *, now: datetime) -> None:
    """Have workers send targets at once, as if they had never been tried."""
    _make_due(targets, TargetStatus.PUBLISHING, at=now)
    transaction.on_commit(doorbell.ring, robust=True)


def forget_named(target: Target) -> None:
    """Forget the posts that late answers have named so far, as a person says that none of them is the target's. Answers
    to later claims still count."""
    named = Attempt.objects.filter(target=target, outcome=LATE).exclude(remote_id="")
    fence = named.aggregate(last=Max("fence"))["last"]
    if fence is not None:
        Target.objects.filter(pk=target.pk).update(forgotten_fence=max(fence, target.forgotten_fence or 0))


def send_denied(target: Target, *, now: datetime) -> None:
    """Have workers send a target at once that a person declared not to be out.

    The target starts over, but keeps handles that surely show a post that the person overlooked.
    """
    if not registry.of(target.account).handles_are_proof:
        Target.objects.filter(pk=target.pk).update(handles={})
    send_now([target], now=now)
