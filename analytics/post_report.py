"""The report of one post: its totals, each network's own numbers, and the gain in each bucket."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from accounts import platforms
from analytics.gains import COUNTED, Numbers, bucketed, rate, sum_by_key, total
from analytics.models import Snapshot, TargetDay, TargetNumbers
from analytics.periods import Granularity, Period, day_of, midnight
from analytics.reports import Row, shown_bucket
from posts.models import Post, TargetStatus

FINE_FOR = timedelta(days=7)
"""A post is shown by the hour for this long after it went out."""
METRICS = {platform.id: platform.metrics for platform in platforms.ALL}
TOLD = ("impressions", "engagement")
"""The numbers of a timeline."""


@dataclass(frozen=True, kw_only=True)
class PostReport:
    """A post's numbers; null for a number that no network has given."""

    summary: Mapping[str, Any]
    by_platform: Mapping[str, Numbers]
    timeline: Sequence[Mapping[str, Any]]
    as_of: datetime | None


def numbers_of(post: Post) -> list[TargetNumbers]:
    """Return the numbers of the published targets of a post."""
    return list(TargetNumbers.objects.filter(target__post=post))


def post_report(post: Post, numbers: Sequence[TargetNumbers], period: Period | None) -> PostReport:
    """Return the numbers of a post; without a period there is no timeline yet."""
    totals = _totals(numbers)
    return PostReport(
        summary={f"total_{name}": value for name, value in totals.items()}
        | {"engagement_rate": rate(totals["engagement"], totals["impressions"])},
        by_platform=_by_platform(post, numbers),
        timeline=_timeline(numbers, period) if period else [],
        as_of=_last_read(numbers),
    )


def post_period(
    numbers: Sequence[TargetNumbers], granularity: Granularity | None, *, zone: str, now: datetime
) -> Period | None:
    """Return the days from a post's publication to its last reading; None before its first reading.

    The default granularity is hours in the first week after its publication, then days.
    """
    read_at = _last_read(numbers)
    if read_at is None:
        return None
    published_at = min(each.published_at for each in numbers)
    usual = Granularity.HOUR if now - published_at <= FINE_FOR else Granularity.DAY
    return Period(
        first=day_of(published_at, zone=zone),
        last=day_of(max(read_at, published_at), zone=zone),  # a clock may have been set back in between
        zone=zone,
        granularity=granularity or usual,
    )


def _last_read(numbers: Iterable[TargetNumbers]) -> datetime | None:
    return max((each.read_at for each in numbers if each.read_at), default=None)


def post_table(numbers: Collection[TargetNumbers], period: Period | None) -> list[dict[str, Any]]:
    """Return a row for each bucket and network with a gain, in order of time."""
    if period is None:
        return []
    pairs = (((period.bucket_of(at), platform), gain) for at, platform, gain in _gains(numbers, period))
    found = sorted(sum_by_key(pairs).items())
    return [{"timestamp": _instant(at, period), "platform": platform, **gain} for (at, platform), gain in found]


def _by_platform(post: Post, numbers: Iterable[TargetNumbers]) -> dict[str, Numbers]:
    """Return each network's numbers by its own names, summed where a post went to several accounts there."""
    published = post.targets.filter(status=TargetStatus.PUBLISHED)  # `numbers` have them some seconds later
    groups: dict[str, list[TargetNumbers]] = {platform: [] for platform in published.values_list("platform", flat=True)}
    for each in numbers:
        groups.setdefault(each.platform, []).append(each)
    return {platform: _own(platform, found) for platform, found in sorted(groups.items())}


def _own(platform: str, found: Sequence[TargetNumbers]) -> dict[str, int | None]:
    told = {name for each in found for name in each.own}
    names = dict.fromkeys([*(name for name in METRICS.get(platform, ()) if name not in COUNTED), *sorted(told)])
    return _totals(found) | {name: total(each.own.get(name) for each in found) for name in names}


def _totals(numbers: Sequence[TargetNumbers]) -> dict[str, int | None]:
    return {name: total(getattr(each, name) for each in numbers) for name in COUNTED}


def _timeline(numbers: Collection[TargetNumbers], period: Period) -> list[dict[str, Any]]:
    gained = sum_by_key((period.bucket_of(at), gain) for at, _, gain in _gains(numbers, period))
    buckets = bucketed(gained, _reported_buckets(numbers, period), TOLD)
    return [{"timestamp": _instant(bucket, period), **gain} for bucket, gain in buckets]


def _reported_buckets(numbers: Collection[TargetNumbers], period: Period) -> list[date]:
    """Return the days, or the hours from the post's publication to its last reading."""
    if period.granularity != Granularity.HOUR:
        return list(period.buckets)
    published_hour = min(each.published_hour for each in numbers)
    first, last = period.bucket_of(published_hour), max(each.read_at or published_hour for each in numbers)
    return [bucket for bucket in period.buckets if first <= bucket <= max(first, last)]


def _gains(numbers: Collection[TargetNumbers], period: Period) -> list[Row]:
    """Return the gains by network and by day, or by hour: that of the target's publication at the earliest."""
    known = {each.pk: each for each in numbers}
    if period.granularity == Granularity.HOUR:
        snapshots = Snapshot.objects.filter(numbers__in=known)
        found = ((known[each.numbers_id], each) for each in snapshots)
        return [(max(each.hour, target.published_hour), target.platform, each.counts) for target, each in found]
    shares = TargetDay.objects.filter(numbers__in=known).select_related("total")
    return [(each.total.day, each.total.platform, _share_of_day(each, known[each.numbers_id])) for each in shares]


def _share_of_day(share: TargetDay, numbers: TargetNumbers) -> Numbers:
    """Return a target's share of a day. A null share means no gain: 0 for a number that the network gives."""
    known = numbers.counts
    return {name: 0 if gain is None and known[name] is not None else gain for name, gain in share.counts.items()}


def _instant(bucket: date, period: Period) -> str:
    """Return the start of a bucket, as an instant."""
    return shown_bucket(bucket if isinstance(bucket, datetime) else midnight(bucket, zone=period.zone))
