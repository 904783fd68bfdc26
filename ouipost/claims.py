"""Claiming due work: a worker takes a row whose `due_at` has come, with a lease and a fence.

A claim that is never settled becomes due again when its lease ends, so there is nothing to clean up. Every write after
the claim names the fence; a write that changes no row means that the worker has lost the claim and must stop.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import Error, connections, models, transaction
from django.db.models import F, Q

from ouipost.db.rows import update_each

logger = logging.getLogger(__name__)


class LostClaim(Exception):
    """Another worker has claimed the row: the former holder must stop."""


class Claimable(models.Model):
    """The columns of a row that can be claimed; `due_at` is null while there is nothing to do."""

    due_at = models.DateTimeField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    fence = models.PositiveBigIntegerField(default=0, editable=False)
    claim_count = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        abstract = True

    def is_claimed(self, *, now: datetime) -> bool:
        """Return whether a worker has the row."""
        return self.lease_until is not None and self.lease_until > now


Work = TypeVar("Work", bound=Claimable)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claimed row; writes to it must name this fence."""

    pk: Any
    fence: int
    deadline: float
    """End of the lease on this process's monotonic clock; read before the claim, so that it can only be early."""
    unsettled: int = 0
    """Claims in a row before this one that were never settled: their workers died, or hung past their lease."""

    @property
    def seconds_left(self) -> float:
        return self.deadline - time.monotonic()

    @property
    def released(self) -> dict[str, Any]:
        """The columns that end this claim: without a lease, and with a new fence, so that late writes are lost."""
        return {"lease_until": None, "claim_count": 0, "fence": self.fence + 1}


def database_now(using: str = "default") -> datetime:
    """Return the time of the database's clock in UTC, the only clock that claims are compared with."""
    connection = connections[using]
    statement = (
        "SELECT UTC_TIMESTAMP(6)" if connection.vendor == "mysql" else "SELECT strftime('%Y-%m-%d %H:%M:%f','now')"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        value = cursor.fetchone()[0]
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC)


def database_clock() -> Callable[[], datetime]:
    """Read the database's clock once and return a clock that continues it by this process's monotonic clock."""
    began, now = time.monotonic(), database_now()
    return lambda: now + timedelta(seconds=time.monotonic() - began)


def engine_time(seconds: float) -> timedelta:
    """Return these seconds divided by `ENGINE_SPEED`, which tests use to shorten the engine's times."""
    return timedelta(seconds=seconds / settings.ENGINE_SPEED)


def spread(wait: timedelta) -> timedelta:
    """Return a wait that is up to 20 % longer or shorter, so that what failed together is not tried again together."""
    return wait * random.uniform(0.8, 1.2)  # noqa: S311 (guards nothing)


def is_due(now: datetime) -> Q:
    """Match rows that are due and not claimed."""
    return Q(due_at__lte=now) & is_free(now)


def is_free(now: datetime) -> Q:
    """Match rows that are not claimed, or whose lease has ended."""
    return Q(lease_until=None) | Q(lease_until__lte=now)


def claim(rows: "models.QuerySet[Work]", pks: Sequence[Any], *, lease: timedelta, **values: Any) -> list[Claim]:
    """Claim the rows with these keys that are still due, in the caller's transaction, and return the claims.

    `values` are set along with the claim. Rows that another transaction has locked are skipped if the database can
    skip them; SQLite has one writer at a time. Raises LostClaim if a row was claimed in between.
    """
    deadline = time.monotonic() + lease.total_seconds()
    now = database_now(rows.db)
    features = connections[rows.db].features
    due = rows.filter(is_due(now), pk__in=pks)
    if features.has_select_for_update_skip_locked:
        due = due.select_for_update(skip_locked=True, of=("self",) if features.has_select_for_update_of else ())
    found = list(due.values_list("pk", "fence", "claim_count"))
    ours = rows.model._default_manager.filter(is_due(now), pk__in=[pk for pk, _, _ in found])
    changed = ours.update(fence=F("fence") + 1, claim_count=F("claim_count") + 1, lease_until=now + lease, **values)
    if changed != len(found):
        raise LostClaim  # only without row locks; the caller's transaction rolls back the claims
    return [Claim(pk=pk, fence=fence + 1, deadline=deadline, unsettled=unsettled) for pk, fence, unsettled in found]


