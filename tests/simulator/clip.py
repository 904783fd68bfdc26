"""Small films for uploads, encoded here."""

import io
from fractions import Fraction
from functools import cache

import av
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

RATE = 48_000
FAST = {codec: {"preset": "ultrafast"} for codec in ("libx264", "libx265")}
"""For a still picture, nothing is won by looking for how to say it in fewer bytes."""


@cache
def film(
    width: int = 64,
    height: int = 64,
    *,
    seconds: float = 1,
    fps: int = 10,
    codec: str = "libx264",
    audio: str = "aac",
    sample_rate: int = RATE,
    layout: str = "stereo",
    container: str = "mp4",
    index_first: bool = True,
) -> bytes:
    """Return a video file of one colour, with silence where it has sound."""
    buffer = io.BytesIO()
    options = {"moov_size": "300000"} if index_first and container in ("mp4", "mov") else {}
    with av.open(buffer, "w", format=container, options=options) as output:
        pictures = output.add_stream(codec, rate=fps)
        assert isinstance(pictures, VideoStream)
        pictures.width, pictures.height, pictures.pix_fmt = width, height, "yuv420p"
        sound = output.add_stream(audio, rate=sample_rate, layout=layout) if audio else None
        for number in range(max(int(seconds * fps), 1)):
            frame = av.VideoFrame(width, height, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.pts, frame.time_base = number, Fraction(1, fps)
            output.mux(pictures.encode(frame))
        output.mux(pictures.encode(None))
        if sound is not None:
            assert isinstance(sound, AudioStream)
            _silence(output, sound, seconds, layout)
    return buffer.getvalue()


def _silence(output: av.container.OutputContainer, sound: AudioStream, seconds: float, layout: str) -> None:
    for number in range(max(int(seconds * sound.rate) // 1024, 1)):
        frame = av.AudioFrame("fltp", layout, 1024)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate, frame.pts = sound.rate, number * 1024
        output.mux(sound.encode(frame))
    output.mux(sound.encode(None))


@cache
def clip(
    *, seconds: float = 1, width: int = 360, height: int = 640, fps: int = 30, codec: str = "mpeg4", kind: str = "mp4"
) -> bytes:
    """Return a video file; still pictures, so that a minute of it is small."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=fps, options=FAST.get(codec, {}))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, fps)
        stream.codec_context.thread_count = 1  # the threads of libvpx spin: half a minute where two cores are busy
        frame = av.VideoFrame(width, height, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        for number in range(int(seconds * fps)):
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()
