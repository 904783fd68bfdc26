"""Videos and documents made for tests."""

import io
import os
import struct
import sys
import zipfile
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from random import Random
from typing import Any

import av
import pypdf

CONTENT_TYPES = (
    '<Types><Override PartName="/{part}" ContentType="application/vnd.openxmlformats-officedocument.{kind}.main+xml"/>'
    "</Types>"
)


@cache
def clip(
    container: str = "mp4",
    *,
    seconds: int = 2,
    size: tuple[int, int] = (320, 240),
    fps: int = 25,
    codec: str = "libx264",
    sound: bool = True,
    noisy: bool = False,
    tag: str = "",
    pixels: str = "yuv420p",
    pixel_ratio: Fraction = Fraction(1),
    metadata: tuple[tuple[str, str], ...] = (),
    options: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """Return a video of grey frames, with a sound track that is silent or fills the file; `options` are those of its
    container."""
    buffer = io.BytesIO()
    given = dict(options) | ({"movflags": "use_metadata_tags"} if metadata else {})
    with _usual_priority(), av.open(buffer, "w", format=container, options=given) as target:
        target.metadata.update(dict(metadata))
        picture: Any = target.add_stream(codec, rate=fps)
        picture.codec_context.codec_tag = tag or picture.codec_context.codec_tag
        picture.width, picture.height, picture.pix_fmt = *size, pixels
        picture.codec_context.sample_aspect_ratio = pixel_ratio
        track: Any = target.add_stream("libopus" if container == "webm" else "aac", rate=48_000) if sound else None
        target.mux([packet for frame in _frames(size, seconds * fps) for packet in picture.encode(frame)])
        target.mux(picture.encode())
        if track:
            target.mux([packet for frame in sounding(track, seconds, noisy=noisy) for packet in track.encode(frame)])
            target.mux(track.encode())
    return buffer.getvalue()


@contextmanager
def _usual_priority() -> Iterator[None]:
    """Undo what SVT-AV1 does where root runs it: it makes this process, and so all that it starts, real-time.

    Two such processes that wait for each other in the kernel let nothing else run on two cores, for good.
    """
    try:
        yield
    finally:
        if sys.platform == "linux":
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def _frames(size: tuple[int, int], count: int) -> Iterator[av.VideoFrame]:
    frame = av.VideoFrame(*size, "yuv420p")
    for plane in frame.planes:
        plane.update(b"\x80" * plane.buffer_size)
    for number in range(count):
        frame.pts = number
        yield frame


def silence(track: Any, seconds: int) -> Iterator[av.AudioFrame]:
    """Give the frames of a silent track."""
    return sounding(track, seconds, noisy=False)


def sounding(track: Any, seconds: int, *, noisy: bool) -> Iterator[av.AudioFrame]:
    """Give the frames of a track of noise, which hardly compresses, or of silence."""
    samples = 960 if track.codec_context.name == "libopus" else 1024
    random = Random(0)
    noise = array("f", (random.uniform(-0.5, 0.5) for _ in range(samples * 2))).tobytes()
    for start in range(0, seconds * 48_000, samples):
        frame = av.AudioFrame(format="fltp", layout="stereo", samples=samples)
        frame.sample_rate, frame.pts = 48_000, start
        for plane in frame.planes:
            plane.update(noise[: plane.buffer_size] if noisy else bytes(plane.buffer_size))
        yield frame


def turned(video: bytes) -> bytes:
    """Return an MP4 whose picture is to be shown turned by 90 degrees, as phones make them."""
    upright = bytes.fromhex("00010000 00000000 00000000 00000000 00010000 00000000 00000000 00000000 40000000")
    sideways = bytes.fromhex("00000000 00010000 00000000 ffff0000 00000000 00000000 00000000 00000000 40000000")
    header = video.index(b"tkhd")  # the picture's track comes first
    start = video.index(upright, header)
    return video[:start] + sideways + video[start + len(upright) :]


def trimmed(video: bytes, *, start: float = 0, seconds: float) -> bytes:
    """Return an MP4 trimmed without re-encoding, as some editors do: all is still in it, and an edit list limits it.

    Both tracks show so many seconds of their content.
    """
    kept, at = bytearray(video), video.find(b"elst")
    while at >= 0:
        scale = struct.unpack_from(">I", video, video.index(b"mdhd", at) + 16)[0]
        begun = struct.unpack_from(">i", video, at + 16)[0] + int(start * scale)
        struct.pack_into(">Ii", kept, at + 12, int(seconds * 1000), begun)
        at = video.find(b"elst", at + 4)
    return bytes(kept)


def pdf(pages: int = 2, *, password: str = "", attached: bytes = b"") -> bytes:
    """Return a PDF of empty pages."""
    writer = pypdf.PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(200, 100)
    if attached:
        writer.add_attachment("virus.exe", attached)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    return _written(writer)


def _written(writer: pypdf.PdfWriter) -> bytes:
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def office(kind: str = "docx", more: Mapping[str, str | bytes] | None = None, *, slides: int = 0) -> bytes:
    """Return a DOCX or PPTX with these parts besides."""
    part = {"docx": "word/document.xml", "pptx": "ppt/presentation.xml"}[kind]
    name = {"docx": "wordprocessingml.document", "pptx": "presentationml.presentation"}[kind]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("[Content_Types].xml", CONTENT_TYPES.format(part=part, kind=name))
        archive.writestr(part, "<x/>")
        for number in range(slides):
            archive.writestr(f"ppt/slides/slide{number + 1}.xml", "<x/>")
        for path, content in (more or {}).items():
            archive.writestr(path, content)
    return buffer.getvalue()
