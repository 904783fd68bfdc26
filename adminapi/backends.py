"""Who logs in to the console."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from adminapi import logins
from adminapi.logins import InvalidCredentials, TooManyLoginAttempts
from adminapi.passwords import TooManyLogins
from ouipost.events.journal import Actor, record
from ouipost.translating import translated
from workspaces.models import User


class CountedBackend(ModelBackend):
    """Counts passwords that are tried at the console's door together with those at the admin API's."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: Any
    ) -> User | None:
        if request is None or not username or password is None:
            return None
        actor = Actor.from_request(request)
        try:
            user = logins.prove(username, password, actor=actor, now=timezone.now())
        except InvalidCredentials:
            return None
        except (TooManyLoginAttempts, TooManyLogins) as error:
            raise ValidationError(translated(error.message)) from error  # shown by the form that asks
        record("logged_in", user, actor=actor, email=user.email)
        return user
