"""Bodies as inputs read them."""

import threading
from collections.abc import Mapping
from typing import Any

from ouipost.api.inputs import StrictInput


class _Kept(threading.local):
    """A thread's inputs, one of each class: to build its fields costs more than to check a body with them."""

    def __init__(self) -> None:
        self.inputs: dict[tuple[type[StrictInput], bool], StrictInput] = {}


_kept = _Kept()


def values_of(
    input_class: type[StrictInput], body: Any, *, context: Mapping[str, Any], partial: bool = False
) -> dict[str, Any]:
    """Return a body's values as the input allows them; raises ValidationError with all that is wrong with it."""
    given = _kept.inputs.get((input_class, partial))
    if given is None:
        given = _kept.inputs[input_class, partial] = input_class(partial=partial)
    return given.check(body, context)
