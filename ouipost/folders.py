"""Folders for keys, rows and files: they survive a power loss, and only the product's own user may open them."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def make(folder: Path) -> None:
    """Make a folder and the missing ones above it; raises OSError.

    Made by root, as by a command, it gets the owner of the folder above: the product must be able to write there.
    """
    if folder.is_dir():
        return
    make(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    above = folder.parent.stat()
    with suppress(PermissionError):
        os.chown(folder, above.st_uid, above.st_gid)
    sync(folder.parent)


def sync(folder: Path) -> None:
    """Return once the names in a folder survive a power loss; raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_file(file: Path, text: str) -> None:
    """Write a file whole or not at all, which only its owner can read; raises OSError.

    Others see the old text or the new one. Which of the two survives a power loss is not certain.
    """
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "w") as new:
            new.write(text)
        os.replace(temporary, file)
    except OSError:
        os.unlink(temporary)  # even a full disk lets a file be created
        raise
