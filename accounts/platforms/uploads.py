"""Invisible steps that are done once: each is saved after it, and done again only when the network has dropped it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.platforms.base import Handles, Media, Operation, Save

UPLOADS = "uploads"


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What a network gave for a step, and until when it is good."""

    given: Any
    ends_at: datetime


def upload_missing(
    operation: Operation,
    save: Save,
    steps: Mapping[str, Callable[[], Any]],
    *,
    not_before: datetime | None = None,
) -> Handles:
    """Do the steps that the handles don't know, know from before `not_before`, or know as ended, and return the handles
    with all."""
    handles = dict(operation.handles)
    uploads = dict(handles.get(UPLOADS, {}))
    for key, step in steps.items():
        if key in uploads and _is_good(uploads[key], now=operation.now, not_before=not_before):
            continue
        given = step()
        ends = {"ends_at": given.ends_at.isoformat()} if isinstance(given, Ending) else {}
        given = given.given if isinstance(given, Ending) else given
        uploads[key] = {"given": given, "at": operation.now.isoformat()} | ends
        handles = handles | {UPLOADS: dict(uploads)}
        save(handles)
    return handles


def _is_good(upload: Mapping[str, Any], *, now: datetime, not_before: datetime | None) -> bool:
    if "ends_at" in upload:
        return datetime.fromisoformat(upload["ends_at"]) >= now
    return not_before is not None and datetime.fromisoformat(upload["at"]) >= not_before


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
