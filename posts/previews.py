"""Preview the content for each account, and its network's objections; nothing here is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from accounts import registry
from accounts.models import SocialAccount
from accounts.platforms import text
from accounts.platforms.base import Connector
from accounts.platforms.limits import Limits
from accounts.platforms.shapes import Content, Media
from posts import destinations, rules, services
from posts.content import compose
from posts.media import files
from posts.models import Post, PostStatus, Target, TargetStatus
from posts.repeats import find_repeats
from posts.schedules.slots import instant
from workspaces.models import Workspace


@dataclass(frozen=True, kw_only=True)
class Preview:
    """One recipient of a post: no target before the post is scheduled, no account before one is connected."""

    target_id: str | None
    account_id: str | None
    platform: Connector
    content: Content
    """As the network shows it."""
    limits: Limits
    """The limits of this very content for this account."""
    issues: list[dict[str, Any]]

    @property
    def title(self) -> str | None:
        """The title, if the network shows the one of such a post."""
        return self.content.title if self.content.title and self.platform.shows_title(self.content) else None

    @property
    def length(self) -> int:
        """The text's length as its network counts it."""
        return text.length(self.content.text, self.limits.characters_counted_as)


def validate(
    workspace: Workspace, *, values: dict[str, Any], scheduled_at: datetime | None, zone: str, now: datetime
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return all errors and warnings that scheduling such a new post would bring, and the warnings of creating it about
    fields without effect.

    Raises as creating it would.
    """
    found = destinations.resolve(workspace, values["platforms"], overrides=values.get("platform_content"))
    post = services.unsaved_post(workspace, values=values, now=now)
    if scheduled_at is not None:
        post.scheduled_at = instant(scheduled_at, zone=zone)
        services.require_future(post.scheduled_at, now=now)
    issues = rules.find_issues(post, [*found.accounts, *destinations.stand_ins(workspace, found.missing.values())], [])
    return [*issues, *find_repeats(post, found.accounts, at=post.scheduled_at or now)], found.unused(post, [])


def preview(post: Post, *, media: Sequence[Media] | None = None) -> list[Preview]:
    """Return each target's content: the sent one if it is or may be out, else the one that would be sent now.

    `media` replaces the post's own files, for a post that is not stored or is to get others.
    """
    held = files.as_content(post) if media is None else media
    networks = rules.Networks()
    return [_preview(post, account, target, held, networks) for account, target in _recipients(post)]


def _recipients(post: Post) -> list[tuple[SocialAccount, Target | None]]:
    targets = list(Target.objects.filter(post=post).select_related("account").order_by("pk"))
    if post.status == PostStatus.DRAFT:
        present = {target.account_id: target for target in targets}
        found = destinations.of(post)
        accounts = [*found.accounts, *_absent(post.workspace, found.missing)]
        return [(account, present.get(account.pk) if account.is_connected else None) for account in accounts]
    for target in targets:
        target.account.workspace = post.workspace
    return [(target.account, target) for target in targets if target.status != TargetStatus.CANCELLED]


def _absent(workspace: Workspace, missing: Mapping[str, str]) -> list[SocialAccount]:
    """Return the accounts of a post that were disconnected, and stand-ins for those that were never there."""
    gone = [name for name, platform in missing.items() if name != platform]
    accounts = list(SocialAccount.objects.filter(pk__in=gone).order_by("pk")) if gone else []
    for account in accounts:
        account.workspace = workspace
    return [*accounts, *destinations.stand_ins(workspace, [name for name in missing if name not in gone])]


def _preview(
    post: Post, account: SocialAccount, target: Target | None, media: Sequence[Media], networks: rules.Networks
) -> Preview:
    platform = registry.of(account)
    content = compose(post, account, platform, media)
    if target is not None and _shows_sent_text(target):
        content = replace(content, text=target.sent_text)
    is_out = target is not None and target.status == TargetStatus.PUBLISHED
    return Preview(
        target_id=target.pk if target else None,
        account_id=account.pk,
        platform=platform,
        content=platform.as_shown(content),
        limits=platform.limits_for(content, account.metadata),
        issues=[] if is_out else rules.issues_of(account, content, post=post, networks=networks),
    )


def _shows_sent_text(target: Target) -> bool:
    """Return whether a target is, or may be, out, so that its sent text is shown."""
    return bool(target.sent_text) and (target.status == TargetStatus.PUBLISHED or target.outcome_unknown)
