"""How texts are counted and read, on vectors made from the networks' published rules."""

import string
import time
import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from accounts.platforms.text import (
    between,
    comparable,
    find_hashtags,
    find_links,
    find_mentions,
    find_names,
    find_whole_links,
    length,
    x_weighted_length,
)

pytestmark = pytest.mark.thorough

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80)
WORDS = st.text(alphabet=string.ascii_letters + " ,\n", max_size=300)


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("", 0),
        ("Hello", 5),
        ("a\r\nb", 3),
        ("\u65e5\u672c", 4),
        ("caf\u00e9", 4),
        ("cafe\u0301", 4),
        ("\u201cquoted\u201d \u2026", 11),
        ("\u20ac", 2),
        (FAMILY, 2),
        ("\U0001f44d\U0001f3fd", 2),
        ("\U0001f1eb\U0001f1f7", 2),
        ("1\ufe0f\u20e3", 2),
        ("\u2764\ufe0f", 2),
        ("\u00a9", 1),
        ("\u00a9\ufe0f", 2),
        ("example.com", 23),
        ("https://example.com/" + "a" * 200, 23),
        ("see example.com.", 28),
        ("go to foo.dev, bar.app", 6 + 23 + 2 + 23),
        ("http://twitter.com/\u3053\u308c example.com\u4e2d", 23 + 4 + 1 + 23 + 2),
        ("\u2122example.com\ufe0f", 2 + 23 + 2),
        ("joe@example.com", 15),
        ("no.notatld", 10),
        ("https://localhost:8000", 22),
        ("\u2b50\ufe0e", 4),
        ("a\U0001f3fd", 3),
        ("#\ufe0f", 3),
        ("\U0001f937\u200d\u2642", 5),
        ("\U0001f937\U0001f3fd\u200d\u2642\ufe0f", 2),
        ("example.com?utm=a", 23 + 6),
        ("https://example.com?utm=a", 23),
        ("https://example.com/?q=\u043c", 23 + 1),
        ("https://example.com/\u00e9x\u0301\u0436", 23),
        ("https://example.com/\uff41", 23 + 2),
        ("https://example.com/\u0501", 23 + 1),
        ("https://example.com/a(b", 23 + 2),
        ("https://example.com/a(b(c)d)", 23),
        ("https://example.com/a&", 24),
        ("m\u00fcller.de", 23),
        ("https://\u65e5\u672c.jp\u3060", 25),
    ],
)
def test_x_weighs_a_text(text: str, weight: int) -> None:
    assert x_weighted_length(text) == weight


@given(WORDS)
def test_x_counts_plain_words_as_they_are(text: str) -> None:
    assert x_weighted_length(text) == len(text)


@given(TEXTS)
def test_x_counts_composed_and_decomposed_text_alike(text: str) -> None:
    assert x_weighted_length(unicodedata.normalize("NFD", text)) == x_weighted_length(text)


@given(WORDS, WORDS)
def test_any_address_between_blanks_adds_23(before: str, after: str) -> None:
    address = "https://example.com/a/very/long/path?with=a&long=query"

    assert x_weighted_length(f"{before} {address} {after}") == len(before) + len(after) + 25


@pytest.mark.parametrize(
    ("unit", "count"), [("unicode_characters", 9), ("utf16_units", 13), ("graphemes", 3), ("x_weighted", 4)]
)
def test_a_text_is_counted_in_the_unit_of_the_network(unit: str, count: int) -> None:
    assert length(f"a{FAMILY}b", unit) == count


