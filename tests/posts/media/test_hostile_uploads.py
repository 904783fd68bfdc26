"""Whatever hostile people upload is refused in so many words, or kept as a clean file under a clean name."""

import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pytest_django import Settings

from posts.models import Media, Post
from tests.conftest import ApiClient
from tests.factories import make_post
from tests.memory import growing
from tests.posts.media import hostile
from tests.posts.media.clips import clip, office, pdf
from tests.posts.media.hostile import docx_related, docx_typed, docx_with, raw_pdf
from tests.posts.media.pictures import animation, gif_of, noise, phone_photo, picture, png_header_of
from workspaces.models import Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.any_database, pytest.mark.thorough]

CHILD_MEGABYTES = 300
OUR_MEGABYTES = 100
KEPT = "kept"
FTYP = b"\0\0\0\x18ftypisom\0\0\2\0isomiso2mp41"
SCRIPT = "/S/JavaScript/JS(app.alert\\(1\\))"
HTML = b"<!DOCTYPE html><script>alert(1)</script>"
TRACES = (b"Secret", b"script", b"alert(", b"PK\x03\x04", b"passwd", b"127.0.0.1", b"%PDF")
"""What a file that was written anew may not hold."""

Make = Callable[[str], bytes]
"""Makes a file; at the address that it is given is a trap."""

