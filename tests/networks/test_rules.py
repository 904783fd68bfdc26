"""What a content breaks, all of it at once."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.platforms.base import Content, Issue, Limits, Option
from accounts.platforms.rules import check
from tests.networks.platform_case import make_image

LIMITS = Limits(
    max_characters=10,
    max_text_bytes=20,
    max_title_characters=5,
    image_mime_types=("image/jpeg", "image/png"),
    max_images=2,
    max_image_bytes=100,
    max_alt_text_characters=4,
    options=(Option(name="langs", kind="texts"),),
)


def broken(content: Content, limits: Limits = LIMITS) -> list[str]:
    return [each.rule for each in check(content, limits)]


def test_a_content_within_the_limits_breaks_nothing() -> None:
    content = Content(
        text="a" * 10,
        title="a" * 5,
        media=(make_image("one", alt_text="abcd", size=100), make_image("two", mime_type="image/png")),
        options={"post_type": "feed", "langs": ["en"]},
    )

    assert check(content, LIMITS) == []


def test_all_that_is_broken_is_named_at_once() -> None:
    images = [
        make_image("one", mime_type="image/bmp", size=101, alt_text="abcde"),
        make_image("two"),
        make_image("three"),
        make_image("four", type="video", mime_type="video/mp4"),
        make_image("five", type="document", mime_type="application/pdf"),
        make_image("six", type="sound", mime_type="audio/mpeg"),
    ]
    options = {"first_comment": "Hi", "thread": ["a"], "post_type": "reel", "board_id": "1"}

    rules = broken(Content(text="\u00e9" * 11, title="a" * 6, media=tuple(images), options=options))

    assert rules == [
        "text_too_long",
        "text_too_many_bytes",
        "title_too_long",
        "too_many_images",
        "images_and_videos_mixed",
        "image_type_unsupported",
        "image_too_large",
        "alt_text_too_long",
        "videos_not_supported_yet",
        "documents_not_supported_yet",
        "files_not_supported_yet",
        "first_comment_not_supported_yet",
        "thread_not_supported_yet",
        "post_type_not_supported_yet",
        "option_unknown",
    ]


def test_an_issue_says_what_is_allowed_what_was_there_and_what_to_do() -> None:
    assert check(Content(text="a" * 12), LIMITS) == [
        Issue(
            rule="text_too_long",
            field="content",
            message="The text has 12 characters; this network takes at most 10.",
            limit=10,
            actual=12,
            fix="Take away at least 2.",
        )
    ]


@pytest.mark.parametrize(
    ("media", "field"),
    [({"size": 101}, "media.1"), ({"mime_type": "image/bmp"}, "media.1"), ({"alt_text": "abcde"}, "media.1.alt_text")],
)
def test_an_issue_names_its_file(media: dict[str, Any], field: str) -> None:
    issues = check(Content(text="", media=(make_image("one"), make_image("two", **media))), LIMITS)

    assert [each.field for each in issues] == [field]


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_post_is_none(text: str) -> None:
    assert broken(Content(text=text)) == ["text_or_media_required"]
    assert broken(Content(text=text, link="https://example.com")) == []
    assert broken(Content(text=text, media=(make_image(),))) == []
    assert broken(Content(text=text), replace(LIMITS, text_required_without_media=False)) == []


def test_some_networks_take_nothing_without_a_file() -> None:
    assert broken(Content(text="Hi"), replace(LIMITS, media_required=True)) == ["media_required"]


def test_a_network_without_images_refuses_each() -> None:
    none = replace(LIMITS, max_images=0, image_mime_types=())

    assert broken(Content(text="", media=(make_image(),)), none) == ["too_many_images", "image_type_unsupported"]


def test_a_network_may_take_images_and_videos_together() -> None:
    media = (make_image(), make_image("two", type="video"))

    assert broken(Content(text="", media=media), replace(LIMITS, mixes_images_and_videos=True)) == [
        "videos_not_supported_yet"
    ]


@given(st.text(alphabet="a\u00e9\u65e5", max_size=30))
def test_a_text_is_refused_exactly_when_it_is_above_a_limit(text: str) -> None:
    rules = broken(Content(text=text, media=(make_image(),)))

    assert ("text_too_long" in rules) == (len(text) > 10)
    assert ("text_too_many_bytes" in rules) == (len(text.encode()) > 20)
