"""The next publications, and the overdue ones, by the index of due targets, whatever the amount."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q

from accounts import pauses
from accounts.models import Pause
from adminapi.monitoring.figures import Figures
from analytics.periods import A_DAY
from ouipost.claims import is_due
from ouipost.db.pages import MOST
from posts.models import Post, PostStatus, Target, TargetQuerySet, TargetStatus

FIRST_TARGETS, FIRST_POSTS = 60, 6
OPEN = (PostStatus.SCHEDULED, PostStatus.PUBLISHING, PostStatus.NEEDS_REVIEW)
"""The statuses of posts with possibly due targets; a partly published post may be tried again for some days."""
RETRIED_FOR = timedelta(days=7)
LATE, VERY_LATE = timedelta(minutes=1), timedelta(minutes=5)
Row = tuple[str, datetime | None, str]
"""A post's id, and the due time and the network of one of its targets."""


@dataclass(frozen=True, kw_only=True)
class Coming:
    """A post that goes out within a day, with its networks."""

    post: Post
    at: datetime
    platforms: list[str]


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """Counts of publications, each of one post at one account, without paused ones."""

    due: int
    oldest: timedelta
    """The waiting time of the first due one."""
    coming: int
    is_cut: bool
    """True if there are more than were counted."""
    first: list[Coming]

    @property
    def tone(self) -> str:
        """The colour for the waiting time."""
        return "bad" if self.oldest >= VERY_LATE else "warn" if self.oldest >= LATE else ""

    @property
    def due_are_more(self) -> bool:
        """Return whether more may be due than were counted."""
        return self.is_cut and not self.coming


def summarize(figures: Figures, paused: list[Pause]) -> Outgoing:
    """Count the due publications, and those within a day, among the first ten thousand."""
    now, waits = figures.now, is_due(figures.now)
    rows = _rows(figures, paused).order_by("due_at", "pk")
    ahead = Q(due_at__gt=now, status=TargetStatus.SCHEDULED)
    counted = rows[:MOST].aggregate(
        seen=Count("pk"),
        due=Count("pk", filter=waits),
        first=Min("due_at", filter=waits),
        coming=Count("pk", filter=ahead),
    )
    return Outgoing(
        due=counted["due"],
        oldest=now - (counted["first"] or now),
        coming=counted["coming"],
        is_cut=counted["seen"] == MOST,
        first=_first(rows.filter(ahead)),
    )


def _rows(figures: Figures, paused: list[Pause]) -> TargetQuerySet:
    """Match targets due until tomorrow that are not paused; for a few workspaces by the index of their posts."""
    rows = Target.objects.filter(due_at__lte=figures.now + A_DAY)
    if paused:
        rows = rows.exclude(pauses.rows_held_up(paused))
    if figures.workspace_ids is None:
        return rows
    lately = Q(post__status=PostStatus.PARTIALLY_PUBLISHED, post__moment__gte=figures.now - RETRIED_FOR)
    theirs = Q(post__status__in=OPEN, post__moment__lte=figures.now + A_DAY) | lately
    return rows.filter(theirs, post__workspace__in=figures.workspace_ids)


def _first(ahead: TargetQuerySet) -> list[Coming]:
    """Return the first posts, each once, even if it goes to several accounts.

    Posts and workspaces are then read by their keys: with a join, MariaDB would begin with the workspaces and read all
    posts of each.
    """
    rows = list(ahead.values_list("post_id", "due_at", "platform")[:FIRST_TARGETS])
    ids = list(dict.fromkeys(post_id for post_id, _at, _platform in rows))[:FIRST_POSTS]
    posts = Post.objects.select_related("workspace").only("content", "title", "workspace__name").in_bulk(ids)
    return [_coming(posts[pk], rows) for pk in ids if pk in posts]  # one may be deleted since


def _coming(post: Post, rows: Iterable[Row]) -> Coming:
    own = [(at, platform) for post_id, at, platform in rows if post_id == post.pk]
    at = own[0][0]
    assert at is not None
    return Coming(post=post, at=at, platforms=list(dict.fromkeys(platform for _at, platform in own)))
