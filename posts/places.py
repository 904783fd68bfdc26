"""The places that accounts' pace gives to targets, and the posts that only wait for theirs."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Protocol

from django.db.models import F, Q
from django.utils import timezone

from accounts import allowance, pacing, platforms
from accounts.models import SocialAccount
from accounts.platforms.limits import Allowance
from ouipost.moments import written_in_utc
from ouipost.phrases import Phrase
from posts.models import Post, PostStatus, Target, TargetQuerySet, TargetStatus

SOON = timedelta(minutes=5)
"""A delay that is not worth a warning."""
MOST_RECKONED = 1000
"""Posts by which a place is estimated, at most."""
REPLIES_ARE_FREE = [each.id for each in platforms.ALL if not each.replies_use_pace]
NEEDS_PLACE = Q(
    Q(sends=0) | Q(sent_at=None) | Q(sent_at__lt=F("scheduled_at")),
    Q(remote_id="") | ~Q(platform__in=REPLIES_ARE_FREE),
    outcome_unknown=False,
)
"""Targets that need one of their account's places; `needs_place` is the same test for one target."""
IN_LINE = Q(NEEDS_PLACE, due_at__gt=F("scheduled_at"), error__isnull=True, waits_for="")
"""Targets that were put off, and wait only for their places."""
UNBEGUN = Q(IN_LINE, attempts=0, in_flight=None, remote_id="")
"""Targets in line that no worker has tried yet."""


class Placed(Protocol):
    """A target, or columns of one, that may need one of its account's places."""

    @property
    def platform(self) -> str: ...

    @property
    def remote_id(self) -> str: ...

    @property
    def outcome_unknown(self) -> bool: ...

    @property
    def sends(self) -> int: ...

    @property
    def sent_at(self) -> datetime | None: ...

    @property
    def scheduled_at(self) -> datetime | None: ...


def needs_place(target: Placed) -> bool:
    """Return whether a target needs one of its account's places for its next step.

    A first send does. So does a send of a target that was scheduled again since the last one, or that was only supposed
    to have been sent, after a restore. A look for an earlier send does not, nor the engine's own repetition of a send,
    nor a reply at a network where another quota counts replies.
    """
    is_free = bool(target.remote_id) and target.platform in REPLIES_ARE_FREE
    is_anew = target.sent_at is not None and target.scheduled_at is not None and target.sent_at < target.scheduled_at
    was_never_sent = not target.sends or target.sent_at is None
    return not target.outcome_unknown and not is_free and (was_never_sent or is_anew)


def is_in_line(post: Post, *, now: datetime) -> bool:
    """Return whether a post's time has come, and it only waits for its accounts' places."""
    is_ahead = post.scheduled_at is not None and post.scheduled_at > now  # an account's hold puts off such posts, too
    return post.status == PostStatus.SCHEDULED and not is_ahead and not begun([post.pk]).exists()


def begun(posts: Collection[str]) -> TargetQuerySet:
    """Match the targets of these posts that do not only wait for their places."""
    return Target.objects.active().filter(~UNBEGUN, post__in=posts).exclude(status=TargetStatus.DRAFT)


def goes_out_later(account: SocialAccount, post: Post) -> Phrase | None:
    """Return a message if the account's pace does not let a post go out at its time, which is to come.

    A stand-in for an account that is not connected has nothing to post before.
    """
    at, pace, now = post.scheduled_at, pacing.pace_of(account.platform), timezone.now()
    if account.pk is None or at is None or at < now or pace is None:
        return None
    place = _place(account, post, pace, at=at, now=now)
    if place < at + SOON:
        return None
    return Phrase(
        "{account} has others to post before, and a pace to keep: this post goes out at about {moment}.",
        account=account.introduced,
        moment=written_in_utc(place),
    )


def _place(account: SocialAccount, post: Post, pace: Allowance, *, at: datetime, now: datetime) -> datetime:
    """Return about when a post of this time goes out, behind the account's others that are due until then or in line
    already; a thread counts as one."""
    used, last = account.paced_at, at
    before = Q(due_at__lte=at) | Q(IN_LINE, scheduled_at__lte=at)
    until = at + MOST_RECKONED * allowance.interval(pace)  # else all that is scheduled for later would be read, too
    rows = Target.objects.filter(before, NEEDS_PLACE, account=account, due_at__lte=until).order_by("due_at")
    for post_id, due_at in rows.values_list("post", "due_at")[:MOST_RECKONED]:
        if post_id != post.pk:
            last = allowance.free_at(pace, used, count=1, now=max(due_at or now, now))
            used = allowance.after(pace, used, count=1, now=last)
    return allowance.free_at(pace, used, count=1, now=max(at, last))
