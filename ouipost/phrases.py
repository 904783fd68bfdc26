"""Sentences of ours that remember how they were made. Plain Python: the networks' rules speak with it too."""

from collections.abc import Sequence
from functools import reduce
from typing import Any


class Phrase(str):
    """An English text with its template and values, so that a page can say it in the language of its reader.

    To everybody else it is the English text. The template is written where the phrase is made, for gettext finds it
    there; its places are those of `str.format`, by name. A value that is a phrase is translated too, others are not.
    """

    template: str
    values: dict[str, Any]

    def __new__(cls, template: str, /, **values: Any) -> "Phrase":
        phrase = super().__new__(cls, template.format_map(values))
        phrase.template, phrase.values = template, values
        return phrase

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        """Be copied and pickled as what it was made of."""
        return (self.template,), self.values


class Ours(str):
    """A value of a phrase that is a text of ours too: a state, or a sentence that was stored."""


def joined(parts: Sequence[str], separator: str = ", ") -> str:
    """Return these as one text, of which each part is translated by itself."""
    values = {f"part{number}": part for number, part in enumerate(parts)}
    return Phrase(separator.join(f"{{{name}}}" for name in values), **values)


def either(parts: Sequence[str]) -> str:
    """Return these as "one or another"."""
    return reduce(lambda some, last: Phrase("{some} or {last}", some=some, last=last), parts)


def several(parts: Sequence[str]) -> str:
    """Return these as "one; another"."""
    return reduce(lambda some, last: Phrase("{some}; {last}", some=some, last=last), parts)


def both(parts: Sequence[str]) -> str:
    """Return these as "one and another"."""
    return reduce(lambda some, last: Phrase("{some} and {last}", some=some, last=last), parts)
