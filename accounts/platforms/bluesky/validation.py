"""Rules for Bluesky's posts: https://github.com/bluesky-social/atproto/blob/main/lexicons/app/bsky/feed/post.json"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from accounts.platforms.bluesky.api import DEFAULT_SERVICE
from accounts.platforms.http import dig_text
from accounts.platforms.limits import Issue, Limits, Option, above
from accounts.platforms.shapes import Content, Media
from accounts.platforms.text import length
from ouipost.phrases import Phrase

CHARACTERS, BYTES = 300, 3000
USUAL_BLOB_BYTES = 5 * 1024 * 1024
"""The default limit of a server; Bluesky's own servers take more."""
VIDEO_ALT_CHARACTERS, VIDEO_ALT_BYTES = 1000, 10_000
LANGUAGE = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*",
    re.IGNORECASE | re.ASCII,
)
"""Language, script, region, variants, by BCP 47."""
LIMITS = Limits(
    max_characters=CHARACTERS,
    characters_counted_as="graphemes",
    max_text_bytes=BYTES,
    image_mime_types=("image/jpeg", "image/png", "image/webp"),
    max_images=4,
    max_image_bytes=1_000_000,
    alt_text_for=("image", "video"),
    max_alt_text_characters=2000,
    video_mime_types=("video/mp4",),
    max_videos=1,
    max_video_bytes=300_000_000,
    max_video_duration_seconds=600,
    options=(
        Option(name="thread", kind="texts"),
        Option(name="first_comment", max_characters=CHARACTERS),
        Option(name="langs", kind="texts", max_items=3),
    ),
)


def beside_the_limits(content: Content, account: Mapping[str, Any]) -> Iterator[Issue]:
    """Yield issues that Bluesky or the account's server would raise, or may raise."""
    yield from _comment(content)
    yield from _languages(content)
    for position, media in enumerate(content.media):
        yield from _video_alt(f"media.{position}", media)
    yield from _large_video(content, account)


def _comment(content: Content) -> Iterator[Issue]:
    comment = content.options.get("first_comment", "")
    size = len(comment.encode()) if isinstance(comment, str) else 0
    if size > BYTES:
        field = "options.first_comment"
        yield above("text_too_many_bytes", field, Phrase("The first comment has {size} bytes", size=size), BYTES, size)


def _languages(content: Content) -> Iterator[Issue]:
    chosen = content.options.get("langs", [])
    texts = [each for each in chosen if isinstance(each, str)] if isinstance(chosen, list) else []
    wrong = [each for each in texts if each.strip() and not LANGUAGE.fullmatch(each)]
    if wrong:
        yield Issue(
            rule="langs_invalid",
            field="options.langs",
            message=Phrase("{given!r} is not a language tag.", given=wrong[0]),
            actual=wrong[0],
            fix=Phrase('Write them like ["en", "fr-CA"].'),
        )


def _video_alt(field: str, media: Media) -> Iterator[Issue]:
    if media.type != "video":
        return
    for counted_as, unit, most in (
        ("graphemes", Phrase("characters"), VIDEO_ALT_CHARACTERS),
        ("utf8_bytes", Phrase("bytes"), VIDEO_ALT_BYTES),
    ):
        count = length(media.alt_text, counted_as)
        if count > most:
            yield above(
                "alt_text_too_long",
                f"{field}.alt_text",
                Phrase("The alt text has {count} {unit}", count=count, unit=unit),
                most,
                count,
            )


def own_server(account: Mapping[str, Any]) -> str:
    """Return the host of an account's server if it is not one of Bluesky's, else an empty string."""
    host = urlsplit(dig_text(account, "service") or DEFAULT_SERVICE).hostname or ""
    return "" if host == "bsky.social" or host.endswith(".bsky.network") else host


def _large_video(content: Content, account: Mapping[str, Any]) -> Iterator[Issue]:
    host = own_server(account)
    if not host:
        return
    for position, media in enumerate(content.media):
        if media.type == "video" and media.size > USUAL_BLOB_BYTES:
            yield Issue(
                rule="video_may_be_too_large",
                field=f"media.{position}",
                message=Phrase(
                    "The server {host} may refuse files of more than {most} bytes.", host=host, most=USUAL_BLOB_BYTES
                ),
                limit=USUAL_BLOB_BYTES,
                actual=media.size,
                severity="warning",
                fix=Phrase("Ask who runs the server, or make the video smaller."),
            )
