import contextlib
import gc
import io
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from rest_framework.exceptions import ValidationError

from ouipost.api.parsers import LIMIT_BYTES, MalformedJSON, PayloadTooLarge, StrictJSONParser, parse_object


def test_an_object_comes_out_as_it_was_written() -> None:
    body = '{"a": [1, -2.5, true, null, "é\\n\\ud83d\\ude00"], "b": {"c": {}}, "d": 9007199254740992}'.encode()

    assert parse_object(body) == {"a": [1, -2.5, True, None, "é\n😀"], "b": {"c": {}}, "d": 2**53}


@pytest.mark.parametrize("body", [b"", b" \r\n\t"])
def test_an_empty_body_is_an_empty_object(body: bytes) -> None:
    assert parse_object(body) == {}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"a": 1', "Expecting ',' delimiter (line 1, column 8)."),
        (b"{'a': 1}", "Expecting property name enclosed in double quotes (line 1, column 2)."),
        (b'{"a": 1} {}', "Extra data (line 1, column 10)."),
        (b'\xef\xbb\xbf{"a": 1}', "The body starts with a byte order mark: send plain UTF-8."),
        ('{"a": 1}'.encode("utf-16"), "The body has NUL bytes: send UTF-8."),
        ('{"a": 1}'.encode("utf-16-le"), "The body has NUL bytes: send UTF-8."),
        (b'{"a": "\xe9"}', "The body is not UTF-8 (byte 7)."),
        (b'{"a": "\xed\xa0\x80"}', "The body is not UTF-8 (byte 7)."),
        (b'{"a": {"b": [0, NaN]}}', '"a.b.1": NaN, Infinity and numbers beyond 1.8e308 are not allowed.'),
        (b'{"a": -Infinity}', '"a": NaN, Infinity and numbers beyond 1.8e308 are not allowed.'),
        (b'{"a": 1e400}', '"a": NaN, Infinity and numbers beyond 1.8e308 are not allowed.'),
        (b'{"a": 9007199254740993}', '"a": integers go from -9007199254740992 to 9007199254740992.'),
        (b'{"a": -9007199254740993}', '"a": integers go from -9007199254740992 to 9007199254740992.'),
        (b'{"a": 1, "b": {"c": 1, "c": 1}}', 'Duplicate key "c".'),
        (b'{"a": "x\\u0000"}', '"a": the NUL character is not allowed.'),
        (b'{"a\\u0000": 1}', '"a\\u0000": the NUL character is not allowed.'),
        (b'{"a": ["\\ud800"]}', '"a.0": half of a surrogate pair is not a character.'),
        (b'{"\\udc00": 1}', '"\\udc00": half of a surrogate pair is not a character.'),
        (b'"\\ud800"', "The body: half of a surrogate pair is not a character."),
        (b'{"a": "x\ny"}', "Invalid control character at (line 1, column 9)."),
    ],
)
def test_what_readers_could_take_differently_is_refused_and_named(body: bytes, message: str) -> None:
    with pytest.raises(MalformedJSON) as refusal:
        parse_object(body)

    assert refusal.value.message == message


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null", b"true", b"-0"])
def test_anything_but_an_object_is_invalid(body: bytes) -> None:
    with pytest.raises(ValidationError) as refusal:
        parse_object(body)

    assert refusal.value.detail == {"body": ["Must be a JSON object."]}


def test_twenty_levels_are_allowed_and_brackets_in_strings_do_not_count() -> None:
    body = b'{"a": ' + b"[" * 18 + b'["[[[[{{{{\\"[[[[", "\\\\"]' + b"]" * 18 + b"}"

    assert list(parse_object(body)) == ["a"]


@pytest.mark.parametrize("body", [b'{"a": ' + b"[" * 20 + b"]" * 20 + b"}", b"[" * 10_000, b'{"a":' * 100_000])
def test_deeper_nesting_is_refused_without_recursion(body: bytes) -> None:
    with pytest.raises(MalformedJSON) as refusal:
        parse_object(body)

    assert refusal.value.message == "The body is nested deeper than 20 levels."


