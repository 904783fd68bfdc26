"""Making an account's posts wait, in their order."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.db.models import F, Q

from ouipost.db.locks import lock_free
from ouipost.db.rows import in_parts, update_each
from posts.lateness import GIVE_UP_AFTER
from posts.models import Target, TargetQuerySet

AT_ONCE = 500
NEXT = timedelta(milliseconds=1)
NEEDS_PLACE = Q(Q(sends=0) | Q(sent_at__lt=F("scheduled_at")), outcome_unknown=False)
"""Targets that need one of their account's places; `needs_place` says of one what this says of all."""
IN_LINE = Q(NEEDS_PLACE, due_at__gt=F("scheduled_at"), error__isnull=True, waits_for="")
"""Targets that were put off, and wait for nothing but their places."""


class Placed(Protocol):
    """A target, or what was read of one, that may need one of its account's places."""

    @property
    def outcome_unknown(self) -> bool: ...

    @property
    def sends(self) -> int: ...

    @property
    def sent_at(self) -> datetime | None: ...

    @property
    def scheduled_at(self) -> datetime | None: ...


def needs_place(target: Placed) -> bool:
    """Whether it needs one of its account's places: neither a look for an earlier send nor the engine's repetition of
    one does. What somebody has asked for anew since is a send of its own."""
    is_anew = target.sent_at is not None and target.scheduled_at is not None and target.sent_at < target.scheduled_at
    return not target.outcome_unknown and (not target.sends or is_anew)


def is_line_due(account_id: str, *, now: datetime) -> bool:
    """Whether the place of one that had to wait for the account has come."""
    return Target.objects.filter(IN_LINE, account=account_id, due_at__lte=now).exists()


def hold_account(account_id: str, *, until: datetime, now: datetime) -> None:
    """Let all that would go to the account before `until` go right after it, in its order, or behind its line.

    What is in flight goes on. Call it in a transaction that settles or claims.
    """
    rows = Target.objects.filter(account=account_id)
    _put_off(rows, first=until + NEXT, spacing=NEXT, before=until, now=now)


def pace_account(account_id: str, *, until: datetime, spacing: timedelta, now: datetime) -> None:
    """Give all that the account would send by now its next free places from `until` on, in its order.

    What was counted before, or only looks for an earlier send, needs none. The time for trying begins with the place.
    Call it in a transaction that holds the account.
    """
    sends = Target.objects.filter(NEEDS_PLACE, account=account_id)
    by_now = now + timedelta.resolution
    _put_off(sends, first=until, spacing=spacing, before=by_now, now=now, tries_for=GIVE_UP_AFTER)


def _put_off(
    rows: TargetQuerySet,
    *,
    first: datetime,
    spacing: timedelta,
    before: datetime,
    now: datetime,
    tries_for: timedelta | None = None,
) -> None:
    """Put off what is due before then: whose turn it was goes first, and what is new goes behind the line.

    The line moves up behind those only where they would overtake it: each in it finds its true place when its turn
    comes, and a send that came late moves no more than the next one.
    """
    is_free = (Q(in_flight=None) | Q(lease_until__lte=now)) & Q(due_at__lt=before)
    is_behind = IN_LINE & Q(due_at__gte=before)
    found = list(rows.filter(is_free).order_by("due_at", "pk").values_list("pk", "due_at", "scheduled_at"))
    turns = {pk: at for pk, at, scheduled_at in found if at and scheduled_at and at > scheduled_at}
    new = [pk for pk, _, _ in found if pk not in turns]
    line = rows.filter(is_behind).order_by("due_at", "pk")
    if turns and line.filter(due_at__lte=first + (len(turns) - 1) * spacing).exists():
        turns |= {pk: at for pk, at in line.values_list("pk", "due_at") if at}
    last = line.values_list("due_at", flat=True).last() if new else None
    places = _places(turns, new, first=first, behind=last and last + spacing, spacing=spacing)
    behind = set(new) if last else set()
    for some in in_parts(list(places), AT_ONCE):
        values = {pk: _columns(places[pk], GIVE_UP_AFTER if pk in behind else tries_for) for pk in some}
        _move(rows.filter(is_free | is_behind, pk__in=some), values)


def _places(
    turns: Mapping[str, datetime],
    new: Iterable[str],
    *,
    first: datetime,
    behind: datetime | None,
    spacing: timedelta,
) -> dict[str, datetime]:
    """Return the places of those that must move: no earlier than before, and so far from each other; the new ones
    behind all others."""
    places = {}
    for pk, due_at in turns.items():
        if due_at < first:
            places[pk] = first
        first = max(first, due_at) + spacing
    first = max(first, behind or first)
    return places | {pk: first + number * spacing for number, pk in enumerate(new)}


def _columns(at: datetime, tries_for: timedelta | None) -> dict[str, datetime]:
    return {"due_at": at} if tries_for is None else {"due_at": at, "give_up_at": at + tries_for}


def _move(waiting: TargetQuerySet, places: Mapping[str, Mapping[str, Any]]) -> None:
    """Move what still waits; what somebody is changing right now is left to them, and to the next claim."""
    ours = list(lock_free(waiting).values_list("pk", flat=True))
    update_each(Target, {pk: places[pk] for pk in ours})
