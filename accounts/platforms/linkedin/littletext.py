"""LinkedIn's markup for texts, called "little": https://learn.microsoft.com/linkedin/marketing/community-management/shares/little-text-format

People and LinkedIn both write a mention as `@[Name](urn:li:organization:1)`.
"""

import re
from itertools import zip_longest

from accounts.platforms.text import Span, between, find_hashtags, find_whole_links

RESERVED = re.compile(r"[\\|{}@\[\]()<>#*_~]")
MENTION = re.compile(r"@\[(?P<name>[^\[\]\n]+)\]\((?P<urn>urn:li:(?:person|organization):[\w-]+)\)", re.ASCII)
HASHTAG = re.compile(r"\{hashtag\\?\|\\?(?P<sign>[#\uFF03])\\?\|(?P<word>(?:\\.|[^{}\\])+)\}")
ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def written(text: str) -> str:
    """Return a text as a commentary: mentions and hashtags are marked up, the rest is escaped."""
    parts, position = [], 0
    for mention in MENTION.finditer(text):
        parts += [_between(text[position : mention.start()]), f"@[{_plain(mention['name'])}]({mention['urn']})"]
        position = mention.end()
    return "".join([*parts, _between(text[position:])])


def _between(text: str) -> str:
    links = find_whole_links(text)
    tags = [each for each in find_hashtags(text) if _is_tag(each, links)]
    pairs = zip_longest(map(_plain, between(text, tags)), (_tag(text[each.start], each.value) for each in tags))
    return "".join(part for pair in pairs for part in pair if part)


def _is_tag(span: Span, links: list[Span]) -> bool:
    """Whether this is meant as a hashtag: it does not begin with a reserved sign, and is not part of an address."""
    return not RESERVED.match(span.value) and not any(link.start <= span.start < link.end for link in links)


def _tag(sign: str, word: str) -> str:
    """Return a hashtag; a word with other signs than letters and digits needs a template that marks its end."""
    return f"{sign}{word}" if word.isalnum() else f"{{hashtag|\\{sign}|{_plain(word)}}}"


def _plain(text: str) -> str:
    return RESERVED.sub(r"\\\g<0>", text)


def read(commentary: str) -> str:
    """Return the text from which this commentary was written."""
    return ESCAPED.sub(r"\1", HASHTAG.sub(r"\g<sign>\g<word>", commentary))


def shown(text: str) -> str:
    """Return a text as LinkedIn shows and counts it, with only the name of a mention."""
    return MENTION.sub(r"\g<name>", text)
