"""Read an upload: its form, its file, and the file's type."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Any, cast

from django.core.files.uploadedfile import UploadedFile
from django.utils.http import parse_header_parameters
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import DataAndFiles, MultiPartParser

from ouipost.api.inputs import Choice, StrictInput, Text
from ouipost.db.configuration import release_old_connections
from ouipost.errors import DomainError
from ouipost.phrases import Phrase
from ouipost.runtime import waiting
from posts.media import files, temporary
from posts.media.documents import process_document
from posts.media.file_types import HEAD_BYTES, document_kind, image_format, video_type
from posts.media.images import process_image
from posts.media.intake import FileTooLarge, InvalidMedia, Processed, clean_filename
from posts.media.storage import EXTENSIONS
from posts.media.videos import process_video
from posts.models import MediaType

FORM_BYTES = 100_000
ALSO = {"jpg": ("jpeg", "jpe", "jfif"), "mp4": ("m4v",), "mov": ("qt",)}
"""Other extensions of the same types."""
TOO_LONG = "max total header size exceeded"
"""Django's error for a form part whose headers exceed a kilobyte."""
UNREADABLE = "This is not a multipart form: let your HTTP client write the Content-Type, with its boundary."
CUT_SHORT = "The form is cut short: the boundary at its end is missing. Send it again."
NO_FILE = "No file was sent. If one was, its name is not UTF-8."
"""Django drops the headers of a form part that are in another encoding."""
NO_FILE_NAME = "Must be a file: its part of the form needs a file name."
LAST_BYTES = 1000
"""Enough for a boundary of at most 70 characters and for anything after it."""
RETRY_SECONDS = 5
NO_TYPE = Phrase(
    "The file is not a JPEG, PNG, GIF, WebP, MP4, MOV, WebM, PDF, DOCX or PPTX. Convert it to one of those."
)


class TooManyFiles(DomainError):
    code = "SERVICE_UNAVAILABLE"
    status = 503
    message = Phrase("Too many files are being checked; try again after the number of seconds in Retry-After.")


class Ending:
    """Pass a body on and keep its last bytes: Django accepts a truncated form as a whole one."""

    def __init__(self, body: IO[bytes]) -> None:
        self._body, self._last = body, b""

    def read(self, size: int = -1) -> bytes:
        read = self._body.read(size)
        self._last = (self._last + read)[-LAST_BYTES:]
        return read

    def has(self, boundary: str) -> bool:
        """Return whether the body ends with this boundary's closing line, as a whole form does."""
        return f"--{boundary}--".encode() in self._last


class UploadParser(MultiPartParser):
    """Reads a multipart form; one that is announced as too large is refused before it is read."""

    @property
    def most_bytes(self) -> int:
        return temporary.most_bytes() + FORM_BYTES

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> "DataAndFiles[Any, Any]":
        announced = int((parser_context or {})["request"].META.get("CONTENT_LENGTH") or 0)
        if announced > self.most_bytes:
            raise FileTooLarge(limit_bytes=temporary.most_bytes())
        ending = Ending(stream)
        try:
            read = super().parse(cast("IO[Any]", ending), media_type, parser_context)
        except ParseError as error:
            if TOO_LONG in str(error.detail):
                raise InvalidMedia(Phrase("The file's name is too long. Shorten it."), reason="name") from error
            raise ParseError(UNREADABLE) from error
        if not ending.has(parse_header_parameters(media_type or "")[1]["boundary"]):
            for _, sent in read.files.lists():
                for file in sent:
                    file.close()
            raise ParseError(CUT_SHORT)
        release_old_connections()  # a file may come for longer than the server keeps an idle connection
        return read


class UploadInput(StrictInput):
    """The multipart form that adds a file."""

    file = serializers.FileField(allow_empty_file=True, error_messages={"required": NO_FILE, "invalid": NO_FILE_NAME})
    type = Choice(choices=MediaType.choices, required=False)
    alt_text = Text(required=False, allow_blank=True, max_length=2000)


@contextmanager
def stored(values: Mapping[str, Any]) -> Iterator[files.Stored]:
    """Check an upload and store it; the bytes are removed again if the block creates no row for them."""
    upload = values["file"]
    with _one_of_many(), _processed(upload) as processed:
        declared = values.get("type", processed.type)
        if declared != processed.type:
            raise InvalidMedia(
                Phrase("The file is {kind}, not {declared}.", kind=_named(processed.type), declared=_named(declared)),
                reason="type",
            )
        kept = files.keep(processed, filename=_named_for(processed.mime_type, clean_filename(upload.name or "")))
    try:
        yield kept
    finally:
        files.discard_unused(kept)


@contextmanager
def _one_of_many() -> Iterator[None]:
    """Admit as many files at once as there are places; raises TooManyFiles for any more."""
    with waiting.working() as is_admitted:
        if not is_admitted:
            raise TooManyFiles(retry_after=RETRY_SECONDS)
        yield


def _processed(upload: "UploadedFile[bytes]") -> AbstractContextManager[Processed]:
    """Check the file as the type that its first bytes show."""
    upload.seek(0)
    head = upload.read(HEAD_BYTES)
    if mime_type := video_type(head):
        return process_video(upload, mime_type)
    if kind := document_kind(head):
        return process_document(upload, kind)
    if head and not image_format(head):
        raise InvalidMedia(NO_TYPE, reason="type")
    return process_image(upload)


def _named_for(mime_type: str, name: str) -> str:
    """Return the name with the extension of the file's type, so that nothing opens it as another."""
    right = EXTENSIONS[mime_type]
    _, dot, extension = name.rpartition(".")
    if dot and extension.lower() in (right, *ALSO.get(right, ())):
        return name
    return clean_filename(f"{name}.{right}")


def _named(kind: str) -> str:
    return {"image": Phrase("an image"), "video": Phrase("a video")}.get(kind, Phrase("a document"))
