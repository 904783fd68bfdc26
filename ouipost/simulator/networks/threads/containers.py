"""Containers, which become posts on Threads: with a text, a picture, a video, or several of both."""

from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import containers, counting, media, pages, pulling
from ouipost.simulator.call import Call
from ouipost.simulator.clips import Clip
from ouipost.simulator.graph import error, invalid
from ouipost.simulator.media import Picture
from ouipost.simulator.models import Media, Post
from ouipost.simulator.networks.threads import posts
from ouipost.simulator.networks.threads.access import ID, PUBLISH, REPLY, authorized, measured

BEGINS = "180"
MAX_TEXT, MAX_ALT_TEXT, MAX_TAG, MAX_LINKS = 500, 1000, 50, 5
CAROUSEL = (2, 20)
IMAGE_BYTES, VIDEO_BYTES = 8 * 1024 * 1024, 1024 * 1024 * 1024
IMAGE_TYPES = ("image/jpeg", "image/png")
IMAGE_RATIOS = (0.1, 10)
LONGEST_VIDEO = 300
MOST_MBITS = 100
MOST_CHANNELS = 2
REPLY_CONTROLS = (
    "everyone",
    "accounts_you_follow",
    "mentioned_only",
    "parent_post_author_only",
    "followers_only",
)
KINDS = {"TEXT": "TEXT_POST", "IMAGE": "IMAGE", "VIDEO": "VIDEO", "CAROUSEL": "CAROUSEL_ALBUM"}


def create(call: Call, user: str) -> HttpResponse:
    """Create a container; errors of a file show in its status. A text can be published at once."""
    account = authorized(call, PUBLISH, *([REPLY] if call.text("reply_to_id") else []), user=user)
    kind = call.text("media_type")
    is_item = call.flag("is_carousel_item", default=False)
    if kind not in KINDS or (is_item and kind not in ("IMAGE", "VIDEO")):
        raise invalid(f"Param media_type must be one of {', '.join(KINDS)}")
    check_text(call)
    check_choices(call)
    parent = call.text("reply_to_id")
    if parent and not Post.objects.alive().filter(network=ID, external_id=parent).exists():
        raise error("The requested resource does not exist", 24)
    container = MAKERS[kind](call, account)
    if kind == "TEXT" and call.flag("auto_publish_text", default=False):
        return posts.out(call, account, container)
    return JsonResponse({"id": container.external_id})


def check_text(call: Call) -> None:
    """Refuse a text that is too long, or has too many links."""
    if measured(call.text("text")) > MAX_TEXT:
        raise invalid(f"Param text must be at most {MAX_TEXT} characters long.")
    link = call.text("link_attachment")
    if link and (call.text("media_type") != "TEXT" or not pages.is_address(link)):
        raise invalid("Param link_attachment must be a valid URL, and only goes with a text")
    named = [url.expanded for url in counting.whole_urls(call.text("text"))] + ([link] if link else [])
    if len({each.partition("://")[2].rstrip("/") for each in named}) > MAX_LINKS:
        title = "THREADS_API__LINK_LIMIT_EXCEEDED"
        raise error("(#100) The post has too many links", 100, error_user_title=title)


def check_choices(call: Call) -> None:
    """Refuse a wrong topic tag, alt text or reply control."""
    tag = call.text("topic_tag")
    if "topic_tag" in call.params and (not 1 <= len(tag) <= MAX_TAG or set(tag) & set(".&")):
        raise invalid(f"Param topic_tag must have 1 to {MAX_TAG} characters, without . and &")
    if len(call.text("alt_text")) > MAX_ALT_TEXT:
        raise invalid(f"Param alt_text must be at most {MAX_ALT_TEXT} characters long")
    if call.text("alt_text") and call.text("media_type") not in ("IMAGE", "VIDEO"):
        raise invalid("Param alt_text is for pictures and videos")
    if "reply_control" in call.params and call.text("reply_control") not in REPLY_CONTROLS:
        raise invalid(f"Param reply_control must be one of {', '.join(REPLY_CONTROLS)}")


