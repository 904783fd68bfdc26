"""Finding a Pin on its board, or in its section: https://developers.pinterest.com/docs/api/v5/boards-list_pins"""

from collections.abc import Callable
from typing import Any

from accounts.platforms.http import dig_text, moment, pages, recent, text_at
from accounts.platforms.pinterest.pins import link_of
from accounts.platforms.shapes import Content, Operation
from accounts.platforms.text import comparable


def pins_like(read: Callable[..., Any], operation: Operation) -> list[str]:
    """Return the ids of the listed Pins that may be this operation's."""
    pins = pages(read, at="items", cursor="bookmark", cursor_of=text_at("bookmark"))
    young = recent(pins, since=operation.since, dated=_created)
    return list(dict.fromkeys(dig_text(each, "id") for each in young if _is_it(each, operation.content)))


def _is_it(pin: Any, content: Content) -> bool:
    """Whether this Pin has the texts and the link that were sent."""
    return (
        _has_text(pin, "title", content.title)
        and _has_text(pin, "description", content.text)
        and _has_text(pin, "link", link_of(content))
    )


def _created(pin: Any) -> float | None:
    """Return the time of a Pin; Pinterest writes times in UTC without an offset."""
    written = dig_text(pin, "created_at")
    created = moment(written) or moment(f"{written}Z")
    return created.timestamp() if created else None


def _has_text(pin: Any, field: str, sent: str) -> bool:
    return comparable(dig_text(pin, field)) == comparable(sent)
