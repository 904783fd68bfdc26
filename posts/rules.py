"""Check whether a post can go out, by each network's rules for the very content that its account would get."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from accounts import platforms, registry
from accounts.models import AccountStatus, SocialAccount
from accounts.platforms import rules
from accounts.platforms.base import Connector
from accounts.platforms.limits import Issue
from accounts.platforms.shapes import Content, Media
from ouipost.db.stored_json import misshapen
from ouipost.errors import DomainError
from ouipost.phrases import Moment, Phrase
from posts.content import compose
from posts.media.signing import is_public
from posts.models import Post
from posts.places import goes_out_later


class PostNotPublishable(DomainError):
    code = "POST_NOT_PUBLISHABLE"
    status = 422
    message = Phrase("The post cannot go out like this: details.issues says why.")

    @property
    def told(self) -> list[str]:
        """Return each network's objections as sentences, for people who do not see the details."""
        return _objections(self.details["issues"])


def check(
    post: Post, accounts: Iterable[SocialAccount], media: Sequence[Media], *, also: Iterable[dict[str, Any]] = ()
) -> None:
    """Raise PostNotPublishable with all that any network would refuse, and with these further issues."""
    issues = [*find_issues(post, accounts, media), *also]
    if not passes(issues):
        raise PostNotPublishable(issues=issues)


@dataclass(frozen=True, kw_only=True)
class Before:
    """A post as it was before a change: its texts, its files and the ids of the accounts that it went to."""

    post: Post
    media: Sequence[Media]
    accounts: Collection[str]

    def was_refused_by(self, account: SocialAccount) -> bool:
        """Return whether the post went to this account, whose network would have refused it."""
        return account.pk in self.accounts and not passes(find_issues(self.post, [account], self.media))


def check_change(post: Post, accounts: Sequence[SocialAccount], media: Sequence[Media], *, before: Before) -> None:
    """Raise PostNotPublishable if an account that is new to the post, or could take it before, cannot take it now.

    An account that could not take it before either is no reason: the change may be a step of the post's repair.
    """
    issues = find_issues(post, accounts, media)
    refusing = {issue["account_id"] for issue in issues if issue["severity"] == "error"}
    if not all(before.was_refused_by(account) for account in accounts if account.pk in refusing):
        raise PostNotPublishable(issues=issues)


def passes(issues: Iterable[dict[str, Any]]) -> bool:
    """Return whether a post with these issues can go out: warnings do not stop it."""
    return all(issue["severity"] != "error" for issue in issues)


def find_issues(post: Post, accounts: Iterable[SocialAccount], media: Sequence[Media]) -> list[dict[str, Any]]:
    """Return every issue of every account: `{rule, platform, account_id, field, message, limit, actual, …}`."""
    networks, issues = Networks(), list[dict[str, Any]]()
    for account in accounts:
        content = compose(post, account, registry.of(account), media)
        issues += _of_damage(post, account)
        issues += issues_of(account, content, post=post, networks=networks)
    return issues


def refusals(post: Post, accounts: Iterable[SocialAccount], media: Sequence[Media]) -> list[str]:
    """Return in sentences what networks refuse of the content alone, whatever its time and the accounts' standing."""
    networks, issues = Networks(), list[dict[str, Any]]()
    for account in accounts:
        content = compose(post, account, registry.of(account), media)
        found = _of_content(account, content, networks=networks)
        issues += [issue.told_of(account.platform, account.pk) for issue in found]
    return _objections(issues)


def _objections(issues: Iterable[dict[str, Any]]) -> list[str]:
    refused = [issue for issue in issues if issue["severity"] == "error"]
    return [
        Phrase("{network}: {told}", network=platforms.NAMES[issue["platform"]], told=issue["message"])
        for issue in refused
    ]


class Networks:
    """Check each network once for all its accounts with equal facts and content, as long texts take a while."""

    def __init__(self) -> None:
        self._told: list[tuple[str, Content, Mapping[str, Any], list[Issue]]] = []

    def issues(self, platform: Connector, content: Content, account: Mapping[str, Any]) -> list[Issue]:
        """Return what the network would refuse in this content, for an account with these facts."""
        for *asked, told in self._told:
            if asked == [platform.id, content, account]:
                return told
        issues = platform.validate(content, account)
        self._told.append((platform.id, content, account, issues))
        return issues


def _of_damage(post: Post, account: SocialAccount) -> Iterator[dict[str, Any]]:
    """Refuse to send damaged columns: nobody knows what they said."""
    for column in misshapen(post, account, account.workspace):
        issue = Issue(
            rule="stored_unreadable",
            field="platforms",
            message=Phrase("It is stored in a form that cannot be read: {columns}.", columns=column),
            fix=Phrase("Write it again, or ask the operator to repair it."),
        )
        yield issue.told_of(account.platform, account.pk)


