"""Setting fields of rows together, and bulk writes in few statements, without the ORM's slow compilation."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import connections, models, router

Each = TypeVar("Each")


def remember(row: models.Model, name: str, related: Sequence[models.Model]) -> None:
    """Set the rows of a reverse relation as a prefetch would, without its query."""
    rows = getattr(row, name).model._default_manager.all()
    rows._result_cache = list(related)
    row._prefetched_objects_cache = {name: rows}  # type: ignore[attr-defined]  # as a prefetch does; Django has no public way


def assign(row: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Set these fields of a row, for the caller to save, and return their old values; deferred fields are read."""
    before = {name: getattr(row, name) for name in values}
    for name, value in values.items():
        setattr(row, name, value)
    return before


def in_parts(rows: Sequence[Each], size: int) -> Iterator[Sequence[Each]]:
    """Yield the rows in their order, at most `size` at a time."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def insert_each(rows: Sequence[models.Model]) -> None:
    """Insert new rows of one model in one statement; sends no signals. Raises DatabaseError.

    Their keys are set already, or the database makes them and they are not read back.
    """
    if not rows:
        return
    model = type(rows[0])
    using = router.db_for_write(model)
    connection = connections[using]
    fields = tuple(each for each in model._meta.local_concrete_fields if not each.primary_key or rows[0].pk is not None)
    places = ", ".join([f"({', '.join(['%s'] * len(fields))})"] * len(rows))
    values = [_stored(field, field.pre_save(row, add=True), connection) for row in rows for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(_insert(model, using, fields) + places, values)
    for row in rows:
        row._state.adding, row._state.db = False, using


def insert_values(model: type[models.Model], values: Sequence[Sequence[Any]]) -> None:
    """Insert copies of rows from elsewhere, given as the values of all columns in the order of the model's fields."""
    using = router.db_for_write(model)
    connection = connections[using]
    fields = tuple(model._meta.local_concrete_fields)
    stored = [[_stored(field, value, connection) for field, value in zip(fields, row, strict=True)] for row in values]
    if stored:
        with connection.cursor() as cursor:
            cursor.executemany(f"{_insert(model, using, fields)} ({', '.join(['%s'] * len(fields))})", stored)


@cache
def _insert(model: type[models.Model], using: str, fields: Sequence["models.Field[Any, Any]"]) -> str:
    quote = connections[using].ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    return f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES "  # noqa: S608 (names are ours)


def update_each(model: type[models.Model], rows: Mapping[Any, Mapping[str, Any]]) -> None:
    """Update many rows by key, each with its own values, in one statement for each distinct set of columns."""
    groups: dict[frozenset[str], dict[Any, Mapping[str, Any]]] = {}
    for pk, values in rows.items():
        groups.setdefault(frozenset(values), {})[pk] = values
    for columns, group in groups.items():
        if columns:
            _update(model, group)


def _update(model: type[models.Model], rows: Mapping[Any, Mapping[str, Any]]) -> None:
    """Update rows that have the same set of columns, in one statement."""
    connection = connections[router.db_for_write(model)]
    quote = connection.ops.quote_name
    table, key = quote(model._meta.db_table), quote(str(model._meta.pk.column))
    assignments, parameters = [], []
    for name in next(iter(rows.values())):
        field = _field(model, name)
        values = {pk: _stored(field, row[name], connection) for pk, row in rows.items()}
        column, first = quote(str(field.column)), next(iter(values.values()))
        if all(value == first for value in values.values()):
            assignments.append(f"{column} = %s")
            parameters.append(first)
        else:
            assignments.append(f"{column} = CASE {key} {'WHEN %s THEN %s ' * len(values)}END")
            parameters += [each for pair in values.items() for each in pair]
    places = ", ".join(["%s"] * len(rows))
    statement = f"UPDATE {table} SET {', '.join(assignments)} WHERE {key} IN ({places})"  # noqa: S608 (names are ours)
    with connection.cursor() as cursor:
        cursor.execute(statement, [*parameters, *rows])


def _field(model: type[models.Model], name: str) -> "models.Field[Any, Any]":
    field = model._meta.get_field(name)
    assert isinstance(field, models.Field)  # not a reverse relation
    return field


def add_each(model: type[models.Model], key: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Add to the numbers of the rows with these keys, in one statement; a missing row is inserted with them.

    All `rows` have the same columns, and distinct values of the `key` columns. A sum with null is the other number.
    Rows are locked in the order of their keys, so that two such statements cannot deadlock.
    """
    if not rows:
        return
    connection = connections[router.db_for_write(model)]
    quote = connection.ops.quote_name
    fields = {name: _field(model, name) for name in rows[0]}
    columns = {name: quote(str(field.column)) for name, field in fields.items()}
    table, places = quote(model._meta.db_table), f"({', '.join(['%s'] * len(columns))})"
    statement = f"INSERT INTO {table} ({', '.join(columns.values())}) VALUES "  # noqa: S608 (names are ours)
    statement += ", ".join([places] * len(rows)) + _on_conflict(connection.vendor, columns, key, table)
    ordered = sorted(rows, key=lambda row: [row[name] for name in key])
    values = [_stored(field, row[name], connection) for row in ordered for name, field in fields.items()]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _on_conflict(vendor: str, columns: Mapping[str, str], key: Sequence[str], table: str) -> str:
    """Return the conflict clause of an insert that adds to present rows, in the database's dialect."""
    added = [column for name, column in columns.items() if name not in key]
    if vendor == "mysql":
        sums = [f"{each} = COALESCE({each} + VALUES({each}), {each}, VALUES({each}))" for each in added]
        return f" ON DUPLICATE KEY UPDATE {', '.join(sums)}"
    new = {each: f"excluded.{each}" for each in added}
    sums = [f"{each} = COALESCE({table}.{each} + {new[each]}, {table}.{each}, {new[each]})" for each in added]
    return f" ON CONFLICT ({', '.join(columns[name] for name in key)}) DO UPDATE SET {', '.join(sums)}"


def _stored(field: "models.Field[Any, Any]", value: Any, connection: Any) -> Any:
    """Return the field's value as a statement's parameter; None is NULL in every column."""
    return None if value is None else field.get_db_prep_save(value, connection)
