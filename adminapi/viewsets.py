"""The base of every resource of the admin API."""

from typing import ClassVar, TypeVar

from django.db.models import Model

from adminapi.models import Session
from adminapi.sessions.authentication import SessionAuthentication
from ouipost.api.unknown import UnknownAddress
from ouipost.api.viewsets import ApiViewSet
from ouipost.events.journal import Actor
from workspaces.models import User

M = TypeVar("M", bound=Model)


class AdminViewSet(ApiViewSet[M]):
    """A resource of the installation; `required_permission` is needed for it, None admits every logged-in user."""

    authentication_classes = [SessionAuthentication]
    required_permission: ClassVar[str | None]

    @property
    def session(self) -> Session:
        assert isinstance(self.request.auth, Session)
        return self.request.auth

    @property
    def user(self) -> User:
        return self.session.user

    @property
    def actor(self) -> Actor:
        return Actor.from_request(self.request)


class UnknownAdminAddress(UnknownAddress):
    """Any other address below /admin."""

    authentication_classes = [SessionAuthentication]