def issues_of(account: SocialAccount, content: Content, *, post: Post, networks: Networks) -> list[dict[str, Any]]:
    """Return the network's issues with this content, and those of the account's connection, now or by the post's time.

    An account without an id is not connected yet; the network's rules apply to it too.
    """
    found = [
        *_of_content(account, content, networks=networks),
        *_of_connection(account, registry.of(account), post.scheduled_at),
        *_of_pace(account, post),
    ]
    return [issue.told_of(account.platform, account.pk) for issue in found]


def _of_content(account: SocialAccount, content: Content, *, networks: Networks) -> Iterator[Issue]:
    platform = registry.of(account)
    yield from rules.check_type(content, platform.post_types)
    yield from networks.issues(platform, content, account.metadata)
    yield from _of_title(content, platform)
    yield from _of_reach(content, account, platform)
    yield from _of_permissions(account, platform, content)


def may_show_title(post: Post, account: SocialAccount, media: Sequence[Media]) -> bool:
    """Return whether the network shows this post's title. A draft without files may still get one that allows it."""
    platform = registry.of(account)
    if not media and post.scheduled_at is None:
        return platform.has_titles
    return platform.shows_title(compose(post, account, platform, media))


def _of_title(content: Content, platform: Connector) -> Iterator[Issue]:
    if content.title and not platform.shows_title(content):
        yield Issue(
            rule="title_not_shown",
            field="title",
            message=Phrase("{network} shows no title of such a post: it is left out.", network=platform.name),
            actual=content.title,
            severity="warning",
            fix=Phrase("Remove the title for this network, or write it into the text."),
        )


def _of_reach(content: Content, account: SocialAccount, platform: Connector) -> Iterator[Issue]:
    """Give an issue if the network fetches files itself and cannot reach them; a gateway or the simulator can."""
    pulls = any(each.type in platform.pulls_media for each in content.media)
    if pulls and not registry.gateway(account.workspace) and not is_public(settings.PUBLIC_BASE_URL):
        yield Issue(
            rule="public_address_needed",
            field="media",
            message=Phrase(
                "{network} fetches files from this installation, and cannot reach its address from outside.",
                network=platform.name,
            ),
            actual=settings.PUBLIC_BASE_URL,
            fix=Phrase("The operator sets PUBLIC_BASE_URL to an https address that the internet can reach."),
        )


def _of_connection(account: SocialAccount, platform: Connector, at: datetime | None) -> Iterator[Issue]:
    warning = {"field": "platforms", "severity": "warning", "fix": f"POST /api/accounts/{account.pk}/reconnect"}
    if account.pk is None or not account.is_connected:
        none = Phrase("No account is connected for {network}.", network=platform.name)
        gone = Phrase("The account {account} was disconnected.", account=account.introduced)
        yield Issue(
            rule="account_not_connected",
            field="platforms",
            message=none if account.pk is None else gone,
            fix=f'POST /api/accounts {{"platform": "{platform.id}"}}',
        )
    elif account.status == AccountStatus.EXPIRED:
        yield Issue(rule="account_expired", message=must_reconnect(account), **warning)
    elif told := ends_first(account, at):
        yield Issue(rule="account_ends_first", message=told, **warning)


def _of_permissions(account: SocialAccount, platform: Connector, content: Content) -> Iterator[Issue]:
    """Give an issue if the sign-in left out a permission that this content needs."""
    needed = [platform.scopes_to_post, platform.scopes_to_reply if content.replies else ()]
    granted = set(account.permissions)
    refused = [scopes for scopes in needed if scopes and not granted.intersection(scopes)]
    missing = [next(scope for scope in platform.scopes if scope in scopes) for scopes in refused]
    if granted and missing:
        yield Issue(
            rule="permission_missing",
            field="platforms",
            message=Phrase(
                "{account} does not allow this app what the post needs: {scopes}.",
                account=account.introduced,
                scopes=", ".join(missing),
            ),
            limit=missing,
            actual=account.permissions,
            fix=Phrase("Connect the account again and allow it."),
        )


def _of_pace(account: SocialAccount, post: Post) -> Iterator[Issue]:
    if told := goes_out_later(account, post):
        yield Issue(
            rule="pace_delays",
            field="scheduled_at",
            message=told,
            severity="warning",
            fix=Phrase("Choose a later time, or spread the account's posts."),
        )


def must_reconnect(account: SocialAccount) -> Phrase:
    """Say that nothing goes out to an account whose tokens have ended."""
    return Phrase("{account} must be reconnected before this post can go out.", account=account.introduced)


def ends_first(account: SocialAccount, at: datetime | None) -> Phrase | None:
    """Return a message if the account's connection is known to end before this time, else None."""
    if at is None or account.expires_at is None or account.expires_at >= at:
        return None
    return Phrase(
        "The connection of {account} ends on {moment}, before this post is due: it must be renewed by then.",
        account=account.introduced,
        moment=Moment(f"{account.expires_at.astimezone(UTC):%Y-%m-%d} UTC", account.expires_at),
    )