CASES: dict[str, tuple[Make, str]] = {
    # What is none of our formats, whatever it is called.
    "nothing": (lambda _: b"", "empty"),
    "one byte": (lambda _: b"\xff", "type"),
    "SVG with a script": (lambda _: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "type"),
    "SVG that fetches": (lambda to: f"<?xml version='1.0'?><svg><image href='http://{to}/'/></svg>".encode(), "type"),
    "HTML as a JPEG": (lambda _: HTML, "type"),
    "XML with an entity from elsewhere": (lambda to: f"<!DOCTYPE x SYSTEM 'http://{to}/x'><x/>".encode(), "type"),
    "EPS": (lambda _: b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file", "type"),
    "FITS": (lambda _: b"SIMPLE  =                    T".ljust(2880), "type"),
    "TIFF": (lambda _: picture("TIFF"), "type"),
    "PSD": (lambda _: b"8BPS\0\1" + bytes(6) + b"\0\3\0\0\xff\xff\0\0\xff\xff\0\x08\0\3", "type"),
    "JPEG 2000": (lambda _: b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100), "type"),
    "AVIF": (lambda _: b"\0\0\0\x1cftypavif" + bytes(100), "type"),
    "ICO": (lambda _: picture("ICO"), "type"),
    "MVG script": (lambda to: f"push graphic-context\nfill 'url(http://{to}/)'".encode(), "type"),
    "concat script": (lambda _: b"ffconcat version 1.0\nfile /etc/passwd\n", "type"),
    "HLS playlist as an MP4": (lambda to: f"#EXTM3U\n#EXTINF:9,\nhttp://{to}/x.ts\n".encode(), "type"),
    "DASH manifest": (lambda to: f"<MPD><BaseURL>http://{to}/</BaseURL></MPD>".encode(), "type"),
    "MKV": (lambda _: clip("matroska"), "type"),
    "AVI": (lambda _: b"RIFF\0\1\0\0AVI LIST" + bytes(200), "type"),
    "MP3": (lambda _: b"ID3\4" + bytes(200), "type"),
    "ELF": (lambda _: b"\x7fELF\2\1\1" + bytes(200), "type"),
    "EXE": (lambda _: b"MZ" + bytes(200), "type"),
    "PHP": (lambda _: b"<?php system($_GET['c']);", "type"),
    "ZIP": (lambda _: hostile.archive(readme=b"PK"), "type"),
    "BMP": (lambda _: picture("BMP"), "type"),
    "GZIP": (lambda _: b"\x1f\x8b\x08" + bytes(50), "type"),
    "OLE document": (lambda _: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000), "type"),
    "RTF": (lambda _: rb"{\rtf1{\object\objocx}}", "type"),
    # Pictures.
    "JPEG that tells its place": (lambda _: phone_photo(), KEPT),
    "JPEG and ZIP at once": (lambda _: picture(comment=b"SecretNote") + hostile.archive(a=b"x"), KEPT),
    "JPEG and HTML at once": (lambda _: picture(comment=HTML) + HTML, KEPT),
    "JPEG and PDF at once": (lambda _: picture(comment=b"%PDF-1.7 1 0 obj") + pdf(), KEPT),
    "GIF and script at once": (lambda _: hostile.gif_that_is_a_script(), KEPT),
    "GIF with a script in a comment": (lambda _: picture("GIF", comment=b"*/alert(1)//") + HTML, KEPT),
    "PNG with HTML in a chunk": (lambda _: hostile.png_with(b"tEXt", b"a\0" + HTML), KEPT),
    "PNG with HTML after it": (lambda _: picture("PNG") + HTML, KEPT),
    "PNG with a text bomb": (lambda _: hostile.png_with(b"zTXt", b"a\0\0" + hostile.squeezed(80)), "damaged"),
    "PNG with a profile bomb": (lambda _: hostile.png_with(b"iCCP", b"a\0\0" + hostile.squeezed(80)), "damaged"),
    "PNG of 50,000 by 50,000": (lambda _: png_header_of(50_000, 50_000), "too_many_pixels"),
    "PNG that has no pixels": (lambda _: png_header_of(5_000, 5_000), "damaged"),
    "PNG of 60 megapixels": (lambda _: png_header_of(10_000, 6_000), "too_many_pixels"),
    "PNG of 16,001 by 1": (lambda _: png_header_of(16_001, 1), "too_many_pixels"),
    "GIF of 10,000 frames": (lambda _: gif_of(10_000, width=500, height=500), "too_many_frames"),
    "GIF of 10,000 small frames": (lambda _: gif_of(10_000, width=20, height=20), KEPT),
    "animation that is cut": (lambda _: animation("WEBP", durations=[40] * 5)[:300], "damaged"),
    "JPEG that is cut": (lambda _: picture(size=(600, 400))[:900], "damaged"),
    "PNG that is cut": (lambda _: noise((200, 200), "PNG")[:5000], "damaged"),
    "GIF that is cut": (lambda _: noise((200, 200), "GIF")[:5000], "damaged"),
    "HTML behind the mark of a GIF": (lambda _: b"GIF89a/*" + HTML, "damaged"),
    "JPEG of nothing but its mark": (lambda _: b"\xff\xd8\xff", "damaged"),
    "JPEG that is too large": (lambda _: picture() + bytes(20_000_000), "413"),
    # Videos.
    "playlist behind an MP4's header": (
        lambda to: FTYP + f"#EXTM3U\n#EXTINF:9,\nhttp://{to}/x.ts\n".encode(),
        "damaged",
    ),
    "concat script behind an MP4's header": (lambda _: FTYP + b"ffconcat version 1.0\nfile /etc/passwd\n", "damaged"),
    "playlist behind a WebM's header": (
        lambda to: b"\x1aE\xdf\xa3\x87\x42\x82\x84webm#EXTM3U\nhttp://" + to.encode(),
        "damaged",
    ),
    "MP4 with its pictures elsewhere": (lambda to: hostile.video_elsewhere(to), KEPT),
    "MOV with its pictures in a file of ours": (lambda _: hostile.video_from_a_path("/etc/passwd"), "damaged"),
    "MP4 that tells its place": (lambda _: clip(metadata=(("location", "Secret"), ("comment", "Secret"))), KEPT),
    "MOV that tells a title, chapters and a time code": (lambda _: hostile.video_that_tells(), KEPT),
    "MP4 with a cover": (lambda _: hostile.video_with_a_cover(), KEPT),
    "MP4 and HTML at once": (lambda _: clip() + hostile.box(b"free", HTML), KEPT),
    "MP4 of 15 million pictures": (lambda _: hostile.video_of_many_samples(), "damaged"),
    "MP4 that repeats itself": (lambda _: hostile.video_that_repeats(), "damaged"),
    "MP4 in an unknown format": (lambda _: hostile.video_in_an_unknown_format(), "codec"),
    "MP4 of 1,200 tracks": (lambda _: hostile.video_of_many_tracks(), "too_costly"),
    "WebM with pictures of 268 megapixels": (lambda _: hostile.video_whose_pictures_grow(), "damaged"),
    "MP4 of MPEG-2": (lambda _: clip(codec="mpeg2video"), "codec"),
    "MP4 of nothing but zeros": (lambda _: clip()[:40] + bytes(4000), "damaged"),
    "MP4 that is cut": (lambda _: clip()[:5000], "damaged"),
    "WebM that is cut": (lambda _: hostile.small_webm()[:300], "damaged"),
    # PDFs.
    "PDF with a script": (lambda _: raw_pdf(f"/OpenAction<<{SCRIPT}>>"), "active"),
    "PDF with a script by another name": (
        lambda _: raw_pdf("/OpenAction<</S/J#61v#61Script/#4a#53(app.alert\\(1\\))>>"),
        "active",
    ),
    "PDF with a script out of sight": (
        lambda _: hostile.packed_pdf("/OpenAction 4 0 R", f"<<{SCRIPT}>>".encode()),
        "active",
    ),
    "PDF with a script when a page opens": (lambda _: raw_pdf(f"/AA<</O<<{SCRIPT}>>>>"), "active"),
    "PDF that launches": (lambda _: raw_pdf("/OpenAction<</S/Launch/F(cmd.exe)>>"), "active"),
    "PDF with a file": (lambda _: pdf(attached=b"MZ"), "active"),
    "PDF with a file that says nothing": (
        lambda _: raw_pdf("/AF[<</F(x.exe)/EF<</F 4 0 R>>>>]", hostile.stream_of(b"MZ")),
        "active",
    ),
    "PDF with an XFA form": (
        lambda _: raw_pdf("/AcroForm<</Fields[]/XFA 4 0 R>>", hostile.stream_of(b"<x/>")),
        "active",
    ),
    "PDF that sends a form": (lambda to: raw_pdf(f"/OpenAction<</S/SubmitForm/F(http://{to}/)>>"), "active"),
    "PDF that opens another": (lambda to: raw_pdf(f"/AA<</O<</S/GoToR/F(\\\\\\\\{to}\\\\x)/D[0/Fit]>>>>"), "active"),
    "PDF with a script in a later generation": (
        lambda _: hostile.pdf_of_two_generations(f"<<{SCRIPT}>>".encode()),
        "active",
    ),
    "PDF with a script by a wrong generation": (
        lambda _: raw_pdf("/OpenAction 4 7 R", f"<<{SCRIPT}>>".encode()),
        "active",
    ),
    "PDF with a script by a wrong generation, out of sight": (
        lambda _: hostile.packed_pdf("/OpenAction 4 7 R", f"<<{SCRIPT}>>".encode()),
        "active",
    ),
    "PDF with a script behind a first meaning": (
        lambda _: raw_pdf(f"/OpenAction null/OpenAction<<{SCRIPT}>>"),
        "damaged",
    ),
    "PDF with a script behind a first meaning, deep inside": (
        lambda _: raw_pdf(f"/AA<</O null/O<<{SCRIPT}>>>>"),
        "damaged",
    ),
    "PDF with a script behind nonsense": (lambda _: raw_pdf(f"/AA<</X xyz/O<<{SCRIPT}>>>>"), "damaged"),
    "PDF with a script behind null": (lambda _: raw_pdf(f" null/OpenAction<<{SCRIPT}>>"), "damaged"),
    "PDF with a script behind null, out of sight": (
        lambda _: hostile.packed_pdf(f" null/OpenAction<<{SCRIPT}>>"),
        "damaged",
    ),
    "PDF with a script behind null, in an array": (
        lambda _: raw_pdf("/Outlines 4 0 R", f"[<</X 1 null]/A<<{SCRIPT}>>>>]".encode()),
        "damaged",
    ),
    "PDF with a script behind null, as a stream": (
        lambda _: raw_pdf(f"/Length 1 null stream\n/OpenAction<<{SCRIPT}>>>>endstream"),
        "damaged",
    ),
    "PDF with a script behind null, inside a text": (
        lambda _: raw_pdf("/Outlines 9 0 R", f"( 9 0 obj <</X 1 null/A<<{SCRIPT}>>>>)".encode()),
        "damaged",
    ),
    "PDF with a script behind an object's end": (lambda _: raw_pdf(f" endobj/OpenAction<<{SCRIPT}>>"), "damaged"),
    "PDF with a script behind half an end": (lambda _: raw_pdf(f"/X 1> /OpenAction<<{SCRIPT}>>"), "damaged"),
    "PDF with a script that half an end makes a text": (
        lambda _: raw_pdf(f"/AA<</X 1>%/X(\n>>/OpenAction<<{SCRIPT}>>%)\n"),
        "damaged",
    ),
    "PDF with a second catalog behind null": (
        lambda _: raw_pdf(
            "", f"<</Type/Catalog/Pages 2 0 R/OpenAction<<{SCRIPT}>>>>".encode(), trailer=" null/Root 4 0 R"
        ),
        "damaged",
    ),
    "PDF with a second catalog": (
        lambda _: raw_pdf("", trailer=f"/Root<</Type/Catalog/Pages 2 0 R/OpenAction<<{SCRIPT}>>>>"),
        "damaged",
    ),
    "PDF that is locked": (lambda _: pdf(password="secret"), "encrypted"),
    "PDF that is locked in an unknown way": (lambda _: raw_pdf("", trailer="/Encrypt<</Filter/X/V 9>>"), "damaged"),
    "PDF whose index leads to itself": (lambda _: raw_pdf("", trailer="/Prev {start}"), KEPT),
    "PDF whose pages lead to themselves": (lambda _: raw_pdf("").replace(b"Kids[3", b"Kids[2"), "damaged"),
    "PDF of a million million pages": (lambda _: hostile.tree_pdf(), "damaged"),
    "PDF of brackets": (lambda _: raw_pdf("/X" + "[" * 100_000), "damaged"),
    "PDF whose objects are a bomb": (lambda _: hostile.bomb_pdf(), "damaged"),
    "PDF that is cut": (lambda _: pdf()[:200], "damaged"),
    "PDF of nothing but its mark": (lambda _: b"%PDF-", "damaged"),
    # Office documents.
    "DOCX that is a bomb": (lambda _: hostile.office_bomb("docx"), "too_costly"),
    "PPTX that is a bomb": (lambda _: hostile.office_bomb("pptx"), "too_costly"),
    "PPTX with a part larger than it says": (lambda _: hostile.office_that_lies("pptx"), "damaged"),
    "DOCX with macros": (lambda _: docx_with("word/vbaProject.bin", b"x"), "active"),
    "DOCX with macros by another name": (lambda _: docx_related("vbaProject", "x.xml", external=""), "active"),
    "DOCX with macros by their type": (
        lambda _: docx_typed("application/vnd.ms-word.document.macroEnabled.main+xml", PartName="/word/document2.xml"),
        "active",
    ),
    "DOCX with a part out of sight": (
        lambda _: docx_typed("application/any+xml", PartName="/word/document.dat"),
        "damaged",
    ),
    "DOCX with a DDE field among its properties": (
        lambda _: docx_with("package/services/metadata/core-properties/1.psmdcp", hostile.DDE_FIELD),
        "active",
    ),
    "DOCX with parts out of sight called properties": (
        lambda _: docx_typed("application/any+xml", Extension="psmdcp"),
        "damaged",
    ),
    "DOCX with parts out of sight": (lambda _: docx_typed("application/any+XML", Extension="dat"), "damaged"),
    "DOCX with parts out of sight that have a name in sight": (
        lambda _: docx_typed("application/any+xml", Extension="dat", PartName="/word/document.xml"),
        "damaged",
    ),
    "DOCX with a text called relations": (
        lambda _: docx_typed("application/any+xml", PartName="/word/x.rels"),
        "damaged",
    ),
    "DOCX with a sheet inside": (lambda _: docx_with("word/embeddings/sheet.xlsx", b"x"), "active"),
    "DOCX with an object by another name": (lambda _: docx_related("oleObject", "x.xml", external=""), "active"),
    "DOCX with a template elsewhere": (lambda to: docx_related("attachedTemplate", f"http://{to}/x.dotm"), "active"),
    "DOCX with a picture elsewhere": (lambda to: docx_related("image", f"http://{to}/x.png"), "active"),
    "DOCX with an object elsewhere": (lambda to: docx_related("oleObject", f"mhtml:http://{to}/x!x.html"), "active"),
    "DOCX that says elsewhere in numbers": (
        lambda to: docx_related("image", f"http://{to}/x", external=' TargetMode="&#69;xternal"'),
        "active",
    ),
    "DOCX that says elsewhere in UTF-16": (
        lambda to: docx_with(hostile.RELATIONS, hostile.relation("image", f"http://{to}/x").encode("utf-16")),
        "active",
    ),
    "DOCX that says elsewhere with a prefix": (
        lambda to: docx_with(
            hostile.RELATIONS,
            hostile.relation("image", f"http://{to}/x").replace("<Rel", "<r:Rel").replace("</", "</r:"),
        ),
        "active",
    ),
    "DOCX that says elsewhere across three blocks": (
        lambda to: hostile.docx_of_three_blocks(f"http://{to}/x"),
        "active",
    ),
    "DOCX that calls it a link": (
        lambda to: docx_related("attachedTemplate", f"http://{to}/relationships/hyperlink"),
        "active",
    ),
    "DOCX that says elsewhere in capitals": (
        lambda to: docx_with("word/_RELS/document.xml.RELS", hostile.relation("image", f"http://{to}/x")),
        "active",
    ),
    "DOCX with a DDE field": (lambda _: docx_with("word/footer.xml", hostile.DDE_FIELD), "active"),
    "PPTX that runs a program under the mouse": (
        lambda _: office("pptx", {"ppt/slides/slide1.xml": hostile.MOUSE_ACTION}),
        "active",
    ),
    "DOCX with an entity bomb": (lambda _: docx_with(hostile.RELATIONS, hostile.ENTITY_BOMB), "damaged"),
    "DOCX with an entity from elsewhere": (
        lambda to: docx_with(hostile.RELATIONS, f"<!DOCTYPE x SYSTEM 'http://{to}/'><Relationships/>"),
        "damaged",
    ),
    "DOCX with a path out of it": (lambda _: docx_with("word/../../../../tmp/hostile", b"x"), "damaged"),
    "DOCX with two parts of one name": (lambda _: hostile.docx_with_two_of_one_name(), "damaged"),
    "DOCX packed in an unknown way": (lambda _: hostile.docx_changed(compress_type=97), "damaged"),
    "DOCX that is locked": (lambda _: hostile.docx_changed(flag_bits=1), "encrypted"),
    "DOCX with a part that cannot be unpacked": (lambda _: hostile.docx_broken(), "damaged"),
    "DOCX that is cut": (lambda _: office()[:100], "damaged"),
}
"""A name, what makes the file, and what becomes of it: kept, or the reason for which it is refused."""

