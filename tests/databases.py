"""A database of its own for each product of real processes, on the server that this run is for."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4


@contextmanager
def fresh_database(home: Path, server: str | None = None) -> Iterator[str]:
    """Give the address of a new, empty database: a file in `home`, or one on the server, dropped after the block."""
    server = os.environ.get("DATABASE_URL_TEST", "") if server is None else server
    if not server:
        yield f"sqlite:///{home}/ouipost.sqlite3"
        return
    name = f"ouipost_{uuid4().hex[:12]}"
    _execute(server, f"CREATE DATABASE {name}")
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        _execute(server, f"DROP DATABASE {name}")


def _execute(server: str, statement: str) -> None:
    import MySQLdb  # only where there is a server

    parts = urlsplit(server)
    connection: Any = MySQLdb.connect(
        host=parts.hostname, port=parts.port or 3306, user=parts.username, password=parts.password or ""
    )
    try:
        connection.cursor().execute(statement)
    finally:
        connection.close()
