"""JSON columns of a known form: a value of another form, left by a person, a bug or another version, reads as empty.

The stored value stays until the column is set again. Code that must not continue without it checks `misshapen`.
"""

import logging
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.db import models
from django.db.models.expressions import Col

logger = logging.getLogger(__name__)

Form = Callable[[Any], bool]
TOLD_EVERY_SECONDS = 60
"""Interval between two log lines about one column, since its rows are read again and again."""


class Misshapen:
    """The empty value that is read in place of one with another form."""

    stored: Any
    """The value in the database, which is also written back."""


class MisshapenObject(Misshapen, dict[str, Any]):
    """Read in place of an object."""


class MisshapenList(Misshapen, list[Any]):
    """Read in place of a list."""


class JsonColumn(models.JSONField):
    """A JSON column whose values fit a form; any other value reads as `instead`, by default as None."""

    def __init__(self, *arguments: Any, fits: Form, instead: Callable[[], Any] | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fits, self.instead = fits, instead

    def deconstruct(self) -> Any:
        """Appear as a plain JSONField in migrations: the database knows nothing of forms."""
        name, _, arguments, options = super().deconstruct()
        return name, "django.db.models.JSONField", arguments, options

    def clone(self) -> "JsonColumn":
        """Return an unbound copy with the same form."""
        _, _, arguments, options = self.deconstruct()
        return type(self)(*arguments, fits=self.fits, instead=self.instead, **options)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Return the column's value; a value looked up inside it is not checked, since it has another form."""
        found = super().from_db_value(value, expression, connection)
        return found if value is None or not isinstance(expression, Col) else self.formed(found)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Write back the stored value if an empty one was read in its place."""
        return super().get_db_prep_value(as_stored(value), connection, prepared)

    def formed(self, found: Any) -> Any:
        """Return the value, or the one to read in its place; for code that reads the column without the ORM."""
        if self.null if found is None else self.fits(found):
            return found
        log_damaged(f"{self.model._meta.db_table}.{self.column}", int(time.monotonic() / TOLD_EVERY_SECONDS))
        if self.instead is None:
            return None
        empty = self.instead()
        read: MisshapenList | MisshapenObject
        read = MisshapenList(empty) if isinstance(empty, list) else MisshapenObject(empty)
        read.stored = found
        return read


@lru_cache(maxsize=256)
def log_damaged(column: str, turn: int) -> None:
    logger.warning("%s of a row has another form than the code expects: it is taken for empty", column)


def as_stored(value: Any) -> Any:
    """Return a value as it is in the database, even if an empty one was read in its place."""
    return value.stored if isinstance(value, Misshapen) else value


def misshapen(*rows: models.Model) -> list[str]:
    """Return the columns of these rows that were read and have values of an unexpected form."""
    return [
        f"{row._meta.db_table}.{name} of {row.pk}"
        for row in rows
        for name, value in vars(row).items()
        if isinstance(value, Misshapen)
    ]


def is_object(value: Any) -> bool:
    return isinstance(value, dict)


def is_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def has(required: type | tuple[type, ...], *names: str) -> Form:
    """Return the form of an object that has values of this type under these names."""
    return lambda value: isinstance(value, dict) and all(isinstance(value.get(name), required) for name in names)


def may_have(**forms: Form) -> Form:
    """Return the form of an object whose values under these names, if present, have these forms."""
    return lambda value: (
        isinstance(value, dict)
        and all(form(value[name]) for name, form in forms.items() if value.get(name) is not None)
    )


def list_of(form: Form) -> Form:
    return lambda value: isinstance(value, list) and all(form(each) for each in value)


def object_of(form: Form) -> Form:
    return lambda value: isinstance(value, dict) and all(form(each) for each in value.values())


def for_nobody() -> list[str]:
    """Return the list read in place of a broken list of ids: an empty one would mean all."""
    return ["none"]


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_number_or_null(value: Any) -> bool:
    return value is None or is_number(value)
