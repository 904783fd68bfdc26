"""Images for posts: checked, written anew from their pixels, and made to fit. No byte of an upload is kept.

The pixels are decoded in a child process (`posts/imaging_child.py`), because decoders meet whatever strangers send.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings

from ouipost.errors import DomainError
from posts.file_types import HEAD_BYTES, IMAGE_TYPES, image_format, other_kind

logger = logging.getLogger(__name__)

CHILD = Path(__file__).with_name("imaging_child.py")
WALL_SECONDS = 20
TOO_COSTLY = "The image takes too much work to decode. Make it smaller."
CHUNK_BYTES = 64 * 1024
STORED_MAX_BYTES = 100 * 1024 * 1024
"""An image written anew may be larger than its upload was; this is all that a child may write."""

MAX_NAME_BYTES = 255
MAX_EXTENSION_BYTES = 20
INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's controls, format marks such as the right-to-left override, lone surrogates and line separators."""

CHILD_ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH")
"""All that a child sees of our environment, which holds secrets."""

children = threading.BoundedSemaphore(2)
"""A large picture takes up to a gigabyte while it is decoded; more at once would not be faster, only larger."""


class InvalidMedia(DomainError):
    """`details.reason` says in one word what `message` says in a sentence."""

    code = "INVALID_MEDIA"
    status = 422
    message = "The file cannot be used."

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message, field="file", reason=reason)


class FileTooLarge(DomainError):
    code = "PAYLOAD_TOO_LARGE"
    status = 413
    message = "The file is too large."


class ImagingBroken(RuntimeError):
    """The child process failed for a reason of its own, such as a full disk: the image is not to blame."""


class Readable(Protocol):
    """An open binary file: Django's uploads are, stored files are."""

    def read(self, size: int, /) -> bytes: ...

    def seek(self, offset: int, /) -> object: ...


@dataclass(frozen=True, kw_only=True)
class ProcessedImage:
    """A finished image and its thumbnail, as temporary files."""

    path: Path
    mime_type: str
    size: int
    width: int
    height: int
    thumbnail_path: Path
    thumbnail_mime_type: str


@contextmanager
def process_image(upload: Readable | Path) -> Iterator[ProcessedImage]:
    """Check an upload and give it written anew: upright, in sRGB, without metadata; its files go when the block ends.

    Raises InvalidMedia for what is no sound JPEG, PNG, GIF or WebP within the limits, FileTooLarge for too many bytes.
    """
    with _spooled(upload, settings.IMAGE_MAX_BYTES) as (source, format_name):
        target, thumbnail = source.with_name("image"), source.with_name("thumbnail")
        answer = _run_child("renew", source=source, format=format_name, target=target, thumbnail=thumbnail)
        yield ProcessedImage(
            path=target,
            mime_type=IMAGE_TYPES[format_name],
            size=target.stat().st_size,
            width=answer["width"],
            height=answer["height"],
            thumbnail_path=thumbnail,
            thumbnail_mime_type=IMAGE_TYPES[answer["thumbnail_format"]],
        )


def to_jpeg_under(image: Readable | Path, max_bytes: int) -> bytes:
    """Return the image (of an animation the first frame) as a JPEG of at most `max_bytes`, made smaller if need be."""
    with _spooled(image, STORED_MAX_BYTES) as (source, format_name):
        if format_name == "JPEG" and source.stat().st_size <= max_bytes:
            return source.read_bytes()
        target = source.with_name("image")
        _run_child("shrink", source=source, format=format_name, target=target, max_bytes=max_bytes)
        return target.read_bytes()


def clean_filename(name: str) -> str:
    """Return a name fit to show and to save under: no folders, nothing invisible, at most 255 bytes, never empty."""
    base = name.replace("\\", "/").rpartition("/")[2]
    visible = "".join(character for character in base if unicodedata.category(character) not in INVISIBLE)
    normal = unicodedata.normalize("NFC", visible).strip(" .")
    return _shortened(normal) or "file"


def _shortened(name: str) -> str:
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    ending = dot + extension
    if not stem or len(ending.encode()) > MAX_EXTENSION_BYTES:
        stem, ending = name, ""
    kept = stem.encode()[: MAX_NAME_BYTES - len(ending.encode())]
    return kept.decode(errors="ignore") + ending


@contextmanager
def _spooled(upload: Readable | Path, most: int) -> Iterator[tuple[Path, str]]:
    """Copy an image into a folder that lives as long as the block; gives its path and format."""
    with tempfile.TemporaryDirectory(prefix="ouipost-image-") as folder:
        source = Path(folder) / "source"
        if isinstance(upload, Path):
            with upload.open("rb") as file:
                yield source, _copy(file, source, most)
        else:
            yield source, _copy(upload, source, most)


def _copy(upload: Readable, target: Path, most: int) -> str:
    """Copy an upload of at most so many bytes and return its format; what is no image is refused by its first bytes."""
    upload.seek(0)
    chunk = upload.read(HEAD_BYTES)
    format_name = _format_of(chunk)
    copied = 0
    with target.open("wb") as file:
        while chunk:
            copied += len(chunk)
            if copied > most:
                raise FileTooLarge(limit_bytes=most)
            file.write(chunk)
            chunk = upload.read(CHUNK_BYTES)
    return format_name


def _format_of(head: bytes) -> str:
    if format_name := image_format(head):
        return format_name
    if not head:
        raise InvalidMedia("The file is empty. Choose another one.", reason="empty")
    if kind := other_kind(head):
        raise InvalidMedia(f"A {kind} is not supported yet. Upload an image.", reason="not_supported_yet")
    raise InvalidMedia("The file is no JPEG, PNG, GIF or WebP image. Convert it to one of those.", reason="type")


def _run_child(task: str, **job: Any) -> dict[str, Any]:
    """Have a child do a job; raises InvalidMedia when it refuses, breaks down, or takes more than it may."""
    job |= {"task": task, "max_pixels": settings.IMAGE_MAX_PIXELS}
    command = [sys.executable, "-P", str(CHILD), json.dumps(job, default=str)]
    environment = {name: os.environ[name] for name in CHILD_ENVIRONMENT if name in os.environ}
    try:
        with children:
            done = subprocess.run(  # noqa: S603 - our own script, no shell
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=environment,
                timeout=WALL_SECONDS,
            )
    except subprocess.TimeoutExpired as error:
        raise InvalidMedia(TOO_COSTLY, reason="too_costly") from error
    if done.returncode < 0:
        logger.warning("An image process was ended by signal %s", -done.returncode)
        raise InvalidMedia(TOO_COSTLY, reason="too_costly")
    if done.returncode:
        raise ImagingBroken(done.stderr.decode(errors="replace"))
    return _accepted(json.loads(done.stdout))


def _accepted(answer: dict[str, Any]) -> dict[str, Any]:
    if "reason" not in answer:
        return answer
    logger.info("An image was refused as %s: %s", answer["reason"], answer.get("detail", ""))
    raise InvalidMedia(answer["message"], reason=answer["reason"])
