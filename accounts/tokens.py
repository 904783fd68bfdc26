"""Tokens: those that a sign-in gives, and their renewal before they end, once at a time and without losing new ones."""

import logging
import time
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections, transaction
from django.db.models import Q
from structlog.contextvars import bound_contextvars

from accounts import credentials, grants, platforms, registry, shares
from accounts.models import AccountStatus, SocialAccount, SocialAccountQuerySet
from accounts.platforms.base import Connector
from accounts.platforms.errors import (
    AuthExpired,
    NotConnected,
    PlatformError,
    RateLimited,
    Rejected,
    Unavailable,
    Unknown,
    WhoActs,
)
from accounts.platforms.shapes import Account, Tokens
from accounts.session import NetworkSession
from ouipost import claims
from ouipost.claims import Claim
from ouipost.crypto import CannotDecrypt
from ouipost.events.journal import SYSTEM, record
from ouipost.phrases import Phrase
from workspaces.models import Workspace

logger = logging.getLogger(__name__)

LEAST_AHEAD, MOST_AHEAD = timedelta(minutes=30), timedelta(days=7)
TRY_AGAIN_SECONDS, MOST_DOUBLINGS = 30, 7
LEASE_SECONDS = 60
RUN_SECONDS = 300
"""Time after which a run begins no other account: Celery stops a run at 500 s, and new tokens may be lost with the
call that it interrupts."""
KEEP_AGAIN_SECONDS = 0.5
STALE_WITHIN = timedelta(seconds=30)
IN_DOUBT = MOST_AHEAD - timedelta(days=1)
"""A token with less life left should have been renewed long ago."""
TOKEN_EXPIRED = Phrase("The access token has expired.")
NOT_OPENED = Phrase("The stored tokens cannot be opened; the operator's log has the cause.")
Answer = TypeVar("Answer")


class BeingRenewed(Exception):
    """Another process is refreshing the account's token: try again in a few seconds."""


def refresh_time(account: SocialAccount, *, now: datetime) -> datetime | None:
    """Return when to refresh: with a quarter of the token's life left, but half an hour to a week before its end.

    Short-lived tokens, and those that cannot be renewed once ended, are refreshed at half their life. None: never.
    """
    ends = account.access_expires_at
    if ends is None or not account.refresh_token:
        return None
    life = ends - now
    if registry.get(account.platform).renews_itself:
        return now + life / 2  # an installation may be off for weeks
    ahead = min(max(life / 4, LEAST_AHEAD), MOST_AHEAD)
    return max(ends - ahead, now + life / 2)


def take_tokens(account: SocialAccount, tokens: Tokens, *, now: datetime) -> None:
    """Put the tokens of a new sign-in into the account's row, which works again with them."""
    account.permissions = list(tokens.scopes)
    account.status, account.last_error = AccountStatus.ACTIVE, None
    account.refresh_token = ""  # from an earlier sign-in, maybe by another person
    account.seal(tokens)
    account.due_at, account.lease_until = refresh_time(account, now=now), None
    account.fence += 1  # a running refresh loses its claim, so the new tokens stay


def refresh_due(limit: int = 20, *, is_ending: Callable[[], bool] = lambda: False) -> int:
    """Refresh accounts that are due, one after the other, each once; returns how many were tried.

    Each is claimed right before its call, so that the call has a whole lease. Once a server gives no answer, its other
    accounts wait for the next run. No account is begun once the process `is_ending`.
    """
    taken: list[str] = []
    passed_over = Q(pk__in=[])
    ends = time.monotonic() + RUN_SECONDS
    while len(taken) < limit and time.monotonic() < ends and not is_ending():
        rows = SocialAccount.objects.needing_refresh().exclude(Q(pk__in=taken) | passed_over)
        held = claims.claim_due(rows, limit=1, lease=_lease())
        if not held:
            break
        taken.append(held[0].pk)
        try:
            _refresh(held[0])
        except Unavailable as error:  # the cause is in the log and in the account's health
            if _got_no_answer(error):
                passed_over |= _at_the_server_of(held[0].pk)
        except Exception:  # an error of ours with one account must not hold up the others
            logger.exception("The tokens of %s were left to their lease", held[0].pk)
    return len(taken)


