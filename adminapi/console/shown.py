"""What a page showed when it was made, as its hidden inputs tell it, so that others' changes since are not undone."""

import json
from collections.abc import Mapping
from typing import Any


def as_told(text: str) -> Any:
    """Return the value of a hidden input, which is JSON; None if it is invalid."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def told_values(text: str, kinds: Mapping[str, type]) -> dict[str, Any] | None:
    """Return the values of a hidden input by their names, each of its kind, a list of texts; None if it has others."""
    found = as_told(text)
    if not isinstance(found, dict) or {name: type(each) for name, each in found.items()} != kinds:
        return None
    listed = [entry for each in found.values() if isinstance(each, list) for entry in each]
    return found if all(isinstance(entry, str) for entry in listed) else None


def as_stored(text: str) -> str:
    """Return a typed text with the line ends that are stored: browsers send others."""
    return text.replace("\r\n", "\n")
