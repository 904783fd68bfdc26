"""Queries that are compiled once for all values: compiling them costs more than running them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connections, models, router

from ouipost.db.rows import REMEMBERED

Query = Callable[..., "models.QuerySet[Any, Any]"]
Row = tuple[Any, ...]


class Place(NamedTuple):
    """Where a value goes among a query's parameters: the whole, or one of a list."""

    name: str
    number: int | None

    def value(self, values: Mapping[str, Any], connection: Any) -> Any:
        """Return what goes here, as the database takes it."""
        given = values[self.name] if self.number is None else values[self.name][self.number]
        match given:
            case datetime():
                return connection.ops.adapt_datetimefield_value(given)
            case date():
                return connection.ops.adapt_datefield_value(given)
        return given


class Given(models.Expression):
    """Stands for a value in a query, or for a list of so many."""

    def __init__(self, name: str, count: int | None) -> None:
        super().__init__()
        self.places = [Place(name, number) for number in ([None] if count is None else range(count))]

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return f"({', '.join(['%s'] * len(self.places))})", self.places


class Prepared(NamedTuple):
    """A compiled query; `Place`s are among its parameters."""

    model: type[models.Model]
    sql: str
    parameters: tuple[Any, ...]
    columns: tuple[Any, ...]


def fetch_prepared(query: Query, *fixed: Any, **values: Any) -> list[Row]:
    """Run a query for some columns of each row: the one that `query` returns for these arguments.

    It is called once for all values, the lists of one length, and gets something that stands for each. An empty list
    matches no row.
    """
    counts = {name: len(value) if isinstance(value, list) else None for name, value in values.items()}
    if 0 in counts.values():
        return []
    prepared = _prepared(query, fixed, tuple(counts.items()))
    connection = connections[router.db_for_read(prepared.model)]
    parameters = [each.value(values, connection) if isinstance(each, Place) else each for each in prepared.parameters]
    with connection.cursor() as cursor:
        cursor.execute(prepared.sql, parameters)
        return list(_converted(cursor.fetchall(), prepared.columns, connection))


@lru_cache(maxsize=REMEMBERED)
def _prepared(query: Query, fixed: tuple[Any, ...], counts: tuple[tuple[str, int | None], ...]) -> Prepared:
    rows = query(*fixed, **{name: Given(name, count) for name, count in counts})
    compiler = rows.query.get_compiler(rows.db)
    sql, parameters = compiler.as_sql()
    return Prepared(rows.model, sql, tuple(parameters), tuple(column for column, _, _ in compiler.select))


def _converted(rows: Sequence[Row], columns: Sequence[Any], connection: Any) -> Iterator[Row]:
    """Give rows with the values that the ORM would return."""
    converters = [
        (place, column, convert)
        for place, column in enumerate(columns)
        for convert in (*connection.ops.get_db_converters(column), *column.get_db_converters(connection))
    ]
    for row in map(list, rows):
        for place, column, convert in converters:
            row[place] = convert(row[place], column, connection)
        yield tuple(row)
