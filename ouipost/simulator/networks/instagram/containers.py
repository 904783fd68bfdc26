"""Containers, which become posts on Instagram: with a picture, a video, or several of both."""

from typing import Any

import regex
from django.http import HttpResponse, JsonResponse

from ouipost.simulator import clips, containers, graph, media, pulling
from ouipost.simulator.call import Call
from ouipost.simulator.clips import Clip
from ouipost.simulator.graph import error, invalid
from ouipost.simulator.media import Picture
from ouipost.simulator.models import Media
from ouipost.simulator.networks.instagram.access import ID, authorized

PUBLISH = "instagram_business_content_publish"
BEGINS = "180"
CONTAINERS_PER_DAY = 400
MAX_CAPTION, MAX_HASHTAGS, MAX_MENTIONS, MAX_ALT_TEXT = 2200, 30, 20, 1000
CAROUSEL = (2, 10)
IMAGE_BYTES = 8 * 1024 * 1024
IMAGE_RATIOS = (4 / 5, 1.91)
VIDEO_BYTES, STORY_VIDEO_BYTES = 300 * 1024 * 1024, 100 * 1024 * 1024
SHORTEST_VIDEO, LONGEST_REEL, LONGEST_IN_CAROUSEL, LONGEST_STORY = 3, 900, 60, 60
"""Limits in seconds; the one for carousels is that of other connectors."""
MOST_MBITS = 25
SIGN = r"\p{L}\p{M}\p{N}_"
"""The characters of a word, which exclude the marks at the end of an emoji."""
HASHTAG = regex.compile(rf"(?V1)(?<![[{SIGN}&/\#]--[\uFE0E\uFE0F\u20E3]])\#(?![\uFE0F\u20E3])[{SIGN}]*\p{{L}}[{SIGN}]*")
MENTION = regex.compile(rf"(?V1)(?<![[{SIGN}@./\-]--[\uFE0E\uFE0F\u20E3]])@[A-Za-z0-9_][A-Za-z0-9_.]*")
STATUS = {
    containers.IN_PROGRESS: "In Progress: Media is still being processed.",
    containers.FINISHED: "Finished: Media has been uploaded and it is ready to be published.",
    containers.EXPIRED: "Expired: Media was not published within 24 hours.",
    containers.PUBLISHED: "Published: Media has been successfully published.",
}
KINDS = ("", "REELS", "STORIES", "CAROUSEL", "VIDEO")


def create(call: Call, ig: str) -> HttpResponse:
    """Create a container; pictures are checked at once, errors of a video show in its status."""
    account = authorized(call, PUBLISH, ig)
    kind, is_item = call.text("media_type"), call.flag("is_carousel_item", default=False)
    if kind not in KINDS or (is_item and kind not in ("", "VIDEO")) or (kind == "VIDEO" and not is_item):
        raise error(f"Media type {kind} is unknown here", 100, 2207023)
    if containers.made_since(call, ID, account) >= CONTAINERS_PER_DAY:
        # the code is not documented; this is that of the publish limit
        raise error("Too many containers were created within a day", 9, 2207042)
    check_caption(call.text("caption"))
    if call.text("caption") and (is_item or kind == "STORIES"):
        raise invalid("Param caption is for posts, not for stories and the items of a carousel")
    if call.text("alt_text") and kind:
        raise invalid("Param alt_text is for pictures of the feed")
    if kind == "CAROUSEL":
        container = carousel(call, account)
    elif kind in ("REELS", "VIDEO") or (kind == "STORIES" and call.text("video_url")):
        container = video(call, account, kind)
    else:
        container = image(call, account, kind)
    return JsonResponse({"id": container.external_id})


def check_caption(caption: str) -> None:
    """Refuse a caption that is too long or has too many hashtags or mentions."""
    if len(caption) > MAX_CAPTION:
        raise error("The caption was too long.", 36004, 2207010)
    if len(HASHTAG.findall(caption)) > MAX_HASHTAGS:
        raise error("The caption has too many hashtags.", 36004, 2207010)
    if len(MENTION.findall(caption)) > MAX_MENTIONS:
        raise error("Cannot have more than 20 tags in the caption.", 100, 2207040)


def keep(call: Call, account: str, product: str, kind: str, **values: Any) -> Media:
    """Keep a container of this product: FEED, REELS or STORY."""
    return containers.make(
        call,
        ID,
        account,
        begins=BEGINS,
        caption="" if product == "STORY" else call.text("caption"),
        is_item=call.flag("is_carousel_item", default=False),
        product=product,
        kind=kind,
        **values,
    )


