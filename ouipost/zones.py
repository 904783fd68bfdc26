"""The time zones that may be chosen, and those that a row names."""

from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

NAMES = frozenset(resources.files("tzdata").joinpath("zones").read_text().split()) - {"Factory"}
"""Those of the package `tzdata`, which every machine has: a system adds names of its own, such as `localtime`, that
mean something else on another machine, or nothing."""


@cache
def is_known(name: str) -> bool:
    """Whether this machine has the rules of a zone: a row may name one of another system, or of another time."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # the last two: a name that is a path, or a directory
        return False
    return True
