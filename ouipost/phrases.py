"""Translatable sentences that keep their template and values. Plain Python, since the networks' rules use it too."""

from collections.abc import Sequence
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
    """A value of a phrase that is translated as well: a state, or a stored sentence."""


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
