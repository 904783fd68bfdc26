"""Rules of posts, reels and stories: https://developers.facebook.com/docs/video-api/guides/reels-publishing"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from accounts.platforms import file_rules
from accounts.platforms.limits import Issue, Limits, Option
from accounts.platforms.shapes import FEED, Content
from ouipost.phrases import Phrase

MESSAGE_CHARACTERS = 63_206
"""Not documented by Meta, but found by connectors; no source gives another limit for a reel's text or a comment."""
COMMENT_CHARACTERS = 8_000
"""Limit of a comment, from memory."""
MOST_PHOTOS = 10
"""Not documented; connectors send as many."""
PHOTO_BYTES, GIF_BYTES = 4_000_000, 10_000_000
"""The newest page says 10 MB, an older one and an error 4 MB: a photo compressed to 4 MB surely passes. A GIF is not
compressed, as it would lose its movement."""
VIDEO_BYTES, VIDEO_SECONDS = 10_000_000_000, 4 * 3600
"""Limits of a chunked upload, from memory; a video sent whole may have 1 GB and 20 minutes."""
UPRIGHT = {"min_video_ratio": 0.5525, "max_video_ratio": 0.5725}
"""9:16; the tolerance is not documented."""
SAMPLE_RATE, CHANNELS = 48_000, 2
"""Sound that Facebook asks for in reels and stories; no page says that it refuses less."""
HEARD = {1: Phrase("mono"), 2: Phrase("stereo")}
LEAST_HEIGHT = 960
"""Least height of reels and stories in pixels, beside 540 pixels of width."""

IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/bmp", "image/tiff")
VIDEO_TYPES = ("video/mp4", "video/quicktime")
FIRST_COMMENT = Option(name="first_comment", max_characters=COMMENT_CHARACTERS)
SHORT_VIDEO: dict[str, Any] = {
    "max_characters": MESSAGE_CHARACTERS,
    "media_required": True,
    "max_media": 1,
    "video_mime_types": VIDEO_TYPES,
    "max_videos": 1,
    "min_video_duration_seconds": 3,
    "min_video_side_pixels": 540,
    "min_video_fps": 23.9,  # 24, which 23.976 is called
    "max_video_fps": 60.1,
    "video_codecs": ("h264", "hevc", "vp9", "av1"),
    "audio_codecs": ("aac",),
    "max_audio_hertz": SAMPLE_RATE,
    "max_audio_channels": CHANNELS,
    "video_chroma": "4:2:0",
    **UPRIGHT,
}

LIMITS = Limits(
    max_characters=MESSAGE_CHARACTERS,
    image_mime_types=IMAGE_TYPES,
    max_images=MOST_PHOTOS,
    max_image_bytes=PHOTO_BYTES,
    max_animated_image_bytes=GIF_BYTES,
    video_mime_types=VIDEO_TYPES,
    max_videos=1,
    max_video_bytes=VIDEO_BYTES,
    max_video_duration_seconds=VIDEO_SECONDS,
    options=(FIRST_COMMENT,),
)
STORY_LIMITS = Limits(
    **SHORT_VIDEO,
    image_mime_types=IMAGE_TYPES,
    max_images=1,
    max_image_bytes=PHOTO_BYTES,
    max_animated_image_bytes=GIF_BYTES,
    max_video_duration_seconds=60,
)
REEL_LIMITS = Limits(
    **SHORT_VIDEO,
    max_title_characters=255,
    max_video_duration_seconds=90,
    options=(FIRST_COMMENT,),
)


def beside_the_limits(content: Content) -> Iterator[Issue]:
    """Yield issues of unreachable links, videos that are too low, unsuitable sound, and texts that are not shown."""
    yield from _unreachable(content.link)
    yield from _too_low(content)
    yield from _other_sound(content)
    yield from _not_shown(content)


def _unreachable(link: str) -> Iterator[Issue]:
    """Yield an issue for a link without a public host: Facebook reads a link's page, or refuses the post."""
    if link and "." not in (urlsplit(link).hostname or ""):
        yield Issue(
            rule="link_unreachable",
            field="link",
            message=Phrase("Facebook cannot reach this address: its host is not a public name."),
            actual=link,
            fix=Phrase("Use the page's public address, or remove the link."),
        )


def _too_low(content: Content) -> Iterator[Issue]:
    """Yield issues of a video's longer side; the limits only have the shorter one."""
    for position, media in enumerate(content.media if content.post_type != FEED else ()):
        longer = max(media.width, media.height)
        if media.type == "video" and media.seconds:
            yield from file_rules.between("video_side", f"media.{position}", Phrase("The video's longer side"), longer,
                                          (LEAST_HEIGHT, None), file_rules.PIXELS)  # fmt: skip


def _other_sound(content: Content) -> Iterator[Issue]:
    """Yield warnings for sound with less than Facebook asks for; the limits only refuse more."""
    for position, media in enumerate(content.media if content.post_type != FEED else ()):
        heard = HEARD.get(media.channels)
        if heard and (media.channels < CHANNELS or media.sample_rate < SAMPLE_RATE):
            yield Issue(
                rule="audio_not_as_asked",
                field=f"media.{position}",
                message=Phrase(
                    "Facebook asks for stereo sound at {asked} hertz; this video's is {heard} at {actual}.",
                    asked=SAMPLE_RATE,
                    heard=heard,
                    actual=media.sample_rate,
                ),
                limit=SAMPLE_RATE,
                actual=media.sample_rate,
                severity="warning",
                fix=Phrase("Export it so, if Facebook refuses it."),
            )


def _not_shown(content: Content) -> Iterator[Issue]:
    """Yield a warning for the text of a story, which only has its picture."""
    if content.post_type == "story" and content.text:
        yield Issue(
            rule="text_not_shown",
            field="content",
            message=Phrase("Facebook's stories have no text: it is left out."),
            severity="warning",
            fix=Phrase("Write it into the picture, if it matters."),
        )
