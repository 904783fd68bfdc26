"""Signing in: from the consent page's address, through the code that comes back, to the connected accounts."""

import math
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse
from oauthlib.oauth2 import WebApplicationClient

from accounts import hooks, other_sign_ins, profiles, registry
from accounts.addresses import hosted_url, is_hosted
from accounts.candidates import candidates_of, dump
from accounts.family import lock_family
from accounts.models import NAME_LENGTH, Connection, SocialAccount
from accounts.platforms.base import Connector, PasswordConnector, SignIn
from accounts.platforms.errors import AuthExpired, PlatformError, Rejected, Unknown, WhoActs, app_refused
from accounts.platforms.gone import gone_message
from accounts.platforms.http import said
from accounts.platforms.oauth2 import OPERATOR_ERRORS, OAuth2Connector
from accounts.platforms.shapes import Candidate, Tokens
from accounts.tokens import shown, take_tokens
from ouipost.crypto import digest
from ouipost.db.locks import in_transaction
from ouipost.db.pruning import Old
from ouipost.errors import DomainError, InvalidInput
from ouipost.events.journal import Actor, record
from ouipost.phrases import Phrase, both, joined
from workspaces.models import Workspace

EXPIRES_IN = 600
MOST_TRIES = 10
"""How often a link of our own sign-in page is tried: whoever has it could guess passwords."""
TRY_SECONDS = 15.0
"""Whoever has such a link names the server, so it gets less time than networks have."""
TRY_LASTS = timedelta(seconds=TRY_SECONDS + 5)
"""The lease of a try."""
ACCOUNT_ID_LENGTH = 200
"""Bluesky's ids of posts, stored in at most 255 characters, begin with the account's id."""
MOST_NAMED = 3
"""How many accounts a refusal names."""
DENIALS = ("access_denied", "user_denied", "user_cancelled_login", "user_cancelled_authorize")
"""Error codes of networks for a person who denies access; any other is between the network and this installation."""

ELSEWHERE = Phrase("This account is already connected, and is not on that server. Check the server's address.")


class OAuthStateInvalid(DomainError):
    code = "OAUTH_STATE_INVALID"
    status = 422
    message = Phrase("This sign-in is unknown, has expired or was already used: start again with POST /api/accounts.")


class TooManyTries(OAuthStateInvalid):
    message = Phrase("Signing in was tried too often with this link: ask for a new one where you got it.")


class BeingTried(DomainError):
    message = Phrase("Somebody signs in with this link at this moment: try again in a few seconds.")


class OAuthExchangeFailed(DomainError):
    code = "OAUTH_EXCHANGE_FAILED"
    status = 422
    message = Phrase("The network did not complete the sign-in.")


@dataclass(frozen=True, kw_only=True)
class Started:
    """An opened sign-in: the address to send the person to, and the state that comes back."""

    auth_url: str
    state: str
    warnings: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Pending:
    """Several accounts were granted: the caller chooses."""

    connection: Connection
    candidates: list[Candidate]


def start(
    workspace: Workspace,
    *,
    platform: str,
    callback_url: str,
    scopes: Sequence[str] | None = None,
    key_id: str,
    actor: Actor,
    now: datetime,
    account: SocialAccount | None = None,
) -> Started:
    """Open a sign-in that is valid for ten minutes.

    It asks for `scopes` beside the required ones; None: for those that the account to reconnect has been granted.

    Raises PlatformNotConfigured, and InvalidInput for a callback or scopes that the network does not take.
    """
    if platform not in registry.IDS:  # the network of an account to reconnect
        raise registry.PlatformNotConfigured(gone_message(platform), platform=platform)
    connector = registry.connector(platform, workspace)
    require_usable(platform, callback_url=callback_url, scopes=scopes or ())
    state = secrets.token_urlsafe(32)
    verifier = secrets.token_urlsafe(64) if connector.uses_pkce else ""
    granted = registry.scopes_granted(account) if account else []
    asked = list(dict.fromkeys([*connector.scopes, *(granted if scopes is None else scopes)]))
    connection = Connection(
        workspace=workspace,
        key_id=key_id,
        platform=platform,
        account=account,
        state_digest=digest(state),
        callback_url=callback_url,
        scopes=asked,
        expires_at=now + timedelta(seconds=EXPIRES_IN),
    )
    connection.seal(verifier)
    with transaction.atomic():
        connection.save()
        record("started", connection, actor=actor, platform=platform, account=account.pk if account else None)
    auth_url = _consent_url(connector, connection, state=state, verifier=verifier)
    return Started(auth_url=auth_url, state=state, warnings=_unasked(connector, scopes or ()))


