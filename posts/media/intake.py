"""An upload on its way in: its size-limited temporary copy, its clean name, and the result of processing it."""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ouipost.errors import DomainError
from ouipost.phrases import Phrase
from ouipost.unicode import composed
from posts.media import temporary
from posts.media.storage import answering

CHUNK_BYTES = 64 * 1024
MEGABYTE = 1_000_000
MAX_NAME_BYTES = 255
MAX_EXTENSION_BYTES = 20
INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's controls, format marks such as the right-to-left override, lone surrogates and line separators."""


class InvalidMedia(DomainError):
    """`details.reason` says in one word what `message` says in a sentence."""

    code = "INVALID_MEDIA"
    status = 422
    message = Phrase("The file cannot be used.")

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message, field="file", reason=reason)


class FileTooLarge(DomainError):
    code = "PAYLOAD_TOO_LARGE"
    status = 413
    message = Phrase("The file is too large.")

    def __init__(self, *, limit_bytes: int) -> None:
        message = Phrase("The file is too large: it may have {limit} MB.", limit=f"{limit_bytes / MEGABYTE:g}")
        super().__init__(message, limit_bytes=limit_bytes)


class Readable(Protocol):
    """An open binary file: Django's uploads are, stored files are."""

    def read(self, size: int, /) -> bytes: ...

    def seek(self, offset: int, /) -> object: ...


@dataclass(frozen=True, kw_only=True)
class Processed:
    """A file as it is kept, and its thumbnail, both as temporary files."""

    type: str
    """image, video or document."""
    path: Path
    mime_type: str
    size: int
    width: int | None = None
    height: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    """Further facts: seconds, fps, bit_rate, video_codec, audio_codec, sample_rate,
    channels, chroma; pages; frames."""
    thumbnail_path: Path | None = None
    thumbnail_mime_type: str = ""


@contextmanager
def spooled(upload: Readable, most: int) -> Iterator[Path]:
    """Copy an upload, from its start, into a folder that lives as long as the block, and give the copy's path.

    Raises FileTooLarge, and StorageUnavailable where the disk takes no more.
    """
    with temporary.folder() as folder:
        source, copied = folder / "source", 0
        upload.seek(0)
        with answering(), source.open("wb") as file:
            while chunk := upload.read(CHUNK_BYTES):
                copied += len(chunk)
                if copied > most:
                    raise FileTooLarge(limit_bytes=most)
                file.write(chunk)
        yield source


def clean_filename(name: str) -> str:
    """Return a name fit to show and to save under: no folders, nothing invisible, at most 255 bytes, never empty."""
    base = name.replace("\\", "/").rpartition("/")[2]
    visible = "".join(character for character in base if unicodedata.category(character) not in INVISIBLE)
    normal = composed(visible).strip(" .")
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
