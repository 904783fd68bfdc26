"""Small pieces of the AT Protocol: DIDs, CIDs, record keys, session tokens."""

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings

ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
TID = re.compile(f"[234567abcdefghij][{ALPHABET}]{{12}}")
HANDLE = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
DID = re.compile(r"did:(?:plc:[a-z2-7]{24}|web:[a-z0-9.-]+)")
CID = re.compile(r"baf[ky]rei[a-z2-7]{52}")
"""The content id of a file or a record."""
URI = re.compile(r"[A-Za-z0-9_]+:(?://)?[^\s\ufeff/][^\s\ufeff]*")
RAW, CBOR = 0x55, 0x71


def is_handle(text: str) -> bool:
    """Return whether this can be a handle: a domain name, and not one that never resolves."""
    return len(text) <= 253 and bool(HANDLE.fullmatch(text)) and not text.endswith((".invalid", ".local", ".arpa"))


def did_of(handle: str) -> str:
    """Return the fixed DID of this handle."""
    return f"did:plc:{base32(hashlib.sha256(handle.encode()).digest())[:24]}"


def base32(content: bytes) -> str:
    """Return lower-case base32 without padding."""
    return base64.b32encode(content).decode().lower().rstrip("=")


def cid(content: bytes, codec: int) -> str:
    """Return a content id, version 1 with SHA-256."""
    return "b" + base32(bytes((1, codec, 0x12, 0x20)) + hashlib.sha256(content).digest())


def record_cid(record: Mapping[str, Any]) -> str:
    """Return the id of a record's content; equal records have equal ids, whatever the order of their keys."""
    return cid(json.dumps(record, sort_keys=True, separators=(",", ":")).encode(), CBOR)


def tid(now: datetime) -> str:
    """Return a new record key for this time."""
    number = int(now.timestamp() * 1_000_000) << 10 | secrets.randbits(10)
    return "".join(ALPHABET[number >> shift & 31] for shift in range(60, -1, -5))


def jwt(kind: str, **claims: Any) -> str:
    """Return a signed token of this kind with a random id and readable claims."""
    parts = ({"typ": kind, "alg": "HS256"}, claims | {"jti": secrets.token_hex(12)})
    body = ".".join(base64url(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    return f"{body}.{base64url(hmac.digest(settings.SECRET_KEY.encode(), body.encode(), 'sha256'))}"


def base64url(content: bytes) -> str:
    """Return URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
