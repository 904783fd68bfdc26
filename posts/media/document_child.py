"""Check one document in a process of its own: refuse it if it is locked, or would run or open something.

`documents.py` runs this file as a script. It imports nothing of the product but `child.py` and `pdf_texts.py`.
"""

import errno
import io
import logging
import re
import resource
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.parsers import expat

import pypdf
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject

from posts.media.child import MEBIBYTE, Refused, answered, limit, main
from posts.media.pdf_texts import is_plain, texts_of

MEMORY = 640 * MEBIBYTE
CPU_SECONDS = 20
BLOCK_BYTES = 64 * 1024
MAX_OBJECTS = 200_000
MAX_UNPACKED = 1024 * MEBIBYTE
MAX_ENTRIES = 20_000
ACTIVE = {
    *("/JavaScript", "/JS", "/Launch", "/RichMedia", "/XFA", "/SubmitForm", "/ImportData", "/GoToE", "/GoToR"),
    *("/EmbeddedFiles", "/EmbeddedFile", "/EF", "/FileAttachment"),
}
"""Keys, and types of actions, that make a PDF more than pages to look at."""
MEASURES = {
    *("/MediaBox", "/CropBox", "/BleedBox", "/TrimBox", "/ArtBox", "/Rotate", "/UserUnit", "/FontBBox", "/Flags"),
    *("/Ascent", "/Descent", "/CapHeight", "/XHeight", "/ItalicAngle", "/StemV", "/StemH", "/Leading"),
    *("/AvgWidth", "/MaxWidth", "/MissingWidth"),
}
"""Keys of pages and fonts that only affect drawing: if one is given twice, either value is harmless."""
MAIN_PARTS = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml",
}
SLIDE = re.compile(r"ppt/slides/slide\d+\.xml")
ACTIVE_NAMES = re.compile(
    r"vbaProject|vbaData|activeX|embeddings/|(^|/)(?!printerSettings\d*\.bin$)[^/]*\.bin$", re.IGNORECASE
)
ACTIVE_TYPES = re.compile(r"macroEnabled|vba", re.IGNORECASE)
ACTIVE_RELATIONS = re.compile(
    r"/(\w*vba\w*|oleObject|package|control|activeX\w*|attachedToolbars|aFChunk)$", re.IGNORECASE
)
ENDINGS = {
    "application/vnd.openxmlformats-package.relationships+xml": {"rels"},
    "application/vnd.openxmlformats-package.core-properties+xml": {"xml", "psmdcp"},
}
"""File name extensions of inspected parts, by type, if other than .xml alone; .NET has an extension of its own."""
FETCHING_FIELDS = re.compile(r"\b(DDE|DDEAUTO|INCLUDETEXT|INCLUDEPICTURE)\b", re.IGNORECASE)
INSTRUCTION, TEXT = "instrText", "#text"
RUNNING_ACTIONS = re.compile(r"\s*ppaction://(program|macro|ole)", re.IGNORECASE)
DAMAGED = "The document is damaged. Export it again."
UNCLEAR = "The PDF can be understood in more than one way. Print it into a new PDF."
LOADED = "The document holds macros or other files. Save it without them, or as a PDF."
FETCHES = "The document fetches parts from elsewhere. Save it with all it shows inside."


@dataclass(frozen=True, kw_only=True)
class DocumentJob:
    """The document to check; `kind` is pdf, docx or pptx."""

    source: str
    kind: str


def answer_to(job: DocumentJob) -> dict[str, Any]:
    """Check the document; any fault of it becomes a reason and a message."""
    limit_process()
    return answered(
        lambda: {"pages": pages_of_pdf(job.source) if job.kind == "pdf" else pages_of_office(job.source, job.kind)},
        too_costly="The document takes too much memory to check.",
        damaged=DAMAGED,
        is_ours=lambda number: number != errno.EINVAL,
    )


def limit_process() -> None:
    """Limit processor time and memory, and allow no output, not even a warning for each broken object."""
    logging.lastResort = None
    limit(resource.RLIMIT_CPU, CPU_SECONDS)
    limit(resource.RLIMIT_AS, MEMORY)
    limit(resource.RLIMIT_FSIZE, 0)
    limit(resource.RLIMIT_CORE, 0)


def pages_of_pdf(source: str) -> int:
    """Return the number of pages; raises Refused for a PDF that is locked, or holds scripts, programs or files."""
    left_out = LeftOut()
    logging.getLogger(DictionaryObject.__module__).addHandler(left_out)
    content = Path(source).read_bytes()
    reader = pypdf.PdfReader(io.BytesIO(content), strict=False)
    if reader.is_encrypted:
        raise Refused("encrypted", "The PDF is locked. Save it without a password.")
    for key in keys_of(reader):
        if key in ACTIVE:
            raise Refused("active", f"The PDF holds {key[1:]}, which is not accepted. Print it into a new PDF.")
    if not (count := len(reader.pages)):
        raise Refused("damaged", DAMAGED)
    if left_out.heard or not all(is_plain(text) for text in texts_of(content, reader)):
        raise Refused("damaged", UNCLEAR)
    return count


class LeftOut(logging.Handler):
    """Notices that pypdf dropped a dictionary's duplicate key, or keys after nonsense: other readers may use those."""

    heard = False

    def emit(self, record: logging.LogRecord) -> None:
        told = record.args if isinstance(record.args, dict) else {}
        self.heard |= "exception" in told or ("key" in told and told["key"] not in MEASURES)


