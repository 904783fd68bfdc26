"""Read what networks have answered about a target so far, in time or after its claim was lost."""

from collections import defaultdict
from collections.abc import Sequence

from django.db.models import QuerySet

from accounts.platforms.shapes import Published
from ouipost.claims import engine_time
from posts.lateness import LEASE_SECONDS
from posts.models import LATE, Attempt, Target

OUT, DUPLICATE = "published", "duplicate"
"""Outcomes of attempts."""


def late_posts(targets: Sequence[Target]) -> list[list[Published]]:
    """Return, for each target, the posts that late answers named since its previous part went out, and since its post
    was changed.

    Posts that are known parts are left out. Each post comes once, with its latest address.
    """
    rows = Attempt.objects.filter(target__in=[target.pk for target in targets], outcome__in=(LATE, OUT))
    attempts = _by_target(rows.only("target", "outcome", "remote_id", "url", "fence"))
    return [_late_posts(target, attempts[target.pk]) for target in targets]


def _by_target(rows: "QuerySet[Attempt]") -> dict[str, list[Attempt]]:
    attempts: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in rows.order_by("pk"):
        attempts[attempt.target_id].append(attempt)
    return attempts


def _since(target: Target, attempts: Sequence[Attempt]) -> int:
    """Return the fence up to which answers are about an earlier text of the post, or about a part that is out."""
    return max([target.forgotten_fence or 0, *(each.fence for each in attempts if each.outcome == OUT)])


def _late_posts(target: Target, attempts: Sequence[Attempt]) -> list[Published]:
    known, since = {"", *(part["remote_id"] for part in target.parts)}, _since(target, attempts)
    late = [each for each in attempts if each.outcome == LATE and each.fence > since]
    urls = {each.remote_id: each.url for each in late if each.remote_id not in known}
    return [Published(remote_id=remote_id, url=url) for remote_id, url in urls.items()]


def said_to_be_there(targets: Sequence[Target]) -> list[bool]:
    """Return, for each target, whether its network refused the last send as a duplicate.

    Then no absence is believed, until the post is found, or a person says that it is not there.
    """
    rows = Attempt.objects.filter(target__in=[target.pk for target in targets], outcome__in=(DUPLICATE, OUT))
    attempts = _by_target(rows.only("target", "outcome", "fence", "ended_at"))
    return [_is_said_to_be_there(target, attempts[target.pk]) for target in targets]


def _is_said_to_be_there(target: Target, attempts: Sequence[Attempt]) -> bool:
    since = _since(target, attempts)
    refused_at = [each.ended_at for each in attempts if each.outcome == DUPLICATE and each.fence > since]
    return any(target.sent_at is None or at >= target.sent_at for at in refused_at)


def was_only_looked_for(target: Target, *, since: int) -> bool:
    """Return whether no claim since that fence got as far as sending: all have ended, except one that still looks.

    A claim raises the fence by one, and its end by one more. A claim that never ended has no attempt, nor has a change
    of the post, which raises the fence, too: then the fence is too high for the attempts, and the result is False. The
    claim that still looks is lost when the late answer is settled, and cannot send any more.
    """
    attempts = Attempt.objects.filter(target=target, fence__gt=since).exclude(outcome=LATE)
    steps = list(attempts.values_list("step", flat=True))
    present = 0 if target.lease_until is None else 1
    fence_where_all_ended = since + 2 * len(steps) + present
    return set(steps) <= {"recover"} and target.fence == fence_where_all_ended and not _is_armed(target)


def _is_armed(target: Target) -> bool:
    """Return whether its present claim was armed: only arming makes a target due after the start of its claim."""
    if target.lease_until is None or target.due_at is None:
        return False
    return target.due_at > target.lease_until - engine_time(LEASE_SECONDS)
