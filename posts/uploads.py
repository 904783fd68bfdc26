"""Reading an upload: its form, its file, and what the file is."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.parsers import DataAndFiles, MultiPartParser

from ouipost.api.inputs import Choice, StrictInput, Text
from posts import files
from posts.images import FileTooLarge, InvalidMedia, clean_filename, process_image
from posts.models import MediaType

FORM_BYTES = 100_000


class UploadParser(MultiPartParser):
    """Reads a multipart form; one that is announced as too large is refused before it is read."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> "DataAndFiles[Any, Any]":
        announced = int((parser_context or {})["request"].META.get("CONTENT_LENGTH") or 0)
        if announced > settings.IMAGE_MAX_BYTES + FORM_BYTES:
            raise FileTooLarge(limit_bytes=settings.IMAGE_MAX_BYTES)
        return super().parse(stream, media_type, parser_context)


class UploadInput(StrictInput):
    """The multipart form that adds a file."""

    file = serializers.FileField(allow_empty_file=True)
    type = Choice(choices=MediaType.values, required=False)
    alt_text = Text(required=False, allow_blank=True, max_length=2000)


@contextmanager
def stored(values: Mapping[str, Any]) -> Iterator[files.Stored]:
    """Look into an upload and keep what it is; the bytes go again where the block gives them no row."""
    upload = values["file"]
    with process_image(upload) as image:
        if values.get("type", MediaType.IMAGE) != MediaType.IMAGE:
            raise InvalidMedia(f"The file is an image, not a {values['type']}.", reason="type")
        kept = files.keep(image, filename=clean_filename(upload.name or ""))
    try:
        yield kept
    finally:
        files.discard_unused(kept)
