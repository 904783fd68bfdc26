"""Numbers as if they had been read: the product's own settling, with a network's answers made up."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from accounts.models import SocialAccount
from accounts.platforms.errors import PlatformError
from accounts.platforms.shapes import AccountNumbers, PostNumbers
from analytics.discovery import discover
from analytics.models import AccountSync, TargetNumbers
from analytics.settling import Answers, SyncResult, settle_all
from analytics.sync import claim_accounts
from ouipost import claims
from ouipost.claims import Claim
from posts.models import Post, Target, TargetStatus
from posts.status import sync
from tests.factories import NOW, make_post

EVER = timedelta(days=36_500)


def publish(account: SocialAccount, *, at: datetime, **values: Any) -> Target:
    """Write a post that this account published then, and take it up."""
    return publish_to([account], at=at, **values)[0]


def publish_to(accounts: list[SocialAccount], *, at: datetime, **values: Any) -> list[Target]:
    """Write a post that these accounts published then, and take it up; returns its targets in their order."""
    post = make_post(accounts[0].workspace, accounts=accounts, status=TargetStatus.PUBLISHED, **values)
    targets = {target.account_id: target for target in Target.objects.filter(post=post)}
    for target in targets.values():
        Target.objects.filter(pk=target.pk).update(published_at=at, remote_id=f"at-{target.pk}")
    sync(Post.objects.get(pk=post.pk))
    discover(now=at + timedelta(seconds=1), since=EVER)
    return [targets[account.pk] for account in accounts]


def claim(account: SocialAccount) -> Claim:
    """Claim an account as a syncer does, whenever it is due."""
    discover(now=NOW, since=timedelta())
    AccountSync.objects.filter(account=account).update(due_at=claims.database_now(), lease_until=None)
    jobs = claim_accounts(100, share=100, busy=Counter(), workspace_id=account.workspace_id)
    return next(job.claim for job in jobs if job.claim.pk == account.pk)


def read(
    account: SocialAccount,
    *,
    at: datetime,
    posts: Mapping[str, PostNumbers | None] | None = None,
    numbers: AccountNumbers | None = None,
    error: PlatformError | None = None,
    held: Claim | None = None,
) -> bool:
    """Settle a reading of an account at this time: its posts by the ids of their targets, and its own numbers."""
    found = {_id(target): told for target, told in (posts or {}).items()}
    result = SyncResult(
        claim=held or claim(account),
        at=at,
        answers=Answers(asked=list(found), posts=found, asked_account=numbers is not None, account=numbers),
        error=error,
        requests=1,
        access_token=account.access_token,
    )
    return settle_all([result])[0]


def _id(target: str) -> int:
    return TargetNumbers.objects.get(target=target).pk


def counts(impressions: int | None, engagement: int | None, **more: Any) -> PostNumbers:
    """Return what a network says of a post."""
    return PostNumbers(impressions=impressions, engagement=engagement, **more)
