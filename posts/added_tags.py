"""Find scheduled posts that networks would refuse because a setting now adds other hashtags to them."""

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import UTC
from typing import Any

from accounts.models import SocialAccount
from accounts.platforms.shapes import Media
from ouipost.phrases import Phrase, joined
from posts import rules
from posts.content import default_hashtags
from posts.media import files
from posts.models import Post, PostStatus, Target, TargetStatus
from workspaces.models import Workspace

MOST_READ, MOST_NAMED = 300, 20
Pair = tuple[SocialAccount, SocialAccount]
"""An account as it is now, and as it was before."""


def of_workspace(workspace: Workspace, before: Mapping[str, Any]) -> list[str]:
    """Return warnings about posts of a workspace that had these settings before."""
    was = copy(workspace)
    was.settings = before
    accounts = SocialAccount.objects.connected().filter(workspace=workspace)
    return _warnings(workspace, [(_with(each, workspace=workspace), _with(each, workspace=was)) for each in accounts])


def of_account(account: SocialAccount, before: Mapping[str, Any]) -> list[str]:
    """Return warnings about posts that go to an account that had these settings before."""
    return _warnings(account.workspace, [(account, _with(account, settings=before))])


def _with(account: SocialAccount, **values: Any) -> SocialAccount:
    """Return a copy of an account, which is never stored, with these values."""
    other = copy(account)
    for name, value in values.items():
        setattr(other, name, value)
    return other


def _tags(account: SocialAccount) -> list[str]:
    return default_hashtags(account.workspace.settings, account.settings)


def _warnings(workspace: Workspace, pairs: Sequence[Pair]) -> list[str]:
    """Name those of the next 300 scheduled posts that passed with the old settings and fail with the new ones."""
    changed = {now.pk: (now, was) for now, was in pairs if _tags(now) != _tags(was)}
    if not changed:
        return []
    scheduled = Post.objects.filter(workspace=workspace, status=PostStatus.SCHEDULED)
    posts = list(scheduled.order_by("moment", "pk")[:MOST_READ])
    going: dict[str, list[Pair]] = {post.pk: [] for post in posts}
    rows = Target.objects.filter(post__in=posts, account__in=changed, status=TargetStatus.SCHEDULED)
    for post_id, account_id in rows.order_by("pk").values_list("post_id", "account_id"):
        going[post_id].append(changed[account_id])
    media = files.as_contents(posts)
    found = [told for post in posts if (told := _refusal(post, going[post.pk], media[post.pk]))]
    more = [Phrase("So would {count} more of the scheduled posts.", count=len(found) - MOST_NAMED)]
    return found[:MOST_NAMED] + (more if len(found) > MOST_NAMED else [])


def _refusal(post: Post, going: Sequence[Pair], media: Sequence[Media]) -> str | None:
    """Return a message if networks refuse a post now and did not with the old settings, else None."""
    told = rules.refusals(post, [now for now, _ in going], media)
    if not told or rules.refusals(post, [was for _, was in going], media):
        return None
    assert post.scheduled_at is not None  # as it is scheduled
    return Phrase(
        "With the hashtags that are added now, {id} would be refused on {moment}. {told}",
        id=post.pk,
        moment=f"{post.scheduled_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        told=joined(told, " "),
    )
