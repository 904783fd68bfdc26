"""The time zones that may be chosen, and a check for those that a row names."""

from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

NAMES = frozenset(resources.files("tzdata").joinpath("zones").read_text().split()) - {"Factory"}
"""Names of the package `tzdata`, which every machine has. A system adds names of its own, such as `localtime`, which
mean something else on another machine, or nothing."""


@cache
def is_known(name: str) -> bool:
    """Whether this machine knows a zone: a row may name one of another system, or of another version."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # the last two: the name is a path or a directory
        return False
    return True
