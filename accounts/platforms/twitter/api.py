"""Calls to X's API: https://docs.x.com/x-api"""

from collections.abc import Mapping
from typing import Any

from accounts.platforms.base import Connector, Session
from accounts.platforms.http import bearer

HOST = "https://api.x.com"


def address(connector: Connector, path: str) -> str:
    """Return where this is in the API of the connector's version."""
    return f"{HOST}/{connector.version}/{path}"


def get(connector: Connector, session: Session, token: str, path: str, params: Mapping[str, Any]) -> Any:
    """Ask for something with a token."""
    return connector.call(session, "GET", address(connector, path), headers=bearer(token), params=params)