def test_an_unknown_unit_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="furlongs"):
        length("a", "furlongs")


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("see https://example.com/a?b=c#d, now", ["https://example.com/a?b=c#d"]),
        ("(https://en.wikipedia.org/wiki/Oui_(film))", ["https://en.wikipedia.org/wiki/Oui_(film)"]),
        ("https://example.com/a(b", ["https://example.com/a"]),
        ("bei m\u00fcller.de, M\u00dcLLER.de/x", ["https://m\u00fcller.de", "https://M\u00dcLLER.de/x"]),
        ("@m\u00fcller.de and \u00e9l\u00e8ve@example.com", []),
        ("example.com:80, example.com:80/a?b=c", ["https://example.com", "https://example.com:80/a?b=c"]),
        ("https://example.com/((", ["https://example.com/"]),
        ("EXAMPLE.COM", ["https://EXAMPLE.COM"]),
        ("http://example.com:8080/x", ["http://example.com:8080/x"]),
        ("https://b\u00fccher.de/\u00e9t\u00e9", ["https://b\u00fccher.de/\u00e9t\u00e9"]),
        ("https://xn--e1afmkfd.xn--p1ai", ["https://xn--e1afmkfd.xn--p1ai"]),
        ("End of example.com.Then more", ["https://example.com"]),
        ("tag #example.com, user @example.com, me@example.com", []),
        ("https://foo.notatld/x", []),
        ("https://" + "a" * 70 + "\u00e9." + "\u00e9" * 70, []),
        ("1.2.3 and 10.5", []),
        ("node.js is none, Node.com is", ["https://Node.com"]),
        (
            "Bread.https://example.com, _https://example.org, /example.net",
            ["https://example.com", "https://example.org"],
        ),
        ("\u5b57https://example.com", ["https://example.com"]),
        ("https://\u272adf.ws/ejp \u27a1\ufe0fexample.com", ["https://\u272adf.ws/ejp", "https://example.com"]),
        ("https://i\u2764\ufe0f.ws", ["https://i\u2764\ufe0f.ws"]),
        (
            "\u898bhttps://\u65e5\u672c.jp\u3060\u3088, https://\u043f.com\u0438",
            ["https://\u65e5\u672c.jp", "https://\u043f.com"],
        ),
        ("https://\u65e5\u672c.jp-\u3060, https://\u65e5\u672c.jpa\u3060", []),
        ("sub_domain.example.com and do_main.com", ["https://sub_domain.example.com"]),
        ("example.com- and example.com+", []),
        ("https://foo.notatld/example.com?https://example.org", ["https://example.org"]),
    ],
)
def test_addresses_are_found(text: str, addresses: list[str]) -> None:
    assert [each.value for each in find_links(text)] == addresses


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("see https://ja.wikipedia.org/wiki/\u65e5\u672c, now", "https://ja.wikipedia.org/wiki/\u65e5\u672c"),
        ("\u898bhttps://example.com/?q=\u0645\u0635\u0631\u3002\u66f4", "https://example.com/?q=\u0645\u0635\u0631"),
        ("https://ca.wikipedia.org/wiki/Col\u00b7legi\u30fb", "https://ca.wikipedia.org/wiki/Col\u00b7legi"),
        ("(example.com#a)", "https://example.com#a"),
        ("(bei m\u00fcller.de?a=b)", "https://m\u00fcller.de?a=b"),
        ("example.com/a_(b).", "https://example.com/a_(b)"),
    ],
)
def test_addresses_are_found_to_their_end(text: str, address: str) -> None:
    assert [each.value for each in find_whole_links(text)] == [address]


@given(TEXTS)
def test_parts_are_in_order_and_inside_the_text(text: str) -> None:
    for find in (find_links, find_whole_links, find_mentions, find_hashtags):
        places = [place for span in find(text) for place in (span.start, span.end)]

        assert places == sorted(places)
        assert all(0 <= each <= len(text) for each in places)


@given(WORDS)
def test_what_is_left_and_what_is_taken_out_make_the_text(words: str) -> None:
    text = f"{words} example.com {words} example.org"
    links = find_links(text)

    assert len("".join(between(text, links))) + sum(each.end - each.start for each in links) == len(text)


