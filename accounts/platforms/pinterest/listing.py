"""Finding a Pin on its board, or in its section: https://developers.pinterest.com/docs/api/v5/boards-list_pins"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from accounts.platforms.base import Content, Operation
from accounts.platforms.http import dig_list, dig_text, entries
from accounts.platforms.pinterest.pins import link_of
from accounts.platforms.text import comparable


def bookmark_of(page: Any) -> str:
    """Return where a list goes on, empty at its end."""
    return dig_text(page, "bookmark")


def pins_like(read: Callable[..., Any], operation: Operation) -> list[str]:
    """Return the ids of the listed Pins that can be this one: mostly the newest come first, and pages may be short or
    empty."""
    since = operation.since
    pins = entries(read, at="items", cursor="bookmark", cursor_of=partial(_following, since=since))
    found = [dig_text(each, "id") for each in pins if _is_it(each, operation.content, since=since)]
    return list(dict.fromkeys(found))


def _following(page: Any, *, since: datetime) -> str:
    """Return where the list goes on, empty behind a page of Pins that were there before."""
    pins = dig_list(page, "items")
    return "" if pins and all(_is_older(each, since) for each in pins) else bookmark_of(page)


def _is_it(pin: Any, content: Content, *, since: datetime) -> bool:
    """Whether this Pin says what was sent, and is no older."""
    created = _created(pin)
    return (
        created is not None
        and created >= since
        and _has_text(pin, "title", content.title)
        and _has_text(pin, "description", content.text)
        and _has_text(pin, "link", link_of(content))
    )


def _is_older(pin: Any, since: datetime) -> bool:
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


def _has_text(pin: Any, field: str, sent: str) -> bool:
    return comparable(dig_text(pin, field)) == comparable(sent)
