"""Find the posts that gained most in a period, without adding up all the others.

No target can have gained more engagement in a period than in its whole life. So targets are read in the order of their
lifetime engagement, until the tenth best of the period has more than the next could have (Fagin's threshold algorithm).
If that does not come soon, as in a short period of a long history, the period itself is added up.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet, Sum

from analytics.models import TargetDay, TargetNumbers
from analytics.periods import SECOND, Period
from ouipost.db.prepared import fetch
from workspaces.models import Workspace

TOP = 10
LOOKS = (60, 300)
"""After so many targets, look whether the best ten are known; after the last number, the period is added up."""
ZONES_APART = timedelta(hours=26)
"""A gain counts for the day in the workspace's zone at that time; the zone may have changed since."""


@dataclass(frozen=True, kw_only=True)
class Top:
    """The gain of a target in a period."""

    numbers_id: int
    impressions: int | None
    engagement: int


def top_posts(workspace: Workspace, period: Period, *, platform: str = "") -> Sequence[Mapping[str, Any]]:
    """Return the gains of the ten targets that `top_targets` finds, with their posts.

    Posts deleted meanwhile are left out.
    """
    found = top_targets(workspace, period, platform=platform)
    rows = {pk: columns for pk, *columns in fetch(_posts, pk__in=[top.numbers_id for top in found])}
    return [_shown(top, *rows[top.numbers_id]) for top in found if top.numbers_id in rows]


def _posts(**matching: Any) -> "QuerySet[TargetNumbers, Any]":
    rows = TargetNumbers.objects.filter(**matching)
    return rows.values_list("pk", "target__post", "target__post__content", "platform", "account", "published_at")


def _shown(
    top: Top, post_id: str, content: str, platform: str, account_id: str, published_at: datetime
) -> dict[str, Any]:
    return {
        "id": post_id,
        "content": content,
        "platform": platform,
        "account_id": account_id,
        "impressions": top.impressions,
        "engagement": top.engagement,
        "published_at": published_at,
    }


def top_targets(workspace: Workspace, period: Period, *, platform: str = "") -> list[Top]:
    """Return the ten targets that gained most engagement in a period, the best first; of equal ones the newest."""
    whose = {"workspace": workspace.pk} | ({"platform": platform} if platform else {})
    gained: dict[str, Any] = {f"total__{name}": value for name, value in whose.items()}
    gained |= {"total__day__gte": period.first, "total__day__lte": period.last}
    looked = _most_successful(period, whose)
    found: list[Top] = []
    start = 0
    for end in LOOKS:
        pks = [pk for pk, _ in looked[start:end]]
        found = _best([*found, *_tops(fetch(_gains, numbers__in=pks, **gained))])
        if len(looked) <= end or _are_beyond(found, bound=looked[end][1]):
            return found
        start = end
    return _tops(fetch(_best_gains, **gained))


def _most_successful(period: Period, whose: Mapping[str, str]) -> Sequence[tuple[int, int]]:
    """Return the targets of highest lifetime engagement that may have gained in the period, with that engagement."""
    since, until = period.starts - ZONES_APART, period.ends + SECOND + ZONES_APART
    return fetch(_by_success, published_at__lt=until, read_at__gte=since, **whose)


def _by_success(**matching: Any) -> "QuerySet[TargetNumbers, Any]":
    rows = TargetNumbers.objects.filter(**matching).order_by("-most", "-pk")
    return rows.values_list("pk", "most")[: LOOKS[-1] + 1]


def _gains(**matching: Any) -> Any:
    """Match the gain of each target: its id, impressions and engagement."""
    shares = TargetDay.objects.filter(**matching).order_by()
    return shares.values_list("numbers_id").annotate(seen=Sum("impressions"), engaged=Sum("engagement"))


def _best_gains(**matching: Any) -> Any:
    return _gains(**matching).order_by("-engaged", "-numbers_id")[:TOP]


def _tops(gains: Iterable[tuple[int, int | None, int | None]]) -> list[Top]:
    """Return these gains, without the targets whose network gives no engagement."""
    return [Top(numbers_id=pk, impressions=seen, engagement=count) for pk, seen, count in gains if count is not None]


def _best(found: Collection[Top]) -> list[Top]:
    return sorted(found, key=lambda top: (-top.engagement, -top.numbers_id))[:TOP]


def _are_beyond(found: Collection[Top], *, bound: int) -> bool:
    """Return whether no further target can belong to the best."""
    return len(found) == TOP and all(top.engagement > bound for top in found)
