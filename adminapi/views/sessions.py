"""/admin/login, /admin/logout and /admin/profile."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from adminapi.models import Session
from adminapi.sessions import jwts, logins
from adminapi.sessions.authentication import SessionAuthentication
from adminapi.sessions.logins import InvalidCredentials
from adminapi.sessions.passwords import PASSWORD_LENGTH, hash_password, require_good
from adminapi.views.users import UserSerializer
from adminapi.viewsets import AdminViewSet
from ouipost.api.inputs import StrictInput, Text
from ouipost.api.viewsets import once
from ouipost.api.vocabulary import MESSAGE
from ouipost.errors import InvalidInput, problems_in
from ouipost.events.journal import Actor
from ouipost.phrases import Phrase
from workspaces.models import User


class LoginInput(StrictInput):
    """The body that logs in."""

    email = Text(max_length=254)
    password = Text(max_length=PASSWORD_LENGTH)


class ProfileInput(StrictInput):
    """The body that changes one's own user; a new password needs the present one."""

    shown = UserSerializer.Meta.fields
    name = Text(required=False, max_length=150, allow_blank=True)
    password = Text(required=False, max_length=PASSWORD_LENGTH)
    current_password = Text(required=False, max_length=PASSWORD_LENGTH)

    def field_conflicts(self, given: Mapping[str, Any]) -> dict[str, Any]:
        is_bare = "password" in given and "current_password" not in given
        return {"current_password": ["Needed to set another password."]} if is_bare else {}

    def service_problems(self, values: dict[str, Any]) -> dict[str, Any]:
        user = self.context["instance"]
        return problems_in(lambda: require_good(values["password"], user)) if "password" in values else {}


class LoggedInSerializer(serializers.ModelSerializer[User]):
    """The user who has logged in."""

    class Meta:
        model = User
        fields = ("id", "email", "name", "role")


class LoginSerializer(serializers.Serializer[Any]):
    """A token, which is valid for a day unless something ends it."""

    resource = ""
    token = serializers.CharField()
    expires_at = serializers.DateTimeField()
    user = LoggedInSerializer()


class ProfileSerializer(UserSerializer):
    """One's own user."""

    class Meta(UserSerializer.Meta):
        fields = ("id", "email", "name", "role", "created_at", "last_login", "permissions")


class LoginViewSet(AdminViewSet[Session]):
    """/admin/login."""

    queryset = Session.objects.none()
    authentication_classes = []
    permission_classes = []
    required_permission = None
    takes_idempotency_key = False
    refuses_with = (401, 429)

    @extend_schema(request=LoginInput, responses=LoginSerializer)
    def login(self, request: Request) -> Response:
        """Exchange e-mail address and password for a token; it takes no Idempotency-Key."""
        values = self.read(LoginInput)
        actor = Actor.from_request(request)
        session = logins.log_in(values["email"], values["password"], actor=actor, now=timezone.now())
        shown = {"token": jwts.encode(session), "expires_at": session.expires_at, "user": session.user}
        return self.answered(LoginSerializer(shown).data)


class LogoutViewSet(AdminViewSet[Session]):
    """/admin/logout."""

    queryset = Session.objects.none()
    required_permission = None
    takes_idempotency_key = (
        False  # keys are per user, not per token: a replayed answer would leave the next token valid
    )

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [SessionAuthentication(or_ended=True)]  # logging out twice succeeds

    @extend_schema(request=None, responses={200: MESSAGE})
    @once
    def logout(self, request: Request) -> Response:
        """End the token's session; every other call then refuses the token, and repeating this one does nothing.

        Takes no Idempotency-Key.
        """
        logins.log_out(self.session, actor=self.actor, now=timezone.now())
        return self.done("Logged out successfully")


class ProfileViewSet(AdminViewSet[User]):
    """/admin/profile."""

    queryset = User.objects.none()
    resource = "user"
    required_permission = None
    serializer_class, input_class = ProfileSerializer, ProfileInput

    def retrieve(self, request: Request) -> Response:
        """Show your own user."""
        return self.answered(self.user)

    def update(self, request: Request) -> Response:
        """Change your name, or your password, which ends all sessions."""
        values = self.read(ProfileInput, instance=self.user, partial=True)
        current, password = values.pop("current_password", None), values.pop("password", None)
        if password is None:
            return self.once(lambda: self.answered(self._change(values)))

        def prepare() -> AbstractContextManager[str]:
            self._prove(current)  # not in a repeated request, whose present password is no longer the present one
            require_good(password, self.user)
            return nullcontext(hash_password(password))

        return self.once_prepared(prepare, lambda kept: self.answered(self._change(values | {"password": kept})))

    def _prove(self, current: str | None) -> None:
        """Check the present password, counted like a login: a token must not allow further guesses."""
        try:
            logins.prove(self.user.email, current or "", actor=self.actor, now=timezone.now(), user=self.user)
        except InvalidCredentials as error:
            raise InvalidInput(current_password=[Phrase("This is not the current password.")]) from error

    def _change(self, values: dict[str, Any]) -> User:
        return logins.update_oneself(self.user, values=values, actor=self.actor, now=timezone.now())
