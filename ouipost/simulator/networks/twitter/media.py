"""Files for posts on X: images in one piece, GIFs and videos in chunks; checked once they are complete."""

import base64
import binascii
import math
from datetime import timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import clips, media, publishing
from ouipost.simulator.call import Call, within
from ouipost.simulator.clips import Clip
from ouipost.simulator.models import Account, Media, Piece, Token
from ouipost.simulator.networks.twitter.access import ID, authorized, invalid, is_premium

LIFETIME = timedelta(days=1)
MEBIBYTE = 1024 * 1024
IMAGE, GIF, VIDEO = "tweet_image", "tweet_gif", "tweet_video"
CHUNKED = {GIF: ("image/gif",), VIDEO: ("video/mp4", "video/quicktime"), "amplify_video": ("video/mp4",)}
KEY_PREFIXES = {IMAGE: "3", GIF: "16"}
VIDEO_KEY_PREFIX = "7"
IMAGE_FORMATS = ("JPEG", "MPO", "PNG", "GIF", "WEBP")
MAX_IMAGE_BYTES, MAX_GIF_BYTES, MAX_CHUNK_BYTES = 5 * MEBIBYTE, 15 * MEBIBYTE, 5 * MEBIBYTE
MAX_VIDEO_BYTES, MAX_PREMIUM_VIDEO_BYTES = 8192 * MEBIBYTE, 16_384 * MEBIBYTE
MAX_GIF_WIDTH, MAX_GIF_HEIGHT, MAX_GIF_FRAMES, MAX_GIF_PIXELS = 1280, 1080, 350, 300_000_000
MIN_SIDE, MAX_RATIO, MAX_FPS, MIN_SECONDS = 32, 3, 60, 0.5
MAX_ALT_TEXT = 1000
LAST_SEGMENT = 999


def upload(call: Call) -> HttpResponse:
    """Take an image in one shot, as a multipart file or as base64 in JSON."""
    token = authorized(call, "media.write")
    if call.text("media_category") != IMAGE:
        raise invalid("media_category must be tweet_image: other kinds are uploaded in chunks.", "media_category")
    content = uploaded_bytes(call)
    kept = media.keep(
        call,
        ID,
        token.account,
        publishing.snowflake(call.now),
        content,
        lifetime=LIFETIME,
        seen=examine(content),
        ready_at=call.ready_at,
        failed="processing_failed" in call.effects,
        data={"category": IMAGE},
    )
    return JsonResponse({"data": media_facts(call, kept)})


def uploaded_bytes(call: Call) -> bytes:
    """Return the file, of a form or as base64 in JSON, or refuse a call without one."""
    return in_json(call) if call.json else in_form(call)