@pytest.mark.parametrize(
    ("text", "handles"),
    [
        ("hi @alice.bsky.social!", ["alice.bsky.social"]),
        ("(@a-b.example.com)", ["a-b.example.com"]),
        ("@alice is no domain", []),
        ("mail joe@example.com", []),
        ("https://x.com/@alice.example", []),
        ("@alice.co.uk\u3055\u3093, @alice.xn--p1ai.", ["alice.co.uk", "alice.xn--p1ai"]),
        ("@alice.example.1, @alice.example-1, @alice.example@elsewhere.example", []),
        ("\u2764\ufe0f@alice.example 1\ufe0f\u20e3@bob.example", ["alice.example", "bob.example"]),
    ],
)
def test_handles_are_found(text: str, handles: list[str]) -> None:
    assert [each.value for each in find_mentions(text)] == handles


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@alice, (@bob_2.c) @9", ["alice", "bob_2.c", "9"]),
        ("joe@example, a/@b, @@c", []),
        ("\u2764\ufe0f@alice 1\ufe0f\u20e3@bob", ["alice", "bob"]),
    ],
)
def test_names_are_found(text: str, names: list[str]) -> None:
    assert [each.value for each in find_names(text)] == names


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#one, #two_2 \uff03\u65e5\u672c", ["one", "two_2", "\u65e5\u672c"]),
        ("#1 is a number, #1st is not", ["1st"]),
        ("a#b &#39; https://x.com/#c ##", []),
        ("#\ufe0f\u20e3 #\u20e3 1", []),
        (
            "#\u0dc1\u0dca\u200d\u0dbb\u0dd3 #\u05de\u05f4\u05db\u05f4",
            ["\u0dc1\u0dca\u200d\u0dbb\u0dd3", "\u05de\u05f4\u05db"],
        ),
        ("\u2764\ufe0f#love 1\ufe0f\u20e3#first \u2601\ufe0e\uff03calm e\u0301#none", ["love", "first", "calm"]),
        ("#col\u00b7legi\u00b7 #\u30b9\u30fb\u30a6", ["col\u00b7legi", "\u30b9\u30fb\u30a6"]),
    ],
)
def test_hashtags_are_found(text: str, tags: list[str]) -> None:
    assert [each.value for each in find_hashtags(text)] == tags


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Cafe\u0301 ", "Caf\u00e9"),
        ("a\r\n\r\nb", "a\n\nb"),
        ("see example.com now", "see http://example.com/ now"),
        ("https://Example.com?a=1&b=2#c now", "https://example.com/?a=1&amp;b=2#c now"),
        ("https://example.com/\u00e9t\u00e9/", "https://example.com/%C3%A9t%C3%A9"),
        ("https://example.com/\u65e5\u672c", "example.com/%E6%97%A5%E6%9C%AC"),
        ("http://b\u00fccher.example.com", "http://xn--bcher-kva.example.com"),
        ("\u2764\ufe0f soft\u00adly, zero\u200bwidth", "\u2764 softly, zerowidth"),
        ('Tom & Jerry\'s <3 "&region="', "Tom &amp; Jerry&#39;s &lt;3 &quot;&amp;region=&quot;"),
        ("A literal &amp;", "A literal &amp;amp;"),
        ("bread\u200bexample.com/rye?", "bread\u200bhttp://example.com/rye?"),
        ("bread\u200bhttps://example.com", "breadhttps://example.com/"),
    ],
)
def test_what_a_network_changes_in_passing_makes_no_difference(one: str, other: str) -> None:
    assert comparable(one) == comparable(other)


@given(st.text(alphabet="\U0001f1eb\U0001f1f7\u200d\u0301\u0600\u094d\u0915a", max_size=30))
def test_flags_are_counted_in_pairs_wherever_they_stand(text: str) -> None:
    assert length(text, "graphemes") == len(regex.findall(r"\X", text))


@given(TEXTS)
def test_other_words_do_make_a_difference(text: str) -> None:
    assert comparable(f"Hello {text}") != comparable(f"Goodbye {text}")


@pytest.mark.parametrize(
    "unit",
    [
        "aa.",
        "a.",
        "\u00e9a",
        "#1",
        "@a.",
        "http://",
        "x.com ",
        "(",
        "https://x.com/)",
        "\U0001f1eb",
        "&amp;",
        "x.com/(a(",
        "x.com/?!",
        "\U0001f468\u200d",
        "#a\u00b7",
        "@a-",
        "\u0301\u0316",
        "\u0f81",
        "\u00e9.fr ",
        "https://\u00e9.fr ",
    ],
)
def test_a_hostile_text_takes_no_time(unit: str) -> None:
    text = (unit * 100_000)[:100_000]  # as long as the API takes one
    started = time.process_time()

    for counted_as in ("x_weighted", "graphemes", "emoji_as_bytes"):
        length(text, counted_as)
    find_whole_links(text)
    find_mentions(text)
    find_hashtags(text)
    comparable(text)

    assert time.process_time() - started < 2


@pytest.mark.parametrize("sign", ["(", ")", "%", "!"])
def test_an_address_that_goes_on_in_signs_takes_no_time(sign: str) -> None:
    """With a megabyte of them a copy for each would take minutes, and every account is asked."""
    started = time.process_time()

    found = find_whole_links("https://x.com/" + sign * 400_000)

    assert len(found) == 1
    assert time.process_time() - started < 2


def test_an_address_of_many_slashes_takes_no_time() -> None:
    started = time.process_time()

    text = comparable(f"https://x.com{'/' * 100_000}a{'/' * 100_000}")

    assert text == f"x.com{'/' * 100_000}a"
    assert time.process_time() - started < 2


@pytest.mark.parametrize("start", ["", "http://"])
def test_a_name_of_more_labels_than_names_can_have_takes_no_time(start: str) -> None:
    text = start + "a." * 200_000  # a part of a thread can have a million characters
    started = time.process_time()

    found = find_links(text)

    assert not found
    assert time.process_time() - started < 2


def test_a_name_can_have_127_labels() -> None:
    longest = "a." * 126 + "com"

    assert [each.value for each in find_links(longest)] == [f"https://{longest}"]
