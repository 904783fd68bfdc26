"""Whether a post can go out: each account's network asked with the very content that it would get."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from accounts import registry
from accounts.models import AccountStatus, SocialAccount
from accounts.platforms import rules
from accounts.platforms.base import Connector, Content, Issue, Media, Platform
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
    if not passes(issues):
        raise PostNotPublishable(issues=issues)


def passes(issues: Iterable[dict[str, Any]]) -> bool:
    """Whether a post with these issues can go out: warnings do not stop it."""
    return all(issue["severity"] != "error" for issue in issues)


def find_issues(post: Post, accounts: Iterable[SocialAccount], media: Sequence[Media]) -> list[dict[str, Any]]:
    """Return every issue of every account: `{rule, platform, account_id, field, message, limit, actual, …}`."""
    return [
        issue
        for account in accounts
        for issue in issues_of(account, compose(post, account, registry.get(account.platform), media))
    ]


def issues_of(account: SocialAccount, content: Content) -> list[dict[str, Any]]:
    """Return what its network would refuse in this content, and what is wrong with the account itself.

    An account without an id stands for one that is yet to be connected: the network's rules hold all the same.
    """
    platform = registry.get(account.platform)
    found = platform.validate(content) if isinstance(platform, Connector) else rules.check(content, platform.limits)
    return [
        asdict(issue) | {"platform": account.platform, "account_id": account.pk}
        for issue in [*found, *_of_connection(account, platform)]
    ]


def _of_connection(account: SocialAccount, platform: Platform) -> Iterator[Issue]:
    if account.pk is None or not account.is_connected:
        yield Issue(
            rule="account_not_connected",
            field="platforms",
            message=f"No account is connected for {platform.name}.",
            fix=_how_to_connect(platform),
        )
    elif account.status == AccountStatus.EXPIRED:
        yield Issue(
            rule="account_expired",
            field="platforms",
            message=f"{account.name} must be reconnected before this post can go out.",
            severity="warning",
            fix=f"POST /api/accounts/{account.pk}/reconnect",
        )


def _how_to_connect(platform: Platform) -> str:
    if isinstance(platform, Connector):
        return f'POST /api/accounts {{"platform": "{platform.id}"}}'
    return f"{platform.name} cannot be connected yet: take it out of the platforms."
