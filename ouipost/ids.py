"""Prefixed, time-ordered public ids: `post_019a2b3c-4d5e-7f00-8a1b-2c3d4e5f6a7b`."""

import re
import secrets
import threading
import time
import uuid
from datetime import datetime
from functools import partial
from hashlib import blake2s

from django.db import models

MAX_LENGTH = 45
PATTERN = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


class _Clock:
    """Makes the 60 leading bits of ids; within a process, each is larger than the one before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def tick(self) -> int:
        now = (time.time_ns() // 1_000_000) << 12 | secrets.randbits(8)
        with self._lock:
            self._last = max(now, self._last + 1)
            return self._last


_clock = _Clock()


def uuid7() -> uuid.UUID:
    """Return a UUID of version 7 (RFC 9562): 48 bits of milliseconds, 12 that keep the order, 62 random bits."""
    tick = _clock.tick()
    return uuid.UUID(int=(tick >> 12) << 80 | 0x7 << 76 | (tick & 0xFFF) << 64 | 0x2 << 62 | secrets.randbits(62))


def new_id(prefix: str) -> str:
    """Return a new id with this prefix."""
    return f"{prefix}_{uuid7()}"


def told_id(prefix: str, given: str) -> str:
    """Return the id that a form carries, so that sending it twice creates one row; a new id if it is malformed."""
    return given if re.fullmatch(f"{prefix}_{PATTERN}", given) else new_id(prefix)


def derived_id(prefix: str, given: str, of: str) -> str:
    """Derive a row's id from the form's id and `of`, so that sending the form twice creates no second row.

    No other form derives the same id. A form with a malformed id gets a new one.
    """
    found = re.fullmatch(f"[a-z]+_({PATTERN})", given)
    if found is None:
        return new_id(prefix)
    drawn = int.from_bytes(blake2s(f"{given} {of}".encode(), digest_size=8).digest()) >> 2
    return f"{prefix}_{uuid.UUID(int=uuid.UUID(found[1]).int >> 62 << 62 | drawn)}"


def may_be_id(text: str) -> bool:
    """Whether the text has only characters of ids, and is no longer than the longest id."""
    return re.fullmatch(rf"[a-zA-Z0-9_-]{{1,{MAX_LENGTH}}}", text) is not None


def least_id(prefix: str, moment: datetime) -> str:
    """Return a lower bound of the ids with this prefix that are made at this moment or later."""
    milliseconds = f"{int(moment.timestamp() * 1000):012x}"
    return f"{prefix}_{milliseconds[:8]}-{milliseconds[8:]}"


def public_id(prefix: str) -> "models.CharField[str, str]":
    """Return a primary key field whose default is a new id with this prefix."""
    return models.CharField(primary_key=True, max_length=MAX_LENGTH, default=partial(new_id, prefix), editable=False)
