"""JSON columns of a known form: what a hand, a bug or another version left in another one reads as an empty value.

It stays in the database as it is until the column is set anew. Who must not go on without it asks `misshapen`.
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
"""Rows are read again and again: each column is told of so often."""


class Misshapen:
    """What is read in the place of a value of another form."""

    stored: Any
    """As it is in the database, and as it is written back."""


class MisshapenObject(Misshapen, dict[str, Any]):
    """In the place of an object."""


class MisshapenList(Misshapen, list[Any]):
    """In the place of a list."""


class JsonColumn(models.JSONField):
    """A JSON column whose values have this form: a value of another one reads as `instead`, by default as None."""

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
        """Return the column's value; what is looked up inside it has a form of its own."""
        found = super().from_db_value(value, expression, connection)
        return found if value is None or not isinstance(expression, Col) else self.formed(found)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Write back what another form had been read from."""
        return super().get_db_prep_value(as_stored(value), connection, prepared)

    def formed(self, found: Any) -> Any:
        """Return the value, or what is read in its place: for who reads the column past the ORM."""
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
    """Return a value as it is in the database, also where something else was read in its place."""
    return value.stored if isinstance(value, Misshapen) else value


def misshapen(*rows: models.Model) -> list[str]:
    """Return the columns of these rows, as far as they were read, whose values have another form than expected."""
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
    """Return the form of an object whose values under these names have these forms, where it has them."""
    return lambda value: (
        isinstance(value, dict)
        and all(form(value[name]) for name, form in forms.items() if value.get(name) is not None)
    )


def list_of(form: Form) -> Form:
    return lambda value: isinstance(value, list) and all(form(each) for each in value)


def object_of(form: Form) -> Form:
    return lambda value: isinstance(value, dict) and all(form(each) for each in value.values())


def for_nobody() -> list[str]:
    """Return what is read in the place of a list of ids that means all where it is empty."""
    return ["none"]


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_number_or_null(value: Any) -> bool:
    return value is None or is_number(value)
