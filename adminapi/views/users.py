"""/admin/users, and the members of workspaces."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from adminapi.sessions.passwords import PASSWORD_LENGTH, hash_password, require_good
from adminapi.viewsets import AdminViewSet
from ouipost.api.inputs import Boolean, Choice, Choices, Items, StrictInput, Text
from ouipost.api.viewsets import Lists, Retrieves, once
from ouipost.api.vocabulary import TEXT, Schema
from ouipost.errors import problems_in
from workspaces import users
from workspaces.models import Role, User, Workspace
from workspaces.permissions import ADMIN_PERMISSIONS

EMAIL_LENGTH = 254


class UserSerializer(serializers.ModelSerializer[User]):
    """A user; `permissions` are the user's while active, by role or by a list of their own."""

    permissions = serializers.ListField(
        child=serializers.ChoiceField(choices=ADMIN_PERMISSIONS), source="granted_in_order", read_only=True
    )

    class Meta:
        model = User
        fields: tuple[str, ...] = (
            "id",
            "email",
            "name",
            "role",
            "is_active",
            "created_at",
            "last_login",
            "permissions",
        )


class UserInput(StrictInput):
    """The body that changes a user; `permissions` replace those of the role, and null restores those of the role."""

    shown = UserSerializer.Meta.fields
    email = Text(max_length=EMAIL_LENGTH)
    name = Text(max_length=150, allow_blank=True, required=False)
    password = Text(max_length=PASSWORD_LENGTH)
    role = Choice(choices=Role.choices)
    permissions = Choices(choices=ADMIN_PERMISSIONS, required=False, allow_null=True)
    is_active = Boolean(required=False)

    def validate_email(self, value: str) -> str:
        address = value.strip().lower()
        serializers.EmailField().run_validation(address)
        return address

    def service_problems(self, values: dict[str, Any]) -> dict[str, Any]:
        user = self.context["instance"] or User(email=values.get("email", ""), name=values.get("name", ""))
        return problems_in(lambda: require_good(values["password"], user)) if "password" in values else {}


class UserViewSet(Lists[User], Retrieves[User], AdminViewSet[User]):
    """/admin/users."""

    queryset = User.objects.order_by("created_at", "pk")
    resource, resources = "user", "users"
    required_permission = "users.manage"
    serializer_class, input_class = UserSerializer, UserInput
    paging_optional = True

    @extend_schema(request=UserInput, responses={201: UserSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create a user who can log in at once."""
        values = {"name": "", "permissions": None} | self.read(UserInput)
        require_good(values["password"], User(email=values["email"], name=values["name"]))
        is_active = values.pop("is_active", True)
        values["password_hash"] = hash_password(values.pop("password"))
        return self.once(lambda: self.created(users.create_user(**values, is_active=is_active, actor=self.actor)))

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change the given fields; a new password, role or state ends all of the user's sessions."""
        user = self.get_object()
        values = users.as_meant(user, self.read(UserInput, instance=user, partial=True))
        if "password" in values:
            require_good(values["password"], user)
            values["password"] = hash_password(values["password"])

        def work() -> Response:
            return self.answered(users.update_user(user, values=values, actor=self.actor, now=timezone.now()))

        return self.once(work)

    @once
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete a user; what they did stays in the audit log."""
        users.delete_user(User(pk=self.kwargs["pk"]), actor=self.actor)
        return self.done("User deleted successfully")


class MemberSerializer(serializers.ModelSerializer[User]):
    """A member of a workspace."""

    class Meta:
        model = User
        fields = ("id", "email", "name", "role", "is_active")


class MembersSerializer(serializers.Serializer[Any]):
    """All members of a workspace."""

    resource = ""
    members = MemberSerializer(many=True)


class MemberInput(StrictInput):
    """A member as a GET shows it, of which the id counts."""

    shown = MemberSerializer.Meta.fields
    id = Text()


class Member(Text):
    """A user's id, or a member as a GET shows it."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, dict):
            return super().to_internal_value(data)
        values: dict[str, str] = MemberInput().run_validation(data)
        return values["id"]


class MemberSchema(OpenApiSerializerFieldExtension):
    """Describe `Member` in the OpenAPI schema."""

    target_class = Member

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Schema:
        return {"oneOf": [TEXT, auto_schema.resolve_serializer(MemberSerializer, direction).ref]}


class MembersInput(StrictInput):
    """The body that sets the members: all of them."""

    members = Items(child=Member())

    def service_problems(self, values: dict[str, Any]) -> dict[str, Any]:
        return problems_in(lambda: users.require_present(values.get("members", [])))


class MembersViewSet(AdminViewSet[Workspace]):
    """/admin/workspaces/{id}/members."""

    queryset = Workspace.objects.present()
    resource = ""
    required_permission = "workspaces.manage"

    def get_queryset(self) -> QuerySet[Workspace]:
        return Workspace.objects.open_to(self.user)

    @extend_schema(responses=MembersSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Show the members of a workspace."""
        return self._shown(User.objects.filter(memberships__workspace=self.get_object()).order_by("email"))

    @extend_schema(request=MembersInput, responses=MembersSerializer)
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make these users, and no others, the members of a workspace."""
        values = self.read(MembersInput)

        def work() -> Response:
            workspace = Workspace(pk=self.kwargs["pk"]) if self.user.role == Role.ADMIN else self.get_object()
            changed = users.set_members(workspace, user_ids=values["members"], actor=self.actor)
            return self._shown(changed)

        return self.once(work)

    def _shown(self, members: Iterable[User]) -> Response:
        return self.answered(MembersSerializer({"members": members}).data)
