"""/api/workspaces."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ouipost.api.viewsets import Lists, Retrieves, once
from ouipost.api.vocabulary import WARNINGS
from workspaces import services
from workspaces.counts import with_counts, with_stats
from workspaces.models import Workspace
from workspaces.scoping import KeyedViewSet
from workspaces.serializers import (
    NewWorkspaceInput,
    WorkspaceDetailSerializer,
    WorkspaceInput,
    WorkspaceSerializer,
    WorkspaceWrittenSerializer,
)


class WorkspaceViewSet(Lists[Workspace], Retrieves[Workspace], KeyedViewSet[Workspace]):
    """/api/workspaces: the tenants that the key may see."""

    queryset = Workspace.objects.all()
    resource, resources, scope = "workspace", "workspaces", "workspaces"
    serializer_class, detail_class, input_class = WorkspaceSerializer, WorkspaceDetailSerializer, WorkspaceInput
    extra_fields = {"update": WARNINGS}

    def get_queryset(self) -> QuerySet[Workspace]:
        visible = Workspace.objects.visible_to(self.key).order_by("-created_at", "-pk")
        if self.action == "list":
            return with_counts(visible)
        return with_stats(visible) if self.action == "retrieve" else visible

    def hides(self, error: Exception) -> bool:
        return isinstance(error, Http404) and self.action != "destroy"  # a repeated DELETE gets its stored success

    def renew(self, data: dict[str, Any]) -> None:
        """Raise Http404 if the workspace that was created is no longer the key's."""
        if self.action == "create":
            get_object_or_404(self.get_queryset(), pk=data["workspace"]["id"])

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return one workspace with its accounts and numbers."""
        workspace: Any = self.get_object()
        workspace.connected_accounts = workspace.accounts.filter(disconnected_at=None).order_by("connected_at", "pk")
        return self.answered(workspace)

    @extend_schema(request=NewWorkspaceInput, responses={201: WorkspaceWrittenSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create a workspace; it is added to the list of a key that has one."""
        values = self.read(NewWorkspaceInput)

        def work() -> Response:
            return self.created(_written(services.create_workspace(**values, key=self.key, actor=self.actor)))

        return self.once(work)

    @extend_schema(responses=WorkspaceWrittenSerializer)
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change the given fields; settings are merged key by key, null removes one."""
        workspace = self.get_object()
        values = self.read(WorkspaceInput, instance=workspace, partial=True)

        def work() -> Response:
            changed, warnings = services.update_workspace(workspace, values=values, actor=self.actor)
            return self.answered(_written(changed), warnings=warnings)

        return self.once(work)

    @once
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete the workspace with its posts, files, schedules, accounts and analytics."""
        services.delete_workspace(self.get_object(), actor=self.actor, now=timezone.now())
        return self.done("Workspace deleted successfully")


def _written(workspace: Workspace) -> dict[str, Any]:
    return {"workspace": WorkspaceWrittenSerializer(workspace).data}
