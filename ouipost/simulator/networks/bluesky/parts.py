"""Large videos for Bluesky's video service: started, uploaded in parts that may be repeated, and finished."""

import secrets
from datetime import timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import media
from ouipost.simulator.call import Call, within
from ouipost.simulator.models import Media, Piece, atomic
from ouipost.simulator.networks.bluesky.access import ID, error, invalid
from ouipost.simulator.networks.bluesky.records import stamp
from ouipost.simulator.networks.bluesky.video import (
    UPLOAD_METHOD,
    authority,
    begin,
    check_size,
    give_back,
    job_of,
    status_of,
    take,
)

PART_BYTES = 8 * 1024 * 1024
LIFETIME = timedelta(hours=1)
"""Part size and lifetime are not documented; each upload's answer contains them."""
LONGEST_NAME = 256
"""The limit in bytes, in which lexicons count the length of texts."""
CREATED, COMPLETED, ABORTED, EXPIRED = "created", "completed", "aborted", "expired"
CLOSED = {COMPLETED: "UploadNotReady", ABORTED: "UploadAborted", EXPIRED: "UploadExpired"}
"""The errors for calls to an upload that is over, by its state."""


def start(call: Call) -> HttpResponse:
    """Begin an upload, and answer with the number and size of its parts."""
    token = authority(call, UPLOAD_METHOD)
    asked = call.json if isinstance(call.json, dict) else {}
    size, name = asked.get("sizeBytes"), asked.get("name", "")
    if type(size) is not int or size < 1 or asked.get("mimeType") != "video/mp4":
        raise invalid("Input must have sizeBytes, and mimeType video/mp4")
    if not isinstance(name, str) or len(name.encode()) > LONGEST_NAME:
        raise invalid(f"Input/name must not be longer than {LONGEST_NAME} bytes")
    check_size(size)
    take(call, token.account, size)
    name, data = f"upload-{secrets.token_hex(13)}", {"upload": {"size": size, "part": PART_BYTES}, "state": CREATED}
    return JsonResponse(planned(media.keep(call, ID, token.account, name, lifetime=LIFETIME, data=data)))


def planned(upload: Media) -> dict[str, Any]:
    """Return the number and size of an upload's parts."""
    size, part = upload.data["upload"]["size"], upload.data["upload"]["part"]
    return {
        "jobId": upload.external_id,
        "partSizeBytes": part,
        "partCount": -(-size // part),
        "expiresAt": stamp(upload.expires_at),
    }


def named(call: Call) -> Media:
    """Return the caller's upload that a call names, or refuse."""
    token = authority(call, UPLOAD_METHOD)
    uploads = Media.objects.select_for_update().filter(network=ID, account=token.account, data__has_key="upload")
    upload = uploads.filter(external_id=call.text("jobId")).first()
    if upload is None:
        raise error(400, "UploadNotFound", "Upload not found")
    return upload


def state(call: Call, upload: Media) -> str:
    """Return the state of an upload."""
    is_over = upload.data["state"] == CREATED and upload.expires_at <= call.now
    return EXPIRED if is_over else str(upload.data["state"])


def check_open(call: Call, upload: Media) -> None:
    """Refuse to go on with an upload that is over."""
    if name := CLOSED.get(state(call, upload)):
        raise error(400, name, f"The upload is {state(call, upload)}")


def part(call: Call) -> HttpResponse:
    """Take one part; the same again changes nothing."""
    with atomic():
        upload = named(call)
        check_open(call, upload)
        begins, size = place_of(call, upload)
        if call.content_type != "application/octet-stream" or len(call.raw) != size:
            raise invalid(f"Send the part's {size} bytes as application/octet-stream")
        media.add_piece(ID, upload.external_id, begins, call.raw)
    return JsonResponse({"partNumber": begins // upload.data["upload"]["part"] + 1, "sizeBytes": size})


def place_of(call: Call, upload: Media) -> tuple[int, int]:
    """Return the offset and the size of a part, or refuse an unknown part number."""
    count = planned(upload)["partCount"]
    number = within(call.query("partNumber"), 1, count)
    if number is None:
        raise invalid(f"Error: partNumber must be a number from 1 to {count}")
    size, most = upload.data["upload"]["size"], upload.data["upload"]["part"]
    begins = (number - 1) * most
    return begins, min(most, size - begins)


def finish(call: Call) -> HttpResponse:
    """Join the parts and start processing the video, or return the earlier job for the same file; repeated calls start
    nothing new."""
    with atomic():
        upload = named(call)
        if state(call, upload) != COMPLETED:
            check_open(call, upload)
            complete(call, upload)
    return JsonResponse(done(call, upload))


def complete(call: Call, upload: Media) -> None:
    """Start processing an upload's video, or refuse if a part of it is missing."""
    if media.received(ID, upload.external_id) < upload.data["upload"]["size"]:
        raise error(400, "MissingParts", "Some parts are missing")
    content = media.whole(ID, upload.external_id)
    known = job_of(upload.account, content)
    file = begin(call, upload.account, content) if known is None or known.failed else known
    upload.data |= {"state": COMPLETED, "file": file.external_id}
    upload.save(update_fields=["data"])


def done(call: Call, upload: Media) -> dict[str, Any]:
    """Return the processing job of a finished upload."""
    file = Media.objects.defer("content").get(network=ID, account=upload.account, external_id=upload.data["file"])
    status = status_of(call, file)
    return {"completedJobId": status["jobId"], "jobStatus": status}


def status(call: Call) -> HttpResponse:
    """Show the state of an upload, and its received parts."""
    with atomic():
        upload = named(call)
    pieces = Piece.objects.filter(network=ID, upload=upload.external_id).order_by("start")
    there = [begins // upload.data["upload"]["part"] + 1 for begins in pieces.values_list("start", flat=True)]
    found = planned(upload) | {"receivedParts": there, "state": state(call, upload)}
    return JsonResponse(found | (done(call, upload) if found["state"] == COMPLETED else {}))


def abort(call: Call) -> HttpResponse:
    """Abort an unfinished upload, which then does not count for the daily limit."""
    with atomic():
        upload = named(call)
        if state(call, upload) == CREATED:
            Piece.objects.filter(network=ID, upload=upload.external_id).delete()
            give_back(call, upload.account, upload.data["upload"]["size"])
            upload.data["state"] = ABORTED
            upload.save(update_fields=["data"])
    return JsonResponse({"state": state(call, upload)})
