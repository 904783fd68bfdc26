"""What a sign-in does to the same person's other sign-ins, at a network where other scopes end the earlier tokens.

The person's accounts in the same workspace get the new tokens, and a sign-in that waits for a choice ends. Accounts in
other workspaces expire at once: nobody agreed there to what these tokens allow, and they would be found dead only when
a post fails (decision 68).
"""

from collections.abc import Collection
from datetime import datetime

from accounts import hooks, registry
from accounts.candidates import candidates_of
from accounts.family import lock_family
from accounts.models import Connection, SocialAccount
from accounts.platforms.base import Connector
from accounts.platforms.errors import AuthExpired
from accounts.platforms.shapes import Candidate
from accounts.tokens import expire, refresh_soon, take_tokens
from ouipost.crypto import CannotDecrypt
from ouipost.db.locks import in_transaction
from ouipost.events.journal import Actor, record
from ouipost.phrases import Phrase
from workspaces.models import Workspace

ENDED_ELSEWHERE = Phrase(
    "The same person has signed in elsewhere with other permissions, and the network has ended this sign-in. Sign in "
    "again, with the same permissions everywhere."
)


def renew_others(connection: Connection, candidate: Candidate, *, actor: Actor, now: datetime) -> None:
    """Do all this as soon as a sign-in's tokens are there: the others' have ended, even if nothing is chosen."""
    workspace, platform = connection.workspace, connection.platform
    connector = _of(connection)
    if connector.other_scopes_end_tokens:
        in_transaction(lambda: _end_waiting(connection, candidate, now=now))
        in_transaction(lambda: _expire_elsewhere(connector, workspace, candidate, platform=platform))
        in_transaction(lambda: _hand_on(connector, workspace, candidate, platform=platform, actor=actor, now=now))


def check_soon(connection: Connection, scopes: Collection[str], *, now: datetime) -> None:
    """Have the accounts checked whose tokens a sign-in with these scopes may have ended: nobody knows whose it is."""
    connector = _of(connection)
    if not connector.other_scopes_end_tokens:
        return
    present = Workspace.objects.present().filter(mode=connection.workspace.mode)
    rows = SocialAccount.objects.connected().filter(platform=connection.platform, workspace__in=present)
    doubtful = [each.pk for each in rows.order_by("pk") if _is_ended(connector, each, scopes)]
    refresh_soon(doubtful, now=now)
    for hook in hooks.on_doubt:
        hook(doubtful, now)


def _of(connection: Connection) -> Connector:
    return registry.get(connection.platform, sandbox=connection.workspace.is_sandbox)


def _end_waiting(connection: Connection, candidate: Candidate, *, now: datetime) -> None:
    """End the person's other sign-ins that wait for a choice: the accounts chosen would get dead tokens."""
    same_app = {"platform": connection.platform, "workspace__mode": connection.workspace.mode}
    waiting = Connection.objects.open(now).filter(**same_app).exclude(pk=connection.pk).exclude(exchanged_at=None)
    ended = [each.pk for each in waiting if _opened_with_other_scopes(each, candidate)]
    waiting.filter(pk__in=ended).update(expires_at=now, sealed="")


def _opened_with_other_scopes(connection: Connection, candidate: Candidate) -> bool:
    person = candidate.metadata["user_id"]
    try:
        opened = candidates_of(connection)
    except CannotDecrypt:
        return False  # nothing can be chosen
    theirs = [each for each in opened if each.metadata["user_id"] == person]
    return any(set(each.tokens.scopes) != set(candidate.tokens.scopes) for each in theirs)


def _expire_elsewhere(connector: Connector, workspace: Workspace, candidate: Candidate, *, platform: str) -> None:
    """Expire the person's accounts in other workspaces whose tokens a sign-in has ended.

    Another workspace may be another customer's: it is told at once, but gets no tokens that were not given for it.
    """
    present = Workspace.objects.present().filter(mode=workspace.mode).exclude(pk=workspace.pk)
    rows = SocialAccount.objects.connected().filter(platform=platform, workspace__in=present)
    for other in rows.filter(metadata__user_id=candidate.metadata["user_id"]).order_by("pk"):
        if _is_ended(connector, other, candidate.tokens.scopes):
            expire(other, AuthExpired(ENDED_ELSEWHERE))


def _hand_on(
    connector: Connector, workspace: Workspace, candidate: Candidate, *, platform: str, actor: Actor, now: datetime
) -> None:
    """Give a sign-in's tokens to those of the person's accounts in the workspace whose own it has ended."""
    for other in lock_family(workspace.pk, platform):
        is_theirs = other.is_connected and other.metadata.get("user_id") == candidate.metadata["user_id"]
        if is_theirs and _is_ended(connector, other, candidate.tokens.scopes):
            take_tokens(other, candidate.tokens, now=now)
            other.save()
            hooks.tell_of_sign_in(other, now=now)
            record("connected", other, actor=actor, platform=other.platform, account_name=other.name)


def _is_ended(connector: Connector, account: SocialAccount, scopes: Collection[str]) -> bool:
    """Whether a sign-in of the same person with these scopes has ended an account's tokens."""
    has_other_scopes = bool(account.permissions) and set(account.permissions) != set(scopes)
    return has_other_scopes and connector.is_of_this_product(account.metadata)