def write(model: type[Work], held: Claim, **values: Any) -> bool:
    """Update a claimed row; returns False if the claim was lost and nothing was written."""
    return bool(model._default_manager.filter(pk=held.pk, fence=held.fence).update(**values))


def write_each(model: type[Work], rows: Sequence[tuple[Claim, Mapping[str, Any]]]) -> set[Claim]:
    """Update claimed rows, each with its own values; returns the claims that were not lost.

    It runs one statement that locks, and one for each set of columns, in the caller's transaction.
    """
    ours = lock_each(model, [held for held, _ in rows])
    update_each(model, {held.pk: values for held, values in rows if held in ours})
    return ours


def lock_each(model: type[Work], held: Iterable[Claim]) -> set[Claim]:
    """Lock claimed rows until the transaction ends; returns the claims that were not lost.

    A row may appear twice, if the same process claimed it again while a delayed thread still held the claim before.
    """
    every = list(held)
    locked = model._default_manager.select_for_update().filter(pk__in={each.pk for each in every}).order_by("pk")
    fences = dict(locked.values_list("pk", "fence"))
    return {each for each in every if fences.get(each.pk) == each.fence}


def renew_each(model: type[Work], rows: Sequence[tuple[Claim, Mapping[str, Any], timedelta]]) -> list[Claim | None]:
    """Update claimed rows and extend each lease by the row's own time; returns the new claims, None for a lost one."""
    start, now = time.monotonic(), database_now()
    ours = write_each(model, [(held, {**values, "lease_until": now + lease}) for held, values, lease in rows])
    renewed = [(held, start + lease.total_seconds()) for held, _, lease in rows]
    return [replace(held, deadline=deadline) if held in ours else None for held, deadline in renewed]


@contextmanager
def extending(extend: Callable[[], object], *, every: float) -> Iterator[None]:
    """Extend a lease every `every` seconds while the block runs and this process lives.

    A thread of its own does so, with a database connection of its own.
    """
    is_over = threading.Event()
    threading.Thread(target=_extend, args=(extend, every, is_over), name="lease", daemon=True).start()
    try:
        yield
    finally:
        is_over.set()


def _extend(extend: Callable[[], object], every: float, is_over: threading.Event) -> None:
    while not is_over.wait(every):
        try:
            extend()
        except Error as error:
            logger.warning("A lease was not extended: %s", error)
        finally:
            connections.close_all()


def release(model: type[Work], held: Claim, **values: Any) -> bool:
    """End a claim, with the row's next `due_at` among the values; returns False if the claim was lost.

    Calling it again for the same claim changes nothing.
    """
    return write(model, held, **held.released, **values)


def claim_chosen(rows: "models.QuerySet[Work]", pks: Sequence[Any], *, lease: timedelta) -> list[Claim]:
    """Claim the rows with these keys in a transaction of its own; returns none if another worker was faster."""
    if not pks:
        return []
    try:
        with transaction.atomic():
            return claim(rows, pks, lease=lease)
    except LostClaim:
        return []


@transaction.atomic
def claim_due(rows: "models.QuerySet[Work]", *, limit: int, lease: timedelta) -> list[Claim]:
    """Claim up to `limit` due rows, those due longest first; raises LostClaim."""
    now = database_now(rows.db)
    pks = list(rows.filter(is_due(now)).order_by("due_at", "pk").values_list("pk", flat=True)[:limit])
    return claim(rows, pks, lease=lease) if pks else []
