"""Rules of YouTube: its limits, and rules beyond them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from accounts.platforms.limits import Issue, Limits, Option, above
from accounts.platforms.shapes import Content
from ouipost.phrases import Phrase

MOST_TAG_CHARACTERS = 500
MOST_COMMENT_CHARACTERS = 10_000
"""Limit from YouTube's own pages, not from its reference."""
SHORT_SECONDS = 180
CATEGORIES = ("1", "2", "10", "15", "17", "19", "20", "22", "23", "24", "25", "26", "27", "28", "29")
"""The ids of the categories that a video can be put into, from Film & Animation to Nonprofits & Activism."""

LIMITS = Limits(
    max_characters=5000,
    characters_counted_as="utf8_bytes",
    forbidden_characters="<>",
    title_required=True,
    max_title_characters=100,
    media_required=True,
    video_mime_types=("video/mp4", "video/quicktime", "video/webm"),
    max_videos=1,
    alt_text_for=(),
    max_video_bytes=274_877_906_944,
    max_video_duration_seconds=43_200,
    max_unverified_video_duration_seconds=900,  # third parties say so
    options=(
        Option(name="privacy", choices=("public", "unlisted", "private")),
        Option(name="tags", kind="texts"),
        Option(name="category", choices=CATEGORIES),
        Option(name="made_for_kids", kind="flag", required=True),
        Option(name="notify_subscribers", kind="flag"),
        Option(name="synthetic_media", kind="flag"),
        Option(name="first_comment", max_characters=MOST_COMMENT_CHARACTERS, counted_as="unicode_characters"),
    ),
)
SHORT_LIMITS = replace(
    LIMITS, max_video_ratio=1, max_video_duration_seconds=SHORT_SECONDS, max_unverified_video_duration_seconds=None
)
"""YouTube itself turns every square or upright video up to this duration into a short."""


def beside_the_limits(content: Content, limits: Limits) -> Iterator[Issue]:
    """Yield issues beyond the limits: all tags together, impossible comments, videos only for verified channels."""
    yield from _tags(content)
    if content.options.get("first_comment"):
        yield from _first_comment(content)
    if limits.max_unverified_video_duration_seconds is not None:
        yield from _for_verified_channels(content, limits.max_unverified_video_duration_seconds)


def _for_verified_channels(content: Content, most: float) -> Iterator[Issue]:
    for position, media in enumerate(content.media):
        if media.type == "video" and media.seconds > most:
            yield Issue(
                rule="video_needs_verified_channel",
                field=f"media.{position}",
                message=Phrase(
                    "YouTube takes videos of more than {minutes:g} minutes only from channels with a verified "
                    "phone number.",
                    minutes=most / 60,
                ),
                limit=most,
                actual=media.seconds,
                severity="warning",
                fix=Phrase("Verify the channel at youtube.com/verify, or shorten the video."),
            )


def _tags(content: Content) -> Iterator[Issue]:
    tags = content.options.get("tags")
    count = tag_characters([each for each in tags if isinstance(each, str)]) if isinstance(tags, list) else 0
    if count > MOST_TAG_CHARACTERS:
        message = Phrase(
            "The tags have {count} characters, with commas between them and quotes around those with a space",
            count=count,
        )
        yield above("tags_too_long", "options.tags", message, MOST_TAG_CHARACTERS, count)


def tag_characters(tags: Sequence[str]) -> int:
    """Return the length of tags as YouTube counts it: with commas between them, and quotes around tags with a space."""
    return sum(len(tag) + (2 if " " in tag else 0) for tag in tags) + max(len(tags) - 1, 0)


def _first_comment(content: Content) -> Iterator[Issue]:
    if content.options.get("made_for_kids") is True:
        yield Issue(
            rule="first_comment_on_made_for_kids",
            field="options.first_comment",
            message=Phrase("YouTube takes no comments on videos that are made for kids."),
            fix=Phrase("Remove the first comment."),
        )
    if content.options.get("privacy") == "private":
        yield Issue(
            rule="first_comment_on_private",
            field="options.first_comment",
            message=Phrase("YouTube may refuse comments on private videos."),
            severity="warning",
            fix=Phrase("Make the video unlisted, or remove the first comment."),
        )
