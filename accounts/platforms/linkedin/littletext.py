"""LinkedIn's markup for texts, called "little": https://learn.microsoft.com/linkedin/marketing/community-management/shares/little-text-format

A mention is written `@[Name](urn:li:organization:1)`, by people and by LinkedIn alike.
"""

import re

from accounts.platforms.text import find_hashtags

RESERVED = re.compile(r"[\\|{}@\[\]()<>#*_~]")
MENTION = re.compile(r"@\[(?P<name>[^\[\]\n]+)\]\((?P<urn>urn:li:(?:person|organization):[\w-]+)\)", re.ASCII)
HASHTAG = re.compile(r"\{hashtag\\?\|\\?(?P<sign>[#\uFF03])\\?\|(?P<word>(?:\\.|[^{}\\])+)\}")
ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def written(text: str) -> str:
    """Return a text as a commentary: mentions and hashtags mean what they mean, all else shows as it is."""
    parts, position = [], 0
    for mention in MENTION.finditer(text):
        parts += [_between(text[position : mention.start()]), f"@[{_plain(mention['name'])}]({mention['urn']})"]
        position = mention.end()
    return "".join([*parts, _between(text[position:])])


def _between(text: str) -> str:
    hashtags = {span.start for span in find_hashtags(text) if not RESERVED.match(span.value)}
    return RESERVED.sub(lambda sign: sign[0] if sign.start() in hashtags else f"\\{sign[0]}", text)


def _plain(text: str) -> str:
    return RESERVED.sub(r"\\\g<0>", text)


def read(commentary: str) -> str:
    """Return the text of which this commentary was written."""
    return ESCAPED.sub(r"\1", HASHTAG.sub(r"\g<sign>\g<word>", commentary))


def shown(text: str) -> str:
    """Return a text as LinkedIn shows and counts it: of a mention there is only the name."""
    return MENTION.sub(r"\g<name>", text)
