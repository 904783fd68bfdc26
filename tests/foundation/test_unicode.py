import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouipost.unicode import apart, composed

ACCENTS = st.characters(categories=("Mn", "Mc", "Me")) | st.sampled_from("\u0344\u034f\u0f73\u0f81")


@given(st.lists(st.text(ACCENTS, min_size=0, max_size=40) | st.sampled_from(["a", "\u1e69", "\u1100\u1161", " "])))
def test_a_text_is_composed_as_unicode_says(parts: list[str]) -> None:
    text = "".join(parts)

    assert composed(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("accents", ["\u0301\u0316" * 20, "\u0f81" * 40, "\u0344\u0316" * 20])
def test_long_runs_of_accents_are_composed_as_unicode_says(accents: str) -> None:
    assert composed(f"\u1e69{accents}e") == unicodedata.normalize("NFC", f"\u1e69{accents}e")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Bäckerei 日本 🎉 (1)", "Bäckerei 日本 🎉 (1)"),
        ("\u05de\u05d0\u05e4\u05d9\u05d4", "\u2068\u05de\u05d0\u05e4\u05d9\u05d4\u2069"),
        ("\u0645\u062e\u0628\u0632 2", "\u2068\u0645\u062e\u0628\u0632 2\u2069"),
        ("Rye\u202e", "\u2068Rye\u202e\u2069"),
    ],
    ids=["others", "Hebrew", "Arabic", "a mark"],
)
def test_a_text_that_may_turn_others_around_is_set_apart_by_marks(text: str, shown: str) -> None:
    assert apart(text) == shown
