"""Webhook secrets, and signatures by the Standard Webhooks specification, whose libraries can verify them."""

import base64
import binascii
import secrets
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook as Signer

from ouipost.phrases import Phrase

PREFIX = "whsec_"
SECRET_BYTES = 32
LEAST_BYTES, MOST_BYTES = 24, 64
LEAST_CHARACTERS, MOST_CHARACTERS = 16, 128
"""Bounds for a secret that a caller chooses."""


class BadSecret(ValueError):
    """A secret that begins with `whsec_` but does not continue with 24 to 64 bytes in base64."""

    def __init__(self) -> None:
        super().__init__(
            Phrase(
                "After `{prefix}` there must be {least} to {most} bytes in base64;"
                " without `{prefix}` any text is taken as it is.",
                prefix=PREFIX,
                least=LEAST_BYTES,
                most=MOST_BYTES,
            )
        )


def new_secret() -> str:
    """Return a random secret of 32 bytes."""
    return _written(secrets.token_bytes(SECRET_BYTES))


def normal_secret(given: str) -> str:
    """Return a caller's secret as `whsec_` + base64; a text without that prefix is taken as UTF-8 bytes.

    Raises BadSecret.
    """
    if not given.startswith(PREFIX):
        return _written(given.encode())
    try:
        content = base64.b64decode(given.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise BadSecret from error
    if not LEAST_BYTES <= len(content) <= MOST_BYTES:
        raise BadSecret
    return _written(content)


def _written(content: bytes) -> str:
    return PREFIX + base64.b64encode(content).decode()


def headers(message_id: str, body: str, *, signed_with: Sequence[str], at: datetime) -> dict[str, str]:
    """Return the headers with which a receiver verifies a body: its id, its time, and a signature for each secret."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Signer(secret).sign(message_id, at, body) for secret in signed_with),
    }
