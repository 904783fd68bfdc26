"""Signing in: from the address that the person is sent to, through the code that comes back, to connected accounts."""

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import regex
from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse
from oauthlib.oauth2 import WebApplicationClient

from accounts import hooks, registry
from accounts.credentials import hosted_url
from accounts.models import NAME_LENGTH, AccountStatus, Connection, SocialAccount
from accounts.platforms.base import (
    AuthExpired,
    Candidate,
    Connector,
    PasswordConnector,
    PlatformError,
    Profile,
    Rejected,
    SignIn,
    Tokens,
    WhoActs,
)
from accounts.platforms.gone import gone_message
from accounts.platforms.oauth2 import OAuth2Connector
from accounts.tokens import refresh_time
from ouipost.crypto import digest
from ouipost.db.locks import in_transaction
from ouipost.db.pruning import Old
from ouipost.db.rows import assign
from ouipost.errors import DomainError, InvalidInput
from ouipost.events.journal import Actor, record
from ouipost.phrases import Phrase
from ouipost.unicode import composed
from workspaces.models import Workspace

EXPIRES_IN = 600
CONTROL = re.compile(r"[\x00-\x1f]")
UNSEEN = regex.compile(r"(?V1)[\p{Cf}--[\u200C\u200D\U000E0020-\U000E007F]]")
"""Marks of format, of which some turn the text around them; scripts and emoji need joiners, and flags their tags."""
REMOTE_ID_LENGTH = 200
"""Bluesky's ids of posts, for which there is room for 255 characters, begin with the account's."""
DENIALS = ("access_denied", "user_denied", "user_cancelled_login", "user_cancelled_authorize")
"""What networks call it when a person says no; anything else is between them and this installation."""

ELSEWHERE = Phrase("This account is already connected, and is not on that server. Check the server's address.")


class OAuthStateInvalid(DomainError):
    code = "OAUTH_STATE_INVALID"
    status = 422
    message = Phrase("This sign-in is unknown, has expired or was already used: start again with POST /api/accounts.")


class OAuthExchangeFailed(DomainError):
    code = "OAUTH_EXCHANGE_FAILED"
    status = 422
    message = Phrase("The network did not complete the sign-in.")


@dataclass(frozen=True, kw_only=True)
class Started:
    """A sign-in that was opened: where to send the person, and the state that comes back with them."""

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
    scopes: Sequence[str] = (),
    key_id: str,
    actor: Actor,
    now: datetime,
    account: SocialAccount | None = None,
) -> Started:
    """Open a sign-in that is good for ten minutes; raises PlatformNotConfigured, and InvalidInput for a callback or
    scopes that the network does not take."""
    if platform not in registry.IDS:  # of an account that is to be connected again
        raise registry.PlatformNotConfigured(gone_message(platform), platform=platform)
    connector = registry.connector(platform, workspace)
    require_usable(platform, callback_url=callback_url, scopes=scopes)
    state = secrets.token_urlsafe(32)
    verifier = secrets.token_urlsafe(64) if connector.uses_pkce else ""
    asked = list(dict.fromkeys([*connector.scopes, *scopes]))
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
    return Started(auth_url=auth_url, state=state, warnings=_unasked(connector, scopes))


def require_usable(platform: str, *, callback_url: str = "", scopes: Sequence[str] = ()) -> None:
    """Raise InvalidInput for a callback that has a query where the network takes none, and for scopes that it would
    take for several, each by its place."""
    network = registry.get(platform)
    problems: dict[str, list[str]] = {}
    if "?" in callback_url and not network.redirect_may_have_query:
        told = Phrase(
            "{network} takes no callback_url with a query: leave out the ? and what is behind it.", network=network.name
        )
        problems["callback_url"] = [told]
    separator = network.scope_separator if isinstance(network, OAuth2Connector) else " "
    several = Phrase(
        "{network} separates scopes by a {separator}: name each alone.", network=network.name, separator=separator
    )
    problems |= {f"scopes.{place}": [several] for place, scope in enumerate(scopes) if separator in scope}
    if problems:
        raise InvalidInput(**problems)


def _unasked(connector: Connector, scopes: Sequence[str]) -> list[str]:
    """Say where scopes are named that cannot be asked for."""
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


def is_hosted(callback_url: str) -> bool:
    """Whether this is the address of our own page for one of the networks; a query may follow."""
    return callback_url.partition("?")[0] in {hosted_url(platform) for platform in registry.IDS}


def find_hosted(state: str, *, platform: str) -> Connection | None:
    """Return the sign-in with this state that comes back to our own page, whether or not it is still open."""
    found = Connection.objects.filter(state_digest=digest(state), platform=platform, workspace__deleted_at=None)
    connection = found.select_related("workspace", "account").first()
    if connection is None or connection.callback_url.partition("?")[0] != hosted_url(platform):
        return None
    return connection


def candidates_of(connection: Connection) -> list[Candidate]:
    """Return the accounts that a sign-in waits for a choice among; none where it does not."""
    return _load(connection.unseal())


