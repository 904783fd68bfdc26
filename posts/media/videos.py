"""Videos for posts: checked and copied without re-encoding, so that nothing but picture and sound is kept.

A child process (`video_child.py`) does both, because FFmpeg meets whatever strangers send.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from ouipost.phrases import Phrase
from posts.media import children
from posts.media.intake import FileTooLarge, Processed, Readable, spooled

CHILD = Path(__file__).with_name("video_child.py")
WALL_SECONDS = 180
TOO_COSTLY = Phrase("The video takes too long to check. Export it again, or make it shorter.")


@contextmanager
def process_video(upload: Readable, mime_type: str) -> Iterator[Processed]:
    """Check an upload and give it without metadata, with its facts and a frame; its files go when the block ends.

    A MOV whose codecs fit an MP4, as phones record it, is given as an MP4, which every network takes. Raises
    InvalidMedia unless it is a sound MP4, MOV or WebM, FileTooLarge for too many bytes.
    """
    with spooled(upload, settings.VIDEO_MAX_BYTES) as source:
        target, thumbnail = source.with_name("video"), source.with_name("thumbnail")
        facts = children.run(
            CHILD,
            seconds=WALL_SECONDS,
            too_costly=TOO_COSTLY,
            source=source,
            mime_type=mime_type,
            target=target,
            thumbnail=thumbnail,
        )
        size = target.stat().st_size
        if size > settings.VIDEO_MAX_BYTES:
            raise FileTooLarge(limit_bytes=settings.VIDEO_MAX_BYTES)
        yield Processed(
            type="video",
            path=target,
            mime_type=facts.pop("mime_type"),
            size=size,
            width=facts.pop("width"),
            height=facts.pop("height"),
            facts=facts,
            thumbnail_path=thumbnail,
            thumbnail_mime_type="image/jpeg",
        )
