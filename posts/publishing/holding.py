"""Making an account's posts wait, in their order."""

from datetime import datetime, timedelta
from typing import Protocol

from django.db.models import Q

from ouipost.db.locks import lock_free
from ouipost.db.rows import in_parts, update_each
from posts.lateness import GIVE_UP_AFTER
from posts.models import Target, TargetQuerySet

AT_ONCE = 500
NEXT = timedelta(milliseconds=1)


class Placed(Protocol):
    """A target, or what was read of one, that may need one of its account's places."""

    @property
    def outcome_unknown(self) -> bool: ...

    @property
    def sends(self) -> int: ...


def needs_place(target: Placed) -> bool:
    """Whether it needs one of its account's places: neither a look for an earlier send nor a repeated send does."""
    return not target.outcome_unknown and not target.sends


def hold_account(account_id: str, *, until: datetime, now: datetime) -> None:
    """Let all that would go to the account before `until` go right after it, in its order.

    What is in flight goes on. Call it in a transaction that settles or claims.
    """
    _put_off(Target.objects.filter(account=account_id), first=until + NEXT, spacing=NEXT, before=until, now=now)


def pace_account(account_id: str, *, until: datetime, spacing: timedelta, now: datetime) -> None:
    """Give all that the account would send before `until` its next free places from then on, in its order.

    What was counted before, or only looks for an earlier send, needs none. The time for trying begins with the place.
    Call it in a transaction that holds the account.
    """
    sends = Target.objects.filter(account=account_id, outcome_unknown=False, sends=0)
    _put_off(sends, first=until, spacing=spacing, before=until, now=now, tries_for=GIVE_UP_AFTER)


def _put_off(
    rows: TargetQuerySet,
    *,
    first: datetime,
    spacing: timedelta,
    before: datetime,
    now: datetime,
    tries_for: timedelta | None = None,
) -> None:
    waiting = rows.filter(Q(in_flight=None) | Q(lease_until__lte=now), due_at__lt=before)
    pks = list(waiting.order_by("due_at", "pk").values_list("pk", flat=True))
    places = {pk: _place(first + number * spacing, tries_for) for number, pk in enumerate(pks)}
    for some in in_parts(pks, AT_ONCE):
        _move(waiting.filter(pk__in=some), places)


def _place(at: datetime, tries_for: timedelta | None) -> dict[str, datetime]:
    return {"due_at": at} if tries_for is None else {"due_at": at, "give_up_at": at + tries_for}


def _move(waiting: TargetQuerySet, places: dict[str, dict[str, datetime]]) -> None:
    """Move what still waits; what somebody is changing right now is left to them, and to the next claim."""
    locked = lock_free(waiting)
    ours = list(locked.values_list("pk", flat=True))
    update_each(Target, {pk: places[pk] for pk in ours})
