import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouipost.unicode import composed

ACCENTS = st.characters(categories=("Mn", "Mc", "Me")) | st.sampled_from("\u0344\u034f\u0f73\u0f81")


@given(st.lists(st.text(ACCENTS, min_size=0, max_size=40) | st.sampled_from(["a", "\u1e69", "\u1100\u1161", " "])))
def test_a_text_is_composed_as_unicode_says(parts: list[str]) -> None:
    text = "".join(parts)

    assert composed(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("accents", ["\u0301\u0316" * 20, "\u0f81" * 40, "\u0344\u0316" * 20])
def test_long_runs_of_accents_are_composed_as_unicode_says(accents: str) -> None:
    assert composed(f"\u1e69{accents}e") == unicodedata.normalize("NFC", f"\u1e69{accents}e")
