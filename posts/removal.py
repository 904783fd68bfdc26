"""Stop posts when an account is disconnected or a workspace deleted: nothing more is sent for them."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.hooks import Cancelled
from accounts.models import SocialAccount
from accounts.platforms.errors import NotConnected, PlatformError, Rejected
from ouipost.claims import database_now, is_free
from ouipost.db.locks import lock_free
from ouipost.db.rows import in_parts
from ouipost.events.journal import Actor, changes, entry, record_all
from ouipost.events.models import Event
from ouipost.phrases import Phrase
from posts import counts
from posts.advice import WORKSPACE_DELETED, failure, rest_unsent
from posts.media import files
from posts.models import NEVER_SENT, TAKEN_FROM_WORKERS, Post, PostStatus, Slot, Target, TargetQuerySet, TargetStatus
from posts.schedules.queue import BATCH
from posts.status import TOLD_AT_ONCE, snapshot, sync_each
from workspaces.models import Workspace

UNSENT = Q(status__in=[TargetStatus.DRAFT, TargetStatus.SCHEDULED, TargetStatus.MISSED]) | Q(
    status=TargetStatus.PUBLISHING, outcome_unknown=False, remote_id=""
)
"""Targets with nothing sent. A worker that holds one has not armed it, and cannot once it is called off."""
PARTLY_OUT = Q(status=TargetStatus.PUBLISHING, outcome_unknown=False) & ~Q(remote_id="")
"""Threads of which some parts are out, and none is in doubt. A worker that holds one may have armed the next part."""
CALLED_OFF = {"status": TargetStatus.CANCELLED, **TAKEN_FROM_WORKERS}
ACCOUNT_GONE = Phrase("The account was disconnected.")
OPEN = [TargetStatus.SCHEDULED, TargetStatus.MISSED, TargetStatus.PUBLISHING]


def lock_claimed(account: SocialAccount) -> None:
    """Lock the targets of an account that workers hold, and their posts.

    Called before the account itself is locked: a worker arms or settles a target first, and updates its account
    afterwards.
    """
    found = list(Target.objects.filter(in_flight=account.pk).values_list("post", "pk"))
    list(Post.objects.select_for_update().filter(pk__in=[post for post, _ in found]).values_list("pk"))
    list(Target.objects.select_for_update().filter(pk__in=[pk for _, pk in found]).values_list("pk"))


def cancel_for_account(account: SocialAccount, actor: Actor, now: datetime) -> Cancelled:
    """Cancel the unsent targets of a disconnected account; a post with no other target returns to draft. Threads that
    are partly out end there.

    Returns the posts with cancelled targets; drafts only lose the account. Until a post is locked, a target
    in doubt may fail, and any that is not published may be sent again.
    """
    mine = Target.objects.filter(account=account)
    found = list(mine.exclude(status=TargetStatus.PUBLISHED).values_list("post", flat=True))
    list(Post.objects.select_for_update().filter(pk__in=found).order_by("pk").values_list("pk"))
    _sync(_end_partly_out(mine.filter(post__in=found), NotConnected(ACCOUNT_GONE), now=now), now=now)
    mine = mine.filter(UNSENT)
    statuses = dict(mine.filter(post__in=found).select_for_update().values_list("post", "status"))
    mine = mine.filter(post__in=statuses)
    posts = list(Post.objects.filter(pk__in=statuses).order_by("pk"))
    mine.filter(NEVER_SENT, status=TargetStatus.DRAFT).delete()  # the others are taken out: cancelled without a time
    mine.update(**CALLED_OFF)
    lines: list[Event] = []
    for some in in_parts(posts, TOLD_AT_ONCE):
        before = {post.pk: snapshot(post) for post in some}
        Post.objects.filter(pk__in=[post.pk for post in some]).update(updated_at=now)  # they lost a target, all of them
        sync_each(some, Target.objects.filter(post__in=some).order_by("pk"), now=now)
        lost = ((post, {account.pk: statuses[post.pk]}) for post in some)
        lines += [_lost(post, before[post.pk], target, actor=actor) for post, target in lost]
    cancelled = [post.pk for post in posts if statuses[post.pk] != TargetStatus.DRAFT]
    return Cancelled(posts=cancelled, record=partial(_record, lines))


def _record(lines: list[Event]) -> None:
    for some in in_parts(lines, TOLD_AT_ONCE):
        record_all(some)


def _sync(pks: list[str], *, now: datetime) -> None:
    """Bring these locked posts in step with their targets, and tell of those that this settles."""
    for some in in_parts(pks, TOLD_AT_ONCE):
        posts = Post.objects.filter(pk__in=some).order_by("pk")
        sync_each(posts, Target.objects.filter(post__in=some).order_by("pk"), now=now)


def leave_unsent(target: Target, *, now: datetime) -> None:
    """Call off a target whose account is gone, or end a post of several parts behind those that are out."""
    if target.remote_id:
        _end_behind(target, NotConnected(ACCOUNT_GONE), now=now)
    else:
        Target.objects.filter(pk=target.pk).update(**CALLED_OFF | {"outcome_unknown": False, "error": None})


def _end_partly_out(targets: TargetQuerySet, error: PlatformError, *, now: datetime) -> list[str]:
    """End posts of which some parts are out, as no worker would while they are paused; returns the posts.

    What is in doubt is still asked about, even during a pause, and what a worker holds is left to it.
    """
    ended = list(targets.filter(PARTLY_OUT, is_free(database_now())).select_for_update().order_by("pk"))
    for target in ended:
        _end_behind(target, error, now=now)
    return [target.post_id for target in ended]


def _end_behind(target: Target, error: PlatformError, *, now: datetime) -> None:
    """End a target behind the parts that are out, with the reason why the rest is not."""
    told = rest_unsent(error.message, sent=len(target.parts), replies=target.replies)
    ended = {"status": TargetStatus.PUBLISHED, "published_at": now, "outcome_unknown": False, "waits_for": ""}
    Target.objects.filter(pk=target.pk).update(**TAKEN_FROM_WORKERS | ended, error=failure(error.code, told))


def in_flight(account: SocialAccount) -> list[dict[str, str]]:
    """Return the targets of a disconnected account that were armed: they may be out, so they are still settled."""
    rows = Target.objects.filter(account=account, status=TargetStatus.PUBLISHING).order_by("pk")
    return [{"post_id": post, "target_id": pk} for post, pk in rows.values_list("post", "pk")]


def _lost(post: Post, before: dict[str, Any], target: dict[str, str], *, actor: Actor) -> Event:
    """Return the journal's entry on a post that has lost its target for an account, given with the status it had."""
    difference = changes(before, post)
    verb = "unscheduled" if difference["after"].get("status") == PostStatus.DRAFT else "updated"
    now = {pk: None if status == TargetStatus.DRAFT else TargetStatus.CANCELLED for pk, status in target.items()}
    sides = {"before": target, "after": now}
    return entry(verb, post, actor=actor, **{side: difference[side] | {"targets": sides[side]} for side in difference})


