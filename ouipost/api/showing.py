"""Serializing rows, with reused serializers."""

from collections.abc import Callable
from functools import cache
from typing import Any

from rest_framework.serializers import BaseSerializer, CharField


class TextOrNull(CharField):
    """A text, or null for an empty one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(read_only=True, allow_null=True, **options)

    def to_representation(self, value: str) -> Any:
        return value or None


def shown(serializer_class: Callable[[], BaseSerializer[Any]], row: Any) -> Any:
    """Return the row's representation; the serializer has no context, and so no request."""
    return _reader(serializer_class).to_representation(row)


@cache
def _reader(serializer_class: Callable[[], BaseSerializer[Any]]) -> BaseSerializer[Any]:
    """Return the one serializer of this class: building its fields costs more than serializing a row."""
    return serializer_class()
