"""Verifying the journal's hash chain."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max

from ouipost.events.models import ChainHead, Event
from ouipost.events.sealing import seal_of

BATCH = 2_000
SOON = timedelta(minutes=1)
BACKDATED_BY = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Broken:
    """The first place at which the chain is broken."""

    seq: int
    id: str
    """The id of the row at that place; empty if there is none."""
    what: str


@dataclass(kw_only=True)
class Verdict:
    """The progress of a verification and its findings."""

    rows: int = 0
    seq: int = 0
    seal: str = ""
    broken: Broken | None = None
    backdated: int = 0
    """Rows whose time is more than an hour before that of an earlier row of the chain."""
    latest: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A place of the chain and its seal, as noted outside of the database."""

    seq: int
    seal: str


def follow(*, first: int, kept: Kept | None) -> Iterator[Verdict]:
    """Recompute the chain from row `first` on, and yield the same verdict, updated, after each batch.

    Rows before `first` are assumed to be correct. Rows that are sealed meanwhile are not checked.
    """
    furthest = _furthest()  # read before the head, which only grows
    head = ChainHead.objects.filter(pk=1).first() or ChainHead(pk=1)
    verdict = Verdict(seq=first - 1)
    verdict.broken = _start(verdict)
    while verdict.broken is None and (rows := _after(verdict.seq, until=head.seq)):
        for row in rows:
            verdict.broken = verdict.broken or _take(verdict, row, kept)
        yield verdict
    verdict.broken = verdict.broken or _end(verdict, head, furthest, kept)
    yield verdict


def end() -> int:
    """Return the last position of the chain, by its rows or by its head."""
    head = ChainHead.objects.filter(pk=1).first()
    return max(_furthest(), head.seq if head else 0)


def _furthest() -> int:
    return Event.objects.aggregate(furthest=Max("seq"))["furthest"] or 0


def _after(seq: int, *, until: int) -> list[Event]:
    return list(Event.objects.filter(seq__gt=seq, seq__lte=until).order_by("seq")[:BATCH])


def _start(verdict: Verdict) -> Broken | None:
    """Set the verdict's seal to that of the row before the first; returns the break if that row is missing."""
    if not verdict.seq:
        return None
    before = Event.objects.filter(seq=verdict.seq).first()
    if before is None:
        return Broken(seq=verdict.seq, id="", what="There is no such row to start from.")
    verdict.seal = before.seal
    return None


def _take(verdict: Verdict, row: Event, kept: Kept | None) -> Broken | None:
    """Verify the next row; returns the break, if there is one."""
    assert row.seq is not None
    if row.seq != verdict.seq + 1:
        return Broken(seq=verdict.seq + 1, id="", what="A row was removed here.")
    if row.seal != seal_of(row, verdict.seal):
        what = "The row was changed, or inserted here, or the one before it was given another seal."
        return Broken(seq=row.seq, id=row.pk, what=what)
    if kept and row.seq == kept.seq and row.seal != kept.seal:
        return Broken(seq=row.seq, id=row.pk, what="The seal is not the one that was kept: the chain was rewritten.")
    _note_time(verdict, row.created_at)
    verdict.rows, verdict.seq, verdict.seal = verdict.rows + 1, row.seq, row.seal
    return None


def _note_time(verdict: Verdict, told_at: datetime) -> None:
    if verdict.latest is not None and told_at < verdict.latest - BACKDATED_BY:
        verdict.backdated += 1
    verdict.latest = max(told_at, verdict.latest or told_at)


def _end(verdict: Verdict, head: ChainHead, furthest: int, kept: Kept | None) -> Broken | None:
    """Compare the end of the chain with the stored head and with the place kept outside."""
    if verdict.seq < head.seq:
        return Broken(seq=verdict.seq + 1, id="", what="A row was removed here, at the end of the chain.")
    if furthest > head.seq:
        row = Event.objects.filter(seq__gt=head.seq).order_by("seq")[0]
        return Broken(seq=row.seq or 0, id=row.pk, what="A row was inserted here, beyond the head of the chain.")
    if verdict.seal != head.seal:
        return Broken(seq=head.seq, id="", what="The head of the chain was changed.")
    if kept and kept.seq > head.seq:
        return Broken(seq=head.seq + 1, id="", what="The chain was longer when its head was kept.")
    return None


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Counts of rows that are not sealed yet."""

    rows: int
    overdue: int
    """Rows older than a minute: either no worker runs, or they were inserted with an earlier time."""


def waiting(now: datetime) -> Waiting:
    """Return the counts of unsealed rows."""
    rows = Event.objects.unsealed()
    return Waiting(rows=rows.count(), overdue=rows.filter(created_at__lt=now - SOON).count())
