"""Columns of a row under a name that people know, in their language."""

from typing import Any

from django.contrib import admin


def column(name: str, label: Any, *, boolean: bool = False) -> Any:
    """Return what shows this field of a row under this label."""

    def shown(_admin: Any, row: Any) -> Any:
        return getattr(row, name)

    shown.__name__ = f"shown_{name}"
    return admin.display(description=label, boolean=boolean or None)(shown)
