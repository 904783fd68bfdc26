"""What can be asked about a target in doubt: how its network would tell, and what the answer was."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.utils import timezone

from accounts import registry
from accounts.models import AccountStatus
from accounts.platforms.base import Account, Connector, Operation, Published, Recovery
from posts.content import compose
from posts.media import files
from posts.models import Target, TargetStatus

WAYS = {
    Recovery.LOOK: "looked for in the account's posts, and half a minute later again if it is not there",
    Recovery.KEY: "looked for under its own key, and half a minute later again if it is not there",
    Recovery.HANDLE: "asked about by what the network gave before the call: one answer is enough",
}


@dataclass(frozen=True, kw_only=True)
class Question:
    """How a target in doubt is cleared up; `obstacle` says why that cannot be, empty where it can."""

    way: str = ""
    obstacle: str = ""


def question(target: Target) -> Question:
    """Return how it would be found out whether this target is out."""
    if not target.outcome_unknown:
        before = "it was sent again" if target.armed_at else "anything was sent"
        return Question(way=f"failed at once: it was set aside before {before}")
    platform = registry.of(target.account)
    if obstacle := _obstacle(target, platform):
        return Question(obstacle=obstacle)
    way = WAYS.get(platform.recovery_of(operation_of(target, platform)))
    return Question(way=way) if way else Question(obstacle="its network cannot be asked")


def question_after_restore(target: Target) -> Question:
    """Return how it would be found out whether this target, of a restored copy, went out after the copy was made.

    What the network gave for it since then is not known: only the account's own posts can tell, or a key that was
    chosen before.
    """
    platform = registry.of(target.account)
    if obstacle := _obstacle(target, platform):
        return Question(obstacle=obstacle)
    operation = operation_of(target, platform)
    if target.handles and platform.recovery_of(operation) == Recovery.KEY:
        return Question(way=WAYS[Recovery.KEY])
    if platform.lists(operation):
        return Question(way=WAYS[Recovery.LOOK])
    return Question(obstacle="its network only tells of it by what it gave for it, which this copy does not have")


def _obstacle(target: Target, platform: Connector) -> str:
    if not target.account.is_connected:
        return "its account was disconnected"
    if target.account.status == AccountStatus.EXPIRED:
        return "its account must be connected again first"
    return "" if registry.is_configured(platform) else "this installation has no credentials for the network"


def operation_of(target: Target, platform: Connector) -> Operation:
    """Return the visible call in doubt, without the tokens that it would take."""
    account = target.account
    content = compose(target.post, account, platform, files.as_content(target.post))
    return Operation(
        content=content,
        account=Account(remote_id=account.remote_id, access_token="", metadata=account.metadata),
        handles=target.handles,
        now=timezone.now(),
        out=tuple(Published(**part) for part in target.parts),
    )


def told(target: Target) -> str:
    """Return what the question has led to, and what may be done now; empty while it is open."""
    error = str((target.error or {}).get("message", "")).rstrip(".")
    match target.status:
        case TargetStatus.PUBLISHING if target.outcome_unknown:
            return ""
        case TargetStatus.PUBLISHING:
            return "not there; it goes out when it is resumed"
        case TargetStatus.PUBLISHED:
            return f"published, {target.url or target.remote_id}"
        case TargetStatus.FAILED:
            return f"failed: {error}. POST /api/posts/{target.post_id}/retry sends it"
        case TargetStatus.NEEDS_REVIEW:
            return f"still in doubt: {error}. POST /api/posts/{target.post_id}/targets/{target.pk}/resolve settles it"
    return f"{target.status} meanwhile"


class Pending:
    """Targets that were asked about and have no answer yet."""

    def __init__(self, targets: Iterable[Target]) -> None:
        self._fences = {target.pk: target.fence for target in targets}
        self.was_taken_up = False

    def __len__(self) -> int:
        return len(self._fences)

    def answered(self) -> Iterator[tuple[str, Target | None]]:
        """Give each target that has its answer by now, once; None for one that was deleted."""
        rows = {target.pk: target for target in Target.objects.filter(pk__in=list(self._fences))}
        self.was_taken_up |= any(row.fence != self._fences[pk] for pk, row in rows.items())
        for pk in list(self._fences):
            if pk not in rows or told(rows[pk]):
                del self._fences[pk]
                yield pk, rows.get(pk)
