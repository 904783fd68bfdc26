"""The Graph API itself: its versions, and the proof that a call comes from the app."""

import hashlib
import hmac
from datetime import date

VERSIONS_END = {
    "v20.0": date(2026, 9, 24),
    "v21.0": date(2027, 1, 21),
    "v22.0": date(2027, 5, 20),
    "v23.0": date(2027, 10, 8),
    "v24.0": date(2028, 2, 18),
    "v25.0": date(2028, 7, 29),
}
"""Ends of the Graph API's versions: https://developers.facebook.com/docs/graph-api/changelog/versions"""


def app_secret_proof(token: str, secret: str) -> dict[str, str]:
    """Return the parameter that proves that a call comes from the app's own server; empty without a secret."""
    if not secret:
        return {}
    return {"appsecret_proof": hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()}