NAMES: dict[str, tuple[bytes, str]] = {
    "path upwards": (b"../../x.jpg", "x.jpg"),
    "path of Windows": (rb"..\..\windows\x.jpg", "x.jpg"),
    "whole path": (b"/etc/cron.d/x.jpg", "x.jpg"),
    "path in entities": (b"..&#x2F;..&#x2F;x.jpg", "x.jpg"),
    "NUL": (b"a\0.jpg", "a.jpg"),
    "500 characters": (b"x" * 500 + b".jpg", "x" * 251 + ".jpg"),
    "override from right to left": ("a\u202egpj.exe.jpg".encode(), "agpj.exe.jpg"),
    "new line": (b"a%0D%0AX-Evil: 1.jpg", "a%0D%0AX-Evil: 1.jpg"),
    "new line as it is": (b"a\r\nX-Evil: 1\r\nx.jpg", '"a.jpg'),
    "name of a device": (b"CON", "CON.jpg"),
    "name of another type": (b"bill.html", "bill.html.jpg"),
    "name of a program": (b"bill.jpg.exe", "bill.jpg.exe.jpg"),
    "dots": (b"...jpg...", "jpg.jpg"),
    "template": (b"{{7*7}}${jndi:ldap:x}.jpg", "{{7*7}}${jndi:ldap:x}.jpg"),
    "tag": (b"<img src=x onerror=alert(1)>.jpg", "<img src=x onerror=alert(1)>.jpg"),
}
"""A name as it is sent, and as it is shown; it is never a path of ours."""