def _got_no_answer(error: Unavailable) -> bool:
    """Whether the network may have kept the call waiting for all its time, as a server does that hangs."""
    return error.status is None and error.who_acts == WhoActs.NETWORK


def _at_the_server_of(account_id: str) -> Q:
    """Match the account and those due at the same server: all of its network, unless it has a server of its own."""
    account = SocialAccount.objects.select_related("workspace").filter(pk=account_id).first()
    if account is None:  # deleted meanwhile
        return Q(pk=account_id)
    mode = account.workspace.mode
    beside = Q(platform=account.platform, workspace__in=Workspace.objects.filter(mode=mode))  # no join: claims lock
    if not platforms.BY_ID[account.platform].has_servers:
        return beside
    due = SocialAccount.objects.needing_refresh().filter(beside, due_at__lte=claims.database_now())
    waiting = [account_id, *due.values_list("pk", flat=True)]
    servers = shares.servers(dict.fromkeys(waiting, shares.key_of(account.platform, mode)))
    return Q(pk__in=[each for each in waiting if servers.get(each) == servers.get(account_id)])


def _lease() -> timedelta:
    return claims.engine_time(LEASE_SECONDS)


def is_stale(account: SocialAccount, *, now: datetime) -> bool:
    """Whether the access token ends before a call could use it."""
    return account.access_expires_at is not None and account.access_expires_at <= now + STALE_WITHIN


def require_usable(account: SocialAccount, *, now: datetime) -> None:
    """Raise NotConnected if the account has no token, and AuthExpired if it ends before a call could use it."""
    if not account.access_token:
        raise NotConnected(Phrase("The account is not connected any more."))
    if account.refresh_token and is_stale(account, now=now):
        raise AuthExpired(TOKEN_EXPIRED)


def authorized(account: SocialAccount, ask: Callable[[Account], Answer], *, now: datetime) -> Answer:
    """Call `ask` with a valid token.

    A token that has ended is renewed; one that is refused before its end is renewed once, and if that does not help
    the account expires. Raises BeingRenewed while another process renews the token, and the errors of `renew`.
    """
    began, renewed = time.monotonic(), False
    while True:
        asked_at = now + timedelta(seconds=time.monotonic() - began)
        try:
            if not renewed:
                require_usable(account, now=asked_at)
            return ask(account.unseal())
        except AuthExpired as error:
            close_old_connections()  # the thread's connection may be old
            answered_at = now + timedelta(seconds=time.monotonic() - began)
            if renewed and not _is_over(account, asked_at=asked_at, answered_at=answered_at):
                expire(account, error)
                raise
            if not renew(account, error):
                raise BeingRenewed from error
            renewed = True


def _is_over(account: SocialAccount, *, asked_at: datetime, answered_at: datetime) -> bool:
    """Whether a token ended while it was used, as in a long upload, or was replaced meanwhile."""
    ended = is_stale(account, now=answered_at) and not is_stale(account, now=asked_at)
    return ended or _is_replaced(account)


def _is_replaced(account: SocialAccount) -> bool:
    """Whether this is no longer the account's token: it was renewed, or its owner has signed in again or out."""
    return not _with_this_token(account).exists()


def _with_this_token(account: SocialAccount) -> SocialAccountQuerySet:
    """Return the account's row; empty once it has another token."""
    return SocialAccount.objects.filter(pk=account.pk, access_token=account.access_token)


def renew(account: SocialAccount, error: AuthExpired) -> bool:
    """Get a new token after a call ended in this error; returns False if another process does so, or has done so.

    Raises the error again if no new token is possible, and Unavailable if the network, or a fault that the operator
    must fix, prevents the renewal.
    """
    if not account.refresh_token:
        if not account.access_token:  # it was disconnected: no new sign-in is needed
            raise error
        if _is_replaced(account):
            return False
        expire(account, error)
        raise error
    renewed = refresh_now(account)
    account.refresh_from_db(fields=["access_token", "refresh_token", "access_expires_at", "status"])
    if not renewed and account.status == AccountStatus.EXPIRED:
        raise error
    return renewed


