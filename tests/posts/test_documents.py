"""Documents: pages to look at are kept, what would run, fetch or hide something is refused."""

import io

import pytest

from posts.documents import process_document
from posts.file_types import HEAD_BYTES, document_kind
from posts.intake import InvalidMedia
from tests.posts.clips import office, pdf, pdf_that_launches

LINK = '<Relationships><Relationship Type="…/relationships/{}" Target="http://127.0.0.1/x" TargetMode="External"/></Relationships>'  # noqa: E501


@pytest.mark.parametrize(
    ("content", "mime_type", "pages"),
    [
        (pdf(3), "application/pdf", 3),
        (office(), "application/vnd.openxmlformats-officedocument.wordprocessingml.document", 0),
        (office("pptx", slides=4), "application/vnd.openxmlformats-officedocument.presentationml.presentation", 4),
        (
            office("docx", {"word/_rels/document.xml.rels": LINK.format("hyperlink")}),
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            0,
        ),
    ],
    ids=["pdf", "docx", "pptx", "docx with a link"],
)
def test_a_plain_document_is_kept_as_it_came(content: bytes, mime_type: str, pages: int) -> None:
    with process_document(io.BytesIO(content), document_kind(content[:HEAD_BYTES])) as document:
        assert (document.type, document.mime_type, document.facts) == ("document", mime_type, {"pages": pages})
        assert document.path.read_bytes() == content
        assert document.thumbnail_path is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (pdf(script="app.alert(1)"), "active"),
        (pdf_that_launches(), "active"),
        (pdf(attached=b"MZ"), "active"),
        (pdf(password="secret"), "encrypted"),
        (pdf()[:200], "damaged"),
        (b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript>>>>", "damaged"),
        (office("docx", {"word/vbaProject": "x"}), "active"),
        (office("docx", {"word/embeddings/sheet": "x"}), "active"),
        (office("docx", {"word/_rels/document.xml.rels": LINK.format("attachedTemplate")}), "active"),
        (office()[:100], "damaged"),
    ],
    ids=["script", "launch", "attachment", "locked", "cut", "text", "macro", "sheet", "template", "half"],
)
def test_what_is_more_than_pages_is_refused_with_its_reason(content: bytes, reason: str) -> None:
    kind = document_kind(content[:HEAD_BYTES])
    with pytest.raises(InvalidMedia) as refused, process_document(io.BytesIO(content), kind):
        pass

    assert refused.value.details == {"field": "file", "reason": reason}
