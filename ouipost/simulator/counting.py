"""Count text by the networks' rules, independently of the connectors that this checks."""

import unicodedata
from dataclasses import dataclass
from functools import cache

import regex
from publicsuffixlist import PublicSuffixList

URL_WEIGHT = 23
LIGHT_RANGES = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
HOST = regex.compile(
    r"(?<![A-Za-z0-9@\uFF20$#\uFF03])(?:(?P<scheme>https?://)|(?<![\p{Latin}_./-]))"
    r"(?P<host>(?:(?(scheme)[\p{L}\p{N}\p{So}](?:[\p{L}\p{N}\p{So}\uFE0F_-]*[\p{L}\p{N}\p{So}\uFE0F])?"
    r"|[\p{Latin}0-9](?:[\p{Latin}0-9_-]*[\p{Latin}0-9])?)\.){1,126}"  # as many as a name can have
    r"(?:xn--[a-z0-9-]+|[a-z]{2,}|(?(scheme)\p{L}{2,}|(?!)))(?![A-Za-z0-9@+-]))",
    regex.IGNORECASE,
)
_LETTERS = (
    r"a-z0-9\u0400-\u04FF\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u024F\u0253\u0254\u0256\u0257\u0259\u025B\u0263\u0268"
    r"\u026F\u0272\u0289\u028B\u02BB\u0300-\u036F\u1E00-\u1EFF"
)
_WITHIN, _LAST = r"!*';:,.$%\[\]\u2013~@|&", rf"{_LETTERS}=_#/+-"
_ANY = rf"[{_WITHIN}{_LAST}]"
_BRACKETS = rf"\((?:{_ANY}++|{_ANY}*+\({_ANY}++\){_ANY}*+)\)"
_PORT, _PATH = r"(?::[0-9]+)?", rf"/(?:[{_WITHIN}]*+(?:[{_LAST}]|{_BRACKETS}))*+"
_QUERY = r"(?:\?(?:[!?*'@();:+$%\[\].,~|]*+[a-z0-9_&=#/-])++)?"
REST = regex.compile(rf"{_PORT}(?:{_PATH})?{_QUERY}", regex.IGNORECASE)
BARE_REST = regex.compile(rf"(?:{_PORT}{_PATH}{_QUERY})?", regex.IGNORECASE)
"""The rest of an address, and of one without a scheme, by X's twitter-text: a `#` belongs to a path or a query, and few
scripts have letters in it."""
WHOLE_REST = regex.compile(
    r"(?::[0-9]+)?"
    r"(?:/(?:[.,;:!'\[\]{}]*+(?:[^\s<>\".,;:!?'()\[\]{}]|\((?:[^\s<>\"()]|\([^\s<>\"()]*+\))*+\)))*+)?"
    r"(?:\?[^\s<>\"]*[^\s<>\".,;:!?'()\[\]{}])?"
    r"(?:\#[^\s<>\"]*[^\s<>\".,;:!?'()\[\]{}])?"
)
EMOJI = regex.compile(
    r"\p{Regional_Indicator}|\p{Emoji_Presentation}(?!\N{VARIATION SELECTOR-15})"
    r"|\p{Emoji}\N{VARIATION SELECTOR-16}|[0-9#*]\N{COMBINING ENCLOSING KEYCAP}"
)

CLUSTER = regex.compile(r"\p{Regional_Indicator}{2}(?=\p{Regional_Indicator})|\X")
"""`\\X` alone starts from the first of several flags in a row, at each of them."""
STACKED = regex.compile(r"(?<=\p{M}{30})(?=\p{M})")
"""The positions after the thirtieth mark on a letter and each further one: Unicode's own limit for streams."""


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
    return _found(text, REST, BARE_REST)


def whole_urls(text: str) -> list[Url]:
    """Return the addresses in a text, with or without scheme, in order, each to its end in any script."""
    return _found(text, WHOLE_REST, WHOLE_REST)


def _found(text: str, rest_of_address: "regex.Pattern[str]", rest_of_bare: "regex.Pattern[str]") -> list[Url]:
    found, position = [], 0
    while host := HOST.search(text, position):
        labels = host["host"].split(".")
        while len(labels) > 1 and not is_top_level(labels[-1]):
            labels.pop()
        if len(labels) == 1 or "_" in labels[-2]:
            position = host.end() - len(host["host"].rpartition(".")[2])  # the last label may be the next scheme
            continue
        end = host.start("host") + len(".".join(labels))
        rest_of_url = rest_of_address if host["scheme"] else rest_of_bare
        rest = rest_of_url.match(text, end) if end == host.end() else None
        position = rest.end() if rest else end
        found.append(Url(start=host.start(), end=position, text=text[host.start() : position]))
    return found


def is_top_level(label: str) -> bool:
    """Return whether this is a top-level domain."""
    try:
        return _domains().publicsuffix(f"any.{label.encode('idna').decode()}") is not None
    except UnicodeError:
        return False


@cache
def _domains() -> PublicSuffixList:
    """Return the list of top-level domains, read when a text first has an address."""
    return PublicSuffixList(accept_unknown=False, only_icann=True)


def weighted_length(text: str) -> int:
    """Return the length as X counts it: 23 for an address, 2 for an emoji or a wide character, else 1."""
    text = composed(text)
    total, position = 0, 0
    for url in urls(text):
        total += plain_weight(text[position : url.start]) + URL_WEIGHT
        position = url.end
    return total + plain_weight(text[position:])


def composed(text: str) -> str:
    """Return the text in NFC, except marks beyond the thirtieth on a letter, which Python sorts one by one."""
    return "".join(unicodedata.normalize("NFC", piece) for piece in STACKED.split(text))


def plain_weight(text: str) -> int:
    """Return the weight of a text without addresses."""
    return sum(2 if EMOJI.search(cluster) else sum(map(weight, cluster)) for cluster in clusters(text))


def weight(character: str) -> int:
    """Return 1 for the characters of the light ranges, 2 for all others."""
    return 1 if any(low <= ord(character) <= high for low, high in LIGHT_RANGES) else 2


def clusters(text: str) -> list[str]:
    """Split a text into the characters that a reader sees (extended grapheme clusters)."""
    return CLUSTER.findall(text)


def graphemes(text: str) -> int:
    """Return how many characters a reader sees."""
    return len(clusters(text))
