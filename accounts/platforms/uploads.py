"""Uploads in steps: each is saved after it, and done again only when the network has dropped it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from accounts.platforms.base import Handles, Media, Operation, Save, Unavailable
from accounts.platforms.http import dig
from ouipost.phrases import Phrase

UPLOADS = "uploads"
GIVEN, SENT = "given", "sent"


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
    """Return what the network gave for this step."""
    return handles[UPLOADS][key][GIVEN]


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some bytes of a file."""

    start: int
    content: bytes
    total: int
    """How many the file has."""

    @property
    def end(self) -> int:
        """Return where the next part begins."""
        return self.start + len(self.content)

    @property
    def content_range(self) -> str:
        """Return which bytes these are, as the header of this name has it."""
        return f"bytes {self.start}-{self.end - 1}/{self.total}"


class Progress:
    """How far an upload is, at this path of the handles: what the network gave for it, and, of a file that is sent part
    by part, how many bytes it has, as `sent`. Every change is saved: the next try goes on from there."""

    def __init__(self, handles: Handles, save: Save, *path: str) -> None:
        self._others, self._save, self._path = handles, save, path
        self.state: Handles = dig(handles, *path) or {}

    @property
    def handles(self) -> Handles:
        return _placed(self.state, self._others, *self._path)

    def is_good(self, *, now: datetime, not_before: datetime | None = None) -> bool:
        """Whether the network still has it: until the end that it has named, else where it is from `not_before` on."""
        if "ends_at" in self.state:
            return datetime.fromisoformat(self.state["ends_at"]) >= now
        return not_before is not None and "at" in self.state and datetime.fromisoformat(self.state["at"]) >= not_before

    def keep(self, changes: Handles, *, seconds: float = 0) -> None:
        """Save the state with these changes; `seconds` is as `Save` has it."""
        self.begin({**self.state, **changes}, seconds=seconds)

    def begin(self, state: Handles, *, seconds: float = 0) -> None:
        """Save this state in place of the one before."""
        self.state = state
        self._save(self.handles, seconds=seconds)

    def forget(self) -> None:
        self.begin({})

    def parts(self, media: Media, end_of: Callable[[int], int]) -> Iterator[Part]:
        """Give what the network does not have of a file, part by part, until none ends behind its beginning.

        Each begins at what is kept as `sent` by then, for a network may take less than a part, or lose some; and ends
        where `end_of` says, or with the file. Raises Unavailable where `sent` comes no further.
        """
        with media.open() as file:
            while (end := min(end_of(start := self.state[SENT]), media.size)) > start:
                yield _read(file, media, start, end)
                self.require_further(start)

    def require_further(self, start: int) -> None:
        """Raise Unavailable where the network has no more than this many bytes after a part from there on."""
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
    """Return the handles with this state at the path; nothing is kept of an empty one."""
    if not path:
        return dict(state)
    name, *rest = path
    inner = _placed(state, handles.get(name, {}), *rest)
    return {key: value for key, value in handles.items() if key != name} | ({name: inner} if inner else {})
