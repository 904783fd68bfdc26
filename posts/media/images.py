"""Images for posts: checked, rewritten from their pixels, and made to fit. No byte of an upload is kept.

The pixels are decoded in a child process (`imaging_child.py`), because decoders meet whatever strangers send.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings

from ouipost.phrases import Phrase
from posts.media import children
from posts.media.file_types import HEAD_BYTES, IMAGE_TYPES, image_format
from posts.media.intake import InvalidMedia, Processed, Readable, spooled
from posts.media.shapes import Shape

CHILD = Path(__file__).with_name("imaging_child.py")
WALL_SECONDS = 30
"""Three times the limit of processor time, as for all files: other processes need the processors, too."""
TOO_COSTLY = Phrase("The image takes too long to decode. Make it smaller.")
STORED_MAX_BYTES = 100 * 1024 * 1024
"""The most that a child may write: a rewritten image may be larger than its upload."""


@contextmanager
def process_image(upload: Readable) -> Iterator[Processed]:
    """Check an upload and give it rewritten: upright, in sRGB, without metadata; the files go when the block ends.

    Raises InvalidMedia unless it is a sound JPEG, PNG, GIF or WebP within the limits, FileTooLarge for too many bytes.
    """
    with spooled(upload, settings.IMAGE_MAX_BYTES) as source:
        format_name = _format_of(source)
        target, thumbnail = source.with_name("image"), source.with_name("thumbnail")
        answer = _run("renew", source=source, format=format_name, target=target, thumbnail=thumbnail)
        yield Processed(
            type="image",
            path=target,
            mime_type=IMAGE_TYPES[format_name],
            size=target.stat().st_size,
            width=answer["width"],
            height=answer["height"],
            facts={"frames": answer["frames"]} if answer["frames"] > 1 else {},
            thumbnail_path=thumbnail,
            thumbnail_mime_type=IMAGE_TYPES[answer["thumbnail_format"]],
        )


def to_jpeg(image: Readable, shape: Shape) -> bytes:
    """Return the image (of an animation the first frame) as a JPEG of this shape, made smaller if need be."""
    with spooled(image, STORED_MAX_BYTES) as source:
        target = source.with_name("image")
        _run("shape", source=source, format=_format_of(source), target=target, **asdict(shape))
        return target.read_bytes()


def _format_of(source: Path) -> str:
    with source.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if format_name := image_format(head):
        return format_name
    if not head:
        raise InvalidMedia(Phrase("The file is empty. Choose another one."), reason="empty")
    raise InvalidMedia(
        Phrase("The file is not a JPEG, PNG, GIF or WebP image. Convert it to one of those."), reason="type"
    )


def _run(task: str, **job: Any) -> dict[str, Any]:
    limits = {"max_pixels": settings.IMAGE_MAX_PIXELS}
    return children.run(CHILD, seconds=WALL_SECONDS, too_costly=TOO_COSTLY, task=task, **job, **limits)
