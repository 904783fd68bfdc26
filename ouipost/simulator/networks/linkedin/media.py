"""Files for posts on LinkedIn: announced by their owner, uploaded to an address of their own, then checked."""

import hashlib
import io
import re
import secrets
import zipfile
from datetime import timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import clips, media, publishing
from ouipost.simulator.call import Call, Refusal
from ouipost.simulator.clips import Clip
from ouipost.simulator.models import Media, Piece
from ouipost.simulator.networks.linkedin.access import (
    ID,
    authorized,
    denied,
    error,
    invalid,
    is_self_serve,
    milliseconds,
    not_found,
    writer,
)

URL_LIFETIME = timedelta(hours=24)
LIFETIME = timedelta(days=30)
"""The lifetime of an upload address, and of a file without a post; neither is documented."""
PART_BYTES = 4_194_304
IMAGE_FORMATS = ("JPEG", "MPO", "PNG", "GIF")
PIXELS_BEYOND, MAX_GIF_FRAMES = 36_152_320, 250
MAX_IMAGE_BYTES = 5 * 1024 * 1024
MIN_VIDEO_BYTES, MAX_VIDEO_BYTES = 75_000, 500 * 1024 * 1024
MAX_DOCUMENT_BYTES = 100 * 1024 * 1024
MIN_SECONDS, MAX_SECONDS, MAX_RATIO = 3, 1800, 2.4
ROUNDING = 0.05
"""The tolerance for the length and ratio of a video, as files are seldom exact."""
MAX_PAGES = 300
PDF_PAGE = re.compile(rb"/Type\s*/Page(?![a-zA-Z])")
OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
SLIDE = re.compile(r"ppt/slides/slide\d+\.xml")


def initialize(call: Call, kind: str) -> HttpResponse:
    """Give the owner a URN and an upload address for a coming file."""
    request = call.params.get("initializeUploadRequest")
    if call.text("action") != "initializeUpload" or not isinstance(request, dict):
        raise invalid("initializeUploadRequest", "is required", "MISSING_FIELD")
    owner = str(request.get("owner", ""))
    token = writer(call, owner)
    name = f"D{publishing.snowflake(call.now)}"
    size = size_of(request) if kind == "video" else 0
    data = {
        "kind": kind,
        "member": token.account,
        "is_sent": False,
        "token": secrets.token_urlsafe(24),
        "size": size,
        "ends": milliseconds(call.now + URL_LIFETIME),
    }
    keep(call, f"urn:li:{kind}:{name}", owner, b"", data=data)
    value: dict[str, Any] = {kind: f"urn:li:{kind}:{name}"}
    if kind == "video":
        value |= {"uploadToken": data["token"], "uploadUrlsExpireAt": data["ends"]}
        value["uploadInstructions"] = instructions(name, size)
    else:
        value |= {"uploadUrlExpiresAt": data["ends"], "uploadUrl": address(name, kind, 0)}
    return JsonResponse({"value": value})


def size_of(request: dict[str, Any]) -> int:
    """Return the announced size of a video, or refuse."""
    size = request.get("fileSizeBytes")
    if type(size) is not int or not 1 <= size <= MAX_VIDEO_BYTES:
        raise invalid("fileSizeBytes", f"must be a number from 1 to {MAX_VIDEO_BYTES}")
    return size


def address(name: str, kind: str, part: int) -> str:
    """Return the upload address of a file, or of a part of it."""
    return f"https://www.linkedin.com/dms-uploads/{name}/uploaded-{kind}/{part}?ca=vector_feedshare&cn=uploads"


