"""Log in to the admin API, and out; too many tried passwords lead to a wait."""

import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.contrib.sessions.models import Session as ConsoleSession
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.db.models import Q, QuerySet

from adminapi.models import LoginAttempt, LoginTurn, Session
from adminapi.sessions.jwts import InvalidToken
from adminapi.sessions.passwords import TooManyLogins, is_password_of
from ouipost.db.locks import in_transaction
from ouipost.db.pruning import Old
from ouipost.errors import DomainError
from ouipost.events.journal import Actor, record
from ouipost.masking import MASK
from ouipost.phrases import Phrase
from ouipost.runtime import waiting
from workspaces import users
from workspaces.keys.guesses import caller_of
from workspaces.models import User

LIVES = timedelta(hours=24)
WINDOW = timedelta(minutes=15)
MOST_OF_EMAIL, MOST_FROM_ADDRESS = 5, 20
CHECKS_FOR = timedelta(seconds=30)
"""More than a check takes, with its wait for others."""
LOOKS, LOOK_SECONDS = 12, 0.25
"""How often, and after what time, an attempt looks whether others have been checked."""


class InvalidCredentials(DomainError):
    code = "INVALID_CREDENTIALS"
    status = 401
    message = Phrase("The e-mail address or the password is wrong.")


class TooManyLoginAttempts(DomainError):
    code = "TOO_MANY_LOGIN_ATTEMPTS"
    status = 429
    message = Phrase("Too many failed logins; try again after the number of seconds in Retry-After.")


@dataclass
class Nobody:
    """Stands in the journal for the user of an unknown e-mail address: such a login takes as long as any other."""

    pk: str = ""
    journal_name: str = "user"


def log_in(email: str, password: str, *, actor: Actor, now: datetime) -> Session:
    """Return a new session; raises as `prove` does."""
    user = prove(email, password, actor=actor, now=now)
    return in_transaction(lambda: _open(user, actor=actor, now=now))


def prove(email: str, password: str, *, actor: Actor, now: datetime, user: User | None = None) -> User:
    """Return the active user with this e-mail address and password; a caller that has just read the user can pass it.

    Raises InvalidCredentials, TooManyLoginAttempts, or TooManyLogins. An attempt takes its place before the password is
    checked, so that parallel attempts are no more than successive ones. Neither the answer nor its speed shows whether
    the user exists.
    """
    address, caller = email.strip().lower(), caller_of(actor.ip_address)
    attempt = _admitted(hashlib.sha256(address.encode()).hexdigest(), caller, now=now)
    user = user or User.objects.filter(email=address).first()
    try:
        is_right = is_password_of(user, password)
    except TooManyLogins:
        attempt.delete()  # the password was not checked
        raise
    if user is None or not user.is_active or not is_right:
        in_transaction(lambda: _refuse(attempt, user or Nobody(), email=_email_tried(email), actor=actor))
        raise InvalidCredentials
    in_transaction(lambda: _forgive(attempt))
    return user


def _email_tried(email: str) -> str:
    """Return the entered address only if it is one: people in a hurry type their password into that field."""
    try:
        validate_email(email.strip())
    except ValidationError:
        return MASK
    return email[:254]


def _admitted(digest: str, caller: str, *, now: datetime) -> LoginAttempt:
    """Return an attempt with a place, for which it waits up to three seconds while others are checked.

    Raises TooManyLoginAttempts, or TooManyLogins without a place.
    """
    attempt = in_transaction(lambda: _take_place(digest, caller, now=now))
    if attempt is None:
        with waiting.place() as may_wait:
            attempt = _wait_for_place(digest, caller, now=now) if may_wait else None
    if attempt is None:
        raise TooManyLogins(retry_after=1)
    return attempt


def _wait_for_place(digest: str, caller: str, *, now: datetime) -> LoginAttempt | None:
    for _ in range(LOOKS):
        time.sleep(LOOK_SECONDS)
        if attempt := in_transaction(lambda: _take_place(digest, caller, now=now)):
            return attempt
    return None


