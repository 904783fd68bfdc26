"""Documents: pages to look at are kept, what would run, fetch or hide something is refused."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from posts.media import document_child
from posts.media.documents import process_document
from posts.media.file_types import HEAD_BYTES, document_kind
from posts.media.intake import InvalidMedia
from tests.posts.media import hostile
from tests.posts.media.clips import office, pdf
from tests.posts.media.hostile import docx_typed, packed_pdf, raw_pdf

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
RELATIONSHIPS = "application/vnd.openxmlformats-package.relationships+xml"
PROPERTIES = "application/vnd.openxmlformats-package.core-properties+xml"

LINK = '<Relationships><Relationship Type="…/relationships/{}" Target="http://127.0.0.1/x" TargetMode="External"/></Relationships>'  # noqa: E501


@pytest.mark.parametrize(
    ("content", "mime_type", "pages"),
    [
        (pdf(3), "application/pdf", 3),
        (office(), DOCX, 0),
        (office("pptx", slides=4), "application/vnd.openxmlformats-officedocument.presentationml.presentation", 4),
        (
            office("docx", {"word/_rels/document.xml.rels": LINK.format("hyperlink")}),
            DOCX,
            0,
        ),
        (docx_typed("image/svg+xml", Extension="svg"), DOCX, 0),
        (docx_typed(RELATIONSHIPS, PartName="/word/_rels/document.xml.rels"), DOCX, 0),
        (docx_typed(RELATIONSHIPS, Extension="rels"), DOCX, 0),
        (docx_typed(PROPERTIES, PartName="/docProps/core.xml"), DOCX, 0),
        (docx_typed(PROPERTIES, Extension="psmdcp"), DOCX, 0),
        (
            office("pptx", {"ppt/printerSettings/printerSettings1.bin": "x"}, slides=1),
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            1,
        ),
    ],
    ids=[
        *("pdf", "docx", "pptx", "docx with a link", "docx with drawings", "docx with relations that say so"),
        *("docx with relations that all say so", "docx with properties", "docx with properties as .NET calls them"),
        "pptx with settings of a printer",
    ],
)
def test_a_plain_document_is_kept_as_it_came(content: bytes, mime_type: str, pages: int) -> None:
    with process_document(io.BytesIO(content), document_kind(content[:HEAD_BYTES])) as document:
        assert (document.type, document.mime_type, document.facts) == ("document", mime_type, {"pages": pages})
        assert document.path.read_bytes() == content
        assert document.thumbnail_path is None


def test_a_part_is_read_no_further_than_its_size_even_where_it_lies() -> None:
    with pytest.raises(InvalidMedia) as refused, process_document(io.BytesIO(hostile.office_that_lies("docx")), "docx"):
        pass

    assert refused.value.details["reason"] == "damaged"


@pytest.mark.parametrize(
    "content",
    [
        raw_pdf("/Outlines 99 0 R/Names 1 0 R"),
        raw_pdf("/X<</MediaBox[0 0 1 1]/MediaBox[0 0 2 2]/Ascent 1/Ascent 2>>"),
        raw_pdf("/X 4 0 R", b"<<>>stream\nx\nendstream"),
        raw_pdf(
            r"/X[/Bitstream(a (b (c)\) >>) <<)<AB 0c><>null true -1.5(null)<</A/B/C null>>4 0 R 4]%c >>" + "\n", b""
        ),
        packed_pdf("/X 4 0 R", b"[1 0 R]"),
    ],
    ids=["reference to nothing", "measures told twice", "stream without a length", "values of all kinds", "packed"],
)
def test_an_untidy_pdf_is_kept(content: bytes) -> None:
    with process_document(io.BytesIO(content), "pdf") as document:
        assert document.facts == {"pages": 1}


@pytest.mark.parametrize("catalog", ["/Outlines null/Outlines 1 0 R", " null", "/X xyz"])
def test_who_sends_an_ambiguous_pdf_is_told_what_helps(catalog: str) -> None:
    with pytest.raises(InvalidMedia) as refused, process_document(io.BytesIO(raw_pdf(catalog)), "pdf"):
        pass

    assert str(refused.value) == "The PDF can be understood in more than one way. Print it into a new PDF."


def test_what_is_wrong_with_the_machine_is_not_the_documents_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_child, "limit_process", lambda: None)

    with pytest.raises(FileNotFoundError):
        document_child.answer_to(document_child.DocumentJob(source="/nowhere", kind="docx"))


def test_a_child_gets_640_mb_and_writes_nothing() -> None:
    code = """
import logging, resource
from posts.media import document_child
document_child.limit_process()
print([resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE)])
logging.getLogger("pypdf").warning("An object is broken.")
bytearray(700 * 1024 * 1024)
"""
    root = Path(document_child.__file__).parents[2]

    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)

    assert done.stdout.strip() == str([20, 0, 0])
    assert ("MemoryError" in done.stderr, "broken" in done.stderr) == (True, False)
