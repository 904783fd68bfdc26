"""Encrypted columns: a value is encrypted for its column, row and workspace, and can be re-encrypted with another key.

All secrets in the database are in such columns, so that `columns` finds them all before an old key is dropped.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models

from ouipost import crypto
from ouipost.db.locks import in_transaction

AT_ONCE = 100


class SealedField(models.TextField[str, str]):
    """An encrypted text, written by `seal` and read by `opened`; empty if there is no secret."""

    def deconstruct(self) -> Any:
        """Appear as a plain TextField in migrations."""
        name, _, arguments, options = super().deconstruct()
        return name, "django.db.models.TextField", arguments, options


def seal(row: models.Model, column: str, text: str) -> None:
    """Set the column to the text, encrypted for this row with the first key; the caller saves the row."""
    setattr(row, column, crypto.encrypt(text, place=_place(row, column)))


def opened(row: models.Model, column: str) -> str:
    """Return the column's decrypted text, empty if there is none; raises CannotDecrypt."""
    sealed: str = getattr(row, column)
    return crypto.decrypt(sealed, place=_place(row, column)) if sealed else ""


def _place(row: models.Model, column: str) -> str:
    """Return the place that a ciphertext of this column of the row is bound to."""
    return f"{row._meta.db_table}.{column}:{row.pk}:{getattr(row, 'workspace_id', '')}"


@dataclass(frozen=True, kw_only=True)
class Column:
    """An encrypted column of a model."""

    model: type[models.Model]
    name: str

    def __str__(self) -> str:
        return f"{self.model._meta.db_table}.{self.name}"

    def filled(self) -> "models.QuerySet[Any]":
        """Match the rows that have a secret in this column."""
        return self.model._base_manager.exclude(**{self.name: ""})

    def behind(self) -> "models.QuerySet[Any]":
        """Match the rows whose secret is not encrypted with the first key."""
        return self.not_under(crypto.key_ids()[:1])

    def not_under(self, key_ids: Sequence[str]) -> "models.QuerySet[Any]":
        """Match the rows whose secret is encrypted with none of these keys."""
        rows = self.filled()
        for key_id in key_ids:
            rows = rows.exclude(**{f"{self.name}__startswith": crypto.beginning(key_id)})
        return rows


@dataclass(frozen=True, kw_only=True)
class Step:
    """A batch of secrets: how many were re-encrypted, and the keys of the rows that could not be decrypted."""

    moved: int
    unreadable: Sequence[str] = ()


def columns() -> list[Column]:
    """Return every encrypted column of every model."""
    return [
        Column(model=model, name=field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, SealedField)
    ]


def move(column: Column) -> Iterator[Step]:
    """Re-encrypt the secrets of other keys with the first key, a hundred rows in each transaction.

    A secret that is replaced in the meantime stays as it was written. If interrupted, the next call does the rest.
    """
    last = ""
    while rows := list(column.behind().filter(pk__gt=last).order_by("pk")[:AT_ONCE]):
        yield _move(column, rows)
        last = rows[-1].pk


def _move(column: Column, rows: Sequence[models.Model]) -> Step:
    fresh: dict[Any, str] = {}
    for row in rows:
        try:
            fresh[row.pk] = crypto.encrypt(opened(row, column.name), place=_place(row, column.name))
        except crypto.CannotDecrypt:
            continue
    unreadable = [str(row.pk) for row in rows if row.pk not in fresh]
    readable = [row for row in rows if row.pk in fresh]
    moved = in_transaction(lambda: sum(_replace(column, row, fresh[row.pk]) for row in readable))
    return Step(moved=moved, unreadable=unreadable)


def _replace(column: Column, row: models.Model, sealed: str) -> int:
    """Write a new ciphertext if the old one is still there; returns the number of changed rows."""
    same = column.model._base_manager.filter(pk=row.pk, **{column.name: getattr(row, column.name)})
    return same.update(**{column.name: sealed})
