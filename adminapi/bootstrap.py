"""The first administrator, workspace and key of an installation."""

from dataclasses import dataclass

from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from ouipost.events.journal import SYSTEM, record
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
    *, email: str, password: str, workspace_name: str, mode: str, tier: str, key_mode: str = KeyMode.LIVE
) -> Bootstrapped:
    """Create what is missing of administrator, workspace and key, and leave alone what is there."""
    admin = User.objects.filter(email=email.strip().lower()).first() or _create_admin(email, password)
    workspace = Workspace.objects.present().filter(name=workspace_name, mode=mode).order_by("created_at", "pk").first()
    if workspace is None:
        workspace = services.create_workspace(name=workspace_name, mode=mode, actor=SYSTEM)
    Membership.objects.get_or_create(workspace=workspace, user=admin)
    name = f"{workspace_name} ({key_mode})"
    key, secret = ApiKey.objects.filter(name=name, is_active=True).first(), ""
    if key is None:
        key, secret = create_key(name=name, tier=tier, mode=key_mode, actor=SYSTEM)
    return Bootstrapped(admin=admin, workspace=workspace, key=key, secret=secret)


def _create_admin(email: str, password: str) -> User:
    user = User(email=email.strip().lower(), name="Administrator", role=Role.ADMIN)
    validate_password(password, user)
    user.set_password(password)
    user.save()
    record("created", user, actor=SYSTEM, email=user.email, role=user.role)
    return user
