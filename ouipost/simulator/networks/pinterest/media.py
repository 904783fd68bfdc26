"""Videos for Pins: registered, uploaded to a storage by a form, processed, and ready or failed."""

import secrets
from datetime import timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import media, publishing
from ouipost.simulator.call import Call
from ouipost.simulator.clips import Clip, look_at_clip
from ouipost.simulator.models import Media, Token
from ouipost.simulator.networks.pinterest.access import ID, STORAGE, authorized, error, invalid, upload_of

LIFETIME = timedelta(hours=24)
"""The longest wait of a video for its Pin; Pinterest documents only that unused ones are dropped."""
POLICY_LIFETIME = timedelta(hours=1)
MAX_BYTES = 2_000_000_000
SECONDS = (4, 900)
RATIOS, RATIO_DIGITS = (0.5, 1.91), 4
"""Width by height, rounded: few videos would fit it to the pixel."""
CODECS = ("h264", "hevc")


def register(call: Call) -> HttpResponse:
    """Name a place to upload a video to."""
    token = authorized(call, "pins:read", "pins:write")
    if call.json != {"media_type": "video"}:
        raise invalid('send {"media_type": "video"}')
    media_id = publishing.snowflake(call.now)
    parameters = form_fields(call, media_id)
    data = {"state": "registered", "parameters": parameters}
    media.keep(call, ID, token.account, media_id, lifetime=LIFETIME, data=data)
    address = f"https://{STORAGE}/"
    answer = {"media_id": media_id, "media_type": "video", "upload_url": address, "upload_parameters": parameters}
    return JsonResponse(answer, status=201)


def form_fields(call: Call, media_id: str) -> dict[str, str]:
    """Return the fields that a form must have before its file."""
    return {
        "x-amz-date": f"{call.now:%Y%m%dT%H%M%SZ}",
        "x-amz-signature": secrets.token_hex(32),
        "x-amz-security-token": secrets.token_hex(40),
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "key": f"uploads/{media_id}",
        "policy": secrets.token_hex(40),
        "x-amz-credential": f"SIMULATED/{call.now:%Y%m%d}/us-east-1/s3/aws4_request",
        "Content-Type": "multipart/form-data",
    }


def upload(call: Call) -> HttpResponse:
    """Take a form's file, as the storage does: it requires its own fields and no token."""
    file = upload_of(call)
    content = call.files.get("file")
    if call.request.headers.get("Authorization"):
        return storage_error(400, "InvalidArgument", "Only one auth mechanism allowed.")
    if file is None or any(call.params.get(name) != value for name, value in file.data["parameters"].items()):
        return storage_error(403, "AccessDenied", "Invalid according to Policy: Policy Condition failed.")
    if call.now > file.created_at + POLICY_LIFETIME:
        return storage_error(403, "AccessDenied", "Invalid according to Policy: Policy expired.")
    if content is None:
        return storage_error(400, "InvalidArgument", "POST requires exactly one file upload per request.")
    if len(content) > MAX_BYTES:
        return storage_error(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.")
    take(call, file, content)
    return HttpResponse(status=204)


def storage_error(status: int, code: str, message: str) -> HttpResponse:
    """Return a refusal in the storage's own format."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return HttpResponse(body, status=status, content_type="application/xml")


def take(call: Call, file: Media, content: bytes) -> None:
    """Check an uploaded video; the result shows once its processing is over."""
    clip = look_at_clip(content)
    media.keep(
        call,
        ID,
        file.account,
        file.external_id,
        content,
        lifetime=LIFETIME,
        seen=clip,
        created_at=file.created_at,
        ready_at=call.ready_at,
        failed=clip is None or not is_taken(clip) or "processing_failed" in call.effects,
        data=file.data | {"state": "uploaded"},
    )


def is_taken(clip: Clip) -> bool:
    """Return whether Pinterest makes Pins of such videos."""
    return (
        clip.mime in ("video/mp4", "video/quicktime")
        and clip.video_codec in CODECS
        and SECONDS[0] <= clip.seconds <= SECONDS[1]
        and RATIOS[0] <= round(clip.ratio, RATIO_DIGITS) <= RATIOS[1]
    )


def status(call: Call, media_id: str) -> HttpResponse:
    """Show the processing state of a video."""
    token = authorized(call, "pins:read", "pins:write")
    return JsonResponse(shown(call, own(call, token, media_id)))


def own(call: Call, token: Token, media_id: str) -> Media:
    """Return an existing video of the account, or refuse."""
    found = Media.objects.defer("content").filter(network=ID, account=token.account, external_id=media_id).first()
    if found is None or "state" not in found.data or not (found.used or found.expires_at > call.now):
        raise error(404, 4, "Media not found.")
    return found


def shown(call: Call, file: Media) -> dict[str, Any]:
    """Return the fields of a video."""
    return {"media_id": file.external_id, "media_type": "video", "status": state(call, file)}


def state(call: Call, file: Media) -> str:
    """Return the word for a video's processing state."""
    if file.data["state"] == "registered":
        return "registered"
    if file.ready_at > call.now:
        return "processing"
    return "failed" if file.failed else "succeeded"
