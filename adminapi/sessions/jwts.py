"""The tokens of the admin API: each names a session and proves that we issued it; all else is in the database."""

import hashlib
import hmac
from datetime import datetime

import jwt
from django.conf import settings

from adminapi.models import Session
from ouipost.errors import DomainError
from ouipost.phrases import Phrase

ALGORITHM, TYPE = "HS256", "oui-admin+jwt"
ISSUER, AUDIENCE = "oui-post", "oui-post-admin"
LEEWAY_SECONDS = 30
REQUIRED = ("iss", "aud", "sub", "jti", "iat", "nbf", "exp")
REFUSED = ("jku", "x5u", "jwk", "crit")
"""Headers by which a token would choose its own verification."""


class InvalidToken(DomainError):
    code = "INVALID_TOKEN"
    status = 401
    message = Phrase("The token is not valid; log in again.")


class TokenExpired(DomainError):
    code = "TOKEN_EXPIRED"
    status = 401
    message = Phrase("The token has expired; log in again.")


def encode(session: Session) -> str:
    """Return the token of a session."""
    key_id, key = next(iter(_ring().items()))
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": session.user_id,
        "jti": session.pk,
        "iat": session.created_at,
        "nbf": session.created_at,
        "exp": session.expires_at,
    }
    return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"typ": TYPE, "kid": key_id})


def session_of(token: str, *, now: datetime, or_ended: bool = False) -> Session:
    """Return the session that a token names, with its user; raises InvalidToken or TokenExpired.

    One that a logout has ended is invalid, unless `or_ended`.
    """
    claims = decode(token)
    rows = Session.objects.select_related("user").filter(pk=str(claims["jti"]), user=str(claims["sub"]))
    session = rows.first()
    if session is None:
        raise InvalidToken
    if session.expires_at <= now:
        raise TokenExpired
    if not session.holds(now) and not (or_ended and session.revoked_at):
        raise InvalidToken
    return session


def decode(token: str) -> dict[str, object]:
    """Return the claims of a token, if we signed it and it has not expired; raises InvalidToken or TokenExpired."""
    try:
        header = jwt.get_unverified_header(token)
        if header.get("typ") != TYPE or any(name in header for name in REFUSED):
            raise InvalidToken
        key = _ring()[str(header.get("kid"))]
        return jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            leeway=LEEWAY_SECONDS,
            options={"require": list(REQUIRED)},
        )
    except jwt.ExpiredSignatureError as error:
        raise TokenExpired from error
    except (jwt.InvalidTokenError, KeyError, ValueError, RecursionError) as error:
        raise InvalidToken from error


def _ring() -> dict[str, bytes]:
    """Return the keys by id, the signing one first: each made from a secret of the installation, for this alone."""
    keys = [_derive(str(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    return {hashlib.sha256(key).hexdigest()[:16]: key for key in keys}


def _derive(secret: str) -> bytes:
    return hmac.new(secret.encode(), b"ouipost.admin.jwt", hashlib.sha256).digest()
