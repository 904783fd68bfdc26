"""Revoking a person's grant at the network, once no connected account uses it."""

import logging

from accounts import registry
from accounts.models import SocialAccount
from accounts.platforms.errors import PlatformError
from accounts.platforms.shapes import Account
from workspaces.models import Workspace

logger = logging.getLogger(__name__)


def revoke_unless_shared(workspace: Workspace, account: SocialAccount, revocable: Account) -> None:
    """Revoke the tokens that an account had, unless another account needs the same grant.

    Call it after the commit that disconnects: otherwise two accounts that share a grant and are disconnected at once
    would each see the other as connected, and nobody would revoke.
    """
    if not _is_shared(account):
        revoke(workspace, account.platform, revocable)


def _is_shared(account: SocialAccount) -> bool:
    """Whether revoking would end the tokens of another connected account.

    One person's sign-in can open several accounts, and the same account can be in several workspaces. The other account
    may be at another network: one app of Meta can be registered for Facebook and Instagram.
    """
    person = account.metadata.get("user_id")
    others = SocialAccount.objects.connected().exclude(pk=account.pk)
    if person is not None:
        return others.filter(metadata__user_id=person).exists()
    same = others.filter(platform=account.platform, remote_id=account.remote_id)
    return registry.get(account.platform).revokes_everywhere and same.exists()


def revoke(workspace: Workspace, platform: str, account: Account) -> None:
    """Ask the network to revoke the tokens, best effort."""
    try:
        registry.connector(platform, workspace).revoke(registry.session(platform, workspace), account)
    except (PlatformError, registry.PlatformNotConfigured) as error:
        logger.warning("The tokens of %s at %s were not revoked: %s", account.remote_id, platform, error)
