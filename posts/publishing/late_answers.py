"""What answers tell of a target whose claim was lost before they came."""

from collections import defaultdict
from collections.abc import Sequence

from accounts.platforms.base import Published
from ouipost.claims import engine_time
from posts.lateness import LEASE_SECONDS
from posts.models import Attempt, Target

LATE, OUT = "late", "published"
"""Outcomes of attempts."""


def late_posts(targets: Sequence[Target]) -> list[list[Published]]:
    """Return, for each target, the posts that late answers told of since the part before was out; a part's id is none.

    Each post comes once, with the address that was told last.
    """
    rows = Attempt.objects.filter(target__in=[target.pk for target in targets], outcome__in=(LATE, OUT))
    attempts: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in rows.only("target", "outcome", "remote_id", "url", "fence").order_by("pk"):
        attempts[attempt.target_id].append(attempt)
    return [_late_posts(target, attempts[target.pk]) for target in targets]


def _late_posts(target: Target, attempts: Sequence[Attempt]) -> list[Published]:
    known = {"", *(part["remote_id"] for part in target.parts)}
    out = max((each.fence for each in attempts if each.outcome == OUT), default=0)
    late = [each for each in attempts if each.outcome == LATE and each.fence > out]
    urls = {each.remote_id: each.url for each in late if each.remote_id not in known}
    return [Published(remote_id=remote_id, url=url) for remote_id, url in urls.items()]


def was_only_looked_for(target: Target, *, since: int) -> bool:
    """Whether no claim since that fence got as far as sending: each has ended, but for one that is still looking.

    A claim raises the fence by one, its end by one more; a claim that never ended has no attempt. Who is still looking
    loses the claim to the answer, and with it the leave to send again.
    """
    attempts = Attempt.objects.filter(target=target, fence__gt=since).exclude(outcome=LATE)
    steps = list(attempts.values_list("step", flat=True))
    present = 0 if target.lease_until is None else 1
    fence_where_all_ended = since + 2 * len(steps) + present
    return set(steps) <= {"recover"} and target.fence == fence_where_all_ended and not _is_armed(target)


def _is_armed(target: Target) -> bool:
    """Whether its present claim was allowed the visible call: nothing else makes it due after the claim began."""
    if target.lease_until is None or target.due_at is None:
        return False
    return target.due_at > target.lease_until - engine_time(LEASE_SECONDS)
