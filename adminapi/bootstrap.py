"""The first administrator, workspace and key of an installation."""

from dataclasses import dataclass

from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from ouipost.events.journal import Actor, record
from workspaces import services
from workspaces.keys import create_key
from workspaces.models import ApiKey, KeyMode, Membership, Role, User, Workspace


@dataclass(frozen=True, kw_only=True)
class Bootstrapped:
    """What an installation starts with; `secret` is empty where the key was there already."""

    admin: User
    workspace: Workspace
    key: ApiKey
    secret: str


@transaction.atomic
def bootstrap(
    *, email: str, password: str, workspace_name: str, mode: str, tier: str, key_mode: str = KeyMode.LIVE, actor: Actor
) -> Bootstrapped:
    """Create what is missing of administrator, workspace and key, and leave alone what is there."""
    admin = User.objects.filter(email=email.strip().lower()).first() or _create_admin(email, password, actor)
    workspace = Workspace.objects.present().filter(name=workspace_name, mode=mode).order_by("created_at", "pk").first()
    if workspace is None:
        workspace = services.create_workspace(name=workspace_name, mode=mode, actor=actor)
    _add_member(workspace, admin, actor)
    name = f"{workspace_name} ({key_mode})"
    key, secret = ApiKey.objects.filter(name=name, is_active=True).first(), ""
    if key is None:
        key, secret = create_key(name=name, tier=tier, mode=key_mode, actor=actor)
    return Bootstrapped(admin=admin, workspace=workspace, key=key, secret=secret)


def _create_admin(email: str, password: str, actor: Actor) -> User:
    user = User(email=email.strip().lower(), name="Administrator", role=Role.ADMIN)
    validate_password(password, user)
    user.set_password(password)
    user.save()
    record("created", user, actor=actor, email=user.email, role=user.role)
    return user


def _add_member(workspace: Workspace, user: User, actor: Actor) -> None:
    before = sorted(Membership.objects.filter(workspace=workspace).values_list("user", flat=True))
    if user.pk not in before:
        Membership.objects.create(workspace=workspace, user=user)
        told = {"before": {"members": before}, "after": {"members": sorted([*before, user.pk])}}
        record("members_changed", workspace, actor=actor, workspace_id=workspace.pk, **told)
