"""Changes to workspaces; each function is one transaction and one line in the journal."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.shortcuts import get_object_or_404

from ouipost.db.rows import assign
from ouipost.errors import InvalidInput
from ouipost.events.journal import SYSTEM, Actor, record, save_update
from ouipost.ids import new_id
from ouipost.isolating import for_each
from ouipost.phrases import Phrase
from workspaces import hooks, users
from workspaces.models import ApiKey, KeyMode, Mode, Workspace
from workspaces.reach import managers_of
from workspaces.settings import merged

logger = logging.getLogger(__name__)


@transaction.atomic
def create_workspace(
    *,
    name: str,
    actor: Actor,
    description: str = "",
    settings: dict[str, Any] | None = None,
    mode: str = "",
    key: ApiKey | None = None,
    pk: str = "",
) -> Workspace:
    """Create a workspace, by default a live one; a key that creates it and the key's managers can see it afterwards.

    Raises IntegrityError if the given id is taken.
    """
    mode = allowed_mode(key, mode)
    kept = merged({}, settings or {})
    values = {"name": name, "description": description, "settings": kept, "mode": mode}
    workspace = Workspace.objects.create(pk=pk or new_id("ws"), **values)
    record("created", workspace, actor=actor, workspace_id=workspace.pk, name=name, mode=mode)
    if key is not None:
        _let_see(key, workspace, actor=actor)
    return workspace


def allowed_mode(key: ApiKey | None, mode: str) -> str:
    """Return the mode for a workspace that this key creates; raises InvalidInput if it may not create that mode."""
    if key is None or key.mode != KeyMode.TEST:
        return mode or Mode.LIVE
    if mode == Mode.LIVE:
        raise InvalidInput(mode=[Phrase("A test key creates sandbox workspaces only.")])
    return Mode.SANDBOX


def _let_see(key: ApiKey, workspace: Workspace, *, actor: Actor) -> None:
    """Add the workspace to a key's list, if any; its managers become members, so that they can still revoke it."""
    locked = ApiKey.objects.select_for_update().get(pk=key.pk)
    if locked.workspace_ids:
        if managers := managers_of(locked):
            users.set_members(workspace, user_ids=managers, actor=actor)
        before = {"workspace_ids": locked.workspace_ids}
        locked.workspace_ids = [*locked.workspace_ids, workspace.pk]
        save_update(locked, before, actor=actor, key_name=locked.name)


@transaction.atomic
def update_workspace(workspace: Workspace, *, values: dict[str, Any], actor: Actor) -> tuple[Workspace, list[str]]:
    """Change the given fields, and return the workspace with warnings.

    `settings` are merged key by key, and null removes one. Raises Http404 if the workspace was just deleted.
    """
    locked = get_object_or_404(Workspace.objects.present().select_for_update(), pk=workspace.pk)
    if "settings" in values:
        values = values | {"settings": merged(locked.settings, values["settings"])}
    before = assign(locked, values)
    save_update(locked, before, actor=actor, workspace_id=locked.pk)
    asked = hooks.on_settings if "settings" in before else []
    return locked, [warning for hook in asked for warning in hook(locked, before["settings"])]


@transaction.atomic
def delete_workspace(workspace: Workspace, *, actor: Actor, now: datetime) -> None:
    """Hide the workspace from every caller at once; its rows and files are removed in the background."""
    locked = Workspace.objects.present().select_for_update().filter(pk=workspace.pk).first()
    if locked is None:
        return  # another call was first
    locked.deleted_at = now
    locked.save(update_fields=["deleted_at"])
    for hook in hooks.on_delete:
        hook(locked)
    record("deleted", locked, actor=actor, workspace_id=locked.pk, name=locked.name)


def purge_deleted(*, is_ending: Callable[[], bool] = lambda: False) -> int:
    """Remove the next part of up to ten deleted workspaces, until `is_ending`; returns how many are gone for good."""
    deleted = Workspace.objects.exclude(deleted_at=None).order_by("deleted_at", "pk")
    return for_each(deleted[:10], _purge, is_ending=is_ending)


def _purge(workspace: Workspace) -> bool:
    """Let each app remove its part, the highest first: an account stays connected while a post of it is under way."""
    if not all(hook(workspace) for hook in reversed(hooks.on_purge)):
        return False
    with transaction.atomic():
        if Workspace.objects.filter(pk=workspace.pk).delete()[0]:  # else another worker was first
            record("purged", workspace, actor=SYSTEM, workspace_id=workspace.pk, name=workspace.name)
    logger.info("Workspace %s was removed", workspace.pk)
    return True
