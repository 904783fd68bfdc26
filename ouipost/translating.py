"""Our own sentences in the language of whoever reads them: only pages for people ask for that."""

from typing import Any

from django.conf import settings
from django.utils.formats import number_format
from django.utils.translation import get_language, gettext

from ouipost.phrases import Phrase


def translated(text: str) -> str:
    """Return a phrase, or a sentence without values, in the reader's language; in English where it has no such words.

    What is no text of ours comes back as it is.
    """
    if not isinstance(text, Phrase):
        return gettext(text)
    template = gettext(text.template)
    return template.format_map({name: _value(value) for name, value in text.values.items()})


def _value(value: Any) -> Any:
    if isinstance(value, Phrase):
        return translated(value)
    return _Number(value) if isinstance(value, int | float) else value


class _Number:
    """A number that is written as the reader writes them."""

    def __init__(self, number: float) -> None:
        self.number = number

    def __format__(self, spec: str) -> str:
        if get_language() == settings.LANGUAGE_CODE:
            return format(self.number, spec)
        plain = format(self.number, spec).replace(",", "")
        is_plain = plain.lstrip("-").replace(".", "", 1).isdecimal()
        return number_format(plain, use_l10n=True, force_grouping=True) if is_plain else plain
