"""Adopt posts that late answers named: targets that ended without a post are published all the same."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from accounts.models import SocialAccount
from ouipost.events.journal import Actor
from posts.models import Post, Target, TargetStatus
from posts.publishing.outcomes import when_out
from posts.publishing.past_answers import LATE, late_posts
from posts.status import sync_each

IN_VAIN = (TargetStatus.NEEDS_REVIEW, TargetStatus.FAILED, TargetStatus.MISSED, TargetStatus.CANCELLED)


def adopted(targets: Sequence[Target], *, now: datetime) -> dict[str, dict[str, Any]]:
    """Return, by id, the columns of the targets for which late answers name exactly one post."""
    answers = zip(targets, late_posts(targets) if targets else [], strict=True)
    going = {"status": TargetStatus.PUBLISHING, "claim_count": 0}
    return {target.pk: going | when_out(target, late[0], now=now) for target, late in answers if len(late) == 1}


def adopt(ended: Iterable[Target], targets: Iterable[Target], *, now: datetime) -> None:
    """Settle those that ended without a post by the one id that late answers name; `targets` are all of their posts'.

    Targets that were taken out of their posts, and those of drafts, stay as they are: their post is adopted when they
    are sent again. The caller brings the posts, which it has locked, in step.
    """
    drafts = {each.post_id for each in targets if each.status == TargetStatus.DRAFT}
    left = [each for each in ended if not each.is_taken_out and each.post_id not in drafts]
    in_vain = {each.pk: each for each in left if each.status in IN_VAIN}
    for pk, values in adopted(list(in_vain.values()), now=now).items():
        Target.objects.filter(pk=pk, fence=in_vain[pk].fence).update(**values)
        for name, value in values.items():
            setattr(in_vain[pk], name, value)


def adopt_and_sync(posts: Iterable[str], *, now: datetime) -> None:
    """Adopt what late answers named of these locked posts, some of whose targets have just ended, and bring all of the
    posts in step."""
    targets = list(Target.objects.filter(post__in=posts).order_by("pk"))
    adopt([each for each in targets if each.sends], targets, now=now)
    sync_each(Post.objects.filter(pk__in=posts).order_by("pk"), targets, now=now)


def adopt_called_off(account: SocialAccount, actor: Actor, now: datetime) -> list[str]:
    """Publish the called-off targets of a disconnected account that late answers had named; none is cancelled here."""
    called_off = Target.objects.filter(account=account, status=TargetStatus.CANCELLED, sends__gt=0)
    named = called_off.filter(attempt_log__outcome=LATE)
    adopt_and_sync(set(named.values_list("post", flat=True)), now=now)
    return []
