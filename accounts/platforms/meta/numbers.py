"""Insights of Meta's networks."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.platforms.errors import Rejected
from accounts.platforms.http import dig_count, dig_list, dig_text
from accounts.platforms.shapes import Demographics

NAME_REFUSED = "100"
"""One unknown name fails the whole call, with this code and no subcode."""
ASKED_AGAIN_AFTER = timedelta(days=1)
refused: dict[str, datetime] = {}
"""Metrics that Meta refused, with the time of that answer: one of them fails a whole call. After a day each is asked
for again, as it may have been refused by mistake."""

Read = Callable[..., Any]


def not_refused(names: Iterable[str], *, now: datetime) -> list[str]:
    """Return the names that are worth asking for."""
    return [name for name in names if name not in refused or refused[name] <= now - ASKED_AGAIN_AFTER]


def insights(read: Read, names: Sequence[str], *, of: str, now: datetime) -> dict[str, int]:
    """Return the available numbers by name; a name that the network refuses does not fail the others.

    It is not asked for again on this day, for posts of this kind (`of`). Where all are refused, the post itself may be.
    """
    keys = {f"{of} {name}": name for name in names}
    asked = [keys[key] for key in not_refused(keys, now=now)]
    found = answered(read, asked) if asked else {}
    if found is not None or len(asked) == 1:
        return found or {}
    alone = {name: answered(read, [name]) for name in asked}
    bad = [name for name in asked if alone[name] is None]
    if len(bad) < len(asked):
        refused.update({f"{of} {name}": now for name in bad})
    return {name: value for each in alone.values() for name, value in (each or {}).items()}


def answered(read: Read, names: Sequence[str]) -> dict[str, int] | None:
    """Return the available numbers by name, None if the network refuses one of the names."""
    try:
        return _values(read(metric=",".join(names)))
    except Rejected as refusal:
        if refusal.network_code != NAME_REFUSED:
            raise
    return None


def _values(answer: Any) -> dict[str, int]:
    found = {dig_text(each, "name"): _value(each) for each in dig_list(answer, "data")}
    return {name: value for name, value in found.items() if value is not None}


def _value(metric: Any) -> int | None:
    """Return a number from any of Meta's shapes: in total, by link, or by day."""
    total = dig_count(metric, "total_value", "value")
    if total is not None:
        return total
    parts = [dig_count(each, "value") for each in [*dig_list(metric, "values"), *dig_list(metric, "link_total_values")]]
    known = [each for each in parts if each is not None]
    return sum(known) if known else None


def demographics(read: Read) -> Demographics:
    """Return the demographics of the followers; empty if the network gives none, as for less than a hundred."""
    return Demographics(age_groups=_shares(read, "age"), countries=_shares(read, "country"))


def _shares(read: Read, breakdown: str) -> dict[str, int]:
    try:
        answer = read(metric="follower_demographics", breakdown=breakdown)
    except Rejected:
        return {}
    results = dig_list(answer, "data", 0, "total_value", "breakdowns", 0, "results")
    return in_percent(dict(_counts(results)))


def _counts(results: Sequence[Any]) -> Iterator[tuple[str, int]]:
    for each in results:
        key, count = dig_text(each, "dimension_values", 0), dig_count(each, "value")
        if key and count:
            yield key, count


def in_percent(counts: Mapping[str, int]) -> dict[str, int]:
    """Return each count in whole percent of their sum, the largest first; less than half a percent is left out."""
    whole = sum(counts.values())
    shares = {key: round(100 * count / whole) for key, count in counts.items()}
    return dict(sorted(((key, share) for key, share in shares.items() if share), key=lambda each: -each[1]))


def last_whole_day(now: datetime) -> dict[str, int]:
    """Return the parameters that ask for the last whole day in UTC."""
    until = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return {"since": int((until - timedelta(days=1)).timestamp()), "until": int(until.timestamp())}