def refresh_now(account: SocialAccount) -> bool:
    """Refresh an account out of turn; returns False if another process does so, or nothing can be refreshed.

    Raises Unavailable, with the cause, if the refresh failed and will be tried again, or if it failed less than half a
    minute ago for a reason that the operator must fix.
    """
    with transaction.atomic():
        now = claims.database_now()
        rows = _with_this_token(account).connected()
        free = rows.filter(claims.is_free(now))
        free.exclude(refresh_token="").update(due_at=now)
        held = claims.claim(rows, [account.pk], lease=_lease())
    if held:
        return _refresh(held[0])
    error = failed_just_now(account)
    if error and error.get("who_acts") == WhoActs.OPERATOR:
        raise Unavailable(error["message"], code=error["code"], who_acts=WhoActs.OPERATOR)
    return False


def refresh_soon(account_ids: Collection[str], *, now: datetime) -> None:
    """Make the refresh of accounts due whose access may have been revoked; its refusal expires them."""
    rows = SocialAccount.objects.needing_refresh().filter(claims.is_free(now), pk__in=account_ids)
    rows.exclude(refresh_token="").update(due_at=now)


def failed_just_now(account: SocialAccount) -> dict[str, str] | None:
    """Return the error of a refresh that failed less than half a minute ago, during which none is tried; else None."""
    now = claims.database_now()
    rows = _with_this_token(account).connected()
    return rows.filter(due_at__gt=now, lease_until__gt=now).values_list("last_error", flat=True).first()


def _refresh(claim: Claim) -> bool:
    """Ask the network for new tokens and store them; only the holder of the claim does, so no token is used twice.

    Returns False if the claim was lost meanwhile, or the account has expired; raises Unavailable if the refresh will be
    tried again.
    """
    rows = SocialAccount.objects.select_related("workspace")
    account = rows.filter(pk=claim.pk, fence=claim.fence).first()
    if account is None:
        return False  # its owner has just signed in again, with other tokens
    with bound_contextvars(account_id=account.pk, network=account.platform):
        return _ask(account, claim, now=claims.database_now())


def _ask(account: SocialAccount, claim: Claim, *, now: datetime) -> bool:
    try:
        connector = registry.connector(account.platform, account.workspace)
        session = registry.session(account.platform, account.workspace, deadline=claim.deadline)
        tokens = _renewed(connector, session, account, now=now)
    except (PlatformError, registry.PlatformNotConfigured, CannotDecrypt) as error:
        if isinstance(error, AuthExpired | Rejected) and is_owners(error):
            expire(account, error, claim=claim)
            return False
        logger.warning("Tokens of %s were not refreshed: %s", account.pk, error)
        unavailable = _our_own_fault(error) or obstacle(error)
        _try_again(account, unavailable, claim=claim)
        raise unavailable from error
    return _keep(account, tokens, claim=claim, now=now)


def _renewed(connector: Connector, session: NetworkSession, account: SocialAccount, *, now: datetime) -> Tokens:
    """Return new tokens; raises the refusal of the app if that, not an expired token, is the cause of a 401."""
    try:
        return connector.refresh(session, account.unseal(), now=now)
    except PlatformError as error:
        may_be_the_app = error.status == HTTPStatus.UNAUTHORIZED and connector.needs_app
        refusal = credentials.refusal(connector, session, now=now) if may_be_the_app and is_owners(error) else None
        if refusal and (isinstance(refusal, Unavailable | Unknown) or refusal.who_acts == WhoActs.OPERATOR):
            raise refusal from error
        raise


def _our_own_fault(error: Exception) -> Unavailable | None:
    """Return Unavailable for a request of ours that the network refuses, which only the operator can fix; else None."""
    if not isinstance(error, Rejected) or error.who_acts != WhoActs.CALLER or error.is_nameless:
        return None
    return Unavailable(who_acts=WhoActs.OPERATOR, **error.facts)


def is_owners(error: PlatformError) -> bool:
    """Whether a refusal is the network's own, and only the account's owner can fix its cause."""
    return error.who_acts == WhoActs.ACCOUNT_OWNER and not error.is_nameless


def obstacle(error: Exception) -> Unavailable:
    """Return an error of a refresh as Unavailable for callers that need the tokens: nothing was done, try again."""
    if isinstance(error, Unavailable):
        return error
    if isinstance(error, registry.PlatformNotConfigured):
        return Unavailable(error.message, who_acts=WhoActs.OPERATOR)
    if not isinstance(error, PlatformError):
        return Unavailable(NOT_OPENED, who_acts=WhoActs.OPERATOR)
    if isinstance(error, Unknown) or error.is_nameless:
        return Unavailable(**error.facts)
    return Unavailable(code=error.code, who_acts=error.who_acts, **error.facts)


