"""Hashtags: one word with one `#` each, compared without case. Pure functions."""

import re
from collections.abc import Iterable

from ouipost.phrases import Phrase
from ouipost.unicode import composed

WIDE_SIGN = "\uff03"
"""The full-width `#` of Chinese, Japanese and Korean keyboards; networks treat it as `#`."""
SIGNS = f"#{WIDE_SIGN}"


def is_hashtag(tag: str) -> bool:
    """Whether this is one word, with or without its `#`. Networks read only a part of a word with a `#` inside."""
    word = tag.strip().lstrip(SIGNS)
    return bool(word) and not re.search(rf"[\s\x00-\x1f{SIGNS}]", word)


def not_a_hashtag(given: object) -> Phrase:
    """Say that this is none."""
    return Phrase("A hashtag is one word, with or without its #. Change {wrong}.", wrong=repr(given)[:500])


def normal_hashtags(tags: Iterable[str]) -> list[str]:
    """Return the tags in NFC, with one `#` each, in order, without repeats that differ only in case."""
    first: dict[str, str] = {}
    for tag in (f"#{composed(tag).strip().lstrip(SIGNS)}" for tag in tags if tag.strip().lstrip(SIGNS)):
        first.setdefault(tag.casefold(), tag)
    return list(first.values())
