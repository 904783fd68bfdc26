"""Calls to the Data API: https://developers.google.com/youtube/v3/docs"""

from collections.abc import Mapping
from typing import Any

from accounts.platforms.base import Account, Connector, Session, Unknown
from accounts.platforms.http import bearer, dig
from ouipost.phrases import Phrase

API = "https://youtube.googleapis.com/youtube"


def address(connector: Connector, name: str) -> str:
    """Return where this is in the API of the connector's version."""
    return f"{API}/{connector.version}/{name}"


def get(connector: Connector, session: Session, token: str, name: str, params: Mapping[str, Any]) -> Any:
    """Ask for something with a token."""
    return connector.call(session, "GET", address(connector, name), headers=bearer(token), params=params)


def page(
    connector: Connector, session: Session, account: Account, name: str, params: Mapping[str, Any], cursor: str = ""
) -> Any:
    """Return one page of a list; raises Unknown where the answer has none."""
    asked = {**params, "pageToken": cursor} if cursor else params
    found = get(connector, session, account.access_token, name, asked)
    if not isinstance(dig(found, "items"), list):
        raise Unknown(Phrase("YouTube's answer has no list of {name}.", name=name))
    return found
