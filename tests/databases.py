"""A database of its own for each product of real processes, on the server that this run is for or on one of its own."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

from tests.services import HERE, START_SECONDS, Host, need, start_mariadb, wait_for_port


@dataclass(kw_only=True)
class Server:
    """A MariaDB server of a test's own, which can be taken away and come back."""

    url: str
    process: "subprocess.Popen[bytes]"

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it at once; what it has on disk stays."""
        self.process.kill()
        self.process.wait(timeout=START_SECONDS)

    def again(self) -> None:
        """Start it once more, on what it has kept."""
        self.process = subprocess.Popen(self.process.args)
        parts = urlsplit(self.url)
        wait_for_port(parts.port or 3306, self.process, address=parts.hostname or HERE.address)


@contextmanager
def own_server(*options: str, host: Host = HERE) -> Iterator[Server]:
    """Give a server that was started with these options, and end it after the block."""
    need("mariadbd", "mariadb-server")
    with tempfile.TemporaryDirectory(prefix="ouipost-mariadb-", ignore_cleanup_errors=True) as folder:
        process, url = start_mariadb(Path(folder), *options, host=host)
        server = Server(url=url, process=process)
        try:
            yield server
        finally:
            server.signal(signal.SIGCONT)
            server.process.terminate()
            server.process.wait(timeout=START_SECONDS)


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
