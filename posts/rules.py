"""Whether a post can go out: each account's network asked with the very content that it would get."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from accounts import registry
from accounts.models import AccountStatus, SocialAccount
from accounts.platforms.base import Connector, Issue, Media
from ouipost.errors import DomainError
from posts.content import compose
from posts.models import Post


class PostNotPublishable(DomainError):
    code = "POST_NOT_PUBLISHABLE"
    status = 422
    message = "The networks would refuse this post: details.issues says why."


def check(post: Post, accounts: Iterable[SocialAccount], media: Sequence[Media]) -> None:
    """Raise PostNotPublishable with all that any network would refuse."""
    issues = find_issues(post, accounts, media)
    if any(issue["severity"] == "error" for issue in issues):
        raise PostNotPublishable(issues=issues)


def find_issues(post: Post, accounts: Iterable[SocialAccount], media: Sequence[Media]) -> list[dict[str, Any]]:
    """Return every issue of every account: `{rule, platform, account_id, field, message, limit, actual, …}`."""
    return [
        asdict(issue) | {"platform": account.platform, "account_id": account.pk}
        for account in accounts
        for issue in _issues(post, account, media)
    ]


def _issues(post: Post, account: SocialAccount, media: Sequence[Media]) -> list[Issue]:
    platform = registry.get(account.platform)
    issues = platform.validate(compose(post, account, platform, media)) if isinstance(platform, Connector) else []
    if account.status == AccountStatus.EXPIRED:
        issues.append(
            Issue(
                rule="account_expired",
                field="platforms",
                message=f"{account.name} must be reconnected before this post can go out.",
                severity="warning",
                fix=f"POST /api/accounts/{account.pk}/reconnect",
            )
        )
    return issues
