"""A video as another file: the same to every player, with other bytes."""

import io
import struct
from dataclasses import replace
from typing import Any, BinaryIO

from accounts.platforms.shapes import Media


def variant(video: Media, name: str) -> Media:
    """Return an MP4 file with a box `free` behind it that has this name; players skip it (ISO/IEC 14496-12, 8.1.2)."""
    content = name.encode()
    box = struct.pack(">I4s", 8 + len(content), b"free") + content
    return replace(video, size=video.size + len(box), open=lambda: _opened(video, box))


def _opened(video: Media, behind: bytes) -> BinaryIO:
    return io.BufferedReader(Lengthened(video.open(), video.size, behind))


class Lengthened(io.RawIOBase):
    """A file of this size with some bytes behind it."""

    def __init__(self, file: BinaryIO, size: int, behind: bytes) -> None:
        self._file, self._size, self._behind, self._at = file, size, behind, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        end = self._size + len(self._behind)
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: end}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        block = self._next(len(buffer))
        buffer[: len(block)] = block
        self._at += len(block)
        return len(block)

    def _next(self, most: int) -> bytes:
        if self._at >= self._size:
            start = self._at - self._size
            return self._behind[start : start + most]
        self._file.seek(self._at)
        return self._file.read(min(most, self._size - self._at))

    def close(self) -> None:
        self._file.close()
        super().close()
