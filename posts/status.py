"""Derive a post's status from its targets': code that moves targets updates their posts and the journal by this."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from ouipost.db.rows import assign, update_each
from ouipost.events.journal import SYSTEM, entry, record_all
from ouipost.events.models import Event
from posts.models import Post, PostStatus, Target, TargetStatus

ORDER = (
    (TargetStatus.NEEDS_REVIEW, PostStatus.NEEDS_REVIEW),
    (TargetStatus.PUBLISHED, PostStatus.PARTIALLY_PUBLISHED),
    (TargetStatus.SCHEDULED, PostStatus.SCHEDULED),
    (TargetStatus.FAILED, PostStatus.FAILED),
    (TargetStatus.MISSED, PostStatus.MISSED),
)
OUTCOMES = (
    PostStatus.PUBLISHED,
    PostStatus.PARTIALLY_PUBLISHED,
    PostStatus.FAILED,
    PostStatus.NEEDS_REVIEW,
    PostStatus.MISSED,
)
TIMELESS: dict[str, Any] = {
    "scheduled_at": None,
    "scheduled_timezone": "",
    "scheduled_local": "",
    "schedule_id": None,
    "slot_id": None,
    "slot_date": None,
}
"""The columns of a post that has neither a time nor a place in a queue."""
TOLD_AT_ONCE = 200
"""Lines of the journal in one statement; the webhook deliveries that they create must fit as well."""


def derive(statuses: Collection[str]) -> PostStatus:
    """Return the status of a post whose targets have these; cancelled ones do not count."""
    counted = {status for status in statuses if status != TargetStatus.CANCELLED}
    if TargetStatus.PUBLISHING in counted:
        return PostStatus.PUBLISHING
    if counted == {TargetStatus.PUBLISHED}:
        return PostStatus.PUBLISHED
    return next((derived for status, derived in ORDER if status in counted), PostStatus.DRAFT)


def sync(post: Post) -> PostStatus | None:
    """Bring a locked post in step with its targets and save it; returns the new status if it changed."""
    targets = list(Target.objects.filter(post=post).values_list("status", "published_at"))
    before = assign(post, in_step(post, targets))
    post.save()
    return PostStatus(post.status) if post.status != before["status"] else None


def sync_each(posts: Iterable[Post], targets: Iterable[Target], *, now: datetime) -> None:
    """Update locked posts from all their targets, and record in the journal which of them this settled.

    The number of statements does not grow with the posts. Posts that need no change are not written.
    """
    families: dict[str, list[Target]] = defaultdict(list)
    for target in targets:
        families[target.post_id].append(target)
    changed, events = {}, []
    for post in posts:
        before, family = post.status, families[post.pk]
        columns = in_step(post, [(target.status, target.published_at) for target in family])
        if any(getattr(post, name) != value for name, value in columns.items()):
            changed[post.pk] = columns | {"updated_at": now}
            for name, value in changed[post.pk].items():
                setattr(post, name, value)
        if post.status != before:
            events.append(outcome(post, columns["status"], family))
    update_each(Post, changed)
    record_all([event for event in events if event])


def in_step(post: Post, targets: Sequence[tuple[str, datetime | None]]) -> dict[str, Any]:
    """Return the columns of a post that are derived from its targets' statuses and publishing times."""
    status = derive([status for status, _ in targets])
    published_at = max((at for _, at in targets if at is not None), default=None)
    scheduled_at = None if status == PostStatus.DRAFT else post.scheduled_at
    moment = published_at or scheduled_at or post.created_at
    columns = {"status": status, "published_at": published_at, "moment": moment}
    return TIMELESS | columns if status == PostStatus.DRAFT else columns


def snapshot(post: Post) -> dict[str, Any]:
    """Return the fields of a post that the journal shows before and after a change of its time or queue."""
    return {name: getattr(post, name) for name in ("status", "scheduled_at", "scheduled_timezone", "schedule_id")}


def sync_and_tell(post: Post) -> None:
    """Update a post after its targets moved, and record it in the journal if that settled the post."""
    record_outcome(post, sync(post))


def record_outcome(post: Post, changed: PostStatus | None) -> None:
    """Record in the journal a status that `sync` changed to an outcome."""
    if event := outcome(post, changed, Target.objects.filter(post=post)):
        record_all([event])


def outcome(post: Post, changed: PostStatus | None, targets: Iterable[Target]) -> Event | None:
    """Return the journal's entry if a post's status changed to an outcome."""
    if changed not in OUTCOMES:
        return None
    names = ("id", "account_id", "platform", "status", "scheduled_at", "url", "error", "outcome_unknown")
    results = [{name: getattr(target, name) for name in names} for target in targets]
    return entry(changed.value, post, actor=SYSTEM, targets=results)
