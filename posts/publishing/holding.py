"""Make an account's posts wait, in their order."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from ouipost.db.locks import lock_free
from ouipost.db.rows import in_parts, update_each
from posts.lateness import GIVE_UP_AFTER
from posts.models import Post, PostStatus, Target, TargetQuerySet, TargetStatus
from posts.places import IN_LINE, NEEDS_PLACE, UNBEGUN, begun

AT_ONCE = 500
NEXT = timedelta(milliseconds=1)


def is_line_due(account_id: str, *, now: datetime) -> bool:
    """Return whether a target in the account's line is due."""
    return Target.objects.filter(IN_LINE, account=account_id, due_at__lte=now).exists()


def hold_account(account_id: str, *, until: datetime, now: datetime, only_sends: bool = False) -> None:
    """Put off the account's targets that are due before `until`: they become due right after it, in their order.

    Those that are put off for the first time go behind those that were put off before. With `only_sends` the targets
    that the network has taken stay. Targets in flight go on. Call it in a transaction that settles or claims.
    """
    rows = Target.objects.filter(account=account_id)
    if only_sends:
        rows = rows.filter(Q(outcome_unknown=False) | Q(waits_for=""))
    _put_off(rows, first=until + NEXT, spacing=NEXT, before=until, now=now)


def pace_account(account_id: str, *, until: datetime, spacing: timedelta, now: datetime) -> list[str]:
    """Give all due sends of the account its next free places from `until` on, in order, and return what was put off.

    Targets that were counted before, or only look for an earlier send, need none. The time for trying begins with the
    place. Call it in a transaction that has locked the account.
    """
    sends = Target.objects.filter(NEEDS_PLACE, account=account_id)
    by_now = now + timedelta.resolution
    return _put_off(sends, first=until, spacing=spacing, before=by_now, now=now, tries_for=GIVE_UP_AFTER)


def put_back(targets: Sequence[str], *, now: datetime) -> None:
    """Make the posts of targets that were put off scheduled again, if they only wait for places, so that they can be
    changed and called off.

    Call it in a transaction that has locked the accounts. A post that another transaction has locked follows when its
    target is put off again.
    """
    for some in in_parts(targets, AT_ONCE):
        waiting = Target.objects.filter(UNBEGUN, pk__in=some, status=TargetStatus.PUBLISHING)
        times = dict(waiting.values_list("post", "scheduled_at"))
        posts = Post.objects.filter(pk__in=times, status=PostStatus.PUBLISHING).order_by("pk")
        locked = dict(lock_free(posts).values_list("pk", "scheduled_at"))
        on_their_way = set(begun(locked).values_list("post", flat=True))
        ours = {pk: at or times[pk] for pk, at in locked.items() if pk not in on_their_way}
        Target.objects.filter(post__in=ours, status=TargetStatus.PUBLISHING).update(status=TargetStatus.SCHEDULED)
        update_each(Post, {pk: _scheduled(at, now=now) for pk, at in ours.items()})


def _scheduled(at: datetime | None, *, now: datetime) -> dict[str, Any]:
    return {"status": PostStatus.SCHEDULED, "scheduled_at": at, "moment": at, "updated_at": now}


def _put_off(
    rows: TargetQuerySet,
    *,
    first: datetime,
    spacing: timedelta,
    before: datetime,
    now: datetime,
    tries_for: timedelta | None = None,
) -> list[str]:
    """Put off the targets due before `before`: those whose turn it was go first, and new ones go behind the line.

    The line itself moves only if the first ones would overtake it. Each target in it gets its true place when its turn
    comes, so a late send moves only the next one. Returns those that were moved.
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
    behind, moved = set(new) if last else set(), list[str]()
    for some in in_parts(list(places), AT_ONCE):
        values = {pk: _columns(places[pk], GIVE_UP_AFTER if pk in behind else tries_for) for pk in some}
        moved += _move(rows.filter(is_free | is_behind, pk__in=some), values)
    return moved


def _places(
    turns: Mapping[str, datetime],
    new: Iterable[str],
    *,
    first: datetime,
    behind: datetime | None,
    spacing: timedelta,
) -> dict[str, datetime]:
    """Return the new times of targets that must move: never earlier than before, `spacing` apart, new ones behind all
    others."""
    places = {}
    for pk, due_at in turns.items():
        if due_at < first:
            places[pk] = first
        first = max(first, due_at) + spacing
    first = max(first, behind or first)
    return places | {pk: first + number * spacing for number, pk in enumerate(new)}


def _columns(at: datetime, tries_for: timedelta | None) -> dict[str, datetime]:
    return {"due_at": at} if tries_for is None else {"due_at": at, "give_up_at": at + tries_for}


def _move(waiting: TargetQuerySet, places: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Move targets that still wait, and return them; those that another transaction has locked are left to it, and to
    the next claim."""
    ours = list(lock_free(waiting).values_list("pk", flat=True))
    update_each(Target, {pk: places[pk] for pk in ours})
    return ours
