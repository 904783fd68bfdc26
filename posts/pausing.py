"""Stop and resume publishing for an operator; each function is one transaction and one line in the journal."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from accounts import pauses, registry
from accounts.models import Pause, PauseScope, SocialAccount
from ouipost.claims import database_now
from ouipost.db.locks import lock_shared
from ouipost.db.pages import MOST
from ouipost.errors import InvalidInput
from ouipost.events.journal import SYSTEM, Actor, record
from ouipost.phrases import Ours, Phrase
from posts import doorbell
from posts.models import Target
from workspaces.models import Workspace

OF_ONE_WORKSPACE = (PauseScope.WORKSPACE, PauseScope.ACCOUNT)
"""Scopes that concern one workspace; the others concern all of them."""


@transaction.atomic
def pause(
    scope: str, subject_id: str = "", *, reason: str, actor: Actor, now: datetime, after_restore: bool = False
) -> Pause:
    """Pause a scope from the next claim on; a pause in force already stays, with the new reason and its author."""
    if scope in OF_ONE_WORKSPACE:  # deleting the workspace, which ends its pauses, waits for this transaction
        lock_shared(Workspace.objects.filter(pk=_workspace_of(Pause(scope=scope, subject_id=subject_id))))
    require_subject(scope, subject_id, must_exist=True)
    present = _in_force(scope, subject_id)
    if present is not None:
        return _with_reason(present, reason, actor=actor, restored_at=now if after_restore else None)
    begun = Pause(scope=scope, subject_id=subject_id, in_force=_key(scope, subject_id), reason=reason, paused_at=now)
    begun.paused_by, begun.after_restore = actor.user_email, after_restore
    begun.restored_at = now if after_restore else None
    try:
        with transaction.atomic():
            begun.save(force_insert=True)
    except IntegrityError:  # another was first
        return pause(scope, subject_id, reason=reason, actor=actor, now=now, after_restore=after_restore)
    record("started", begun, actor=actor, workspace_id=_workspace_of(begun), **_details(begun), reason=reason)
    return begun


@transaction.atomic
def resume(scope: str, subject_id: str = "", *, actor: Actor, now: datetime, reason: str = "") -> Pause | None:
    """End the pause of exactly this scope and return it, or None if there is none. Pauses of other scopes go on.

    Targets that became due during the pause go out at once, in order.
    """
    require_subject(scope, subject_id, must_exist=False)
    ended = _in_force(scope, subject_id)
    if ended is None:
        return None
    ended.in_force, ended.resumed_at = None, now
    ended.save(update_fields=["in_force", "resumed_at"])
    transaction.on_commit(doorbell.ring, robust=True)
    record("ended", ended, actor=actor, workspace_id=_workspace_of(ended), **_details(ended), reason=reason)
    return ended


def end_for(workspace: Workspace) -> None:
    """End the pauses of a workspace that is being deleted, and of its accounts: there is nothing left to hold up."""
    for each in in_force_for([workspace.pk]):
        if each.scope in OF_ONE_WORKSPACE:
            resume(each.scope, each.subject_id, actor=SYSTEM, now=database_now())


def require_subject(scope: str, subject_id: str, *, must_exist: bool) -> None:
    """Raise InvalidInput if the id does not fit the scope, or names nothing that exists.

    A network must exist in any case. The pause of a workspace or an account may outlive it.
    """
    if scope not in PauseScope.values:
        raise InvalidInput(scope=[Phrase("Must be one of: {choices}.", choices=", ".join(PauseScope.values))])
    if scope == PauseScope.ALL and subject_id:
        raise InvalidInput(id=[Phrase("Leave it out: all means everything.")])
    if scope != PauseScope.ALL and not subject_id:
        raise InvalidInput(id=[Phrase("Which {scope}?", scope=Ours(scope))])
    if (must_exist or scope == PauseScope.NETWORK) and subject_id and not _exists(scope, subject_id):
        raise InvalidInput(id=[Phrase("There is no such {scope}.", scope=Ours(scope))])


def _exists(scope: str, subject_id: str) -> bool:
    if scope == PauseScope.NETWORK:
        return subject_id in registry.IDS
    accounts = SocialAccount.objects.connected().filter(workspace__deleted_at=None)
    rows: Any = Workspace.objects.present() if scope == PauseScope.WORKSPACE else accounts
    return bool(rows.filter(pk=subject_id).exists())


def waiting(scope: str, subject_id: str = "") -> int:
    """Return how many targets in the scope wait for their time or their turn, counted up to ten thousand."""
    paused = pauses.rows_held_up([Pause(scope=scope, subject_id=subject_id)])
    return Target.objects.filter(paused, due_at__isnull=False, outcome_unknown=False)[:MOST].count()


def in_force_for(workspace_ids: "list[str] | None") -> list[Pause]:
    """Return the pauses in force, or only those that concern these workspaces."""
    found = pauses.in_force()
    if workspace_ids is None:
        return found
    named = [each.subject_id for each in found if each.scope == PauseScope.ACCOUNT]
    own = SocialAccount.objects.filter(pk__in=named, workspace__in=workspace_ids)
    seen = {*workspace_ids, *own.values_list("pk", flat=True)}
    return [each for each in found if each.scope not in OF_ONE_WORKSPACE or each.subject_id in seen]


def _in_force(scope: str, subject_id: str) -> Pause | None:
    return Pause.objects.select_for_update().filter(in_force=_key(scope, subject_id)).first()


def _key(scope: str, subject_id: str) -> str:
    return f"{scope}:{subject_id}"


def _with_reason(present: Pause, reason: str, *, actor: Actor, restored_at: datetime | None) -> Pause:
    present.after_restore = present.is_after_restore or restored_at is not None
    present.restored_at = restored_at or present.restored_at
    before, present.reason = present.reason, reason
    if before != reason:
        present.paused_by = actor.user_email
    present.save(update_fields=["reason", "paused_by", "after_restore", "restored_at"])
    if before != reason:
        changed = {"before": {"reason": before}, "after": {"reason": reason}}
        record("updated", present, actor=actor, workspace_id=_workspace_of(present), **_details(present), **changed)
    return present


def _details(subject: Pause) -> dict[str, str]:
    return {"scope": subject.scope, "subject_id": subject.subject_id}


def _workspace_of(subject: Pause) -> str:
    if subject.scope == PauseScope.WORKSPACE:
        return subject.subject_id
    owner = SocialAccount.objects.filter(pk=subject.subject_id).values_list("workspace_id", flat=True)
    return owner.first() or "" if subject.scope == PauseScope.ACCOUNT else ""
