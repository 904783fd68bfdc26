"""Goal 16: how fast readings are written with all that follows from them, beside plain rows of the same numbers."""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from statistics import median
from typing import Any

from django.db import connection, transaction

from accounts.models import SocialAccount
from accounts.platforms.shapes import PostNumbers
from analytics.gains import COUNTED
from analytics.models import AccountSync, TargetNumbers
from analytics.settling import Answers, SyncResult, settle_all
from bench.goals import Goal
from ouipost import claims

ACCOUNTS, TARGETS = 10, 100
"""Accounts of one transaction, and posts of each."""
ROUNDS, WARM_UP = 15, 2
ALONE = 100
APART = 91
"""Accounts that are so far apart are of other workspaces and other networks."""
STATEMENT = 500
LEASE = timedelta(hours=1)
COLUMNS = ("total_id", "numbers_id", "posts", *COUNTED)
RAW = "bench_raw"
Sample = tuple[int, ...]
"""A row of the plain table."""


def run() -> list[Goal]:
    """Write the same readings with the product, as plain rows many at a time, and one at a time."""
    accounts = list(SocialAccount.objects.order_by("pk"))
    _make_plain_table()
    rounds = [_round(accounts, number) for number in range(ROUNDS + WARM_UP)][WARM_UP:]
    ours, plain, alone = (median(each) for each in zip(*rounds, strict=True))
    ours_alone = median(_settled_alone(accounts[number * APART % len(accounts)]) for number in range(ALONE))
    written = {"number": "16", "unit": "snapshots/s", "figure": 1 / ours}
    return [
        Goal(sentence="readings written with all their sums", **written, at_least=1000),
        Goal(sentence="the same, beside plain rows many at a time", **written, baseline=1 / plain, at_least=0.5),
        Goal(sentence="the same, beside plain rows one at a time", **written, baseline=1 / alone, at_least=8),
        Goal(sentence="the same, beside itself one at a time", **written, baseline=1 / ours_alone),
    ]


def _make_plain_table() -> None:
    """Copy the youngest days of the posts' own table: rows, keys and indexes are the same, nothing else is."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {RAW} LIKE analytics_targetday")
        cursor.execute(
            f"INSERT INTO {RAW} SELECT shares.* FROM analytics_targetday AS shares"  # noqa: S608 (names are ours)
            " JOIN analytics_daytotal AS days ON days.id = total_id WHERE day > UTC_DATE() - INTERVAL 35 DAY"
        )


def _round(accounts: Sequence[SocialAccount], number: int) -> list[float]:
    """Return the seconds that each of three ways takes for one reading."""
    first = number * ACCOUNTS
    chosen = [accounts[place * APART % len(accounts)] for place in range(first, first + ACCOUNTS)]
    results = _results(chosen)
    samples = _samples(results)
    ways: list[Callable[[], int]] = [lambda: _settle(results), lambda: _upsert(samples), lambda: _one_by_one(samples)]
    order = (0, 1, 2) if number % 2 == 0 else (2, 1, 0)
    taken = {}
    for place in order:
        _forget(samples)
        taken[place] = _seconds_each(ways[place])
    return [taken[place] for place in range(len(ways))]


def _seconds_each(way: Callable[[], int]) -> float:
    start = time.perf_counter()
    count = way()
    return (time.perf_counter() - start) / count


def _results(accounts: Sequence[SocialAccount], targets: int = TARGETS) -> list[SyncResult]:
    """Claim these accounts and say of their newest posts that they gained something."""
    now = claims.database_now()
    rows = AccountSync.objects.filter(account__in=accounts)
    rows.update(due_at=now)
    with transaction.atomic():
        claimed = claims.claim(AccountSync.objects.all(), [account.pk for account in accounts], lease=LEASE)
    found = [TargetNumbers.objects.filter(account=claim.pk).order_by("-pk")[:targets] for claim in claimed]
    answers = [
        Answers(asked=[each.pk for each in rows], posts={each.pk: _read(each) for each in rows}) for rows in found
    ]
    given: dict[str, Any] = {"at": now, "error": None, "requests": 1}
    given["access_token"] = ""  # of what goes well it is not asked
    return [SyncResult(claim=claim, answers=each, **given) for claim, each in zip(claimed, answers, strict=True)]


def _read(numbers: TargetNumbers) -> PostNumbers:
    gained = zip(COUNTED, (90, 70, 6, 1), strict=True)
    grown: dict[str, Any] = {name: (getattr(numbers, name) or 0) + more for name, more in gained}
    return PostNumbers(**grown, own={"likes": grown["engagement"], "comments": 4, "shares": 1})


def _samples(results: Sequence[SyncResult]) -> list[Sample]:
    """Return the same numbers as plain rows, of a day that the plain table does not have yet."""
    return [
        (10_000_000 + place, pk, 0, *(getattr(numbers, name) for name in COUNTED))
        for place, result in enumerate(results)
        for pk, numbers in result.answers.posts.items()
    ]


def _settle(results: Sequence[SyncResult]) -> int:
    with transaction.atomic():
        assert all(settle_all(results))
    return sum(len(result.answers.posts) for result in results)


def _settled_alone(account: SocialAccount) -> float:
    """Return the seconds that one reading of one post takes."""
    results = _results([account], targets=1)
    return _seconds_each(lambda: _settle(results))


@transaction.atomic
def _upsert(samples: Sequence[Sample]) -> int:
    """Write rows as a statement for many writes them."""
    names, place = ", ".join(COLUMNS), f"({', '.join(['%s'] * len(COLUMNS))})"
    sums = ", ".join(f"{name} = {name} + VALUES({name})" for name in COLUMNS[2:])
    with connection.cursor() as cursor:
        for start in range(0, len(samples), STATEMENT):
            rows = samples[start : start + STATEMENT]
            places = ", ".join([place] * len(rows))
            cursor.execute(
                f"INSERT INTO {RAW} ({names}) VALUES {places} ON DUPLICATE KEY UPDATE {sums}",  # noqa: S608
                [value for row in rows for value in row],
            )
    return len(samples)


def _one_by_one(samples: Sequence[Sample]) -> int:
    """Write each row as a plain task does: look, write, commit."""
    names, places = ", ".join(COLUMNS), ", ".join(["%s"] * len(COLUMNS))
    with connection.cursor() as cursor:
        for row in samples[:ALONE]:
            with transaction.atomic():
                cursor.execute(f"SELECT * FROM {RAW} WHERE total_id = %s AND numbers_id = %s", row[:2])  # noqa: S608
                assert cursor.fetchone() is None
                cursor.execute(f"INSERT INTO {RAW} ({names}) VALUES ({places})", row)  # noqa: S608
    return ALONE


def _forget(samples: Sequence[Sample]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {RAW} WHERE total_id >= {samples[0][0]}")  # noqa: S608 (names are ours)
