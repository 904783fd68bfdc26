"""Queries that are compiled once for all values, since compiling costs more than running."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from django.db import connections, models, router
from django.db.models.query import ModelIterable

Each = TypeVar("Each")
REMEMBERED = 1024
"""Compiled queries that a process keeps."""


class Place(NamedTuple):
    """The place of a value among a query's parameters: a whole argument, or one item of a list."""

    name: str
    number: int | None

    def value(self, values: Mapping[str, Any], connection: Any) -> Any:
        """Return the value for this place, converted for the database."""
        given = values[self.name] if self.number is None else values[self.name][self.number]
        match given:
            case datetime():
                return connection.ops.adapt_datetimefield_value(given)
            case date():
                return connection.ops.adapt_datefield_value(given)
        return given


class Given(models.Expression):
    """Placeholder for a value in a query, or for a list of `count` values."""

    def __init__(self, name: str, count: int | None) -> None:
        super().__init__()
        self.places = [Place(name, number) for number in ([None] if count is None else range(count))]

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return f"({', '.join(['%s'] * len(self.places))})", self.places


class Prepared(NamedTuple):
    """A compiled query; `Place`s are among its parameters."""

    rows: "models.QuerySet[Any, Any]"
    sql: str
    parameters: tuple[Any, ...]
    columns: tuple[Any, ...]
    names: tuple[str, ...]
    """Names of the row's fields that the columns fill; empty if the caller wants the columns themselves."""

    @property
    def connection(self) -> Any:
        return connections[router.db_for_read(self.rows.model)]

    def filled(self, values: Mapping[str, Any], connection: Any) -> list[Any]:
        """Return the parameters with these values in their places."""
        return [each.value(values, connection) if isinstance(each, Place) else each for each in self.parameters]

    def found(self, rows: Iterable[Any], connection: Any) -> list[Any]:
        """Convert these rows of the database as the ORM would."""
        compiler = self.rows.query.get_compiler(connection=connection)
        rows = compiler.apply_converters(rows, compiler.get_converters(self.columns))
        if self.names:
            return [self.rows.model.from_db(connection.alias, self.names, row) for row in rows]
        return list(map(tuple, rows))


def fetch(query: "Callable[..., models.QuerySet[Any, Each]]", *fixed: Any, **values: Any) -> list[Each]:
    """Run the query that `query`, a module's function, builds from these arguments; it gives rows or a `values_list`.

    `query` is called once for all values, and for each length of lists, and receives placeholders. An empty list
    matches no row.
    """
    if [] in values.values():
        return []
    prepared = _prepared(query, fixed, _counts(values))
    connection = prepared.connection
    with connection.cursor() as cursor:
        cursor.execute(prepared.sql, prepared.filled(values, connection))
        return prepared.found(cursor.fetchall(), connection)


def statement(query: Callable[..., Any], *fixed: Any, **values: Any) -> tuple[str, list[Any]]:
    """Return the SQL and parameters of a query as in `fetch`, for callers that read unconverted columns."""
    prepared = _prepared(query, fixed, _counts(values))
    return prepared.sql, prepared.filled(values, prepared.connection)


def _counts(values: Mapping[str, Any]) -> tuple[tuple[str, int | None], ...]:
    return tuple((name, len(value) if isinstance(value, list) else None) for name, value in values.items())


@lru_cache(maxsize=REMEMBERED)
def _prepared(
    query: Callable[..., Any], fixed: tuple[Any, ...], counts: tuple[tuple[str, int | None], ...]
) -> Prepared:
    rows = query(*fixed, **{name: Given(name, count) for name, count in counts})
    compiler = rows.query.get_compiler(rows.db)
    sql, parameters = compiler.as_sql()
    columns = tuple(column for column, _, _ in compiler.select)
    names = tuple(column.target.attname for column in columns) if rows._iterable_class is ModelIterable else ()
    return Prepared(rows, sql, tuple(parameters), columns, names)
