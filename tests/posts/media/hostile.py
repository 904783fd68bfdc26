"""Files as hostile people send them: what they are is not what they say, or more than one can take."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

import av

from posts.media import document_child
from tests.posts.media.clips import clip, office
from tests.posts.media.pictures import picture

OFFICE_TYPES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
RELATIONS = "word/_rels/document.xml.rels"
RELATION = '<Relationships><Relationship Id="r1" Type="{kind}" Target="{target}"{more}/></Relationships>'
DDE_FIELD = (
    "<w:p xmlns:w='w'><w:r><w:instrText>DDE</w:instrText></w:r><w:r><w:instrText>AUTO cmd</w:instrText></w:r></w:p>"
)
MOUSE_ACTION = "<p:sld xmlns:p='p' xmlns:a='a'><a:hlinkMouseOver action='ppaction://program'/></p:sld>"
ENTITY_BOMB = "<!DOCTYPE x [{}]><Relationships>&e9;</Relationships>".format(
    "<!ENTITY e0 'ha'>" + "".join(f"<!ENTITY e{n + 1} '{f'&e{n};' * 10}'>" for n in range(9))
)
NOTHING = bytes(1_000_000)
TRACK = (b"moov", b"trak", b"mdia", b"minf")
DREF = (*TRACK, b"dinf", b"dref")
TABLES = (*TRACK, b"stbl")


def archive(**parts: bytes) -> bytes:
    """Return a ZIP of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for name, content in parts.items():
            opened.writestr(name, content)
    return buffer.getvalue()


def gif_that_is_a_script() -> bytes:
    """Return a GIF that is JavaScript too: its width opens a comment that ends in a comment of its own."""
    gif = bytearray(picture("GIF", comment=b"*/=1;alert(document.cookie);/*"))
    gif[6:8] = b"/*"
    return bytes(gif) + b"*/=1;<script>alert(1)</script>"


def png_with(kind: bytes, body: bytes) -> bytes:
    """Return a sound PNG with this chunk ahead of its pixels."""
    png = picture("PNG")
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return png[:33] + chunk + png[33:]


def squeezed(megabytes: int) -> bytes:
    """Return so many megabytes of nothing, in a thousandth of the room."""
    checksum = 1
    for _ in range(megabytes):
        checksum = zlib.adler32(NOTHING, checksum)
    return b"\x78\x9c" + deflated(megabytes) + struct.pack(">I", checksum)


def deflated(megabytes: int) -> bytes:
    """Return the same as a ZIP holds it."""
    packer = zlib.compressobj(wbits=-15)
    return (packer.compress(NOTHING) + packer.flush(zlib.Z_FULL_FLUSH)) * megabytes + b"\x03\x00"


def box(kind: bytes, body: bytes) -> bytes:
    """Return a box of an MP4."""
    return struct.pack(">I", len(body) + 8) + kind + body


def changed(content: bytes, path: tuple[bytes, ...], change: Callable[[bytes], bytes]) -> bytes:
    """Return an MP4, or the inside of a box, with all boxes at this path changed; its index must come last."""
    done, at = b"", 0
    while at < len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        whole = content[at : at + size]
        if kind == path[0]:
            whole = change(whole) if len(path) == 1 else box(kind, changed(whole[8:], path[1:], change))
        done, at = done + whole, at + size
    return done


def video_elsewhere(address: str) -> bytes:
    """Return an MP4 that says that its pictures are at an address."""
    entry = box(b"url ", bytes(4) + f"http://{address}/x.mp4".encode() + b"\0")
    return changed(clip(), DREF, lambda _: box(b"dref", bytes(7) + b"\1" + entry))


def video_from_a_path(path: str) -> bytes:
    """Return a MOV that says that its pictures are in a file of the machine that reads it."""
    told = path.replace("/", ":").encode()
    alias = bytes(10) + b"\4Disk".ljust(28, b"\0") + bytes(12) + b"\6passwd".ljust(64, b"\0") + bytes(16)
    alias += struct.pack(">hh", 2, 2) + bytes(16) + struct.pack(">hH", 2, len(told)) + told + b"\xff\xff" + bytes(40)
    return changed(clip("mov"), DREF, lambda _: box(b"dref", bytes(7) + b"\1" + box(b"alis", bytes(4) + alias)))


