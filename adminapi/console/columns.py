"""Columns of rows with readable labels, in the reader's language."""

from collections.abc import Callable
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.utils.formats import date_format
from django.utils.html import format_html

from adminapi.templatetags.charts import DASH, number


def column(
    name: str, label: Any, *, boolean: bool = False, sorts: bool = False, tell: Callable[[Any], Any] | None = None
) -> Any:
    """Return a display function for this field of a row, or of a related row, with this label, for lists and pages.

    Choices are shown in words, moments in UTC to the second, numbers in the reader's format, empty values as a dash,
    and others as `tell` returns them. `sorts` is for short lists only: long ones are sorted only by an index.
    """
    path = name.replace(".", "__")

    def shown(*given: Any) -> Any:  # the row, preceded by the page if this is a page's method
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


def moment(at: datetime | None, zone: str = "") -> str:
    """Write a moment for the console's sentences: by the clock of this zone, which the page names; else in UTC."""
    if at is None:
        return ""
    written = date_format(at.astimezone(ZoneInfo(zone or "UTC")), "DATETIME_FORMAT")
    return written if zone else f"{written} UTC"
