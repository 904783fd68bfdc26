"""Check one video in a process of its own and copy only its picture and sound, without re-encoding.

`videos.py` runs this file as a script. It imports nothing of the product but `child.py`.
Only local bytes are read: the container's format is fixed, so that no playlist can make FFmpeg fetch addresses.
"""

import errno
import resource
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import av
from PIL import Image

from posts.media.child import MEBIBYTE, Refused, address_space, answered, limit, main

MEMORY = 512 * MEBIBYTE
CPU_SECONDS = 60
THUMBNAIL_SIDE = 400
THUMBNAIL_AT = 1.0
"""Seconds into the video: the first frame is often black."""
MAX_SIDE = 8192
MAX_TRACKS = 64
VIDEO_CODECS = ("h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "prores")
AUDIO_CODECS = ("aac", "mp3", "opus", "vorbis", "ac3", "eac3", "pcm_s16le", "alac", "flac")
MUXERS = {"video/mp4": "mp4", "video/quicktime": "mov", "video/webm": "webm"}
DEMUXERS = {"video/mp4": "mov", "video/quicktime": "mov", "video/webm": "matroska"}
IN_EITHER = (("h264", "hevc"), ("", "aac"))
"""Codecs of a MOV that is written as an MP4: phones record MOVs with these, and some networks take no MOV."""
CHROMA = {(2, 2): "4:2:0", (2, 4): "4:2:2", (4, 4): "4:4:4"}
"""Chroma subsampling by the number of colour samples for four pixels, across and down."""
KEPT_TAGS = ("hvc1", "apco", "apcs", "apcn", "apch", "ap4h", "ap4x")
"""Codec tags that players depend on: Apple's players reject HEVC tagged hev1, and each kind of ProRes has its own."""
DECODERS = (*VIDEO_CODECS, *AUDIO_CODECS, "libdav1d", "libvpx", "libvpx-vp9", "mp3float")
"""The allowed decoders: FFmpeg probes every track before we choose two, and can decode hundreds of formats."""
OPTIONS = {"protocol_whitelist": "file", "codec_whitelist": ",".join(DECODERS), "max_streams": str(MAX_TRACKS)}
MOST_MISSING = 1.0
"""Seconds by which a track may be shorter than its file states: recorders round, and leave out the last pictures."""
DAMAGED = "The video is damaged or incomplete. Export it again."


@dataclass(frozen=True, kw_only=True)
class VideoJob:
    """The file to read, and the paths for the video and its thumbnail."""

    source: str
    mime_type: str
    target: str
    thumbnail: str


def answer_to(job: VideoJob) -> dict[str, Any]:
    """Do the job; any fault of the video becomes a reason and a message."""
    limit_process(job)
    return answered(
        lambda: renew(job),
        too_costly="The video takes too much memory to check. Export it again.",
        damaged=DAMAGED,
        is_ours=lambda number: number in (errno.ENOSPC, errno.EDQUOT),
    )


def limit_process(job: VideoJob) -> None:
    """Bound processor time, memory and output."""
    limit(resource.RLIMIT_CPU, CPU_SECONDS)
    # A copy is hardly larger than its source, unless all pictures of its index are the same few bytes.
    size = Path(job.source).stat().st_size
    limit(resource.RLIMIT_FSIZE, size + size // 4 + 16 * MEBIBYTE)
    limit(resource.RLIMIT_CORE, 0)
    if mapped := address_space():
        limit(resource.RLIMIT_AS, mapped + MEMORY)


def renew(job: VideoJob) -> dict[str, Any]:
    """Write the first picture and the first sound track into a new container, and return what they are."""
    with av.open(job.source, format=DEMUXERS[job.mime_type], options=OPTIONS) as source:
        mime_type = written_as(job.mime_type, *checked(source))
        copy(source, job.target, MUXERS[mime_type])
    with av.open(job.target, format=DEMUXERS[mime_type], options=OPTIONS) as made:
        facts = look_at(made)
        save_thumbnail(made, job.thumbnail)
    return facts | {"mime_type": mime_type}


def checked(source: Any) -> tuple[str, str]:
    """Return the codecs of picture and sound; raises Refused if there is no picture, or of an unknown codec."""
    codec = codec_of(picture_of(source))
    sound = codec_of(source.streams.audio[0]) if source.streams.audio else ""
    if codec not in VIDEO_CODECS or (sound and sound not in AUDIO_CODECS):
        raise not_taken(f"{codec} with {sound}" if sound else codec)
    return codec, sound


def written_as(mime_type: str, codec: str, sound: str) -> str:
    """Return the type of the copy: the upload's, but MP4 for a MOV whose codecs fit an MP4."""
    pictures, sounds = IN_EITHER
    is_either = mime_type == "video/quicktime" and codec in pictures and sound in sounds
    return "video/mp4" if is_either else mime_type


def not_taken(codecs: str) -> Refused:
    return Refused("codec", f"Videos in {codecs} are not accepted. Export it as an MP4 with H.264 and AAC.")


def look_at(made: Any) -> dict[str, Any]:
    """Return the facts of the copy, not of the upload, as live recordings do not state their length."""
    stream = picture_of(made)
    if made.duration is None or made.duration <= 0:
        raise Refused("damaged", DAMAGED)
    return {
        "seconds": round(made.duration / av.time_base, 3),
        "fps": round(float(stream.average_rate or stream.guessed_rate or 0), 3),
        "bit_rate": int(made.bit_rate or 0),
        "video_codec": codec_of(stream),
        **sound_of(made),
        "chroma": chroma_of(stream),
        **sides(made, stream),
    }


def sound_of(made: Any) -> dict[str, Any]:
    """Return the facts of the sound; without sound, an empty codec and zeros."""
    if not made.streams.audio:
        return {"audio_codec": "", "sample_rate": 0, "channels": 0}
    track = made.streams.audio[0]
    return {"audio_codec": codec_of(track), "sample_rate": track.sample_rate or 0, "channels": track.channels or 0}


def picture_of(source: Any) -> Any:
    """Return the first picture track that is no cover; raises Refused if there is none."""
    covers = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    for stream in source.streams.video:
        if not stream.disposition & covers:
            return stream
    raise Refused("no_video", "The file has no picture. Upload a video.")


def codec_of(stream: Any) -> str:
    """Return the name of the format, whichever decoder is taken for it."""
    context = stream.codec_context
    return str(context.codec.canonical_name) if context else "an unknown format"


def chroma_of(stream: Any) -> str:
    """Return the picture's chroma subsampling; empty if unknown, or if it has no colours."""
    pixels = stream.format
    has_colours = pixels is not None and len(pixels.components) > 2
    return CHROMA.get((pixels.chroma_width(4), pixels.chroma_height(4)), "") if has_colours else ""


def sides(source: Any, stream: Any) -> dict[str, int]:
    """Return width and height as the video is shown; decodes its first frame."""
    check_sides(stream.width, stream.height)
    stream.codec_context.thread_count = 1  # each would take memory of its own
    frame = next(source.decode(stream))
    check_sides(frame.width, frame.height)
    width, height = shown_sides(stream, frame)
    check_sides(width, height)
    return {"width": width, "height": height}


def shown_sides(stream: Any, frame: Any) -> tuple[int, int]:
    """Return the width and height of a frame after its rotation, and with its pixels square, as players draw it."""
    width, height = round(frame.width * (stream.sample_aspect_ratio or 1)), frame.height
    return (height, width) if frame.rotation % 180 else (width, height)


def check_sides(width: int, height: int) -> None:
    if not 0 < max(width, height) <= MAX_SIDE:
        raise Refused("too_many_pixels", f"A video may have {MAX_SIDE:,} pixels a side. Make it smaller.")


def save_thumbnail(source: Any, path: str) -> None:
    """Write a frame from about one second in as a small JPEG, upright."""
    stream = picture_of(source)
    at = min(THUMBNAIL_AT, source.duration / av.time_base / 2)
    source.seek(int(at * av.time_base))
    frame = next(source.decode(stream))
    image = small(frame, *shown_sides(stream, frame))
    buffer = BytesIO()  # written at once, an error shows a full disk; Pillow itself ignores half a write
    image.convert("RGB").save(buffer, "JPEG", quality=85)
    Path(path).write_bytes(buffer.getbuffer())


def small(frame: Any, width: int, height: int) -> Image.Image:
    """Return a frame of these shown sides at thumbnail size; at full size it would need too much memory."""
    scale = min(1, THUMBNAIL_SIDE / max(width, height))
    sides = max(1, round(width * scale)), max(1, round(height * scale))
    drawn = sides[::-1] if frame.rotation % 180 else sides
    image: Image.Image = frame.to_image(width=drawn[0], height=drawn[1])
    return image.rotate(frame.rotation, expand=True) if frame.rotation else image


def copy(source: Any, path: str, muxer: str) -> None:
    """Copy the packets of both tracks and nothing else, such as the place of recording."""
    options = {} if muxer == "webm" else {"movflags": "+faststart"}
    with av.open(path, "w", format=muxer, options=options) as target:
        tracks = [picture_of(source), *source.streams.audio[:1]]
        outputs = {track.index: added(target, track) for track in tracks}
        for track in tracks:
            outputs[track.index].metadata.clear()
            if track.codec_context.codec_tag in KEPT_TAGS:
                outputs[track.index].codec_context.codec_tag = track.codec_context.codec_tag
        spans: dict[int, tuple[float, float]] = {}
        for packet in without_what_was_cut(source.demux(tracks)):
            index, (start, end) = packet.stream.index, span_of(packet)
            first, last = spans.get(index, (start, end))
            spans[index] = (min(first, start), max(last, end))
            packet.stream = outputs[index]
            target.mux(packet)
    check_lengths(source, tracks, spans)


def added(target: Any, track: Any) -> Any:
    """Add a track like this one; raises Refused if the container cannot hold it, as WebM cannot hold H.264."""
    try:
        return target.add_stream_from_template(track, opaque=True)
    except ValueError as error:
        raise not_taken(f"{codec_of(track)} ({target.format.name})") from error


def without_what_was_cut(packets: Iterable[Any]) -> Iterator[Any]:
    """Give the packets without those after the last shown one of each track: trimming leaves them in the file.

    Hidden packets before a shown one stay: the next pictures may be decoded from them.
    """
    hidden: dict[int, list[Any]] = {}
    for packet in packets:
        index = packet.stream.index
        if packet.dts is None:
            continue
        if packet.is_discard and index in hidden:
            hidden[index].append(packet)
            continue
        if not packet.is_discard:
            yield from hidden.get(index, ())
            hidden[index] = []
        yield packet


def span_of(packet: Any) -> tuple[float, float]:
    """Return the start and end of a packet's content, in seconds."""
    start = packet.dts if packet.pts is None else packet.pts
    return float(start * packet.time_base), float((start + (packet.duration or 0)) * packet.time_base)


def check_lengths(source: Any, tracks: list[Any], spans: dict[int, tuple[float, float]]) -> None:
    """Raise Refused if a track is shorter than the file states, or if all are when it states only the total length."""
    stated = [(track.duration * track.time_base, spans.get(track.index, (0, 0))) for track in tracks if track.duration]
    if not stated and source.duration:
        stated = [(source.duration / av.time_base, (0, max(end for _, end in spans.values())))]
    if any(last - first < seconds - MOST_MISSING for seconds, (first, last) in stated):
        raise Refused("damaged", DAMAGED)


if __name__ == "__main__":
    main(answer_to, VideoJob)
