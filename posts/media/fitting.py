"""Make an image fit a network: never cropped, only written as a JPEG, smaller or with bars at its sides.

An image that a network fetches stays in the storage while its address is valid, or its file exists.
"""

import io
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import BinaryIO

from django.conf import settings
from django.utils import timezone

from accounts.platforms.errors import ErrorCode, Rejected, Unavailable, WhoActs
from accounts.platforms.file_rules import most_image_bytes
from accounts.platforms.limits import Limits
from accounts.platforms.shapes import Media
from ouipost.phrases import Phrase, joined
from posts.media import storage
from posts.media.children import TooBusy
from posts.media.images import to_jpeg
from posts.media.intake import InvalidMedia
from posts.media.shapes import Shape
from posts.media.signing import signed_url

NO_LIMIT = 20_000_000
JPEG, WEBP = "image/jpeg", "image/webp"
"""Networks that take WebP take it for still pictures: none says that it shows animations."""
NO_TIME = Phrase("This machine was too busy to make the image fit the network.")


def fit(media: Media, limits: Limits) -> Media:
    """Return the file as this network gets it: an image that it would refuse becomes a JPEG that it takes.

    The JPEG is made when its bytes are read or fetched; before that only its facts are known.
    """
    if media.type != "image" or not limits.image_mime_types or JPEG not in limits.image_mime_types:
        return media
    shape = _shape(limits)
    reasons = list(_reasons(media, limits, shape))
    if not reasons:
        return media
    if media.animated:
        reasons.append(Phrase("as a still picture"))
    width, height = _size(media, shape)
    return replace(
        media,
        mime_type=JPEG,
        size=min(media.size, shape.max_bytes),
        width=width,
        height=height,
        frames=1,
        converted=joined(reasons),
        open=partial(_as_jpeg, media, shape),
        pull_url=partial(_pull_url, media, shape),
    )


def _reasons(media: Media, limits: Limits, shape: Shape) -> Iterator[str]:
    if media.mime_type not in limits.image_mime_types or (media.animated and media.mime_type == WEBP):
        yield Phrase("written as a JPEG")
    most = most_image_bytes(media, limits)
    if most is not None and media.size > most:
        yield Phrase("compressed to {most:,} bytes", most=shape.max_bytes)
    if not media.ratio:
        return
    size = width, height = shape.with_bars(media.width, media.height)
    if width > media.width:
        yield Phrase("with bars at its left and right")
    if height > media.height:
        yield Phrase("with bars above and below")
    if shape.within(*size) != size:
        yield Phrase("made smaller")


def _shape(limits: Limits) -> Shape:
    return Shape(
        max_bytes=limits.max_image_bytes or NO_LIMIT,
        min_ratio=limits.min_image_ratio or 0,
        max_ratio=limits.max_image_ratio or 0,
        max_side=limits.max_image_side_pixels or 0,
        max_short_side=limits.max_image_short_side_pixels or 0,
        max_area=limits.max_image_pixels or 0,
        width=limits.image_width_pixels or 0,
        height=limits.image_height_pixels or 0,
    )


def _size(media: Media, shape: Shape) -> tuple[int, int]:
    """Return the approximate sides of the JPEG; the limit on bytes may make it smaller still."""
    if not media.ratio:
        return media.width, media.height
    return shape.within(*shape.with_bars(media.width, media.height))


def _as_jpeg(media: Media, shape: Shape) -> BinaryIO:
    try:
        with media.open() as file:
            return io.BytesIO(to_jpeg(file, shape))
    except TooBusy as error:
        raise Unavailable(NO_TIME, who_acts=WhoActs.OPERATOR) from error
    except InvalidMedia as error:
        raise Rejected(error.message, code=ErrorCode.MEDIA_REJECTED) from error


def _pull_url(media: Media, shape: Shape) -> str:
    """Store the JPEG and return its address; the same shape on the same day is the same file.

    Another day gets another file: files are swept after two days, which must not come before the address expires.
    """
    name = storage.rendition_name(media.id, f"{shape} {timezone.now().date()}")
    if not storage.exists(name):
        storage.store_bytes(_as_jpeg(media, shape), name)
    return signed_url(name, seconds=settings.MEDIA_PULL_URL_SECONDS)
