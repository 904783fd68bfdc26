"""Looks into one document in a process of its own: what would run or open something, or is locked, is refused.

`posts.documents` runs this file as a script. It imports nothing of the product: it starts fast and holds no secret.
"""

import json
import re
import resource
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pypdf
from pypdf.errors import PyPdfError
from pypdf.generic import ArrayObject, DictionaryObject

CPU_SECONDS = 20
MEMORY = 1024 * 1024 * 1024
MAX_OBJECTS = 200_000
MAX_UNPACKED = 1024 * 1024 * 1024
MAX_ENTRIES = 20_000
ACTIVE = {"/JavaScript", "/JS", "/Launch", "/EmbeddedFiles", "/EmbeddedFile", "/RichMedia", "/XFA"}
"""Keys, and types of actions, that make a PDF more than pages to look at."""
MAIN_PARTS = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml",
}
SLIDE = re.compile(r"ppt/slides/slide\d+\.xml")
MACROS = re.compile(r"vbaProject|vbaData|activeX|\.bin$|embeddings/", re.IGNORECASE)
EXTERNAL = re.compile(rb'TargetMode\s*=\s*["\']External["\']')
HYPERLINK = re.compile(rb"relationships/hyperlink")
DAMAGED = "The document is damaged. Export it again."


class Refused(Exception):
    """The document breaks a rule; the reason is for programs, the message for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to look into; `kind` is pdf, docx or pptx."""

    source: str
    kind: str


def main() -> None:
    """Do the job given as JSON in the first argument and print the answer as JSON."""
    sys.stdout.write(json.dumps(answer_to(Job(**json.loads(sys.argv[1])))))


def answer_to(job: Job) -> dict[str, Any]:
    """Look into the document; whatever is wrong with it becomes a reason and a message."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        return {"pages": pages_of_pdf(job.source) if job.kind == "pdf" else pages_of_office(job.source, job.kind)}
    except Refused as refusal:
        return {"reason": refusal.reason, "message": str(refusal)}
    except MemoryError:
        return {"reason": "too_costly", "message": "The document takes too much memory to look into."}
    except (PyPdfError, zipfile.BadZipFile, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return {"reason": "damaged", "message": DAMAGED, "detail": f"{type(error).__name__}: {error}"[:300]}


def pages_of_pdf(source: str) -> int:
    """Return the number of pages; raises Refused for a PDF that is locked, or holds scripts, programs or files."""
    reader = pypdf.PdfReader(source, strict=False)
    if reader.is_encrypted:
        raise Refused("encrypted", "The PDF is locked. Save it without a password.")
    for key in keys_of(reader.trailer):
        if key in ACTIVE:
            raise Refused("active", f"The PDF holds {key[1:]}, which is not taken. Print it into a new PDF.")
    if not (count := len(reader.pages)):
        raise Refused("damaged", DAMAGED)
    return count


def keys_of(root: Any) -> Iterator[str]:
    """Give every key, and every kind of action, of all objects that can be reached; each object once."""
    waiting, seen = [root], set()
    while waiting:
        value = waiting.pop()
        reference = getattr(value, "indirect_reference", None)
        if reference is not None:
            if reference.idnum in seen:
                continue
            seen.add(reference.idnum)
        if len(seen) > MAX_OBJECTS:
            raise Refused("too_costly", "The PDF has too many objects to look into.")
        value = value.get_object() if hasattr(value, "get_object") else value
        if isinstance(value, DictionaryObject):
            yield from (str(key) for key in value)
            yield from (str(value[key]) for key in ("/S", "/Type", "/Subtype") if key in value)
            waiting += [value.raw_get(key) for key in value]
        elif isinstance(value, ArrayObject):
            waiting += list(value)


def pages_of_office(source: str, kind: str) -> int:
    """Return the number of slides, 0 for a text; raises Refused for what holds macros or fetches something."""
    with zipfile.ZipFile(source) as archive:
        entries = archive.infolist()
        if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_UNPACKED:
            raise Refused("too_costly", "The document unpacks to more than is taken. Make it smaller.")
        if any(entry.flag_bits & 1 for entry in entries):
            raise Refused("encrypted", "The document is locked. Save it without a password.")
        names = [entry.filename for entry in entries]
        if MAIN_PARTS[kind] not in archive.read("[Content_Types].xml").decode(errors="replace"):
            raise Refused("type", f"The file is no {kind.upper()} document. Save it as one.")
        if any(MACROS.search(name) for name in names):
            raise Refused("active", "The document holds macros or other files. Save it without them, or as a PDF.")
        for name in names:
            if name.endswith(".rels"):
                check_relations(archive.read(name))
        return sum(1 for name in names if SLIDE.fullmatch(name))


def check_relations(content: bytes) -> None:
    """Raise Refused where the document would fetch something from elsewhere; links that people click are fine."""
    for relation in content.split(b"<Relationship ")[1:]:
        if EXTERNAL.search(relation) and not HYPERLINK.search(relation):
            raise Refused("active", "The document fetches parts from elsewhere. Save it with all it shows inside.")


if __name__ == "__main__":
    main()
