"""Composing Unicode in linear time, since Python's own function is slow for long runs of accents; and isolating text
that runs from right to left."""

import unicodedata
from itertools import groupby

import regex

ACCENTS = regex.compile(r"\p{M}{32,}+")
"""More than any language stacks on one letter; Unicode's own limit for streams is 30."""

TURNS = regex.compile(r"[\p{bc=R}\p{bc=AL}\p{bc=AN}\u202a-\u202e\u2066-\u2069]")
"""Letters and digits that run from right to left, and marks that make others do so."""
APART, TO_HERE = "\u2068", "\u2069"


def apart(text: str) -> str:
    """Return the text, between isolating marks if its direction could turn the text beside it around."""
    return f"{APART}{text}{TO_HERE}" if TURNS.search(text) else text


def composed(text: str) -> str:
    """Return the text in the normal form NFC."""
    return unicodedata.normalize("NFC", ACCENTS.sub(_in_order, text))


def _in_order(accents: "regex.Match[str]") -> str:
    """Return the accents in the order of the normal form, so that nothing is left to sort."""
    apart = "".join(unicodedata.normalize("NFD", each) for each in accents[0])
    runs = (list(run) for _, run in groupby(apart, key=_can_move))
    return "".join(each for run in runs for each in sorted(run, key=unicodedata.combining))


def _can_move(accent: str) -> bool:
    return unicodedata.combining(accent) > 0
