"""The answers of networks about targets in doubt."""

from collections.abc import Iterable, Iterator

from posts.models import Target, TargetStatus


def outcome_text(target: Target) -> str:
    """Return the result of asking, and the possible next step; empty while the question is open."""
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
        """Give each target once, when its answer has come; None for a deleted one."""
        rows = {target.pk: target for target in Target.objects.filter(pk__in=list(self._fences))}
        self.was_taken_up |= any(row.fence != self._fences[pk] for pk, row in rows.items())
        for pk in list(self._fences):
            if pk not in rows or outcome_text(rows[pk]):
                del self._fences[pk]
                yield pk, rows.get(pk)
