"""The first administrator, workspace and key of an installation."""

from dataclasses import dataclass

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from adminapi.sessions.passwords import hash_password
from ouipost.events.journal import Actor
from workspaces import services, users
from workspaces.keys.services import create_key
from workspaces.models import KEY_NAME_LENGTH, ApiKey, KeyMode, Role, User, Workspace

NAME_LENGTH = KEY_NAME_LENGTH - 10
"""The longest name of the workspace; the name of its key adds a few characters."""


@dataclass(frozen=True, kw_only=True)
class Bootstrapped:
    """The first rows of an installation; `secret` is empty if the key existed already."""

    admin: User
    is_new_admin: bool
    workspace: Workspace
    key: ApiKey
    secret: str


@transaction.atomic
def bootstrap(
    *, email: str, password: str, workspace_name: str, mode: str, tier: str, key_mode: str = KeyMode.LIVE, actor: Actor
) -> Bootstrapped:
    """Create the missing ones of administrator, workspace and key; existing ones are left alone."""
    address = email.strip().lower()
    present = User.objects.filter(email=address).first()
    admin = present or _create_admin(address, password, actor)
    workspace = Workspace.objects.present().filter(name=workspace_name, mode=mode).order_by("created_at", "pk").first()
    if workspace is None:
        workspace = services.create_workspace(name=workspace_name, mode=mode, actor=actor)
    _add_member(workspace, admin, actor)
    name = f"{workspace_name} ({key_mode})"
    key, secret = ApiKey.objects.filter(name=name, is_active=True).first(), ""
    if key is None:
        key, secret = create_key(name=name, tier=tier, mode=key_mode, actor=actor)
    return Bootstrapped(admin=admin, is_new_admin=present is None, workspace=workspace, key=key, secret=secret)


def _create_admin(email: str, password: str, actor: Actor) -> User:
    name = "Administrator"
    User._meta.get_field("email").run_validators(email)
    if not password:
        raise ValidationError("No password was given: give it with --password, or as a line of the standard input.")
    validate_password(password, User(email=email, name=name))
    return users.create_user(
        email=email, name=name, password_hash=hash_password(password), role=Role.ADMIN, actor=actor
    )


def _add_member(workspace: Workspace, user: User, actor: Actor) -> None:
    members = set(workspace.memberships.values_list("user", flat=True))
    if user.pk not in members:
        users.set_members(workspace, user_ids=members | {user.pk}, actor=actor)