def in_json(call: Call) -> bytes:
    """Return the file from base64 in JSON, or refuse a call without one."""
    try:
        content = base64.b64decode(call.text("media"), validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if not content:
        raise invalid("media is missing.", "media")
    return content


def in_form(call: Call) -> bytes:
    """Return the file of a multipart form, or refuse a call without one, or with fields in its address."""
    content = call.files.get("media")
    if not content or call.request.GET:
        raise invalid("Send media, and what belongs to it, as multipart/form-data.", "media")
    return content


def examine(content: bytes) -> media.Picture:
    """Return the facts of an image that X takes, or refuse it."""
    if len(content) > MAX_IMAGE_BYTES:
        raise invalid(f"File size exceeds {MAX_IMAGE_BYTES} bytes.", "media")
    picture = media.look_at(content)
    if picture is None:
        raise invalid("The media could not be read: it is no image.", "media")
    if picture.format not in IMAGE_FORMATS:
        raise invalid("The type of the media is not one of JPG, PNG, GIF and WEBP.", "media")
    return picture


def initialize(call: Call) -> HttpResponse:
    """Begin an upload in chunks, and answer with its id."""
    token = authorized(call, "media.write")
    category, mime, total = announced(call, token)
    kept = media.keep(
        call,
        ID,
        token.account,
        publishing.snowflake(call.now),
        lifetime=LIFETIME,
        mime=mime,
        ready_at=call.now + LIFETIME,
        data={"category": category, "total": total},
    )
    return JsonResponse({"data": identity(call, kept)})


def announced(call: Call, token: Token) -> tuple[str, str, int]:
    """Return category, type and size of the announced file, or refuse it."""
    if not isinstance(call.json, dict):
        raise invalid("The body must be a JSON object.", "body")
    category, mime, total = (call.json.get(name) for name in ("media_category", "media_type", "total_bytes"))
    if not isinstance(category, str) or category not in CHUNKED:
        raise invalid(f"media_category must be one of {', '.join(CHUNKED)}.", "media_category")
    if mime not in CHUNKED[category]:
        raise invalid(f"media_type must be one of {', '.join(CHUNKED[category])}.", "media_type")
    most = most_bytes(category, token)
    if type(total) is not int or not 1 <= total <= most:
        raise invalid(f"total_bytes must be a number from 1 to {most}.", "total_bytes")
    return category, mime, total


def most_bytes(category: str, token: Token) -> int:
    """Return the largest size of a file of this kind for this user."""
    if category == GIF:
        return MAX_GIF_BYTES
    account = Account.objects.get(network=ID, external_id=token.account)
    return MAX_PREMIUM_VIDEO_BYTES if is_premium(account) else MAX_VIDEO_BYTES


def append(call: Call, media_id: str) -> HttpResponse:
    """Keep a chunk under its number; the same number again replaces it."""
    kept = open_upload(call, authorized(call, "media.write"), media_id)
    index = within(call.text("segment_index"), 0, LAST_SEGMENT)
    if index is None:
        message = f"segment_index must be a number from 0 to {LAST_SEGMENT}."
        raise invalid(message, "segment_index", call.text("segment_index"))
    content = in_form(call)
    if len(content) > MAX_CHUNK_BYTES:
        raise invalid(f"A chunk must not have more than {MAX_CHUNK_BYTES} bytes.", "media")
    Piece.objects.update_or_create(network=ID, upload=media_id, start=index, defaults={"content": content})
    return JsonResponse({"data": {"expires_at": int(kept.expires_at.timestamp())}})


def open_upload(call: Call, token: Token, media_id: str) -> Media:
    """Return an unfinished upload of this user, or refuse."""
    found = own_media(call, token, media_id)
    if "total" not in found.data:
        raise invalid("This upload takes no chunks.", "id", media_id)
    return found


def finalize(call: Call, media_id: str) -> HttpResponse:
    """Join the chunks and start processing the file; it is ready, or has failed, some time later."""
    kept = open_upload(call, authorized(call, "media.write"), media_id)
    content = joined(media_id)
    if len(content) != kept.data["total"]:
        raise invalid(f"The chunks have {len(content)} bytes, not the {kept.data['total']} that were announced.", "id")
    category = kept.data["category"]
    facts, trouble = look_at_gif(content) if category == GIF else look_at_video(content)
    trouble = "The media could not be processed." if "processing_failed" in call.effects else trouble
    media.keep(
        call,
        ID,
        kept.account,
        media_id,
        content,
        lifetime=LIFETIME,
        seen=facts,
        mime=kept.mime,
        alt_text=kept.alt_text,
        ready_at=call.ready_at,
        failed=bool(trouble),
        data={"category": category, "trouble": trouble},
    )
    return JsonResponse({"data": media_facts(call, own_media(call, None, media_id))})


def joined(media_id: str) -> bytes:
    """Join the received chunks, from number 0 to the first missing one."""
    parts = Piece.objects.filter(network=ID, upload=media_id).order_by("start")
    content = bytearray()
    for index, part in enumerate(parts.iterator(chunk_size=1)):
        if part.start != index:
            break
        content += part.content
    return bytes(content)


def look_at_gif(content: bytes) -> tuple[media.Picture | None, str]:
    """Return the facts of a GIF, and its flaw."""
    picture = media.look_at(content)
    if picture is None:
        return None, "The file is no GIF."
    too_large = picture.width > MAX_GIF_WIDTH or picture.height > MAX_GIF_HEIGHT
    pixels = picture.frames * picture.width * picture.height
    wrong = {
        "The file is no GIF.": picture.format != "GIF",
        f"A GIF has at most {MAX_GIF_WIDTH}x{MAX_GIF_HEIGHT} pixels.": too_large,
        f"A GIF has at most {MAX_GIF_FRAMES} frames.": picture.frames > MAX_GIF_FRAMES,
        f"A GIF has at most {MAX_GIF_PIXELS} pixels in all frames.": pixels > MAX_GIF_PIXELS,
    }
    return picture, media.first_flaw(wrong)


def look_at_video(content: bytes) -> tuple[Clip | None, str]:
    """Return the facts of a video, and its flaw."""
    clip = clips.look_at_clip(content)
    if clip is None:
        return None, "The file is no video."
    wrong = {
        "The file is no MP4 or MOV.": clip.mime not in CHUNKED[VIDEO],
        "The video codec is not H.264.": clip.video_codec != "h264",
        "The video's pixels are not yuv420p.": not clip.is_usual,
        "The audio codec is not AAC.": clip.audio_codec not in ("", "aac"),
        f"The video has more than {MAX_FPS} frames a second.": clip.fps > MAX_FPS,
        f"A side is shorter than {MIN_SIDE} pixels.": min(clip.width, clip.height) < MIN_SIDE,
        "The aspect ratio is not between 1:3 and 3:1.": not 1 / MAX_RATIO <= clip.ratio <= MAX_RATIO,
        f"The video is shorter than {MIN_SECONDS} seconds.": clip.seconds < MIN_SECONDS,
    }
    return clip, media.first_flaw(wrong)


def status(call: Call) -> HttpResponse:
    """Show the processing state of an upload; of an unfinalized one, only its identity."""
    token = authorized(call, "media.write")
    if call.text("command") != "STATUS":
        raise invalid("command must be STATUS.", "command")
    kept = own_media(call, token, call.text("media_id"))
    return JsonResponse({"data": identity(call, kept) if "total" in kept.data else media_facts(call, kept)})


def own_media(call: Call, token: Token | None, media_id: str) -> Media:
    """Return an existing upload of the caller, or refuse."""
    account = token.account if token else call.account
    owned = Media.objects.defer("content").filter(network=ID, account=account, external_id=media_id)
    found = owned.filter(expires_at__gt=call.now).first()
    if found is None:
        raise invalid("The media id was not found, or it has expired.", "id", media_id)
    return found


def key_of(file: Media) -> str:
    """Return the media key of a file, as posts show it."""
    return f"{KEY_PREFIXES.get(file.data.get('category', IMAGE), VIDEO_KEY_PREFIX)}_{file.external_id}"


def identity(call: Call, kept: Media) -> dict[str, Any]:
    """Return the fields of any upload."""
    left = int((kept.expires_at - call.now).total_seconds())
    return {"id": kept.external_id, "media_key": key_of(kept), "expires_after_secs": max(left, 0)}


def media_facts(call: Call, kept: Media) -> dict[str, Any]:
    """Return the fields of a complete upload; without processing_info it is ready."""
    facts = identity(call, kept) | {"size": kept.size}
    if kept.data.get("category", IMAGE) == IMAGE:
        facts["image"] = {"image_type": kept.mime, "w": kept.width, "h": kept.height}
    return facts | processing(call, kept)


def processing(call: Call, kept: Media) -> dict[str, Any]:
    """Return the processing state of an upload; empty if it needed no processing."""
    left = math.ceil((kept.ready_at - call.now).total_seconds())
    if left > 0:
        begun = call.now - kept.created_at >= kept.ready_at - call.now
        state = "in_progress" if begun else "pending"
        return {"processing_info": {"state": state, "check_after_secs": min(left, 5), "progress_percent": 0}}
    if kept.failed:
        words = kept.data.get("trouble") or "The media could not be processed."
        failure = {"code": 1, "name": "InvalidMedia", "message": words}
        return {"processing_info": {"state": "failed", "error": failure}}
    if kept.ready_at > kept.created_at:
        return {"processing_info": {"state": "succeeded", "progress_percent": 100}}
    return {}


def metadata(call: Call) -> HttpResponse:
    """Keep the alt text of an upload."""
    token = authorized(call, "media.write")
    match call.json:
        case {"id": str() as media_id, "metadata": {"alt_text": {"text": str() as text}}}:
            pass
        case _:
            raise invalid('Send {"id": ..., "metadata": {"alt_text": {"text": ...}}}.', "metadata")
    if not 0 < len(text) <= MAX_ALT_TEXT:
        raise invalid(f"alt_text must have 1 to {MAX_ALT_TEXT} characters.", "metadata")
    found = own_media(call, token, media_id)
    Media.objects.filter(pk=found.pk).update(alt_text=text)
    return JsonResponse({"data": {"id": media_id, "associated_metadata": {"alt_text": {"text": text}}}})
