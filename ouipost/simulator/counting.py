"""How networks count text; written from their rules, apart from the connectors that it checks."""

import unicodedata
from dataclasses import dataclass

import regex

URL_WEIGHT = 23
LIGHT_RANGES = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
TOP_LEVEL_DOMAINS = (
    "com|org|net|edu|gov|mil|int|info|biz|name|pro|aero|coop|museum|mobi|jobs|travel|asia|cat|tel|post|xxx|app|dev|page|"
    "blog|shop|store|online|site|website|tech|cloud|news|media|social|xyz|club|live|life|world|today|email|agency|studio|"
    "design|digital|company|group|team|work|works|tools|space|zone|link|click|wiki|art|bar|cafe|bio|eco|fun|games|guru|"
    "health|host|house|land|love|money|music|ninja|photo|photos|pizza|press|report|rocks|school|science|show|software|"
    "solutions|support|systems|tours|training|video|vip|wine|academy|events|finance|london|paris|berlin|nyc|[a-z]{2}"
)
URL = regex.compile(
    r"(?<![\p{L}\p{N}@#$_./-])"
    r"(?:https?://(?:[\p{L}\p{N}](?:[\p{L}\p{N}_-]*[\p{L}\p{N}])?\.)+\p{L}[\p{L}\p{N}-]*"
    rf"|(?:[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?\.)+(?:{TOP_LEVEL_DOMAINS})(?![\p{{L}}\p{{N}}@.-]*@|[\p{{L}}\p{{N}}]))"
    r"(?::[0-9]+)?(?:/[^\s<>\"]*[^\s<>\".,;:!?'()\[\]{}]|/)?(?:\?[^\s<>\"]*[^\s<>\".,;:!?'()\[\]{}])?"
    r"(?:\#[^\s<>\"]*[^\s<>\".,;:!?'()\[\]{}])?",
    regex.IGNORECASE,
)
EMOJI = regex.compile(r"[\p{Emoji_Presentation}\p{Regional_Indicator}]|\p{Emoji}\N{VARIATION SELECTOR-16}|\u20e3")


@dataclass(frozen=True, kw_only=True)
class Url:
    """An address found in a text, with its place in code points."""

    start: int
    end: int
    text: str

    @property
    def expanded(self) -> str:
        """Return the address with a scheme."""
        return self.text if "://" in self.text else f"http://{self.text}"


def urls(text: str) -> list[Url]:
    """Return the addresses that X would shorten, with or without scheme, in order."""
    return [Url(start=found.start(), end=found.end(), text=found.group()) for found in URL.finditer(text)]


def weighted_length(text: str) -> int:
    """Return the length as X counts it: 23 for an address, 2 for an emoji or a wide character, else 1."""
    text = unicodedata.normalize("NFC", text)
    total, position = 0, 0
    for url in urls(text):
        total += plain_weight(text[position : url.start]) + URL_WEIGHT
        position = url.end
    return total + plain_weight(text[position:])


def plain_weight(text: str) -> int:
    """Return the weight of a text without addresses."""
    return sum(2 if EMOJI.search(cluster) else sum(map(weight, cluster)) for cluster in clusters(text))


def weight(character: str) -> int:
    """Return 1 for the characters of the light ranges, 2 for all others."""
    return 1 if any(low <= ord(character) <= high for low, high in LIGHT_RANGES) else 2


def clusters(text: str) -> list[str]:
    """Split a text into what a reader sees as characters (extended grapheme clusters)."""
    return regex.findall(r"\X", text)


def graphemes(text: str) -> int:
    """Return how many characters a reader sees."""
    return len(clusters(text))
