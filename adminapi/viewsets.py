"""The base of every resource of the admin API."""

from typing import Any, ClassVar, TypeVar

from django.db.models import Model
from django.shortcuts import get_object_or_404

from adminapi.models import Session
from adminapi.sessions.authentication import SessionAuthentication
from ouipost.api.unknown import UnknownAddress
from ouipost.api.viewsets import ApiViewSet
from ouipost.events.journal import Actor
from workspaces.models import Role, User
from workspaces.reach import require_narrow, require_theirs

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

    def renew(self, data: dict[str, Any]) -> None:
        """Raise Http404 if the stored response is about a row that the user may no longer see.

        One that was made for a workspace which the user has lost raises InvalidInput, as if it were to be made now; so
        does one for all workspaces, if the user is no administrator any more.
        The response to a DELETE tells nothing of the row, and an administrator sees every row, even a deleted one.
        """
        if self.user.role == Role.ADMIN or self.action == "destroy":
            return
        if self.action == "create":
            made = data[self.resource]
            if "workspaces" in made:
                require_narrow(made["workspaces"], self.user)
                require_theirs(made["workspaces"], self.user)
        elif "pk" in self.kwargs:
            get_object_or_404(self.filter_queryset(self.get_queryset()), pk=self.kwargs["pk"])


class UnknownAdminAddress(UnknownAddress):
    """Any other address below /admin."""

    authentication_classes = [SessionAuthentication]
