"""Counting and reading of text as networks do: lengths, links, mentions, hashtags."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain, zip_longest
from urllib.parse import unquote

import regex
from publicsuffixlist import PublicSuffixList

from ouipost.unicode import composed

X_LINK_LENGTH = 23
X_HEAVY = regex.compile(r"[^\u0000-\u10FF\u2000-\u200D\u2010-\u201F\u2032-\u2037]")
"""Characters that X counts as two, as it counts a whole emoji sequence; it counts all others as one."""

GRAPHEME = regex.compile(r"[\U0001F1E6-\U0001F1FF]{2}(?=[\U0001F1E6-\U0001F1FF])|\X")
"""`\\X` alone goes back to the first of a row of flags at each flag, which takes minutes for the longest post."""
EMOJI = regex.compile(r"\p{Emoji_Presentation}|\p{Emoji}\uFE0F|[0-9#*]\uFE0F?\u20E3")
_PICTURE = (
    r"(?:\p{EBase}\uFE0F?\p{EMod}|\p{Extended_Pictographic}\uFE0F|\p{Emoji_Presentation}(?!\uFE0E))"
    r"[\U000E0020-\U000E007F]*+"
)
X_EMOJI = regex.compile(rf"\p{{RI}}{{2}}|[0-9#*]\uFE0F?\u20E3|{_PICTURE}(?:\u200D{_PICTURE})*+")
"""An emoji that X counts as one; a sign shown as text (U+FE0E) is none, nor is a mark that combines with no emoji."""
# Possessive repeats, the look-behind and the limit of labels keep this linear, since people paste anything.
LINK = regex.compile(
    r"(?<![A-Za-z0-9@\uFF20$#\uFF03])"
    r"(?:(?P<scheme>https?://)|(?<![\p{Latin}_./-]))"
    r"(?P<host>(?:[\p{Latin}0-9][\p{Latin}0-9_-]*+\.){0,125}[\p{Latin}0-9][\p{Latin}0-9-]*+\."
    r"(?:xn--[a-z0-9-]+|[a-z]{2,})(?![a-z0-9@+-])"
    r"|(?(scheme)(?:[\w\p{So}\p{EMod}\uFE0F\u200D-]++\.){1,126}(?:[a-z]{2,}(?![a-z0-9@+-])|[\w-]{2,})|(?!)))",
    regex.IGNORECASE,
)
_PATH_LETTERS = (
    r"a-z\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u024F\u0253\u0254\u0256\u0257\u0259\u025B\u0263\u0268\u026F\u0272\u0289"
    r"\u028B\u02BB\u0300-\u036F\u0400-\u04FF\u1E00-\u1EFF"
)
"""Letters in a path by twitter-text: not all of Latin and Cyrillic."""
_PATH_INNER = r"[!*';:,.$%\[\]\u2013~@|&]"
_PATH_END = rf"[{_PATH_LETTERS}0-9=_#/+-]"
_PATH_SIGNS = rf"(?:{_PATH_INNER}|{_PATH_END})"
_BRACKETS = rf"\((?:{_PATH_SIGNS}++|{_PATH_SIGNS}*+\({_PATH_SIGNS}++\){_PATH_SIGNS}*+)\)"
_PATH = rf"/(?:{_PATH_INNER}*+(?:{_PATH_END}|{_BRACKETS}))*+"
_PORT, _QUERY = r"(?::[0-9]++)?", r"(?:\?(?:[!?*'@();:+$%\[\].,~|]*+[a-z0-9_&=#/-])++)?"
X_REST = regex.compile(rf"{_PORT}(?:{_PATH})?{_QUERY}", regex.IGNORECASE)
X_BARE_REST = regex.compile(rf"(?:{_PORT}{_PATH}{_QUERY})?", regex.IGNORECASE)
"""The rest of an address without a scheme: a port or query belongs to it only with a path."""
JOINTS = "\u00b7\u05be\u05f3\u05f4\u0f0b\u0f0c\u200c\u200d\u3003\u301c\u30fb\uff5e"
"""Dots, dashes and joiners within words of Catalan, Hebrew, Tibetan, Persian, Sinhala and Japanese."""
WHOLE_REST = regex.compile(
    rf"(?::[0-9]{{1,5}})?(?:[/?#][\p{{L}}\p{{M}}\p{{N}}{JOINTS}!*';:=+,.$/%#\[\]\-\u2013_~@|&?()]*+)?"
)
"""X ends an address before a letter of another script, or before the `#` right behind a host."""
LINK_ENDS_BEFORE = f"!*';:,.$%[]\u2013~@|?({JOINTS}"
_AFTER_EMOJI = r"(?<=[\uFE0E\uFE0F\u20E3\u200C\u200D])"
"""`\\w` matches the last signs of an emoji, as it matches all marks that combine with a letter."""
_BEFORE_NAME = rf"(?:(?<![\w@./-])|{_AFTER_EMOJI})"
_BEFORE_TAG = rf"(?:(?<![\w&#/])|{_AFTER_EMOJI})"
MENTION = regex.compile(
    rf"{_BEFORE_NAME}@(?P<handle>(?:[a-z0-9][a-z0-9-]*+\.(?=[a-z0-9]))++(?:xn--[a-z0-9-]++|[a-z]{{2,}}+))"
    r"(?!-*+[a-z0-9_@])",
    regex.IGNORECASE,
)
"""Matches a handle only as a whole, since a shorter one is somebody else's."""
NAME = regex.compile(rf"{_BEFORE_NAME}@(?P<name>[A-Za-z0-9_][A-Za-z0-9_.]*)")
_LETTER, _TAG_SIGN = r"[\p{L}\p{M}_]", r"[\p{L}\p{M}\p{N}_]"
HASHTAG = regex.compile(
    rf"{_BEFORE_TAG}[#\uFF03](?![\uFE0F\u20E3])"
    rf"(?P<tag>{_TAG_SIGN}*{_LETTER}{_TAG_SIGN}*+(?:[{JOINTS}]{_TAG_SIGN}++)*+)"
)
"""`#` on a keycap is an emoji, not a hashtag."""
CASHTAG = regex.compile(r"(?<![\w$])\$(?P<tag>[a-z]{1,6}(?:[._][a-z]{1,2})?)(?!\w)", regex.IGNORECASE)
ESCAPED = {"&": regex.compile("&(?:amp;)++", regex.IGNORECASE)} | {
    sign: regex.compile(f"&(?:{names});", regex.IGNORECASE)
    for sign, names in {"<": "lt", ">": "gt", '"': "quot", "'": "apos|#0?39|#x27"}.items()
}
"""Signs that networks escape, once or twice; "&region=" in an address is no escape."""
UNSEEN = regex.compile(r"\p{Default_Ignorable_Code_Point}")
LONGEST_HOST = 253
SCHEME = regex.compile("https?://", regex.IGNORECASE)
ADDRESS = regex.compile(r"(?P<host>[^/?#]*+)/?+(?P<rest>.*+)", regex.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Span:
    """A link, mention or tag in a text; `value` is the address, the handle or the word without its sign."""

    start: int
    end: int
    value: str


@lru_cache(maxsize=32)  # the same text goes to many accounts of a network
def length(text: str, counted_as: str) -> int:
    """Return the length of a text in the unit that `Limits.characters_counted_as` names."""
    match counted_as:
        case "unicode_characters":
            return len(text)
        case "utf16_units":
            return len(text.encode("utf-16-le")) // 2
        case "graphemes":
            return sum(1 for _ in GRAPHEME.finditer(text))
        case "utf8_bytes":
            return len(text.encode())
        case "x_weighted":
            return x_weighted_length(text)
        case "emoji_as_bytes":
            return sum(len(each.encode()) if EMOJI.search(each) else len(each) for each in GRAPHEME.findall(text))
    raise ValueError(f"Text cannot be counted as {counted_as}.")


def x_weighted_length(text: str) -> int:
    """Return the length as X counts it, by the twitter-text configuration of version 3."""
    text = composed(text.replace("\r\n", "\n"))
    links = find_links(text)
    return X_LINK_LENGTH * len(links) + sum(map(_x_weight, between(text, links)))


def _x_weight(text: str) -> int:
    """Return the weight of a text without links; an emoji of any length counts as one heavy character."""
    text = X_EMOJI.sub("\ufffd", text)
    return len(text) + len(X_HEAVY.findall(text))


def find_links(text: str) -> list[Span]:
    """Return the web addresses in a text as X finds them, including bare domains; the value has a scheme."""
    return list(_links(text, X_REST, X_BARE_REST))


def find_whole_links(text: str) -> list[Span]:
    """Return the web addresses in a text, including bare domains, each to its end in any script."""
    return list(_links(text, WHOLE_REST, WHOLE_REST))


def _links(text: str, rest_of_address: "regex.Pattern[str]", rest_of_bare: "regex.Pattern[str]") -> Iterator[Span]:
    position = 0
    while match := LINK.search(text, position):
        host = _known_host(match["host"])
        if not host:
            position = match.end() - len(match["host"].rpartition(".")[2])  # in "Bread.https://…" it is a link's scheme
            continue
        rest_of_link = rest_of_address if match["scheme"] else rest_of_bare
        rest = rest_of_link.match(text, match.end()) if host == match["host"] else None
        position = match.start("host") + len(host) + len(_trimmed(rest[0]) if rest else "")
        address = text[match.start() : position]
        yield Span(start=match.start(), end=position, value=address if match["scheme"] else f"https://{address}")


def _known_host(host: str) -> str:
    """Return the longest beginning with a real top-level domain: "example.com.Next" is a domain and a new sentence."""
    labels = host.split(".")
    while len(labels) > 1 and not _is_top_level_domain(labels[-1]):
        labels.pop()
    return ".".join(labels) if len(labels) > 1 else ""


def _is_top_level_domain(label: str) -> bool:
    return _is_public(_in_ascii(label))


@lru_cache(maxsize=1024)
def _is_public(suffix: str) -> bool:
    return bool(suffix) and _top_level_domains().publicsuffix(f"any.{suffix}") is not None


@cache
def _top_level_domains() -> PublicSuffixList:
    """Return the list of top-level domains, loaded with the first link, since not every command needs it."""
    return PublicSuffixList(accept_unknown=False, only_icann=True)


def _trimmed(rest: str) -> str:
    """Return an address without the punctuation of its sentence, and without a closing bracket that it did not open."""
    surplus, end = rest.count(")") - rest.count("("), len(rest)
    while end and (rest[end - 1] in LINK_ENDS_BEFORE or (rest[end - 1] == ")" and surplus > 0)):
        end -= 1
        surplus += {")": -1, "(": 1}.get(rest[end], 0)
    return rest[:end]


def find_mentions(text: str) -> list[Span]:
    """Return the handles that are domain names, as in "@alice.example"."""
    return [Span(start=each.start(), end=each.end(), value=each["handle"]) for each in MENTION.finditer(text)]


def find_names(text: str) -> list[Span]:
    """Return the mentions of networks whose names are no domain names, as in "@alice"."""
    return [Span(start=each.start(), end=each.end(), value=each["name"]) for each in NAME.finditer(text)]


def find_hashtags(text: str) -> list[Span]:
    """Return the hashtags, which hold at least one letter."""
    return [Span(start=each.start(), end=each.end(), value=each["tag"]) for each in HASHTAG.finditer(text)]


def find_cashtags(text: str) -> list[Span]:
    """Return the stock symbols that X links, as in "$TSLA"."""
    return [Span(start=each.start(), end=each.end(), value=each["tag"]) for each in CASHTAG.finditer(text)]


def between(text: str, spans: list[Span]) -> list[str]:
    """Return the texts before, between and after these parts of a text, which are in order."""
    starts = [0, *(span.end for span in spans)]
    ends = [*(span.start for span in spans), len(text)]
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]


