"""Cards for links, from pages as they are found on the web."""

import time
from typing import Any

import pytest

from accounts.platforms import linkcard
from accounts.platforms.errors import PlatformError, Rejected
from accounts.platforms.http import Answer
from accounts.platforms.linkcard import LinkCard, Picture, fetch_link_card
from tests.networks.platform_case import LOST, Call, FakeSession, make_answer

URL = "https://example.com/rye"


def html(text: str, content_type: str = "text/html; charset=utf-8") -> Answer:
    return make_answer(200, body=text.encode(), Content_Type=content_type)


def image(content: bytes = b"picture", content_type: str = "image/png") -> Answer:
    return make_answer(200, body=content, Content_Type=content_type)


def card(*visits: tuple[str, Answer | PlatformError], url: str = URL) -> LinkCard:
    session = FakeSession(*(Call("GET", visited, {}, gets) for visited, gets in visits))
    found = fetch_link_card(session, url)
    session.assert_done()
    return found


def test_a_page_is_shown_as_it_asks_to_be() -> None:
    page = """<meta property="og:title" content="Rye &amp; wheat"><meta property="og:title" content="Second">
    <meta name="description" content="Plain"><meta property="og:description" content=" How
    to bake "><meta property="og:image" content="//cdn.example/rye.png">"""

    found = card((URL, html(page)), ("https://cdn.example/rye.png", image()))

    assert found == LinkCard(
        title="Rye & wheat",
        description="How to bake",
        picture=Picture(mime_type="image/png", content=b"picture"),
    )


def test_a_page_without_a_wish_is_shown_by_its_title() -> None:
    page = "<title>Rye\n &amp; bread</title><svg><title>Icon</title></svg><meta name=description content=Bake><meta>"

    assert card((URL, html(page))) == LinkCard(title="Rye & bread", description="Bake")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_one_request_at_a_time(status: int) -> None:
    moved = make_answer(status, Location="http://example.com/new")

    assert card((URL, moved), ("http://example.com/new", html("<title>New</title>"))).title == "New"


@pytest.mark.parametrize(
    ("content_type", "begins", "encoding"),
    [
        ("text/html; charset=ISO-8859-1", "", "cp1252"),
        ('text/html; Charset = "windows-1251"', "<meta charset=utf-8>", "cp1251"),
        ("text/html", "<meta charset='iso-8859-15'>", "iso8859-15"),
        ("text/html", '<META http-equiv=Content-Type content="text/html; charset=Shift_JIS">', "cp932"),
        ("text/html; charset=X-SJIS", "", "cp932"),
        ("text/html; charset=windows-31j", "", "cp932"),
        ("text/html; charset=GB2312", "", "gb18030"),
        ("text/html; charset=ks_c_5601-1987", "", "cp949"),
        ("text/html; charset=big5", "", "big5hkscs"),
        ("text/html; charset=iso-8859-9", "", "cp1254"),
        ("text/html; charset=TIS-620", "", "cp874"),
        ("text/html; charset=windows-874", "", "cp874"),
        ("text/html; charset=utf-16", "", "utf-8"),
        ("text/html; charset=punycode", "", "utf-8"),
        ("text/html; charset=nobody-knows", "", "utf-8"),
    ],
)
def test_a_page_is_read_in_the_encoding_that_it_names(content_type: str, begins: str, encoding: str) -> None:
    titles = {
        "cp1251": "Хлеб",
        "cp932": "㈱髙橋①",
        "gb18030": "朱镕基",
        "cp949": "똠방각하",
        "big5hkscs": "茘枝角",
        "cp874": "ไทย…",
    }
    title = titles.get(encoding, "Café €5")
    page = make_answer(200, body=f"{begins}<title>{title}</title>".encode(encoding), Content_Type=content_type)

    assert card((URL, page)).title == title


def test_a_page_in_an_encoding_that_is_not_known_is_read_as_far_as_it_goes() -> None:
    page = make_answer(200, body="<title>Café Rye</title>".encode("latin-1"), Content_Type="text/html")

    assert card((URL, page)) == LinkCard(title="Caf\ufffd Rye")


def test_what_looks_like_a_tag_in_a_title_is_text_as_in_browsers() -> None:
    page = html("<title>On <i>Rye</i> and <br/> &lt;b></title><svg><title>Logo</title></svg>")

    assert card((URL, page)).title == "On <i>Rye</i> and <br/> <b>"


