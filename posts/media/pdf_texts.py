"""The texts of a PDF's objects, as they are written: in one that is not plain, each reader may find something else."""

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
"""Where an object or a trailer begins, be it inside another, and what is written up to its end."""
REGULAR = r"[^\0\t\n\f\r ()<>\[\]{}/%]"
STRING = r"\((?:[^()\\]|\\.)*+\)"
STRING = rf"\((?:[^()\\]|\\.|\((?:[^()\\]|\\.|{STRING})*+\))*+\)"  # brackets may stand in brackets, twice
TOKENS = re.compile(
    rf"""[\0\t\n\f\r ]+ | %[^\r\n]* | (?P<n>/{REGULAR}*) | (?P<d><<) | (?P<e>>>) | (?P<a>\[) | (?P<b>\])
    | (?P<v>\d+[\0\t\n\f\r ]+\d+[\0\t\n\f\r ]+R(?!{REGULAR}) | {STRING} | <[0-9A-Fa-f\0\t\n\f\r ]*> | {REGULAR}+)
    | (?P<x>.)""",
    re.DOTALL | re.VERBOSE,
)
"""Names, where dictionaries and arrays begin and end, other values, and what is none of them."""
NESTED = re.compile(r"d(?:n[nv])*+e|a[nv]*+b")


def texts_of(content: bytes, reader: pypdf.PdfReader) -> Iterator[bytes]:
    """Give the text of each object, whether it can be reached or not, and each trailer; of a stream, its dictionary."""
    yield from (found[1] for found in TEXTS.finditer(content))
    for number in {number for number, _ in reader.xref_objStm.values()}:
        packed: Any = reader.get_object(number)
        unpacked, first = packed.get_data(), packed["/First"]
        starts = [first + int(start) for start in unpacked[:first].split()[1 : 2 * packed["/N"] : 2]]
        yield from (unpacked[start:end] for start, end in pairwise([*starts, len(unpacked)]))


def is_plain(text: bytes) -> bool:
    """Whether a text is one value or none, in which each name of a dictionary has a value, and nothing is besides.

    At a `null` for a name, or half an end, pypdf takes a dictionary to be over and says nothing; other readers go on.
    """
    kinds, count = "".join(found.lastgroup or "" for found in TOKENS.finditer(text.decode("latin-1"))), 1
    while count:
        kinds, count = NESTED.subn("v", kinds)
    return kinds in ("", "n", "v")
