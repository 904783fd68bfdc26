"""Translating our own sentences into the reader's language, for pages.

A phrase keeps its template and values. A sentence that was stored, or came as JSON, is plain English text: it is
matched against the announced templates. Texts by networks and people match none and stay as they are. Numbers and
moments are written as the reader's language does, in English too, and moments by the clock of the page.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import get_language, gettext

from ouipost.errors import DomainError
from ouipost.phrases import Moment, Ours, Phrase, State
from ouipost.unicode import apart

PLACE = re.compile(r"\{(\w+)(!r)?[^}]*\}")
SENTENCE = re.compile(r"\. ")
BREAK = re.compile(r"(?<=\.) ")
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?( UTC|Z)")
NUMBER = re.compile(r"\d{1,3}(,\d{3})+|\d+(\.\d+)?")
FIGURES = re.compile(r"\d{4}")
"""What an English text of ours has in it if its numbers or moments are to be written otherwise on a page."""
MOST_CHARACTERS = 2000
"""The greatest length of a stored sentence of ours, with all that it quotes."""
QUOTED = ("quoted", "network")
"""Places in templates whose values are not our own text, and are not translated."""
COUNTED = ("all", "length", "limit", "min_length", "most", "seconds", "sent", "side")
"""Places in stored texts whose digits count something, and are no name, year or code."""
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
    """Return the text in the reader's language if it is one of our own and has a translation, else unchanged.

    States are called by their labels, in English too.
    """
    if isinstance(text, State):
        return gettext(text.label)
    try:
        return _translated(text, {})
    except RecursionError:  # a network's text: none of ours has so many parts
        return str(text)


def recognized(text: str) -> str:
    """Return the text in the reader's language if it is an announced one of ours.

    A person's text stays as it is, even if it equals a word of ours.
    """
    return str(_recognized(text, {}))


def words(error: DomainError) -> str:
    """Return a domain error's sentences in the reader's language."""
    return " ".join(map(translated, error.told))


def _translated(text: str, known: Known) -> str:
    if isinstance(text, Phrase):
        return _formatted(text.template, text.values, known)
    if len(text) > MOST_CHARACTERS:
        return text
    if text not in known:
        known[text] = _in_english(text, known) if get_language() == settings.LANGUAGE_CODE else _told(text, known)
    return known[text]


def _in_english(text: str, known: Known) -> str:
    """Return an English text with the numbers and moments of our own sentences as pages write them."""
    if not FIGURES.search(text):
        return str(text)
    told = _recognized(text, known)
    return told if told != text else " ".join(_recognized(each, known) for each in BREAK.split(text))


def _told(text: str, known: Known) -> str:
    found = gettext(text)
    return found if found != text else _in_parts(text, known) or _recognized(text, known)


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
    if isinstance(value, State):
        return _Words(gettext(value.label))
    if isinstance(value, Moment):
        return _Words(_at(value.at))
    if isinstance(value, str) and name not in QUOTED and (figure := _figure(name, value)):
        return _Words(figure)
    if isinstance(value, Phrase | Ours):
        return _Words(_translated(value, known))
    return _Words(value) if isinstance(value, str) else value


def _figure(name: str, text: str) -> str:
    """Return a moment or a count as the page writes it; empty if the text is neither."""
    if MOMENT.fullmatch(text):
        return _moment(text)
    return _grouped(text.replace(",", "")) if name in COUNTED and NUMBER.fullmatch(text) else ""


def _moment(text: str) -> str:
    try:
        return _at(datetime.fromisoformat(text.replace(" UTC", "Z")))
    except (OverflowError, ValueError):
        return text  # what looks like one of ours


def _at(moment: datetime) -> str:
    """Return a moment by the clock of the page, and named as UTC if the page has no other."""
    written = date_format(timezone.localtime(moment), "DATETIME_FORMAT")
    return written if timezone.get_current_timezone_name() != settings.TIME_ZONE else f"{written} UTC"


def _grouped(plain: str) -> str:
    return number_format(plain, use_l10n=True, force_grouping=True)


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
        return _grouped(plain) if is_plain else plain
