"""Masking of secrets in journal entries and logs."""

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any

from ouipost.moments import written_in_utc

MASK = "[masked]"
LONGEST_KNOWN = 64
SECRET_NAMES = re.compile(
    r"(^|_)(tokens?|(?:app_?)?secrets?|passwords?|passwd|passphrase|passcode|api_?keys?(?!_ids?$)|private_keys?"
    r"|authorization|cookies?|credentials?|code_verifier|bearer|jwt)($|_)"
)
"""Names of secrets; the id of a key of ours is none, and whoever reads a log needs it."""
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
SEPARATORS = re.compile(r"[^a-z0-9]+")
SECRETS = re.compile(
    r"pk_(?:live|test)_[0-9A-Za-z]{32}"  # keys of ours
    r"|whsec_[0-9A-Za-z+/=_-]{16,}"
    r"|(?<=signature=)[0-9a-f]{64}"  # addresses of files
    r"|(?:argon2|pbkdf2_sha256|scrypt)\$[^\s\"]+"  # stored passwords
    r"|(?<=bearer )[^\s\"',;]{8,}",
    re.IGNORECASE,
)
NAMED = re.compile(
    r"((?:password|passwd|passphrase|secret|token|api[_-]?key)(?:[\"']\s?:\s?|\s?=\s?|:))"
    r"(?:([\"'])[^\"']+|[^\s\"'&,;<>(){}\[\]]+)",
    re.IGNORECASE,
)
"""A value after its name: `password=…`, `token:…`, `"api_key": "…"`. A colon with a space belongs to a sentence."""
SIGNED = re.compile(r"eyJ[0-9A-Za-z_-]{5,}+(?P<rest>\.[0-9A-Za-z_-]{5,}+\.[0-9A-Za-z_-]*+)?", re.IGNORECASE)
"""JSON Web Tokens, and texts that only begin like one: otherwise these would be read again from each `eyJ` in them."""
HINTS = (
    *("pk_live_", "pk_test_", "whsec_", "eyj", "argon2$", "sha256$", "scrypt$", "bearer ", "signature="),
    *("passw", "passphrase", "secret", "token", "apikey", "api_key", "api-key"),
)
"""Every text with a secret has one of these: looking for them first takes a tenth of the time."""


def masked(value: Any, name: str = "") -> Any:
    """Return the value as plain JSON with secrets masked, recognized by their name or their form.

    Booleans and None are never masked, whatever their name.
    """
    if value is None or isinstance(value, bool):
        return value
    if is_secret_name(name):
        return MASK
    if isinstance(value, str):
        return masked_text(value)
    if isinstance(value, Mapping):
        return {masked_text(str(each)): masked(inner, str(each)) for each, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(each) for each in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, int | float):
        return value
    return _moment(value) if isinstance(value, date | time) else masked_text(str(value))


def _moment(value: date | time) -> str:
    """Return a datetime in the API's format, in UTC and whole seconds; a date or a time in ISO format."""
    return written_in_utc(value) if isinstance(value, datetime) else value.isoformat()


def masked_text(text: str) -> str:
    """Return the text with every key, token and password hash masked, and every value after the name of a secret."""
    lowered = text.lower()
    for hint in HINTS:
        if hint in lowered:
            return NAMED.sub(rf"\1\2{MASK}", SECRETS.sub(MASK, SIGNED.sub(_unless_cut, text)))
    return text


def _unless_cut(found: re.Match[str]) -> str:
    return MASK if found["rest"] else found[0]


def is_secret_name(name: str) -> bool:
    """Whether a field of this name holds a secret, in any notation: `api_key`, `apiKey`, `X-API-Key`."""
    return _known(name) if len(name) <= LONGEST_KNOWN else _is_secret(name)


def _is_secret(name: str) -> bool:
    return SECRET_NAMES.search(SEPARATORS.sub("_", HUMP.sub("_", name).lower())) is not None


_known = lru_cache(maxsize=4096)(_is_secret)
"""Cached for short names only, which recur; a caller could invent long ones to fill the memory."""
