"""Read a PDF's objects as they are written: readers may understand an object that is not plain in different ways."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pypdf

TEXTS = re.compile(
    rb"(?:\d[\0\s]+\d+[\0\s]+obj(?![A-Za-z])|trailer(?=[\0\s]*<<))"
    rb"(?=(.*?)(?:endobj|startxref|(?<=>>)[\0\s]*stream|\Z))",
    re.DOTALL,
)
"""Matches the start of an object or trailer, even inside another, and captures its text up to its end."""
REGULAR = r"[^\0\t\n\f\r ()<>\[\]{}/%]"
STRING = r"\((?:[^()\\]|\\.)*+\)"
STRING = rf"\((?:[^()\\]|\\.|\((?:[^()\\]|\\.|{STRING})*+\))*+\)"  # brackets may be nested twice
TOKENS = re.compile(
    rf"""[\0\t\n\f\r ]+ | %[^\r\n]* | (?P<n>/{REGULAR}*) | (?P<d><<) | (?P<e>>>) | (?P<a>\[) | (?P<b>\])
    | (?P<v>\d+[\0\t\n\f\r ]+\d+[\0\t\n\f\r ]+R(?!{REGULAR}) | {STRING} | <[0-9A-Fa-f\0\t\n\f\r ]*> | {REGULAR}+)
    | (?P<x>.)""",
    re.DOTALL | re.VERBOSE,
)
"""Names, the starts and ends of dictionaries and arrays, other values, and anything else."""
NESTED = re.compile(r"d(?:n[nv])*+e|a[nv]*+b")


def texts_of(content: bytes, reader: pypdf.PdfReader) -> Iterator[bytes]:
    """Give the text of each object, reachable or not, and of each trailer; for a stream, its dictionary."""
    yield from (found[1] for found in TEXTS.finditer(content))
    for number in {number for number, _ in reader.xref_objStm.values()}:
        packed: Any = reader.get_object(number)
        unpacked, first = packed.get_data(), packed["/First"]
        starts = [first + int(start) for start in unpacked[:first].split()[1 : 2 * packed["/N"] : 2]]
        yield from (unpacked[start:end] for start, end in pairwise([*starts, len(unpacked)]))


def is_plain(text: bytes) -> bool:
    """Return whether a text is at most one value, with a value for each name of its dictionaries, and nothing else.

    At a `null` for a name, or half an end, pypdf silently ends the dictionary, while other readers go on.
    """
    kinds, count = "".join(found.lastgroup or "" for found in TOKENS.finditer(text.decode("latin-1"))), 1
    while count:
        kinds, count = NESTED.subn("v", kinds)
    return kinds in ("", "n", "v")
