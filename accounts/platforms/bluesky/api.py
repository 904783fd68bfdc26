"""Servers of the AT Protocol in general, where they are and how they are called: https://atproto.com/specs/xrpc"""

from typing import Any

from accounts.platforms.base import Account, Connector, Session
from accounts.platforms.http import bearer, dig_text

DEFAULT_SERVICE = "https://bsky.social"


def service_of(account: Account) -> str:
    """Return the server where the account lives."""
    return dig_text(account.metadata, "service") or DEFAULT_SERVICE


def xrpc(service: str, method: str) -> str:
    """Return the address of a method."""
    return f"{service}/xrpc/{method}"


def get(connector: Connector, session: Session, account: Account, method: str, **params: str) -> Any:
    """Ask the account's server with its token."""
    url = xrpc(service_of(account), method)
    return connector.call(session, "GET", url, headers=bearer(account.access_token), params=params)