def find_by_state(state: str, *, platform: str, now: datetime) -> Connection:
    """Return the open sign-in of our own sign-in page; raises OAuthStateInvalid."""
    open_ones = Connection.objects.open(now).filter(platform=platform, exchanged_at=None, workspace__deleted_at=None)
    connection = open_ones.select_related("workspace").filter(state_digest=digest(state)).first()
    if connection is None or not isinstance(registry.get(platform), PasswordConnector):
        raise OAuthStateInvalid
    return connection


def sign_in(connection: Connection, credentials: SignIn, *, actor: Actor, now: datetime) -> str:
    """Check an app password at its network and return the code for the callback.

    Raises PlatformError when it is refused, or when the server that was named says of an account of the workspace that
    it lives there, and this is not so: that server would get its posts. OAuthStateInvalid where the sign-in is over by
    then.
    """
    connector = registry.connector(connection.platform, connection.workspace)
    assert isinstance(connector, PasswordConnector)
    session = registry.session(connection.platform, connection.workspace)
    candidates = connector.sign_in(session, credentials, now=now)
    for known, candidate in _replaced(connection, candidates):
        if not connector.is_theirs(session, candidate, credentials, known=known.metadata):
            raise Rejected(ELSEWHERE)
    code = secrets.token_urlsafe(32)
    connection.seal(_dump(candidates))
    still_open = Connection.objects.open(now).filter(pk=connection.pk, exchanged_at=None)

    def keep() -> None:
        if not still_open.update(code_digest=digest(code), sealed=connection.sealed):
            raise OAuthStateInvalid
        record("signed_in", connection, actor=actor, platform=connection.platform)

    in_transaction(keep)
    return code


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
    """Exchange the code for accounts: connects the one that was granted, or returns the candidates to choose from.

    The state is used up whatever the network says. Raises OAuthStateInvalid or OAuthExchangeFailed.
    """
    connection = in_transaction(lambda: _take(workspace, state=state, key_id=key_id, actor=actor, now=now))
    candidates = _candidates(connection, code=code, now=now)
    if connection.account is not None:
        candidates = [each for each in candidates if each.remote_id == connection.account.remote_id]
        if not candidates:
            raise OAuthExchangeFailed(
                Phrase("The sign-in gave access to a different account from the one to reconnect.")
            )
    if not candidates:
        raise OAuthExchangeFailed(registry.connector(connection.platform, workspace).nothing_opened)
    if any(len(each.remote_id) > REMOTE_ID_LENGTH for each in candidates):
        message = Phrase("The network's id of this account has more than {most} characters.", most=REMOTE_ID_LENGTH)
        raise OAuthExchangeFailed(message)
    connection.seal(_dump(candidates))
    if not Connection.objects.filter(pk=connection.pk).update(sealed=connection.sealed):
        raise OAuthStateInvalid  # it went with its workspace while the network was asked
    if len(candidates) == 1:
        return _connect(connection, candidates, actor=actor, now=now)
    return Pending(connection=connection, candidates=candidates)


def refuse(workspace: Workspace, *, state: str, error: str, key_id: str, actor: Actor, now: datetime) -> None:
    """Use up the state of a sign-in that came back without a code; always raises OAuthExchangeFailed."""
    in_transaction(lambda: _take(workspace, state=state, key_id=key_id, actor=actor, now=now))
    is_denied = not error or error in DENIALS
    message = Phrase("The person did not grant access.") if is_denied else OAuthExchangeFailed.message
    raise OAuthExchangeFailed(message, reason=error[:200])


def select(
    workspace: Workspace, *, connection_id: str, chosen: list[str] | None, key_id: str, actor: Actor, now: datetime
) -> list[SocialAccount]:
    """Connect the chosen candidates of a sign-in (None: all); raises OAuthStateInvalid or InvalidInput."""
    found = Connection.objects.open(now).filter(pk=connection_id, workspace=workspace, key_id=key_id)
    connection = found.exclude(exchanged_at=None).first()
    if connection is None:
        raise OAuthStateInvalid
    candidates = _load(connection.unseal())
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
        return _load(connection.unseal())
    session = registry.session(connection.platform, connection.workspace)
    try:
        tokens = connector.exchange(
            session, code=code, redirect_uri=connection.callback_url, code_verifier=connection.unseal(), now=now
        )
        return connector.candidates(session, tokens)
    except PlatformError as error:
        raise OAuthExchangeFailed(Phrase("{verdict}: {error}", verdict=_verdict(error), error=error.message)) from error


def _verdict(error: PlatformError) -> str:
    if error.acts == WhoActs.OPERATOR:
        return Phrase("The sign-in needs this installation's operator first")
    if isinstance(error, Rejected | AuthExpired):
        return Phrase("The network refused the sign-in")
    return Phrase("The sign-in could not be completed, start again")


def _connect(
    connection: Connection, candidates: list[Candidate], *, actor: Actor, now: datetime
) -> list[SocialAccount]:
    """Use the sign-in up and connect these, again over lost races: no network takes its code a second time."""
    use_up = partial(_use_up, connection, candidates, actor=actor, now=now)
    try:
        return in_transaction(use_up)
    except IntegrityError:  # another was first with the account, or with the first one of its network
        return in_transaction(use_up)


