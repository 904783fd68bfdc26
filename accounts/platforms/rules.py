"""What a network would refuse, read off its limits alone. Every problem is named, not only the first."""

from collections import Counter
from collections.abc import Iterator

from accounts.platforms.base import Content, Issue, Limits, Media
from accounts.platforms.text import length

UNITS = {
    "unicode_characters": "characters",
    "utf16_units": "characters (UTF-16 units)",
    "graphemes": "characters",
    "x_weighted": "characters by X's own count",
}
LATER_KINDS = {"video": "videos", "document": "documents"}
LATER_OPTIONS = ("first_comment", "thread")


def check(content: Content, limits: Limits) -> list[Issue]:
    """Return all that these limits refuse in this content."""
    return [*_text(content, limits), *_presence(content, limits), *_media(content, limits), *_options(content, limits)]


def _text(content: Content, limits: Limits) -> Iterator[Issue]:
    count = length(content.text, limits.characters_counted_as)
    if count > limits.max_characters:
        unit = UNITS[limits.characters_counted_as]
        yield _above("text_too_long", "content", f"The text has {count} {unit}", limits.max_characters, count)
    size = len(content.text.encode())
    if limits.max_text_bytes is not None and size > limits.max_text_bytes:
        yield _above("text_too_many_bytes", "content", f"The text has {size} bytes", limits.max_text_bytes, size)
    count = len(content.title)
    if limits.max_title_characters is not None and count > limits.max_title_characters:
        told = f"The title has {count} characters"
        yield _above("title_too_long", "title", told, limits.max_title_characters, count)


def _presence(content: Content, limits: Limits) -> Iterator[Issue]:
    if content.media:
        return
    if limits.media_required:
        yield Issue(
            rule="media_required",
            field="media",
            message="This network takes no post without a file.",
            fix="Add an image or a video.",
        )
    elif limits.text_required_without_media and not content.text.strip() and not content.link:
        yield Issue(
            rule="text_or_media_required",
            field="content",
            message="The post is empty.",
            fix="Write a text, or add an image.",
        )


def _media(content: Content, limits: Limits) -> Iterator[Issue]:
    kinds = Counter(each.type for each in content.media)
    if kinds["image"] > limits.max_images:
        told = f"The post has {kinds['image']} images"
        yield _above("too_many_images", "media", told, limits.max_images, kinds["image"])
    if kinds["image"] and kinds["video"] and not limits.mixes_images_and_videos:
        yield Issue(
            rule="images_and_videos_mixed",
            field="media",
            message="This network takes images or a video in one post, not both.",
            fix="Remove the video, or the images.",
        )
    for position, media in enumerate(content.media):
        field = f"media.{position}"
        yield from _image(media, field, limits) if media.type == "image" else _later(media, field)


def _image(media: Media, field: str, limits: Limits) -> Iterator[Issue]:
    if media.mime_type not in limits.image_mime_types:
        taken = ", ".join(limits.image_mime_types)
        yield Issue(
            rule="image_type_unsupported",
            field=field,
            message=f"This network doesn't take images of the type {media.mime_type}.",
            limit=list(limits.image_mime_types),
            actual=media.mime_type,
            fix=f"Use one of: {taken}." if taken else "Remove the image.",
        )
    if limits.max_image_bytes is not None and media.size > limits.max_image_bytes:
        yield _above("image_too_large", field, f"The image has {media.size} bytes", limits.max_image_bytes, media.size)
    count = len(media.alt_text)
    if limits.max_alt_text_characters is not None and count > limits.max_alt_text_characters:
        told = f"The alt text has {count} characters"
        yield _above("alt_text_too_long", f"{field}.alt_text", told, limits.max_alt_text_characters, count)


def _later(media: Media, field: str) -> Iterator[Issue]:
    kind = LATER_KINDS.get(media.type, "files of this kind")
    yield Issue(
        rule=f"{LATER_KINDS.get(media.type, 'files')}_not_supported_yet",
        field=field,
        message=f"Publishing {kind} to this network is not supported yet.",
        actual=media.type,
        fix="Remove the file.",
    )


def _options(content: Content, limits: Limits) -> Iterator[Issue]:
    for key, value in content.options.items():
        if key == "post_type" and value != "feed":
            yield _option_later(key, f"Publishing posts of the type {value!r}")
        elif key in LATER_OPTIONS and key not in limits.options:
            yield _option_later(key, f"The option {key}")
        elif key != "post_type" and key not in limits.options:
            yield Issue(
                rule="option_unknown",
                field=f"options.{key}",
                message=f"This network has no option {key!r}.",
                limit=list(limits.options),
                actual=key,
                fix="Remove the option.",
            )


def _option_later(key: str, what: str) -> Issue:
    return Issue(
        rule=f"{key}_not_supported_yet",
        field=f"options.{key}",
        message=f"{what} is not supported yet on this network.",
        fix="Remove the option.",
    )


def _above(rule: str, field: str, told: str, limit: int, actual: int) -> Issue:
    return Issue(
        rule=rule,
        field=field,
        message=f"{told}; this network takes at most {limit}.",
        limit=limit,
        actual=actual,
        fix=f"Take away at least {actual - limit}.",
    )
