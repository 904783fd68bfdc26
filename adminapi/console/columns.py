"""Columns of a row under a name that people know, in their language."""

from collections.abc import Callable
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from django.contrib import admin
from django.utils.formats import date_format
from django.utils.html import format_html

from adminapi.templatetags.charts import DASH, number


def column(
    name: str, label: Any, *, boolean: bool = False, sorts: bool = False, tell: Callable[[Any], Any] | None = None
) -> Any:
    """Return what shows this field of a row, or of what it names, under this label, in a list or on the row's page.

    Choices are shown in words, moments in UTC to the second, numbers in the reader's way, nothing as a dash, and what
    people know by other words as `tell` says. `sorts` is for short lists: a long one is sorted only by what an index
    has.
    """
    path = name.replace(".", "__")

    def shown(*given: Any) -> Any:  # the row; where this is a method of a page, the page comes before it
        row = given[-1]
        in_words = getattr(row, f"get_{name}_display", None) if tell is None else None
        value = in_words() if in_words else attrgetter(name)(row)
        if value in (None, ""):
            return DASH
        if tell is not None:
            return tell(value)
        match value:
            case datetime():
                at = value.astimezone(UTC)
                said = '<span><span class="op-when">{}</span> <span class="op-when">{}</span></span>'
                return format_html(said, f"{at:%Y-%m-%d}", f"{at:%H:%M:%S} UTC")
            case int() if not boolean:
                return number(value)
        return value

    shown.__name__ = path if sorts else f"shown_{path}"
    return admin.display(description=label, boolean=boolean or None, ordering=path if sorts else None)(shown)


def moment(at: datetime | None) -> str:
    """Write a moment as sentences of the console do, in UTC."""
    return f"{date_format(at.astimezone(UTC), 'DATETIME_FORMAT')} UTC" if at else ""
