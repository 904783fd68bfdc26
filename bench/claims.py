"""Goal 9: what it costs to claim due rows, however many others wait for their time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing import get_context
from statistics import median
from typing import ClassVar

import django
from django.db import connection, models

from bench.goals import Goal
from ouipost.claims import Claimable, claim_due, database_now

FEW, MANY = 100_000, 2_000_000
DUE, DUE_ALONE = 10_000, 500
BATCH = 250
CLAIMERS = 4
ROUNDS = 5
LEASE = timedelta(hours=1)
STEP = 1_000


class Work(Claimable):
    """A row with the columns of what can be claimed; its key is a number, which keeps the large table small."""

    id = models.BigAutoField(primary_key=True)

    class Meta:
        abstract = True
        app_label = "bench"


class Few(Work):
    class Meta(Work.Meta):
        indexes: ClassVar = [models.Index(fields=["due_at", "id"], name="few_due")]


class Many(Work):
    class Meta(Work.Meta):
        indexes: ClassVar = [models.Index(fields=["due_at", "id"], name="many_due")]


def run() -> list[Goal]:
    """Fill a small table and a large one, and claim what is due in both in turn."""
    with filled(Few, FEW), filled(Many, MANY):
        alone = median(_seconds(Many, DUE_ALONE, batch=1) for _ in range(ROUNDS)) / DUE_ALONE
        rounds = [(_seconds(Few, DUE, batch=BATCH), _seconds(Many, DUE, batch=BATCH)) for _ in range(ROUNDS)]
        small, large = (median(each) for each in zip(*rounds, strict=True))
        twice, left = _together()
    per_second = {"unit": "rows/s", "figure": DUE / large}
    return [
        Goal(number="9", sentence="10,000 due of 2,000,000 claimed", unit="s", figure=large, at_most=0.6),
        Goal(number="9", sentence="the same, beside one at a time", **per_second, baseline=1 / alone, at_least=12),
        Goal(
            number="9",
            sentence="the same, beside 100,000 rows in all",
            **per_second,
            baseline=DUE / small,
            at_least=0.8,
        ),
        Goal(number="9", sentence=f"claimed twice by {CLAIMERS} processes", unit="rows", figure=twice, at_most=0),
        Goal(number="9", sentence=f"not claimed by {CLAIMERS} processes", unit="rows", figure=left, at_most=0),
    ]


@contextmanager
def filled(model: type[Work], count: int) -> Iterator[None]:
    """Give the model a table with so many rows, each due a second after the one before, the first in a day."""
    digits = " UNION ALL ".join(f"SELECT {digit} AS digit" for digit in range(10))
    places = [f"place{exponent}.digit * {10**exponent}" for exponent in range(7)]
    tables = ", ".join(f"({digits}) AS place{exponent}" for exponent in reversed(range(7)))
    with connection.schema_editor() as editor:
        editor.create_model(model)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} (id, due_at, fence, claim_count)"  # noqa: S608 (names of our own models)
            " SELECT number + 1, UTC_TIMESTAMP(6) + INTERVAL number + 86400 SECOND, 0, 0"
            f" FROM (SELECT {' + '.join(places)} AS number FROM {tables}) AS numbers WHERE number < %s",
            [count],
        )
        cursor.execute(f"ANALYZE TABLE {model._meta.db_table}")
        cursor.fetchall()
    try:
        yield
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(model)


def drain(model: type[Work], batch: int) -> tuple[list[int], float]:
    """Claim until nothing is due; returns the keys of what was claimed, and how long the claims took.

    A worker holds no more than it has threads for: each batch is settled before the next is claimed.
    """
    rows = model._default_manager.all()
    taken: list[int] = []
    seconds, claimed = 0.0, True
    while claimed:
        start = time.perf_counter()
        keys = [each.pk for each in claim_due(rows, limit=batch, lease=LEASE)]
        seconds += time.perf_counter() - start
        rows.filter(pk__in=keys).update(due_at=None, lease_until=None)
        taken, claimed = taken + keys, bool(keys)
    return taken, seconds


def _seconds(model: type[Work], due: int, *, batch: int) -> float:
    """Return how long it takes to claim so many; all of them must be."""
    expected = _make_due(model, due)
    taken, seconds = drain(model, batch)
    assert sorted(taken) == expected
    return seconds


def _make_due(model: type[Work], due: int) -> list[int]:
    """Make rows from all over the table due, and no others; returns their keys in order."""
    rows = model._default_manager
    total = FEW if model is Few else MANY
    keys = list(range(1, total + 1, total // due))
    for first in range(0, due, STEP):
        rows.filter(pk__in=keys[first : first + STEP]).update(due_at=database_now() - timedelta(seconds=due - first))
    return keys


def _together() -> tuple[int, int]:
    """Return how many rows several processes at once claimed more than once, and how many they left."""
    expected = _make_due(Many, DUE)
    with get_context("spawn").Pool(CLAIMERS, initializer=django.setup) as pool:
        claimed = pool.starmap(drain, [(Many, BATCH)] * CLAIMERS, chunksize=1)
    taken = [pk for keys, _ in claimed for pk in keys]
    return len(taken) - len(set(taken)), len(set(expected) - set(taken))
