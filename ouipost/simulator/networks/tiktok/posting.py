"""Posting on TikTok: a post begins, its bytes come in chunks or are pulled, and its status can be polled."""

import re
import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpResponse

from ouipost.simulator import media
from ouipost.simulator.call import Call, Refusal
from ouipost.simulator.models import Account, Media, Token, atomic
from ouipost.simulator.networks.tiktok.access import (
    ID,
    INBOX_ID,
    PUBLISH,
    UPLOAD,
    UPLOAD_HOST,
    VIDEO_ID,
    account_of,
    answer,
    authorized,
    error,
    find_upload,
    invalid,
)
from ouipost.simulator.networks.tiktok.creators import DRAFT, admit_draft, admit_post, checked_info
from ouipost.simulator.networks.tiktok.posts import (
    PHOTO,
    VIDEO,
    keep,
    pulled,
    settle,
    state,
    take_photos,
    take_video,
)

PULLED_VIDEO_ID, PHOTO_ID, PULLED_INBOX_ID = "v_pub_url~v2-1.", "p_pub_url~v2-1.", "v_inbox_url~v2."
PULL = "PULL_FROM_URL"
UPLOAD_LIFETIME = timedelta(hours=1)
MIN_CHUNK, MAX_CHUNK, MAX_LAST_CHUNK, MAX_CHUNKS = 5 * 1024 * 1024, 64_000_000, 128_000_000, 1000
"""The limits could mean megabytes or mebibytes; only sizes that satisfy both are accepted."""
MAX_VIDEO_BYTES = 4_000_000_000
MAX_PULLED_VIDEO_BYTES = 64 * 1024 * 1024
"""A limit of the simulator only."""
MAX_PHOTOS = 35
VIDEO_TYPES = ("video/mp4", "video/quicktime", "video/webm")
CAPTION, TITLE, DESCRIPTION = 2200, 90, 4000
RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")


def begin_video(call: Call) -> HttpResponse:
    """Begin a video post: with bytes to be uploaded, or with an address."""
    account = account_of(authorized(call, PUBLISH))
    admit_post(call, account)
    info = checked_info(call, account, {"title": CAPTION}, ("comment", "duet", "stitch"))
    about = {"text": info.get("title", ""), "privacy": info["privacy_level"], "is_aigc": info.get("is_aigc", False)}
    return begin(call, account, (VIDEO_ID, PULLED_VIDEO_ID), kind=VIDEO, **about)


def begin_draft(call: Call) -> HttpResponse:
    """Begin a video that only goes to the inbox of its creator, who finishes it there."""
    account = account_of(authorized(call, UPLOAD))
    admit_draft(call, account)
    return begin(call, account, (INBOX_ID, PULLED_INBOX_ID), kind=DRAFT)


def begin(call: Call, account: Account, begins: tuple[str, str], **data: Any) -> HttpResponse:
    """Store a begun post, and answer with its upload address; a pulled video is processed at once."""
    source = source_of(call)
    match source:
        case {"source": "FILE_UPLOAD"}:
            size, chunk = planned(source)
            secret = secrets.token_urlsafe(24)
            kept = keep(call, account, begins[0], data | {"size": size, "chunk": chunk, "secret": secret})
            number = kept.external_id.removeprefix(begins[0])
            address = f"https://{UPLOAD_HOST}/video/?upload_id={number}&upload_token={secret}"
            return answer(publish_id=kept.external_id, upload_url=address)
        case {"source": "PULL_FROM_URL", "video_url": str() as address}:
            check_owned(address)
            kept = keep(call, account, begins[1], data)
            take_video(call, kept, pulled(address, most=MAX_PULLED_VIDEO_BYTES))
            return answer(publish_id=kept.external_id)
    raise invalid("source_info is invalid.")


def pulls(call: Call) -> bool:
    """Return whether a video post begins with an address, and so is complete at once."""
    return source_of(call).get("source") == PULL


def source_of(call: Call) -> dict[str, Any]:
    """Return the information about the files, empty if missing."""
    source = call.json.get("source_info") if isinstance(call.json, dict) else None
    return source if isinstance(source, dict) else {}


def planned(source: dict[str, Any]) -> tuple[int, int]:
    """Return the sizes of the video and of its chunks, or refuse a plan that breaks the rules."""
    size, chunk, count = (source.get(name) for name in ("video_size", "chunk_size", "total_chunk_count"))
    if type(size) is not int or type(chunk) is not int or type(count) is not int or not 0 < size <= MAX_VIDEO_BYTES:
        raise invalid("video_size, chunk_size and total_chunk_count must be numbers.")
    if not 0 < chunk <= min(size, MAX_CHUNK) or (chunk < MIN_CHUNK and chunk != size):
        raise invalid("The chunk size is invalid.")
    if count != size // chunk or count > MAX_CHUNKS or size - (count - 1) * chunk > MAX_LAST_CHUNK:
        raise invalid("The total chunk count is invalid.")
    return size, chunk


def check_owned(address: str) -> None:
    """Refuse an address outside the only verified prefix, this installation's own."""
    own = getattr(settings, "PUBLIC_BASE_URL", "")
    if not own or not address.startswith(f"{own}/"):
        raise error(403, "url_ownership_unverified")


