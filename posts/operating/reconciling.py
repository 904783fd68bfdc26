"""The answers of networks about targets in doubt."""

from collections.abc import Iterable, Iterator

from accounts import pauses
from posts.models import Target, TargetStatus

NOT_OUT, PARTLY_OUT = "not out", "partly out"
"""Outcomes that are no status of a target."""


def outcome(target: Target) -> str:
    """Return the result of asking in one or two words, by which results are counted; empty while the question is open.

    What is partly out is the beginning of a thread; its rest goes out by itself, or the target's error says why not.
    """
    match target.status:
        case TargetStatus.PUBLISHING if target.outcome_unknown:
            return ""
        case TargetStatus.PUBLISHING:
            return PARTLY_OUT if target.parts else NOT_OUT
        case TargetStatus.PUBLISHED if target.error:
            return PARTLY_OUT
    return str(target.status)


def outcome_text(target: Target) -> str:
    """Return the result of asking, and the possible next step; empty while the question is open."""
    error = str((target.error or {}).get("message", "")).rstrip(".")
    address = target.url or target.remote_id
    match target.status:
        case TargetStatus.PUBLISHING if target.outcome_unknown:
            return ""
        case TargetStatus.PUBLISHING if target.parts:
            out = f"{len(target.parts)} of {target.replies + 1} parts are out"
            return f"{out}, {address}; the rest goes out{_when(target)}"
        case TargetStatus.PUBLISHING:
            return f"not there; it goes out{_when(target)}"
        case TargetStatus.PUBLISHED:
            return f"published, {address}" + (f": {error}" if error else "")
        case TargetStatus.FAILED:
            return f"failed: {error}. POST /api/posts/{target.post_id}/retry sends it"
        case TargetStatus.NEEDS_REVIEW:
            return f"still in doubt: {error}. POST /api/posts/{target.post_id}/targets/{target.pk}/resolve settles it"
    return f"{target.status} meanwhile"


def _when(target: Target) -> str:
    goes_to = (target.account_id, target.platform, target.account.workspace_id)
    return " when it is resumed" if pauses.holding(pauses.in_force(), *goes_to) else ""


class Pending:
    """Targets that were asked about and have no answer yet."""

    def __init__(self, targets: Iterable[Target]) -> None:
        self._fences = {target.pk: target.fence for target in targets}
        self.was_taken_up = False

    def __len__(self) -> int:
        return len(self._fences)

    def answered(self) -> Iterator[tuple[str, Target | None]]:
        """Give each target once, when its answer has come; None for a deleted one."""
        rows = {target.pk: target for target in Target.objects.filter(pk__in=list(self._fences))}
        self.was_taken_up |= any(row.fence != self._fences[pk] for pk, row in rows.items())
        for pk in list(self._fences):
            if pk not in rows or outcome(rows[pk]):
                del self._fences[pk]
                yield pk, rows.get(pk)
