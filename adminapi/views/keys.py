"""/admin/keys."""

from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from adminapi.viewsets import AdminViewSet
from ouipost.api.inputs import Boolean, Choice, Choices, Instant, StrictInput, StringList, Text
from ouipost.api.viewsets import Lists, once
from ouipost.errors import problems_in
from ouipost.phrases import Phrase
from workspaces.keys import services as keys
from workspaces.keys.usage import Use, used_since
from workspaces.models import KEY_NAME_LENGTH, ApiKey, KeyMode, Tier
from workspaces.permissions import KEY_PERMISSIONS
from workspaces.reach import key_columns, keys_of, lock_key

FOR_ALL: dict[str, Any] = {"mode": KeyMode.LIVE, "workspaces": []}
"""The defaults of a new key."""


class UsageSerializer(serializers.Serializer[Use]):
    """The use of a key, by days in UTC."""

    requests_today = serializers.IntegerField(source="today")
    requests_this_month = serializers.IntegerField(source="in_all")


class KeySerializer(serializers.ModelSerializer[ApiKey]):
    """A key, without its secret."""

    permissions = serializers.ListField(child=serializers.ChoiceField(choices=KEY_PERMISSIONS))
    workspaces = serializers.ListField(child=serializers.CharField(), source="workspace_ids")
    usage = UsageSerializer()

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = (
            "id",
            "name",
            "prefix",
            "mode",
            "tier",
            "permissions",
            "workspaces",
            "is_active",
            "expires_at",
            "created_at",
            "last_used_at",
            "usage",
        )


class NewKeySerializer(KeySerializer):
    """A key that was just created, with its secret: shown only this once, and null in a replay that comes too late."""

    api_key = serializers.CharField(allow_null=True)

    class Meta(KeySerializer.Meta):
        fields = (*KeySerializer.Meta.fields, "api_key")


class RotatedKeySerializer(serializers.Serializer[Any]):
    """A key's new secret, as `api_key` of a new one, and until when the old one is valid."""

    id = serializers.CharField()
    new_api_key = serializers.CharField(allow_null=True)
    old_key_expires_at = serializers.DateTimeField()


class KeyInput(StrictInput):
    """The body that changes a key; no `workspaces` means all."""

    shown = KeySerializer.Meta.fields
    name = Text(max_length=KEY_NAME_LENGTH)
    tier = Choice(choices=Tier.choices, required=False)
    workspaces = StringList(required=False)
    permissions = Choices(choices=KEY_PERMISSIONS, required=False)
    is_active = Boolean(required=False)
    expires_at = Instant(required=False, allow_null=True)

    def service_problems(self, values: dict[str, Any]) -> dict[str, Any]:
        key, user = self.context["instance"], self.context["request"].user
        if key:
            return problems_in(lambda: key_columns(values, mode=key.mode, user=user, present=key.workspace_ids))
        values = FOR_ALL | values
        return problems_in(lambda: key_columns(values, mode=values["mode"], user=user))


class NewKeyInput(KeyInput):
    """The body that creates a key; without `permissions` it has all of them."""

    mode = Choice(choices=KeyMode.choices, default=KeyMode.LIVE)
    tier = Choice(choices=Tier.choices, default=Tier.STARTER)

    def validate_expires_at(self, at: datetime | None) -> datetime | None:
        if at is not None and at <= timezone.now():
            raise serializers.ValidationError(Phrase("That time is past. Choose a later one."))
        return at


class KeyViewSet(Lists[ApiKey], AdminViewSet[ApiKey]):
    """/admin/keys."""

    queryset = ApiKey.objects.all()
    resource, resources = "key", "keys"
    required_permission = "api_keys.manage"
    secrets = {"create": [("key", "api_key")], "rotate": [("key", "new_api_key")]}
    serializer_class, input_class = KeySerializer, KeyInput
    paging_optional = True

    def get_queryset(self) -> QuerySet[ApiKey]:
        return keys_of(self.user).order_by("created_at", "pk")

    def paginate_queryset(self, queryset: "QuerySet[ApiKey] | Any") -> Any:
        return _with_usage(super().paginate_queryset(queryset) or [])

    @extend_schema(responses=KeySerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return one key."""
        return self.answered(_with_usage([self.get_object()])[0])

    @extend_schema(request=NewKeyInput, responses={201: NewKeySerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create a key; only this response has its secret."""
        values = FOR_ALL | self.read(NewKeyInput)

        def work() -> Response:
            stored = key_columns(values, mode=values["mode"], user=self.user)
            key, secret = keys.create_key(**stored, actor=self.actor)
            shown: Any = _with_usage([key])[0]
            shown.api_key = secret
            return self.created({"key": NewKeySerializer(shown).data})

        return self.once(work)

    @once
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change the given fields; this takes effect with the next request in every process."""
        key = self.get_object()
        values = self.read(KeyInput, instance=key, partial=True)
        present = lock_key(key, self.user)
        values = key_columns(values, mode=present.mode, user=self.user, present=present.workspace_ids)
        changed = keys.update_key(present, values=values, actor=self.actor)
        return self.answered(_with_usage([changed])[0])

    @once
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Revoke a key: its next request is refused, in every process."""
        keys.revoke_key(lock_key(self.get_object(), self.user), actor=self.actor, now=timezone.now())
        return self.done("API key revoked successfully")

    @extend_schema(request=None, responses=RotatedKeySerializer)
    @action(detail=True, methods=["post"])
    @once
    def rotate(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give a key a new secret, which only this response has; the old one stays valid for another 24 hours."""
        present = lock_key(self.get_object(), self.user)
        key, secret = keys.rotate_key(present, actor=self.actor, now=timezone.now())
        shown = {"id": key.pk, "new_api_key": secret, "old_key_expires_at": key.previous_expires_at}
        return self.answered({"key": RotatedKeySerializer(shown).data})


def _with_usage(found: Any) -> list[Any]:
    """Return keys with their requests of today and of this month, and their last use."""
    rows, today = list(found), timezone.now().astimezone(UTC).date()
    used = used_since(today.replace(day=1), today, key_ids=[key.pk for key in rows])
    for key in rows:
        key.usage = used[key.pk]
        key.last_used_at = max(filter(None, (key.last_used_at, key.usage.unwritten_at)), default=None)
    return rows
