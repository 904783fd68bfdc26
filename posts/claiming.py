"""Taking due targets: at most one per account at a time, the longest due first, and never what came too late."""

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import Exists, F, OuterRef

from accounts.platforms.base import WhoActs
from ouipost import claims
from ouipost.api.transactions import is_lock_error
from ouipost.claims import Claim
from posts.models import Post, PostStatus, Target, TargetQuerySet, TargetStatus
from posts.services import sync_and_tell
from posts.slots import too_late

logger = logging.getLogger(__name__)

LEASE_SECONDS = 90
LOOK_AHEAD = 4
MAX_UNSETTLED_CLAIMS = 5


def claim_targets(limit: int, *, suspects: bool = True) -> list[Claim]:
    """Claim up to `limit` due targets for this worker; none when others are faster.

    At most one of them has a claim before it that was never settled, and none without `suspects`: a target that takes
    workers down is found out because no two of them ever run side by side in one.
    """
    try:
        with transaction.atomic():
            return _claim(limit, suspects=suspects)
    except IntegrityError:
        return []  # another worker took another target of one of these accounts: the next tick sees it
    except OperationalError as error:
        if is_lock_error(error):
            return []
        raise


def _claim(limit: int, *, suspects: bool) -> list[Claim]:
    now = claims.database_now()
    candidates = _candidates(now, suspects=suspects)
    chosen = _choose(candidates, limit=limit)
    posts = _lock_posts([target.post_id for target in chosen])
    ready = list(candidates.filter(pk__in=[target.pk for target in chosen], post__in=posts))  # as it is under the lock
    missed = [target for target in ready if _is_missed(target, posts[target.post_id], now=now)]
    crashing = [target for target in ready if target.claim_count >= MAX_UNSETTLED_CLAIMS and target not in missed]
    _miss(missed, now=now)
    _park(crashing)
    taken = [target for target in ready if target not in missed and target not in crashing]
    held = claims.claim(
        Target.objects.all(),
        [target.pk for target in taken],
        lease=claims.engine_time(LEASE_SECONDS),
        in_flight=F("account_id"),
    )
    claimed = {claim.pk for claim in held}
    _start({target.post_id for target in taken if target.pk in claimed}, now=now)
    for post in {target.post_id: posts[target.post_id] for target in [*missed, *crashing]}.values():
        sync_and_tell(post)
    return held


def _candidates(now: datetime, *, suspects: bool) -> TargetQuerySet:
    """Match due targets whose account has nothing else in flight."""
    busy = Target.objects.filter(in_flight=OuterRef("account_id")).exclude(pk=OuterRef("pk"))
    due = Target.objects.filter(claims.is_due(now), ~Exists(busy)).order_by("due_at", "pk")
    return due if suspects else due.filter(claim_count=0)


def _choose(candidates: TargetQuerySet, *, limit: int) -> list[Target]:
    """Return the first of each account, with at most one whose last claim was never settled."""
    first: dict[str, Target] = {}
    for target in candidates[: limit * LOOK_AHEAD]:
        first.setdefault(target.account_id, target)
    suspects = [target for target in first.values() if target.claim_count]
    return [target for target in first.values() if target not in suspects[1:]][:limit]


def _lock_posts(pks: Sequence[str]) -> dict[str, Post]:
    """Lock the posts before their targets, as every change of a post does; those being changed right now wait."""
    locked = Post.objects.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
    return {post.pk: post for post in locked.filter(pk__in=pks).order_by("pk").prefetch_related("workspace")}


def _start(posts: set[str], *, now: datetime) -> None:
    """Begin to publish posts, with all of their targets that are due: none of them is too late any more."""
    due = Target.objects.filter(post__in=posts, status=TargetStatus.SCHEDULED, due_at__lte=now)
    due.update(status=TargetStatus.PUBLISHING)
    Post.objects.filter(pk__in=posts).exclude(status=PostStatus.PUBLISHING).update(status=PostStatus.PUBLISHING)


def _is_missed(target: Target, post: Post, *, now: datetime) -> bool:
    """Whether a scheduled target was due while nothing could run, and is later than its workspace allows."""
    if target.status != TargetStatus.SCHEDULED or target.scheduled_at is None:
        return False
    return too_late(target.scheduled_at, now=now, minutes=post.workspace.publish_late_up_to_minutes)


def _miss(targets: list[Target], *, now: datetime) -> None:
    error = _error("MISSED_WINDOW", "It was due while nothing could run, and is too late now.", WhoActs.CALLER)
    due = Target.objects.filter(claims.is_due(now), pk__in=[target.pk for target in targets])
    due.update(status=TargetStatus.MISSED, due_at=None, error=error)


def _park(targets: list[Target]) -> None:
    """Stop trying a target that has taken its worker down again and again."""
    for target in targets:
        logger.error("Target %s was claimed %s times and never settled", target.pk, target.claim_count)
        error = _error("WORKER_CRASH_LOOP", "It stopped the worker again and again.", WhoActs.OPERATOR)
        held = Target.objects.filter(pk=target.pk, fence=target.fence)
        held.update(
            status=TargetStatus.NEEDS_REVIEW,
            fence=F("fence") + 1,  # should one of those workers only be slow, it has lost its claim
            due_at=None,
            lease_until=None,
            in_flight=None,
            error=error,
        )


def _error(code: str, message: str, who_acts: WhoActs) -> dict[str, object]:
    return {"code": code, "message": message, "retryable": code == "MISSED_WINDOW", "who_acts": str(who_acts)}
