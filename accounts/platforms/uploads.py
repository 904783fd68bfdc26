"""Uploads in steps: each step is saved, and repeated only if the network has dropped its result."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from accounts.platforms.base import Save
from accounts.platforms.errors import Unavailable
from accounts.platforms.http import dig
from accounts.platforms.shapes import Handles, Media, Operation
from ouipost.phrases import Phrase

UPLOADS = "uploads"
GIVEN, SENT = "given", "sent"


@dataclass(frozen=True, kw_only=True)
class Ending:
    """A network's result of a step, and the time until which it is valid."""

    given: Any
    ends_at: datetime


def upload_missing(
    operation: Operation,
    save: Save,
    steps: Mapping[str, Callable[[], Any]],
    *,
    not_before: datetime | None = None,
) -> Handles:
    """Do the steps whose results are missing, older than `not_before`, or ended, and return all handles."""
    handles = operation.handles
    for key, step in steps.items():
        progress = Progress(handles, save, UPLOADS, key)
        if not progress.is_good(now=operation.now, not_before=not_before):
            given = step()
            ends = {"ends_at": given.ends_at.isoformat()} if isinstance(given, Ending) else {}
            given = given.given if isinstance(given, Ending) else given
            progress.begin({GIVEN: given, "at": operation.now.isoformat()} | ends)
        handles = progress.handles
    return handles


def uploaded(handles: Handles, key: str) -> Any:
    """Return the network's result of this step."""
    return handles[UPLOADS][key][GIVEN]


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some bytes of a file."""

    start: int
    content: bytes
    total: int
    """Size of the whole file."""

    @property
    def end(self) -> int:
        """Return the start of the next part."""
        return self.start + len(self.content)

    @property
    def content_range(self) -> str:
        """Return the value of the Content-Range header."""
        return f"bytes {self.start}-{self.end - 1}/{self.total}"


class Progress:
    """The state of an upload at this path of the handles: the network's result, and the bytes `sent` of a chunked file.

    Every change is saved, so that the next try continues from there.
    """

    def __init__(self, handles: Handles, save: Save, *path: str) -> None:
        self._others, self._save, self._path = handles, save, path
        self.state: Handles = dig(handles, *path) or {}

    @property
    def handles(self) -> Handles:
        return _placed(self.state, self._others, *self._path)

    def is_good(self, *, now: datetime, not_before: datetime | None = None) -> bool:
        """Whether the result is still valid: until the end that the network named, else if not before `not_before`."""
        if "ends_at" in self.state:
            return datetime.fromisoformat(self.state["ends_at"]) >= now
        return not_before is not None and "at" in self.state and datetime.fromisoformat(self.state["at"]) >= not_before

    def keep(self, changes: Handles, *, seconds: float = 0) -> None:
        """Save the state with these changes; `seconds` is as in `Save`."""
        self.begin({**self.state, **changes}, seconds=seconds)

    def begin(self, state: Handles, *, seconds: float = 0) -> None:
        """Save this state in place of the one before."""
        self.state = state
        self._save(self.handles, seconds=seconds)

    def forget(self) -> None:
        self.begin({})

    def parts(self, media: Media, end_of: Callable[[int], int]) -> Iterator[Part]:
        """Yield the bytes that the network does not have, part by part, until a part would be empty.

        Each part begins at the present `sent`, since a network may take less than a part, or lose some, and ends at
        `end_of` its start, or with the file. Raises Unavailable if `sent` does not grow.
        """
        with media.open() as file:
            while (end := min(end_of(start := self.state[SENT]), media.size)) > start:
                yield _read(file, media, start, end)
                self.require_further(start)

    def require_further(self, start: int) -> None:
        """Raise Unavailable if the network has no more than `start` bytes after a part that began there."""
        if self.state[SENT] <= start:
            raise Unavailable(Phrase("The network does not take the next part of the file."))


def part_of(media: Media, start: int, end: int) -> Part:
    """Read these bytes of a file."""
    with media.open() as file:
        return _read(file, media, start, end)


def _read(file: BinaryIO, media: Media, start: int, end: int) -> Part:
    file.seek(start)
    return Part(start=start, content=file.read(end - start), total=media.size)


def _placed(state: Handles, handles: Handles, *path: str) -> Handles:
    """Return the handles with this state at the path; an empty state is left out."""
    if not path:
        return dict(state)
    name, *rest = path
    inner = _placed(state, handles.get(name, {}), *rest)
    return {key: value for key, value in handles.items() if key != name} | ({name: inner} if inner else {})
