"""Bodies that are no JSON that any client should send, and where they are sent."""

import json

MEBIBYTE = 1024 * 1024
ENDPOINTS = {
    "create a post": ("POST", "/api/posts"),
    "change a post": ("PUT", "/api/posts/{post}"),
    "schedule a post": ("POST", "/api/posts/{post}/schedule"),
    "create a workspace": ("POST", "/api/workspaces"),
    "connect an account": ("POST", "/api/accounts"),
}


def nested(opening: bytes, closing: bytes, depth: int) -> bytes:
    return b'{"content": ' + opening * depth + closing * depth + b"}"


MALFORMED: dict[str, bytes] = {
    "a word": b"hello",
    "a form": b"content=x&platforms=facebook",
    "half an object": b'{"content": "x"',
    "half a string": b'{"content": "x',
    "a string that ends in a backslash": b'{"content": "\\',
    "a trailing comma": b'{"content": "x",}',
    "single quotes": b"{'content': 'x'}",
    "a comment": b'{"content": "x" /* y */}',
    "two objects": b'{"content": "x"}{"content": "y"}',
    "an array": b"[]",
    "an array of objects": b'[{"content": "x"}]',
    "a string": b'"content"',
    "a number": b"1",
    "null": b"null",
    "true": b"true",
    "a bare NUL": b'{"content": "\x00"}',
    "an escaped NUL": b'{"content": "\\u0000"}',
    "a NUL in a key": b'{"a\\u0000": 1}',
    "a byte order mark": b'\xef\xbb\xbf{"content": "x"}',
    "UTF-16": '{"content": "x"}'.encode("utf-16"),
    "UTF-16 without mark": '{"content": "x"}'.encode("utf-16-le"),
    "UTF-32": '{"content": "x"}'.encode("utf-32"),
    "Latin-1": '{"content": "é"}'.encode("latin-1"),
    "overlong UTF-8": b'{"content": "\xc0\xaf"}',
    "an encoded surrogate": b'{"content": "\xed\xa0\x80"}',
    "a lone high surrogate": b'{"content": "\\ud800"}',
    "a lone low surrogate": b'{"content": "\\udfff"}',
    "surrogates the wrong way round": b'{"content": "\\udc00\\ud800"}',
    "a surrogate in a key": b'{"\\ud800": 1}',
    "NaN": b'{"content": NaN}',
    "Infinity": b'{"content": Infinity}',
    "minus Infinity": b'{"content": -Infinity}',
    "1e400": b'{"content": 1e400}',
    "2^63": b'{"content": 9223372036854775808}',
    "-2^63": b'{"content": -9223372036854775808}',
    "2^53 + 1": b'{"content": 9007199254740993}',
    "a number of 5,000 digits": b'{"content": ' + b"9" * 5000 + b"}",
    "a leading zero": b'{"content": 012}',
    "a plus": b'{"content": +1}',
    "hexadecimal": b'{"content": 0x10}',
    "a raw newline in a string": b'{"content": "a\nb"}',
    "duplicate keys": b'{"content": "a", "content": "b"}',
    "duplicate keys inside": b'{"settings": {"a": 1, "a": 2}}',
    "duplicate keys, one escaped": b'{"content": "a", "\\u0063ontent": "b"}',
    "arrays 21 deep": nested(b"[", b"]", 21),
    "arrays 10,000 deep": nested(b"[", b"]", 10_000),
    "objects 10,000 deep": nested(b'{"a":', b"}", 10_000),
    "half a million opening brackets": b"[" * 500_000,
    "half a million opening braces": b'{"":' * 125_000,
    "a million quotes": b'"' * 1_000_000,
    "a million backslashes": b'{"content": "' + b"\\" * 1_000_000,
    "more than a megabyte": b'{"content": "' + b"x" * MEBIBYTE + b'"}',
    "a million hashtags": json.dumps(
        {"content": "x", "platforms": ["facebook"], "hashtags": ["a"] * 1_000_000}
    ).encode(),
    "1,001 platforms": json.dumps({"content": "x", "platforms": ["facebook"] * 1001}).encode(),
    "20,000 unknown fields": json.dumps({f"f{number}": 1 for number in range(20_000)}).encode(),
}
