"""Keeps the targets of drafts in step with the accounts that their ids stand for, when a default changes."""

from collections.abc import Sequence

from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import SocialAccount
from ouipost.db.rows import in_parts, insert_each
from posts import destinations
from posts.models import Post, PostStatus, Target, TargetStatus
from posts.schedules.queue import BATCH


def bring_drafts(account: SocialAccount) -> None:
    """Update the drafts that name an account or its network, after it was connected, disconnected or made the default.

    Every 500 drafts cost a few statements.
    """
    drafts = Post.objects.filter(workspace=account.workspace_id, status=PostStatus.DRAFT)
    named = Q(destinations__icontains=f'"{account.platform}"') | Q(destinations__icontains=f'"{account.pk}"')
    pks = list(drafts.filter(named).order_by("pk").values_list("pk", flat=True))
    for some in in_parts(pks, BATCH):
        changed = follow(list(drafts.select_for_update().filter(pk__in=some).order_by("pk")))
        Post.objects.filter(pk__in=changed).update(updated_at=Now())


def follow(drafts: Sequence[Post]) -> set[str]:
    """Give locked drafts of one workspace the targets that their ids stand for; returns the ids of changed posts.

    A cancelled target stays as it is, unless its post goes to the account again.
    """
    if not drafts:
        return set()
    given = {name for post in drafts for name in post.destinations}
    accounts = destinations.await_standing(drafts[0].workspace_id, given)
    pairs = [(post.pk, accounts[name]) for post in drafts for name in post.destinations if name in accounts]
    wanted = {(post_id, account.pk): account for post_id, account in pairs}
    present = {(target.post_id, target.account_id): target for target in Target.objects.filter(post__in=drafts)}
    off = {key: target for key, target in present.items() if target.status == TargetStatus.CANCELLED}
    goes = [key for key in present if key not in wanted and key not in off]
    back, new = [key for key in wanted if key in off], [key for key in wanted if key not in present]
    Target.objects.filter(pk__in=[present[key].pk for key in goes]).take_out()
    again = Target.objects.filter(pk__in=[off[key].pk for key in back])
    again.update(status=TargetStatus.DRAFT, scheduled_at=None)
    insert_each([Target(post_id=key[0], account=wanted[key], platform=wanted[key].platform) for key in new])
    return {post_id for post_id, _ in [*goes, *back, *new]}
