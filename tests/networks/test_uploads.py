"""What an upload keeps of how far it is, whatever the network."""

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from accounts.platforms.errors import Unavailable
from accounts.platforms.shapes import Handles, Media
from accounts.platforms.uploads import SENT, Part, Progress, part_of
from tests.networks.platform_case import make_video, no_save

FILM = make_video(content=b"0123456789")


def begun(sent: int = 0) -> Progress:
    return Progress({SENT: sent}, no_save)


def send(progress: Progress, arrives: Callable[[Part], int], media: Media = FILM) -> list[Part]:
    """Send the file in parts of four bytes, of each of which the network has as much as `arrives` says."""
    parts = []
    for part in progress.parts(media, lambda start: start + 4):
        parts.append(part)
        progress.keep({SENT: arrives(part)})
    return parts


@pytest.mark.parametrize(
    ("sent", "parts"),
    [(0, [(0, b"0123"), (4, b"4567"), (8, b"89")]), (5, [(5, b"5678"), (9, b"9")]), (10, [])],
)
def test_a_file_is_sent_from_where_the_network_is_to_its_end(sent: int, parts: list[tuple[int, bytes]]) -> None:
    given = send(begun(sent), lambda part: part.end)

    assert [(part.start, part.content) for part in given] == parts


def test_a_part_that_arrived_only_to_some_byte_is_completed() -> None:
    given = send(begun(), lambda part: part.end if part.start else 3)

    assert [part.content for part in given] == [b"0123", b"3456", b"789"]


@pytest.mark.parametrize("told", [4, 0])
def test_a_network_that_comes_no_further_is_asked_again_later_from_where_it_then_is(told: int) -> None:
    progress = begun(4)

    with pytest.raises(Unavailable):
        send(progress, lambda _: told)

    assert progress.state == {SENT: told}


def test_a_file_that_has_become_shorter_is_not_sent_for_ever() -> None:
    cut = replace(FILM, open=lambda: io.BytesIO(b"01234"))

    with pytest.raises(Unavailable):
        send(begun(), lambda part: part.end, cut)


def test_no_more_of_a_file_is_in_memory_than_a_part() -> None:
    class Watched(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert 0 < size <= 4
            return super().read(size)

    assert len(send(begun(), lambda part: part.end, replace(FILM, open=lambda: Watched(b"0123456789")))) == 3


def test_a_part_tells_which_bytes_of_how_many_it_is() -> None:
    part = part_of(FILM, 4, 8)

    assert part == Part(start=4, content=b"4567", total=10)
    assert part.content_range == "bytes 4-7/10"


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ((), {"sent": 4}),
        (("film",), {"other": 1, "film": {"sent": 4}}),
        (("uploads", "film"), {"other": 1, "uploads": {"image": {}, "film": {"sent": 4}}}),
    ],
)
def test_what_is_kept_stands_in_its_place_and_leaves_the_rest_as_it_is(path: tuple[str, ...], kept: Any) -> None:
    saved: list[tuple[Handles, float]] = []
    before = {"other": 1, "uploads": {"image": {}}} if len(path) == 2 else {"other": 1} if path else {}
    progress = Progress(before, lambda handles, *, seconds=0: saved.append((handles, seconds)), *path)

    progress.keep({SENT: 4}, seconds=60)
    progress.forget()

    assert saved == [(kept, 60), (before, 0)]
    assert progress.handles == before
