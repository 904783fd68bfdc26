"""Making an image fit what a network takes: never cropped, only written as a JPEG, smaller or with bars at its sides.

What a network pulls is kept in the storage for as long as its address is good, or its file is there.
"""

import io
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import BinaryIO

from django.conf import settings
from django.utils import timezone

from accounts.platforms.base import Limits, Media, Rejected, Unavailable, WhoActs
from accounts.platforms.file_rules import most_image_bytes
from ouipost.phrases import Phrase, joined
from posts.media import storage
from posts.media.children import TooBusy
from posts.media.images import Shape, to_jpeg
from posts.media.intake import InvalidMedia
from posts.media.signing import signed_url

NO_LIMIT = 20_000_000
JPEG, WEBP = "image/jpeg", "image/webp"
"""Where WebP is taken, it is for still pictures: no network says that it shows one that moves."""
NO_TIME = Phrase("This machine was too busy to make the image fit the network.")


def fit(media: Media, limits: Limits) -> Media:
    """Return the file as this network gets it: an image that it would refuse becomes a JPEG that it takes.

    The work is done when the bytes are read or pulled; until then only what the network will see is known.
    """
    if media.type != "image" or not limits.image_mime_types or JPEG not in limits.image_mime_types:
        return media
    reasons = list(_reasons(media, limits))
    if not reasons:
        return media
    if media.animated:
        reasons.append(Phrase("as a still picture"))
    shape = _shape(limits)
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


def _reasons(media: Media, limits: Limits) -> Iterator[str]:
    if media.mime_type not in limits.image_mime_types or (media.animated and media.mime_type == WEBP):
        yield Phrase("written as a JPEG")
    most = most_image_bytes(media, limits)
    if most is not None and media.size > most:
        yield Phrase("compressed to {most:,} bytes", most=limits.max_image_bytes or NO_LIMIT)
    if not media.ratio:
        return
    if limits.min_image_ratio and media.ratio < limits.min_image_ratio:
        yield Phrase("with bars at its left and right")
    if limits.max_image_ratio and media.ratio > limits.max_image_ratio:
        yield Phrase("with bars above and below")
    long, short = max(media.width, media.height), min(media.width, media.height)
    most_long, most_short = limits.max_image_side_pixels or long, limits.max_image_short_side_pixels or short
    if most_long < long or most_short < short or (limits.max_image_pixels or long * short) < long * short:
        yield Phrase("made smaller")


def _shape(limits: Limits) -> Shape:
    return Shape(
        max_bytes=limits.max_image_bytes or NO_LIMIT,
        min_ratio=limits.min_image_ratio or 0,
        max_ratio=limits.max_image_ratio or 0,
        max_side=limits.max_image_side_pixels or 0,
        max_short_side=limits.max_image_short_side_pixels or 0,
        max_area=limits.max_image_pixels or 0,
    )


def _size(media: Media, shape: Shape) -> tuple[int, int]:
    """Return about how large the JPEG will be: its bytes may make it smaller still."""
    width, height = media.width, media.height
    if shape.min_ratio and media.ratio < shape.min_ratio:
        width = math.ceil(height * shape.min_ratio)
    if shape.max_ratio and media.ratio > shape.max_ratio:
        height = math.ceil(width / shape.max_ratio)
    sides = [1.0]
    sides += [shape.max_side / max(width, height)] if shape.max_side and width else []
    sides += [shape.max_short_side / min(width, height)] if shape.max_short_side and width else []
    if shape.max_area and width:  # less what sides that are rounded up may add
        sides.append(math.sqrt(shape.max_area / (width * height)) - (1 / width + 1 / height) / 2)
    return max(1, round(width * min(sides))), max(1, round(height * min(sides)))


def _as_jpeg(media: Media, shape: Shape) -> BinaryIO:
    try:
        with media.open() as file:
            return io.BytesIO(to_jpeg(file, shape))
    except TooBusy as error:
        raise Unavailable(NO_TIME, who_acts=WhoActs.OPERATOR) from error
    except InvalidMedia as error:
        if error.details["reason"] == "too_costly":  # it was not when it was uploaded
            raise Unavailable(NO_TIME, who_acts=WhoActs.OPERATOR) from error
        raise Rejected(error.message, code="MEDIA_REJECTED") from error


def _pull_url(media: Media, shape: Shape) -> str:
    """Keep the JPEG where its address leads to; the same shape again is the same file.

    But not on another day: a file is swept after two days, and must not go before its address has expired.
    """
    name = storage.rendition_name(media.id, f"{shape} {timezone.now().date()}")
    if not storage.exists(name):
        storage.store_bytes(_as_jpeg(media, shape), name)
    return signed_url(name, seconds=settings.MEDIA_PULL_URL_SECONDS)