def _take_place(digest: str, caller: str, *, now: datetime) -> LoginAttempt | None:
    """Store an attempt; None if those that are being checked leave it no place among the failures that are allowed.

    Attempts with the same e-mail address or caller are stored one after the other. Raises TooManyLoginAttempts without
    storing, so that never more rows are read than attempts are allowed.
    """
    _take_turn(digest, caller, now=now)
    since = Q(at__gt=now - WINDOW)
    recent = LoginAttempt.objects.filter(Q(since, email=digest) | Q(since, ip_address=caller)).order_by("-at", "-pk")
    tried = list(recent)
    alike = [
        ([each for each in tried if each.email == digest], MOST_OF_EMAIL),
        ([each for each in tried if each.ip_address == caller], MOST_FROM_ADDRESS),
    ]
    for attempts, most in alike:
        _require_few([each.at for each in attempts if each.has_failed(now)], most, now=now)
    if any(len(attempts) >= most for attempts, most in alike):
        return None
    return LoginAttempt.objects.create(email=digest, ip_address=caller, at=now, checking_until=now + CHECKS_FOR)


def _take_turn(*names: str, now: datetime) -> None:
    """Wait for other transactions with a turn of one of these names, and make later ones wait for this one."""
    turns = [LoginTurn(pk=name, at=now) for name in sorted(names)]
    key = ["name"] if connection.features.supports_update_conflicts_with_target else None
    LoginTurn.objects.bulk_create(turns, update_conflicts=True, unique_fields=key, update_fields=["at"])


def _require_few(failed: Sequence[datetime], most: int, *, now: datetime) -> None:
    if len(failed) >= most:
        seconds = (failed[most - 1] + WINDOW - now).total_seconds()
        raise TooManyLoginAttempts(retry_after=max(1, math.ceil(seconds)))


def _refuse(attempt: LoginAttempt, user: User | Nobody, *, email: str, actor: Actor) -> None:
    """Have the attempt count as a failure, and record it."""
    LoginAttempt.objects.filter(pk=attempt.pk).update(checking_until=None)
    record("login_failed", user, actor=actor, email=email)


def _forgive(attempt: LoginAttempt) -> None:
    """Forget the attempt, and the others with this e-mail address; failed ones still count for their callers."""
    LoginAttempt.objects.filter(pk=attempt.pk).delete()
    LoginAttempt.objects.filter(email=attempt.email).update(email="")


def _open(user: User, *, actor: Actor, now: datetime) -> Session:
    """Start a session, unless the user changed since the password was read, as hashing takes a while."""
    if not _unchanged(user).update(last_login=now):
        raise InvalidCredentials
    user.last_login = now
    session = Session.objects.create(
        user=user,
        created_at=now,
        expires_at=now + LIVES,
        signed_out_at=user.signed_out_at,
        ip_address=actor.ip_address,
        user_agent=actor.user_agent,
    )
    record_login(user, actor=actor)
    return session


@transaction.atomic
def update_oneself(user: User, *, values: dict[str, Any], actor: Actor, now: datetime) -> User:
    """Change one's own user; a new password ends all of the user's sessions.

    Raises InvalidToken if these were ended since the user was read, as hashing takes a while: a password that an
    administrator has just set must not be undone.
    """
    locked = _unchanged(user).select_for_update().first()
    if locked is None:
        raise InvalidToken
    return users.update_user(locked, values=values, actor=actor, now=now)


def _unchanged(user: User) -> QuerySet[User]:
    """Match the user's row as long as it is active and nothing has ended the user's sessions since it was read."""
    return User.objects.filter(pk=user.pk, password=user.password, signed_out_at=user.signed_out_at, is_active=True)


def record_login(user: User, *, actor: Actor) -> None:
    """Record the login in the journal, now that the actor is known to be the user."""
    record("logged_in", user, actor=replace(actor, user_id=user.pk, user_email=user.email), email=user.email)


@transaction.atomic
def log_out(session: Session, *, actor: Actor, now: datetime) -> None:
    """End a session; its token is refused with the next request."""
    if Session.objects.filter(pk=session.pk, revoked_at=None).update(revoked_at=now):
        record("logged_out", session.user, actor=actor, email=session.user.email)


def old(now: datetime) -> tuple[Old, ...]:
    """Return attempts that no longer count, and ended sessions of the admin API and of the console."""
    before, over = now - WINDOW, ConsoleSession.objects.filter(expire_date__lt=now)
    return (
        Old(name="logins", rows=LoginAttempt.objects.filter(at__lt=before).order_by("at", "pk")),
        Old(name="turns", rows=LoginTurn.objects.filter(at__lt=before).order_by("pk")),
        Old(name="sessions", rows=Session.objects.filter(expires_at__lt=now).order_by("expires_at", "pk")),
        Old(name="console_sessions", rows=over.order_by("expire_date", "pk")),
    )
