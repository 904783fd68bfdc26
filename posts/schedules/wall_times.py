"""Posts that were given a local time keep it when the rules of their zone change.

The row keeps that time with its original offset. If it no longer equals `scheduled_at`, code that does not know the
column, such as an older version, has set another time since, and the post is left alone.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from ouipost import zones
from ouipost.db.rows import in_parts
from ouipost.events.journal import SYSTEM, changes, entry, record_all
from ouipost.events.models import Event
from ouipost.isolating import for_each
from posts.models import Post, PostStatus, Target, TargetStatus
from posts.schedules.queue import move
from posts.schedules.slots import kept_local, local_moves_to
from posts.status import TOLD_AT_ONCE, snapshot


def follow(now: datetime, *, is_ending: Callable[[], bool]) -> int:
    """Move future posts to their local time by the present rules of their zone, until `is_ending`; returns how many."""
    to_come = Target.objects.filter(due_at__gt=now, status=TargetStatus.SCHEDULED)  # uses the index of due targets
    rows = to_come.filter(post__status=PostStatus.SCHEDULED, post__scheduled_at__gt=now, post__slot=None)
    rows = rows.exclude(post__scheduled_local="")
    columns = ("post_id", "post__scheduled_at", "post__scheduled_timezone", "post__scheduled_local")
    moved = {pk for pk, *given in rows.values_list(*columns).iterator() if _new_time(*given)}
    return for_each(in_parts(sorted(moved), TOLD_AT_ONCE), lambda pks: _follow(pks, now=now), is_ending=is_ending)


def _new_time(scheduled_at: datetime | None, zone: str, local: str) -> datetime | None:
    """Return a post's new time, or None if it has that time already, or has been given another."""
    if datetime.fromisoformat(local) != scheduled_at or not zones.is_known(zone):
        return None
    moved = local_moves_to(local, zone=zone)
    return moved if moved != scheduled_at else None


@transaction.atomic
def _follow(pks: Sequence[str], *, now: datetime) -> int:
    to_come = Post.objects.filter(pk__in=pks, status=PostStatus.SCHEDULED, scheduled_at__gt=now, slot=None)
    posts = list(to_come.exclude(scheduled_local="").order_by("pk").select_for_update())
    before = {post.pk: snapshot(post) for post in posts}
    found = {post: _new_time(post.scheduled_at, post.scheduled_timezone, post.scheduled_local) for post in posts}
    times = {post: at for post, at in found.items() if at}  # the others were given another time meanwhile
    move(times, {post.pk: _columns(post, at, now=now) for post, at in times.items()}, now=now)
    record_all([_event(post, before[post.pk]) for post in times])
    return len(times)


def _columns(post: Post, at: datetime, *, now: datetime) -> dict[str, Any]:
    local = datetime.fromisoformat(post.scheduled_local).replace(tzinfo=None)
    return {"scheduled_at": at, "moment": at, "scheduled_local": kept_local(local, at=at), "updated_at": now}


def _event(post: Post, before: dict[str, Any]) -> Event:
    details = {"scheduled_at": post.scheduled_at, "timezone": post.scheduled_timezone, **changes(before, post)}
    return entry("scheduled", post, actor=SYSTEM, **details)