def video_with_a_cover() -> bytes:
    """Return an MP4 whose first picture track is a cover that says where it was taken."""
    item = box(b"data", struct.pack(">II", 13, 0) + picture(comment=b"SecretNote"))
    handler = box(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))
    tags = box(b"udta", box(b"meta", bytes(4) + handler + box(b"ilst", box(b"covr", item))))
    return changed(clip(), (b"moov", b"mvhd"), lambda header: header + tags)


def video_of_many_samples(count: int = 15_000_000) -> bytes:
    """Return an MP4 of a few kilobytes that says that it has so many pictures."""
    tables = {
        b"stsz": struct.pack(">III", 0, 1, count),
        b"stts": struct.pack(">IIII", 0, 1, count, 512),
        b"stsc": struct.pack(">IIIII", 0, 1, 1, count, 1),
    }
    return with_tables(clip(sound=False), tables)


def with_tables(video: bytes, tables: dict[bytes, bytes]) -> bytes:
    """Return the video with these tables of its pictures in the place of its own."""
    for kind, body in tables.items():
        video = changed(video, (*TABLES, kind), partial(_other_box, body))
    return video


def _other_box(body: bytes, old: bytes) -> bytes:
    return box(old[4:8], body)


def video_of_many_tracks() -> bytes:
    """Return an MP4 with more than a thousand tracks."""
    return changed(clip(), (b"moov", b"trak"), lambda track: track * 600)


def small_webm() -> bytes:
    return clip("webm", codec="libvpx", sound=False, seconds=1, size=(64, 48))


def video_whose_pictures_grow() -> bytes:
    """Return a WebM that announces small pictures and has pictures of 268 megapixels."""
    small, large = struct.pack("<3sHH", b"\x9d\x01\x2a", 64, 48), struct.pack("<3sHH", b"\x9d\x01\x2a", 16383, 16383)
    return small_webm().replace(small, large)


def video_that_repeats(count: int = 100_000) -> bytes:
    """Return an MP4 of some kilobytes whose copy would have a hundred megabytes: all its pictures are the first."""
    video = clip(sound=False, options=(("use_editlist", "0"),))  # else no more is shown than that says
    size, where = (_number_at(video, video.index(kind) + at) for kind, at in ((b"stsz", 16), (b"stco", 12)))
    tables = {
        b"stsz": struct.pack(">III", 0, size, count),
        b"stts": struct.pack(">IIII", 0, 1, count, 512),
        b"stsc": struct.pack(">IIIII", 0, 1, 1, 1, 1),
        b"stco": struct.pack(">II", 0, count) + struct.pack(">I", where) * count,
    }
    return with_tables(video, tables)


def _number_at(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 4])


