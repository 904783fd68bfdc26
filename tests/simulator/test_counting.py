"""Lengths as X and Bluesky count them."""

import time

import pytest

from ouipost.simulator.counting import graphemes, urls, weighted_length


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("abc", 3),
        ("café", 4),
        ("cafe\u0301", 4),
        ("字", 2),
        ("“quoted”", 8),
        ("€", 2),
        ("😀", 2),
        ("👍🏽", 2),
        ("👨‍👩‍👧‍👦", 2),
        ("🇫🇷", 2),
        ("1️⃣", 2),
        ("❤️", 2),
        ("see https://example.com/" + "x" * 200, 27),
        ("see example.com", 27),
        ("see example.com.", 28),
        ("a.b@example.com", 15),
        ("file.txt2", 9),
        ("(https://example.com)", 25),
        ("node.js", 7),
        ("https://foo.notatld/" + "x" * 30, 50),
        ("Bread.https://example.com", 29),
        ("\u5b57https://example.com/" + "x" * 200, 25),
        ("example.com-shop", 16),
        ("example.com.Then", 28),
        ("müller.de", 23),
        ("https://✪df.ws/ejp", 23),
        ("https://en.wikipedia.org/wiki/Oui_(film)", 23),
        ("https://example.com/a?b=(example.org", 23),
        ("⭐\ufe0e", 4),
        ("a\u20e3", 3),
        ("https://example.com https://example.org", 47),
    ],
)
def test_a_text_weighs_what_x_says(text: str, length: int) -> None:
    assert weighted_length(text) == length


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("abc", 3),
        ("e\u0301", 1),
        ("👨‍👩‍👧‍👦", 1),
        ("🇫🇷🇩🇪", 2),
        ("👍🏽", 1),
        ("\r\n", 1),
        ("각", 1),
        ("\u1100\u1161\u11a8", 1),
    ],
)
def test_graphemes_are_what_a_reader_sees(text: str, count: int) -> None:
    assert graphemes(text) == count


def test_an_address_ends_before_the_punctuation_around_it() -> None:
    found = urls("See https://example.com/a_(b)?c=d#e, or sub.example.co.uk/path. Not 1.5 or e.g")

    assert [url.text for url in found] == ["https://example.com/a_(b)?c=d#e", "sub.example.co.uk/path"]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://example.com#bread", "https://example.com"),
        ("https://example.com/#bread.", "https://example.com/#bread"),
        ("https://example.com/хлеб?a=1#b", "https://example.com/хлеб?a=1#b"),
        ("https://example.com/#パン", "https://example.com/#"),
        ("https://example.com/?q=パン", "https://example.com/?q="),
        ("https://example.com/“bread”", "https://example.com/"),
        ("https://example.com?q=bread", "https://example.com?q=bread"),
        ("example.com?q=bread", "example.com"),
        ("example.com:80/a", "example.com:80/a"),
    ],
)
def test_x_ends_an_address_before_a_sign_that_it_has_no_place_for(text: str, address: str) -> None:
    assert [url.text for url in urls(text)] == [address]


@pytest.mark.parametrize(
    ("text", "length"),
    [("\U0001f1eb" * 40_001, 40_002), ("a" + "\u0300\u0316" * 50_000, 100_000), ("a." * 150_000, 300_000)],
    ids=["flags", "accents", "labels"],
)
def test_a_text_made_to_be_costly_is_not(text: str, length: int) -> None:
    """Whoever reaches the sandbox may send one, and it is counted in the process that serves everybody."""
    started = time.process_time()

    weight = weighted_length(text)

    assert weight == length
    assert time.process_time() - started < 2
