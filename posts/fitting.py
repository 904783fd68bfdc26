"""Making an image fit what a network takes: never cropped, only written as a smaller JPEG."""

import io
from dataclasses import replace
from functools import partial
from typing import BinaryIO

from accounts.platforms.base import Limits, Media, Rejected
from posts.images import InvalidMedia, to_jpeg_under

NO_LIMIT = 20_000_000


def fit(media: Media, limits: Limits) -> Media:
    """Return the file as this network gets it: an image that is too heavy, or of a kind it refuses, becomes a JPEG.

    The work is done when the bytes are read; until then only what the network will see is known.
    """
    if media.type != "image" or not limits.image_mime_types or _fits(media, limits):
        return media
    most = limits.max_image_bytes or NO_LIMIT
    opened = partial(_as_jpeg, media, most)
    return replace(media, mime_type="image/jpeg", size=min(media.size, most), open=opened)


def _fits(media: Media, limits: Limits) -> bool:
    light = limits.max_image_bytes is None or media.size <= limits.max_image_bytes
    return light and media.mime_type in limits.image_mime_types


def _as_jpeg(media: Media, most: int) -> BinaryIO:
    try:
        with media.open() as file:
            return io.BytesIO(to_jpeg_under(file, most))
    except InvalidMedia as error:
        raise Rejected(error.message, code="MEDIA_REJECTED") from error