def comparable(text: str) -> str:
    """Return a text in a form that hides what networks change in it.

    They change composition, blanks, invisible signs, escapes, and the spelling of links.
    """
    for sign, escaped in ESCAPED.items():
        text = escaped.sub(sign, text)
    text = composed(UNSEEN.sub("", text))
    text = SCHEME.sub("", _in_plain_links(text))  # a scheme in a word begins no link, and may be of a network's link
    return " ".join(_in_plain_links(text).split())


def _in_plain_links(text: str) -> str:
    links = find_whole_links(text)
    parts = zip_longest(between(text, links), (_plain(each.value) for each in links), fillvalue="")
    return "".join(chain.from_iterable(parts))


def _plain(address: str) -> str:
    """Return an address without its scheme and escapes, with its host in lower case."""
    found = ADDRESS.fullmatch(address.split("://", 1)[1])
    assert found is not None
    rest = unquote(SCHEME.sub("", found["rest"].rstrip("/")))
    return f"{_in_ascii(found['host']) or found['host']}{rest and '/'}{rest}"


def _in_ascii(host: str) -> str:
    """Return a host in the ASCII form of addresses, empty if it is no host."""
    return _encoded(host) if len(host) <= LONGEST_HOST else ""


@lru_cache(maxsize=1024)
def _encoded(host: str) -> str:
    try:
        return host.lower().encode("idna").decode()
    except UnicodeError:
        return ""
