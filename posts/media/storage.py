"""The stored files of posts: named by us, written completely or not at all, and removed when no row refers to them.

All access goes through Django's `default_storage`: a folder on this machine, or the store that the settings name.
"""

import hashlib
import io
import logging
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from django.core.exceptions import SuspiciousFileOperation
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage

from ouipost import folders
from ouipost.errors import DomainError
from ouipost.phrases import Phrase

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
MIME_TYPES = {extension: mime_type for mime_type, extension in EXTENSIONS.items()}
MEDIA, THUMBNAILS, RENDITIONS, TRIALS = "media", "thumbs", "renditions", "health"
YOUNG = timedelta(hours=1)
"""Younger files are not removed for lack of a row: a file is older than its row by as long as its upload takes."""
RENDITIONS_LIVE = timedelta(hours=48)
"""Twice as long as the addresses that lead to them."""
SWEEP_BATCH = 500
LONG_AGO = datetime.min.replace(tzinfo=UTC)
UNAVAILABLE_SECONDS = 10


class StorageUnavailable(DomainError):
    """The disk or the object store fails; `reason` says why in a sentence, for the operator only."""

    code = "SERVICE_UNAVAILABLE"
    status = 503
    message = Phrase("Files can be neither stored nor read at the moment. Try again.")

    def __init__(self, *, reason: str) -> None:
        super().__init__(component="storage", retry_after=UNAVAILABLE_SECONDS)
        self.reason = f"{reason.rstrip(' .:')}."  # a system's text may be no sentence; addresses are in quotes
        logger.warning("The storage of files failed: %s", self.reason)


class Store(Protocol):
    """The methods that we need of a storage beyond Django's interface."""

    def prepare(self) -> bool:
        """Create the container of the files if there is none; returns whether it was created."""

    def walk(self, folder: str) -> Iterator[tuple[str, datetime]]:
        """Give the name and time of each file below a folder; our own folders come in order of name."""

    def discard_unfinished(self, folder: str, before: datetime) -> None:
        """Remove the remains of writes that broke off before this and are no files yet."""


class DurableFileStorage(FileSystemStorage):
    """Files on local disk that are complete or not there at all, even after a crash or a power loss.

    They are readable by the product's own user only.
    """

    def prepare(self) -> bool:
        """Do nothing: writing the first file creates its folders."""
        return False

    def walk(self, folder: str) -> Iterator[tuple[str, datetime]]:
        """Give the name and time of each file below a folder, one listing in memory for each level."""
        try:
            inner, files = self.listdir(folder)
        except FileNotFoundError:
            return
        for name in (f"{folder}/{file}" for file in sorted(files)):
            with suppress(FileNotFoundError):  # removed since it was listed
                yield name, datetime.fromtimestamp(os.stat(self.path(name)).st_mtime, tz=UTC)
        for name in sorted(inner):
            yield from self.walk(f"{folder}/{name}")

    def discard_unfinished(self, folder: str, before: datetime) -> None:
        """Do nothing: a broken write leaves an ordinary file on disk, which the sweep removes."""

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        raw = DiskFile(self.path(name))
        file = File(io.BufferedReader(raw), name=name)
        file.size = os.fstat(raw.fileno()).st_size
        return file

    def _save(self, name: str, content: File[Any]) -> str:
        target = Path(self.path(name))
        folders.make(target.parent)
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
        folders.sync(target.parent)
        return name


class DiskFile(io.FileIO):
    """A file on disk to read; errors while it is read are the storage's, as at an object store."""

    def readinto(self, buffer: Any) -> int:
        with answering():
            return super().readinto(buffer)

    def readall(self) -> bytes:
        with answering():
            return super().readall()


def new_names(mime_type: str, thumbnail_mime_type: str) -> tuple[str, str]:
    """Return random names for a file and its thumbnail, if it has one; nothing in them comes from the uploader."""
    return _new_name(MEDIA, mime_type), _new_name(THUMBNAILS, thumbnail_mime_type) if thumbnail_mime_type else ""


def _new_name(folder: str, mime_type: str) -> str:
    token = secrets.token_hex(16)
    return f"{folder}/{token[:2]}/{token}.{EXTENSIONS[mime_type]}"


def rendition_name(pk: str, shape: str) -> str:
    """Return the name of the JPEG of this shape made from a file; the same shape gives the same name."""
    return f"{_renditions_of(pk)}-{_digest(f'{pk} {shape}')}.jpg"


def _renditions_of(pk: str) -> str:
    """Return the prefix of the names of all JPEGs made from a file; nobody can guess one from another."""
    whose = _digest(pk)
    return f"{RENDITIONS}/{whose[:2]}/{whose}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def remove_renditions(pks: Iterable[str]) -> None:
    """Remove the images made from these files for networks; any that cannot be removed are left to the sweep."""
    try:
        for beginning in map(_renditions_of, pks):
            folder = beginning.rpartition("/")[0]
            remove(*[name for name, _ in list(_store().walk(folder)) if name.startswith(beginning)])
    except (OSError, StorageUnavailable):
        logger.warning("What was made of removed files is left to the sweep", exc_info=True)


