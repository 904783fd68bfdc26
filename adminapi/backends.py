"""Logins to the console, and passwords that its forms ask for."""

import math
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from adminapi.sessions import logins
from adminapi.sessions.logins import InvalidCredentials, TooManyLoginAttempts
from adminapi.sessions.passwords import TooManyLogins
from ouipost.errors import DomainError
from ouipost.events.journal import Actor
from workspaces.models import User


class CountedBackend(ModelBackend):
    """Counts password attempts at the console together with those at the admin API."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **__: Any
    ) -> User | None:
        if request is None or not username or password is None:
            return None
        user = proven(request, username, password)
        if user is not None:
            logins.record_login(user, actor=Actor.from_request(request))
        return user


def proven(request: HttpRequest, email: str, password: str) -> User | None:
    """Return the user whose password was typed into a form, None if it is wrong; each try counts like a login.

    Raises ValidationError, for the form to show, after too many tries.
    """
    try:
        return logins.prove(email, password, actor=Actor.from_request(request), now=timezone.now())
    except InvalidCredentials:
        return None
    except (TooManyLoginAttempts, TooManyLogins) as error:
        raise ValidationError(in_words(error)) from error


def in_words(error: DomainError) -> str:
    """Return the error as text for a person, who does not see Retry-After."""
    if isinstance(error, TooManyLogins):
        return _("Many people log in right now. Try again in a moment.")
    minutes = math.ceil(error.details["retry_after"] / 60)
    return ngettext(
        "Too many failed logins. Try again in %(minutes)d minute.",
        "Too many failed logins. Try again in %(minutes)d minutes.",
        minutes,
    ) % {"minutes": minutes}
