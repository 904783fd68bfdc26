"""Logging in to the admin API, and out; who tries too many passwords waits."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from adminapi.models import LoginAttempt, Session
from adminapi.passwords import is_password_of
from ouipost.errors import DomainError
from ouipost.events.journal import Actor, record
from workspaces.models import User

LIVES = timedelta(hours=24)
WINDOW = timedelta(minutes=15)
MOST_OF_EMAIL, MOST_FROM_ADDRESS = 5, 20


class InvalidCredentials(DomainError):
    code = "INVALID_CREDENTIALS"
    status = 401
    message = "The e-mail address or the password is not right."


class TooManyLoginAttempts(DomainError):
    code = "TOO_MANY_LOGIN_ATTEMPTS"
    status = 429
    message = "Too many failed logins; try again after the seconds in Retry-After."


@dataclass
class Nobody:
    """Whom a login with an unknown e-mail address is told of: it costs as much as one with a known one."""

    pk: str = ""
    journal_name: str = "user"


def log_in(email: str, password: str, *, actor: Actor, now: datetime) -> Session:
    """Return a new session; raises InvalidCredentials, TooManyLoginAttempts, or TooManyLogins.

    An attempt is counted before the password is looked at: many at once are no more than as many in a row. What is
    answered, and how fast, does not tell whether there is such a user.
    """
    digest = hashlib.sha256(email.strip().lower().encode()).hexdigest()
    attempt = _count(digest, actor.ip_address, now=now)
    user = User.objects.filter(email=email.strip().lower()).first()
    if not is_password_of(user, password) or user is None or not user.is_active:
        record("login_failed", user or Nobody(), actor=actor, email=email[:254])
        raise InvalidCredentials
    return _open(user, digest, attempt, actor=actor, now=now)


def _count(digest: str, address: str, *, now: datetime) -> LoginAttempt:
    """Count an attempt; raises TooManyLoginAttempts, and then it is not counted."""
    attempt = LoginAttempt.objects.create(email=digest, ip_address=address, at=now)
    recent = LoginAttempt.objects.filter(at__gt=now - WINDOW, pk__lte=attempt.pk).order_by("-pk")
    for rows, most in (
        (recent.filter(email=digest), MOST_OF_EMAIL),
        (recent.filter(ip_address=address), MOST_FROM_ADDRESS),
    ):
        tried = list(rows.values_list("at", flat=True)[: most + 1])
        if len(tried) > most:
            attempt.delete()
            free_at = tried[-1] + WINDOW
            raise TooManyLoginAttempts(retry_after=max(1, int((free_at - now).total_seconds()) + 1))
    return attempt


@transaction.atomic
def _open(user: User, digest: str, attempt: LoginAttempt, *, actor: Actor, now: datetime) -> Session:
    """Start a session; what was tried with this e-mail address counts no more, what came from here still does."""
    LoginAttempt.objects.filter(email=digest).exclude(pk=attempt.pk).update(email="")
    attempt.delete()
    User.objects.filter(pk=user.pk).update(last_login=now)
    user.last_login = now
    session = Session.objects.create(
        user=user,
        created_at=now,
        expires_at=now + LIVES,
        ip_address=actor.ip_address,
        user_agent=actor.user_agent,
    )
    record("logged_in", user, actor=actor, email=user.email)
    return session


@transaction.atomic
def log_out(session: Session, *, actor: Actor, now: datetime) -> None:
    """End a session; its token is refused with the next request."""
    if Session.objects.filter(pk=session.pk, revoked_at=None).update(revoked_at=now):
        record("logged_out", session.user, actor=actor, email=session.user.email)


def forget_old(now: datetime) -> int:
    """Remove sessions that are over and attempts that count no more; returns how many rows went."""
    attempts = LoginAttempt.objects.filter(at__lt=now - WINDOW).delete()[0]
    return attempts + Session.objects.filter(expires_at__lt=now).delete()[0]
