"""Calling something before and after a function of the product, wherever it is called from."""

import functools
from collections.abc import Callable
from typing import Any


def nothing(*_: Any) -> None:
    """Do nothing."""


def wrap(owner: Any, name: str, *, before: Callable[..., None] = nothing, after: Callable[..., None] = nothing) -> None:
    """Call these around a function, with its arguments."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        before(*arguments)
        result = original(*arguments, **named)
        after(*arguments)
        return result

    setattr(owner, name, wrapped)