def test_ten_thousand_values_are_allowed_and_commas_in_strings_do_not_count() -> None:
    values = b"[" + b",".join([b'"a, b"'] * 9_999) + b"]"

    assert len(parse_object(b'{"a": ' + values + b"}")["a"]) == 9_999


@pytest.mark.parametrize("body", [b'{"a": [' + b"0," * 9_999 + b"0]}", b'{"a": [' + b"[]," * 5_000 + b"[]]}"])
def test_more_values_are_refused(body: bytes) -> None:
    with pytest.raises(MalformedJSON) as refusal:
        parse_object(body)

    assert refusal.value.message == "The body has more than 10000 values."


@pytest.fixture
def frozen() -> Iterator[None]:
    """Let the collector look at new objects alone, as in the product: not at those of all tests before."""
    gc.freeze()
    yield
    gc.unfreeze()


def big(head: bytes, unit: bytes, tail: bytes) -> bytes:
    return head + unit * ((LIMIT_BYTES - len(head) - len(tail)) // len(unit)) + tail


@pytest.mark.parametrize(
    "body",
    [
        big(b'{"hashtags": [', b'"",', b'""]}'),
        big(b'{"numbers": [', b"1,", b"1]}"),
        big(b'{"n": ', b"9", b"}"),
        big(b'{"open": "', b'\\"', b""),
        big(b'{"open": "', b"\\", b""),
        big(b'"', b'"', b""),
        big(b"{", b'"a":0,', b'"a":0}'),
        big(b'{"lists": [', b"[],", b"[]]}"),
        big(b"[", b"]", b""),
        big(b'{"escaped": "', b"\\u00e9", b'"}'),
    ],
    ids=["hashtags", "numbers", "digits", "quotes", "backslashes", "pairs", "duplicates", "lists", "closed", "escapes"],
)
@pytest.mark.usefixtures("frozen")
def test_a_hostile_body_of_a_mebibyte_costs_less_than_a_second(body: bytes) -> None:
    def cost() -> float:
        began = time.thread_time()
        with contextlib.suppress(MalformedJSON, ValidationError):
            parse_object(body)
        return time.thread_time() - began

    assert any(cost() < 1 for _ in range(3))


def test_the_limit_is_a_mebibyte_to_the_byte(api: Client) -> None:
    def post(size: int) -> int:
        body = b'{"text": ' + b" " * (size - 11) + b"1}"
        assert len(body) == size
        return api.generic("POST", "/api/notes", body, content_type="application/json").status_code

    assert (post(1024 * 1024), post(1024 * 1024 + 1)) == (400, 413)


def test_a_larger_limit_of_the_framework_does_not_widen_ours(api: Client, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * LIMIT_BYTES

    response = api.generic("POST", "/api/notes", b" " * (LIMIT_BYTES + 1), content_type="application/json")

    assert response.json()["error"]["details"] == {"limit_bytes": LIMIT_BYTES}
    assert response.status_code == 413


def test_the_message_of_a_refusal_reaches_the_caller(api: Client) -> None:
    response = api.generic("POST", "/api/notes", b'{"text": "a", "text": "b"}', content_type="application/json")

    assert json.loads(response.content) == {
        "success": False,
        "error": {"code": "MALFORMED_JSON", "message": 'Duplicate key "text".', "details": {}},
    }


class Endless(io.BytesIO):
    """A body without an end, that counts what was asked of it."""

    given = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size > 0
        self.given += size
        return b" " * size


def test_a_body_without_a_length_is_refused_while_reading() -> None:
    body = Endless()

    with pytest.raises(PayloadTooLarge):
        StrictJSONParser().parse(body, "application/json", {})

    assert body.given == LIMIT_BYTES + 1
