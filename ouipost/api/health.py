"""Whether this process is alive and ready, for whoever restarts it or sends it requests; and the page at `/`."""

import logging
from functools import cache

from django.db import DatabaseError, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ouipost import replica

logger = logging.getLogger(__name__)


@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """/healthz: the process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """/readyz: every database answers and has every migration; 503 says which does not. The replica may be away."""
    checks = {alias: check(alias) for alias in replica.own()}
    is_ready = all(result == "ok" for result in checks.values())
    return JsonResponse(
        {"status": "ok" if is_ready else "unavailable", "checks": checks}, status=200 if is_ready else 503
    )


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """/: where to go from here."""
    return render(request, "api/index.html")


def check(alias: str) -> str:
    """Return `ok`, `unreachable` or `migrations pending` for one database."""
    connection = connections[alias]
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        applied = MigrationRecorder(connection).applied_migrations()
    except DatabaseError:
        logger.exception("The database %s does not answer", alias)
        return "unreachable"
    return "ok" if known_migrations() <= applied.keys() else "migrations pending"


@cache
def known_migrations() -> frozenset[tuple[str, str]]:
    """Return the migrations that this code comes with; they cannot change while it runs."""
    return frozenset(MigrationLoader(None).disk_migrations)
