"""Hashing passwords, a few at a time: each is deliberately costly in time and memory."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from ouipost.errors import DomainError, InvalidInput
from ouipost.phrases import Phrase
from ouipost.unicode import composed
from workspaces.models import User

PASSWORD_LENGTH = 1000
AT_ONCE, WAITING = 4, 20
WAIT_SECONDS = 10
NOBODYS = make_password(None)
"""A hash that no password matches; checking it takes Django as long as any other."""
_running = threading.BoundedSemaphore(AT_ONCE)
_places = threading.BoundedSemaphore(AT_ONCE + WAITING)


class TooManyLogins(DomainError):
    code = "SERVICE_UNAVAILABLE"
    status = 503
    message = Phrase("Too many passwords are being checked; try again after the number of seconds in Retry-After.")


@contextmanager
def _one_of_few() -> Iterator[None]:
    """Admit four to hash at once and twenty to wait; raises TooManyLogins for any more, and after too long a wait."""
    if not _places.acquire(blocking=False):
        raise TooManyLogins(retry_after=1)
    try:
        if not _running.acquire(timeout=WAIT_SECONDS):
            raise TooManyLogins(retry_after=1)
        try:
            yield
        finally:
            _running.release()
    finally:
        _places.release()


def hash_password(password: str) -> str:
    """Return the hash to store of a password."""
    with _one_of_few():
        return make_password(composed(password))


def is_password_of(user: User | None, password: str) -> bool:
    """Return whether this is the user's password, in any Unicode form; takes as long without such a user."""
    with _one_of_few():
        return check_password(composed(password), user.password if user else NOBODYS)


def require_good(password: str, user: User) -> None:
    """Raise InvalidInput if Django's validators refuse the password."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(password=list(error.messages)) from error