def _use_up(connection: Connection, candidates: list[Candidate], *, actor: Actor, now: datetime) -> list[SocialAccount]:
    if not Connection.objects.open(now).filter(pk=connection.pk).update(used_at=now, sealed=""):
        raise OAuthStateInvalid
    if isinstance(registry.get(connection.platform), PasswordConnector):
        began = connection.expires_at - timedelta(seconds=EXPIRES_IN)
        if any(known.connected_at > began for known, _ in _replaced(connection, candidates)):
            raise OAuthStateInvalid  # when the server was asked, there was no account to ask whether it is theirs
    return [
        connect(connection.workspace, platform=connection.platform, candidate=each, actor=actor, now=now)
        for each in candidates
    ]


@transaction.atomic
def connect(workspace: Workspace, *, platform: str, candidate: Candidate, actor: Actor, now: datetime) -> SocialAccount:
    """Connect an account, or take over new tokens for one that is there, which keeps its id and its posts.

    Raises OAuthStateInvalid where the workspace has gone: the network was asked for a while.
    """
    family = lock_family(workspace.pk, platform)
    if not Workspace.objects.present().filter(pk=workspace.pk).exists():
        raise OAuthStateInvalid
    account = next((each for each in family if each.remote_id == candidate.remote_id), None) or SocialAccount(
        workspace=workspace, platform=platform, remote_id=candidate.remote_id, connected_at=now
    )
    comes = account not in family or not account.is_connected
    if account.disconnected_at is not None:
        account.connected_at, account.disconnected_at = now, None
    account.type, account.metadata = candidate.type, dict(candidate.metadata)
    account.permissions = list(candidate.tokens.scopes)
    account.status, account.last_error = AccountStatus.ACTIVE, None
    take_profile(account, candidate.profile, now=now)
    account.refresh_token = ""  # of an earlier sign-in, maybe another person's
    account.seal(candidate.tokens)
    account.due_at, account.lease_until = refresh_time(account, now=now), None
    account.fence += 1  # a refresh that is under way has lost its claim: the new tokens stay
    if not any(each.default_of for each in family):
        account.default_of = platform
    account.save()
    if comes:
        hooks.tell_of_standing(account)
    record("connected", account, actor=actor, platform=platform, account_name=account.name)
    return account


def lock_family(workspace_id: str, platform: str) -> list[SocialAccount]:
    """Lock the accounts of a workspace at one network, of which at most one is the default, and return them.

    Not their workspace: whoever publishes or writes a post holds a share of its row beside the accounts.
    """
    family = SocialAccount.objects.filter(workspace=workspace_id, platform=platform)
    pks = list(family.values_list("pk", flat=True))  # first: a search that locks would lock all that it looks at
    return list(SocialAccount.objects.select_for_update().filter(pk__in=pks).order_by("pk"))


def take_profile(account: SocialAccount, profile: Profile, *, now: datetime) -> None:
    """Update the account to how the network shows it; a name set by hand stays, and a picture or number that it does
    not tell."""
    numbers = {"followers": people(profile.followers), "following": people(profile.following)}
    told: dict[str, Any] = {name: value for name, value in numbers.items() if value is not None}
    told |= {} if profile.profile_image else {"profile_image": account.profile_image}
    assign(account, profile_columns(account, profile) | told | {"last_sync": now})


def people(count: int | None) -> int | None:
    """Return how many people a network counts; None where that cannot be, such as -1: no database takes it."""
    return None if count is None or count < 0 else count


def profile_columns(account: SocialAccount, profile: Profile) -> dict[str, Any]:
    """Return the columns that tell how the network shows the account, but for what it counts."""
    name = (_in_a_line(profile.name) or profile.username or account.remote_id)[:NAME_LENGTH]
    return {
        "name": account.name if account.name_is_ours else name,
        "username": profile.username[:NAME_LENGTH],
        "profile_image": profile.profile_image,
        "metadata": account.metadata | dict(profile.metadata),
    }


def _in_a_line(name: str) -> str:
    """Return a network's name as the API takes one, or a client that sends it back would change or be refused it; it
    turns no text around."""
    return CONTROL.sub(" ", composed(UNSEEN.sub("", name))).strip()


def old(now: datetime) -> tuple[Old, ...]:
    """Return the sign-ins that are over, with any tokens that they still hold."""
    return (Old(name="connections", rows=Connection.objects.filter(expires_at__lte=now).order_by("expires_at", "pk")),)


def _dump(candidates: list[Candidate]) -> str:
    return json.dumps([asdict(each) for each in candidates], default=lambda moment: moment.isoformat())


def _load(text: str) -> list[Candidate]:
    return [_candidate(each) for each in json.loads(text)] if text.startswith("[") else []


def _candidate(values: dict[str, Any]) -> Candidate:
    tokens = values["tokens"]
    for moment in ("access_expires_at", "ends_at"):
        tokens[moment] = datetime.fromisoformat(tokens[moment]) if tokens[moment] else None
    tokens["scopes"] = tuple(tokens["scopes"])
    return Candidate(**values | {"tokens": Tokens(**tokens), "profile": Profile(**values["profile"])})
