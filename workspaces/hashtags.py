"""Hashtags: one word with one `#` each, compared without case. Pure functions."""

import re
from collections.abc import Iterable

WIDE_SIGN = "\uff03"
"""The full-width `#` of Chinese, Japanese and Korean keyboards; networks treat it as `#`."""
SIGNS = f"#{WIDE_SIGN}"


def is_hashtag(tag: str) -> bool:
    """Whether this is one word, with or without its `#`. Networks read only a part of a word with a `#` inside."""
    word = tag.strip().lstrip(SIGNS)
    return bool(word) and not re.search(rf"[\s\x00-\x1f{SIGNS}]", word)


def normal_hashtags(tags: Iterable[str]) -> list[str]:
    """Return the tags with one `#` each, in order, without repeats that differ only in case."""
    first: dict[str, str] = {}
    for tag in (f"#{tag.strip().lstrip(SIGNS)}" for tag in tags if tag.strip().lstrip(SIGNS)):
        first.setdefault(tag.casefold(), tag)
    return list(first.values())