def keys_of(reader: pypdf.PdfReader) -> Iterator[str]:
    """Give every key, and every kind of action, of all objects that can be reached; each object once."""
    waiting: list[Any] = [reader.trailer]
    seen = set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, IndirectObject):
            if (value.idnum, value.generation) in seen:
                continue
            seen.add((value.idnum, value.generation))
            waiting += [value.get_object(), *generations_of(value.idnum, reader)]
        if len(seen) > MAX_OBJECTS:
            raise Refused("too_costly", "The PDF has too many objects to check.")
        if isinstance(value, DictionaryObject):
            yield from (str(key) for key in value)
            yield from (str(value[key]) for key in ("/S", "/Type", "/Subtype") if key in value)
            waiting += [value.raw_get(key) for key in value]
        elif isinstance(value, ArrayObject):
            waiting += list(value)


def generations_of(number: int, reader: pypdf.PdfReader) -> list[IndirectObject]:
    """Return all objects of this number: some readers ignore the generation in a reference."""
    held = [generation for generation, places in reader.xref.items() if number in places]
    held += [0] if number in reader.xref_objStm else []
    return [IndirectObject(number, generation, reader) for generation in held]


def pages_of_office(source: str, kind: str) -> int:
    """Return the number of slides, 0 for a text; raises Refused for a file that holds macros or fetches something."""
    with zipfile.ZipFile(source) as archive:
        entries = archive.infolist()
        check_entries(entries)
        check_types(archive, kind)
        for entry in entries:
            if entry.filename.lower().endswith(".rels"):
                check_relations(archive, entry)
            elif entry.filename.lower().endswith((".xml", ".psmdcp")):
                check_actions(archive, entry)
        return sum(1 for entry in entries if SLIDE.fullmatch(entry.filename))


def check_entries(entries: list[zipfile.ZipInfo]) -> None:
    """Raise Refused for parts that are too large or many, locked, macros, or ambiguously named."""
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_UNPACKED:
        raise Refused("too_costly", "The document unpacks to more than is accepted. Make it smaller.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise Refused("encrypted", "The document is locked. Save it without a password.")
    names = [entry.filename.replace("\\", "/").lower() for entry in entries]
    if len(set(names)) < len(names) or any(name.startswith("/") or ".." in name.split("/") for name in names):
        raise Refused("damaged", DAMAGED)
    if any(ACTIVE_NAMES.search(name) for name in names):
        raise Refused("active", LOADED)


def check_types(archive: zipfile.ZipFile, kind: str) -> None:
    """Raise Refused for a document that is not of this kind, or has parts of a type that runs."""
    parts = [given for _, given in elements_of(archive, archive.getinfo("[Content_Types].xml"))]
    types = [given.get("ContentType", "") for given in parts]
    if MAIN_PARTS[kind] not in types:
        raise Refused("type", f"The file is no {kind.upper()} document. Save it as one.")
    if any(ACTIVE_TYPES.search(name) for name in types):
        raise Refused("active", LOADED)
    if any(_is_out_of_sight(given) for given in parts):
        raise Refused("damaged", DAMAGED)


def _is_out_of_sight(given: dict[str, str]) -> bool:
    """Return whether parts of an XML type have an extension by which no check would look into them."""
    kind = given.get("ContentType", "").lower()
    if "+xml" not in kind or kind.startswith("image/"):
        return False
    names = [given[key] for key in ("PartName", "Extension") if key in given]
    return any(name.lower().rpartition(".")[2] not in ENDINGS.get(kind, {"xml"}) for name in names)


def check_relations(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Raise Refused where the document would fetch or run something; links that people click are fine."""
    for name, given in elements_of(archive, entry):
        kind = given.get("Type", "")
        if name != "Relationship" or kind.endswith("/relationships/hyperlink"):
            continue
        if given.get("TargetMode", "").strip().lower() == "external":
            raise Refused("active", FETCHES)
        if ACTIVE_RELATIONS.search(kind):
            raise Refused("active", LOADED)


def check_actions(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Raise Refused if a click or a text field fetches or runs something; a field may be written in pieces."""
    pieces: list[str] = []
    for name, given in elements_of(archive, entry):
        if RUNNING_ACTIONS.match(given.get("action", "")):
            raise Refused("active", LOADED)
        if name == INSTRUCTION:
            pieces.append(given.get(TEXT, ""))
        elif name == "fldSimple":
            pieces += [" ", *given.values(), " "]
    if FETCHING_FIELDS.search("".join(pieces)):
        raise Refused("active", FETCHES)


def elements_of(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[tuple[str, dict[str, str]]]:
    """Give name and attributes of each element of a part, and each piece of text of a field's instruction.

    Raises expat's errors, and ValueError for a part with a DOCTYPE: its entities may hide the content.
    """
    found: list[tuple[str, dict[str, str]]] = []
    inside = ""

    def start(name: str, given: dict[str, str]) -> None:
        nonlocal inside
        inside = name.rpartition(":")[2]
        found.append((inside, given))

    def end(name: str) -> None:
        nonlocal inside
        inside = ""

    def read(text: str) -> None:
        if inside == INSTRUCTION:
            found.append((inside, {TEXT: text}))

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, read
    parser.StartDoctypeDeclHandler = refuse_doctype
    with archive.open(entry) as part:
        while block := part.read(BLOCK_BYTES):
            parser.Parse(block)
            yield from found
            found.clear()
    parser.Parse(b"", True)
    yield from found  # expat may hold back long elements until the end of the input


def refuse_doctype(*_: Any) -> None:
    raise ValueError("A part declares a document type.")


if __name__ == "__main__":
    main(answer_to, DocumentJob)