def instructions(name: str, size: int) -> list[dict[str, Any]]:
    """Return the upload address and range of each part of a video."""
    return [
        {
            "uploadUrl": address(name, "video", first // PART_BYTES),
            "firstByte": first,
            "lastByte": min(first + PART_BYTES, size) - 1,
        }
        for first in range(0, size, PART_BYTES)
    ]


def keep(call: Call, urn: str, owner: str, content: bytes, **values: Any) -> None:
    """Keep a file, or the known facts of a coming one."""
    media.keep(call, ID, owner, urn, content, lifetime=LIFETIME, **values)


def bring(call: Call, name: str, kind: str) -> HttpResponse:
    """Take an image or a document, and start processing it."""
    kept = announced(call, f"urn:li:{kind}:{name}")
    if authorized(call).account != kept.data["member"]:
        raise denied(f"upload to {kept.external_id}")
    content = call.raw + call.request.read()
    look = look_at_image if kind == "image" else look_at_document
    settle(call, kept, content, *look(content))
    return HttpResponse(status=201)


def announced(call: Call, urn: str) -> Media:
    """Return the upload of this address, or refuse one that is unknown or expired."""
    kept = Media.objects.defer("content").filter(network=ID, external_id=urn).first()
    if kept is None:
        raise not_found("Unknown upload")
    if kept.data["ends"] <= milliseconds(call.now):
        raise error(400, "The upload URL has expired", "EXPIRED_UPLOAD_URL")
    return kept


def settle(call: Call, kept: Media, content: bytes, facts: Any, trouble: str) -> None:
    """Keep a complete file; it is ready, or has failed, some time later."""
    trouble = "The file could not be processed." if "processing_failed" in call.effects else trouble
    keep(
        call,
        kept.external_id,
        kept.account,
        content,
        seen=facts,
        ready_at=call.ready_at,
        failed=bool(trouble),
        data=kept.data | {"is_sent": True, "trouble": trouble},
    )


def look_at_image(content: bytes) -> tuple[media.Picture | None, str]:
    """Return the facts of an image, and its flaw."""
    picture = media.look_at(content)
    if picture is None:
        return None, "The file is no image."
    wrong = {
        "The file is no JPG, PNG or GIF.": picture.format not in IMAGE_FORMATS,
        f"An image has at most {MAX_IMAGE_BYTES} bytes.": len(content) > MAX_IMAGE_BYTES,
        f"A GIF has at most {MAX_GIF_FRAMES} frames.": picture.format == "GIF" and picture.frames > MAX_GIF_FRAMES,
        f"An image has fewer than {PIXELS_BEYOND} pixels.": picture.width * picture.height >= PIXELS_BEYOND,
    }
    return picture, media.first_flaw(wrong)


def look_at_document(content: bytes) -> tuple[None, str]:
    """Return the flaw of a document."""
    pages = pages_of(content)
    wrong = {
        "The file is no PDF, DOC, DOCX, PPT or PPTX.": pages is None,
        f"A document has at most {MAX_DOCUMENT_BYTES} bytes.": len(content) > MAX_DOCUMENT_BYTES,
        f"A document has at most {MAX_PAGES} pages.": (pages or 0) > MAX_PAGES,
    }
    return None, media.first_flaw(wrong)


def pages_of(content: bytes) -> int | None:
    """Return the number of pages that a document's file states, None if it is no document."""
    if content.startswith(b"%PDF-"):
        return len(PDF_PAGE.findall(content))
    if content.startswith(OLD_OFFICE):
        return 0
    try:
        names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    except zipfile.BadZipFile:
        return None
    if "ppt/presentation.xml" in names:
        return sum(1 for name in names if SLIDE.fullmatch(name))
    return 0 if "word/document.xml" in names else None


def bring_part(call: Call, name: str, part: str) -> HttpResponse:
    """Keep a part of a video, and answer with its tag."""
    kept = announced(call, f"urn:li:video:{name}")
    if "Authorization" in call.request.headers or call.content_type != "application/octet-stream":
        raise error(400, "A part comes as application/octet-stream, without an Authorization header")
    first = int(part) * PART_BYTES
    expected = min(PART_BYTES, kept.data["size"] - first)
    if expected <= 0 or len(call.raw) != expected:
        raise error(400, f"This part has {expected} bytes, not {len(call.raw)}")
    media.add_piece(ID, kept.external_id, first, call.raw)
    return HttpResponse(headers={"ETag": f'"{tag_of(call.raw)}"'})


def tag_of(content: bytes) -> str:
    """Return the tag of a part."""
    return hashlib.sha256(content).hexdigest()[:32]


def videos(call: Call) -> HttpResponse:
    """Begin or finish the upload of a video."""
    match call.text("action"):
        case "initializeUpload":
            return initialize(call, "video")
        case "finalizeUpload":
            return finalize(call)
    raise invalid("action", "must be initializeUpload or finalizeUpload")


def finalize(call: Call) -> HttpResponse:
    """Join the parts of a video and start processing it; a second call changes nothing."""
    request = call.params.get("finalizeUploadRequest")
    request = request if isinstance(request, dict) else {}
    kept = owned(call, str(request.get("video", "")), "video")
    if request.get("uploadToken") != kept.data["token"]:
        raise invalid("uploadToken", "does not belong to this video")
    if kept.data["is_sent"]:
        return HttpResponse()
    pieces = Piece.objects.filter(network=ID, upload=kept.external_id).order_by("start")
    tags = [tag_of(bytes(piece.content)) for piece in pieces.iterator(chunk_size=1)]
    if request.get("uploadedPartIds") != tags or media.received(ID, kept.external_id) != kept.data["size"]:
        raise invalid("uploadedPartIds", "must name every part of the video in order")
    content = media.whole(ID, kept.external_id)
    settle(call, kept, content, *look_at_video(content))
    return HttpResponse()


def look_at_video(content: bytes) -> tuple[Clip | None, str]:
    """Return the facts of a video, and its flaw."""
    clip = clips.look_at_clip(content)
    if clip is None:
        return None, "The file is no video."
    wrong = {
        "The file is no MP4.": clip.mime != "video/mp4",
        f"A video has at least {MIN_VIDEO_BYTES} bytes.": len(content) < MIN_VIDEO_BYTES,
        f"A video is at least {MIN_SECONDS} seconds long.": clip.seconds < MIN_SECONDS - ROUNDING,
        f"A video is at most {MAX_SECONDS} seconds long.": clip.seconds > MAX_SECONDS + ROUNDING,
        "The aspect ratio is not between 1:2.4 and 2.4:1.": not (
            1 / (MAX_RATIO + ROUNDING) <= clip.ratio <= MAX_RATIO + ROUNDING
        ),
    }
    return clip, media.first_flaw(wrong)


def owned(call: Call, urn: str, kind: str) -> Media:
    """Return a file whose owner the token may write for, or refuse."""
    kept = Media.objects.defer("content").filter(network=ID, external_id=urn, data__kind=kind).first()
    if kept is None:
        raise not_found(f"Could not find {urn}")
    writer(call, kept.account)
    return kept


def show(call: Call, kind: str, urn: str) -> HttpResponse:
    """Show the processing state of a file; for images and documents the token must be allowed to read posts."""
    kept = owned(call, urn, kind)
    if call.token is None or (kind != "video" and is_self_serve(call.token)):
        raise denied(f"partnerApi{kind.capitalize()}s.GET")
    shown: dict[str, Any] = {"id": urn, "owner": kept.account, "status": status_of(call, kept)}
    if shown["status"] == "PROCESSING_FAILED":
        shown["processingFailureReason"] = kept.data["trouble"]
    return JsonResponse(shown)


def status_of(call: Call, kept: Media) -> str:
    """Return the state of a file."""
    if not kept.data["is_sent"]:
        return "WAITING_UPLOAD"
    if kept.ready_at > call.now:
        return "PROCESSING"
    return "PROCESSING_FAILED" if kept.failed else "AVAILABLE"


def usable(call: Call, owner: str, urn: str) -> Media:
    """Return a file of this owner that is ready for a post, or refuse."""
    found = Media.objects.defer("content").filter(network=ID, account=owner, external_id=urn).first()
    if found is None or (found.expires_at <= call.now and not found.used):
        raise invalid("content", f"{urn} is no file of {owner}", "INVALID_URN_ID")
    if refusal := not_ready(status_of(call, found), found):
        raise refusal
    return found


def not_ready(status: str, found: Media) -> Refusal | None:
    """Return the refusal for a file in this state."""
    if status == "AVAILABLE":
        return None
    if status == "PROCESSING_FAILED":
        return error(400, f"{found.external_id}: {found.data['trouble']}", "MEDIA_ASSET_PROCESSING_FAILED")
    return error(400, f"{found.external_id} is waiting for its upload or processing", "MEDIA_ASSET_WAITING_UPLOAD")
