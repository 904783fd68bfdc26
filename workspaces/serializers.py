"""Workspaces as the API shows and takes them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ouipost.api.inputs import Choice, JsonObject, StrictInput, Text
from ouipost.api.vocabulary import COUNT, STRINGS, TEXT, Schema, at_least, or_null
from ouipost.errors import problems_in
from workspaces import services
from workspaces.models import MAX_LATE_MINUTES, Mode, Workspace
from workspaces.settings import check_settings

SETTINGS: dict[str, Schema] = {
    "timezone": TEXT,
    "default_hashtags": STRINGS,
    "auto_hashtags": {"type": "boolean"},
    "publish_late_up_to_minutes": {**COUNT, "minimum": 0, "maximum": MAX_LATE_MINUTES},
}
"""Schemas of the known settings."""


@extend_schema_field(at_least(**SETTINGS))
class ShownSettings(serializers.JSONField):
    """The settings of a workspace."""


@extend_schema_field(at_least(**{name: or_null(kind) for name, kind in SETTINGS.items()}))
class SettingsInput(JsonObject):
    """Settings to change; null removes one."""


class WorkspaceWrittenSerializer(serializers.ModelSerializer[Workspace]):
    """A workspace right after it was created or changed."""

    settings = ShownSettings()

    class Meta:
        model = Workspace
        fields: tuple[str, ...] = ("id", "name", "description", "mode", "settings", "created_at", "updated_at")


class WorkspaceSerializer(WorkspaceWrittenSerializer):
    """A workspace in a list."""

    accounts_count = serializers.IntegerField()
    posts_count = serializers.IntegerField()
    members_count = serializers.IntegerField()

    class Meta(WorkspaceWrittenSerializer.Meta):
        fields = (*WorkspaceWrittenSerializer.Meta.fields, "accounts_count", "posts_count", "members_count")


@extend_schema_field({"$ref": "#/components/schemas/PlatformId"})
class PlatformId(serializers.CharField):
    """The id of a network; this app does not know which networks exist."""


class WorkspaceAccountSerializer(serializers.Serializer[Any]):
    """An account on its workspace's page."""

    id = serializers.CharField()
    platform = PlatformId()
    name = serializers.CharField()
    connected_at = serializers.DateTimeField()


class WorkspaceStatsSerializer(serializers.Serializer[Workspace]):
    """Numbers of a workspace's posts."""

    total_posts = serializers.IntegerField(source="posts_count")
    scheduled_posts = serializers.IntegerField(source="scheduled_count")
    published_posts = serializers.IntegerField(source="published_count")


class WorkspaceDetailSerializer(WorkspaceWrittenSerializer):
    """A workspace's own page."""

    accounts = WorkspaceAccountSerializer(source="connected_accounts", many=True)
    stats = WorkspaceStatsSerializer(source="*")

    class Meta(WorkspaceWrittenSerializer.Meta):
        fields = (*WorkspaceWrittenSerializer.Meta.fields, "accounts", "stats")


class WorkspaceInput(StrictInput):
    """The body that changes a workspace."""

    shown = (*WorkspaceSerializer.Meta.fields, *WorkspaceDetailSerializer.Meta.fields)
    name = Text(max_length=100)
    description = Text(required=False, allow_blank=True, max_length=10_000)
    settings = SettingsInput(required=False)

    def validate_settings(self, value: dict[str, Any]) -> dict[str, Any]:
        return check_settings(value)


class NewWorkspaceInput(WorkspaceInput):
    """The body that creates a workspace."""

    mode = Choice(choices=Mode.choices, required=False)

    def service_problems(self, values: dict[str, Any]) -> dict[str, Any]:
        return problems_in(lambda: services.allowed_mode(self.context["request"].auth, values.get("mode", "")))
