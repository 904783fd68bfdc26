"""Connected accounts in the console."""

from django.contrib import admin

from accounts.models import SocialAccount
from workspaces.console import ReadOnlyOfWorkspaces


@admin.register(SocialAccount)
class SocialAccountAdmin(ReadOnlyOfWorkspaces[SocialAccount]):
    list_display = ("name", "platform", "workspace", "status", "expires_at", "connected_at", "disconnected_at")
    list_filter = ("platform", "status")
    list_select_related = ("workspace",)
    search_fields = ("name", "username", "id", "remote_id")
    ordering = ("-connected_at", "-id")
    fields = (
        "id",
        "workspace",
        "platform",
        "type",
        "remote_id",
        "name",
        "username",
        "status",
        "permissions",
        "expires_at",
        "access_expires_at",
        "connected_at",
        "disconnected_at",
        "followers",
        "last_sync",
        "last_error",
    )
