"""Descriptions in which nothing else may be than what they name: to a client it is not there."""

from typing import Any


def closed(described: Any) -> Any:
    """Return a description under which an object has no other members than those that are named, or all are free."""
    if isinstance(described, list):
        return [closed(each) for each in described]
    if not isinstance(described, dict):
        return described
    is_closed = isinstance(described.get("properties"), dict) and "additionalProperties" not in described
    return {key: closed(value) for key, value in described.items()} | (
        {"additionalProperties": False} if is_closed else {}
    )
