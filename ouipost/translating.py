"""Translating our own sentences into the reader's language, for pages.

A phrase keeps its template and values. A sentence that was stored, or came as JSON, is plain English text: it is
matched against the announced templates. Texts by networks and people match none and stay as they are.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.utils.formats import number_format
from django.utils.translation import get_language, gettext

from ouipost.errors import DomainError
from ouipost.phrases import Ours, Phrase
from ouipost.unicode import apart

PLACE = re.compile(r"\{(\w+)(!r)?[^}]*\}")
SENTENCE = re.compile(r"\. ")
MOST_CHARACTERS = 2000
"""The greatest length of a stored sentence of ours, with all that it quotes."""
QUOTED = ("quoted", "network")
"""Places in templates whose values are not our own text, and are not translated."""
NOTED = "noted"
"""The place whose value is a person's note, or an announced sentence of ours; only the latter is translated."""

Known = dict[str, str]
"""Translations of the parts of a text: each part is looked up once, or a network's text of many sentences would take
forever."""

_announced: dict[str, re.Pattern[str]] = {}


def announce(templates: Iterable[str], *, networks: Iterable[str]) -> None:
    """Recognize texts made from these templates; if several fit a text, the first counts.

    `networks` are the names that the place {network} can hold.
    """
    names = "|".join(map(re.escape, networks))
    for template in templates:
        _announced[template] = _pattern(template, names)


def _pattern(template: str, names: str) -> re.Pattern[str]:
    pattern, end = "", 0
    for place in PLACE.finditer(template):
        quote = "['\"]" if place[2] else ""
        held = names if place[1] == "network" else ".+?"
        pattern += f"{re.escape(template[end : place.start()])}{quote}(?P<{place[1]}>{held}){quote}"
        end = place.end()
    return re.compile(pattern + re.escape(template[end:]), re.DOTALL)


def about(name: object, says: object) -> str:
    """Return `name: says`, with the colon of the reader's language."""
    return gettext("%(name)s: %(says)s") % {"name": apart(str(name)), "says": apart(str(says))}


def about_row(name: object, says: object) -> str:
    """Return the same of something that people named, or whose text stands for its name: that is quoted."""
    return about(gettext("“%(name)s”") % {"name": apart(str(name))}, says)


def translated(text: str) -> str:
    """Return the text in the reader's language if it is one of our own and has a translation, else unchanged."""
    if get_language() == settings.LANGUAGE_CODE:
        return str(text)
    try:
        return _translated(text, {})
    except RecursionError:  # a network's text: none of ours has so many parts
        return str(text)


def recognized(text: str) -> str:
    """Return the text in the reader's language if it is an announced one of ours.

    A person's text stays as it is, even if it equals a word of ours.
    """
    return str(text) if get_language() == settings.LANGUAGE_CODE else _recognized(text, {})


def words(error: DomainError) -> str:
    """Return a domain error's sentences in the reader's language."""
    return " ".join(map(translated, error.told))


def _translated(text: str, known: Known) -> str:
    if isinstance(text, Phrase):
        return _formatted(text.template, text.values, known)
    if len(text) > MOST_CHARACTERS:
        return text
    if text not in known:
        found = gettext(text)
        known[text] = found if found != text else _in_parts(text, known) or _recognized(text, known)
    return known[text]


def _in_parts(text: str, known: Known) -> str:
    """Return the translation of two sentences in a row if both are our own; else an empty string."""
    for end in SENTENCE.finditer(text):
        first, second = text[: end.start() + 1], text[end.end() :]
        if (last := _translated(second, known)) != second and (said := _translated(first, known)) != first:
            return f"{said} {last}"
    return ""


def _recognized(text: str, known: Known) -> str:
    for template, pattern in _announced.items():
        if match := pattern.fullmatch(text):
            places = match.groupdict().items()
            values = {name: each if name in QUOTED else Ours(each) for name, each in places}
            return _formatted(template, values, known)
    return text


def _formatted(template: str, values: Mapping[str, Any], known: Known) -> str:
    return gettext(template).format_map({name: _shown(name, value, known) for name, value in values.items()})


def _shown(name: str, value: Any, known: Known) -> Any:
    if name == NOTED:
        return _Words(_recognized(value, known))
    if isinstance(value, int | float):
        return _Number(value)
    if isinstance(value, Phrase | Ours):
        return _Words(_translated(value, known))
    return _Words(value) if isinstance(value, str) else value


class _Words(str):
    """A string that ignores format specs: a value read back from a text, although the template formats a number."""

    def __format__(self, spec: str) -> str:
        return str(self)


class _Number:
    """A number that is formatted for the reader's language."""

    def __init__(self, number: float) -> None:
        self.number = number

    def __format__(self, spec: str) -> str:
        plain = format(self.number, spec).replace(",", "")
        is_plain = plain.lstrip("-").replace(".", "", 1).isdecimal()
        return number_format(plain, use_l10n=True, force_grouping=True) if is_plain else plain
