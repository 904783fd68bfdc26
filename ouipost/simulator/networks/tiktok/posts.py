"""Processing of posts on TikTok: files are checked, then the post is published once, or given up."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from ouipost.simulator import clips, media, publishing, pulling
from ouipost.simulator.call import Call
from ouipost.simulator.clips import Clip
from ouipost.simulator.media import Picture
from ouipost.simulator.models import Account, Media, Post, atomic
from ouipost.simulator.networks.tiktok.access import ID
from ouipost.simulator.networks.tiktok.creators import DRAFT, LONGEST_SECONDS, PUBLIC, settings_of

VIDEO, PHOTO = "video", "photo"
STATUS_LIFETIME = timedelta(days=30)
"""The lifetime of a status, which is not documented."""
AGENT = "TikTokBot/1.0"
MAX_PHOTO_BYTES, MAX_PHOTO_SIDES = 20_000_000, (1080, 1920)
PHOTO_FORMATS = ("JPEG", "MPO", "WEBP")
CODECS = ("h264", "hevc", "vp8", "vp9")
LEAST_FPS, MOST_FPS = 23, 60
LEAST_SIDE, MOST_SIDE = 360, 4096
BAD_FORMAT, BAD_SIZE = "file_format_check_failed", "picture_size_check_failed"


def keep(call: Call, account: Account, begins: str, data: dict[str, Any]) -> Media:
    """Store a new post that has no bytes yet."""
    external_id = f"{begins}{publishing.snowflake(call.now)}"
    return media.keep(call, ID, account.external_id, external_id, lifetime=STATUS_LIFETIME, data=data)


def pulled(address: str, *, most: int) -> bytes | None:
    """Return the file at an address, None if it cannot be fetched."""
    try:
        return pulling.fetch(address, most=most, agent=AGENT)
    except pulling.Unreachable:
        return None


def take_video(call: Call, begun: Media, content: bytes | None) -> None:
    """Check a complete video, and publish it unless it is refused or a draft."""
    clip = clips.look_at_clip(content or b"")
    reason = "video_pull_failed" if content is None else flaw(call, begun, clip)
    with atomic():
        post = publish(call, begun, [begun.external_id]) if not reason and begun.data["kind"] == VIDEO else None
        settle(call, begun, reason, post, content=content or b"", picture=clip)


def flaw(call: Call, begun: Media, clip: Clip | None) -> str:
    """Return TikTok's reason to give up a video, empty if it accepts the video."""
    if clip is None or clip.video_codec not in CODECS or "processing_failed" in call.effects:
        return BAD_FORMAT
    account = Account.objects.get(network=ID, external_id=begun.account)
    most = LONGEST_SECONDS if begun.data["kind"] == DRAFT else settings_of(account)["max_video_post_duration_sec"]
    sides = sorted((clip.width, clip.height))
    wrong = {
        "duration_check_failed": not 0 < clip.seconds <= most,
        "frame_rate_check_failed": not LEAST_FPS <= clip.fps <= MOST_FPS,
        BAD_SIZE: sides[0] < LEAST_SIDE or sides[1] > MOST_SIDE,
    }
    return media.first_flaw(wrong)


def settle(call: Call, begun: Media, reason: str, post: Post | None, content: bytes, picture: Clip | None) -> None:
    """Store the result of a post, which shows when its processing is over."""
    media.keep(
        call,
        ID,
        begun.account,
        begun.external_id,
        content,
        lifetime=STATUS_LIFETIME,
        seen=picture,
        ready_at=call.ready_at,
        failed=bool(reason),
        used=True,
        data=begun.data | {"reason": reason, "post": post.external_id if post else ""},
    )


def publish(call: Call, begun: Media, files: Sequence[str]) -> Post:
    """Create a post, which is listed after its processing and moderation."""
    external_id = publishing.snowflake(call.now)
    kind = begun.data["kind"]
    username = Account.objects.get(network=ID, external_id=begun.account).username
    return publishing.publish(
        call,
        ID,
        work=call.seconds("slow_processing"),
        account=begun.account,
        external_id=external_id,
        text=begun.data["text"],
        media=[{"id": name, "alt": ""} for name in files],
        url=f"https://www.tiktok.com/@{username}/{kind}/{external_id}",
        data={"kind": kind, "title": begun.data.get("title", "")}
        | {name: begun.data[name] for name in ("privacy", "is_aigc")},
    )


def take_photos(call: Call, begun: Media, addresses: list[str]) -> None:
    """Fetch and check the photos, and publish them unless one is refused."""
    files, reason = [], BAD_FORMAT if "processing_failed" in call.effects else ""
    for number, address in enumerate(addresses):
        content = pulled(address, most=MAX_PHOTO_BYTES)
        picture = None if content is None else media.look_at(content)
        reason = reason or ("photo_pull_failed" if content is None else flaw_of_photo(content, picture))
        if reason:
            break
        files.append(keep_photo(call, begun, number, content or b"", picture))
    with atomic():
        post = publish(call, begun, files) if not reason and begun.data["kind"] == PHOTO else None
        settle(call, begun, reason, post, content=b"", picture=None)


def flaw_of_photo(content: bytes, picture: Picture | None) -> str:
    """Return TikTok's reason to give up a photo, empty if it accepts the photo."""
    if picture is None or picture.format not in PHOTO_FORMATS:
        return BAD_FORMAT
    sides = sorted((picture.width, picture.height))
    too_large = any(side > most for side, most in zip(sides, MAX_PHOTO_SIDES, strict=True))
    return BAD_SIZE if too_large or len(content) > MAX_PHOTO_BYTES else ""


def keep_photo(call: Call, begun: Media, number: int, content: bytes, picture: Picture | None) -> str:
    """Store a photo for the lifetime of its post, and return its name."""
    name = f"{begun.external_id}/{number}"
    media.keep(call, ID, begun.account, name, content, lifetime=STATUS_LIFETIME, seen=picture, used=True)
    return name


def state(call: Call, begun: Media, working: str) -> dict[str, Any]:
    """Return the status of a post, with the reason if it was given up, and the id if it is public."""
    if not begun.used or begun.ready_at > call.now:
        return {"status": working}
    if begun.failed:
        return {"status": "FAILED", "fail_reason": begun.data["reason"]}
    if begun.data["kind"] == DRAFT:
        return {"status": "SEND_TO_USER_INBOX"}
    shown = Post.objects.of(ID, begun.account).listed(call.now, 0).filter(external_id=begun.data["post"])
    ids = [int(post.external_id) for post in shown if post.data["privacy"] == PUBLIC]
    return {"status": "PUBLISH_COMPLETE", "publicaly_available_post_id": ids}