def require_usable(platform: str, *, callback_url: str = "", scopes: Sequence[str] = ()) -> None:
    """Raise InvalidInput for a callback with a query if the network takes none, for our callback page of another
    network, and for scopes that contain the network's separator, each by its position."""
    network = registry.get(platform)
    told = list(_callback_problems(network, callback_url))
    problems: dict[str, list[str]] = {"callback_url": told} if told else {}
    separator = network.scope_separator if isinstance(network, OAuth2Connector) else " "
    several = Phrase(
        "{network} separates scopes by a {separator}: name each alone.", network=network.name, separator=separator
    )
    problems |= {f"scopes.{place}": [several] for place, scope in enumerate(scopes) if separator in scope}
    if problems:
        raise InvalidInput(**problems)


def _callback_problems(network: Connector, callback_url: str) -> Iterator[str]:
    if "?" in callback_url and not network.redirect_may_have_query:
        yield Phrase(
            "{network} takes no callback_url with a query: leave out the ? and what is behind it.", network=network.name
        )
    if is_hosted(callback_url) and not is_hosted(callback_url, network.id):
        yield Phrase(
            "This is our page for another network: the one for {network} is {page}.",
            network=network.name,
            page=hosted_url(network.id),
        )


def _unasked(connector: Connector, scopes: Sequence[str]) -> list[str]:
    """Return a warning if scopes are named for a network that has none."""
    if not scopes or not isinstance(connector, PasswordConnector):
        return []
    return [Phrase("{network} has no scopes: the ones you named are ignored.", network=connector.name)]


def _consent_url(connector: Connector, connection: Connection, *, state: str, verifier: str) -> str:
    if isinstance(connector, PasswordConnector):
        page = reverse("connect", args=[connector.id])
        return f"{settings.PUBLIC_BASE_URL}{page}?{urlencode({'state': state})}"
    challenge = WebApplicationClient("").create_code_challenge(verifier, "S256") if verifier else ""
    url = connector.authorize_url(
        redirect_uri=connection.callback_url, state=state, scopes=connection.scopes, code_challenge=challenge
    )
    return registry.session(connection.platform, connection.workspace).public_url(url)


def seconds_left(*, now: datetime, **wanted: Any) -> int:
    """Return how many seconds the sign-in with these values is still open; 0 if it is not."""
    ends = Connection.objects.open(now).filter(**wanted).values_list("expires_at", flat=True).first()
    return int((ends - now).total_seconds()) if ends else 0


def find_by_state(state: str, *, platform: str, now: datetime) -> Connection:
    """Return the open sign-in of our own sign-in page; raises OAuthStateInvalid, or TooManyTries if that is why."""
    open_ones = Connection.objects.open(now).filter(platform=platform, exchanged_at=None, workspace__deleted_at=None)
    connection = open_ones.select_related("workspace").filter(state_digest=digest(state)).first()
    if connection is None or not isinstance(registry.get(platform), PasswordConnector):
        raise OAuthStateInvalid
    if connection.tries >= MOST_TRIES:
        raise TooManyTries
    return connection


