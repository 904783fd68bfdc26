"""Rows as answers show them."""

from collections.abc import Callable
from functools import cache
from typing import Any

from rest_framework.serializers import BaseSerializer


def shown(serializer_class: Callable[[], BaseSerializer[Any]], row: Any) -> Any:
    """Return a row as this serializer shows it; it gets no context, and so no request."""
    return _reader(serializer_class).to_representation(row)


@cache
def _reader(serializer_class: Callable[[], BaseSerializer[Any]]) -> BaseSerializer[Any]:
    """Keep one serializer of each class: to build its fields costs more than to show a row with them."""
    return serializer_class()