@dataclass(frozen=True, kw_only=True)
class Losses:
    """What posts and schedules would lose if some accounts were disconnected now."""

    returned: "QuerySet[Post]"
    """Posts for no other account: they return to draft, without their time."""
    kept: "QuerySet[Post]"
    """Posts for other accounts too, which they keep."""
    drafts: "QuerySet[Post]"
    removed_slots: int
    kept_slots: int
    """Slots for others, too."""


def losses_with(accounts: "QuerySet[SocialAccount]") -> Losses:
    """Return what would be lost if these accounts were disconnected now."""
    gone = Q(account__in=accounts.order_by().values("pk")) & UNSENT
    draft = Q(status=TargetStatus.DRAFT)
    posts = Post.objects.filter(pk__in=Target.objects.filter(gone).exclude(draft).values("post"))
    has_others = Exists(Target.objects.active().filter(post=OuterRef("pk")).exclude(gone))
    named = set(accounts.order_by().values_list("pk", flat=True))
    there = Slot.objects.filter(schedule__workspace__in=accounts.order_by().values("workspace"))
    slots = [set(names) for names in there.values_list("platforms", flat=True) if named & set(names)]
    return Losses(
        returned=posts.exclude(has_others),
        kept=posts.filter(has_others),
        drafts=Post.objects.filter(pk__in=Target.objects.filter(gone & draft).values("post")),
        removed_slots=sum(names <= named for names in slots),
        kept_slots=sum(not names <= named for names in slots),
    )


def cancel_workspace(workspace: Workspace) -> None:
    """Stop everything that has not been sent in a workspace that is being deleted; threads partly out end there."""
    mine = Target.objects.filter(post__workspace=workspace)
    begun = list(mine.filter(status=TargetStatus.PUBLISHING).exclude(remote_id="").values_list("pk", flat=True))
    for some in in_parts(begun, BATCH):
        _end_partly_out(Target.objects.filter(pk__in=some), Rejected(WORKSPACE_DELETED), now=database_now())
    call_off(mine)


def call_off(targets: TargetQuerySet) -> None:
    """Cancel these targets of a deleted workspace if nothing of them is out or on its way.

    The outcome of the others is still found out, but none of them is sent again.
    """
    # Update by primary key: with a join, MariaDB reads the rows first and fails if one has changed since.
    pks, now = list(targets.filter(status__in=OPEN).values_list("pk", flat=True)), database_now()
    for some in in_parts(pks, BATCH):
        rows = Target.objects.filter(pk__in=some, status__in=OPEN)
        rows.filter(UNSENT).update(**CALLED_OFF)
        rows.filter(status=TargetStatus.PUBLISHING).update(give_up_at=now)


def purge(workspace: Workspace) -> bool:
    """Remove the posts and files of a deleted workspace; False while one of them is being published."""
    gone = Post.objects.filter(workspace=workspace).exclude(targets__status=TargetStatus.PUBLISHING)
    for pk in list(gone.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        _remove(gone.filter(pk=pk))
    return not Post.objects.filter(workspace=workspace).exists()


@transaction.atomic
def _remove(rows: "QuerySet[Post]") -> None:
    """Remove a post with its files, unless another worker is at it, or was: its bytes are given back once."""
    for post in lock_free(rows):
        freed = files.remove_all(post)
        post.delete()
        counts.add_bytes(post.workspace_id, -freed)
