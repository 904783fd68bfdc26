"""What can be done to workspaces; each function is one transaction and one line in the journal."""

import logging
from datetime import datetime
from typing import Any

from django.db import transaction

from ouipost.events.journal import Actor, changes, record
from workspaces import hooks
from workspaces.models import ApiKey, Mode, Workspace

logger = logging.getLogger(__name__)


@transaction.atomic
def create_workspace(
    *,
    name: str,
    actor: Actor,
    description: str = "",
    settings: dict[str, Any] | None = None,
    mode: str = Mode.LIVE,
    key: ApiKey | None = None,
) -> Workspace:
    """Create a workspace; a key that is limited to some workspaces gets it added to its list."""
    kept = {name: value for name, value in (settings or {}).items() if value is not None}
    workspace = Workspace.objects.create(name=name, description=description, settings=kept, mode=mode)
    if key is not None and key.workspace_ids:
        locked = ApiKey.objects.select_for_update().get(pk=key.pk)
        locked.workspace_ids = [*locked.workspace_ids, workspace.pk]
        locked.save(update_fields=["workspace_ids"])
    record("created", workspace, actor=actor, workspace_id=workspace.pk, name=name, mode=mode)
    return workspace


@transaction.atomic
def update_workspace(workspace: Workspace, *, values: dict[str, Any], actor: Actor) -> Workspace:
    """Change the given fields; `settings` are merged key by key, and null removes one."""
    locked = Workspace.objects.select_for_update().get(pk=workspace.pk)
    before = {name: getattr(locked, name) for name in values}
    if "settings" in values:
        merged = locked.settings | values["settings"]
        values = values | {"settings": {name: value for name, value in merged.items() if value is not None}}
    for name, value in values.items():
        setattr(locked, name, value)
    locked.save()
    record("updated", locked, actor=actor, workspace_id=locked.pk, **changes(before, locked))
    return locked


@transaction.atomic
def delete_workspace(workspace: Workspace, *, actor: Actor, now: datetime) -> None:
    """Take the workspace away from every caller at once; its rows and files go in the background."""
    for hook in hooks.on_delete:
        hook(workspace)
    Workspace.objects.filter(pk=workspace.pk).update(deleted_at=now)
    record("deleted", workspace, actor=actor, workspace_id=workspace.pk, name=workspace.name)


def purge_deleted() -> bool:
    """Remove what deleted workspaces left, one step of each; returns whether anything was removed for good."""
    removed = False
    for workspace in Workspace.objects.exclude(deleted_at=None).order_by("deleted_at", "pk")[:10]:
        if all(hook(workspace) for hook in hooks.on_purge):
            workspace.delete()
            logger.info("Workspace %s was removed", workspace.pk)
            removed = True
    return removed
