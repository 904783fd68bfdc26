"""Resumable uploads to YouTube: a session with title and settings, then the bytes; the last ones create the video."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse, JsonResponse

from ouipost.simulator import media, publishing
from ouipost.simulator.call import Call, within
from ouipost.simulator.clips import Clip, look_at_clip
from ouipost.simulator.models import Account, Media, Post, atomic
from ouipost.simulator.networks.youtube import metadata as youtube_metadata
from ouipost.simulator.networks.youtube.access import (
    FORCE_SSL,
    ID,
    MANAGE,
    UPLOAD,
    invalid,
    living,
    missing_path,
    refusal,
    writing,
)
from ouipost.simulator.networks.youtube.videos import watch_url

SESSION_LIFETIME = timedelta(days=7)
KEPT_FOREVER = timedelta(days=36_500)
PIECE_UNIT = 256 * 1024
MAX_BYTES = 274_877_906_944
MAX_SECONDS = 12 * 3600
DAY = timedelta(hours=24)
UPLOADS_A_DAY = 1
"""The limit of a limited channel; YouTube does not publish its own."""
RANGE = re.compile(r"bytes (?:(?P<first>[0-9]{1,15})-(?P<last>[0-9]{1,15})|\*)/(?P<total>[0-9]{1,15})")


@dataclass(frozen=True, kw_only=True)
class Span:
    """The range of a PUT, by its Content-Range; one without bytes only asks for the progress."""

    first: int
    last: int
    total: int

    @property
    def asks(self) -> bool:
        """Return whether the PUT has no bytes."""
        return self.last < self.first

    @property
    def completes(self) -> bool:
        """Return whether the last byte of the file is among them."""
        return not self.asks and self.last == self.total - 1

    @property
    def is_whole(self) -> bool:
        """Return whether this is the last piece, or has a size that YouTube accepts."""
        return self.completes or (self.last + 1 - self.first) % PIECE_UNIT == 0


def span_of(call: Call) -> Span | None:
    """Return the range of a PUT; None if its Content-Range is invalid, or missing without a body."""
    header = call.request.headers.get("Content-Range", "")
    if not header and call.raw:
        return Span(first=0, last=len(call.raw) - 1, total=len(call.raw))
    found = RANGE.fullmatch(header)
    if found is None:
        return None
    first, last = (int(found["first"]), int(found["last"])) if found["first"] else (0, -1)
    return Span(first=first, last=last, total=int(found["total"]))


def completes(call: Call) -> bool:
    """Return whether this PUT creates the video."""
    span = span_of(call)
    return span is not None and span.completes


def brings_bytes(call: Call) -> bool:
    """Return whether this PUT has a part of the file."""
    span = span_of(call)
    return span is not None and not span.asks


def start(call: Call) -> HttpResponse:
    """Begin an upload, with the video's title and settings."""
    token = writing(call, UPLOAD, MANAGE, FORCE_SSL)
    if call.query("uploadType") != "resumable":
        raise invalid("mediaBodyRequired", "The request does not include the video content.")
    resource = youtube_metadata.checked(call)
    mime, size = announced(call)
    admit_upload(call, token.account)
    session = media.keep(
        call,
        ID,
        token.account,
        secrets.token_urlsafe(48),
        lifetime=SESSION_LIFETIME,
        mime=mime,
        data={"session": resource, "total": size, "notify": call.flag("notifySubscribers", default=True)},
    )
    address = f"https://{call.host}{call.path}?uploadType=resumable&upload_id={session.external_id}"
    return HttpResponse(headers={"Location": address})


def announced(call: Call) -> tuple[str, int]:
    """Return the announced type and size, or refuse a file that is no video or too large."""
    mime = call.request.headers.get("X-Upload-Content-Type", "application/octet-stream")
    size = within(call.request.headers.get("X-Upload-Content-Length", "0"), 0, MAX_BYTES)
    if not mime.startswith("video/") and mime != "application/octet-stream":
        raise invalid("mediaBodyRequired", f"Media type '{mime}' is not supported.")
    if size is None:
        raise invalid("mediaBodyRequired", "The file is too large.")
    return mime, size


def admit_upload(call: Call, channel: str) -> None:
    """Refuse a further video of a limited channel; those that failed or were deleted count too."""
    recent = videos_of(channel).filter(created_at__gt=call.now - DAY)
    if "limited" in words_of(channel) and recent.count() >= UPLOADS_A_DAY:
        raise invalid("uploadLimitExceeded", "The user has exceeded the number of videos they may upload.")


def words_of(channel: str) -> list[str]:
    """Return the words of a channel's name, which may make it one of another kind."""
    return Account.objects.get(network=ID, external_id=channel).name.lower().split()


def videos_of(channel: str) -> QuerySet[Media]:
    """Return all videos that were uploaded to a channel, whatever became of them."""
    return Media.objects.filter(network=ID, account=channel, data__has_key="outcome")


