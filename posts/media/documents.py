"""Documents for posts: kept as they came, after a child process has looked into them (`document_child.py`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from ouipost.phrases import Phrase
from posts.media import children
from posts.media.file_types import DOCUMENT_TYPES
from posts.media.intake import Processed, Readable, spooled

CHILD = Path(__file__).with_name("document_child.py")
WALL_SECONDS = 60
TOO_COSTLY = Phrase("The document takes too long to check. Export it again.")


@contextmanager
def process_document(upload: Readable, kind: str) -> Iterator[Processed]:
    """Check an upload of this kind (pdf, docx, pptx) and give it; its file goes when the block ends.

    Raises InvalidMedia if it is locked, damaged, or has active content, FileTooLarge for too many bytes.
    """
    with spooled(upload, settings.DOCUMENT_MAX_BYTES) as source:
        facts = children.run(CHILD, seconds=WALL_SECONDS, too_costly=TOO_COSTLY, source=source, kind=kind)
        size = source.stat().st_size
        yield Processed(type="document", path=source, mime_type=DOCUMENT_TYPES[kind], size=size, facts=facts)
