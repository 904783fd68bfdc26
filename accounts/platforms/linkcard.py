"""The title, description and picture that a web page offers for links to it: https://ogp.me"""

import codecs
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from time import monotonic
from urllib.parse import urldefrag, urljoin

from accounts.platforms.base import Session
from accounts.platforms.errors import PlatformError
from accounts.platforms.http import Answer

SECONDS_IN_ALL = 8.0
LARGEST_PAGE, READ_OF_A_PAGE = 5_000_000, 1_000_000
CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
SAYS_ITS_CHARSET = 1024
"""A page names its encoding within these bytes: https://html.spec.whatwg.org/multipage/semantics.html#charset"""
PAGES_ARE_IN = ("cp125", "cp874", "cp932", "cp949", "iso8859", "koi8", "gb", "big5", "euc")
"""Prefixes of Python's names of the encodings that are read beside UTF-8; others are not for text, or take long."""
UNKNOWN_NAMES = {"iso-8859-8-i": "iso8859-8", "windows-874": "cp874", "windows-949": "cp949", "x-gbk": "gbk"}
UNKNOWN_NAMES |= {"gb_2312-80": "gbk", "x-euc-jp": "euc_jp", "x-sjis": "cp932", "windows-31j": "cp932"}
"""Names of encodings that Python has under other names."""
WIDER = {"ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874"}
WIDER |= {"shift_jis": "cp932", "euc_kr": "cp949", "gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs"}
"""The wider encodings that browsers use for these names: https://encoding.spec.whatwg.org/#names-and-labels"""
LARGEST_PICTURE = 1_000_000
MOST_HOPS = 4
REDIRECTS = {301, 302, 303, 307, 308}
IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp")
READ_OF_A_TITLE = 10_000
LONGEST_TITLE = 200
"""Networks take 400 characters, and some count one character as two."""
LONGEST_DESCRIPTION = 1000


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A small image, unchanged."""

    mime_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class LinkCard:
    """The card of a page; its fields are empty if the page has none or cannot be read."""

    title: str = ""
    description: str = ""
    picture: Picture | None = None


def fetch_link_card(session: Session, url: str) -> LinkCard:
    """Read a page's card within eight seconds; returns as much of it as could be read, and never raises."""
    visit = _Visit(session.to_others(), until=monotonic() + SECONDS_IN_ALL)
    page_url, page = visit.get(url)
    if page is None or _content_type(page) != "text/html":
        return LinkCard()
    head = _Head()
    with suppress(AssertionError):  # the parser stops so at a broken declaration; earlier findings stay
        head.feed(_text(page))
    return LinkCard(
        title=head.first("og:title", "twitter:title", "title")[:LONGEST_TITLE],
        description=head.first("og:description", "twitter:description", "description")[:LONGEST_DESCRIPTION],
        picture=_picture(visit, page_url, head),
    )


def _text(page: Answer) -> str:
    """Return a page's text, in the encoding that its type or its first bytes name, else in UTF-8."""
    body = page.body[:READ_OF_A_PAGE]
    start = body[:SAYS_ITS_CHARSET].decode("ascii", errors="replace")
    named = CHARSET.search(page.headers.get("Content-Type", "")) or CHARSET.search(start)
    return body.decode(_codec(named[1] if named else ""), errors="replace")


def _codec(charset: str) -> str:
    try:
        name = codecs.lookup(UNKNOWN_NAMES.get(charset.lower(), charset)).name
    except LookupError:
        return "utf-8"
    name = WIDER.get(name, name)
    return name if name.startswith(PAGES_ARE_IN) else "utf-8"


def _picture(visit: "_Visit", page_url: str, head: "_Head") -> Picture | None:
    address = head.first("og:image:secure_url", "og:image", "og:image:url", "twitter:image")
    _, answer = visit.get(address, page=page_url) if address else ("", None)
    if answer is None or _content_type(answer) not in IMAGE_TYPES or not 0 < len(answer.body) <= LARGEST_PICTURE:
        return None
    return Picture(mime_type=_content_type(answer), content=answer.body)


class _Visit:
    """Requests that share one deadline. Each hop goes through the session, so its address guard sees them all."""

    def __init__(self, session: Session, *, until: float) -> None:
        self._session = session
        self._until = until

    def get(self, address: str, *, page: str = "") -> tuple[str, Answer | None]:
        """Return the final address after redirects, and its good answer; None if none came in time."""
        url = _whole(address, page=page)
        for _ in range(MOST_HOPS):
            answer = self._ask(url)
            location = answer.headers.get("Location", "") if answer and answer.status in REDIRECTS else ""
            if not location:
                return url, answer if answer and answer.ok else None
            url = _whole(location, page=url)
        return url, None

    def _ask(self, url: str) -> Answer | None:
        left = self._until - monotonic()
        if left <= 0 or not url.lower().startswith(("https://", "http://")):
            return None
        try:
            return self._session.request("GET", url, timeout=left, max_bytes=LARGEST_PAGE)
        except PlatformError:
            return None


def _whole(address: str, *, page: str) -> str:
    """Return the absolute form of an address on a page, without its fragment; empty if it is malformed."""
    try:
        return urldefrag(urljoin(page, address)).url
    except ValueError:
        return ""


class _Head(HTMLParser):
    """Collects the metadata in a page's head; the first value of a name counts."""

    def __init__(self) -> None:
        super().__init__()
        self._found: dict[str, str] = {}
        self._in_title = False

    def first(self, *names: str) -> str:
        texts = (" ".join(self._found.get(name, "").split()) for name in names)
        return next(filter(None, texts), "")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "meta":
            self._remember(dict(attrs))
        elif self._in_title:  # https://html.spec.whatwg.org/multipage/semantics.html#the-title-element: text alone
            self.handle_data(self.get_starttag_text() or "")
        else:
            self._in_title = tag == "title" and "title" not in self._found

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)  # browsers ignore the slash

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        elif self._in_title:
            self.handle_data(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        title = self._found.get("title", "")
        if self._in_title and len(title) < READ_OF_A_TITLE:  # it comes in pieces, perhaps of one character each
            self._found["title"] = title + data

    def _remember(self, attributes: Mapping[str, str | None]) -> None:
        name = (attributes.get("property") or attributes.get("name") or "").lower()
        self._found.setdefault(name, attributes.get("content") or "")


def _content_type(answer: Answer) -> str:
    return answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
