"""Tokens that a later sign-in of the same person has ended, where that had other scopes."""

from accounts import registry
from accounts.models import SocialAccount
from accounts.platforms.base import Connector
from accounts.platforms.errors import AuthExpired
from accounts.platforms.shapes import Candidate, Tokens
from accounts.tokens import expire
from ouipost.phrases import Phrase
from workspaces.models import Workspace

ENDED_ELSEWHERE = Phrase(
    "The same person has signed in elsewhere with other permissions, and the network has ended this sign-in. Sign in "
    "again, with the same permissions everywhere."
)


def expire_elsewhere(workspace: Workspace, candidate: Candidate, *, platform: str) -> None:
    """Expire the person's accounts in other workspaces whose tokens a sign-in has ended.

    Another workspace may be another customer's: it is told at once, but gets no tokens that were not given for it.
    """
    connector = registry.get(platform, sandbox=workspace.is_sandbox)
    if not connector.other_scopes_end_tokens:
        return
    present = Workspace.objects.present().filter(mode=workspace.mode).exclude(pk=workspace.pk)
    rows = SocialAccount.objects.connected().filter(platform=platform, workspace__in=present)
    for other in rows.filter(metadata__user_id=candidate.metadata["user_id"]).order_by("pk"):
        if is_ended(connector, other, candidate.tokens):
            expire(other, AuthExpired(ENDED_ELSEWHERE))


def is_ended(connector: Connector, account: SocialAccount, tokens: Tokens) -> bool:
    """Whether new tokens of the same person have ended an account's own."""
    has_other_scopes = bool(account.permissions) and set(account.permissions) != set(tokens.scopes)
    return has_other_scopes and connector.is_of_this_product(account.metadata)
