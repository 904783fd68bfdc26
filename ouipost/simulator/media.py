"""Uploaded files: looked into, kept while they live, and put together where they come in parts."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models.functions import Length
from PIL import Image, UnidentifiedImageError

from ouipost.simulator.call import Call
from ouipost.simulator.clips import Clip
from ouipost.simulator.models import Media, Piece

KEPT_BYTES = 50_000_000
"""Of a larger file only the facts are kept: nobody needs to see it here."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What the network sees in an image file."""

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
    """Return the facts of an image, after decoding it whole; None for what is none that can be opened."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            return Picture(
                format=image.format or "",
                # a photo of several frames, as phones make them, is a JPEG to everybody else
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
    """Keep a file for an account, or what is known of one that is to come; the same id again replaces it.

    `seen` are the facts of the file, and `values` are columns of its row. It lives from its `created_at` on.
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
    """Return the first of these flaws that a file has, empty where it has none."""
    return next((flaw for flaw, is_there in flaws.items() if is_there), "")


def add_piece(network: str, upload: str, start: int, content: bytes) -> None:
    """Keep a part of a file that comes in several requests; the same part again changes nothing."""
    Piece.objects.get_or_create(network=network, upload=upload, start=start, defaults={"content": content})


def received(network: str, upload: str) -> int:
    """Return how many bytes of a file are there, counted from its beginning to the first gap."""
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
    """Return the file that came in parts, from its beginning to the first gap, and forget the parts."""
    parts = Piece.objects.filter(network=network, upload=upload).order_by("start")
    content = bytearray()
    for part in parts.iterator(chunk_size=1):
        if part.start > len(content):
            break
        content[part.start : part.start + len(part.content)] = part.content
    parts.delete()
    return bytes(content)


def usable(network: str, account: str, external_id: str, now: datetime) -> Media | None:
    """Return an account's file that is ready and, unless a post holds it, not past its life; without its bytes."""
    media = (
        Media.objects.defer("content")
        .filter(network=network, account=account, external_id=external_id, failed=False, ready_at__lte=now)
        .first()
    )
    return media if media and (media.used or media.expires_at > now) else None
