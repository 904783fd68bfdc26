"""Videos, reels and video stories of Facebook pages: uploading their bytes, and publishing them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import graph, media, pulling
from ouipost.simulator.call import Call, Refusal, within
from ouipost.simulator.graph import error, invalid
from ouipost.simulator.models import Media, Post, Token, atomic
from ouipost.simulator.networks.facebook import processing
from ouipost.simulator.networks.facebook.access import CREATE_CONTENT, ID, VIDEO_HOST, WRITE, page_token
from ouipost.simulator.networks.facebook.posts import check_message

CHUNK_BYTES = 4 * 1024 * 1024
MAX_SIMPLE_BYTES = 1_000_000_000
MAX_SIMPLE_SECONDS = 20 * 60
MAX_VIDEO_BYTES = 10_000_000_000
MAX_TITLE = 255
REELS_PER_DAY = 30
PIECE_BYTES = 8 * 1024 * 1024


def publishes_video(call: Call) -> bool:
    """Return whether this call to /videos makes the video visible."""
    return call.text("upload_phase") in ("", "finish")


def brings_video(call: Call) -> bool:
    """Return whether this call to /videos brings bytes."""
    return call.text("upload_phase") in ("", "transfer")


def is_finish(call: Call) -> bool:
    """Return whether this is the last call of a reel or a story."""
    return call.text("upload_phase") == "finish"


def add_video(call: Call, page: str) -> HttpResponse:
    """Take a video in one request, or in the phases of a chunked upload."""
    token = page_token(call, page, *WRITE, "pages_show_list", task=CREATE_CONTENT)
    if call.text("upload_phase") and call.host != VIDEO_HOST:
        raise invalid(f"An upload in chunks goes to {VIDEO_HOST}")
    match call.text("upload_phase"):
        case "":
            return simple(call, token)
        case "start":
            return start_chunks(call, token)
        case "transfer":
            return take_chunk(call, session_of(call, token))
        case "finish":
            return finish_chunks(call, session_of(call, token))
        case "cancel":
            session_of(call, token).delete()
            return JsonResponse({"success": True})
        case _:
            raise invalid("Param upload_phase must be one of {start, transfer, finish, cancel}")


def simple(call: Call, token: Token) -> HttpResponse:
    """Publish a video that comes with the call, or is fetched."""
    check_message(call.text("description"))
    content = call.files.get("source") or fetched(call.text("file_url"))
    clip = processing.looked_at(content)
    if len(content) > MAX_SIMPLE_BYTES or (clip and clip.seconds > MAX_SIMPLE_SECONDS):
        raise error("(#6000) The video is too large to come in one request.", 6000)
    with atomic():
        video = processing.begin(call, token.account, "video", total=len(content))
        media.add_piece(ID, video.external_id, 0, content)
        processing.finish(call, video, text=call.text("description"), title=call.text("title"))
    return JsonResponse({"id": video.external_id})


def fetched(address: str) -> bytes:
    """Return the file at this address, or refuse."""
    if not address:
        raise error("(#6000) There was a problem uploading your video file.", 6000)
    try:
        return pulling.fetch(address, most=MAX_SIMPLE_BYTES, agent=graph.AGENT)
    except pulling.Unreachable as failure:
        message = f"The video could not be fetched: {failure}"
        raise error("(#389) Unable to fetch video file from URL.", 389, error_user_msg=message) from failure


def start_chunks(call: Call, token: Token) -> HttpResponse:
    """Open a session for a file of this size."""
    total = graph.integer(call, "file_size", 0)
    if total <= 0:
        raise error("(#382) The video file you tried to upload is too small.", 382)
    if total > MAX_VIDEO_BYTES:
        raise error("(#6000) The video file is too large.", 6000)
    video = processing.begin(call, token.account, "video", total=total)
    ids = {"video_id": video.external_id, "upload_session_id": video.data["session"]}
    return JsonResponse(ids | next_chunk(video))


def next_chunk(video: Media) -> dict[str, str]:
    """Return the range of the next bytes; its ends are equal if all are received."""
    start = processing.received(video)
    return {"start_offset": str(start), "end_offset": str(min(start + CHUNK_BYTES, video.data["total"]))}


def session_of(call: Call, token: Token) -> Media:
    """Return the video of an upload session of this page, or refuse."""
    session = call.text("upload_session_id")
    found = Media.objects.filter(network=ID, account=token.account, data__session=session, data__kind="video")
    video = found.first() if session else None
    if video is None:
        raise error("(#100) Invalid parameter: upload_session_id", 100, 33)
    return video


def take_chunk(call: Call, video: Media) -> HttpResponse:
    """Take the next bytes."""
    chunk = call.files.get("video_file_chunk")
    if not chunk:
        raise invalid("Param video_file_chunk must be a file")
    start = graph.integer(call, "start_offset", 0)
    if start != processing.received(video) or start + len(chunk) > int(next_chunk(video)["end_offset"]):
        raise error("(#6001) There was a problem uploading your video file. Please try again.", 6001)
    processing.note(call, video)
    media.add_piece(ID, video.external_id, start, chunk)
    return JsonResponse(next_chunk(video))


def finish_chunks(call: Call, video: Media) -> HttpResponse:
    """Publish a video whose bytes are all received."""
    check_message(call.text("description"))
    with atomic():
        locked = Media.objects.select_for_update().get(pk=video.pk)
        processing.finish(call, locked, text=call.text("description"), title=call.text("title"))
    return JsonResponse({"success": True})


def add_reel(call: Call, page: str) -> HttpResponse:
    """Open an upload for a reel, or publish the reel."""
    token = page_token(call, page, *WRITE, "pages_show_list", task=CREATE_CONTENT)
    if not is_finish(call):
        return start_stream(call, token, "reel")
    if call.text("video_state") != "PUBLISHED":
        raise invalid("The simulator publishes at once: param video_state must be PUBLISHED")
    check_message(call.text("description"))
    with atomic():
        video = streamed(call, token, "reel")
        if not video.data["finished"]:
            count_reel(call, token.account)
        processing.finish(call, video, text=call.text("description"), title=call.text("title")[:MAX_TITLE])
    return JsonResponse({"success": True})


def count_reel(call: Call, account: str) -> None:
    """Refuse a reel that is one too many within a day."""
    since = call.now - timedelta(days=1)
    reels = Post.objects.of(ID, account).filter(created_at__gt=since, data__kind="reel")
    if reels.count() >= REELS_PER_DAY:
        # The code is not documented; 613 is that of custom limits.
        raise error("(#613) The page has published 30 reels within 24 hours.", 613)


def add_video_story(call: Call, page: str) -> HttpResponse:
    """Open an upload for a story, or publish the story."""
    token = page_token(call, page, *WRITE, "pages_show_list", task=CREATE_CONTENT)
    if not is_finish(call):
        return start_stream(call, token, processing.STORY)
    with atomic():
        video = streamed(call, token, processing.STORY)
        processing.finish(call, video, text="")
    post_id = video.data["post"].partition("_")[2]
    return JsonResponse({"success": True} | ({"post_id": post_id} if post_id else {}))


def start_stream(call: Call, token: Token, kind: str) -> HttpResponse:
    """Open an upload whose bytes go to another host in one stream."""
    if call.text("upload_phase") != "start":
        raise invalid("Param upload_phase must be one of {start, finish}")
    video = processing.begin(call, token.account, kind)
    address = f"https://rupload.facebook.com/video-upload/{graph.version_of(call)}/{video.external_id}"
    return JsonResponse({"video_id": video.external_id, "upload_url": address})


def streamed(call: Call, token: Token, kind: str) -> Media:
    """Return the reel or story of this page that the call names, locked, or refuse."""
    found = Media.objects.select_for_update().filter(network=ID, account=token.account, data__kind=kind)
    video = found.filter(external_id=call.text("video_id")).first()
    if video is None:
        raise graph.missing(call)
    return video


def receive(call: Call, video_id: str) -> HttpResponse:
    """Take the bytes of a reel or a story from an offset on, or fetch them all."""
    token = page_token(call, "me", *WRITE, task=CREATE_CONTENT)
    video = processing.find(video_id, token.account)
    if video is None or video.data["kind"] == "video":
        raise graph.missing(call)
    if address := call.request.META.get("HTTP_FILE_URL"):
        content = fetched(address)
        processing.note(call, video, total=len(content))
        media.add_piece(ID, video.external_id, 0, content)
        return JsonResponse({"success": True})
    offset = header_number(call, "HTTP_OFFSET")
    if offset != processing.received(video):
        raise broken("OffsetInvalidError", "The offset is not where the upload stands.")
    # Servers that drop headers with underscores leave only the length of the body.
    length = header_number(call, "CONTENT_LENGTH")
    processing.note(call, video, total=header_number(call, "HTTP_FILE_SIZE", otherwise=offset + length))
    for piece in pieces(call):
        media.add_piece(ID, video.external_id, offset, piece)
        offset += len(piece)
    if offset != video.data["total"]:
        raise broken("PartialRequestError", "The upload ended before all bytes were there.")
    return JsonResponse({"success": True})


def pieces(call: Call) -> Iterator[bytes]:
    """Give the body in pieces: the part read with the call, and then the rest."""
    yield call.raw
    while piece := call.request.read(PIECE_BYTES):
        yield piece


def header_number(call: Call, name: str, *, otherwise: int | None = None) -> int:
    """Return the number in a header, or `otherwise` if it is missing; refuse any other value."""
    text: Any = call.request.META.get(name) or ("" if otherwise is None else str(otherwise))
    found = within(text, 0, 10**15)
    if found is None:
        raise broken("OffsetInvalidError", "The headers offset and file_size must be numbers.")
    return found


def broken(kind: str, message: str) -> Refusal:
    """Return the refusal of the upload host."""
    return Refusal(400, {"debug_info": {"retriable": True, "type": kind, "message": message}})
