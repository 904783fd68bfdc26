"""Requests to a network and its answers, as people may see them: without secrets, and shortened."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from accounts.platforms.http import parsed
from ouipost.masking import masked, masked_text

MOST_KEPT = 5
LONGEST_TEXT = 500
LONGEST_READ = 100_000
"""Longer than any text by people: such a text is a file, in which the search for secrets would take seconds."""
LONGEST_ANSWER = 1_000
QUERIES = re.compile(r"(https?://[^\s\"?]+)\?[^\s\"]+")
"""Queries of addresses in an answer: anyone who has one may upload there."""

Exchange = dict[str, Any]
"""`method`, `url` without its query, `sent` (fields by their place, texts cut), `status` (None: no whole answer),
`answer` (its beginning), `milliseconds`."""


def describe(
    method: str, url: str, *, sent: Mapping[str, Any], status: int | None, answer: bytes, seconds: float
) -> Exchange:
    """Return an exchange as it may be kept: credentials, keys and signatures masked, bytes as their number."""
    shown = {name: _shown(masked(_plain(value))) for name, value in sent.items() if value}
    return {
        "method": method,
        "url": _address(url),
        "sent": shown,
        "status": status,
        "answer": _answer(answer.decode(errors="replace")),
        "milliseconds": round(1000 * seconds),
    }


def _answer(text: str) -> str:
    try:
        shown = json.dumps(masked(parsed(text)), ensure_ascii=False)
    except (ValueError, RecursionError):
        shown = masked_text(text)
    return QUERIES.sub(r"\1?…", shown[:LONGEST_ANSWER])  # cut first: its time grows with the square of the length


def _address(url: str) -> str:
    """Return an address without its query and user information: both can hold secrets."""
    parts = urlsplit(url)
    return masked_text(f"{parts.scheme}://{parts.hostname or ''}{parts.path}")


def _plain(value: Any) -> Any:
    """Return a value that JSON can hold; bytes and very long texts become their length, files their name."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, tuple) and len(value) == 3 and hasattr(value[1], "read"):
        return f"file {value[0]}"
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        pairs = all(isinstance(each, tuple) and len(each) == 2 for each in value)
        return {str(name): _plain(inner) for name, inner in value} if pairs else [_plain(each) for each in value]
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, str) and len(value) > LONGEST_READ:
        return f"{len(value)} characters"
    return value if value is None or isinstance(value, str | int | float | bool) else "a file"


def _shown(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _shown(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_shown(each) for each in value]
    return f"{value[:LONGEST_TEXT]}…" if isinstance(value, str) and len(value) > LONGEST_TEXT else value
