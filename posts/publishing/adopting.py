"""Adopt posts that late answers named: targets that ended without a post are published all the same."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from accounts import pauses
from accounts.models import SocialAccount
from accounts.platforms.errors import ErrorCode
from accounts.platforms.shapes import Published
from ouipost.claims import database_now, is_free
from ouipost.events.journal import Actor
from posts.models import LATE, TAKEN_FROM_WORKERS, Post, Target, TargetStatus
from posts.publishing.looking import one_of
from posts.publishing.outcomes import Undecidable, code_of, gave_up, review, when_out, when_over
from posts.publishing.past_answers import late_posts
from posts.removal import PARTLY_OUT, UNSENT
from posts.status import sync_each

IN_VAIN = (TargetStatus.NEEDS_REVIEW, TargetStatus.FAILED, TargetStatus.MISSED, TargetStatus.CANCELLED)
STILL_OPEN = (TargetStatus.PUBLISHING, TargetStatus.NEEDS_REVIEW)
"""The statuses of targets that have not ended, as far as anybody was told."""
NOT_GOING = (TargetStatus.DRAFT, TargetStatus.SCHEDULED)
"""The statuses of targets whose posts have not begun to go out."""


def adopted(targets: Sequence[Target], *, doubtful: Collection[str] = (), now: datetime) -> dict[str, dict[str, Any]]:
    """Return, by id, the columns of the targets whose late answers name posts; if they name several, a person decides.

    After one part of a doubtful target, the next is looked for before it is sent.
    """
    found: dict[str, dict[str, Any]] = {}
    for target, late in zip(targets, late_posts(targets) if targets else [], strict=True):
        match one_of(late):
            case Published() as post:
                found[target.pk] = _as_out(target, post, is_doubtful=target.pk in doubtful, now=now)
            case Undecidable(message=message) if target.status != TargetStatus.NEEDS_REVIEW:
                found[target.pk] = review(message)
    return found


def _as_out(target: Target, post: Published, *, is_doubtful: bool, now: datetime) -> dict[str, Any]:
    """Return the columns of a target that is adopted: what was answered so far is about a part that is out.

    Of one that had ended, or whose time for trying is over, nothing more is sent; what is doubtful is still looked for.
    """
    is_over = target.status not in STILL_OPEN or gave_up(target, now=now)
    going_on = {"status": TargetStatus.PUBLISHING, "claim_count": 0, "forgotten_fence": target.fence}
    if is_over and not is_doubtful:
        return going_on | when_over(target, post, now=now)
    given = {"give_up_at": now} if is_over else {}
    return going_on | given | {"published_at": None} | when_out(target, post, is_doubtful=is_doubtful, now=now)


def adopt(ended: Iterable[Target], targets: Iterable[Target], *, now: datetime) -> None:
    """Settle those that ended without a post, or without their last parts, by the ids that late answers name; `targets`
    are all of their posts'.

    Targets that were taken out of their posts stay as they are until they are sent again, and those of posts that have
    not begun to go out until these do. The caller brings the posts, which it has locked, in step.
    """
    left = [each for each in ended if _is_in_vain(each) and not each.is_taken_out]
    not_going = {each.post_id for each in targets if each.status in NOT_GOING} if left else ()
    in_vain = {each.pk: each for each in left if each.post_id not in not_going}
    doubtful = set(in_vain) if in_vain and pauses.is_after_restore() else ()
    for pk, values in adopted(list(in_vain.values()), doubtful=doubtful, now=now).items():
        Target.objects.filter(pk=pk, fence=in_vain[pk].fence).update(**TAKEN_FROM_WORKERS | values)
        for name, value in values.items():
            setattr(in_vain[pk], name, value)


def _is_in_vain(target: Target) -> bool:
    """Return whether it ended without a post, or without its last parts because one of them was refused."""
    is_cut_short = target.status == TargetStatus.PUBLISHED and 0 < len(target.parts) <= target.replies
    return target.status in IN_VAIN or (is_cut_short and code_of(target) not in ("", ErrorCode.OUTCOME_UNKNOWN))


def adopt_and_sync(posts: Iterable[str], *, now: datetime) -> None:
    """Adopt what late answers named of these locked posts, some of whose targets have just ended, and bring all of the
    posts in step."""
    targets = list(Target.objects.filter(post__in=posts).order_by("pk"))
    adopt([each for each in targets if each.sends], targets, now=now)
    sync_each(Post.objects.filter(pk__in=posts).order_by("pk"), targets, now=now)


def adopt_unsent(account: SocialAccount, _: Actor, now: datetime) -> None:
    """Publish the targets of an account that is being disconnected whose posts, or next parts, late answers have named:
    the others are called off, or ended behind their parts, afterwards."""
    unsent = Target.objects.filter(UNSENT | (PARTLY_OUT & is_free(database_now())), account=account, sends__gt=0)
    unsent = unsent.exclude(status=TargetStatus.DRAFT)
    posts = Post.objects.select_for_update().filter(pk__in=list(unsent.values_list("post", flat=True))).order_by("pk")
    named = set(unsent.filter(post__in=list(posts), attempt_log__outcome=LATE).values_list("pk", flat=True))
    targets = list(Target.objects.filter(post__targets__in=named).order_by("pk"))
    ended = [each for each in targets if each.pk in named]
    for each in ended:
        each.status = TargetStatus.CANCELLED
    adopt(ended, targets, now=now)
    done = {each.post_id for each in ended if each.status != TargetStatus.CANCELLED}
    going = [each for each in targets if each.post_id in done]
    sync_each(Post.objects.filter(pk__in=done).order_by("pk"), going, now=now)
