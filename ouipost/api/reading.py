"""Bodies as inputs read them."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from ouipost.api.inputs import StrictInput

_idle: defaultdict[tuple[type[StrictInput], bool], list[StrictInput]] = defaultdict(list)
"""Inputs of each class that check nothing just now: to build one's fields costs more than to check a body with them."""


def values_of(
    input_class: type[StrictInput], body: Any, *, context: Mapping[str, Any], partial: bool = False
) -> dict[str, Any]:
    """Return a body's values as the input allows them; raises ValidationError with all that is wrong with it."""
    idle = _idle[input_class, partial]
    try:
        given = idle.pop()
    except IndexError:  # as many threads as there are inputs are at it
        given = input_class(partial=partial)
    try:
        return given.check(body, context)
    finally:
        idle.append(given)
