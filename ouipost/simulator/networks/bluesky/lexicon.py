"""The schema of `app.bsky.feed.post`, checked as the reference server checks it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from ouipost.simulator import atproto, counting
from ouipost.simulator.call import Refusal
from ouipost.simulator.networks.bluesky.access import invalid

MAX_GRAPHEMES, MAX_BYTES = 300, 3000
MAX_TAG_GRAPHEMES, MAX_TAG_BYTES = 64, 640
MAX_LANGUAGES, MAX_TAGS, MAX_IMAGES, MAX_CAPTIONS = 3, 8, 4, 20
MAX_CAPTION_BYTES = 20_000
MAX_VIDEO_ALT, MAX_VIDEO_ALT_BYTES = 1000, 10_000
LANGUAGE = re.compile(
    r"(?:(?P<language>[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4}|[a-z]{5,8})(?P<script>-[a-z]{4})?"
    r"(?P<region>-(?:[a-z]{2}|\d{3}))?(?P<variants>(?:-(?:[a-z\d]{5,8}|\d[a-z\d]{3}))*)"
    r"(?P<extensions>(?:-[a-wyz\d](?:-[a-z\d]{2,8})+)*)(?P<private>-x(?:-[a-z\d]{1,8})+)?"
    r"|x(?:-[a-z\d]{1,8})+|i-[a-z]{3,8})",
    re.IGNORECASE | re.ASCII,
)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,20})?(?:Z|(?!-00:00)[+-]\d\d:\d\d)", re.ASCII)
MAX_IMAGE_BYTES, MAX_THUMB_BYTES, MAX_VIDEO_BYTES = 2_000_000, 1_000_000, 300_000_000


@dataclass(frozen=True, kw_only=True)
class Blob:
    """A record's reference to an uploaded file."""

    cid: str
    mime: str
    size: int


def wrong(message: str, path: str) -> Refusal:
    """Return the refusal for a record that breaks its schema."""
    return invalid(f"Invalid app.bsky.feed.post record: {message} at $.record{path}")


def need(value: Any, name: str, kind: type, path: str) -> Any:
    """Return a required property of an object, or refuse a missing one or one of another type."""
    if not isinstance(value, Mapping):
        raise wrong("Expected object value type", path)
    if name not in value:
        raise wrong(f'Missing required key "{name}"', path)
    if not isinstance(value[name], kind) or isinstance(value[name], bool):
        raise wrong(f"Expected {kind.__name__} value type", f"{path}.{name}")
    return value[name]


def checked(record: dict[str, Any]) -> dict[str, Any]:
    """Return a post that fits its schema, or refuse it with the error and its place."""
    check_values(record, "")
    text = need(record, "text", str, "")
    check_length(text, MAX_GRAPHEMES, MAX_BYTES, ".text")
    check_time(need(record, "createdAt", str, ""))
    for index, tag in enumerate(check_texts(record, "langs", MAX_LANGUAGES)):
        check_language(tag, f".langs[{index}]")
    for index, tag in enumerate(check_texts(record, "tags", MAX_TAGS)):
        check_length(tag, MAX_TAG_GRAPHEMES, MAX_TAG_BYTES, f".tags[{index}]")
    check_facets(need(record, "facets", list, "") if "facets" in record else [], len(text.encode()))
    if "embed" in record:
        check_embed(record["embed"], ".embed")
    if "reply" in record:
        for name in ("root", "parent"):
            check_reference(need(record["reply"], name, dict, ".reply"), f".reply.{name}")
    return record


def check_values(value: Any, path: str) -> None:
    """Refuse floats, which records cannot hold."""
    if isinstance(value, float):
        raise wrong(f"Expected one of null, boolean, integer, string, array or object value type (got {value})", path)
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        check_values(each, f"{path}.{name}" if isinstance(name, str) else f"{path}[{name}]")


def check_length(text: str, graphemes: int, size: int, path: str) -> None:
    """Refuse a text of too many bytes or too many characters as readers see them."""
    used = len(text.encode("utf-8", "surrogatepass"))
    if used > size:
        raise wrong(f"string too big (maximum {size}, got {used})", path)
    if (seen := counting.graphemes(text)) > graphemes:
        raise wrong(f"grapheme too big (maximum {graphemes}, got {seen})", path)


