"""The posts that gained most in a period, without adding up all the others.

No target can have gained more engagement in a period than in its whole life. So targets are looked at in the order of
all that they ever gained, until the tenth best of the period has more than the next could have (Fagin's threshold
algorithm). Where that does not come soon, as in a short period of a long history, the period itself is added up.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Sum

from analytics.models import TargetDay, TargetNumbers
from analytics.periods import SECOND, Period
from analytics.plan import READ_FOR
from workspaces.models import Workspace

TOP = 10
CONTENT_LENGTH = 280
"""So much of a post's text stands beside its numbers."""
LOOKS = (60, 300)
"""After so many targets the best ten may be known; after the last, the period is added up."""
OUTAGE = timedelta(days=30)
"""A post's last reading comes after its ninetieth day, and later where nothing could run just then."""
ZONES_APART = timedelta(hours=26)
"""What a post gained counts for the day that it was in the zone of its workspace then, which may be another one now."""


@dataclass(frozen=True, kw_only=True)
class Top:
    """What a target gained in a period."""

    numbers_id: int
    impressions: int | None
    engagement: int


def top_posts(workspace: Workspace, period: Period, *, platform: str = "") -> Sequence[Mapping[str, Any]]:
    """Return what the ten targets gained that `top_targets` finds, with their posts and how their texts begin.

    A post that is deleted meanwhile is left out.
    """
    found = top_targets(workspace, period, platform=platform)
    shown = TargetNumbers.objects.select_related("target__post").only(
        "platform", "account", "published_at", "target__post__content"
    )
    rows = shown.in_bulk([top.numbers_id for top in found])
    return [
        {
            "id": row.target.post_id,
            "content": row.target.post.content[:CONTENT_LENGTH],
            "platform": row.platform,
            "account_id": row.account_id,
            "impressions": top.impressions,
            "engagement": top.engagement,
            "published_at": row.published_at,
        }
        for top in found
        if (row := rows.get(top.numbers_id))
    ]


def top_targets(workspace: Workspace, period: Period, *, platform: str = "") -> list[Top]:
    """Return the ten targets that gained most engagement in a period, the best first, of equals the newest."""
    gains = _gains(workspace, period, platform=platform)
    looked = _most_successful(workspace, period, platform=platform)
    found: list[Top] = []
    start = 0
    for end in LOOKS:
        pks = [pk for pk, _ in looked[start:end]]
        found = _best([*found, *_tops(gains.filter(numbers__in=pks))]) if pks else found
        if len(looked) <= end or _are_beyond(found, bound=looked[end][1]):
            return found
        start = end
    return _tops(gains.order_by("-engaged", "-numbers_id")[:TOP])


def _most_successful(workspace: Workspace, period: Period, *, platform: str) -> Sequence[tuple[int, int]]:
    """Return the first targets of those that may have gained something, with all engagement that each ever gained."""
    rows = TargetNumbers.objects.filter(
        workspace=workspace,
        published_at__gt=period.starts - READ_FOR - OUTAGE,
        published_at__lt=period.ends + SECOND + ZONES_APART,
    )
    rows = rows.filter(platform=platform) if platform else rows
    return list(rows.order_by("-most", "-pk").values_list("pk", "most")[: LOOKS[-1] + 1])


def _gains(workspace: Workspace, period: Period, *, platform: str) -> Any:
    """Match what each target gained: its id, impressions and engagement."""
    shares = TargetDay.objects.filter(total__workspace=workspace, total__day__range=(period.first, period.last))
    shares = shares.filter(total__platform=platform) if platform else shares
    return shares.values_list("numbers_id").annotate(seen=Sum("impressions"), engaged=Sum("engagement")).order_by()


def _tops(gains: Iterable[tuple[int, int | None, int | None]]) -> list[Top]:
    """Return what these targets gained, without those whose network tells no engagement."""
    return [Top(numbers_id=pk, impressions=seen, engagement=count) for pk, seen, count in gains if count is not None]


def _best(found: Collection[Top]) -> list[Top]:
    return sorted(found, key=lambda top: (-top.engagement, -top.numbers_id))[:TOP]


def _are_beyond(found: Collection[Top], *, bound: int) -> bool:
    """Whether no target that was not looked at can belong to the best."""
    return len(found) == TOP and all(top.engagement > bound for top in found)
