"""Consent for the simulated YouTube, and the size of its pieces."""

from typing import Any
from urllib.parse import urlencode

from tests.simulator.conftest import CALLBACK, Net, returned

AUTH = "accounts.google.com/o/oauth2/v2/auth"
SCOPE = "https://www.googleapis.com/auth/"
SCOPES = [
    f"{SCOPE}{name}" for name in ("youtube.upload", "youtube.readonly", "youtube.force-ssl", "yt-analytics.readonly")
]


UNIT = 262_144


def query(**change: str) -> dict[str, str]:
    return {
        "client_id": "app",
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": " ".join(SCOPES),
        "access_type": "offline",
        "prompt": "consent",
        "state": "s1",
    } | change


def code_of(net: Net, ask: dict[str, str] | None = None, **form: Any) -> str:
    data = {"decision": "allow"} | form
    return returned(net.form(f"{AUTH}?{urlencode(ask or query())}", data=data))["code"]
