"""The sources of a Pin's files: the request, an address, or an earlier upload."""

import base64
import binascii
from typing import Any

from ouipost.simulator import media, publishing, pulling
from ouipost.simulator.call import Call
from ouipost.simulator.models import Media, Token
from ouipost.simulator.networks.pinterest import media as videos
from ouipost.simulator.networks.pinterest.access import ID, invalid

CAROUSEL = (2, 5)
MAX_IMAGE_BYTES = 20_000_000
INLINE_TYPES = {"image/jpeg": ("JPEG", "MPO"), "image/png": ("PNG",)}
PULLED_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF")
KINDS = {
    "image_url": "image",
    "image_base64": "image",
    "multiple_image_urls": "multiple_images",
    "multiple_image_base64": "multiple_images",
    "video_id": "video",
}
COVERS = ({"cover_image_url"}, {"cover_image_content_type", "cover_image_data"}, {"cover_image_key_frame_time"})
AGENT = "Pinterest/0.2 (+https://www.pinterest.com/bot.html)"


def kind_of(source: dict[str, Any]) -> str:
    """Return the `media_type` of a Pin of this source, or refuse one that Pinterest does not know."""
    kind = KINDS.get(str(source.get("source_type")))
    if kind is None:
        raise invalid(f"'source_type' must be one of {', '.join(KINDS)}")
    return kind


def files_of(call: Call, token: Token, source: dict[str, Any]) -> list[Media]:
    """Return the files of a Pin, stored and in use from now on, or refuse an invalid one."""
    match kind_of(source):
        case "image":
            return [keep(call, token, *image_of(source, {"source_type"}))]
        case "video":
            return [video_of(call, token, source)]
        case _:
            return carousel_of(call, token, source)


def carousel_of(call: Call, token: Token, source: dict[str, Any]) -> list[Media]:
    """Return the images of a carousel, which must have one size."""
    items, index = source.get("items"), source.get("index", 0)
    if not isinstance(items, list) or not CAROUSEL[0] <= len(items) <= CAROUSEL[1]:
        raise invalid(f"'items' must have {CAROUSEL[0]} to {CAROUSEL[1]} entries")
    if type(index) is not int or not 0 <= index < len(items):
        raise invalid("'index' must be the position of an entry")
    is_pulled = source["source_type"] == "multiple_image_urls"
    images = [item_of(item, is_pulled=is_pulled) for item in items]
    if len({(picture.width, picture.height) for _, picture in images}) > 1:
        raise invalid("All images of a carousel must have the same dimensions")
    return [keep(call, token, content, picture) for content, picture in images]


def item_of(item: Any, *, is_pulled: bool) -> tuple[bytes, media.Picture]:
    """Return an image of a carousel, or refuse it."""
    if not isinstance(item, dict) or ("url" in item) != is_pulled:
        raise invalid("'items' do not fit the 'source_type'")
    return image_of(item, {"title", "description", "link"})


def image_of(source: dict[str, Any], beside: set[str]) -> tuple[bytes, media.Picture]:
    """Return a sent or fetched image, or refuse it."""
    wanted = {"url"} if "url" in source else {"content_type", "data"}
    if source.keys() - beside != wanted or not all(isinstance(source[name], str) for name in wanted):
        raise invalid(f"'media_source' must have exactly {', '.join(sorted(wanted))}")
    formats = PULLED_FORMATS if "url" in source else INLINE_TYPES.get(source["content_type"], ())
    content = fetched(source["url"]) if "url" in source else decoded(source["data"])
    if not formats:
        raise invalid(f"'content_type' must be one of {', '.join(INLINE_TYPES)}")
    return content, examine(content, formats)


def fetched(address: str) -> bytes:
    """Return the file at an address, or refuse."""
    try:
        return pulling.fetch(address, most=MAX_IMAGE_BYTES, agent=AGENT)
    except pulling.Unreachable as failure:
        raise invalid(f"Sorry! We could not fetch the image. {failure}") from None


def decoded(data: str) -> bytes:
    """Return the bytes of base64, or refuse."""
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise invalid("'data' is not base64") from None


def examine(content: bytes, formats: tuple[str, ...]) -> media.Picture:
    """Return the facts of an image that Pinterest takes, or refuse it."""
    if len(content) > MAX_IMAGE_BYTES:
        raise invalid("Sorry! Your image is too large.")
    picture = media.look_at(content)
    if picture is None:
        raise invalid("Sorry! We could not read the image.")
    if picture.format not in formats:
        raise invalid(f"Sorry! We do not take {picture.format} here.")
    return picture


def keep(call: Call, token: Token, content: bytes, picture: media.Picture) -> Media:
    """Keep an image of a Pin."""
    name = publishing.snowflake(call.now)
    return media.keep(call, ID, token.account, name, content, lifetime=videos.LIFETIME, seen=picture, used=True)


def video_of(call: Call, token: Token, source: dict[str, Any]) -> Media:
    """Return a video that is ready and has a cover, or refuse."""
    media_id = source.get("media_id")
    if not isinstance(media_id, str):
        raise invalid("'media_id' is required")
    file = videos.own(call, token, media_id)
    if videos.state(call, file) != "succeeded":
        raise invalid("The video is not ready.")
    check_cover(source, file)
    Media.objects.filter(pk=file.pk).update(used=True)
    return file


def check_cover(source: dict[str, Any], file: Media) -> None:
    """Refuse a video without exactly one cover, or with a cover frame outside of it."""
    given = source.keys() - {"source_type", "media_id"}
    if given not in COVERS:
        raise invalid("A video needs one of cover_image_url, cover_image_data and cover_image_key_frame_time")
    if "cover_image_url" in given:
        image_of({"url": source["cover_image_url"]}, set())
    elif "cover_image_data" in given:
        image_of({"content_type": source["cover_image_content_type"], "data": source["cover_image_data"]}, set())
    else:
        check_frame(source["cover_image_key_frame_time"], file)


def check_frame(time: Any, file: Media) -> None:
    """Refuse a time, in milliseconds, that is not in the video."""
    if type(time) not in (int, float) or not 0 <= time <= 1000 * file.data["seconds"]:
        raise invalid("'cover_image_key_frame_time' is not in the video")