def video_that_tells() -> bytes:
    """Return a MOV with a title, chapters, a time code, and tracks that have names."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mov") as target, av.open(io.BytesIO(clip("mov"))) as source:
        outputs = {track.index: target.add_stream_from_template(track) for track in source.streams}
        for output in outputs.values():
            output.metadata.update(handler_name="SecretName", language="fra", timecode="01:02:03:04")
        target.metadata.update(title="SecretTitle")
        chapter = {"id": 1, "start": 0, "end": 1000, "time_base": Fraction(1, 1000)}
        target.set_chapters([chapter | {"metadata": {"title": "SecretChapter"}}])  # type: ignore[list-item]
        for packet in source.demux():  # type: ignore[union-attr]  # it is open for reading
            if packet.dts is not None:
                packet.stream = outputs[packet.stream.index]
                target.mux(packet)
    return buffer.getvalue()


def video_in_an_unknown_format() -> bytes:
    """Return an MP4 whose pictures are in a format that nobody knows."""
    return clip(sound=False).replace(b"avc1", b"zzzz").replace(b"isomiso2zzzz", b"isomiso2avc1")


def raw_pdf(catalog: str, *more: bytes, trailer: str = "") -> bytes:
    """Return a PDF of one page, with this in its catalog and with these objects, of which the first is number 4."""
    content, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(_objects(catalog, *more), 1):
        offsets.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(offsets) + 1
    start = len(content)
    told = trailer.format(start=start).encode()
    content += b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root 1 0 R%s>>\n" % (size, table, size, told)
    return content + b"startxref\n%d\n%%%%EOF\n" % start


def _objects(catalog: str, *more: bytes) -> list[bytes]:
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]>>"
    return [f"<</Type/Catalog/Pages 2 0 R{catalog}>>".encode(), b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page, *more]


def packed_pdf(catalog: str, *more: bytes) -> bytes:
    """Return the same with all objects in a compressed stream, where no search for words finds them."""
    bodies = _objects(catalog, *more)
    return packed(bodies, zlib.compress(_object_stream(bodies)), len(_offsets(bodies)))


def _offsets(bodies: list[bytes]) -> bytes:
    starts = [sum(len(body) + 1 for body in bodies[:number]) for number in range(len(bodies))]
    return " ".join(f"{number} {start}" for number, start in enumerate(starts, 1)).encode() + b"\n"


def _object_stream(bodies: list[bytes]) -> bytes:
    return _offsets(bodies) + b"\n".join(bodies)


def packed(bodies: list[bytes], stream: bytes, first: int) -> bytes:
    """Return a PDF whose objects are in this stream."""
    count = len(bodies)
    content = b"%PDF-1.7\n"
    rows = [struct.pack(">BIH", 0, 0, 65535)]
    rows += [struct.pack(">BIH", 2, count + 1, index) for index in range(count)]
    rows += [struct.pack(">BIH", 1, len(content), 0)]
    header = b"/Type/ObjStm/N %d/First %d/Filter/FlateDecode" % (count, first)
    content += b"%d 0 obj\n" % (count + 1) + stream_of(stream, header) + b"\nendobj\n"
    rows += [struct.pack(">BIH", 1, len(content), 0)]
    table = stream_of(b"".join(rows), b"/Type/XRef/Size %d/W[1 4 2]/Root 1 0 R" % len(rows))
    return content + b"%d 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n" % (count + 2, table, len(content))


def pdf_of_two_generations(script: bytes) -> bytes:
    """Return a PDF whose object 4 is nothing, and in its second generation a script."""
    content = raw_pdf("/OpenAction 4 1 R/Outlines 4 0 R", b"<<>>", script)
    content = content.replace(b"5 0 obj", b"4 1 obj").replace(b"xref\n0 6", b"xref\n0 5")
    head, row, tail = content.rpartition(b" 00000 n \n")
    return head[:-10] + b"4 1\n" + head[-10:] + row.replace(b"00000", b"00001") + tail


def stream_of(content: bytes, keys: bytes = b"") -> bytes:
    """Return a PDF's stream."""
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (keys, len(content), content)


def bomb_pdf() -> bytes:
    """Return a PDF of some hundred kilobytes whose objects are in a stream of 300 megabytes."""
    bodies = _objects("")
    return packed(bodies, squeezed(300), len(_offsets(bodies)))


def tree_pdf(levels: int = 12) -> bytes:
    """Return a PDF of 4 kilobytes that has a million million pages."""
    nodes = [b"<</Type/Pages/Count 10/Kids[%s]>>" % (b"%d 0 R " % (number + 5) * 10) for number in range(levels)]
    page = b"<</Type/Page/Parent 4 0 R/MediaBox[0 0 200 100]>>"
    return raw_pdf("", *nodes, page).replace(b"Kids[3 0 R]", b"Kids[4 0 R]")


def docx_with(name: str, content: str | bytes) -> bytes:
    """Return a DOCX with this part."""
    return office(more={name: content})


