"""Facebook's processing of an accepted video: its phases, and the resulting post."""

from datetime import datetime, timedelta
from typing import Any

from ouipost.simulator import clips, graph, media, publishing
from ouipost.simulator.call import Call
from ouipost.simulator.graph import error
from ouipost.simulator.models import Media, Post
from ouipost.simulator.networks.facebook.access import ID

STORY = "story"
"""The kind of the rows of stories, which no list of posts shows."""
PROCESSING_SECONDS = 2
SAID_LATE_SECONDS = 30
"""The time for which the status still is `processing` although its phase already has an error."""
SESSION_LIFETIME = timedelta(hours=24)
LONGEST_SECONDS = 4 * 3600
"""The longest video that may come in chunks, from memory."""
CONTAINERS = ("video/mp4", "video/quicktime")
CODECS = ("h264", "hevc", "vp9", "av1")
RATIO, RATIO_MARGIN = 9 / 16, 0.02
"""The required ratio; the tolerance is not documented."""
LEAST_SIDES = (540, 960)
FPS = (23.9, 60.1)
SOUND = (48_000, 2)
"""The most hertz and channels."""
"""24 to 60, which takes 23.976."""


def begin(call: Call, account: str, kind: str, *, total: int = 0) -> Media:
    """Create an unpublished video that waits for its bytes."""
    video_id = publishing.snowflake(call.now)
    data = {"kind": kind, "total": total, "session": publishing.snowflake(call.now), "post": "", "finished": False}
    return media.keep(call, ID, account, video_id, lifetime=SESSION_LIFETIME, mime="video/mp4", data=data)


def find(video_id: str, account: str = "") -> Media | None:
    """Return the video with this id, of any page or of this one."""
    found = Media.objects.defer("content").filter(network=ID, external_id=video_id, mime__startswith="video/")
    return found.filter(account=account).first() if account else found.first()


def note(call: Call, video: Media, **facts: Any) -> None:
    """Store this call's data about a video, and the faults ordered for it."""
    ordered = {name: call.effects[name] for name in ("slow_processing", "processing_failed") if name in call.effects}
    video.data |= facts | ordered
    video.save(update_fields=["data"])


def received(video: Media) -> int:
    """Return the number of received bytes of a video."""
    return video.size if video.data["finished"] else media.received(ID, video.external_id)


def finish(call: Call, video: Media, *, text: str, title: str = "") -> None:
    """Publish a video as soon as it is processed."""
    if video.data["finished"]:
        # the answer to a second finish is not documented
        raise error("(#100) The video has been published before.", 100)
    if video.expires_at <= call.now:
        raise error("(#6000) The upload session has expired.", 6000)
    if not 0 < received(video) >= video.data["total"]:
        raise error("(#6000) There was a problem uploading your video file: it is not complete.", 6000)
    note(call, video)
    content = media.whole(ID, video.external_id)
    clip = looked_at(content)
    if clip and video.data["kind"] == "video" and clip.seconds > LONGEST_SECONDS:
        raise error("(#6000) The video is too long.", 6000)
    if clip and video.data["kind"] != "video":
        check_upright(clip, most=60 if video.data["kind"] == STORY else 90)
    video.ready_at = call.now + timedelta(
        seconds=PROCESSING_SECONDS + float(video.data.get("slow_processing", {}).get("seconds", 0))
    )
    keep(video, content, clip)
    if not video.failed:
        video.data["post"] = show(call, video, text=text, title=title).external_id
    video.save()


def looked_at(content: bytes) -> clips.Clip | None:
    """Return the facts of a video that can be played, None for any other file."""
    clip = clips.look_at_clip(content)
    return clip if clip and clip.mime in CONTAINERS else None


def keep(video: Media, content: bytes, clip: clips.Clip | None) -> None:
    """Store the bytes and facts of a video, and whether it can be processed."""
    video.failed = clip is None or "processing_failed" in video.data
    video.data |= {"finished": True, "seconds": clip.seconds if clip else 0}
    video.content = content if len(content) <= media.KEPT_BYTES else b""
    video.size, video.used = len(content), True
    if clip:
        video.mime, video.width, video.height = clip.mime, clip.width, clip.height


