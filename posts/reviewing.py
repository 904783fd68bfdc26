"""The commands on targets in doubt: settle one by a person's word, or have its network asked once more.

They lock the post first, as all commands on posts do.
"""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.shortcuts import get_object_or_404

from ouipost.events.journal import Actor, changes, record
from ouipost.phrases import Phrase, State
from posts import doorbell, removal
from posts.addresses import settle_at
from posts.advice import rest_unsent
from posts.asking import question
from posts.due import forget_named, send_denied
from posts.models import Post, PostStatus, Target, TargetStatus
from posts.services import WrongStatus, lock, lock_in
from posts.status import record_outcome, snapshot, sync, sync_and_tell


@transaction.atomic
def resolve_target(target: Target, *, published: bool, url: str, actor: Actor, now: datetime) -> Post:
    """Settle an unknown outcome as a person says: published at an address, or not published and sent again, or called
    off where its account is gone. Raises InvalidInput for the address of another post of the account."""
    post = lock_in(target.post, {PostStatus.NEEDS_REVIEW})
    locked = get_object_or_404(Target.objects.select_related("account__workspace"), pk=target.pk)
    if locked.status != TargetStatus.NEEDS_REVIEW:
        raise WrongStatus(
            Phrase("The target is {status}: there is nothing to resolve.", status=State(locked.status)),
            status=post.status,
        )
    before = snapshot(post)
    details = {"target": locked.pk, "outcome": "published" if published else "not_published"}
    if published:
        settle_at(locked, url, now=now)
    else:
        details |= _deny(locked, now=now)
    changed = sync(post)
    record("resolved", post, actor=actor, **details, **changes(before, post))
    if changed == PostStatus.DRAFT:
        record("unscheduled", post, actor=actor, **changes(before, post))
    record_outcome(post, changed)
    return post


def _deny(target: Target, *, now: datetime) -> dict[str, str]:
    """Send a target that a person declared not to be out, or call it off; returns what else the journal shows."""
    forget_named(target)
    if target.account.is_connected:
        send_denied(target, now=now)
        return {}
    removal.leave_unsent(target, now=now)
    return {"account": "disconnected"}


@transaction.atomic
def look_again(target: Target, *, actor: Actor, now: datetime) -> Post:
    """Ask the network once more about an unknown outcome: if the post is there it is published, else failed.

    The time for trying is over, so what is in doubt is not sent again. If it is found, the parts that follow it go out
    at once; if it is such a part and is not there, the post stays published without it. A target that was never sent
    fails at once, without asking. Raises WrongStatus for a target that is not in doubt, or that cannot be asked about.
    """
    post = lock(target.post)
    locked = get_object_or_404(Target, pk=target.pk)
    if locked.status != TargetStatus.NEEDS_REVIEW:
        raise WrongStatus(
            Phrase("The target is {status}: there is nothing to ask.", status=State(locked.status)), status=post.status
        )
    if obstacle := question(locked).obstacle:
        raise WrongStatus(Phrase("It cannot be asked about: {obstacle}.", obstacle=obstacle), status=post.status)
    values = _asked_about(now) if locked.outcome_unknown else _never_sent(locked, now=now)
    Target.objects.filter(pk=locked.pk).update(claim_count=0, **values)
    transaction.on_commit(doorbell.ring, robust=True)
    record("reconcile_requested", post, actor=actor, target=locked.pk)
    sync_and_tell(post)
    return post


def _asked_about(now: datetime) -> dict[str, Any]:
    """Return the columns that make a worker ask the network at once, and not send what is in doubt again."""
    return {"status": TargetStatus.PUBLISHING, "due_at": now, "give_up_at": now, "absences": 0, "error": None}


def _never_sent(target: Target, *, now: datetime) -> dict[str, Any]:
    """Return the columns of a failed target, or of a thread that ends after the parts that are out."""
    message: str = Phrase("It was set aside before anything was sent.")
    if target.armed_at is not None:
        message = Phrase("It was refused, and set aside before it was sent again.")
    ended: dict[str, Any] = {"status": TargetStatus.FAILED}
    if target.parts:
        message = rest_unsent(message, sent=len(target.parts), replies=target.replies)
        ended = {"status": TargetStatus.PUBLISHED, "published_at": now}
    return ended | {"error": {**(target.error or {}), "message": message}}
