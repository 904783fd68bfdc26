"""LinkedIn's "little" text format: the visible text of a commentary, and its form in lists."""

from dataclasses import dataclass

import regex

TOKEN = regex.compile(
    r"\\(?P<escaped>.)"
    r"|\{hashtag\\?\|\\?(?P<sign>[#\uFF03])\\?\|(?P<tag>(?:\\.|[^{}\\|])+)\}"
    r"|@\[(?P<name>(?:\\.|[^\\\[\]])+)\]\((?P<urn>urn:li:(?:person|organization):[A-Za-z0-9_-]+)\)"
    r"|\#(?P<word>[\p{L}\p{M}\p{N}]+)"
    r"|(?P<reserved>[\\|{}@\[\]()<>#*_~])"
    r"|(?P<plain>[^\\|{}@\[\]()<>#*_~]+)",
    regex.DOTALL,
)
ESCAPE = regex.compile(r"\\(.)", regex.DOTALL)


class Malformed(Exception):
    """A reserved character stands where nothing of the language can."""


@dataclass(frozen=True, kw_only=True)
class Little:
    """A commentary that was understood."""

    shown: str
    stored: str
    """With its hashtags as templates."""

    @property
    def units(self) -> int:
        """Return the length in UTF-16 units."""
        return len(self.shown.encode("utf-16-le")) // 2


def parse(commentary: str) -> Little:
    """Understand a commentary; raises Malformed at a reserved character that is neither escaped nor means anything."""
    shown, stored = [], []
    for token in TOKEN.finditer(commentary):
        if token["reserved"]:
            raise Malformed(token["reserved"])
        shown.append(shown_of(token))
        stored.append(f"{{hashtag|\\#|{token['word']}}}" if token["word"] else token[0])
    return Little(shown="".join(shown), stored="".join(stored))


def shown_of(token: "regex.Match[str]") -> str:
    """Return the visible text of one token."""
    if token["tag"]:
        return str(token["sign"] + ESCAPE.sub(r"\1", token["tag"]))
    if token["name"]:
        return str(ESCAPE.sub(r"\1", token["name"]))
    return f"#{token['word']}" if token["word"] else token["escaped"] or token["plain"]
