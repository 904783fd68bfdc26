"""Rules of X: https://docs.x.com/x-api/media/quickstart/best-practices, https://docs.x.com/fundamentals/counting-characters"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from accounts.platforms.limits import Issue, Limits, Option
from accounts.platforms.shapes import Content, Media
from accounts.platforms.text import comparable, find_cashtags, find_names
from accounts.platforms.twitter.media import CHUNK, MOST_CHUNKS, is_chunked
from ouipost.phrases import Phrase

BASIC, PREMIUM = "basic", "premium"
PAID = {"Basic": BASIC, "Premium": PREMIUM, "PremiumPlus": PREMIUM}
"""The words for the limits of each paid subscription."""
CHARACTERS, PREMIUM_CHARACTERS = 280, 25_000
"""The second is not in X's documentation; a connector in production stops at 4,000."""
MOST_GIF_BYTES = 15_000_000
MOST_GIF_WIDTH, MOST_GIF_HEIGHT = 1280, 1080
MOST_GIF_FRAMES, MOST_GIF_PIXELS = 350, 300_000_000
REPLY_SETTINGS = ("following", "mentionedUsers", "subscribers", "verified")
DISCLOSURES = ("made_with_ai", "paid_partnership")


def _options(characters: int) -> tuple[Option, ...]:
    return (
        Option(name="thread", kind="texts"),
        Option(name="first_comment", max_characters=characters),
        Option(name="reply_settings", choices=REPLY_SETTINGS),
        *(Option(name=name, kind="flag") for name in DISCLOSURES),
    )


LIMITS = Limits(
    max_characters=CHARACTERS,
    characters_counted_as="x_weighted",
    image_mime_types=("image/jpeg", "image/png", "image/gif", "image/webp"),
    max_images=4,
    max_image_bytes=5_000_000,
    max_animated_image_bytes=MOST_GIF_BYTES,
    animated_image_alone=True,
    max_alt_text_characters=1000,
    video_mime_types=("video/mp4", "video/quicktime"),
    max_videos=1,
    max_video_bytes=MOST_CHUNKS * CHUNK,
    min_video_duration_seconds=0.5,
    max_video_duration_seconds=1200,
    min_video_ratio=1 / 3,
    max_video_ratio=3,
    min_video_side_pixels=32,
    max_video_fps=60,
    video_codecs=("h264",),
    audio_codecs=("aac",),
    video_chroma="4:2:0",  # the profile High has no other
    options=_options(CHARACTERS),
)
PREMIUM_LIMITS = replace(
    LIMITS,
    max_characters=PREMIUM_CHARACTERS,
    max_video_duration_seconds=7500,
    options=_options(PREMIUM_CHARACTERS),
)
RAISED = {BASIC: LIMITS, PREMIUM: PREMIUM_LIMITS}
"""Long posts and long videos come with Premium; it is not known whether Basic has them, too."""


def paid(account: Mapping[str, Any]) -> str:
    """Return the word for the limits of the account's subscription; empty if it pays for none."""
    return PAID.get(account.get("subscription_type", ""), "")


def beside_the_limits(content: Content) -> Iterator[Issue]:
    """Yield issues of cashtags and mentions that X refuses, or may refuse, repeated texts, and too large GIFs."""
    for field, text in _texts(content):
        yield from _text(field, text)
    yield from _repeated(content)
    for position, media in enumerate(content.media):
        yield from _file(f"media.{position}", media)


def _texts(content: Content) -> list[tuple[str, str]]:
    """Return the texts of the post and its replies, each with its field."""
    parts = [reply.text for reply in content.replies if not reply.is_comment]
    comments = [reply.text for reply in content.replies if reply.is_comment]
    fields = [
        ("content", content.text),
        *((f"options.thread.{position}", text) for position, text in enumerate(parts)),
        *(("options.first_comment", text) for text in comments),
    ]
    return [(field, text) for field, text in fields if isinstance(text, str)]


def _text(field: str, text: str) -> Iterator[Issue]:
    cashtags = find_cashtags(text)
    if len(cashtags) > 1:
        yield Issue(
            rule="too_many_cashtags",
            field=field,
            message=Phrase(
                "The text has {count} cashtags, such as ${cashtag}; Twitter/X takes one in a post.",
                count=len(cashtags),
                cashtag=cashtags[0].value,
            ),
            limit=1,
            actual=len(cashtags),
            fix=Phrase("Remove at least {number}.", number=len(cashtags) - 1),
        )
    if names := find_names(text):
        yield Issue(
            rule="mention_may_be_refused",
            field=field,
            message=Phrase("Twitter/X may refuse a post that mentions others, such as @{name}.", name=names[0].value),
            severity="warning",
            fix=Phrase("Write the name without the @, if the post must go out."),
        )


def _repeated(content: Content) -> Iterator[Issue]:
    texts, seen = _texts(content), set[str]()
    for field, text in texts if len(texts) > 1 else []:
        compared = comparable(text)
        if text.strip() and compared in seen:
            yield Issue(
                rule="text_repeated",
                field=field,
                message=Phrase("Twitter/X refuses a text that the account has posted just before."),
                fix=Phrase("Write it in other words."),
            )
        seen.add(compared)


def _file(field: str, media: Media) -> Iterator[Issue]:
    if media.type != "image" or not is_chunked(media):
        return
    for name, unit, actual, most in (
        ("width", Phrase("pixels wide"), media.width, MOST_GIF_WIDTH),
        ("height", Phrase("pixels high"), media.height, MOST_GIF_HEIGHT),
        ("frames", Phrase("frames long"), media.frames, MOST_GIF_FRAMES),
        ("pixels", Phrase("pixels in all frames"), media.width * media.height * media.frames, MOST_GIF_PIXELS),
    ):
        if actual > most:
            yield Issue(
                rule=f"gif_{name}_too_large",
                field=field,
                message=Phrase(
                    "The GIF is {actual:,} {unit}; Twitter/X takes at most {most:,}.",
                    actual=actual,
                    unit=unit,
                    most=most,
                ),
                limit=most,
                actual=actual,
                fix=Phrase("Make the GIF smaller or shorter."),
            )
