"""The facts of a video file that networks check, read by FFmpeg's libraries."""

import io
from dataclasses import dataclass
from typing import IO

CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2": "video/mp4", "matroska,webm": "video/webm"}
"""FFmpeg's names of the accepted containers; a file of any other is no video here."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """The facts of a video file; its sides are as shown, after rotation and with square pixels."""

    mime: str
    video_codec: str
    audio_codec: str
    """The codec of the sound; empty without sound."""
    sample_rate: int
    """The sample rate in hertz; 0 without sound."""
    channels: int
    pixels: str
    """FFmpeg's name of its pixel format."""
    width: int
    height: int
    seconds: float
    """The length to the millisecond; sound comes in frames of its own, and may end after the last picture."""
    fps: float
    """The average frame rate to a tenth, as cameras are not quite regular."""

    @property
    def is_usual(self) -> bool:
        """Return whether its chroma subsampling is 4:2:0 or coarser, as most players need it."""
        return not any(each in self.pixels for each in ("422", "444", "gbr", "rgb"))

    @property
    def ratio(self) -> float:
        """Return width by height."""
        return self.width / self.height


def look_at_clip(content: bytes | IO[bytes]) -> Clip | None:
    """Return the facts of a video, after decoding its first frame; None if it cannot be opened as a video."""
    import av  # 20 MiB with FFmpeg, which a sandbox without videos does not need

    source = io.BytesIO(content) if isinstance(content, bytes) else content
    try:
        with av.open(source, mode="r", options={"protocol_whitelist": "file"}) as container:
            name = container.format.name
            if name not in CONTAINERS or not container.streams.video:
                return None
            stream = container.streams.video[0]
            frame = next(container.decode(stream))
            turned = abs(frame.rotation) in (90, 270)
            width, height = round(frame.width * (stream.sample_aspect_ratio or 1)), frame.height
            sides = (height, width) if turned else (width, height)
            sound = container.streams.audio[0].codec_context if container.streams.audio else None
            return Clip(
                mime=_mime(name, container.metadata.get("major_brand", "")),
                video_codec=stream.codec_context.name,
                audio_codec=sound.name if sound else "",
                sample_rate=sound.sample_rate if sound else 0,
                channels=sound.channels if sound else 0,
                pixels=frame.format.name,
                width=sides[0],
                height=sides[1],
                seconds=round((container.duration or 0) / av.time_base, 3),
                fps=round(float(stream.average_rate or 0), 1),
            )
    except (av.error.FFmpegError, StopIteration, ValueError, OSError, EOFError):
        return None


def begins_with_its_index(content: bytes) -> bool:
    """Return whether an MP4 or MOV has its index (moov) before its pictures, as needed for streaming."""
    at = 0
    while at + 8 <= len(content):
        size, name = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8]
        if name in (b"moov", b"mdat"):
            return name == b"moov"
        at += max(size if size != 1 else int.from_bytes(content[at + 8 : at + 16]), 8)
    return False


def _mime(container: str, brand: str) -> str:
    return "video/quicktime" if brand.strip() == "qt" else CONTAINERS[container]
