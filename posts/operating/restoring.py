"""After a restore: the database does not know what was published since its copy, and must not send it again.

Targets that are due are marked as sent with a lost answer, so that the engine looks for them before anything else.
"""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.fields.json import KT
from django.shortcuts import get_object_or_404

from accounts import pauses, registry
from accounts.platforms.base import Recovery
from accounts.platforms.errors import ErrorCode
from ouipost.claims import is_free
from ouipost.events.journal import Actor, record
from ouipost.events.models import Event
from ouipost.phrases import Phrase, State
from posts.advice import failure
from posts.asking import Question, operation_of, question_after_restore
from posts.lateness import GIVE_UP_AFTER, is_too_late
from posts.models import UNSETTLED, Attempt, Target, TargetQuerySet, TargetStatus
from posts.services import WrongStatus, lock
from posts.status import sync_and_tell

SET_ASIDE = failure(
    ErrorCode.OUTCOME_UNKNOWN,
    Phrase(
        "The database was restored from a copy, and whether this went out since cannot be found out: "
        "look at the account."
    ),
)


def overdue(now: datetime, *, since: datetime) -> TargetQuerySet:
    """Match due targets that are unsent according to the database: they may have gone out since the copy was made.

    Left out, once everything is paused: targets that were looked for since, targets that a person declared unsent
    since, and targets that fell due during the pause. If the copy is of a paused database, only events after its
    restore count. Targets in flight in a very recent copy are matched: nobody holds their lease, but it is not over.
    """
    rows = Target.objects.filter(scheduled_at__lte=now, due_at__isnull=False, status__in=UNSETTLED)
    rows = rows.filter(post__workspace__deleted_at=None)
    paused = pauses.of_all()
    if paused is None:
        return rows
    noticed = paused.restored_at
    began = max(since, paused.paused_at, noticed or since)
    looks = Attempt.objects.filter(target=OuterRef("pk"), step="recover", started_at__gt=began)
    resolved = Event.objects.filter(type="post.resolved", resource_id=OuterRef("post_id"), created_at__gt=began)
    resolved = resolved.alias(about=KT("details__target")).filter(about=OuterRef("pk"))
    rows = rows.filter(~Exists(looks), ~Exists(resolved))
    return rows.exclude(_due_since(noticed)) if noticed and noticed > since else rows


def _due_since(noticed: datetime) -> Q:
    """Match targets whose time came only after the restore was noticed, and was not moved there since."""
    changes = Event.objects.filter(resource_id=OuterRef("post_id"), created_at__gt=noticed)
    return Q(scheduled_at__gt=noticed) & (Q(post__created_at__gt=noticed) | Q(~Exists(changes)))


@transaction.atomic
def doubt(target: Target, *, since: datetime, actor: Actor, now: datetime) -> Question:
    """Have the network asked whether a target went out since the copy; set it aside if the network cannot be asked.

    The caller has paused everything, so that nothing is sent meanwhile. A target that is surely not out stays due. It
    goes out when the pause ends, or fails if it is too late then. Raises WrongStatus if it is settled or in flight.
    """
    post = lock(target.post)
    rows = overdue(now, since=since).select_related("post", "account__workspace")
    locked = rows.filter(is_free(now), pk=target.pk).first()
    if locked is None:
        status = get_object_or_404(Target, pk=target.pk).status
        raise WrongStatus(Phrase("The target is {status}, or a worker is on it.", status=State(status)), status=status)
    asked = question_after_restore(locked)
    values = _sent_since(locked, since=since) | (_looked_for(locked, now=now) if asked.way else _set_aside(locked))
    Target.objects.filter(pk=locked.pk).update(**values)
    record("reconcile_requested", post, actor=actor, target=locked.pk, restored_from=since)
    sync_and_tell(post)
    return asked


def _sent_since(target: Target, *, since: datetime) -> dict[str, Any]:
    """Return the columns of a target as if it had been sent right after the copy was made.

    Only an idempotency key stays of its handles: others in the copy may be older than the send.
    """
    platform = registry.of(target.account)
    operation = operation_of(target, platform)
    was_only_refused = target.sent_at is not None and target.armed_at is None and not target.outcome_unknown
    return {
        "outcome_unknown": True,
        "armed_at": min(since, target.armed_at or since),
        "sent_at": since if was_only_refused else target.sent_at,  # no earlier word of a duplicate is about this send
        "sends": max(1, target.sends),
        "absences": 0,
        "sent_text": target.sent_text if target.outcome_unknown or target.parts else operation.content.text,
        "replies": len(operation.content.replies),
        "handles": target.handles if platform.recovery_of(operation) == Recovery.KEY else {},
        "claim_count": 0,
    }


def _looked_for(target: Target, *, now: datetime) -> dict[str, Any]:
    due = max(filter(None, [target.scheduled_at, target.due_at]), default=now)  # it may have waited for its place
    workspace = target.account.workspace
    held_up_by = [each for each in pauses.after(due) if each.covers(target.account_id, target.platform, workspace.pk)]
    given = now if is_too_late(due, held_up_by, workspace=workspace, now=now) else now + GIVE_UP_AFTER
    return {"status": TargetStatus.PUBLISHING, "due_at": now, "give_up_at": given, "error": None, "waits_for": ""}


def _set_aside(target: Target) -> dict[str, Any]:
    """Return the columns that keep workers off a target, and end a claim in the copy so that it blocks no other."""
    ended = {"in_flight": None, "lease_until": None, "fence": target.fence + 1}
    return {"status": TargetStatus.NEEDS_REVIEW, "due_at": None, "error": SET_ASIDE} | ended
