"""The places that accounts' pace gives to targets, and the posts that only wait for theirs."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from django.db.models import F, Q

from posts.models import Post, PostStatus, Target, TargetQuerySet, TargetStatus

NEEDS_PLACE = Q(Q(sends=0) | Q(sent_at__lt=F("scheduled_at")), outcome_unknown=False)
"""Targets that need one of their account's places; `needs_place` is the same test for one target."""
IN_LINE = Q(NEEDS_PLACE, due_at__gt=F("scheduled_at"), error__isnull=True, waits_for="")
"""Targets that were put off, and wait only for their places."""
UNBEGUN = Q(IN_LINE, attempts=0, in_flight=None, remote_id="")
"""Targets of those that no worker has tried yet."""


class Placed(Protocol):
    """A target, or columns of one, that may need one of its account's places."""

    @property
    def outcome_unknown(self) -> bool: ...

    @property
    def sends(self) -> int: ...

    @property
    def sent_at(self) -> datetime | None: ...

    @property
    def scheduled_at(self) -> datetime | None: ...


def needs_place(target: Placed) -> bool:
    """Return whether a target needs one of its account's places. A look for an earlier send, or the engine's repetition
    of one, does not; a send that was scheduled again since does."""
    is_anew = target.sent_at is not None and target.scheduled_at is not None and target.sent_at < target.scheduled_at
    return not target.outcome_unknown and (not target.sends or is_anew)


def is_in_line(post: Post) -> bool:
    """Return whether a post's time has come, and it only waits for its accounts' places."""
    return post.status == PostStatus.SCHEDULED and not begun([post.pk]).exists()


def begun(posts: Collection[str]) -> TargetQuerySet:
    """Match the targets of these posts that do not only wait for their places."""
    return Target.objects.active().filter(~UNBEGUN, post__in=posts).exclude(status=TargetStatus.DRAFT)
