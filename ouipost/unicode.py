"""Composing Unicode in time that grows with the text alone: Python's own sorts long runs of accents step by step."""

import unicodedata
from itertools import groupby

import regex

ACCENTS = regex.compile(r"\p{M}{32,}+")
"""More than any language stacks on one letter; Unicode's own limit for streams is 30."""


def composed(text: str) -> str:
    """Return the text in the normal form NFC."""
    return unicodedata.normalize("NFC", ACCENTS.sub(_in_order, text))


def _in_order(accents: "regex.Match[str]") -> str:
    """Return the same accents in the order that the normal form has, in which nothing is left to sort."""
    apart = "".join(unicodedata.normalize("NFD", each) for each in accents[0])
    runs = (list(run) for _, run in groupby(apart, key=_can_move))
    return "".join(each for run in runs for each in sorted(run, key=unicodedata.combining))


def _can_move(accent: str) -> bool:
    return unicodedata.combining(accent) > 0
