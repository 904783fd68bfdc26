"""Taking due work exactly once: a row with an indexed `due_at` is due, a worker claims it with a lease and a fence.

A claim that its worker never settles becomes due again when the lease is over: there is nothing to clean up. Every
write after the claim names the fence; when it changes no row, the worker has lost the claim and must stop.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import connections, models, transaction
from django.db.models import F, Q

from ouipost.rows import update_each


class LostClaim(Exception):
    """Somebody else owns the row now: whoever held it must stop."""


class Claimable(models.Model):
    """Columns of a row that is work: `due_at` is null when there is nothing to do."""

    due_at = models.DateTimeField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    fence = models.PositiveBigIntegerField(default=0, editable=False)
    claim_count = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        abstract = True


Work = TypeVar("Work", bound=Claimable)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claimed row; only who names this fence may write to it."""

    pk: Any
    fence: int
    deadline: float
    """On this process's monotonic clock, taken before the claim was made: it can only be early."""
    unsettled: int = 0
    """How many claims before this one were never settled: their workers died, or hung past their lease."""

    @property
    def seconds_left(self) -> float:
        return self.deadline - time.monotonic()

    @property
    def released(self) -> dict[str, Any]:
        """Columns of the row once this claim is settled: nobody holds it, and who thinks so has lost it."""
        return {"lease_until": None, "claim_count": 0, "fence": self.fence + 1}


def database_now(using: str = "default") -> datetime:
    """Return the database's clock: the only one that claims are compared with."""
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
    """Read the database's clock once, and return one that goes on from there by this process's monotonic clock."""
    began, now = time.monotonic(), database_now()
    return lambda: now + timedelta(seconds=time.monotonic() - began)


def engine_time(seconds: float) -> timedelta:
    """Return a time of the engine; tests shorten all of them by `ENGINE_SPEED`."""
    return timedelta(seconds=seconds / settings.ENGINE_SPEED)


def is_due(now: datetime) -> Q:
    """Match rows that are due and that nobody holds."""
    return Q(due_at__lte=now) & (Q(lease_until=None) | Q(lease_until__lte=now))


def claim(rows: "models.QuerySet[Work]", pks: Sequence[Any], *, lease: timedelta, **values: Any) -> list[Claim]:
    """Claim those of these rows that are still due, in the caller's transaction, and return the claims.

    `values` are set along with the claim. Rows are locked where the database can, and those that another worker holds
    passed over; SQLite has one writer at a time.
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
        raise LostClaim  # not where rows are locked; elsewhere the caller's transaction must not take half of them
    return [Claim(pk=pk, fence=fence + 1, deadline=deadline, unsettled=unsettled) for pk, fence, unsettled in found]


def write(model: type[Work], held: Claim, **values: Any) -> bool:
    """Write to a claimed row; returns False when the claim was lost and nothing was written."""
    return bool(model._default_manager.filter(pk=held.pk, fence=held.fence).update(**values))


def write_each(model: type[Work], rows: Sequence[tuple[Claim, Mapping[str, Any]]]) -> set[Any]:
    """Write to claimed rows, to each its own values; returns the pks of those whose claims were not lost.

    A few statements in all, in the caller's transaction: one that locks, and one for each set of columns.
    """
    ours = lock_each(model, [held for held, _ in rows])
    update_each(model, {held.pk: values for held, values in rows if held.pk in ours})
    return ours


def lock_each(model: type[Work], held: Iterable[Claim]) -> set[Any]:
    """Lock claimed rows until the transaction ends; returns the pks of those whose claims were not lost."""
    fences = {claim.pk: claim.fence for claim in held}
    locked = model._default_manager.select_for_update().filter(pk__in=fences).order_by("pk")
    return {pk for pk, fence in locked.values_list("pk", "fence") if fence == fences[pk]}


def renew_each(model: type[Work], rows: Sequence[tuple[Claim, Mapping[str, Any], timedelta]]) -> list[Claim | None]:
    """Write to claimed rows, to each its own values, and hold each for its own lease; None for a lost claim."""
    start, now = time.monotonic(), database_now()
    ours = write_each(model, [(held, {**values, "lease_until": now + lease}) for held, values, lease in rows])
    renewed = [(held, start + lease.total_seconds()) for held, _, lease in rows]
    return [replace(held, deadline=deadline) if held.pk in ours else None for held, deadline in renewed]


def release(model: type[Work], held: Claim, **values: Any) -> bool:
    """Give a settled row back, with its next `due_at` among the values; returns False when the claim was lost.

    The claim is over then: to give the same row back again changes nothing.
    """
    return write(model, held, **held.released, **values)


def claim_chosen(rows: "models.QuerySet[Work]", pks: Sequence[Any], *, lease: timedelta) -> list[Claim]:
    """Claim rows that were chosen before, in a transaction; none when another worker was faster: look again."""
    if not pks:
        return []
    try:
        with transaction.atomic():
            return claim(rows, pks, lease=lease)
    except LostClaim:
        return []


@transaction.atomic
def claim_due(rows: "models.QuerySet[Work]", *, limit: int, lease: timedelta, **values: Any) -> list[Claim]:
    """Claim up to `limit` due rows, the longest due first."""
    now = database_now(rows.db)
    pks = list(rows.filter(is_due(now)).order_by("due_at", "pk").values_list("pk", flat=True)[:limit])
    return claim(rows, pks, lease=lease, **values) if pks else []
