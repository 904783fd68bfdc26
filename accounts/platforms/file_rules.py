"""Rules for a post's files: their number by kind, their formats, sizes, durations and dimensions."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from accounts.platforms.limits import KINDS, ONE_OF, Issue, Limits, above
from accounts.platforms.shapes import Media
from ouipost.phrases import Phrase

BYTES, PAGES, PIXELS, SECONDS = Phrase("bytes"), Phrase("pages"), Phrase("pixels"), Phrase("seconds")


def check(media: Sequence[Media], limits: Limits) -> Iterator[Issue]:
    """Yield all issues of these files by the limits."""
    yield from _counts(Counter(each.type for each in media), limits)
    if limits.animated_image_alone and len(media) > 1 and any(each.animated for each in media):
        yield Issue(
            rule="gif_not_alone",
            field="media",
            message=Phrase("This network takes an animated image only as the one file of a post."),
            fix=Phrase("Keep the animated image, or the other files."),
        )
    for position, each in enumerate(media):
        field = f"media.{position}"
        match each.type:
            case "image":
                yield from _image(each, field, limits)
            case "video":
                yield from _video(each, field, limits)
            case "document":
                yield from _document(each, field, limits)


def _counts(kinds: Counter[str], limits: Limits) -> Iterator[Issue]:
    for kind, most in (("image", limits.max_images), ("video", limits.max_videos), ("document", limits.max_documents)):
        count = kinds[kind]
        if count and not most:
            yield Issue(
                rule=f"{kind}s_unsupported",
                field="media",
                message=Phrase("This network takes no {kinds} in a post of this kind.", kinds=KINDS[kind]),
                limit=0,
                actual=count,
                fix=Phrase("Remove the {kind}.", kind=(KINDS if count > 1 else ONE_OF)[kind]),
            )
        elif count > most:
            yield above(
                f"too_many_{kind}s",
                "media",
                Phrase("The post has {count} {kinds}", count=count, kinds=KINDS[kind]),
                most,
                count,
            )
    present = [kind for kind in kinds if kinds[kind]]
    if len(present) > 1 and not (limits.mixes_images_and_videos and set(present) == {"image", "video"}):
        yield Issue(
            rule="images_and_videos_mixed" if set(present) == {"image", "video"} else "kinds_mixed",
            field="media",
            message=Phrase("This network takes files of one kind in one post."),
            actual=sorted(present),
            fix=Phrase("Keep the {kinds}, or the {others}.", kinds=KINDS[present[0]], others=KINDS[present[1]]),
        )
    total = kinds.total()
    if limits.max_media is not None and total > limits.max_media:
        yield above(
            "too_many_files", "media", Phrase("The post has {total} files", total=total), limits.max_media, total
        )
    if limits.min_media is not None and 0 < total < limits.min_media:
        yield below(
            "too_few_files", "media", Phrase("The post has {total} files", total=total), limits.min_media, total
        )


def _image(media: Media, field: str, limits: Limits) -> Iterator[Issue]:
    yield from _type(media, field, limits.image_mime_types)
    yield from _most("image_too_large", field, Phrase("The image"), media.size, most_image_bytes(media, limits), BYTES)
    yield from _alt_text(media, field, limits)
    if media.converted:
        yield Issue(
            rule="image_converted",
            field=field,
            message=Phrase("The image is not sent as it is: {changes}.", changes=media.converted),
            severity="warning",
            fix=Phrase("Upload it as this network takes it, if that matters."),
        )


def most_image_bytes(media: Media, limits: Limits) -> int | None:
    """Return the most bytes that this image may have."""
    is_gif = media.animated and media.mime_type == "image/gif"
    return (limits.max_animated_image_bytes if is_gif else None) or limits.max_image_bytes


def _alt_text(media: Media, field: str, limits: Limits) -> Iterator[Issue]:
    if media.alt_text and media.type not in limits.alt_text_for:
        yield Issue(
            rule="alt_text_not_sent",
            field=f"{field}.alt_text",
            message=Phrase(
                "This network takes no alt text for {kinds} of this kind of post: it is not sent.",
                kinds=KINDS[media.type],
            ),
            severity="warning",
            fix=Phrase("Describe it in the text, if that matters."),
        )
        return
    count, most = len(media.alt_text), limits.max_alt_text_characters
    if most is not None and count > most:
        yield above(
            "alt_text_too_long",
            f"{field}.alt_text",
            Phrase("The alt text has {count} characters", count=count),
            most,
            count,
        )


def _video(media: Media, field: str, limits: Limits) -> Iterator[Issue]:
    if not limits.max_videos:
        return
    yield from _type(media, field, limits.video_mime_types)
    yield from _most("video_too_large", field, Phrase("The video"), media.size, limits.max_video_bytes, BYTES)
    if limits.min_video_bytes is not None and media.size < limits.min_video_bytes:
        message = Phrase("{what} has {actual} {unit}", what=Phrase("The video"), actual=media.size, unit=BYTES)
        yield below("video_too_small", field, message, limits.min_video_bytes, media.size)
    yield from _alt_text(media, field, limits)
    if not media.seconds:  # an old row without measurements
        return
    runs, seconds = round(media.seconds, 3), (limits.min_video_duration_seconds, limits.max_video_duration_seconds)
    unit = Phrase("second") if runs == 1 else SECONDS
    yield from between("video_duration", field, Phrase("The video"), runs, seconds, unit)
    yield from between("video_ratio", field, Phrase("The video's width by height"), round(media.ratio, 4),
                       (limits.min_video_ratio, limits.max_video_ratio), "")  # fmt: skip
    yield from between("video_fps", field, Phrase("The video"), round(media.fps, 1),
                       (limits.min_video_fps, limits.max_video_fps), Phrase("frames a second"))  # fmt: skip
    yield from between("video_side", field, Phrase("The video's shorter side"), min(media.width, media.height),
                       (limits.min_video_side_pixels, None), PIXELS)  # fmt: skip
    yield from between("video_side", field, Phrase("The video's longer side"), max(media.width, media.height),
                       (None, limits.max_video_side_pixels), PIXELS)  # fmt: skip
    yield from _codecs(media, field, limits)
    yield from between("audio_sample_rate", field, Phrase("The sample rate of the video's sound"), media.sample_rate,
                       (None, limits.max_audio_hertz), Phrase("hertz"))  # fmt: skip
    yield from between("audio_channels", field, Phrase("The number of the video's audio channels"), media.channels,
                       (None, limits.max_audio_channels), "")  # fmt: skip
    if media.chroma and limits.video_chroma not in ("", media.chroma):
        yield Issue(
            rule="video_chroma_unsupported",
            field=field,
            message=Phrase(
                "The video has {chroma} chroma subsampling; this network accepts {taken}.",
                chroma=media.chroma,
                taken=limits.video_chroma,
            ),
            limit=limits.video_chroma,
            actual=media.chroma,
            fix=Phrase("Export it in {taken}, which some programs call yuv420p.", taken=limits.video_chroma),
        )


def _codecs(media: Media, field: str, limits: Limits) -> Iterator[Issue]:
    for rule, what, codec, taken in (
        ("video_codec_unsupported", ONE_OF["video"], media.video_codec, limits.video_codecs),
        ("audio_codec_unsupported", Phrase("audio"), media.audio_codec, limits.audio_codecs),
    ):
        if codec and taken and codec not in taken:
            yield Issue(
                rule=rule,
                field=field,
                message=Phrase("This network doesn't take videos whose {what} is {codec}.", what=what, codec=codec),
                limit=list(taken),
                actual=codec,
                fix=Phrase("Encode it as one of: {taken}.", taken=", ".join(taken)),
            )


def _document(media: Media, field: str, limits: Limits) -> Iterator[Issue]:
    if not limits.max_documents:
        return
    yield from _type(media, field, limits.document_mime_types)
    yield from _alt_text(media, field, limits)
    yield from _most("document_too_large", field, Phrase("The document"), media.size, limits.max_document_bytes, BYTES)
    yield from _most("document_too_long", field, Phrase("The document"), media.pages, limits.max_document_pages, PAGES)


def _type(media: Media, field: str, taken: tuple[str, ...]) -> Iterator[Issue]:
    if taken and media.mime_type not in taken:
        yield Issue(
            rule=f"{media.type}_type_unsupported",
            field=field,
            message=Phrase(
                "This network doesn't take {kinds} of the type {type}.", kinds=KINDS[media.type], type=media.mime_type
            ),
            limit=list(taken),
            actual=media.mime_type,
            fix=Phrase("Use one of: {taken}.", taken=", ".join(taken)),
        )


def _most(rule: str, field: str, what: str, actual: int, most: int | None, unit: str) -> Iterator[Issue]:
    if most is not None and actual > most:
        yield above(
            rule, field, Phrase("{what} has {actual} {unit}", what=what, actual=actual, unit=unit), most, actual
        )


def between(
    rule: str, field: str, what: str, actual: float, limits: tuple[float | None, float | None], unit: str
) -> Iterator[Issue]:
    """Yield an issue for a number beyond these limits, either of which may be None."""
    least, most = limits
    message = (
        Phrase("{what} is {actual:g} {unit}", what=what, actual=actual, unit=unit)
        if unit
        else Phrase("{what} is {actual:g}", what=what, actual=actual)
    )
    if least is not None and actual < least:
        yield below(f"{rule}_too_small", field, message, least, actual)
    if most is not None and actual > most:
        yield Issue(
            rule=f"{rule}_too_large",
            field=field,
            message=Phrase("{told}; this network takes at most {most:g}.", told=message, most=most),
            limit=most,
            actual=actual,
            fix=Phrase("Edit the video."),
        )


def below(rule: str, field: str, message: str, least: Any, actual: Any) -> Issue:
    """Return the issue of a number that is too small."""
    return Issue(
        rule=rule,
        field=field,
        message=Phrase("{told}; this network takes no less than {least:g}.", told=message, least=least),
        limit=least,
        actual=actual,
        fix=Phrase("Add files.") if field == "media" else Phrase("Edit the video."),
    )
