"""The stored files of posts: named by us, written whole or not at all, and swept up when no row knows them.

All goes through Django's `default_storage`: a folder on this machine, or whatever store the settings name.
"""

import logging
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from django.core.files import File
from django.core.files.storage import FileSystemStorage, default_storage
from django.utils import timezone

logger = logging.getLogger(__name__)

EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
}
MEDIA, THUMBNAILS, RENDITIONS = "media", "thumbs", "renditions"
RENDITIONS_LIVE = timedelta(hours=48)
"""Twice as long as the addresses that lead to them."""
SWEEP_BATCH = 500


class DurableFileStorage(FileSystemStorage):
    """Files on local disk that are there whole or not at all, after a crash or a power loss too.

    They are readable by the product's own user only.
    """

    def _save(self, name: str, content: File[Any]) -> str:
        target = Path(self.path(name))
        _make_folder(target.parent)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".incoming-")
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
        _sync_folder(target.parent)
        return name


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that each is still there after a power loss."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def new_names(mime_type: str, thumbnail_mime_type: str) -> tuple[str, str]:
    """Return random names for a file and its thumbnail, if it has one; nothing of what the uploader said is in them."""
    return _new_name(MEDIA, mime_type), _new_name(THUMBNAILS, thumbnail_mime_type) if thumbnail_mime_type else ""


def _new_name(folder: str, mime_type: str) -> str:
    token = secrets.token_hex(16)
    return f"{folder}/{token[:2]}/{token}.{EXTENSIONS[mime_type]}"


def rendition_name(digest: str, mime_type: str) -> str:
    """Return the name of a file as one network takes it, made from what tells it from all others."""
    return f"{RENDITIONS}/{digest[:2]}/{digest}.{EXTENSIONS[mime_type]}"


def exists(name: str) -> bool:
    """Whether this file is in the storage."""
    return default_storage.exists(name)


def store_bytes(content: BinaryIO, name: str) -> None:
    """Keep this file under this name; where another was faster, its copy stays."""
    saved = default_storage.save(name, File(content))
    if saved != name:
        remove(saved)


def mime_type_of(name: str) -> str:
    """Return the type under which a stored file is served, by the extension that we gave it."""
    extension = name.rpartition(".")[2]
    known = (mime_type for mime_type, ours in EXTENSIONS.items() if ours == extension)
    return next(known, "application/octet-stream")


def store(path: Path, name: str) -> None:
    """Copy a file into the storage under this name; once it returns, the bytes survive a crash."""
    with path.open("rb") as source:
        saved = default_storage.save(name, File(source))
    if saved != name:
        remove(saved)
        raise FileExistsError(f"{name} is in the storage already.")


def open_stored(name: str) -> File[Any]:
    """Open a stored file for reading; raises FileNotFoundError where there is none."""
    return default_storage.open(name, "rb")


def remove(*names: str) -> None:
    """Remove stored files as far as it goes: what stays behind is left to the sweep."""
    for name in filter(None, names):
        try:
            default_storage.delete(name)
        except Exception:  # each storage raises its own errors, and no caller could do more
            logger.warning("Stored file %s could not be removed", name, exc_info=True)


def sweep_orphans(known: Callable[[list[str]], set[str]], *, older_than: timedelta, now: datetime | None = None) -> int:
    """Remove stored files that no row knows and that are older than this; returns how many.

    `known` is asked about some hundred names at a time, and returns those that rows have. The age leaves uploads alone
    whose row is still to come.
    """
    before = (now or timezone.now()) - older_than
    old = (name for folder in (MEDIA, THUMBNAILS) for name in _files_in(folder) if _is_older(name, before))
    removed = 0
    while batch := list(islice(old, SWEEP_BATCH)):
        orphans = sorted(set(batch) - known(batch))
        remove(*orphans)
        removed += len(orphans)
    return removed + _sweep_renditions((now or timezone.now()) - RENDITIONS_LIVE)


def _sweep_renditions(before: datetime) -> int:
    """Remove what networks pulled: it is made again where it is needed once more."""
    old = [name for name in _files_in(RENDITIONS) if _is_older(name, before)]
    remove(*old)
    return len(old)


def _files_in(folder: str) -> Iterator[str]:
    """Walk a folder of the storage, one listing in memory for each level."""
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    yield from (f"{folder}/{name}" for name in files)
    for name in folders:
        yield from _files_in(f"{folder}/{name}")


def _is_older(name: str, before: datetime) -> bool:
    try:
        return default_storage.get_modified_time(name) < before
    except FileNotFoundError:  # removed since it was listed
        return False