MEASURE = """
import os, resource, subprocess, sys
done = subprocess.run(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
os.kill(os.getpid(), -done.returncode) if done.returncode < 0 else sys.exit(done.returncode)
"""
"""Runs a command and tells its peak: in a process of its own, as a fork's peak is that of its parent at first."""


@pytest.fixture
def post(workspace: Workspace) -> Post:
    return make_post(workspace)


@pytest.fixture
def trap() -> Iterator[socket.socket]:
    """A server that nobody may call."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.fixture
def peak(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that tells how many kilobytes the last child took; there is none where no child was needed."""
    told = tmp_path_factory.mktemp("peak") / "peak"
    run = subprocess.run

    def measured(command: list[str], **options: Any) -> Any:
        return run([sys.executable, "-I", "-S", "-c", MEASURE, str(told), *command], **options)

    monkeypatch.setattr(subprocess, "run", measured)
    return told


@pytest.fixture
def root(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder above the media and above whatever is kept for a moment."""
    (tmp_path / "moment").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "moment"))
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path


def upload(api: ApiClient, post: Post, content: bytes, name: bytes = b"bread.jpg") -> Any:
    head = b'--x-x\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\nContent-Type: image/jpeg\r\n\r\n'
    form = head % name + content + b"\r\n--x-x--\r\n"
    kind = "multipart/form-data; boundary=x-x"
    return api.client.generic("POST", f"/api/posts/{post.pk}/media", form, kind, headers=api.headers)


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def assert_kept(response: Any, root: Path) -> None:
    """Both files have a row, all files are theirs, and of what was hostile nothing is left in a picture or video."""
    assert response.status_code == 201, response.json()
    media = Media.objects.get()
    assert files_in(root) == {f"media/{name}" for name in (media.stored_name, media.thumbnail_name) if name}
    content = (root / "media" / media.stored_name).read_bytes()
    assert media.type == "document" or [trace for trace in TRACES if trace in content] == []


def assert_refused(response: Any, reason: str, root: Path) -> None:
    """The answer is our envelope, with a reason, and nothing is left."""
    error = response.json()["error"]
    too_large = reason == "413"
    found = (response.status_code, error["code"], error["details"].get("reason", ""))
    assert found == ((413, "PAYLOAD_TOO_LARGE", "") if too_large else (422, "INVALID_MEDIA", reason))
    assert (response.json()["success"], error["message"][-1:], str(root) in error["message"]) == (False, ".", False)
    assert (Media.objects.count(), files_in(root)) == (0, set())


@pytest.mark.parametrize(("make", "end"), CASES.values(), ids=CASES)
def test_a_hostile_file_is_refused_or_made_clean(
    api: ApiClient, post: Post, trap: socket.socket, peak: Path, root: Path, make: Make, end: str
) -> None:
    content = make("{}:{}".format(*trap.getsockname()))
    grown = growing()

    response = upload(api, post, content)

    taken = int(peak.read_text()) if peak.exists() else 0
    assert_kept(response, root) if end == KEPT else assert_refused(response, end, root)
    assert (taken < CHILD_MEGABYTES * 1024, grown() < OUR_MEGABYTES * 1024**2) == (True, True), (taken, grown())
    with pytest.raises(BlockingIOError):
        trap.accept()


@pytest.mark.parametrize(("sent", "shown"), NAMES.values(), ids=NAMES)
def test_a_hostile_name_is_shown_clean_and_is_never_a_path(
    api: ApiClient, post: Post, root: Path, sent: bytes, shown: str
) -> None:
    response = upload(api, post, picture(), sent)

    assert_kept(response, root)
    assert Media.objects.get().filename == response.json()["data"]["media"]["filename"] == shown
    served = api.client.get(urlsplit(response.json()["data"]["media"]["url"])._replace(scheme="", netloc="").geturl())
    assert (served.status_code, served["Content-Type"], served["X-Content-Type-Options"]) == (
        200,
        "image/jpeg",
        "nosniff",
    )
    assert served["Content-Disposition"].isprintable()
    served.close()


def test_a_name_of_5_000_characters_is_too_long(api: ApiClient, post: Post, root: Path) -> None:
    response = upload(api, post, picture(), b"x" * 5000 + b".jpg")

    assert_refused(response, "name", root)


@pytest.mark.parametrize("name", [b"", b"..", b"a\xff\xfe.jpg"], ids=["none", "dots", "no Unicode"])
def test_what_has_no_name_is_no_file(api: ApiClient, post: Post, root: Path, name: bytes) -> None:
    response = upload(api, post, picture(), name)

    assert (response.status_code, response.json()["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert (Media.objects.count(), files_in(root)) == (0, set())
