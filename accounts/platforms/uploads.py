"""Invisible steps that are done once: each is saved after it, and done again only when the network has dropped it."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from accounts.platforms.base import Handles, Media, Operation, Save

UPLOADS = "uploads"


def upload_missing(
    operation: Operation,
    save: Save,
    steps: Mapping[str, Callable[[], Any]],
    *,
    not_before: datetime,
) -> Handles:
    """Do the steps that the handles don't know, or know from before `not_before`, and return the handles with all."""
    handles = dict(operation.handles)
    uploads = dict(handles.get(UPLOADS, {}))
    for key, step in steps.items():
        if key in uploads and datetime.fromisoformat(uploads[key]["at"]) >= not_before:
            continue
        uploads[key] = {"given": step(), "at": operation.now.isoformat()}
        handles = handles | {UPLOADS: dict(uploads)}
        save(handles)
    return handles


def uploaded(handles: Handles, key: str) -> Any:
    """Return what the network gave for this step."""
    return handles[UPLOADS][key]["given"]


def pieces(media: Media, size: int, *, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Give a file from this byte on in pieces of at most `size` bytes, each with the offset of its first byte."""
    with media.open() as file:
        file.seek(start)
        while piece := file.read(size):
            yield start, piece
            start += len(piece)