def put(call: Call) -> HttpResponse:
    """Take a piece of the file, or show the upload's progress; a session is its own credential."""
    if call.bearer:
        living(call)
    with atomic():
        session = locked_session(call)
        if "video" in session.data:
            return JsonResponse(session.data["answer"])
        note_effects(call, session)
        span = checked_span(call, session)
        if not span.asks:
            media.add_piece(ID, session.external_id, span.first, kept_of(call))
        if media.received(ID, session.external_id) < span.total:
            return incomplete(session)
        return JsonResponse(made(call, session), status=201)


def locked_session(call: Call) -> Media:
    """Return the upload session that the address names, locked, or refuse one that is over."""
    known = Media.objects.select_for_update().filter(network=ID, external_id=call.text("upload_id"))
    session = known.filter(expires_at__gt=call.now, data__has_key="session").first()
    if session is None:
        raise missing_path(call)
    return session


def kept_of(call: Call) -> bytes:
    """Return the stored part of a piece: all of it, or only half if that fault was ordered."""
    return call.raw[: (len(call.raw) + 1) // 2] if "partial_upload" in call.effects else call.raw


def note_effects(call: Call, session: Media) -> None:
    """Store the faults ordered for this file, whichever of its pieces they hit."""
    slow = max(call.seconds("slow_processing"), session.data.get("slow", 0))
    fails = "processing_failed" in call.effects or session.data.get("fails", False)
    session.data |= {"slow": slow, "fails": fails}
    session.save(update_fields=["data"])


def checked_span(call: Call, session: Media) -> Span:
    """Return the range of a PUT, or refuse one that does not fit the file or the received bytes."""
    span = span_of(call)
    total = session.data["total"]
    fits = span is not None and len(call.raw) == span.last + 1 - span.first and (span.asks or span.is_whole)
    if span is None or not fits or (total and span.total != total):
        raise refusal(400, "badRequest", "Failed to parse Content-Range header.", domain="global")
    if not span.asks and span.first > media.received(ID, session.external_id):
        raise refusal(400, "badRequest", "Invalid request: the bytes do not follow those kept.", domain="global")
    return span


def incomplete(session: Media) -> HttpResponse:
    """Answer with the number of stored bytes; without any there is no Range."""
    kept = media.received(ID, session.external_id)
    return HttpResponse(status=308, headers={"Range": f"bytes=0-{kept - 1}"} if kept else {})


def made(call: Call, session: Media) -> dict[str, Any]:
    """Create the video of a complete file, and return the body of the answer."""
    content = media.whole(ID, session.external_id)
    clip = look_at_clip(content)
    video_id = secrets.token_urlsafe(8)
    resource = session.data["session"]
    digest = hashlib.sha256(content).hexdigest()
    outcome = fate(clip, fails=session.data["fails"], is_twin=is_twin(session.account, digest))
    media.keep(
        call,
        ID,
        session.account,
        video_id,
        content,
        lifetime=KEPT_FOREVER,
        seen=clip,
        mime=clip.mime if clip else session.mime,
        ready_at=call.now + timedelta(seconds=session.data["slow"]),
        failed=bool(outcome),
        used=True,
        data={"video": resource, "outcome": outcome, "notify": session.data["notify"], "digest": digest},
    )
    if not outcome:
        publish(call, session.account, video_id, resource)
    answer = {
        "kind": "youtube#video",
        "id": video_id,
        "snippet": resource["snippet"] | {"channelId": session.account},
        "status": resource["status"] | {"uploadStatus": "uploaded"},
    }
    session.data |= {"video": video_id, "answer": answer}
    session.save(update_fields=["data"])
    return answer


def is_twin(channel: str, digest: str) -> bool:
    """Return whether a unique channel shows a video of the same bytes already."""
    if "unique" not in words_of(channel):
        return False
    equal = videos_of(channel).filter(failed=False, data__digest=digest).values("external_id")
    return Post.objects.alive().of(ID, channel).filter(external_id__in=equal).exists()


def fate(clip: Clip | None, *, fails: bool, is_twin: bool) -> dict[str, str]:
    """Return how the processing of a file will fail; empty if it succeeds."""
    if clip is None:
        return {"uploadStatus": "failed", "failureReason": "invalidFile"}
    if clip.seconds > MAX_SECONDS:
        return {"uploadStatus": "rejected", "rejectionReason": "length"}
    if fails:
        return {"uploadStatus": "failed", "failureReason": "conversion"}
    return {"uploadStatus": "rejected", "rejectionReason": "duplicate"} if is_twin else {}


def publish(call: Call, channel: str, video_id: str, resource: dict[str, Any]) -> None:
    """Put the video on the channel; its page exists at once, even during processing."""
    publishing.publish(
        call,
        ID,
        account=channel,
        external_id=video_id,
        text=resource["snippet"]["description"],
        media=[{"id": video_id, "alt": ""}],
        url=watch_url(video_id),
        data={"title": resource["snippet"]["title"], "made_for_kids": resource["status"]["selfDeclaredMadeForKids"]},
    )
