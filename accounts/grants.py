"""Revoking a person's grant at the network, once no connected account uses it."""

import logging
from datetime import datetime, timedelta

from accounts import registry
from accounts.candidates import candidates_of
from accounts.models import Connection, SocialAccount
from accounts.platforms.errors import PlatformError
from accounts.platforms.shapes import Account, Candidate
from ouipost.crypto import CannotDecrypt
from workspaces.models import Workspace

logger = logging.getLogger(__name__)

ANSWERED_WITHIN = timedelta(minutes=2)
"""A sign-in that has opened nothing by then has failed."""


def revoke_unless_shared(workspace: Workspace, account: SocialAccount, revocable: Account, *, now: datetime) -> None:
    """Revoke the tokens that an account had, unless another account, or a sign-in on its way, needs the same grant.

    Call it after the commit that disconnects: otherwise two accounts that share a grant and are disconnected at once
    would each see the other as connected, and nobody would revoke.
    """
    # In this order: a sign-in that ends in between has connected its accounts in the same transaction.
    if not (_can_be_shared(account) and (_is_awaited(account, now=now) or _is_shared(account))):
        revoke(workspace, account.platform, revocable)


def _can_be_shared(account: SocialAccount) -> bool:
    """Whether revoking the account's tokens can end those of another sign-in."""
    return account.metadata.get("user_id") is not None or registry.get(account.platform).revokes_everywhere


def _is_awaited(account: SocialAccount, *, now: datetime) -> bool:
    """Whether revoking might end the tokens of a sign-in that waits for its network's answer, or for a choice."""
    network = registry.get(account.platform)
    waiting = Connection.objects.open(now).filter(platform__in=[network.id, *network.shares_grants_with])
    return any(_may_open(each, account, now=now) for each in waiting.exclude(exchanged_at=None))


def _may_open(connection: Connection, account: SocialAccount, *, now: datetime) -> bool:
    """Whether a sign-in has opened an account with the same grant; until the network has answered, it might."""
    try:
        opened = candidates_of(connection)
    except CannotDecrypt:
        return True
    if not opened:
        assert connection.exchanged_at is not None
        return now - connection.exchanged_at < ANSWERED_WITHIN
    return any(_is_of_grant(account, each, platform=connection.platform) for each in opened)


def _is_of_grant(account: SocialAccount, candidate: Candidate, *, platform: str) -> bool:
    person = account.metadata.get("user_id")
    if person is not None:
        return bool(candidate.metadata.get("user_id") == person)
    return (platform, candidate.remote_id) == (account.platform, account.remote_id)


def _is_shared(account: SocialAccount) -> bool:
    """Whether revoking would end the tokens of a connected account, maybe of this one, connected again meanwhile.

    One person's sign-in can open several accounts, and the same account can be in several workspaces. The other account
    may be at another network: one app of Meta can be registered for Facebook and Instagram.
    """
    person = account.metadata.get("user_id")
    connected = SocialAccount.objects.connected()
    if person is not None:
        return connected.filter(metadata__user_id=person).exists()
    return connected.filter(platform=account.platform, remote_id=account.remote_id).exists()


def revoke(workspace: Workspace, platform: str, account: Account) -> None:
    """Ask the network to revoke the tokens, best effort."""
    try:
        registry.connector(platform, workspace).revoke(registry.session(platform, workspace), account)
    except (PlatformError, registry.PlatformNotConfigured) as error:
        logger.warning("The tokens of %s at %s were not revoked: %s", account.remote_id, platform, error)
