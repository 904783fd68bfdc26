"""The arithmetic of readings: the gain of each over the known numbers. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

COUNTED = ("impressions", "reach", "engagement", "clicks")
"""The columns of the numbers that every table counts."""
Numbers = Mapping[str, int | None]
Key = TypeVar("Key")


def merged(known: Numbers, read: Numbers) -> dict[str, int | None]:
    """Return the numbers after a reading; a number that the network left out stays as it was."""
    return {name: known[name] if read[name] is None else read[name] for name in COUNTED}


def gained(known: Numbers, read: Numbers) -> dict[str, int | None]:
    """Return the growth of each number: negative if the network corrected it, None if it left it out."""
    return {name: None if (now := read[name]) is None else now - (known[name] or 0) for name in COUNTED}


def total(numbers: Iterable[int | None]) -> int | None:
    """Return the sum of the known numbers, or None if all are unknown."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def sum_by_key(pairs: Iterable[tuple[Key, Numbers]]) -> dict[Key, dict[str, int | None]]:
    """Return the sums of all numbers with the same key, in the order in which the keys came."""
    sums: dict[Key, dict[str, int | None]] = {}
    for key, numbers in pairs:
        known = sums.setdefault(key, dict.fromkeys(numbers))
        for name, number in numbers.items():
            if number is not None:
                known[name] = (known[name] or 0) + number
    return sums


def bucketed(
    gained: Mapping[Key, Numbers], buckets: Iterable[Key], names: Sequence[str]
) -> Iterator[tuple[Key, Numbers]]:
    """Give the numbers of each bucket in order: 0 if nothing was gained, None for a number that no network gives."""
    known = {name for numbers in gained.values() for name in names if numbers[name] is not None}
    empty: Numbers = dict.fromkeys(names, 0)
    for bucket in buckets:
        found = gained.get(bucket, empty)
        yield bucket, {name: 0 if found[name] is None and name in known else found[name] for name in names}


def rate(engagement: int | None, impressions: int | None) -> float | None:
    """Return engagements per hundred impressions: 0 without impressions, None if one of them is unknown."""
    if engagement is None or impressions is None:
        return None
    return round(100 * engagement / impressions, 2) if impressions > 0 else 0.0
