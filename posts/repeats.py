"""Warn if an account already gets the same text near a post's time: people send twice by mistake."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from accounts import registry
from accounts.models import SocialAccount
from accounts.platforms.limits import Issue
from ouipost.phrases import Phrase
from posts.content import compose, overrides
from posts.models import Post, PostStatus, Target, TargetStatus

HOURS = 24
LOOKED_AT = 500
"""Posts of a workspace within this time, the newest, whose texts are compared."""
ON_THEIR_WAY = (
    PostStatus.SCHEDULED,
    PostStatus.PUBLISHING,
    PostStatus.PUBLISHED,
    PostStatus.PARTIALLY_PUBLISHED,
    PostStatus.NEEDS_REVIEW,
)
OUT_OR_TO_BE = (
    TargetStatus.SCHEDULED,
    TargetStatus.PUBLISHING,
    TargetStatus.PUBLISHED,
    TargetStatus.NEEDS_REVIEW,
)


def find_repeats(
    post: Post, accounts: Sequence[SocialAccount], *, at: datetime, stored: Post | None = None
) -> Iterator[dict[str, Any]]:
    """Give a warning for each account that gets, or got, the same text within a day of this moment.

    `stored` is the saved version of this post, which is no repeat of it.
    """
    others = _near(post, at=at)
    others.pop(stored.pk if stored else post.pk, None)
    targets = Target.objects.filter(post__in=others, account__in=accounts, status__in=OUT_OR_TO_BE).order_by("pk")
    for account in accounts:
        text = _text(post, account)
        candidates = [others[target.post_id] for target in targets if target.account_id == account.pk]
        same = next((each for each in candidates if text and _has(each, account, text)), None)
        if same is not None:
            yield _repeated(same, account).told_of(account.platform, account.pk)


def _near(post: Post, *, at: datetime) -> dict[str, Post]:
    near = timedelta(hours=HOURS)
    rows = Post.objects.filter(
        workspace=post.workspace_id, moment__range=(at - near, at + near), status__in=ON_THEIR_WAY
    )
    return {each.pk: each for each in rows.order_by("-moment", "-pk")[:LOOKED_AT]}


def _has(post: Post, account: SocialAccount, text: str) -> bool:
    """Return whether this account gets this text of a post. Posts that begin differently are not composed."""
    begin = overrides(post.platform_content, account).get("content", post.content)
    return text.startswith(begin.strip()) and _text(post, account) == text


def _text(post: Post, account: SocialAccount) -> str:
    return compose(post, account, registry.of(account), []).text


def _repeated(same: Post, account: SocialAccount) -> Issue:
    return Issue(
        rule="repeated_text",
        field="content",
        message=Phrase(
            "{account} has another post with the same text at {moment}.",
            account=account.introduced,
            moment=f"{same.moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        ),
        limit=HOURS,
        actual=same.pk,
        severity="warning",
        fix=Phrase("Change the text, unless it is meant to be there twice."),
    )