def check_time(text: str) -> None:
    """Refuse a text that is no time with a zone."""
    try:
        is_one = bool(TIME.fullmatch(text) and datetime.fromisoformat(text))
    except ValueError:
        is_one = False
    if not is_one:
        raise wrong(f'Invalid datetime (got "{text}")', ".createdAt")


def check_texts(record: dict[str, Any], name: str, most: int) -> list[str]:
    """Return an optional list of texts, or refuse one that is too long or has other values."""
    values = record.get(name, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise wrong("Expected array of strings", f".{name}")
    check_count(values, most, f".{name}")
    return values


def check_language(tag: str, path: str) -> None:
    """Refuse a malformed language tag (BCP 47)."""
    if not LANGUAGE.fullmatch(tag):
        raise wrong(f'Invalid language (got "{tag}")', path)


def check_count(values: list[Any], most: int, path: str) -> None:
    """Refuse a list with too many entries."""
    if len(values) > most:
        raise wrong(f"array too big (maximum {most}, got {len(values)})", path)


def check_facets(facets: list[Any], length: int) -> None:
    """Refuse facets that are wrong, or that share bytes of the text."""
    for index, facet in enumerate(facets):
        check_facet(facet, length, f".facets[{index}]")
    spans = sorted((each["index"]["byteStart"], each["index"]["byteEnd"]) for each in facets)
    if any(start < end for (_, end), (start, _) in pairwise(spans)):
        raise wrong("The facets overlap", ".facets")


def check_facet(facet: Any, length: int, path: str) -> None:
    """Refuse a facet outside of the text's bytes, or with a feature that is incomplete."""
    index = need(facet, "index", dict, path)
    start, end = (need(index, name, int, f"{path}.index") for name in ("byteStart", "byteEnd"))
    if not 0 <= start < end <= length:
        raise wrong(f"Invalid byte slice ({start} to {end}, of {length})", f"{path}.index")
    for position, feature in enumerate(need(facet, "features", list, path)):
        check_feature(feature, f"{path}.features[{position}]")


def check_feature(feature: Any, path: str) -> None:
    """Refuse a link without scheme, a mention without DID, a tag that is too long."""
    match need(feature, "$type", str, path):
        case "app.bsky.richtext.facet#link":
            check_uri(need(feature, "uri", str, path), f"{path}.uri")
        case "app.bsky.richtext.facet#mention":
            if not atproto.DID.fullmatch(need(feature, "did", str, path)):
                raise wrong("Invalid did", f"{path}.did")
        case "app.bsky.richtext.facet#tag":
            check_length(need(feature, "tag", str, path), MAX_TAG_GRAPHEMES, MAX_TAG_BYTES, f"{path}.tag")


def check_uri(text: str, path: str) -> None:
    """Refuse an address without scheme."""
    if not atproto.URI.fullmatch(text):
        raise wrong(f'Invalid uri (got "{text}")', path)


def check_reference(reference: Any, path: str) -> None:
    """Refuse a reference that lacks the address or content id of its record."""
    if not need(reference, "uri", str, path).startswith("at://"):
        raise wrong("Invalid at-uri", f"{path}.uri")
    if not atproto.CID.fullmatch(need(reference, "cid", str, path)):
        raise wrong("Invalid cid", f"{path}.cid")


def check_embed(embed: Any, path: str) -> None:
    """Refuse an embed that is of an unknown kind or incomplete."""
    match need(embed, "$type", str, path):
        case "app.bsky.embed.images":
            check_images(need(embed, "images", list, path), f"{path}.images")
        case "app.bsky.embed.external":
            check_external(need(embed, "external", dict, path), f"{path}.external")
        case "app.bsky.embed.video":
            check_video(embed, path)
        case "app.bsky.embed.record":
            check_reference(need(embed, "record", dict, path), f"{path}.record")
        case "app.bsky.embed.recordWithMedia":
            check_reference(need(need(embed, "record", dict, path), "record", dict, path), f"{path}.record.record")
            check_embed(need(embed, "media", dict, path), f"{path}.media")
        case other:
            raise wrong(f"Unknown type {other}", path)


def check_images(images: list[Any], path: str) -> None:
    """Refuse too many images, and those without file or alt text."""
    check_count(images, MAX_IMAGES, path)
    for index, image in enumerate(images):
        check_blob(need(image, "image", dict, f"{path}[{index}]"), "image/", MAX_IMAGE_BYTES, f"{path}[{index}].image")
        need(image, "alt", str, f"{path}[{index}]")
        if "aspectRatio" in image:
            check_ratio(image["aspectRatio"], f"{path}[{index}].aspectRatio")


def check_video(video: dict[str, Any], path: str) -> None:
    """Refuse a video without file, or with an invalid ratio, alt text or captions."""
    check_blob(need(video, "video", dict, path), "video/mp4", MAX_VIDEO_BYTES, f"{path}.video")
    if "alt" in video:
        check_length(need(video, "alt", str, path), MAX_VIDEO_ALT, MAX_VIDEO_ALT_BYTES, f"{path}.alt")
    if "aspectRatio" in video:
        check_ratio(video["aspectRatio"], f"{path}.aspectRatio")
    captions = need(video, "captions", list, path) if "captions" in video else []
    check_count(captions, MAX_CAPTIONS, f"{path}.captions")
    for index, caption in enumerate(captions):
        need(caption, "lang", str, f"{path}.captions[{index}]")
        file = need(caption, "file", dict, f"{path}.captions[{index}]")
        check_blob(file, "text/vtt", MAX_CAPTION_BYTES, f"{path}.captions[{index}].file")


def check_ratio(ratio: Any, path: str) -> None:
    """Refuse a ratio that is not of two positive numbers."""
    for name in ("width", "height"):
        if need(ratio, name, int, path) < 1:
            raise wrong("integer too small (minimum 1)", f"{path}.{name}")


def check_external(external: dict[str, Any], path: str) -> None:
    """Refuse a link card that is incomplete."""
    check_uri(need(external, "uri", str, path), f"{path}.uri")
    for name in ("title", "description"):
        need(external, name, str, path)
    if "thumb" in external:
        check_blob(external["thumb"], "image/", MAX_THUMB_BYTES, f"{path}.thumb")


def check_blob(value: Any, mime: str, most: int, path: str) -> None:
    """Refuse a value that is no reference to a file of this type and size."""
    if not isinstance(value, dict) or value.get("$type") != "blob":
        raise wrong("Expected blob value type", path)
    if not atproto.CID.fullmatch(need(need(value, "ref", dict, path), "$link", str, f"{path}.ref")):
        raise wrong("Expected blob value type", path)
    if not need(value, "mimeType", str, path).startswith(mime):
        raise wrong(f"blob has a MIME type that is not accepted ({value['mimeType']})", path)
    if need(value, "size", int, path) > most:
        raise wrong(f"blob too big (maximum {most}, got {value['size']})", path)


def files_of(record: Mapping[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Return the shown files of a checked record, each with its alt text."""
    embed = record.get("embed", {})
    embed = embed.get("media", embed)
    images = [(image["image"], image["alt"]) for image in embed.get("images", [])]
    return images + ([(embed["video"], embed.get("alt", ""))] if "video" in embed else [])


def shown(record: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return content id and alt text of each shown file."""
    return [{"cid": blob["ref"]["$link"], "alt": alt} for blob, alt in files_of(record)]


def blobs(record: Mapping[str, Any]) -> list[Blob]:
    """Return every file that a checked record refers to, thumbnails too."""
    found = [blob for blob, _ in files_of(record)]
    embed = record.get("embed", {})
    external = embed.get("media", embed).get("external", {})
    found += [external["thumb"]] if "thumb" in external else []
    return [Blob(cid=blob["ref"]["$link"], mime=blob["mimeType"], size=blob["size"]) for blob in found]


def link(record: Mapping[str, Any]) -> str:
    """Return the web address of the link card, or an empty text."""
    embed = record.get("embed", {})
    address: str = embed.get("media", embed).get("external", {}).get("uri", "")
    return address if address.startswith(("http://", "https://")) else ""
