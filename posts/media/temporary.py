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
from django.contrib.auth import get_user
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from posts.media.storage import StorageUnavailable, answering

PREFIX = "ouipost-media-"
LOCKED_WITHIN_SECONDS = 60
"""A folder younger than this may not be locked yet."""


def most_bytes() -> int:
    """Return how large a file of any kind may be."""
    return max(settings.IMAGE_MAX_BYTES, settings.VIDEO_MAX_BYTES, settings.DOCUMENT_MAX_BYTES)


class NamelessFiles(FileUploadHandler):
    """Stream each upload into a file without a name, which vanishes with its process, however that ends.

    Writing stops one byte beyond the limit, so that later checks find the file too large. Raises StorageUnavailable if
    the disk is full, and PermissionDenied if the sender may not write posts: the CSRF check reads the form before the
    view can check permissions.
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
            with suppress(OSError):  # closing flushes the buffer, and there is no room for it either
                self.file.close()
            raise


def _must_not_be_kept(request: Any) -> bool:
    """Return whether the sender of a form may not write posts.

    API calls, which are CSRF-exempt, are read only after their key was checked. The view asks anew who sends the form,
    as `request.user` would be what the user was before the file had come.
    """
    view = request and request.resolver_match and request.resolver_match.func
    if view is None or getattr(view, "csrf_exempt", False):
        return False
    return not get_user(request).has_perm("posts.add_post")


@contextmanager
def folder() -> Iterator[Path]:
    """Give a folder that lives as long as the block, and remove the folders of processes that died.

    Raises StorageUnavailable if the disk is full.
    """
    _remove_abandoned()
    with answering():
        made = tempfile.TemporaryDirectory(prefix=PREFIX)
    with made as name, _locked(name):
        yield Path(name)


def _remove_abandoned() -> None:
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # a live process uses it, or it belongs to another user
            if path.stat().st_mtime < time.time() - LOCKED_WITHIN_SECONDS:
                with _locked(path):
                    shutil.rmtree(path)


@contextmanager
def _locked(path: Path | str) -> Iterator[None]:
    """Hold a lock that ends with the process at the latest; raises OSError if another process has it."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)
