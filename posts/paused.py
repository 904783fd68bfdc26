"""What waits for the end of a pause."""

from collections.abc import Iterable
from datetime import datetime

from accounts import pauses
from accounts.models import Pause
from ouipost.claims import database_now
from ouipost.phrases import Phrase, joined
from posts.models import UNSETTLED, Post, PostStatus, Target

WAYS_OUT = Phrase(
    "The post was due, and goes out when that has ended. Ask the operator, or disconnect the account: that cancels all "
    "that it has not sent."
)


def held_up(targets: Iterable[Target], *, workspace_id: str) -> dict[str, list[Pause]]:
    """Return, by target, the pauses that hold it up; one that only asks about an earlier send goes on."""
    held = [each for each in targets if each.status in UNSETTLED and each.due_at and not each.outcome_unknown]
    paused = pauses.in_force() if held else []
    found = {}
    for each in held:
        if holding := pauses.all_holding(paused, each.account_id, each.platform, workspace_id):
            found[each.pk] = holding
    return found


def pause_of(targets: Iterable[Target], *, workspace_id: str, now: datetime) -> Pause | None:
    """Return the pause that all that is still to be worked on waits for, the first of several; None where something
    goes on, or there is nothing."""
    unsettled = [each for each in targets if each.status in UNSETTLED]
    paused = held_up(unsettled, workspace_id=workspace_id)
    if any(each.pk not in paused or is_busy(each, now=now) for each in unsettled):
        return None
    return next((first for first, *_ in paused.values()), None)


def is_busy(target: Target, *, now: datetime) -> bool:
    return target.lease_until is not None and target.lease_until > now


def why_paused(post: Post) -> str | None:
    """Say which pause a post waits for that is being published, and the way out; None where something of it may be out,
    or goes on."""
    targets = Target.objects.filter(post=post, status__in=UNSETTLED)
    if post.status != PostStatus.PUBLISHING or any(target.may_be_out for target in targets):
        return None
    pause = pause_of(targets, workspace_id=post.workspace_id, now=database_now())
    return joined([pauses.describe(pause), WAYS_OUT], " ") if pause else None
