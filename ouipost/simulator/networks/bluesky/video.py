"""Bluesky's video service: it takes a file on a server's word, works on it, and gives the blob that a post may show."""

import hashlib
import math
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import atproto, clips, limits, media, tokens
from ouipost.simulator.call import Call, Refusal
from ouipost.simulator.clips import Clip
from ouipost.simulator.models import Counter, Media, Token
from ouipost.simulator.networks.bluesky.access import ID, error, invalid, is_unconfirmed, pds_of, session
from ouipost.simulator.networks.bluesky.records import blob_of

HOST = "video.bsky.app"
OWN_AUDIENCE = f"did:web:{HOST}"
UPLOAD_METHOD = "com.atproto.repo.uploadBlob"
LIMITS_METHOD = "app.bsky.video.getUploadLimits"
LONGEST_AUTHORITY, USUAL_AUTHORITY = timedelta(minutes=30), timedelta(minutes=1)
BLOB_LIFETIME = timedelta(hours=6)
MAX_BYTES, MAX_SECONDS = 300_000_000, 600
VIDEOS_A_DAY, BYTES_A_DAY, DAY = 25, 10_000_000_000, timedelta(days=1)


def get_service_auth(call: Call) -> HttpResponse:
    """Give a token with which another service may act for the account for some minutes, by one method."""
    token = session(call)
    audience, method = call.text("aud"), call.text("lxm")
    if not audience.startswith("did:"):
        raise invalid("Error: aud must be a valid did")
    lifetime = authority_lifetime(call)
    claims = {"iss": token.account, "aud": audience, "lxm": method, "exp": int((call.now + lifetime).timestamp())}
    value = atproto.jwt("JWT", **claims)
    data = {"aud": audience, "lxm": method, "pds": pds_of(call)}
    tokens.issue(value, like=token, now=call.now, lifetime=lifetime, kind="service", data=data)
    return JsonResponse({"token": value})


def authority_lifetime(call: Call) -> timedelta:
    """Return the requested lifetime of a service token, by default a minute, or refuse."""
    text = call.text("exp")
    if not text:
        return USUAL_AUTHORITY
    try:
        lifetime = datetime.fromtimestamp(int(text), UTC) - call.now
    except (ValueError, OverflowError, OSError):
        raise invalid("Error: exp must be an integer") from None
    longest = LONGEST_AUTHORITY if call.text("lxm") else USUAL_AUTHORITY
    if not timedelta() < lifetime <= longest:
        raise error(400, "BadExpiration", "expiration is in past or too far in the future")
    return lifetime


def authority(call: Call, method: str) -> Token:
    """Return the service token for this method that the call came with, or refuse."""
    token = call.token
    if token is None or token.kind != "service" or token.expired(call.now) or token.revoked_at:
        raise error(401, "AuthenticationRequired", "Invalid service auth token")
    audience = OWN_AUDIENCE if method == LIMITS_METHOD else f"did:web:{token.data.get('pds')}"
    if (token.data["lxm"], token.data["aud"]) != (method, audience):
        raise error(401, "AuthenticationRequired", "Service auth token was made for something else")
    return token


def get_upload_limits(call: Call) -> HttpResponse:
    """Show how many videos and bytes the account may upload today."""
    did = authority(call, LIMITS_METHOD).account
    if is_unconfirmed(did):
        nothing = {"canUpload": False, "remainingDailyVideos": 0, "remainingDailyBytes": 0}
        return JsonResponse({**nothing, **unconfirmed().body})
    videos, size = (left(call, key, most) for key, most in budgets(did))
    answer: dict[str, Any] = {"canUpload": videos > 0 and size > 0}
    answer |= {"remainingDailyVideos": videos, "remainingDailyBytes": size}
    return JsonResponse(answer | ({} if answer["canUpload"] else {"message": "User is over daily upload limits"}))


def unconfirmed() -> Refusal:
    """Return the refusal of videos of an account whose e-mail address is not confirmed."""
    return error(400, "unconfirmed_email", "Please confirm your email before uploading videos")


def budgets(did: str) -> tuple[tuple[str, int], tuple[str, int]]:
    """Return key and size of an account's daily budgets: videos, then bytes."""
    return (f"{ID}:videos:{did}", VIDEOS_A_DAY), (f"{ID}:video bytes:{did}", BYTES_A_DAY)


def left(call: Call, key: str, most: int) -> int:
    """Return the rest of a budget, without taking anything."""
    counter = Counter.objects.filter(key=key, started_at__gt=call.now - DAY).first()
    return most - counter.used if counter else most


