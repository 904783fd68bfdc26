"""Rows as a hand, a bug or another version leaves them: written past the ORM, which would not."""

import json
from typing import Any

from django.apps import apps
from django.db import connection, models

from ouipost.db.stored_json import JsonColumn

JSON_COLUMNS = [
    field for model in apps.get_models() for field in model._meta.concrete_fields if isinstance(field, JsonColumn)
]
"""Every one that states its form."""
MODELS_WITH_JSON = list(dict.fromkeys(field.model for field in JSON_COLUMNS))


def name_of(field: "models.Field[Any, Any]") -> str:
    return f"{field.model._meta.model_name}.{field.name}"


def break_rows(rows: "models.QuerySet[Any]", column: str, value: Any) -> None:
    """Write this into the column of these rows, as JSON where it holds such."""
    field = rows.model._meta.get_field(column)
    stored = json.dumps(value) if isinstance(field, models.JSONField) else value
    quote = connection.ops.quote_name
    table, changed, key = (
        quote(str(each)) for each in (rows.model._meta.db_table, field.column, rows.model._meta.pk.column)
    )
    with connection.cursor() as cursor:
        for pk in list(rows.order_by().values_list("pk", flat=True)):
            cursor.execute(f"UPDATE {table} SET {changed} = %s WHERE {key} = %s", [stored, pk])  # noqa: S608 (names are ours)
