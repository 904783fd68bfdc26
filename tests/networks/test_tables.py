"""The page about the networks tells what the networks state of themselves."""

import pytest

from tests.networks import tables


def test_the_page_has_the_tables_that_the_networks_make() -> None:
    page = tables.PAGE.read_text()

    assert page == tables.rewritten(page), f"docs/networks.md is not what the networks state: run {tables.COMMAND}"


def test_a_page_without_a_place_for_a_table_is_told() -> None:
    with pytest.raises(ValueError, match=r"^The page has no place for the block limits\.$"):
        tables.rewritten("<!-- kinds --><!-- /kinds -->")


def test_what_stands_around_a_table_is_kept() -> None:
    page = "Before.\n<!-- kinds -->old<!-- /kinds -->\n<!-- limits -->\n<!-- /limits -->\nAfter."

    written = tables.rewritten(page)

    assert written.startswith("Before.\n<!-- kinds -->\n\n| ")
    assert written.endswith(" |\n\n<!-- /limits -->\nAfter.")
    assert tables.rewritten(written) == written


def test_every_network_has_a_column_and_every_type_a_row() -> None:
    made = tables.limits()

    for network in tables.NETWORKS:
        assert f" {network.name} |" in tables.kinds().splitlines()[0]
        for kind in network.post_types:
            assert f"| {network.name} | `{kind}` |" in made


def test_every_option_is_told() -> None:
    made = tables.limits()

    for network in tables.NETWORKS:
        for name in network.option_kinds().keys() - {"post_type"}:
            assert f"| {network.name} | `{name}` |" in made


@pytest.mark.parametrize(
    "row",
    [
        "| YouTube | `feed` | 5,000 bytes of UTF-8 | 100, required | needs a file; no `<` `>` |",
        "| TikTok | `feed` | 35 | JPEG, WebP | 20 MB | any | 1,920 by 1,080 | - |",
        "| YouTube | `short` | 1 | MP4, MOV, WebM | 274.9 GB | up to 180 | up to 1 | any | any | any |",
        "| LinkedIn | `document` | 1 | PDF, DOCX, PPTX | 100 MB | 300 |",
        "| Bluesky | `langs` | texts | 3 entries | - | all |",
        "| Pinterest | `board_id` | text | one of the account's boards | yes | all |",
    ],
)
def test_limits_are_told_in_words(row: str) -> None:
    assert row in tables.limits().splitlines()


def test_paces_are_told_in_words() -> None:
    made = tables.kinds()

    for pace in ("100 posts in 15 minutes", "1,666 posts in an hour", "250 posts in a day"):
        assert f" | {pace} | " in made
