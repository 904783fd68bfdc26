"""Targets and posts that wait for the end of a pause."""

from collections.abc import Collection, Iterable
from datetime import datetime

from accounts import pauses
from accounts.models import Pause, PauseScope
from ouipost.claims import database_now
from ouipost.phrases import Phrase, joined
from posts.models import UNSETTLED, Post, PostStatus, Target

WAYS_OUT = Phrase(
    "The post was due, and goes out when that has ended. Ask the operator, or disconnect the account: that cancels all "
    "that it has not sent."
)


def held_up(targets: Iterable[Target], *, workspace_id: str) -> dict[str, list[Pause]]:
    """Return, by target, the pauses that hold it up; none for a target that only asks about an earlier send."""
    held = [each for each in targets if each.status in UNSETTLED and each.due_at and not each.outcome_unknown]
    paused = pauses.in_force() if held else []
    found = {}
    for each in held:
        if holding := pauses.all_holding(paused, each.account_id, each.platform, workspace_id):
            found[each.pk] = holding
    return found


def pauses_of(targets: Iterable[Target], *, workspace_id: str, now: datetime) -> list[Pause]:
    """Return the pauses that all unsettled targets wait for; none if any is not held up, or none is unsettled."""
    unsettled = [each for each in targets if each.status in UNSETTLED]
    paused = held_up(unsettled, workspace_id=workspace_id)
    if any(each.pk not in paused or each.is_claimed(now=now) for each in unsettled):
        return []
    return list({pause.pk: pause for holding in paused.values() for pause in holding}.values())


def why_paused(post: Post) -> str | None:
    """Name the pauses that a post being published waits for, and the ways out; None if any of it may be out, or is not
    held up."""
    if post.status != PostStatus.PUBLISHING:
        return None
    targets = list(Target.objects.filter(post=post, status__in=UNSETTLED).order_by("pk"))
    if any(target.may_be_out for target in targets):
        return None
    found = pauses_of(targets, workspace_id=post.workspace_id, now=database_now())
    return joined([*(_describe(pause, targets) for pause in found), WAYS_OUT], " ") if found else None


def _describe(pause: Pause, targets: Collection[Target]) -> str:
    """Describe a pause; among several accounts, the paused one is named by its id."""
    is_one_of_several = pause.scope == PauseScope.ACCOUNT and len(targets) > 1
    return pauses.describe_with_id(pause) if is_one_of_several else pauses.describe(pause)
