"""A Pin as Pinterest takes it and shows it, and what it refuses in one."""

import base64
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from accounts.platforms.base import Content, Handles, Issue, Media
from accounts.platforms.http import dig_text
from accounts.platforms.limits import above
from accounts.platforms.pinterest.video import media_id
from accounts.platforms.text import comparable
from ouipost.phrases import Phrase

BOARDS = "boards"
"""The key of the account's metadata that lists its boards: `[{id, name, privacy}, …]`."""
COVER = "cover_image_key_frame_time"
"""The option that says which frame of a video is its cover: milliseconds, as its users report; the first one else."""
LONGEST_LINK = 2048
SHOWN_DESCRIPTION = 500
"""The API takes 800 characters; Pinterest's help speaks of 500."""
MAX_CAROUSEL_BYTES = 40_000_000
"""Of all images together, which go in one request; Pinterest does not say how much it takes."""
NOT_IN_A_LINK = re.compile(r"[\s\x00-\x1f\x7f]")


def write(content: Content, handles: Handles) -> dict[str, Any]:
    """Return the body of the call that makes the Pin visible."""
    fields = {
        "board_id": content.options["board_id"],
        "board_section_id": content.options.get("board_section_id", ""),
        "title": content.title,
        "description": content.text,
        "link": link_of(content),
        "alt_text": content.media[0].alt_text,
    }
    return {name: value for name, value in fields.items() if value} | {"media_source": _source(content, handles)}


def link_of(content: Content) -> str:
    """Return where the Pin leads: the option, else the post's link."""
    return str(content.options.get("link") or content.link)


def _source(content: Content, handles: Handles) -> dict[str, Any]:
    first = content.media[0]
    if first.type == "video":
        cover = content.options.get(COVER, 0)
        return {"source_type": "video_id", "media_id": media_id(handles), COVER: cover}
    if len(content.media) == 1:
        return {"source_type": "image_base64", **_inline(first)}
    items = [_inline(each) for each in content.media]
    return {"source_type": "multiple_image_base64", "items": items, "index": 0}


def _inline(image: Media) -> dict[str, str]:
    return {"content_type": image.mime_type, "data": base64.b64encode(image.read()).decode()}


def is_it(pin: Any, content: Content, *, since: datetime) -> bool:
    """Whether this Pin of the board says what was sent, and is no older."""
    created = _created(pin)
    return (
        created is not None
        and created >= since
        and _says(pin, "title", content.title)
        and _says(pin, "description", content.text)
        and _says(pin, "link", link_of(content))
    )


def is_older(pin: Any, since: datetime) -> bool:
    """Whether this Pin was surely there before."""
    created = _created(pin)
    return created is not None and created < since


def _created(pin: Any) -> datetime | None:
    """Pinterest writes times without an offset, in UTC."""
    try:
        created = datetime.fromisoformat(dig_text(pin, "created_at"))
    except ValueError:
        return None
    return created if created.tzinfo else created.replace(tzinfo=UTC)


def _says(pin: Any, field: str, sent: str) -> bool:
    return comparable(dig_text(pin, field)) == comparable(sent)


def check(content: Content, account: Mapping[str, Any]) -> list[Issue]:
    """Return what Pinterest refuses beside its limits, and what it shows otherwise than it was written."""
    return [
        *_board(content, account),
        *_ids(content),
        *_link(content),
        *_description(content),
        *_cover(content),
        *_carousel([each for each in content.media if each.type == "image"]),
    ]


def _board(content: Content, account: Mapping[str, Any]) -> Iterator[Issue]:
    if account.get(BOARDS, [None]) == []:
        yield Issue(
            rule="no_boards",
            field="options.board_id",
            message=Phrase("This account has no board to put the Pin on."),
            actual=content.options.get("board_id"),
            fix=Phrase("Make a board on Pinterest, then refresh the account."),
        )


def _ids(content: Content) -> Iterator[Issue]:
    for name in ("board_id", "board_section_id"):
        value = content.options.get(name)
        if isinstance(value, str) and value.strip() and not (value.isascii() and value.isdigit()):
            yield Issue(
                rule="option_invalid",
                field=f"options.{name}",
                message=Phrase("Pinterest's ids are numbers, written as a text."),
                actual=value,
                fix=Phrase('Write it like "801".'),
            )


def _link(content: Content) -> Iterator[Issue]:
    for field, link in (("link", content.link), ("options.link", content.options.get("link"))):
        if not isinstance(link, str) or not link:
            continue
        if field == "link" and len(link) > LONGEST_LINK:
            told = Phrase("The link has {count} characters", count=len(link))
            yield above("link_too_long", field, told, LONGEST_LINK, len(link))
        if not _is_address(link):
            yield Issue(
                rule="link_invalid",
                field=field,
                message=Phrase("Pinterest takes only a whole web address that everybody can open."),
                actual=link,
                fix=Phrase("Write it like https://example.com/page."),
            )


def _is_address(link: str) -> bool:
    try:
        parts = urlsplit(link)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and "." in host.strip(".") and not NOT_IN_A_LINK.search(link)


def _description(content: Content) -> Iterator[Issue]:
    if len(content.text) > SHOWN_DESCRIPTION:
        yield Issue(
            rule="description_long",
            field="content",
            message=Phrase(
                "Pinterest's help speaks of {most} characters; the rest may not be shown.", most=SHOWN_DESCRIPTION
            ),
            limit=SHOWN_DESCRIPTION,
            actual=len(content.text),
            severity="warning",
            fix=Phrase("Say what matters first."),
        )


def _cover(content: Content) -> Iterator[Issue]:
    time = content.options.get(COVER)
    video = next((each for each in content.media if each.type == "video"), None)
    if type(time) is not int or video is None:
        return
    most = int(1000 * video.seconds)
    if time < 0 or (most and time > most):
        yield Issue(
            rule="cover_outside_the_video",
            field=f"options.{COVER}",
            message=Phrase("The cover is taken from the video, which runs {most} milliseconds.", most=most),
            limit=most,
            actual=time,
            fix=Phrase("Use a number from 0 to {most}.", most=most),
        )


def _carousel(images: list[Media]) -> Iterator[Issue]:
    if len(images) < 2:
        return
    first, total = images[0], sum(each.size for each in images)
    if total > MAX_CAROUSEL_BYTES:
        told = Phrase("The images have {total} bytes together", total=total)
        yield above("carousel_too_large", "media", told, MAX_CAROUSEL_BYTES, total)
    for position, each in enumerate(images):
        if each.width and first.width and (each.width, each.height) != (first.width, first.height):
            yield _other_size(each, position, first)
        if position and each.alt_text:
            yield _no_alt_text(position)


def _other_size(image: Media, position: int, first: Media) -> Issue:
    size = f"{first.width}x{first.height}"
    return Issue(
        rule="carousel_sizes_differ",
        field=f"media.{position}",
        message=Phrase("All images of a carousel must be of one size; this one differs from the first."),
        limit=size,
        actual=f"{image.width}x{image.height}",
        fix=Phrase("Cut it to {size}, or post it alone.", size=size),
    )


def _no_alt_text(position: int) -> Issue:
    return Issue(
        rule="alt_text_of_the_first_image",
        field=f"media.{position}.alt_text",
        message=Phrase("Pinterest takes one alt text for the whole carousel: that of its first image."),
        severity="warning",
        fix=Phrase("Describe all images in the alt text of the first."),
    )