def keep(call: Call, account: str, **values: Any) -> Media:
    """Store a container with the content of its post."""
    return containers.make(
        call,
        ID,
        account,
        begins=BEGINS,
        alt_text=call.text("alt_text"),
        kind=KINDS[call.text("media_type")],
        is_item=call.flag("is_carousel_item", default=False),
        text=call.text("text"),
        link=call.text("link_attachment"),
        topic_tag=call.text("topic_tag"),
        reply_to=call.text("reply_to_id"),
        reply_control=call.text("reply_control") or "everyone",
        **values,
    )


def text(call: Call, account: str) -> Media:
    """Make a container of a text."""
    if not call.text("text").strip() and not call.text("link_attachment"):
        raise invalid("Param text must be non-empty")
    return keep(call, account)


def image(call: Call, account: str) -> Media:
    """Make a container of a picture."""
    if not call.text("image_url"):
        raise invalid("The parameter image_url is required")
    try:
        content = containers.fetch(call.text("image_url"), most=IMAGE_BYTES)
    except pulling.Unreachable:
        return keep(call, account, failure="UNKNOWN")
    picture = media.look_at(content)
    failure = "UNKNOWN" if "processing_failed" in call.effects else wrong_picture(content, picture)
    return keep(call, account, content=content, seen=picture, failure=failure)


def wrong_picture(content: bytes, picture: Picture | None) -> str:
    """Return the flaw of a picture, or an empty text."""
    if picture is None or picture.mime not in IMAGE_TYPES or len(content) > IMAGE_BYTES:
        return "UNKNOWN"
    narrow, wide = IMAGE_RATIOS
    return "" if narrow <= picture.width / picture.height <= wide else "INVALID_ASPEC_RATIO"


def video(call: Call, account: str) -> Media:
    """Make a container of a video."""
    if not call.text("video_url"):
        raise invalid("The parameter video_url is required")
    try:
        content = containers.fetch(call.text("video_url"), most=VIDEO_BYTES)
    except pulling.Unreachable:
        return keep(call, account, failure="FAILED_DOWNLOADING_VIDEO")
    clip = containers.clip_of(content)
    failure = "FAILED_PROCESSING_VIDEO" if "processing_failed" in call.effects else wrong_clip(content, clip)
    return keep(call, account, content=content, seen=clip, failure=failure)


def wrong_clip(content: bytes, clip: Clip | None) -> str:
    """Return the flaw of a video, or an empty text."""
    if clip is None or clip.video_codec not in containers.CODECS or len(content) > VIDEO_BYTES:
        return "FAILED_PROCESSING_VIDEO"
    wrong = {
        "FAILED_PROCESSING_AUDIO": clip.audio_codec not in containers.SOUNDS
        or clip.sample_rate > containers.MOST_HERTZ,
        "INVALID_AUDIO_CHANNELS": clip.channels > MOST_CHANNELS,
        "INVALID_ASPEC_RATIO": not containers.RATIOS[0] <= clip.ratio <= containers.RATIOS[1],
        "INVALID_DURATION": clip.seconds > LONGEST_VIDEO,
        "INVALID_FRAME_RATE": not containers.FPS[0] <= clip.fps <= containers.FPS[1],
        "INVALID_BIT_RATE": containers.mbits(content, clip) > MOST_MBITS,
        "FAILED_PROCESSING_VIDEO": clip.width > containers.MOST_WIDTH,
    }
    return next((name for name, applies in wrong.items() if applies), "")


def carousel(call: Call, account: str) -> Media:
    """Make a container of containers, all of which must be ready and meant for it."""
    ids = containers.children_of(call)
    if not CAROUSEL[0] <= len(ids) <= CAROUSEL[1] or len(set(ids)) != len(ids):
        raise invalid("A carousel takes 2 to 20 different children")
    for each in ids:
        child = containers.find(ID, account, each)
        if child is None or not child.data["is_item"] or containers.state(child, call) != containers.FINISHED:
            raise error("The requested resource does not exist", 24)
    return keep(call, account, children=ids)


MAKERS = {"TEXT": text, "IMAGE": image, "VIDEO": video, "CAROUSEL": carousel}


def status(call: Call, container: Media) -> dict[str, Any]:
    """Return the fields of a container; the message only if there is one."""
    state = containers.state(container, call)
    message = container.data["failure"] if state == containers.ERROR else None
    return {"id": container.external_id, "status": state, "error_message": message}
