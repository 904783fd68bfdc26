"""Uploaded files: checked, kept for their lifetime, and joined if they come in parts."""

import io
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models.functions import Length
from PIL import Image, UnidentifiedImageError

from ouipost.simulator.call import Call
from ouipost.simulator.clips import Clip
from ouipost.simulator.models import Media, Piece

KEPT_BYTES = 50_000_000
"""The size up to which files are kept; of larger ones only the facts are, as nobody needs to see them here."""
PICTURE_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
"""All that any network takes; Pillow has decoders for many others."""
BYTES_PER_PIXEL = {"JPEG": 10, "MPO": 10, "WEBP": 16}
"""Peak memory of decoding, as measured; of all other formats it is the 4 bytes of the pixels themselves."""
MOST_MEMORY = 200_000_000

_one_at_a_time = threading.Lock()
"""Held while a picture is decoded, so that parallel requests do not take that memory together."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """The facts of an image file that networks check."""

    format: str
    mime: str
    width: int
    height: int
    frames: int

    @property
    def animated(self) -> bool:
        """Return whether it moves."""
        return self.frames > 1


def look_at(content: bytes) -> Picture | None:
    """Return the facts of an image; None if it cannot be opened as one, or has more pixels than `IMAGE_MAX_PIXELS`.

    It is decoded whole, so that a damaged one is found, unless that would take more than 200 MB of memory.
    """
    try:
        with _one_at_a_time, Image.open(io.BytesIO(content), formats=PICTURE_FORMATS) as image:
            pixels = image.width * image.height
            if pixels > settings.IMAGE_MAX_PIXELS:
                return None
            if pixels * BYTES_PER_PIXEL.get(image.format or "", 4) <= MOST_MEMORY:
                image.load()
            return Picture(
                format=image.format or "",
                # a photo of several frames, as phones make them, is a JPEG for others
                mime="image/jpeg" if image.format == "MPO" else Image.MIME[image.format or ""],
                width=image.width,
                height=image.height,
                frames=getattr(image, "n_frames", 1),
            )
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def keep(
    call: Call,
    network: str,
    account: str,
    external_id: str,
    content: bytes = b"",
    *,
    lifetime: timedelta,
    seen: Picture | Clip | None = None,
    **values: Any,
) -> Media:
    """Keep a file for an account, or the known facts of a coming one; the same id again replaces it.

    `seen` are the facts of the file, and `values` are columns of its row. Its lifetime begins at its `created_at`.
    """
    created_at = values.setdefault("created_at", call.now)
    values.setdefault("mime", seen.mime if seen else "application/octet-stream")
    values.setdefault("ready_at", created_at)
    if seen:
        values |= {"width": seen.width, "height": seen.height}
    if isinstance(seen, Picture):
        values["animated"] = seen.animated
    if isinstance(seen, Clip):
        values["data"] = {"seconds": seen.seconds} | values.get("data", {})
    kept = content if len(content) <= KEPT_BYTES else b""
    values |= {"content": kept, "size": len(content), "expires_at": created_at + lifetime}
    media, _ = Media.objects.update_or_create(
        network=network, account=account, external_id=external_id, defaults=values
    )
    return media


def first_flaw(flaws: Mapping[str, bool]) -> str:
    """Return the first of these flaws that a file has, or an empty text."""
    return next((flaw for flaw, is_there in flaws.items() if is_there), "")


def add_piece(network: str, upload: str, start: int, content: bytes) -> None:
    """Keep a part of a file; the same part again changes nothing."""
    Piece.objects.get_or_create(network=network, upload=upload, start=start, defaults={"content": content})


def received(network: str, upload: str) -> int:
    """Return the number of received bytes of a file, from its beginning to the first gap."""
    end = 0
    for start, size in _pieces(network, upload):
        if start > end:
            break
        end = max(end, start + size)
    return end


def _pieces(network: str, upload: str) -> list[tuple[int, int]]:
    rows = Piece.objects.filter(network=network, upload=upload).annotate(size=Length("content"))
    return list(rows.order_by("start").values_list("start", "size"))


def whole(network: str, upload: str) -> bytes:
    """Join a file's parts, from its beginning to the first gap, and delete them."""
    parts = Piece.objects.filter(network=network, upload=upload).order_by("start")
    content = bytearray()
    for part in parts.iterator(chunk_size=1):
        if part.start > len(content):
            break
        content[part.start : part.start + len(part.content)] = part.content
    parts.delete()
    return bytes(content)


def usable(network: str, account: str, external_id: str, now: datetime) -> Media | None:
    """Return an account's file, without its bytes, if it is ready and either not expired or in use by a post."""
    media = (
        Media.objects.defer("content")
        .filter(network=network, account=account, external_id=external_id, failed=False, ready_at__lte=now)
        .first()
    )
    return media if media and (media.used or media.expires_at > now) else None