def image(call: Call, account: str, kind: str) -> Media:
    """Make a container of a picture, or refuse the picture."""
    if not call.text("image_url"):
        raise invalid("The parameter image_url is required")
    alt_text = call.text("alt_text")
    if len(alt_text) > MAX_ALT_TEXT:
        raise invalid(f"Param alt_text must be at most {MAX_ALT_TEXT} characters long")
    try:
        content = containers.fetch(call.text("image_url"), most=IMAGE_BYTES)
    except pulling.Unreachable as why:
        raise error(f"The media could not be fetched from this URI: {why}", 9004, 2207052) from why
    picture = examined(content, ratios=(0, 0) if kind == "STORIES" else IMAGE_RATIOS)
    failure = "2207026" if "processing_failed" in call.effects else ""
    product = "STORY" if kind == "STORIES" else "FEED"
    return keep(call, account, product, "IMAGE", content=content, seen=picture, failure=failure, alt_text=alt_text)


def examined(content: bytes, *, ratios: tuple[float, float]) -> Picture:
    """Return the facts of a picture that Instagram takes, or refuse it."""
    if len(content) > IMAGE_BYTES:
        raise error("The image is too large to be downloaded.", 36000, 2207004)
    picture = media.look_at(content)
    if picture is None or picture.mime != "image/jpeg":
        raise error("The image format is not supported.", 36001, 2207005)
    narrow, wide = ratios
    if wide and not narrow <= picture.width / picture.height <= wide:
        raise error("The submitted image has an aspect ratio that is not allowed.", 36003, 2207009)
    return picture


def video(call: Call, account: str, kind: str) -> Media:
    """Create a container of a video, which fails later if the video breaks a rule."""
    if not call.text("video_url"):
        raise invalid("The parameter video_url is required")
    most = STORY_VIDEO_BYTES if kind == "STORIES" else VIDEO_BYTES
    try:
        content = containers.fetch(call.text("video_url"), most=most)
    except pulling.Unreachable:
        return keep(call, account, "FEED", "VIDEO", failure="2207052")
    clip = containers.clip_of(content)
    fits = clip is not None and len(content) <= most and suits(content, clip, longest=longest(kind))
    if clip and call.text("thumb_offset") and not 0 <= graph.integer(call, "thumb_offset", 0) <= clip.seconds * 1000:
        raise error("The thumbnail offset must be within the video.", 1, 2207057)
    failure = "" if fits and "processing_failed" not in call.effects else "2207026"
    product = {"REELS": "REELS", "STORIES": "STORY"}.get(kind, "FEED")
    shared = call.flag("share_to_feed", default=True)
    return keep(call, account, product, "VIDEO", content=content, seen=clip, failure=failure, share_to_feed=shared)


def longest(kind: str) -> int:
    """Return the longest allowed video, in seconds."""
    return {"REELS": LONGEST_REEL, "STORIES": LONGEST_STORY}.get(kind, LONGEST_IN_CAROUSEL)


def suits(content: bytes, clip: Clip, *, longest: float) -> bool:
    """Return whether Instagram can play this video."""
    return (
        clips.begins_with_its_index(content)
        and SHORTEST_VIDEO <= round(clip.seconds, 1) <= longest
        and clip.video_codec in containers.CODECS
        and clip.audio_codec in containers.SOUNDS
        and clip.sample_rate <= containers.MOST_HERTZ
        and clip.is_usual
        and containers.FPS[0] <= clip.fps <= containers.FPS[1]
        and clip.width <= containers.MOST_WIDTH
        and containers.RATIOS[0] <= clip.ratio <= containers.RATIOS[1]
        and containers.mbits(content, clip) <= MOST_MBITS
    )


def carousel(call: Call, account: str) -> Media:
    """Make a container of containers, all of which must be ready and meant for it."""
    ids = containers.children_of(call)
    if not CAROUSEL[0] <= len(ids) <= CAROUSEL[1] or len(set(ids)) != len(ids):
        raise error("A carousel takes 2 to 10 items.", 100, 2207028)
    for each in ids:
        child = containers.find(ID, account, each)
        if child is None or not child.data["is_item"]:
            raise error("The media that was asked for does not exist.", 24, 2207006)
        require_finished(call, child)
    return keep(call, account, "FEED", "CAROUSEL_ALBUM", children=ids)


def require_finished(call: Call, container: Media) -> None:
    """Refuse a container that is not ready, or is expired, published or failed."""
    match containers.state(container, call):
        case containers.IN_PROGRESS:
            raise error(
                "Media ID is not available",
                9007,
                2207027,
                is_transient=False,
                error_user_title="Media not ready",
                error_user_msg="The media is not ready for publishing, please wait for a moment",
            )
        case containers.EXPIRED:
            raise error("The media container is expired.", 24, 2207008)
        case containers.PUBLISHED:
            # it cannot be published twice, but the code is not documented
            raise error("The media that was asked for does not exist.", 24, 2207006)
        case containers.ERROR:
            raise error("The media could not be processed.", 352, int(container.data["failure"]))


def status(call: Call, container: Media) -> dict[str, Any]:
    """Return the fields of a container."""
    state = containers.state(container, call)
    failed = f"Error: Media upload has failed with error code {container.data['failure']}"
    return {"id": container.external_id, "status_code": state, "status": STATUS.get(state, failed)}
