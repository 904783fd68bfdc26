"""The time zones that may be chosen."""

from importlib import resources

NAMES = frozenset(resources.files("tzdata").joinpath("zones").read_text().split()) - {"Factory"}
"""Those of the package `tzdata`, which every machine has: a system adds names of its own, such as `localtime`, that
mean something else on another machine, or nothing."""
