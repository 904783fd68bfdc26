"""Arithmetic of readings: what each adds to what was known. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

COUNTED = ("impressions", "reach", "engagement", "clicks")
"""What is counted everywhere, by its column."""
Numbers = Mapping[str, int | None]
Key = TypeVar("Key")


def merged(known: Numbers, read: Numbers) -> dict[str, int | None]:
    """Return the numbers after a reading: one that the network left out this time stays as it was."""
    return {name: known[name] if read[name] is None else read[name] for name in COUNTED}


def gained(known: Numbers, read: Numbers) -> dict[str, int | None]:
    """Return by how much each number grew, below zero if the network corrected it; None if it did not tell."""
    return {name: None if (now := read[name]) is None else now - (known[name] or 0) for name in COUNTED}


def total(numbers: Iterable[int | None]) -> int | None:
    """Return the sum of the numbers that are known, None where none is."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def summed(pairs: Iterable[tuple[Key, Numbers]]) -> dict[Key, dict[str, int | None]]:
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
    """Give the numbers of each bucket in order: 0 where nothing was gained, None where no network says what was."""
    known = {name for numbers in gained.values() for name in names if numbers[name] is not None}
    empty: Numbers = dict.fromkeys(names, 0)
    for bucket in buckets:
        found = gained.get(bucket, empty)
        yield bucket, {name: 0 if found[name] is None and name in known else found[name] for name in names}


def rate(engagement: int | None, impressions: int | None) -> float | None:
    """Return engagements by a hundred impressions: 0 without impressions, None where one of them is not known."""
    if engagement is None or impressions is None:
        return None
    return round(100 * engagement / impressions, 2) if impressions > 0 else 0.0