def relation(kind: str, target: str, *, external: str = ' TargetMode="External"') -> str:
    """Return a list of one relation, of this kind and to this target."""
    return RELATION.format(kind=f"{OFFICE_TYPES}/{kind}", target=target, more=external)


def docx_typed(kind: str, **names: str) -> bytes:
    """Return a DOCX that says that what is named so, by its `PartName` or its `Extension`, is of this type."""
    rule = "Override" if "PartName" in names else "Default"
    told = "".join(f' {key}="{name}"' for key, name in names.items())
    more = f'<{rule} ContentType="{kind}"{told}/></Types>'
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(office())) as source, zipfile.ZipFile(buffer, "w") as target:
        for entry in source.infolist():
            content = source.read(entry)
            target.writestr(entry, content.replace(b"</Types>", more.encode()))
    return buffer.getvalue()


def docx_of_three_blocks(target: str) -> bytes:
    """Return a DOCX with a relation that fills two of the blocks that are read, and ends with the next."""
    filler = "x" * 2 * document_child.BLOCK_BYTES
    return docx_with(RELATIONS, relation("image", target, external=f' TargetMode="External" x="{filler}"'))


def docx_related(kind: str, target: str, **values: str) -> bytes:
    """Return a DOCX with a relation of this kind to a target."""
    return docx_with(RELATIONS, relation(kind, target, **values))


def office_bomb(kind: str) -> bytes:
    """Return a document of some kilobytes that unpacks to 1.2 gigabytes: forty names for the same 30 megabytes."""
    return _rezipped(kind, "media/x.bmp", bytes(30_000_000), lambda info: None, times=40)


def office_that_lies(kind: str) -> bytes:
    """Return a document with a part of 400 megabytes that it says is of a hundred bytes."""
    inside = zipfile.ZipInfo("_rels/.rels")
    buffer = io.BytesIO(office(kind))
    with zipfile.ZipFile(buffer, "a") as opened:
        opened.writestr(inside, b"x")
        content = deflated(400)
        at = inside.header_offset
        opened.fp.seek(at)  # type: ignore[union-attr]  # it is open
        opened.fp.write(_local_header(inside.filename, len(content)) + content)  # type: ignore[union-attr]
        opened.start_dir = opened.fp.tell()  # type: ignore[union-attr]
        inside.compress_type, inside.compress_size, inside.file_size = zipfile.ZIP_DEFLATED, len(content), 100
    return buffer.getvalue()


def _local_header(name: str, size: int) -> bytes:
    fields = (b"PK\x03\x04", 20, 0, 8, 0, 0, 0, size, 100, len(name), 0)
    return struct.pack("<4sHHHHHIIIHH", *fields) + name.encode()


def _rezipped(
    kind: str, name: str, content: bytes, change: Callable[[zipfile.ZipInfo], None], *, times: int = 1
) -> bytes:
    buffer = io.BytesIO(office(kind))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(name, content)
        info = opened.filelist[-1]
        change(info)
        opened.filelist += [info] * (times - 1)
    return buffer.getvalue()


def docx_changed(**values: Any) -> bytes:
    """Return a DOCX whose relations are listed in the archive with these values."""

    def change(info: zipfile.ZipInfo) -> None:
        for key, value in values.items():
            setattr(info, key, value)

    return _rezipped("docx", RELATIONS, RELATION.format(kind="x", target="y", more="").encode() * 9, change)


def docx_broken() -> bytes:
    """Return a DOCX whose relations are packed in a way that cannot be unpacked."""
    document = bytearray(_rezipped("docx", RELATIONS, b"<Relationships/>" * 9, lambda info: None))
    at = document.rindex(RELATIONS.encode(), 0, document.index(b"PK\x01\x02")) + len(RELATIONS)
    document[at : at + 4] = b"\xff\xff\xff\xff"
    return bytes(document)


def docx_with_two_of_one_name() -> bytes:
    """Return a DOCX with two parts for its relations, of which each reader may take another."""
    return _rezipped("docx", RELATIONS, b"<Relationships/>", lambda info: None, times=2)
