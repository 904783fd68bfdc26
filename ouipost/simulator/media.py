"""Uploaded files: read by Pillow, kept while they live."""

import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from PIL import Image, UnidentifiedImageError

from ouipost.simulator.models import Media


class NotAnImage(Exception):
    """These bytes are no picture that can be opened."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What the network sees in an image file."""

    format: str
    mime: str
    width: int
    height: int
    animated: bool


def look_at(content: bytes) -> Picture:
    """Return the facts of an image, after decoding it whole."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            return Picture(
                format=image.format or "",
                # a photo of several frames, as phones make them, is a JPEG to everybody else
                mime="image/jpeg" if image.format == "MPO" else Image.MIME[image.format or ""],
                width=image.width,
                height=image.height,
                animated=getattr(image, "is_animated", False),
            )
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise NotAnImage from error


def keep(
    external_id: str,
    content: bytes,
    *,
    network: str,
    account: str,
    now: datetime,
    lifetime: timedelta,
    picture: Picture | None,
    **values: Any,
) -> Media:
    """Keep a file for an account; the same id again replaces it and lives anew."""
    values.setdefault("mime", picture.mime if picture else "application/octet-stream")
    values.setdefault("ready_at", now)
    if picture:
        values |= {"width": picture.width, "height": picture.height, "animated": picture.animated}
    values |= {"content": content, "size": len(content), "created_at": now, "expires_at": now + lifetime}
    media, _ = Media.objects.update_or_create(
        network=network, account=account, external_id=external_id, defaults=values
    )
    return media


def usable(network: str, account: str, external_id: str, now: datetime) -> Media | None:
    """Return an account's file that is ready and, unless a post holds it, not past its life; without its bytes."""
    media = (
        Media.objects.defer("content")
        .filter(network=network, account=account, external_id=external_id, failed=False, ready_at__lte=now)
        .first()
    )
    return media if media and (media.used or media.expires_at > now) else None
