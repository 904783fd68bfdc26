"""Authenticate callers who may see the health, even while the database, which holds the sessions, does not answer."""

import hmac
from dataclasses import dataclass

from django.conf import settings
from django.db import Error
from django.utils import timezone
from rest_framework.request import Request

from adminapi.monitoring.probes import Examination
from adminapi.monitoring.threads import in_thread
from adminapi.sessions import jwts
from adminapi.sessions.authentication import SessionAuthentication, bearer_of
from ouipost.api.permissions import Caller
from workspaces.models import User

VIEW = "system.view"


@dataclass(frozen=True, kw_only=True)
class Monitor:
    """A caller who may see the installation's health, and nothing else."""

    pk: str
    tier: str = ""

    def has_permission(self, name: str) -> bool:
        return name == VIEW


def is_monitor(token: str) -> bool:
    """Return whether this is the token for monitoring; false if none is set."""
    return bool(settings.METRICS_TOKEN) and hmac.compare_digest(token.encode(), settings.METRICS_TOKEN.encode())


class HealthAuthentication(SessionAuthentication):
    """Accept METRICS_TOKEN, and sessions; while the database does not answer, accept any token that we signed.

    The session is looked up while the probes run, which start here. Both together take no longer than one of them,
    unless only the query for the session hangs.
    """

    examination: Examination
    """The probes, of an accepted caller."""

    def authenticate(self, request: Request) -> "tuple[User | None, Caller] | None":
        token = bearer_of(request)
        if token is None:
            return None
        if is_monitor(token):
            self.examination = Examination()
            return None, Monitor(pk="monitor")
        claims = jwts.decode(token)
        self.examination = examination = Examination()
        looked_up = in_thread(lambda: jwts.session_of(token, now=timezone.now()))
        try:
            session = looked_up.result(timeout=examination.seconds_left)
        except (Error, TimeoutError):
            if not examination.reaches_database:
                return None, Monitor(pk=str(claims["jti"]))
            session = jwts.session_of(token, now=timezone.now())  # the database works; this process was busy
        return session.user, session