def upload_video(call: Call) -> HttpResponse:
    """Take a video and begin to work on it; the same file again is known already."""
    token = authority(call, UPLOAD_METHOD)
    content = call.raw + call.request.read(MAX_BYTES + 1 - len(call.raw))
    if call.text("did") != token.account:
        raise error(401, "AuthenticationRequired", "The token is another account's")
    if call.content_type != "video/mp4" or not content or not call.query("name"):
        raise invalid("Send an MP4 with a name and Content-Type: video/mp4")
    check_size(len(content))
    known = job_of(token.account, content)
    if known is not None and not known.failed:
        raise already_there(call, known)
    take(call, token.account, len(content))
    return JsonResponse(status_of(call, begin(call, token.account, content)))


def check_size(size: int) -> None:
    """Refuse a video that has more bytes than any may have."""
    if size > MAX_BYTES:
        raise error(413, "PayloadTooLarge", f"Video is too large (maximum {MAX_BYTES})")


def take(call: Call, did: str, size: int) -> None:
    """Count a video against the day's budgets, or refuse it, as any of an account that may not bring videos yet."""
    if is_unconfirmed(did):
        raise unconfirmed()
    for (key, most), cost in zip(budgets(did), (1, size), strict=True):
        if limits.take(key, limit=most, window=DAY, now=call.now, cost=cost).exceeded:
            raise error(429, "RateLimitExceeded", "User is over daily upload limits")


def give_back(call: Call, did: str, size: int) -> None:
    """Count a video no more that was counted against the day's budgets."""
    for (key, most), cost in zip(budgets(did), (1, size), strict=True):
        limits.take(key, limit=most, window=DAY, now=call.now, cost=-cost)


def job_of(did: str, content: bytes) -> Media | None:
    """Return the work on this very file of this account."""
    files = Media.objects.defer("content").filter(network=ID, account=did)
    file = files.filter(external_id=atproto.cid(content, atproto.RAW)).first()
    return file if file is not None and "job" in file.data else None


def already_there(call: Call, file: Media) -> Refusal:
    """Return the refusal of a file that came before, with its job and, once there is one, its blob."""
    body = {"error": "already_exists", "message": "Video already processed"}
    return Refusal(409, status_of(call, file) | body)


def begin(call: Call, did: str, content: bytes) -> Media:
    """Keep a video that is ready, or has failed, some time later."""
    clip, trouble = examine(content)
    code = "validation_failure"
    if "processing_failed" in call.effects:
        trouble, code = "The video could not be processed", "encoding_failure"
    cid = atproto.cid(content, atproto.RAW)
    return media.keep(
        call,
        ID,
        did,
        cid,
        content,
        lifetime=BLOB_LIFETIME,
        seen=clip,
        mime="video/mp4",
        ready_at=call.ready_at,
        failed=bool(trouble),
        data={
            "job": atproto.base32(hashlib.sha256(f"{did} {cid}".encode()).digest())[:26],
            "trouble": trouble,
            "code": code,
        },
    )


def examine(content: bytes) -> tuple[Clip | None, str]:
    """Return the facts of a video, and its flaw."""
    clip = clips.look_at_clip(content)
    if clip is None:
        return None, "The file is no video"
    if clip.mime != "video/mp4":
        return clip, "The file is no MP4"
    return clip, f"The video is longer than {MAX_SECONDS} seconds" if clip.seconds > MAX_SECONDS else ""


def get_job_status(call: Call) -> HttpResponse:
    """Show the processing state of a video to any caller who knows its job."""
    job = call.text("jobId")
    file = Media.objects.defer("content").filter(network=ID, data__job=job).first() if job else None
    if file is None:
        raise invalid("Job not found")
    return JsonResponse({"jobStatus": status_of(call, file)})


def status_of(call: Call, file: Media) -> dict[str, Any]:
    """Return the state of a job; with the blob once it is complete."""
    status = {"jobId": file.data["job"], "did": file.account}
    seconds = math.ceil((file.ready_at - call.now).total_seconds())
    if seconds > 0:
        begun = call.now > file.created_at
        return status | {"state": "JOB_STATE_ENCODING" if begun else "JOB_STATE_CREATED", "progress": 0}
    if file.failed:
        trouble = file.data["trouble"]
        said = {"error": trouble, "failureCode": file.data["code"], "message": trouble}
        return status | {"state": "JOB_STATE_FAILED"} | said
    return status | {"state": "JOB_STATE_COMPLETED", "progress": 100, "blob": blob_of(file)}
