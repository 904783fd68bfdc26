"""Rules of TikTok beyond the limits: the creator's own settings, and options that exclude each other."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from accounts.platforms.http import dig_count, dig_list
from accounts.platforms.limits import Issue, Limits, Option
from accounts.platforms.shapes import Content, Media
from ouipost.phrases import Phrase

PUBLIC, SELF_ONLY = "PUBLIC_TO_EVERYONE", "SELF_ONLY"
PRIVACY_LEVELS = (PUBLIC, "FOLLOWER_OF_CREATOR", "MUTUAL_FOLLOW_FRIENDS", SELF_ONLY)
INTERACTIONS = ("comment", "duet", "stitch")
CREATOR, SCOPES = "creator_info", "scopes"
"""Keys of an account's metadata: the creator's settings as last read, and the granted scopes."""
LIST, PUBLISH = "video.list", "video.publish"
UNAUDITED = "unaudited"
"""The operator's `product` of an app that TikTok has not audited."""

OPTIONS = (
    Option(name="privacy_level", choices=PRIVACY_LEVELS, required=True),
    *(Option(name=f"disable_{each}", kind="flag") for each in INTERACTIONS),
    Option(name="brand_content_toggle", kind="flag"),
    Option(name="brand_organic_toggle", kind="flag"),
    Option(name="is_aigc", kind="flag"),
    Option(name="auto_add_music", kind="flag"),
    Option(name="video_cover_timestamp_ms", kind="integer"),
    Option(name="photo_cover_index", kind="integer"),
)
LIMITS = Limits(
    max_characters=2200,
    characters_counted_as="utf16_units",
    max_photo_post_characters=4000,
    max_title_characters=90,
    media_required=True,
    image_mime_types=("image/jpeg", "image/webp"),
    max_images=35,
    max_image_bytes=20_000_000,
    max_image_side_pixels=1920,
    max_image_short_side_pixels=1080,
    video_mime_types=("video/mp4", "video/webm", "video/quicktime"),
    max_videos=1,
    max_video_bytes=4_000_000_000,
    max_video_duration_seconds=600,
    min_video_side_pixels=360,
    max_video_side_pixels=4096,
    min_video_fps=23,
    max_video_fps=60,
    video_codecs=("h264", "hevc", "vp8", "vp9"),
    alt_text_for=(),
    options=OPTIONS,
)
OF_VIDEOS = ("disable_duet", "disable_stitch", "video_cover_timestamp_ms")
OF_PHOTOS = ("auto_add_music", "photo_cover_index")


def of_unaudited(limits: Limits) -> Limits:
    """Return the limits of an app that TikTok has not audited."""
    options = [replace(each, choices=(SELF_ONLY,)) if each.name == "privacy_level" else each for each in limits.options]
    return replace(limits, options=tuple(options))


def limits_for(content: Content, limits: Limits) -> Limits:
    """Return the limits of photos, whose text may be longer, or of a video, which has no title apart from its text."""
    if content.media and not content.video:
        return replace(limits, max_characters=limits.max_photo_post_characters or limits.max_characters)
    return replace(limits, max_title_characters=None)


def beside_the_limits(content: Content, account: Mapping[str, Any], *, product: str) -> Iterator[Issue]:
    """Yield issues of an unaudited app, options that do not fit, and the creator's settings."""
    if product == UNAUDITED:
        yield Issue(
            rule="app_not_audited",
            field="platforms",
            message=Phrase(
                "TikTok has not audited this installation's app: it takes posts for SELF_ONLY alone, and only while the"
                " account is private."
            ),
            severity="warning",
            fix=Phrase("Make the account private until the post is out."),
        )
    yield from _options(content)
    yield from of_creator(content, account.get(CREATOR) or {})


def _options(content: Content) -> Iterator[Issue]:
    options, video = content.options, content.video
    strange = OF_PHOTOS if video else OF_VIDEOS if content.media else ()
    for name in (name for name in strange if name in options):
        yield Issue(
            rule="option_not_for_this_kind",
            field=f"options.{name}",
            message=Phrase(
                "The option {option} is for {kinds} only.",
                option=name,
                kinds=Phrase("photos") if video else Phrase("videos"),
            ),
            actual=options[name],
            fix=Phrase("Remove the option."),
        )
    if options.get("brand_content_toggle") is True and options.get("privacy_level") == SELF_ONLY:
        yield Issue(
            rule="branded_content_not_private",
            field="options.brand_content_toggle",
            message=Phrase("TikTok takes no branded content that only the creator can see."),
            actual=SELF_ONLY,
            fix=Phrase("Choose another privacy level, or turn brand_content_toggle off."),
        )
    if video:
        yield from _cover(options, "video_cover_timestamp_ms", int(video.seconds * 1000) or None)
    else:
        yield from _cover(options, "photo_cover_index", max(len(content.media) - 1, 0))


def _cover(options: Mapping[str, Any], name: str, most: int | None) -> Iterator[Issue]:
    """Yield an issue for a cover outside the post; `most` is None if the video's duration is unknown."""
    value = options.get(name)
    if type(value) is int and (value < 0 or (most is not None and value > most)):
        yield Issue(
            rule="cover_outside",
            field=f"options.{name}",
            message=Phrase("The option {option} is {value}, where the post has nothing.", option=name, value=value),
            limit=most,
            actual=value,
            fix=Phrase("Use a number from 0 on.")
            if most is None
            else Phrase("Use a number from 0 to {most}.", most=most),
        )


def of_creator(content: Content, creator: Mapping[str, Any]) -> Iterator[Issue]:
    """Yield issues of content that this creator's settings do not allow; none if the settings are unknown."""
    yield from _privacy(content, dig_list(creator, "privacy_level_options"))
    yield from _duration(content.video, dig_count(creator, "max_video_post_duration_sec"))
    for each in INTERACTIONS:
        if creator.get(f"{each}_disabled") is True and content.options.get(f"disable_{each}") is False:
            yield Issue(
                rule="interaction_disabled",
                field=f"options.disable_{each}",
                message=Phrase("The creator has turned {each} off for all posts.", each=each),
                limit=True,
                actual=False,
                fix=Phrase("Remove the option, or set it to true."),
            )


def _privacy(content: Content, offered: list[Any]) -> Iterator[Issue]:
    level = content.options.get("privacy_level")
    if offered and level in PRIVACY_LEVELS and level not in offered:
        yield Issue(
            rule="privacy_level_unavailable",
            field="options.privacy_level",
            message=Phrase("This creator cannot post for {level}.", level=level),
            limit=offered,
            actual=level,
            fix=Phrase("Use one of: {taken}.", taken=", ".join(map(str, offered))),
        )


def _duration(video: Media | None, most: int | None) -> Iterator[Issue]:
    if video and most is not None and video.seconds > most:
        yield Issue(
            rule="video_too_long_for_creator",
            field="media.0",
            message=Phrase(
                "The video has {seconds:g} seconds; this creator may post at most {most}.",
                seconds=video.seconds,
                most=most,
            ),
            limit=most,
            actual=video.seconds,
            fix=Phrase("Cut the video."),
        )
