"""Columns of a row under a name that people know, in their language."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin


def column(name: str, label: Any, *, boolean: bool = False) -> Any:
    """Return what shows this field of a row under this label; moments are in UTC, to the second."""

    def shown(_admin: Any, row: Any) -> Any:
        value = getattr(row, name)
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else value

    shown.__name__ = f"shown_{name}"
    return admin.display(description=label, boolean=boolean or None)(shown)
