"""Liveness and readiness of this process, for service managers and load balancers; and the page at `/`."""

import logging
from functools import cache

from django.db import Error, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ouipost.db import replica

logger = logging.getLogger(__name__)


@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """/healthz: always 200 while the process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """/readyz: 200 when every database answers and is migrated, else 503 naming those that are not.

    The read replica is not checked: the product works without it.
    """
    checks = {alias: check(alias) for alias in replica.own()}
    is_ready = all(result == "ok" for result in checks.values())
    return JsonResponse(
        {"status": "ok" if is_ready else "unavailable", "checks": checks}, status=200 if is_ready else 503
    )


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """/: a page with links to the API's documentation and the console."""
    return render(request, "api/index.html")


def check(alias: str) -> str:
    """Return `ok`, `unreachable` or `migrations pending` for one database."""
    connection = connections[alias]
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        applied = MigrationRecorder(connection).applied_migrations()
    except Error:
        logger.exception("The database %s does not answer", alias)
        return "unreachable"
    return "ok" if known_migrations() <= applied.keys() else "migrations pending"


@cache
def known_migrations() -> frozenset[tuple[str, str]]:
    """Return the migrations that this code comes with, read from disk once per process."""
    return frozenset(MigrationLoader(None).disk_migrations)
