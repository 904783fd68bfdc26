"""What somebody does to the journal who has the database, and none of our code."""

from typing import Any

from django.db import connection

from ouipost.events.models import Event

TABLE = Event._meta.db_table


def execute(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement.format(table=TABLE), values)


def rewrite(pk: str, **columns: Any) -> None:
    """Change columns of a row."""
    changed = ", ".join(f"{name} = %s" for name in columns)
    execute(f"UPDATE {{table}} SET {changed} WHERE id = %s", *columns.values(), pk)  # noqa: S608 (names are ours)


def remove(pk: str) -> None:
    execute("DELETE FROM {table} WHERE id = %s", pk)


def copy(pk: str, *, to: str, seq: int | None, seal: str = "", **columns: Any) -> None:
    """Insert a row that is like another one but for this."""
    names = [str(field.column) for field in Event._meta.concrete_fields]
    given = {"id": to, "seq": seq, "seal": seal} | columns
    values = ", ".join("%s" if name in given else name for name in names)
    chosen = [given[name] for name in names if name in given]
    execute(f"INSERT INTO {{table}} ({', '.join(names)}) SELECT {values} FROM {{table}} WHERE id = %s", *chosen, pk)  # noqa: S608 (names are ours)


def shift(first: int) -> None:
    """Move every row from this place on one place further."""
    execute("UPDATE {table} SET seq = seq + 1000000 WHERE seq >= %s", first)
    execute("UPDATE {table} SET seq = seq - 999999 WHERE seq >= 1000000")