def shown(error: PlatformError) -> dict[str, str]:
    """Return an error in the form of an account's health."""
    return {"code": error.code, "message": error.message, "who_acts": str(error.who_acts)}


def _try_again(account: SocialAccount, error: Unavailable, *, claim: Claim) -> None:
    """Let the next try wait 30 s, or as long as the network asks for.

    After a quota error, and after a call that got no answer, it waits twice as long each time, up to about an hour.

    The lease lasts for 30 s only, in which no other refresh is tried: whoever needs the tokens may ask after them.
    """
    now = claims.database_now()
    free_at = now + claims.engine_time(TRY_AGAIN_SECONDS)
    is_doubled = isinstance(error, RateLimited) or _got_no_answer(error)
    doublings: int = 2 ** min(claim.unsettled, MOST_DOUBLINGS) if is_doubled else 1
    own = claims.engine_time(TRY_AGAIN_SECONDS * doublings)
    due_at = now + max(own, timedelta(seconds=error.retry_after or 0))
    health = {"last_error": shown(error), **_end_in_doubt(account, now=now)}
    claims.write(SocialAccount, claim, due_at=due_at, lease_until=free_at, **health)


def _end_in_doubt(account: SocialAccount, *, now: datetime) -> dict[str, datetime]:
    """Return `expires_at` if the connection ends with the token, and its renewal has failed for long; else nothing."""
    ends = account.access_expires_at
    if ends is None or ends >= now + IN_DOUBT or not registry.get(account.platform).renews_itself:
        return {}
    return {"expires_at": ends}


def _keep(account: SocialAccount, tokens: Tokens, *, claim: Claim, now: datetime) -> bool:
    """Store new tokens; returns False if the claim was lost.

    The new tokens of an account that was disconnected meanwhile are revoked, as the old ones were: at some networks the
    new ones would stay valid. While the database is away, storing is tried again until the lease ends, up to 60 s. If
    it stays away longer, or the process ends, the tokens are lost; if each refresh token works only once, the next
    refresh then expires the account.
    """
    account.seal(tokens)
    while True:
        try:
            stored = _store(account, claim, due_at=refresh_time(account, now=now))
            break
        except (OperationalError, InterfaceError):
            if claim.seconds_left <= 0:
                logger.exception("The new tokens of %s could not be stored: they are lost", account.pk)
                raise
        close_old_connections()
        time.sleep(KEEP_AGAIN_SECONDS)
    if not stored and not SocialAccount.objects.connected().filter(pk=account.pk).exists():
        grants.revoke_unless_shared(account.workspace, account, account.unseal(), now=now)
    return stored


@transaction.atomic
def _store(account: SocialAccount, claim: Claim, *, due_at: datetime | None) -> bool:
    """Release an account with its new tokens; an unreadable one stays in `error`, which new tokens do not fix."""
    status = SocialAccount.objects.select_for_update().values_list("status", flat=True).filter(pk=account.pk).first()
    well = {} if status == AccountStatus.ERROR else {"status": AccountStatus.ACTIVE, "last_error": None}
    return claims.release(
        SocialAccount,
        claim,
        access_token=account.access_token,
        refresh_token=account.refresh_token,
        access_expires_at=account.access_expires_at,
        expires_at=account.expires_at,
        due_at=due_at,
        **well,
    )


@transaction.atomic
def expire(account: SocialAccount, error: PlatformError, *, claim: Claim | None = None) -> None:
    """Mark an account as expired, so that its owner must sign in again, and record that once."""
    rows = SocialAccount.objects.connected().exclude(status=AccountStatus.EXPIRED).filter(pk=account.pk)
    rows = rows.filter(fence=claim.fence) if claim else rows.filter(access_token=account.access_token)
    trouble = shown(error)
    if rows.update(status=AccountStatus.EXPIRED, due_at=None, lease_until=None, expires_at=None, last_error=trouble):
        record("expired", account, actor=SYSTEM, platform=account.platform, account_name=account.name, **trouble)