def check_upright(clip: clips.Clip, *, most: int) -> None:
    """Refuse a video that cannot be a reel or a story."""
    if abs(clip.ratio - RATIO) > RATIO_MARGIN:
        raise error("(#6000) The aspect ratio of the video must be 9:16.", 6000, 1363040)
    if clip.width < LEAST_SIDES[0] or clip.height < LEAST_SIDES[1]:
        raise error("(#6000) The video must have at least 540 by 960 pixels.", 6000, 1363127)
    if not 3 <= clip.seconds <= most:
        raise error(f"(#6000) The video must run for 3 to {most} seconds.", 6000, 1363128)
    if not FPS[0] <= clip.fps <= FPS[1]:
        raise error("(#6000) The video must have 24 to 60 frames a second.", 6000, 1363129)
    if clip.video_codec not in CODECS or clip.audio_codec not in ("", "aac"):
        raise error("(#6000) The video must be H.264, H.265, VP9 or AV1, with AAC.", 6000)
    if clip.sample_rate > SOUND[0] or clip.channels > SOUND[1]:
        raise error("(#6000) The sound of the video must be stereo at 48 kHz.", 6000)
    if not clip.is_usual:
        raise error("(#6000) The video must have a chroma subsampling of 4:2:0.", 6000)


def show(call: Call, video: Media, *, text: str, title: str) -> Post:
    """Create the post of a video, which appears when the video is ready."""
    kind, post_id = video.data["kind"], f"{video.account}_{publishing.snowflake(call.now)}"
    reel = f"https://www.facebook.com/reel/{video.external_id}"
    return publishing.publish(
        call,
        ID,
        at=video.ready_at,
        account=video.account,
        external_id=post_id,
        kind=STORY if kind == STORY else Post.POST,
        text=text,
        media=[{"id": video.external_id, "alt": ""}],
        url=reel if kind == "reel" else f"https://www.facebook.com/{post_id}",
        data={"kind": kind, "title": title, "media_id": video.external_id},
    )


def node(video: Media, now: datetime) -> dict[str, Any]:
    """Return the fields of a video; its post is included once it appears, by the second half of its id."""
    post = Post.objects.alive().filter(network=ID, external_id=video.data["post"], created_at__lte=now).first()
    return {
        "id": video.external_id,
        "status": status(video, now),
        "post_id": post.external_id.partition("_")[2] if post else None,
        "permalink_url": post.url if post else None,
        "title": (post.data["title"] or None) if post else None,
        "description": post.text if post else None,
        "length": video.data.get("seconds"),
        "created_time": graph.stamp(video.created_at),
        "updated_time": graph.stamp(video.ready_at),
    }


def status(video: Media, now: datetime) -> dict[str, Any]:
    """Return the progress of a video: uploaded, processed, published."""
    if not video.data["finished"]:
        return uploading(video, now)
    if now < video.ready_at:
        return phases("processing", video, processing={"status": "in_progress"})
    if video.failed:
        said_late = now < video.ready_at + timedelta(seconds=SAID_LATE_SECONDS)
        broken = {"status": "error", "error": {"message": "The video could not be processed."}}
        return phases("processing" if said_late else "error", video, processing=broken)
    done = {"status": "complete", "publish_status": "published", "publish_time": int(video.ready_at.timestamp())}
    return phases("ready", video, processing={"status": "complete"}, publishing=done)


def uploading(video: Media, now: datetime) -> dict[str, Any]:
    """Return the state of a video that was not published yet."""
    there = received(video)
    if video.expires_at <= now:
        return phases("expired", video)
    if 0 < there >= video.data["total"]:
        return phases("upload_complete", video)
    return phases("uploading", video, upload="in_progress" if there else "not_started")


def phases(
    word: str,
    video: Media,
    *,
    upload: str = "complete",
    processing: dict[str, Any] | None = None,
    publishing: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a status in Graph's words, including its spelling of `bytes_transfered`."""
    total = video.size or video.data["total"]
    return {
        "video_status": word,
        "uploading_phase": {"status": upload, "bytes_transfered": received(video), "source_file_size": total},
        "processing_phase": processing or {"status": "not_started"},
        "publishing_phase": publishing or {"status": "not_started"},
    }
