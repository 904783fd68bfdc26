"""Translatable sentences that keep their template and values. Plain Python, since the networks' rules use it too."""

from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from typing import Any


class Phrase(str):
    """An English text that keeps its template and values, so that the console can show it in the reader's language.

    Everywhere else it is the English text. The template must be a literal in the call, for gettext to find it; its
    places are named, as in `str.format`. Values that are phrases are translated too, others are not.
    """

    template: str
    values: dict[str, Any]

    def __new__(cls, template: str, /, **values: Any) -> "Phrase":
        phrase = super().__new__(cls, template.format_map(values))
        phrase.template, phrase.values = template, values
        return phrase

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        """Copy and pickle a phrase as its template and values."""
        return (self.template,), self.values


class Ours(str):
    """A value of a phrase that is translated as well: a word of ours, or a stored sentence."""


class State(str):
    """A value of a phrase that is a state, named as in the API."""

    @property
    def label(self) -> str:
        """The state's name on pages, in English."""
        return self.replace("_", " ")


class Moment(str):
    """A value of a phrase that names a moment in part; pages tell it whole, by their own clock."""

    at: datetime

    def __new__(cls, text: str, at: datetime) -> "Moment":
        moment = super().__new__(cls, text)
        moment.at = at
        return moment

    def __getnewargs_ex__(self) -> tuple[tuple[str, datetime], dict[str, Any]]:
        return (str(self), self.at), {}


def joined(parts: Sequence[str], separator: str = ", ") -> str:
    """Return the parts joined as one phrase, in which each part is translated by itself."""
    values = {f"part{number}": part for number, part in enumerate(parts)}
    return Phrase(separator.join(f"{{{name}}}" for name in values), **values)


def either(parts: Sequence[str]) -> str:
    """Return the parts as "one, another or a third"."""
    *some, last = parts
    return Phrase("{some} or {last}", some=joined(some), last=last) if some else last


def several(parts: Sequence[str]) -> str:
    """Return the parts as "one; another"."""
    return reduce(lambda some, last: Phrase("{some}; {last}", some=some, last=last), parts)


def both(parts: Sequence[str]) -> str:
    """Return the parts as "one and another"."""
    return reduce(lambda some, last: Phrase("{some} and {last}", some=some, last=last), parts)