def sign_in(connection: Connection, credentials: SignIn, *, actor: Actor, now: datetime) -> str:
    """Check an app password at its network and return the code for the callback.

    Raises PlatformError if the password is refused, or if the named server falsely claims an account that is already
    connected in the workspace: that server would get the account's posts. Raises OAuthStateInvalid if the sign-in has
    ended meanwhile, BeingTried while another try runs, and TooManyTries after ten.
    """
    tries = in_transaction(lambda: _begin_try(connection, now=now))
    try:
        candidates = _opened(connection, credentials, now=now)
    except PlatformError as error:
        in_transaction(partial(_fail_try, connection, tries, error, actor=actor))
        raise
    code = secrets.token_urlsafe(32)
    connection.seal(dump(candidates))
    still_open = Connection.objects.open(now).filter(pk=connection.pk, exchanged_at=None)

    def keep() -> None:
        if not still_open.update(code_digest=digest(code), sealed=connection.sealed, trying_until=None):
            raise OAuthStateInvalid
        record("signed_in", connection, actor=actor, platform=connection.platform)

    in_transaction(keep)
    return code


def _begin_try(connection: Connection, *, now: datetime) -> int:
    """Count a try before the network is asked, so that parallel ones are no more than successive ones.

    Returns the number of tries with this one. The lease of a process that died ends by itself.
    """
    row = Connection.objects.open(now).select_for_update().filter(pk=connection.pk, exchanged_at=None).first()
    if row is None:
        raise OAuthStateInvalid
    if row.trying_until is not None and row.trying_until > now:
        raise BeingTried(retry_after=math.ceil((row.trying_until - now).total_seconds()))
    if row.tries >= MOST_TRIES:
        raise TooManyTries
    row.tries, row.trying_until = row.tries + 1, now + TRY_LASTS
    row.save(update_fields=["tries", "trying_until"])
    return row.tries


def _fail_try(connection: Connection, tries: int, error: PlatformError, *, actor: Actor) -> None:
    """End the try, unless a later one runs, and record it."""
    Connection.objects.filter(pk=connection.pk, tries=tries).update(trying_until=None)
    record("sign_in_failed", connection, actor=actor, platform=connection.platform, **shown(error))


def _opened(connection: Connection, credentials: SignIn, *, now: datetime) -> list[Candidate]:
    """Return what an app password opens; raises PlatformError as `sign_in` does."""
    connector = registry.connector(connection.platform, connection.workspace)
    assert isinstance(connector, PasswordConnector)
    session = registry.session(connection.platform, connection.workspace)
    candidates = connector.sign_in(session, credentials, now=now)
    for known, candidate in _replaced(connection, candidates):
        if not connector.is_theirs(session, candidate, credentials, known=known.metadata):
            raise Rejected(ELSEWHERE)
    return candidates


def _replaced(connection: Connection, candidates: list[Candidate]) -> list[tuple[SocialAccount, Candidate]]:
    """Return the connected accounts of the workspace that candidates would replace, each with its candidate."""
    accounts = SocialAccount.objects.connected().filter(workspace=connection.workspace, platform=connection.platform)
    known = {account.remote_id: account for account in accounts}
    return [(known[each.remote_id], each) for each in candidates if each.remote_id in known]


def with_query(url: str, **added: str) -> str:
    """Return the callback address with these parameters added to its query."""
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, urlencode(added)]))
    return urlunsplit(parts._replace(query=query))


def complete(
    workspace: Workspace, *, state: str, code: str, key_id: str, actor: Actor, now: datetime
) -> list[SocialAccount] | Pending:
    """Exchange the code for accounts: connect the only one that was granted, or return the candidates to choose from.

    The state is used up whatever the network answers. Raises OAuthStateInvalid or OAuthExchangeFailed.
    """
    connection = in_transaction(lambda: _take(workspace, state=state, key_id=key_id, actor=actor, now=now))
    candidates = _candidates(connection, code=code, now=now)
    if not candidates:
        raise OAuthExchangeFailed(registry.connector(connection.platform, workspace).nothing_opened)
    other_sign_ins.renew_others(connection, candidates[0], actor=actor, now=now)
    if connection.account is not None:
        candidates = _of(connection.account, candidates)
    if any(len(each.remote_id) > ACCOUNT_ID_LENGTH for each in candidates):
        message = Phrase("The network's id of this account has more than {most} characters.", most=ACCOUNT_ID_LENGTH)
        raise OAuthExchangeFailed(message)
    connection.seal(dump(candidates))
    if not Connection.objects.filter(pk=connection.pk).update(sealed=connection.sealed):
        raise OAuthStateInvalid  # deleted with its workspace during the network call
    if len(candidates) == 1:
        return _connect(connection, candidates, actor=actor, now=now)
    return Pending(connection=connection, candidates=candidates)


