"""Temporary files of uploads: a full disk is reported as such, and a process that dies leaves none behind."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from posts.media.storage import StorageUnavailable, answering

PREFIX = "ouipost-media-"
LOCKED_WITHIN_SECONDS = 60
"""A folder that was just made may have no lock yet."""


def most_bytes() -> int:
    """Return how large a file of any kind may be."""
    return max(settings.IMAGE_MAX_BYTES, settings.VIDEO_MAX_BYTES, settings.DOCUMENT_MAX_BYTES)


class NamelessFiles(FileUploadHandler):
    """Streams each upload into a file without a name, which is gone when its process is, however that ends.

    Of a larger file than any may be, one byte too many is written, so that whoever looks at it finds it too large.
    Raises StorageUnavailable where the disk takes no more, and PermissionDenied for a form of who may not write posts:
    its CSRF token is looked for, and the form read, before its view can ask who sends it.
    """

    file: "UploadedFile[bytes]"

    def new_file(self, *given: Any, **named: Any) -> None:
        super().new_file(*given, **named)
        if _must_not_be_kept(self.request):
            raise PermissionDenied
        with answering():
            file = tempfile.TemporaryFile()  # noqa: SIM115 - the request closes it
        self.file = UploadedFile(file, self.file_name, self.content_type, 0, self.charset, self.content_type_extra)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        with self._written():
            self.file.write(raw_data[: max(0, most_bytes() + 1 - start)])

    def file_complete(self, file_size: int) -> "UploadedFile[bytes]":
        with self._written():
            self.file.seek(0)
        self.file.size = file_size
        return self.file

    def upload_interrupted(self) -> None:
        self.file.close()

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            with answering():
                yield
        except StorageUnavailable:
            with suppress(OSError):  # there is no room for what is left in its buffer either
                self.file.close()
            raise


def _must_not_be_kept(request: Any) -> bool:
    """Whether a form is of somebody who may not write posts.

    Calls of the API, which are exempt, are read when their key is known.
    """
    view = request and request.resolver_match and request.resolver_match.func
    return view is not None and not getattr(view, "csrf_exempt", False) and not request.user.has_perm("posts.add_post")


@contextmanager
def folder() -> Iterator[Path]:
    """Give a folder that lives as long as the block, and remove those of processes that died in theirs.

    Raises StorageUnavailable where the disk takes no more.
    """
    _remove_abandoned()
    with answering():
        made = tempfile.TemporaryDirectory(prefix=PREFIX)
    with made as name, _locked(name):
        yield Path(name)


def _remove_abandoned() -> None:
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # somebody is at work in it, or it is another user's
            if path.stat().st_mtime < time.time() - LOCKED_WITHIN_SECONDS:
                with _locked(path):
                    shutil.rmtree(path)


@contextmanager
def _locked(path: Path | str) -> Iterator[None]:
    """Hold a lock that the process has as long as it lives; raises OSError where another one has it."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)
