"""Secrets of webhooks, and signatures after Standard Webhooks, which its libraries verify in most languages."""

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
"""How long a secret may be that a caller gives."""


class BadSecret(ValueError):
    """A secret with `whsec_` that is no base64 of 24 to 64 bytes."""

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
    """Return a secret that nobody can guess."""
    return _written(secrets.token_bytes(SECRET_BYTES))


def normal_secret(given: str) -> str:
    """Return a caller's secret in the form `whsec_` + base64; what does not begin so is taken as its UTF-8 bytes.

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
    """Return the headers by which a receiver can tell that this body is from us, from now, and not from before."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Signer(secret).sign(message_id, at, body) for secret in signed_with),
    }
