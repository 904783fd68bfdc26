"""The rows that an API key reaches: those of the workspace that X-Workspace-ID names, if the key may see it.

Which workspaces a key sees, `WorkspaceQuerySet.seen_with` alone decides, also where there is no such view: for the
statements of `posts.listing`, for `/api/workspaces` and `/api/platforms`, and for the page that completes the sign-in
that a key began, `accounts.hosted`. `workspaces.reach` decides what a person reaches.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from django.db.models import Model, QuerySet
from django.http import Http404
from django.utils.functional import cached_property
from rest_framework.request import Request

from ouipost.api.middleware import WORKSPACE_ID
from ouipost.api.viewsets import ApiViewSet
from ouipost.db.prepared import fetch
from ouipost.errors import DomainError
from ouipost.events.journal import Actor
from ouipost.phrases import Phrase
from workspaces.models import ApiKey, Workspace

M = TypeVar("M", bound=Model)


class WorkspaceRequired(DomainError):
    code = "WORKSPACE_REQUIRED"
    status = 400
    message = Phrase("The X-Workspace-ID header is required.")


class WorkspaceNotFound(DomainError):
    code = "WORKSPACE_NOT_FOUND"
    status = 404
    message = Phrase("There is no such workspace, or the key may not see it.")


class KeyedViewSet(ApiViewSet[M]):
    """A resource that programs call, with an API key."""

    @property
    def key(self) -> ApiKey:
        assert isinstance(self.request.auth, ApiKey)
        return self.request.auth

    @property
    def actor(self) -> Actor:
        return Actor.from_request(self.request)


class WorkspaceScopedViewSet(KeyedViewSet[M]):
    """A resource inside the workspace that `X-Workspace-ID` names; rows of others do not exist for it."""

    needs_workspace = True
    workspace_lookup = "workspace"
    finds_workspace_with_rows: ClassVar[tuple[str, ...]] = ("retrieve",)
    """Actions that check the workspace themselves: in the query for their rows, or after it if it finds none."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.action not in self.finds_workspace_with_rows:
            self.require_workspace()

    def readmit(self) -> None:
        super().readmit()
        vars(self).pop("workspace", None)
        self.require_workspace()

    def get_queryset(self) -> QuerySet[M]:
        """Return the rows of the workspace, in one query with the check that the key may see it."""
        return super().get_queryset().filter(**{f"{self.workspace_lookup}__in": self._visible()})

    def get_object(self) -> M:
        try:
            return super().get_object()
        except Http404:
            self.require_workspace()
            raise

    def hides(self, error: Exception) -> bool:
        return isinstance(error, WorkspaceNotFound)

    def require_workspace(self) -> Workspace:
        """Return the workspace of the request; raises WorkspaceRequired, or WorkspaceNotFound."""
        return self.workspace

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace of the request; raises WorkspaceNotFound if the key may not see it."""
        key = self.key
        found = fetch(_seen_with, key.mode, tuple(key.workspace_ids), pk=self.workspace_id)
        if not found:
            raise WorkspaceNotFound
        return found[0]

    @property
    def workspace_id(self) -> str:
        """The id that the request gives; raises WorkspaceRequired without one, WorkspaceNotFound if it is malformed."""
        given = self.request.headers.get("X-Workspace-ID")
        if not given:
            raise WorkspaceRequired
        if not WORKSPACE_ID.fullmatch(given):
            raise WorkspaceNotFound
        return given

    def _visible(self) -> QuerySet[Workspace]:
        return Workspace.objects.visible_to(self.key).filter(pk=self.workspace_id)


def _seen_with(mode: str, workspace_ids: Sequence[str], **matching: Any) -> QuerySet[Workspace]:
    """Match the workspaces that a key with this mode and list may see."""
    return Workspace.objects.seen_with(mode, workspace_ids).filter(**matching)
