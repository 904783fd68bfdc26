"""What a content breaks, all of it at once."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.platforms import file_rules, rules
from accounts.platforms.limits import Issue, Limits, Option
from accounts.platforms.rules import check, check_type
from accounts.platforms.shapes import Content
from ouipost.phrases import Phrase
from tests.networks.platform_case import make_document, make_image, make_video

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


WARNINGS = ["alt_text_not_sent", "image_converted"]


def broken(content: Content, limits: Limits = LIMITS) -> list[str]:
    found = check(content, limits)
    assert all((each.severity == "warning") == (each.rule in WARNINGS) for each in found)
    return [each.rule for each in found]


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
    ]
    options = {"first_comment": "Hi", "thread": ["a"], "post_type": "feed", "langs": "en"}

    rules = broken(Content(text="\u00e9" * 11, title="a" * 6, media=tuple(images), options=options))

    assert rules == [
        "text_too_long",
        "text_too_many_bytes",
        "title_too_long",
        "too_many_images",
        "videos_unsupported",
        "documents_unsupported",
        "kinds_mixed",
        "image_type_unsupported",
        "image_too_large",
        "alt_text_too_long",
        "option_unknown",
        "option_unknown",
        "option_invalid",
    ]


def test_an_issue_says_what_is_allowed_what_was_there_and_what_to_do() -> None:
    assert check(Content(text="a" * 12), LIMITS) == [
        Issue(
            rule="text_too_long",
            field="content",
            message="The text has 12 characters; this network takes at most 10.",
            limit=10,
            actual=12,
            fix="Remove at least 2.",
        )
    ]


@pytest.mark.parametrize(
    ("media", "field"),
    [({"size": 101}, "media.1"), ({"mime_type": "image/bmp"}, "media.1"), ({"alt_text": "abcde"}, "media.1.alt_text")],
)
def test_an_issue_names_its_file(media: dict[str, Any], field: str) -> None:
    issues = check(Content(text="", media=(make_image("one"), make_image("two", **media))), LIMITS)

    assert [each.field for each in issues] == [field]


GIF = make_image("gif", mime_type="image/gif", frames=2)
TWO = (make_image("one"), make_image("two"))


@pytest.mark.parametrize(
    ("content", "limits", "field", "limit", "actual"),
    [
        (Content(text=""), {}, "content", None, None),
        (Content(text="#rye #oats"), {"max_hashtags": 1}, "content", 1, 2),
        (Content(text="Rye <"), {"forbidden_characters": "<>"}, "content", None, "<"),
        (Content(text="Hi"), {"title_required": True}, "title", None, None),
        (Content(text="Hi", title="Breads"), {}, "title", 5, 6),
        (Content(text="Hi", title="Rye>"), {"forbidden_characters": "<>"}, "title", None, ">"),
        (Content(text="Hi"), {"media_required": True}, "media", None, None),
        (
            Content(text="Hi", options={"thread": ["Rye", "a" * 11]}),
            {"options": (Option(name="thread", kind="texts"),)},
            "options.thread.1",
            10,
            11,
        ),
        (Content(text="", media=(GIF, *TWO)), {"animated_image_alone": True, "max_images": 3}, "media", None, None),
        (Content(text="", media=TWO), {"max_images": 0}, "media", 0, 2),
        (Content(text="", media=TWO), {"max_images": 1}, "media", 1, 2),
        (Content(text="", media=TWO), {"max_media": 1}, "media", 1, 2),
        (Content(text="", media=TWO), {"min_media": 3}, "media", 3, 2),
        (
            Content(text="", media=(*TWO, make_video())),
            {"max_videos": 1, "video_mime_types": ("video/mp4",)},
            "media",
            None,
            ["image", "video"],
        ),
        (
            Content(text="", media=(make_video(alt_text="Rye"),)),
            {"max_videos": 1, "video_mime_types": ("video/mp4",)},
            "media.0.alt_text",
            None,
            None,
        ),
        (
            Content(text="Hi", options={"who": "none"}),
            {"options": (Option(name="who", choices=("all", "few")),)},
            "options.who",
            ["all", "few"],
            "none",
        ),
        (
            Content(text="Hi", options={"note": "Bread"}),
            {"options": (Option(name="note", max_characters=4),)},
            "options.note",
            4,
            5,
        ),
        (
            Content(text="Hi", options={"langs": ["en", "deu"]}),
            {"options": (Option(name="langs", kind="texts", max_characters=2),)},
            "options.langs.1",
            2,
            3,
        ),
    ],
)
def test_an_issue_names_its_place_and_its_numbers(
    content: Content, limits: dict[str, Any], field: str, limit: Any, actual: Any
) -> None:
    taken = replace(LIMITS, image_mime_types=("image/jpeg", "image/gif"), **limits)

    [issue] = check(content, taken)

    assert (issue.field, issue.limit, issue.actual) == (field, limit, actual)


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

    assert broken(Content(text="", media=(make_image(),)), none) == ["images_unsupported"]


def test_a_network_may_take_images_and_videos_together() -> None:
    media = (make_image(), make_image("two", type="video"))
    both = replace(LIMITS, max_videos=1, max_documents=1, mixes_images_and_videos=True)

    assert broken(Content(text="", media=media), replace(LIMITS, max_videos=1)) == ["images_and_videos_mixed"]
    assert broken(Content(text="", media=media), both) == []
    assert broken(Content(text="", media=(make_image(), make_document())), both) == ["kinds_mixed"]


VIDEOS = Limits(
    max_characters=100,
    max_videos=1,
    video_mime_types=("video/mp4",),
    max_video_bytes=1000,
    min_video_duration_seconds=3,
    max_video_duration_seconds=60,
    min_video_ratio=0.5,
    max_video_ratio=1,
    min_video_side_pixels=300,
    max_video_side_pixels=1920,
    min_video_fps=23,
    max_video_fps=60,
    video_codecs=("h264",),
    audio_codecs=("aac",),
    max_audio_hertz=48_000,
    max_audio_channels=2,
    video_chroma="4:2:0",
    max_alt_text_characters=4,
)


@pytest.mark.parametrize(
    ("facts", "rules"),
    [
        ({}, []),
        ({"seconds": 3, "fps": 23, "width": 300, "height": 300}, []),
        ({"seconds": 60, "fps": 60, "width": 960, "height": 1920, "audio_codec": ""}, []),
        ({"seconds": 2.99}, ["video_duration_too_small"]),
        ({"seconds": 60.01}, ["video_duration_too_large"]),
        ({"width": 299, "height": 400}, ["video_side_too_small"]),
        ({"width": 400, "height": 299}, ["video_ratio_too_large", "video_side_too_small"]),
        ({"width": 1921, "height": 1921}, ["video_side_too_large"]),
        ({"width": 961, "height": 1921}, ["video_side_too_large"]),
        ({"width": 1921, "height": 1900}, ["video_ratio_too_large", "video_side_too_large"]),
        ({"seconds": 60.0004, "fps": 60.0004}, []),
        ({"width": 499, "height": 1000}, ["video_ratio_too_small"]),
        ({"width": 1001, "height": 1000}, ["video_ratio_too_large"]),
        ({"fps": 60.04}, []),  # as phones record what they call 60
        ({"fps": 22.96}, []),
        ({"fps": 22.9}, ["video_fps_too_small"]),
        ({"fps": 60.1}, ["video_fps_too_large"]),
        ({"video_codec": "hevc"}, ["video_codec_unsupported"]),
        ({"audio_codec": "mp3"}, ["audio_codec_unsupported"]),
        ({"sample_rate": 48_000, "channels": 2}, []),
        ({"sample_rate": 48_001, "channels": 3}, ["audio_sample_rate_too_large", "audio_channels_too_large"]),
        ({"chroma": "4:2:0"}, []),
        ({"chroma": "4:4:4"}, ["video_chroma_unsupported"]),
        ({"mime_type": "video/webm"}, ["video_type_unsupported"]),
        ({"size": 1001}, ["video_too_large"]),
        ({"alt_text": "Bread"}, ["alt_text_not_sent"]),
        ({"seconds": 0, "fps": 0, "width": 0, "height": 0}, []),
    ],
    ids=str,
)
def test_a_video_is_refused_for_each_of_its_facts(facts: dict[str, Any], rules: list[str]) -> None:
    assert broken(Content(text="", media=(make_video(**facts),)), VIDEOS) == rules


@pytest.mark.parametrize(("seconds", "told"), [(1, "1 second"), (2, "2 seconds"), (2.5, "2.5 seconds")])
def test_how_long_a_video_is_agrees_with_its_number(seconds: float, told: str) -> None:
    [issue] = check(Content(text="", media=(make_video(seconds=seconds),)), VIDEOS)

    assert issue.message == f"The video is {told}; this network takes no less than 3."


DOCUMENTS = Limits(
    max_characters=100,
    max_documents=1,
    document_mime_types=("application/pdf",),
    max_document_bytes=1000,
    max_document_pages=3,
)


@pytest.mark.parametrize(
    ("facts", "rules"),
    [
        ({"pages": 3, "size": 1000}, []),
        ({"pages": 0}, []),
        ({"pages": 4}, ["document_too_long"]),
        ({"size": 1001}, ["document_too_large"]),
        ({"mime_type": "application/msword"}, ["document_type_unsupported"]),
        ({"alt_text": "Bread"}, ["alt_text_not_sent"]),
    ],
    ids=str,
)
def test_a_document_is_refused_for_each_of_its_facts(facts: dict[str, Any], rules: list[str]) -> None:
    assert broken(Content(text="", media=(make_document(**facts),)), DOCUMENTS) == rules


def test_files_are_counted_in_all() -> None:
    some = replace(LIMITS, min_media=2, max_media=2, max_images=5)

    assert [broken(Content(text="", media=(make_image(),) * count), some) for count in (1, 2, 3)] == [
        ["too_few_files"],
        [],
        ["too_many_files"],
    ]


def test_an_image_that_moves_may_have_to_be_alone_and_may_weigh_more() -> None:
    limits = replace(LIMITS, image_mime_types=("image/jpeg", "image/gif"), animated_image_alone=True)
    limits = replace(limits, max_animated_image_bytes=200)
    moving = make_image(size=200, frames=2, mime_type="image/gif")

    assert broken(Content(text="", media=(moving,)), limits) == []
    for heavy in ({"size": 201}, {"frames": 1}, {"mime_type": "image/jpeg"}):
        assert broken(Content(text="", media=(replace(moving, **heavy),)), limits) == ["image_too_large"]
    assert broken(Content(text="", media=(moving, make_image("two"))), limits) == ["gif_not_alone"]
    assert broken(Content(text="", media=(make_image(), make_image("two"))), limits) == []


def test_what_is_converted_is_a_warning() -> None:
    [issue] = check(Content(text="", media=(make_image(converted="written as a JPEG"),)), LIMITS)

    assert (issue.rule, issue.severity) == ("image_converted", "warning")
    assert issue.message == "The image is not sent as it is: written as a JPEG."


@pytest.mark.parametrize(
    ("text", "limits", "rule"),
    [
        ("#a #b", {"max_hashtags": 1}, "too_many_hashtags"),
        ("@a @b", {"max_mentions": 1}, "too_many_mentions"),
        ("a.com b.com", {"max_links": 1, "max_text_bytes": None, "max_characters": 50}, "too_many_links"),
        ("a < b", {"forbidden_characters": "<>"}, "text_forbidden_characters"),
    ],
)
def test_a_text_may_hold_only_so_much_of_a_kind(text: str, limits: dict[str, Any], rule: str) -> None:
    assert broken(Content(text=text), replace(LIMITS, **limits)) == [rule]


def test_a_text_may_hold_as_much_of_a_kind_as_the_limit_says() -> None:
    limits = Limits(max_characters=50, max_hashtags=2, max_mentions=2, max_links=2)

    assert broken(Content(text="#a #b @a @b a.com b.com"), limits) == []


def test_the_link_of_a_post_is_one_of_its_links() -> None:
    content = Content(text="a.com", link="https://b.com")

    assert broken(content, replace(LIMITS, max_links=2)) == []
    assert broken(content, replace(LIMITS, max_links=1)) == ["too_many_links"]
    assert broken(replace(content, link="https://a.com"), replace(LIMITS, max_links=1)) == []


def test_what_is_refused_of_a_text_can_be_read_as_a_sentence() -> None:
    limits = replace(LIMITS, max_characters=5, characters_counted_as="emoji_as_bytes", forbidden_characters="<.")

    [length, characters] = check(Content(text="a <b. c"), limits)

    assert length.message == "The text has 7 characters (an emoji by its bytes); this network takes at most 5."
    assert characters.message == "The text has '.' and '<', which this network does not take."
    assert characters.fix == "Remove '.' and '<'."


def test_a_title_may_be_needed_and_must_be_clean() -> None:
    limits = replace(LIMITS, title_required=True, forbidden_characters="<>")

    assert broken(Content(text="a", title=" "), limits) == ["title_required"]
    assert broken(Content(text="a", title="a>"), limits) == ["title_forbidden_characters"]


def test_codes_stay_when_a_wording_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    def reworded(template: str, /, **values: Any) -> Phrase:
        return Phrase(f"{template}, in other words", **values)

    monkeypatch.setattr(rules, "Phrase", reworded)
    monkeypatch.setattr(file_rules, "Phrase", reworded)
    monkeypatch.setattr(file_rules, "ONE_OF", {"video": reworded("film")})
    limits = replace(
        LIMITS,
        forbidden_characters="<",
        max_videos=1,
        video_codecs=("h264",),
        audio_codecs=("aac",),
    )
    video = make_video(video_codec="hevc", audio_codec="mp3")

    assert broken(Content(text="a<", title="a<", media=(video,)), limits) == [
        "text_forbidden_characters",
        "title_forbidden_characters",
        "video_codec_unsupported",
        "audio_codec_unsupported",
    ]


OPTIONS = replace(
    LIMITS,
    options=(
        Option(name="thread", kind="texts", max_items=2),
        Option(name="first_comment", max_characters=3, counted_as="utf8_bytes"),
        Option(name="privacy", choices=("public", "private"), required=True),
        Option(name="kids", kind="flag"),
        Option(name="offset", kind="integer"),
        Option(name="board", choices_from="boards"),
    ),
)
FINE = {"privacy": "public"}


@pytest.mark.parametrize(
    ("options", "rules"),
    [
        (FINE, []),
        ({}, ["option_required"]),
        (FINE | {"privacy": "secret"}, ["option_invalid"]),
        (FINE | {"kids": 1}, ["option_invalid"]),
        (FINE | {"offset": True}, ["option_invalid"]),
        (FINE | {"thread": "a"}, ["option_invalid"]),
        (FINE | {"thread": ["a", 5]}, ["option_invalid"]),
        (FINE | {"thread": None, "first_comment": 5}, ["option_invalid", "option_invalid"]),
        (FINE | {"thread": ["a", " "]}, ["option_empty"]),
        (FINE | {"thread": ["a", "b", "c"]}, ["too_many_entries"]),
        (FINE | {"thread": ["a", "b" * 11]}, ["text_too_long"]),
        (FINE | {"first_comment": "\u00e9\u00e9"}, ["option_too_long"]),
        (FINE | {"board": "2"}, ["option_invalid"]),
        (FINE | {"board": "1"}, []),
        (FINE | {"colour": "red"}, ["option_unknown"]),
    ],
    ids=str,
)
def test_an_option_is_refused_for_what_the_network_says_of_it(options: dict[str, Any], rules: list[str]) -> None:
    account = {"boards": [{"id": "1", "name": "Bread"}]}

    assert [each.rule for each in check(Content(text="a", options=options), OPTIONS, account)] == rules


def test_what_depends_on_the_account_is_not_known_before_there_is_one() -> None:
    assert broken(Content(text="a", options=FINE | {"board": "2"}), OPTIONS) == []


def test_a_type_of_post_that_the_network_lacks_is_named() -> None:
    [issue] = check_type(Content(text="a", options={"post_type": "story"}), ("feed", "reel"))

    assert (issue.rule, issue.limit, issue.fix) == (
        "post_type_unsupported",
        ["feed", "reel"],
        "Use one of: feed, reel.",
    )


@given(st.text(alphabet="a\u00e9\u65e5", max_size=30))
def test_a_text_is_refused_exactly_when_it_is_above_a_limit(text: str) -> None:
    rules = broken(Content(text=text, media=(make_image(),)))

    assert ("text_too_long" in rules) == (len(text) > 10)
    assert ("text_too_many_bytes" in rules) == (len(text.encode()) > 20)
