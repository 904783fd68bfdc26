"""The data of the AT Protocol, without calls: servers, sessions, record keys and records. https://atproto.com/specs"""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import jwt

from accounts.platforms.errors import Rejected, Unknown
from accounts.platforms.http import dig_list, dig_text, sane_end
from accounts.platforms.shapes import Tokens
from accounts.platforms.text import Span
from ouipost.phrases import Phrase

COLLECTION = "app.bsky.feed.post"
CARD = "card"
"""The upload step of a link card."""
KEY_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"


def service_origin(service: str) -> str:
    """Return the origin of the server that a person named; raises Rejected if it is not a server's address."""
    try:
        origin = _origin(service.strip())
    except ValueError:
        origin = ""
    if not origin:
        raise Rejected(Phrase("The field service must be a server's address, like https://bsky.social."))
    return origin


def _origin(service: str) -> str:
    """Return the origin, empty if the text has none or more parts; raises ValueError for a malformed address."""
    parts = urlsplit(service if "://" in service else f"https://{service}")
    beside = (parts.path.strip("/"), parts.query, parts.fragment, parts.username)
    if parts.scheme not in {"https", "http"} or not parts.hostname or any(beside):
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


def record_key(now: datetime) -> str:
    """Return a new timestamp identifier: the microseconds and ten random bits, in 13 sortable characters."""
    microseconds = int(now.timestamp() * 1_000_000)
    number = microseconds << 10 | secrets.randbelow(1024)
    return "".join(KEY_ALPHABET[number >> shift & 31] for shift in range(60, -1, -5))


def session_tokens(given: Any, *, now: datetime) -> Tokens:
    """Return the tokens of a new session; raises Unknown if the answer holds none."""
    access, refresh = dig_text(given, "accessJwt"), dig_text(given, "refreshJwt")
    if not (access and refresh and dig_text(given, "did")):
        raise Unknown(Phrase("Bluesky answered the sign-in without a session."))
    return Tokens(
        access_token=access,
        refresh_token=refresh,
        access_expires_at=_end_of(access, now=now),
        ends_at=_end_of(refresh, now=now),
    )


def _end_of(token: str, *, now: datetime) -> datetime | None:
    """Return the end of a token, unverified: the token is from the server and only for it."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False, "verify_exp": False})
        return sane_end(datetime.fromtimestamp(claims["exp"], UTC), now=now)
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


def home_server(given: Any) -> str:
    """Return the account's server, empty if the session does not name it; it may differ from the server asked."""
    for each in dig_list(given, "didDoc", "service"):
        if dig_text(each, "id").endswith("#atproto_pds"):
            try:
                return service_origin(dig_text(each, "serviceEndpoint"))
            except Rejected:
                return ""
    return ""


def timestamp(now: datetime) -> str:
    """Return a time in the format of records."""
    return now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def byte_range(text: str, span: Span) -> Mapping[str, int]:
    """Return the position of a part of a text in bytes of UTF-8, as facets count."""
    return {"byteStart": len(text[: span.start].encode()), "byteEnd": len(text[: span.end].encode())}
