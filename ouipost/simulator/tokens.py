"""Codes and tokens: issued, found, used once, revoked; the same for every network."""

import base64
import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.utils.crypto import constant_time_compare

from ouipost.simulator.call import Call, Refusal
from ouipost.simulator.models import App, Token, atomic


def digest(value: str) -> str:
    """Return the SHA-256 by which a secret value is stored and found."""
    return hashlib.sha256(value.encode()).hexdigest()


def issue(value: str, *, like: Token | None = None, now: datetime, lifetime: timedelta | None, **values: Any) -> str:
    """Store a token for this value, with missing columns taken from another of its grant, and return the value."""
    for name in ("network", "grant", "client_id", "person", "account", "scopes") if like else ():
        values.setdefault(name, getattr(like, name))
    values.setdefault("grant", secrets.token_hex(16))
    values |= {"issued_at": now, "expires_at": now + lifetime if lifetime else None}
    Token.objects.get_or_create(digest=digest(value), defaults=values)
    return value


def issue_code(
    call: Call,
    network: str,
    value: str,
    *,
    lifetime: timedelta,
    person: str,
    account: str,
    scopes: list[str],
    **data: Any,
) -> str:
    """Store a code for the app that sent the person here, and return it; it is valid only with the same address."""
    return issue(
        value,
        now=call.now,
        lifetime=lifetime,
        network=network,
        kind="code",
        client_id=call.text("client_id"),
        person=person,
        account=account,
        scopes=scopes,
        data={"redirect_uri": call.text("redirect_uri")} | data,
    )


def find(network: str, value: str, *kinds: str) -> Token | None:
    """Return the token with this value, valid or not."""
    return Token.objects.filter(network=network, digest=digest(value), kind__in=kinds).first() if value else None


def of_call(call: Call, network: str) -> Token | None:
    """Give the call its token, including one being renewed or revoked; return that, or a code, to show the owner."""
    if call.bearer:
        call.token = find(network, call.bearer, "access")
    else:
        call.token = find(network, call.text("refresh_token") or call.text("token"), "refresh", "access")
    return call.token or find(network, call.text("code"), "code")


def spent_code(call: Call, network: str, client_id: str, refuse: Callable[[str], Refusal]) -> Token:
    """Return the sent code, now used up; raises the result of `refuse`, called with the name of the wrong parameter:
    `code` (unknown, too old or used), `redirect_uri` or `code_verifier`.
    """
    code = find(network, call.text("code"), "code")
    if code is None or code.client_id != client_id or code.expired(call.now):
        raise refuse("code")
    if call.text("redirect_uri") != code.data["redirect_uri"]:
        raise refuse("redirect_uri")
    challenge = code.data.get("challenge")
    if challenge and not verifier_fits(challenge, call.text("code_verifier")):
        raise refuse("code_verifier")
    if not spend(code, call.now):
        raise refuse("code")
    return code


def spend(token: Token, now: datetime) -> bool:
    """Use up a single-use token, and return whether this caller was the first."""
    return bool(Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now))


def revoke_grant(token: Token, now: datetime) -> None:
    """Revoke every token that came from the same consent."""
    Token.objects.filter(network=token.network, grant=token.grant, revoked_at=None).update(revoked_at=now)


def revoke_app(token: Token, now: datetime, **narrower: str) -> None:
    """Revoke every token that the app of a token has for its person, of whatever consent, or those `narrower` ones."""
    of_app = Token.objects.filter(network=token.network, client_id=token.client_id, person=token.person, **narrower)
    of_app.filter(revoked_at=None).update(revoked_at=now)


def seconds(lifetime: timedelta) -> int:
    """Return a lifetime in whole seconds."""
    return int(lifetime.total_seconds())


def secret_fits(network: str, client_id: str, secret: str) -> bool:
    """Return whether this is the client id's first secret. An empty one fits while the client id has none yet."""
    if not secret:
        return not App.objects.filter(network=network, client_id=client_id).exists()
    with atomic():
        app, _ = App.objects.get_or_create(network=network, client_id=client_id, defaults={"secret": digest(secret)})
    return constant_time_compare(app.secret, digest(secret))


def verifier_fits(challenge: str, verifier: str) -> bool:
    """Return whether the PKCE verifier hashes (S256) to the challenge."""
    hashed = hashlib.sha256(verifier.encode()).digest()
    return constant_time_compare(base64.urlsafe_b64encode(hashed).rstrip(b"=").decode(), challenge)
