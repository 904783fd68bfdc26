"""Workspaces, users and keys in the console."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest

from ouipost.events.journal import Actor
from ouipost.events.operator import OperatorAdmin, ReadOnlyAdmin
from workspaces import services
from workspaces.console import workspaces_of
from workspaces.models import ApiKey, User, Workspace

if admin.site.is_registered(Group):
    admin.site.unregister(Group)


@admin.register(Workspace)
class WorkspaceAdmin(OperatorAdmin[Workspace]):
    list_display = ("name", "mode", "id", "created_at")
    list_filter = ("mode",)
    search_fields = ("name", "id")
    ordering = ("-created_at", "-id")
    fields = ("id", "name", "description", "mode", "settings", "created_at", "updated_at")
    readonly_fields = ("id", "created_at", "updated_at")

    def get_queryset(self, request: HttpRequest) -> Any:
        return workspaces_of(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.readonly_fields, "mode") if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Workspace, form: Any, change: bool) -> None:
        """Go through the services, as the API does."""
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        actor = Actor.from_request(request)
        if change:
            services.update_workspace(obj, values=values, actor=actor)
        else:
            obj.pk = services.create_workspace(actor=actor, **values).pk

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The service has told the journal."""

    log_change = log_addition


@admin.register(User)
class UserAdmin(ReadOnlyAdmin[User]):
    list_display = ("email", "name", "role", "is_active", "last_login")
    list_filter = ("role", "is_active")
    search_fields = ("email", "name", "id")
    ordering = ("email",)
    fields = ("id", "email", "name", "role", "permissions", "is_active", "created_at", "last_login")


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin[ApiKey]):
    list_display = ("name", "prefix", "mode", "tier", "is_active", "last_used_at")
    list_filter = ("mode", "tier", "is_active")
    search_fields = ("name", "prefix", "id")
    ordering = ("-created_at", "-id")
    fields = (
        "id",
        "name",
        "prefix",
        "mode",
        "tier",
        "permissions",
        "workspace_ids",
        "is_active",
        "expires_at",
        "created_at",
        "last_used_at",
    )
