"""What a sign-in does to the same person's other sign-ins, at a network where other scopes end the earlier tokens.

The person's accounts in the same workspace get the new tokens. Those in other workspaces expire at once: nobody agreed
there to what these tokens allow, and they would be found dead only when a post fails (decision 68).
"""

from datetime import datetime

from accounts import registry
from accounts.family import lock_family
from accounts.models import SocialAccount
from accounts.platforms.base import Connector
from accounts.platforms.errors import AuthExpired
from accounts.platforms.shapes import Candidate, Tokens
from accounts.tokens import expire, take_tokens
from ouipost.events.journal import Actor, record
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
        if _is_ended(connector, other, candidate.tokens):
            expire(other, AuthExpired(ENDED_ELSEWHERE))


def hand_on(tokens: Tokens, account: SocialAccount, *, actor: Actor, now: datetime) -> None:
    """Give a sign-in's tokens to those of the person's other accounts in the workspace whose own it has ended."""
    connector = registry.of(account)
    family = lock_family(account.workspace_id, account.platform) if connector.other_scopes_end_tokens else []
    for other in family:
        is_theirs = other.is_connected and other.metadata.get("user_id") == account.metadata["user_id"]
        if is_theirs and _is_ended(connector, other, tokens):
            take_tokens(other, tokens, now=now)
            other.save()
            record("connected", other, actor=actor, platform=other.platform, account_name=other.name)


def _is_ended(connector: Connector, account: SocialAccount, tokens: Tokens) -> bool:
    """Whether new tokens of the same person have ended an account's own."""
    has_other_scopes = bool(account.permissions) and set(account.permissions) != set(tokens.scopes)
    return has_other_scopes and connector.is_of_this_product(account.metadata)
