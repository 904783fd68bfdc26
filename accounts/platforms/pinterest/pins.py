"""The body and the place of a Pin: https://developers.pinterest.com/docs/api/v5/pins-create"""

import base64
from typing import Any

from accounts.platforms.base import Save
from accounts.platforms.shapes import Content, Handles, Media
from accounts.platforms.uploads import uploaded

BOARDS = "boards"
"""The key of the boards in the account's metadata: `[{id, name, privacy}, …]`."""
SECTIONS = "sections"
"""The key of a board's sections: `[{id, name}, …]`; missing if they were not read."""
COVER = "cover_image_key_frame_time"
"""The option for a video's cover frame: its time in milliseconds, as users report; by default the first frame."""


def hold_images(content: Content, handles: Handles, save: Save) -> Handles:
    """Read the images before the visible call, which has no time for it; a conversion may take long."""
    for each in content.media:
        each.hold()
        if each.converted:
            save(handles)
    return handles


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


def place_of(content: Content) -> str:
    """Return the path of the Pin's board or section; it is not documented that a board lists its sections' Pins."""
    board, section = content.options["board_id"], content.options.get("board_section_id")
    return f"boards/{board}/sections/{section}" if section else f"boards/{board}"


def link_of(content: Content) -> str:
    """Return the Pin's link: the option, else the post's link."""
    return str(content.options.get("link") or content.link)


def _source(content: Content, handles: Handles) -> dict[str, Any]:
    first = content.media[0]
    if first.type == "video":
        cover = content.options.get(COVER, 0)
        return {"source_type": "video_id", "media_id": uploaded(handles, first.id), COVER: cover}
    if len(content.media) == 1:
        return {"source_type": "image_base64", **_inline(first)}
    items = [_inline(each) for each in content.media]
    return {"source_type": "multiple_image_base64", "items": items, "index": 0}


def _inline(image: Media) -> dict[str, str]:
    return {"content_type": image.mime_type, "data": base64.b64encode(image.hold()).decode()}