def refuse(
    workspace: Workspace, *, state: str, error: str, words: str = "", key_id: str, actor: Actor, now: datetime
) -> None:
    """Use up the state of a sign-in that came back with an error, in the network's words, and without a code.

    Always raises OAuthExchangeFailed.
    """
    connection = in_transaction(lambda: _take(workspace, state=state, key_id=key_id, actor=actor, now=now))
    message = _refusal(registry.get(connection.platform).name, error, words)
    raise OAuthExchangeFailed(message, reason=error[:200])


def _refusal(network: str, error: str, words: str) -> str:
    if not error or error in DENIALS:
        return Phrase("The person did not grant access.")
    told = said(network, words, otherwise=Phrase("did not complete the sign-in."))
    return _with_verdict(app_refused(message=told)) if error in OPERATOR_ERRORS else told


def select(
    workspace: Workspace, *, connection_id: str, chosen: list[str] | None, key_id: str, actor: Actor, now: datetime
) -> list[SocialAccount]:
    """Connect the chosen candidates of a sign-in (None: all); raises OAuthStateInvalid or InvalidInput."""
    found = Connection.objects.open(now).filter(pk=connection_id, workspace=workspace, key_id=key_id)
    connection = found.exclude(exchanged_at=None).first()
    if connection is None:
        raise OAuthStateInvalid
    candidates = candidates_of(connection)
    known = {each.remote_id for each in candidates}
    unknown = sorted(set(chosen or []) - known)
    if unknown:
        raise InvalidInput(select=[Phrase("Not among the candidates: {unknown}.", unknown=", ".join(unknown))])
    wanted = known if chosen is None else set(chosen)
    return _connect(connection, [each for each in candidates if each.remote_id in wanted], actor=actor, now=now)


def _take(workspace: Workspace, *, state: str, key_id: str, actor: Actor, now: datetime) -> Connection:
    """Claim the state for this one call: a second call with it finds nothing."""
    found = Connection.objects.open(now).filter(workspace=workspace, key_id=key_id, state_digest=digest(state))
    unanswered = found.filter(exchanged_at=None)
    connection = unanswered.select_related("workspace", "account").first()
    if connection is None or not unanswered.update(exchanged_at=now):
        raise OAuthStateInvalid
    record("answered", connection, actor=actor, platform=connection.platform)
    return connection


def _candidates(connection: Connection, *, code: str, now: datetime) -> list[Candidate]:
    connector = registry.connector(connection.platform, connection.workspace)
    if isinstance(connector, PasswordConnector):
        if not secrets.compare_digest(connection.code_digest, digest(code)):
            raise OAuthExchangeFailed(Phrase("The code is not the one that the sign-in page gave."))
        return candidates_of(connection)
    session = registry.session(connection.platform, connection.workspace)
    given: Tokens | None = None
    try:
        given = connector.exchange(
            session, code=code, redirect_uri=connection.callback_url, code_verifier=connection.unseal(), now=now
        )
        return connector.candidates(session, given)
    except PlatformError as error:
        if given or isinstance(error, Unknown):
            scopes = given.scopes if given else connection.scopes
            in_transaction(lambda: other_sign_ins.check_soon(connection, scopes, now=now))
        raise OAuthExchangeFailed(_with_verdict(error)) from error


def _of(account: SocialAccount, candidates: list[Candidate]) -> list[Candidate]:
    """Return, in a list, the candidate that is this account.

    If there are only others, raises OAuthExchangeFailed, which names these and the account.
    """
    found = [each for each in candidates if each.remote_id == account.remote_id]
    if found:
        return found
    network = registry.get(account.platform)
    names = [_called(each, network) for each in candidates[:MOST_NAMED]]
    told = Phrase(
        "The sign-in gave access to {given}, and not to {expected}, the account to reconnect. Sign in at {network} for "
        "that one: log out there first if it takes you for somebody else.",
        given=both([joined(names), *([Phrase("others")] if candidates[MOST_NAMED:] else [])]),
        expected=called(account.name, account.handle),
        network=network.name,
    )
    raise OAuthExchangeFailed(told)


