"""Encryption and digests of secrets at rest.

Secrets are encrypted with AES-256-GCM and a ring of keys, each ciphertext bound to its place: copied to another
table, column, row or workspace it cannot be decrypted there. `TOKEN_KEYS` is `id:base64,id:base64…`: the first key
encrypts, all decrypt.
"""

import base64
import hashlib
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class CannotDecrypt(Exception):
    """The key is not in the ring, or the text was not encrypted for this place."""


def encrypt(text: str, *, place: str) -> str:
    """Return `v1.<key id>.<nonce>.<ciphertext>`, bound to `place` ("table.column:row:workspace")."""
    ring = key_ring(tuple(settings.TOKEN_KEYS))
    key_id, key = next(iter(ring.items()))
    nonce = os.urandom(12)
    sealed = key.encrypt(nonce, text.encode(), place.encode())
    return ".".join(("v1", key_id, _encode(nonce), _encode(sealed)))


def decrypt(text: str, *, place: str) -> str:
    """Return the text that was encrypted for this place; raises CannotDecrypt."""
    try:
        _version, key_id, nonce, sealed = text.split(".")
        key = key_ring(tuple(settings.TOKEN_KEYS))[key_id]
        return key.decrypt(_decode(nonce), _decode(sealed), place.encode()).decode()
    except (ValueError, KeyError, InvalidTag) as error:
        raise CannotDecrypt(f"A stored secret cannot be decrypted ({place}): check TOKEN_KEYS.") from error


def digest(secret: str) -> str:
    """Return the SHA-256 under which a random secret is stored and found; 190 bits or more need no slower hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def key_ids() -> list[str]:
    """Return the ids of the keys in the ring, the encrypting key's first."""
    return list(key_ring(tuple(settings.TOKEN_KEYS)))


def beginning(key_id: str) -> str:
    """Return the prefix of every ciphertext made with this key."""
    return f"v1.{key_id}."


@lru_cache(maxsize=4)
def key_ring(entries: tuple[str, ...]) -> dict[str, AESGCM]:
    """Return the keys by id, the encrypting one first; raises ImproperlyConfigured if an entry is malformed."""
    ring: dict[str, AESGCM] = {}
    for entry in entries:
        key_id, _, encoded = entry.strip().partition(":")
        try:
            key = _decode(encoded)
        except ValueError:
            key = b""
        if not key_id or "." in key_id or len(key) != 32:
            raise ImproperlyConfigured("TOKEN_KEYS must be id:base64 entries of 32 bytes each, joined by commas.")
        if key_id.casefold() in map(str.casefold, ring):  # SQLite matches prefixes without case
            raise ImproperlyConfigured(
                f"TOKEN_KEYS has two keys with the id {key_id}, in whatever case: give the new one another id."
            )
        ring[key_id] = AESGCM(key)
    return ring


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