@pytest.mark.parametrize("end", ["<![rye[x]]>", "<![ rye", "<!--", "<"])
def test_a_page_that_no_parser_takes_is_shown_by_what_came_before(end: str) -> None:
    assert card((URL, html(f"<title>Rye</title>{end}"))) == LinkCard(title="Rye")


def test_addresses_that_are_none_lead_nowhere() -> None:
    page = html('<title>Rye</title><meta property="og:image" content="https://[cdn]/rye.png">')
    moved = make_answer(301, Location="https://[new")

    assert card((URL, page)) == LinkCard(title="Rye")
    assert card((URL, moved)) == LinkCard()


def test_the_part_of_a_page_that_a_link_names_is_not_asked_for() -> None:
    page = html('<title>Rye</title><meta property="og:image" content="/rye.png#top">')
    moved = make_answer(301, Location="/new#wheat")

    found = card(
        (URL, moved), ("https://example.com/new", page), ("https://example.com/rye.png", image()), url=f"{URL}#bread"
    )

    assert (found.title, found.picture) == ("Rye", Picture(mime_type="image/png", content=b"picture"))


class StrictSession(FakeSession):
    """Gives no more of an answer than is asked for."""

    def request(self, *args: Any, max_bytes: int = 1_000_000, **request: Any) -> Answer:
        answer = super().request(*args, max_bytes=max_bytes, **request)
        if len(answer.body) > max_bytes:
            raise LOST
        return answer


@pytest.mark.parametrize(("size", "title"), [(2_000_000, "Rye"), (6_000_000, "")])
def test_of_a_large_page_the_beginning_is_read(size: int, title: str) -> None:
    session = StrictSession(Call("GET", URL, {}, html("<title>Rye</title>" + "<p>Bread" * (size // 8))))

    assert fetch_link_card(session, URL) == LinkCard(title=title)


def test_a_title_in_very_many_pieces_takes_no_time() -> None:
    started = time.process_time()

    found = card((URL, html(f"<title>Rye {'< ' * 250_000}")))

    assert found.title.startswith("Rye < <")
    assert time.process_time() - started < 5


def test_a_circle_of_redirects_ends() -> None:
    circle = make_answer(302, Location=URL)

    assert card(*[(URL, circle)] * linkcard.MOST_HOPS) == LinkCard()


@pytest.mark.parametrize(
    "gets",
    [
        LOST,
        Rejected("The address is not allowed."),
        make_answer(404),
        make_answer(404, body=b"<title>Not found</title>", Content_Type="text/html"),
        make_answer(301),
        make_answer(302, Location="ftp://example.com/"),
        make_answer(302, Location="https://[::1/"),
        html("<title>Data</title>", "application/json"),
    ],
)
def test_what_is_no_page_has_no_card(gets: Answer | PlatformError) -> None:
    assert card((URL, gets)) == LinkCard()


def test_a_broken_page_shows_what_could_be_read_of_it() -> None:
    page = '<title>Rye</title><meta property="og:image" content="https://[::1/rye.png"><![<title>Wheat</title>'

    assert card((URL, html(page))) == LinkCard(title="Rye")


@pytest.mark.parametrize(
    "gets",
    [
        LOST,
        make_answer(404),
        make_answer(404, body=b"picture", Content_Type="image/png"),
        image(b""),
        image(content_type="image/svg+xml"),
        image(b"x" * 1_000_001),
    ],
)
def test_a_picture_that_is_of_no_use_is_left_out(gets: Answer | PlatformError) -> None:
    page = html('<title>Rye</title><meta property="og:image" content="https://example.com/rye.png">')

    assert card((URL, page), ("https://example.com/rye.png", gets)) == LinkCard(title="Rye")


def test_all_requests_share_eight_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 100.0, 105.0])
    monkeypatch.setattr("accounts.platforms.linkcard.monotonic", lambda: next(clock))
    page = html('<meta property="og:image" content="https://example.com/rye.png">')
    session = FakeSession(Call("GET", URL, {}, page), Call("GET", "https://example.com/rye.png", {}, image()))

    fetch_link_card(session, URL)

    assert session.timeouts == [8.0, 3.0]


def test_nothing_is_asked_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 100.0, 108.0])
    monkeypatch.setattr("accounts.platforms.linkcard.monotonic", lambda: next(clock))

    page = html('<title>Rye</title><meta property="og:image" content="https://example.com/rye.png">')

    assert card((URL, page)) == LinkCard(title="Rye")