def _called(candidate: Candidate, network: Connector) -> str:
    name, handle = profiles.in_a_line(candidate.profile.name), network.handle(candidate.profile.username)
    return called(name[:NAME_LENGTH], handle[:NAME_LENGTH]) or candidate.remote_id


def called(name: str, handle: str) -> str:
    """Return the name of an account with what tells it from others of that name."""
    return f"{name} ({handle})" if name and handle else name or handle


def _with_verdict(error: PlatformError) -> str:
    return Phrase("{verdict}: {error}", verdict=_verdict(error), error=error.message)


def _verdict(error: PlatformError) -> str:
    if error.who_acts == WhoActs.OPERATOR:
        return Phrase("The sign-in needs this installation's operator first")
    if isinstance(error, Rejected | AuthExpired):
        return Phrase("The network refused the sign-in")
    return Phrase("The sign-in could not be completed, start again")


def _connect(
    connection: Connection, candidates: list[Candidate], *, actor: Actor, now: datetime
) -> list[SocialAccount]:
    """Use up the sign-in and connect these; retried after a lost race, as no network takes the code a second time."""
    use_up = partial(_use_up, connection, candidates, actor=actor, now=now)
    try:
        return in_transaction(use_up)
    except IntegrityError:  # another request inserted the account, or the network's default one
        return in_transaction(use_up)


def _use_up(connection: Connection, candidates: list[Candidate], *, actor: Actor, now: datetime) -> list[SocialAccount]:
    if not Connection.objects.open(now).filter(pk=connection.pk).update(used_at=now, sealed=""):
        raise OAuthStateInvalid
    if isinstance(registry.get(connection.platform), PasswordConnector):
        began = connection.expires_at - timedelta(seconds=EXPIRES_IN)
        if any(known.connected_at > began for known, _ in _replaced(connection, candidates)):
            raise OAuthStateInvalid  # connected since, so `sign_in` could not check the server
    return [
        connect(connection.workspace, platform=connection.platform, candidate=each, actor=actor, now=now)
        for each in candidates
    ]


@transaction.atomic
def connect(workspace: Workspace, *, platform: str, candidate: Candidate, actor: Actor, now: datetime) -> SocialAccount:
    """Connect an account, or store new tokens for a known one, which keeps its id and its posts.

    Raises OAuthStateInvalid if the workspace was deleted during the network calls.
    """
    family = lock_family(workspace.pk, platform)
    is_first = not any(each.default_of for each in family)
    present = Workspace.objects.present().filter(pk=workspace.pk)
    # A draft that is being written for a network without a default holds the workspace's row, and no account's.
    if (present.select_for_update() if is_first else present).first() is None:
        raise OAuthStateInvalid
    account = next((each for each in family if each.remote_id == candidate.remote_id), None) or SocialAccount(
        workspace=workspace, platform=platform, remote_id=candidate.remote_id, connected_at=now
    )
    comes = account not in family or not account.is_connected
    if account.disconnected_at is not None:
        account.connected_at, account.disconnected_at = now, None
    account.type, account.metadata = candidate.type, dict(candidate.metadata)
    profiles.take(account, candidate.profile, now=now)
    take_tokens(account, candidate.tokens, now=now)
    if is_first:
        account.default_of = platform
    account.save()
    if comes:
        hooks.tell_of_standing(account)
    hooks.tell_of_sign_in(account, now=now)
    record("connected", account, actor=actor, platform=platform, account_name=account.name)
    return account


def old(now: datetime) -> tuple[Old, ...]:
    """Return the sign-ins that have ended, with any tokens that they still hold."""
    return (Old(name="connections", rows=Connection.objects.filter(expires_at__lte=now).order_by("expires_at", "pk")),)
