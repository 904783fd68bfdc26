"""Addresses and calls of AT Protocol servers: https://atproto.com/specs/xrpc"""

import re
from http import HTTPStatus
from typing import Any

from accounts.platforms.base import Connector, Session
from accounts.platforms.bluesky.atproto import home_server
from accounts.platforms.errors import Unavailable
from accounts.platforms.http import bearer, decoded, dig_text, is_unclear
from accounts.platforms.shapes import Account
from ouipost.phrases import Phrase

DEFAULT_SERVICE = "https://bsky.social"
DOCUMENTS = (
    (re.compile(r"(?P<did>did:plc:[a-z0-9]+)"), "https://plc.directory/{did}"),
    (re.compile(r"did:web:(?P<host>[a-z0-9.-]+)"), "https://{host}/.well-known/did.json"),
)
"""Addresses of an identity's own document: https://atproto.com/specs/did#did-documents"""


def service_of(account: Account) -> str:
    """Return the account's server."""
    return dig_text(account.metadata, "service") or DEFAULT_SERVICE


def xrpc(service: str, method: str) -> str:
    """Return the address of a method."""
    return f"{service}/xrpc/{method}"


def get(connector: Connector, session: Session, account: Account, method: str, **params: str) -> Any:
    """Ask the account's server with its token."""
    url = xrpc(service_of(account), method)
    return connector.call(session, "GET", url, headers=bearer(account.access_token), params=params)


def lives_at(session: Session, did: str) -> str:
    """Return the server that an identity itself names as its home, empty if it names none or is not found.

    Raises Unavailable if its directory does not tell now.
    """
    for form, address in DOCUMENTS:
        if found := form.fullmatch(did):
            answer = session.to_others().request("GET", address.format(**found.groupdict()))
            if not answer.ok and (is_unclear(answer.status) or answer.status == HTTPStatus.TOO_MANY_REQUESTS):
                raise Unavailable(Phrase("The account's identity cannot be looked up now: try again."))
            document = decoded(answer) if answer.ok else None
            return home_server({"didDoc": document}) if dig_text(document, "id") == did else ""
    return ""
