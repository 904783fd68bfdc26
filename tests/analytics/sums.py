"""What must hold of all numbers at any moment: each is counted once, in every sum that it belongs to."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from analytics.gains import COUNTED
from analytics.models import DayTotal, HourTotal, InstallationDay, Snapshot, TargetDay, TargetNumbers
from posts.models import Post, Target

Sums = dict[Any, dict[str, int]]
SUMMED = ("posts", *COUNTED)


def what_is_wrong() -> list[str]:
    """Return each sum that is not the sum of what it counts."""
    return [*_sums(), *_copies(), *_doubled()]


def _sums() -> Iterator[str]:
    shares = list(TargetDay.objects.select_related("total", "numbers"))
    days, numbers = list(DayTotal.objects.all()), list(TargetNumbers.objects.all())
    yield from _differ("a target and its days", _of(numbers, "pk", COUNTED), _of(shares, "numbers_id", COUNTED))
    yield from _differ("a day and its targets", _of(days, "pk", SUMMED), _of(shares, "total_id", SUMMED))
    installation = _of(InstallationDay.objects.all(), "day platform", SUMMED)
    yield from _differ("the installation and its workspaces", installation, _of(days, "day platform", SUMMED))
    posts = Counter(each.platform for each in numbers)
    told = {platform: sums["posts"] for platform, sums in _of(days, "platform", SUMMED).items() if sums["posts"]}
    if told != posts:
        yield f"posts: {told} is not {dict(posts)}"
    yield from _hours(days)


def _hours(days: Iterable[DayTotal]) -> Iterator[str]:
    hours = list(HourTotal.objects.all())
    snapshots = list(Snapshot.objects.select_related("numbers"))
    for each in snapshots:
        each.platform = each.numbers.platform  # type: ignore[attr-defined]
    yield from _differ(
        "an hour and its readings", _of(hours, "hour platform", COUNTED), _of(snapshots, "hour platform", COUNTED)
    )
    yield from _differ("the hours and the days", _of(hours, "platform", SUMMED), _of(days, "platform", SUMMED))
    last: dict[int, Snapshot] = {each.numbers_id: each for each in sorted(snapshots, key=lambda each: each.read_at)}
    for numbers in TargetNumbers.objects.all():
        read_at = last[numbers.pk].read_at if numbers.pk in last else None
        if read_at != numbers.read_at:
            yield f"{numbers.pk} was read last at {numbers.read_at}, and its last snapshot is of {read_at}"


def _copies() -> Iterator[str]:
    """A target's own copy of its numbers, and the totals of its post."""
    for numbers in TargetNumbers.objects.exclude(read_at=None).select_related("target"):
        target: Target = numbers.target
        shown = target.metrics or {}
        copy = {name: shown.get(name) for name in COUNTED}
        if copy != {name: getattr(numbers, name) for name in COUNTED}:
            yield f"{target.pk} shows {copy}"
    of_posts = _of(TargetNumbers.objects.select_related("target"), "target.post_id", COUNTED)
    for post in Post.objects.filter(pk__in=of_posts):
        shown = {name: getattr(post, name) or 0 for name in ("impressions", "engagement", "clicks")}
        if shown != {name: max(of_posts[post.pk][name], 0) for name in shown}:
            yield f"{post.pk} shows {shown}, its targets have {of_posts[post.pk]}"


def _doubled() -> Iterator[str]:
    readings = Counter(Snapshot.objects.values_list("numbers", "read_at"))
    yield from (f"{numbers} was read twice at {at}" for (numbers, at), times in readings.items() if times > 1)


def _of(rows: Iterable[Any], key: str, names: Iterable[str]) -> Sums:
    """Return the sums of these columns by the values of others."""
    sums: dict[Any, Counter[str]] = {}
    for row in rows:
        found = tuple(_value(row, each) for each in key.split())
        counts = sums.setdefault(found if len(found) > 1 else found[0], Counter())
        for name in names:
            counts[name] += getattr(row, name) or 0
    return {key: dict(counts) for key, counts in sums.items()}


def _value(row: Any, path: str) -> Any:
    for name in path.split("."):
        row = getattr(row, name)
    return row


def _differ(what: str, left: Sums, right: Sums) -> Iterator[str]:
    for key in {**left, **right}:
        ours, theirs = (_told(sums.get(key, {})) for sums in (left, right))
        if ours != theirs:
            yield f"{what}, {key}: {ours} is not {theirs}"


def _told(sums: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in sums.items() if count}
