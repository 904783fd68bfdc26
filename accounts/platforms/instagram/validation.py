"""Rules of Instagram: https://developers.facebook.com/docs/instagram-platform/reference/ig-user/media"""

from collections.abc import Iterator
from dataclasses import replace

from accounts.platforms.limits import Issue, Limits, Option
from accounts.platforms.meta.rules import too_long_for_its_place, video_issues
from accounts.platforms.shapes import Content
from ouipost.phrases import Phrase

FIRST_COMMENT = Option(name="first_comment", max_characters=2200)
REEL_OPTIONS = (Option(name="share_to_feed", kind="flag"), Option(name="thumb_offset", kind="integer"))
MOST_MEGABITS = 25.0

LIMITS = Limits(
    max_characters=2200,
    max_hashtags=30,
    max_mentions=20,
    media_required=True,
    max_media=10,
    image_mime_types=("image/jpeg",),
    max_images=10,
    max_image_bytes=8_000_000,
    min_image_ratio=0.8,
    max_image_ratio=1.91,
    max_alt_text_characters=1000,
    video_mime_types=("video/mp4", "video/quicktime"),
    max_videos=10,
    max_video_bytes=300_000_000,
    min_video_duration_seconds=3,
    max_video_duration_seconds=900,
    max_carousel_video_duration_seconds=60,  # not documented by Instagram; other connectors use it
    min_video_ratio=0.01,
    max_video_ratio=10,
    min_video_fps=23,
    max_video_fps=60,
    video_codecs=("h264", "hevc"),
    audio_codecs=("aac",),
    max_audio_hertz=48_000,
    video_chroma="4:2:0",
    mixes_images_and_videos=True,
    options=(FIRST_COMMENT, *REEL_OPTIONS),
)
REEL_LIMITS = replace(
    LIMITS,
    alt_text_for=(),
    max_alt_text_characters=None,
    image_mime_types=(),
    max_images=0,
    max_videos=1,
    max_media=1,
    max_carousel_video_duration_seconds=None,
    mixes_images_and_videos=False,
)
STORY_LIMITS = replace(
    LIMITS,
    max_media=1,
    max_images=1,
    max_videos=1,
    alt_text_for=(),
    max_alt_text_characters=None,
    min_image_ratio=None,
    max_image_ratio=None,
    max_video_bytes=100_000_000,
    max_video_duration_seconds=60,
    max_carousel_video_duration_seconds=None,
    mixes_images_and_videos=False,
    options=(),
)


def beside_the_limits(content: Content, limits: Limits) -> Iterator[Issue]:
    """Yield issues of the parts of a post in combination."""
    in_carousel = limits.max_carousel_video_duration_seconds if len(content.media) > 1 else None
    for position, media in enumerate(content.media):
        yield from video_issues(media, position, most_megabits=MOST_MEGABITS)
        if in_carousel is not None:
            yield from too_long_for_its_place(media, position, place=Phrase("a carousel"), most=in_carousel)
    yield from _reel_options(content)
    if content.post_type == "story" and content.text.strip():
        yield Issue(
            rule="story_without_text",
            field="content",
            message=Phrase("Instagram shows no text with a story: it is left out."),
            severity="warning",
            fix=Phrase("Write it into the picture, or make it a post."),
        )


def _reel_options(content: Content) -> Iterator[Issue]:
    if content.post_type == "story":
        return
    reel = content.video if len(content.media) == 1 else None
    for option in REEL_OPTIONS:
        if option.name in content.options and not reel:
            yield Issue(
                rule="option_needs_a_reel",
                field=f"options.{option.name}",
                message=Phrase("The option {option} is for a post of one video.", option=option.name),
                fix=Phrase("Remove the option, or keep the video alone."),
            )
    offset = content.options.get("thumb_offset")
    if reel and isinstance(offset, int) and reel.seconds and not 0 <= offset <= reel.seconds * 1000:
        yield Issue(
            rule="thumb_offset_beyond_the_video",
            field="options.thumb_offset",
            message=Phrase(
                "The offset is {offset} ms, and the video is {seconds:g} seconds long.",
                offset=offset,
                seconds=reel.seconds,
            ),
            limit=int(reel.seconds * 1000),
            actual=offset,
            fix=Phrase("Name a moment of the video, in milliseconds from its beginning."),
        )