def put_chunk(call: Call) -> HttpResponse:
    """Take the next chunk of a video; the last one makes it a post."""
    upload = find_upload(call)
    if upload is None:
        raise Refusal(404, {})
    is_over = upload.created_at + UPLOAD_LIFETIME <= call.now
    if not secrets.compare_digest(upload.data["secret"], call.text("upload_token")) or is_over:
        raise Refusal(403, {})
    first, last, total = ranges(call, upload)
    have = total if upload.used else media.received(ID, upload.external_id)
    if first != have:
        raise Refusal(416, {}, {"Content-Range": held(have, total)})
    if len(call.raw) != part_size(upload, first):
        raise Refusal(400, {})
    media.add_piece(ID, upload.external_id, first, call.raw)
    if last + 1 < total:
        return HttpResponse(status=206, headers={"Content-Range": held(last + 1, total)})
    with atomic():
        if not take(upload):
            raise Refusal(416, {}, {"Content-Range": held(total, total)})
        take_video(call, upload, media.whole(ID, upload.external_id))
    return HttpResponse(status=201, headers={"Content-Range": held(total, total)})


def part_size(upload: Media, first: int) -> int:
    """Return the size of the chunk at this offset; the last chunk includes the remainder."""
    size, chunk = upload.data["size"], upload.data["chunk"]
    return int(chunk if first + 2 * chunk <= size else size - first)


def take(begun: Media) -> bool:
    """Start processing a post, and return whether this caller was the first."""
    return bool(Media.objects.filter(pk=begun.pk, used=False).update(used=True))


def ranges(call: Call, upload: Media) -> tuple[int, int, int]:
    """Return first byte, last byte and size from the headers, or refuse invalid headers."""
    found = RANGE.fullmatch(call.request.headers.get("Content-Range", ""))
    first, last, total = (int(number) for number in found.groups()) if found else (0, 0, 0)
    fits = total == upload.data["size"] and last - first + 1 == len(call.raw)
    if call.content_type not in VIDEO_TYPES or not fits or "Authorization" in call.request.headers:
        raise Refusal(400, {})
    return first, last, total


def held(count: int, total: int) -> str:
    """Return the Content-Range of the received bytes; its end is their number, not the last index."""
    return f"bytes 0-{count}/{total}"


def completes(call: Call) -> bool:
    """Return whether a chunk is the last one of its video."""
    found = RANGE.fullmatch(call.request.headers.get("Content-Range", ""))
    return found is not None and int(found[2]) + 1 == int(found[3])


def begin_photos(call: Call) -> HttpResponse:
    """Fetch the photos, and post them, or put them into the inbox as a draft."""
    body = call.json if isinstance(call.json, dict) else {}
    if body.get("media_type") != "PHOTO" or body.get("post_mode") not in ("DIRECT_POST", "MEDIA_UPLOAD"):
        raise invalid("media_type must be PHOTO, and post_mode DIRECT_POST or MEDIA_UPLOAD.")
    if not isinstance(body.get("is_aigc", False), bool):
        raise invalid("is_aigc must be true or false.")
    is_direct = body["post_mode"] == "DIRECT_POST"
    account = account_of(authorized(call, PUBLISH if is_direct else UPLOAD))
    (admit_post if is_direct else admit_draft)(call, account)
    about: dict[str, Any] = {"kind": DRAFT}
    if is_direct:
        info = checked_info(call, account, {"title": TITLE, "description": DESCRIPTION}, ("comment",))
        texts = {"text": info.get("description", ""), "title": info.get("title", "")}
        about = {"kind": PHOTO, "privacy": info["privacy_level"], "is_aigc": body.get("is_aigc", False), **texts}
    addresses = photo_addresses(source_of(call))
    begun = keep(call, account, PHOTO_ID, about | {"pulled": True})
    take_photos(call, begun, addresses)
    return answer(publish_id=begun.external_id)


def photo_addresses(source: dict[str, Any]) -> list[str]:
    """Return the addresses of the photos, or refuse them."""
    found = source.get("photo_images") if source.get("source") == PULL else None
    if not isinstance(found, list) or not all(isinstance(address, str) for address in found):
        raise invalid("source_info must be PULL_FROM_URL with a list of photo_images.")
    if not 1 <= len(found) <= MAX_PHOTOS:
        raise invalid(f"There must be 1 to {MAX_PHOTOS} photo_images.")
    cover = source.get("photo_cover_index", 0)
    if type(cover) is not int or not 0 <= cover < len(found):
        raise invalid("photo_cover_index must be the index of a photo.")
    for address in found:
        check_owned(address)
    return found


def fetch_status(call: Call) -> HttpResponse:
    """Show the status of a post."""
    begun = own(call, authorized(call, PUBLISH, UPLOAD))
    if "secret" in begun.data:
        have = begun.data["size"] if begun.used else media.received(ID, begun.external_id)
        return answer(**state(call, begun, "PROCESSING_UPLOAD"), uploaded_bytes=have)
    return answer(**state(call, begun, "PROCESSING_DOWNLOAD"), downloaded_bytes=begun.size)


def own(call: Call, token: Token) -> Media:
    """Return the caller's post that the call names, or refuse."""
    publish_id = call.json.get("publish_id") if isinstance(call.json, dict) else None
    rows = Media.objects.defer("content").filter(network=ID, external_id=publish_id)
    begun = rows.first() if isinstance(publish_id, str) else None
    if begun is None or "kind" not in begun.data:
        raise error(400, "invalid_publish_id")
    if begun.account != token.account:
        raise error(403, "token_not_authorized_for_specified_publish_id")
    return begun


def cancel(call: Call) -> HttpResponse:
    """Cancel a post whose bytes are not complete."""
    begun = own(call, authorized(call, PUBLISH, UPLOAD))
    with atomic():
        if not take(begun):
            raise error(400, "publish_not_cancellable")
        settle(call, begun, "publish_cancelled", None, content=b"", picture=None)
    return answer()