@contextmanager
def answering() -> Iterator[None]:
    """Turn a disk's errors into StorageUnavailable, but a path outside the storage into FileNotFoundError."""
    try:
        yield
    except FileNotFoundError:
        raise
    except SuspiciousFileOperation as error:
        raise FileNotFoundError(str(error)) from error
    except OSError as error:
        raise StorageUnavailable(reason=str(error)) from error


def prepare() -> bool:
    """Create the bucket if there is none; returns whether it was created. Raises StorageUnavailable."""
    return _store().prepare()


def _store() -> Store:
    return cast("Store", default_storage)


@answering()
def exists(name: str) -> bool:
    """Return whether this file is in the storage; raises StorageUnavailable."""
    try:
        return default_storage.exists(name)
    except SuspiciousFileOperation:  # a row may have a name that leads elsewhere
        return False


@answering()
def size_of(name: str) -> int:
    """Return the size of a stored file; raises StorageUnavailable, and FileNotFoundError if there is none."""
    return default_storage.size(name)


@answering()
def store_bytes(content: BinaryIO, name: str) -> None:
    """Store this file under this name; if another process was faster, its copy stays. Raises StorageUnavailable."""
    saved = default_storage.save(name, File(content))
    if saved != name:
        remove(saved)


def mime_type_of(name: str) -> str:
    """Return the type under which a stored file is served, by the extension that we gave it."""
    return MIME_TYPES.get(name.rpartition(".")[2], "application/octet-stream")


def store(path: Path, name: str) -> None:
    """Copy a file into the storage under this name; once it returns, the bytes survive a crash.

    Raises StorageUnavailable, and FileExistsError if the name is taken.
    """
    with answering(), path.open("rb") as source:
        saved = default_storage.save(name, File(source))
    if saved != name:
        remove(saved)
        raise FileExistsError(f"{name} is in the storage already.")


@answering()
def open_stored(name: str) -> File[Any]:
    """Open a stored file for reading; raises StorageUnavailable, and FileNotFoundError if there is none.

    Reading the file may raise StorageUnavailable, too.
    """
    return default_storage.open(name, "rb")


def remove(*names: str) -> None:
    """Remove stored files; any that cannot be removed are left to the sweep."""
    for name in filter(None, names):
        try:
            default_storage.delete(name)
        except StorageUnavailable:  # the next would fail as well, after a wait each
            return
        except Exception:  # each storage raises its own errors, and no caller could do more
            logger.warning("Stored file %s could not be removed", name, exc_info=True)


@answering()
def try_out(content: bytes) -> None:
    """Write, read and remove a file with this in it; raises StorageUnavailable."""
    with trial(content) as name, default_storage.open(name) as file:
        if file.read() != content:
            raise OSError("What was written was not there.")


@answering()
def clock() -> datetime:
    """Return the storage's own time, by which it dates a new file; raises StorageUnavailable."""
    with trial(b"") as name:
        return default_storage.get_modified_time(name)


@contextmanager
def trial(content: bytes, *, extension: str = "") -> Iterator[str]:
    """Give the name of a file with this in it, which is removed at the end; raises StorageUnavailable."""
    with answering():
        name = default_storage.save(f"{TRIALS}/{secrets.token_hex(16)}{extension}", ContentFile(content))
    try:
        yield name
    finally:
        with answering():
            default_storage.delete(name)


def sweep_orphans(
    known: Callable[[list[str]], set[str]],
    *,
    oldest: timedelta | None = None,
    is_ending: Callable[[], bool] = lambda: False,
) -> int:
    """Remove stored files that no row knows and that are no longer young, until `is_ending`; returns how many.

    Files of posts that are older than `oldest` are left alone. `known` gets some hundred names at a time, and returns
    those that rows have. Ages are measured by the storage's own clock. Raises StorageUnavailable.
    """
    now, removed = clock(), 0
    since = now - oldest if oldest is not None else LONG_AGO
    for folder in (MEDIA, THUMBNAILS):
        removed += _sweep(folder, known, since=since, before=now - YOUNG, is_ending=is_ending)
    for folder in (RENDITIONS, TRIALS):  # made again where one is needed once more
        removed += _sweep(folder, lambda names: set(), before=now - RENDITIONS_LIVE, is_ending=is_ending)
    return removed


def absent(wanted: Iterable[str], *, is_ending: Callable[[], bool] = lambda: False) -> Iterator[str]:
    """Give the names, of these in order, that have no file in the storage; looks for no more of them once `is_ending`.

    Raises StorageUnavailable.
    """
    stored = (name for name, _ in _store().walk(MEDIA))
    here = next(stored, None)
    for name in wanted:
        while here is not None and here < name and not is_ending():
            here = next(stored, None)
        if is_ending():
            return
        if here != name:
            yield name


def _sweep(
    folder: str,
    known: Callable[[list[str]], set[str]],
    *,
    before: datetime,
    is_ending: Callable[[], bool],
    since: datetime = LONG_AGO,
) -> int:
    if is_ending():
        return 0
    _store().discard_unfinished(folder, before)
    old = (name for name, modified in _store().walk(folder) if since <= modified < before)
    removed = 0
    while not is_ending() and (batch := list(islice(old, SWEEP_BATCH))):
        orphans = sorted(set(batch) - known(batch))
        remove(*orphans)
        removed += len(orphans)
    return removed
