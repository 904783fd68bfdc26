"""A strict JSON parser: input that two parsers could read differently is refused."""

import json
import math
import re
from collections.abc import Mapping
from typing import IO, Any

from django.utils.http import parse_header_parameters
from rest_framework.exceptions import UnsupportedMediaType, ValidationError
from rest_framework.parsers import JSONParser

from ouipost.api.failures import WHOLE_BODY
from ouipost.errors import DomainError
from ouipost.phrases import Phrase

LIMIT_BYTES = 1024 * 1024
DEPTH = 20
VALUES = 10_000
LARGEST = 2**53
BOM = b"\xef\xbb\xbf"
UTF8 = ("utf-8", "utf8", "us-ascii")
STRING = re.compile(r'"(?:[^"\\]+|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""A JSON string, terminated or not; possessive, so that a hostile body cannot make it backtrack."""
NOT_BRACKETS = re.compile(r"[^\[\]{}]+")

Path = tuple["Path", str | int] | None
"""The keys that lead to a value, innermost first, as a linked list: it is only joined for an error message."""


class MalformedJSON(DomainError):
    code = "MALFORMED_JSON"
    status = 400
    message = Phrase("The body is not valid JSON.")


class PayloadTooLarge(DomainError):
    code = "PAYLOAD_TOO_LARGE"
    status = 413
    message = Phrase("The body is too large.")


class StrictJSONParser(JSONParser):
    """Parses a JSON object of at most 1 MiB, 20 levels and 10,000 values.

    Django refuses a body that is announced as larger before reading it (`DATA_UPLOAD_MAX_MEMORY_SIZE`). This is a
    subclass of JSONParser, so that REST framework keeps the body's bytes readable.
    """

    most_bytes = LIMIT_BYTES

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        _, parameters = parse_header_parameters(media_type or "")
        if parameters.get("charset", "utf-8").lower() not in UTF8:
            raise UnsupportedMediaType(media_type or "")
        body = stream.read(LIMIT_BYTES + 1)
        if len(body) > LIMIT_BYTES:
            raise PayloadTooLarge(limit_bytes=LIMIT_BYTES)
        return parse_object(body)


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the body's JSON object, `{}` for an empty body; raises MalformedJSON or ValidationError."""
    if not body.strip():
        return {}
    text = _decode(body)
    _refuse_size(text)
    try:
        value = json.loads(text, object_pairs_hook=_without_duplicates)
    except json.JSONDecodeError as error:
        raise MalformedJSON(f"{error.msg} (line {error.lineno}, column {error.colno}).") from error
    except ValueError as error:  # Python refuses to read integers of thousands of digits
        raise MalformedJSON(f"A number has too many digits: integers go from -{LARGEST} to {LARGEST}.") from error
    _refuse_values(value, None)
    if not isinstance(value, dict):
        raise ValidationError({WHOLE_BODY: ["Must be a JSON object."]})
    return value


def _decode(body: bytes) -> str:
    if body.startswith(BOM):
        raise MalformedJSON("The body starts with a byte order mark: send plain UTF-8.")
    if b"\0" in body:
        raise MalformedJSON("The body has NUL bytes: send UTF-8.")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise MalformedJSON(f"The body is not UTF-8 (byte {error.start}).") from error


def _refuse_size(text: str) -> None:
    """Raise MalformedJSON for too many levels or values, by counting signs, since the parser itself would recurse."""
    bare = STRING.sub("", text)
    depth = 0
    for bracket in NOT_BRACKETS.sub("", bare):
        depth += 1 if bracket in "[{" else -1
        if depth > DEPTH:
            raise MalformedJSON(f"The body is nested deeper than {DEPTH} levels.")
    if bare.count(",") + bare.count("[") + bare.count("{") > VALUES:
        raise MalformedJSON(f"The body has more than {VALUES} values.")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise MalformedJSON(f"Duplicate key {_shown(name)}.")
        seen.add(name)
    return members


def _refuse_values(value: Any, path: Path) -> None:
    """Raise MalformedJSON for values that other parsers read differently; recurses at most `DEPTH` deep."""
    kind = type(value)
    if kind is dict:
        for name, member in value.items():
            _refuse_text(name, (path, name))
            _refuse_values(member, (path, name))
    elif kind is list:
        for index, member in enumerate(value):
            _refuse_values(member, (path, index))
    elif kind is str:
        _refuse_text(value, path)
    elif kind is int and not -LARGEST <= value <= LARGEST:
        raise MalformedJSON(f"{_named(path)}: integers go from -{LARGEST} to {LARGEST}.")
    elif kind is float and not math.isfinite(value):
        raise MalformedJSON(f"{_named(path)}: NaN, Infinity and numbers beyond 1.8e308 are not allowed.")


def _refuse_text(text: str, path: Path) -> None:
    if "\0" in text:
        raise MalformedJSON(f"{_named(path)}: the NUL character is not allowed.")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise MalformedJSON(f"{_named(path)}: half of a surrogate pair is not a character.") from error


def _named(path: Path) -> str:
    steps: list[str] = []
    while path is not None:
        path, step = path
        steps.append(str(step))
    return _shown(".".join(reversed(steps))) if steps else "The body"


def _shown(name: str) -> str:
    """Return a key as JSON, cut to 100 characters, so that it is safe to repeat in a response."""
    return json.dumps(name[:100])
