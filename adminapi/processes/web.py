"""The web server's command line, and the steps before any process starts."""

import os
import socket
import sys
import time
from typing import NoReturn

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import Error, connections
from django.db.migrations.executor import MigrationExecutor

from ouipost.db import replica
from ouipost.db.advisory_lock import advisory_lock
from ouipost.db.migrating import giving_way, going_on
from ouipost.observability import log_format
from posts.media import storage

LOOK_EVERY = 1.0


def web_command(host: str) -> list[str]:
    """Return the command line of the web server: granian, over WSGI."""
    as_json = settings.LOG_FORMAT == log_format.JSON
    return [
        sys.executable,
        "-m",
        "ouipost.runtime.server",
        "--interface",
        "wsgi",
        "--host",
        host,
        "--port",
        str(settings.PORT),
        "--workers",
        str(settings.WEB_WORKERS),
        "--blocking-threads",
        str(settings.WEB_THREADS),
        "--no-ws",
        "--log-level",
        "error",
        *(["--log-config", str(settings.BASE_DIR / "ouipost" / "granian.json")] if as_json else []),
        "ouipost.wsgi:application",
    ]


def become(command: list[str], **variables: str) -> NoReturn:
    """Replace this process by this command, with these variables too; it may have been started in any folder."""
    connections.close_all()
    paths = [str(settings.BASE_DIR), os.environ.get("PYTHONPATH", "")]
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    os.execve(command[0], command, os.environ | variables)  # noqa: S606 (our own command line)


def require_port(host: str) -> None:
    """Refuse a port with another listener: the web server would share it, and each would get some of the requests."""
    try:
        family = socket.getaddrinfo(host, settings.PORT, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((host, settings.PORT), family=family).close()
    except OSError as error:
        why = str(error.strerror).partition(" (")[0]  # Python repeats the address here
        said = f"Port {settings.PORT} of {host} cannot be used: {why}."
        raise CommandError(f"{said} Stop what listens there, or give another PORT or --host.") from error


def wait_for_databases(seconds: float) -> None:
    """Wait, for a limited time, until every database takes a connection; if one does not, the next step fails."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and not databases_answer():
        time.sleep(LOOK_EVERY)


def databases_answer() -> bool:
    return all(_is_there(alias) for alias in replica.own())


def _is_there(alias: str) -> bool:
    try:
        connections[alias].ensure_connection()
    except Error:
        return False
    return True


def migrate() -> None:
    """Migrate every database to this version, and resume interrupted migrations.

    Waits if another process, on this machine or another, is migrating.
    """
    for alias in replica.own():
        connection = connections[alias]
        with advisory_lock(connection), giving_way(connection), going_on(connection):
            call_command("migrate", database=alias, verbosity=0, interactive=False)


def pending() -> dict[str, int]:
    """Return how many migrations each database lacks."""
    return {alias: _pending(MigrationExecutor(connections[alias])) for alias in replica.own()}


def _pending(executor: MigrationExecutor) -> int:
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def prepare() -> bool:
    """Migrate every database, and create the bucket for files if there is none; returns whether it was created.

    Raises StorageUnavailable.
    """
    migrate()
    return storage.prepare()
