"""Addresses of posts at their networks, as people give them."""

from dataclasses import asdict
from datetime import datetime
from urllib.parse import urlsplit

from accounts import platforms, registry
from accounts.models import SocialAccount
from accounts.platforms.errors import ErrorCode
from accounts.platforms.shapes import Published
from ouipost.errors import InvalidInput
from ouipost.phrases import Phrase
from posts.advice import failure
from posts.models import REMOTE_ID_LENGTH, Target, TargetStatus

REST_UNSENT = failure(
    ErrorCode.OUTCOME_UNKNOWN,
    Phrase("The post was settled by hand, and what follows it was not sent: a reply needs the network's own answer."),
)


def found_at(target: Target, url: str) -> Published:
    """Return the post at this address, with its id if the address holds it; raises InvalidInput if it is another
    target's of the account, in whatever workspace."""
    account = target.account
    post_id = registry.of(account).post_id_at(url, account.without_tokens())
    same = SocialAccount.objects.filter(platform=account.platform, remote_id=account.remote_id)
    others = Target.objects.filter(account__in=same, remote_id=post_id).exclude(pk=target.pk)
    if post_id and others.exists():
        raise InvalidInput(url=[Phrase("Another post of this account has this address: give the one of this post.")])
    return Published(remote_id=post_id if len(post_id) <= REMOTE_ID_LENGTH else "", url=url)


def settle_at(target: Target, url: str, *, now: datetime) -> None:
    """Settle a target as published: its post, or the part of it that is in doubt, is at this address."""
    found = found_at(target, url)
    target.error = REST_UNSENT if len(target.parts) < target.replies else None
    known = {"", *(part["remote_id"] for part in target.parts)}  # a comment may have the address of its post
    if target.replies and found.remote_id not in known:
        target.parts = [*target.parts, asdict(found)]
    target.remote_id, target.url = target.remote_id or found.remote_id, target.url or found.url
    target.status, target.published_at, target.outcome_unknown = TargetStatus.PUBLISHED, now, False
    target.save()


def address_warnings(target: Target, url: str) -> list[str]:
    """Return what to ask about a post's address that a person gives: its network shows posts at other hosts.

    The sandbox shows them at any.
    """
    network, host = platforms.BY_ID[target.platform], urlsplit(url).hostname or ""
    if not url or target.post.workspace.is_sandbox or network.shows_posts_at(host):
        return []
    question = Phrase(
        "It is an address at {host}, not at {usual}: is it the right one?", host=host, usual=network.post_hosts[0]
    )
    return [question]
