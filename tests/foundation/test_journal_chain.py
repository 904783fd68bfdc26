"""The journal is sealed after the commit: one chain without gaps, in which every later change shows."""

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from adminapi.processes.worker import CHORES
from ouipost.db.locks import in_transaction
from ouipost.events import sealing
from ouipost.events.journal import SYSTEM, entry, record, record_all
from ouipost.events.models import ChainHead, Event
from ouipost.events.sealing import COLUMNS, seal_batch, seal_new, seal_of
from ouipost.events.verifying import Kept, Verdict, follow, waiting
from ouipost.ids import uuid7
from tests.factories import make_workspace
from tests.foundation import tampering
from tests.foundation.threads import at_once
from workspaces.models import Workspace

ROOT = Path(settings.BASE_DIR)
OURS = ("ouipost", "workspaces", "accounts", "posts", "analytics", "adminapi")


def write(workspace: Workspace, count: int, **details: Any) -> list[Event]:
    told = [entry("updated", workspace, actor=SYSTEM, number=number, **details) for number in range(count)]
    record_all(told)
    return told


def follow_all(*, first: int = 1, kept: Kept | None = None) -> Iterator[Verdict]:
    return follow(first=first, kept=kept)


def verdict(**options: Any) -> Verdict:
    *_, last = follow_all(**options)
    return last


def broken(**options: Any) -> tuple[int, str] | None:
    found = verdict(**options).broken
    return (found.seq, found.id) if found else None


def chain() -> list[tuple[int | None, str]]:
    return list(Event.objects.exclude(seq=None).order_by("seq").values_list("seq", "id"))


@pytest.fixture
def events(workspace: Workspace) -> list[Event]:
    """Five sealed rows."""
    told = write(workspace, 5)
    seal_new()
    return told


def test_a_row_is_written_unsealed_in_one_insert(workspace: Workspace, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        told = record("updated", workspace, actor=SYSTEM)

    assert (Event.objects.get().seq, Event.objects.get().seal) == (None, "")
    assert told.seq is None


def test_a_row_that_tells_a_time_as_it_was_told_once_verifies_beside_new_ones(workspace: Workspace) -> None:
    write(workspace, 1, at="2026-12-25T09:00:00.250000+00:00")
    seal_new()
    write(workspace, 1, at=datetime(2026, 12, 25, 9, tzinfo=UTC))
    seal_new()

    told = [event.details["at"] for event in Event.objects.order_by("seq")]
    assert told == ["2026-12-25T09:00:00.250000+00:00", "2026-12-25T09:00:00Z"]
    assert (verdict().rows, broken()) == (2, None)


def test_rows_are_sealed_in_the_order_of_their_ids(workspace: Workspace) -> None:
    events = [entry("updated", workspace, actor=SYSTEM, number=number) for number in range(5)]
    record_all(events[::-1])
    seal_new()

    assert chain() == [(number, event.pk) for number, event in enumerate(events, start=1)]
    assert verdict() == replace(verdict(), rows=5, seq=5, broken=None)
    assert str(ChainHead.objects.get()) == f"5:{verdict().seal}"


def test_the_first_seal_follows_nothing_and_each_other_the_one_before(events: list[Event]) -> None:
    rows = list(Event.objects.order_by("seq"))

    assert [row.seal for row in rows] == [
        seal_of(row, before) for row, before in zip(rows, ["", *(row.seal for row in rows)], strict=False)
    ]


def test_a_seal_is_what_it_was_in_every_release_or_no_chain_would_hold_after_the_next() -> None:
    event = Event(
        **dict.fromkeys(COLUMNS, "é")
        | {"seq": 7, "details": {"b": [1, 0.5, None], "a": "“ü”"}, "created_at": datetime(2026, 12, 25, 9, tzinfo=UTC)}
    )

    assert seal_of(event, "f" * 64) == "4c6f1252f7fedda42d4d01f76384992b956048dc1dde6616f360dc4b29798cff"


def test_a_seal_covers_every_column_but_itself() -> None:
    assert {*COLUMNS, "seal"} == {field.attname for field in Event._meta.concrete_fields}


def test_what_commits_late_is_sealed_later_though_it_is_older(workspace: Workspace) -> None:
    late = entry("updated", workspace, actor=SYSTEM)  # its id is made now, its transaction goes on
    early = write(workspace, 2)
    seal_new()
    record_all([late])
    seal_new()

    assert late.pk < early[0].pk
    assert chain() == [(1, early[0].pk), (2, early[1].pk), (3, late.pk)]
    assert (broken(), verdict().backdated) == (None, 0)


def test_what_is_not_committed_is_not_sealed(workspace: Workspace) -> None:
    with transaction.atomic():
        write(workspace, 1)
        transaction.set_rollback(True)

    assert (seal_new(), chain()) == (0, [])


def test_a_backlog_is_sealed_in_batches(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 7)
    monkeypatch.setattr(sealing, "AT_ONCE", 3)
    write(workspace, 20)

    assert [seal_batch() for _ in range(4)] == [7, 7, 6, 0]
    assert (broken(), verdict().rows) == (None, 20)


def test_a_run_ends_after_its_time_and_the_next_one_goes_on(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "BATCH", 2)
    write(workspace, 5)

    assert [seal_new(seconds=-1) for _ in range(4)] == [2, 2, 1, 0]


def test_a_thousand_rows_cost_fifteen_statements_at_most(
    workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    write(workspace, 1_000)

    with django_assert_max_num_queries(15):
        assert seal_batch() == 1_000


def test_nothing_new_costs_one_query(events: list[Event], django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert seal_new() == 0


def test_the_worker_seals_every_few_seconds() -> None:
    [chore] = [chore for chore in CHORES if chore.work is seal_new]

    assert chore.every <= timedelta(seconds=5)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", ["_write", "save"])
def test_whoever_dies_while_sealing_has_sealed_nothing(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    write(make_workspace(), 4)
    owner: Any = sealing if step == "_write" else ChainHead
    real = getattr(owner, step)

    def die(*args: Any, **options: Any) -> None:
        real(*args, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(owner, step, die)
    with pytest.raises(KeyboardInterrupt):
        seal_batch()
    monkeypatch.undo()

    assert (chain(), ChainHead.objects.filter(seq__gt=0).count()) == ([], 0)
    assert (seal_new(), broken(), verdict().rows) == (4, None, 4)


@pytest.mark.django_db(transaction=True)
def test_sealers_side_by_side_never_fork_the_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 20)
    workspace, written = make_workspace(), threading.Event()

    def tell() -> None:
        try:
            for _ in range(40):
                in_transaction(partial(write, workspace, 10))
        finally:
            written.set()

    def seal() -> int:
        total = 0
        while not written.is_set() or Event.objects.unsealed().exists():
            total += in_transaction(seal_batch)
        return total

    *counts, nothing = at_once(seal, seal, seal, tell)

    assert nothing is None, nothing
    assert all(isinstance(count, int) for count in counts), counts
    assert sum(counts) == 400
    assert [seq for seq, _ in chain()] == list(range(1, 401))
    assert (broken(), verdict().rows) == (None, 400)


@pytest.mark.django_db(transaction=True)
def test_a_second_sealer_leaves_the_chain_to_the_first_or_waits_for_it() -> None:
    workspace, sealed = make_workspace(), threading.Event()
    write(workspace, 3)
    holds = threading.Event()

    def first() -> int:
        with transaction.atomic():
            count = seal_batch()
            holds.set()
            sealed.wait(0.5)  # its transaction goes on
        return count

    def second() -> int:
        holds.wait(20)
        return seal_batch()

    counts = at_once(first, second)

    assert counts == [3, 0]
    assert (broken(), verdict().rows) == (None, 3)


CHANGES: dict[str, Any] = {
    "type": "workspace.deleted",
    "resource_type": "post",
    "resource_id": "ws_other",
    "workspace_id": "ws_other",
    "user_id": "user_other",
    "user_email": "other@example.com",
    "key_id": "key_other",
    "ip_address": "192.0.2.9",
    "user_agent": "other",
    "details": '{"number": 99}',
    "created_at": "2020-01-01 00:00:00.000001",
    "seal": "0" * 64,
    "id": "00000000-0000-7000-8000-000000000000",
}


@pytest.mark.parametrize("column", CHANGES)
def test_a_changed_column_is_found_at_its_row(events: list[Event], column: str) -> None:
    tampering.rewrite(events[2].pk, **{column: CHANGES[column]})

    assert broken() == (3, CHANGES["id"] if column == "id" else events[2].pk)


def test_every_column_was_changed_above() -> None:
    assert {*CHANGES, "seq"} == {*COLUMNS, "seal"}


@pytest.mark.parametrize("place", range(5))
def test_a_removed_row_is_found_where_it_stood(events: list[Event], place: int) -> None:
    tampering.remove(events[place].pk)

    found = verdict().broken

    assert found is not None
    assert (found.seq, found.id, "removed" in found.what) == (place + 1, "", True)


def test_all_rows_removed_are_found(events: list[Event]) -> None:
    for event in events:
        tampering.remove(event.pk)

    assert broken() == (1, "")


def test_a_row_that_was_taken_out_of_the_chain_is_found(events: list[Event]) -> None:
    tampering.rewrite(events[3].pk, seq=None, seal="")

    assert broken() == (4, "")


def test_rows_that_changed_places_are_found(events: list[Event]) -> None:
    tampering.rewrite(events[1].pk, seq=1_000)
    tampering.rewrite(events[2].pk, seq=2)
    tampering.rewrite(events[1].pk, seq=3)

    assert broken() == (2, events[2].pk)


def test_an_inserted_row_is_found_where_it_stands(events: list[Event]) -> None:
    tampering.shift(3)
    tampering.copy(events[0].pk, to=str(uuid7()), seq=3, seal="0" * 64)

    found = broken()

    assert found is not None
    assert (found[0], found[1] not in {event.pk for event in events}) == (3, True)


def test_a_row_inserted_with_a_right_seal_breaks_the_next_one(events: list[Event]) -> None:
    inserted, before = str(uuid7()), Event.objects.get(seq=2)
    tampering.shift(3)
    tampering.copy(events[0].pk, to=inserted, seq=3)
    tampering.rewrite(inserted, seal=seal_of(Event.objects.get(pk=inserted), before.seal))

    assert broken() == (4, events[2].pk)


def test_a_row_inserted_at_the_end_is_found_beyond_the_head(events: list[Event]) -> None:
    inserted = str(uuid7())
    tampering.copy(events[0].pk, to=inserted, seq=6)
    tampering.rewrite(inserted, seal=seal_of(Event.objects.get(pk=inserted), verdict().seal))

    assert broken() == (6, inserted)


def test_a_row_inserted_unsealed_with_an_earlier_time_shows_as_overdue_and_then_as_backdated(
    events: list[Event],
) -> None:
    tampering.copy(events[0].pk, to=str(uuid7()), seq=None, created_at="2020-01-01 00:00:00")
    before = waiting(timezone.now())
    seal_new()

    assert ((before.rows, before.overdue), waiting(timezone.now()).rows) == ((1, 1), 0)
    assert (broken(), verdict().backdated) == (None, 1)


@pytest.mark.parametrize("columns", [{"seq": 4}, {"seal": "0" * 64}, {"seq": 7}])
def test_a_changed_head_is_found(events: list[Event], columns: dict[str, Any]) -> None:
    ChainHead.objects.update(**columns)

    assert broken() is not None


def test_a_removed_head_is_found_and_nothing_is_sealed_over_what_there_is(
    events: list[Event], workspace: Workspace
) -> None:
    ChainHead.objects.all().delete()
    write(workspace, 1)

    assert broken() == (1, events[0].pk)
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"), transaction.atomic():
        seal_batch()
    assert len(chain()) == 5


def _truncate(events: list[Event]) -> None:
    """Remove the last row and give the chain the head that it had before."""
    tampering.remove(events[4].pk)
    last = Event.objects.get(seq=4)
    ChainHead.objects.update(seq=4, seal=last.seal)


def _rewrite(events: list[Event]) -> None:
    """Change a row and seal it and all that follow anew."""
    tampering.rewrite(events[1].pk, user_email="other@example.com")
    before = Event.objects.get(seq=1).seal
    for row in Event.objects.filter(seq__gt=1).order_by("seq"):
        before = seal_of(row, before)
        tampering.rewrite(row.pk, seal=before)
    ChainHead.objects.update(seal=before)


@pytest.mark.parametrize("attack", [_truncate, _rewrite])
def test_whoever_can_write_the_whole_chain_is_found_only_by_a_head_that_was_kept_elsewhere(
    events: list[Event], attack: Callable[[list[Event]], None]
) -> None:
    kept = Kept(seq=5, seal=verdict().seal)
    attack(events)

    assert broken() is None
    assert broken(kept=kept) is not None


def test_a_head_that_was_kept_goes_on_to_hold_as_the_chain_grows(events: list[Event], workspace: Workspace) -> None:
    kept = Kept(seq=5, seal=verdict().seal)
    write(workspace, 3)
    seal_new()

    assert (broken(kept=kept), verdict().seq) == (None, 8)


def test_what_is_before_the_start_is_believed(events: list[Event]) -> None:
    tampering.rewrite(events[1].pk, user_email="other@example.com")

    assert broken() == (2, events[1].pk)
    assert (broken(first=3), verdict(first=3).rows) == (None, 3)
    assert broken(first=2) == (2, events[1].pk)
    assert broken(first=9) == (8, "")


def test_the_chain_is_followed_in_batches(events: list[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ouipost.events.verifying.BATCH", 2)

    assert [found.rows for found in follow_all()] == [2, 4, 5, 5]
    assert verdict().broken is None


def test_what_is_sealed_while_the_chain_is_followed_is_not_looked_at(
    events: list[Event], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ouipost.events.verifying.BATCH", 2)
    following = follow_all()
    next(following)
    write(workspace, 3)
    seal_new()

    *_, last = following

    assert (last.broken, last.rows, verdict().rows) == (None, 5, 8)


def test_an_empty_journal_holds(db: None) -> None:
    assert (verdict(), seal_new()) == (Verdict(), 0)


def test_one_function_alone_writes_to_rows_that_are_there() -> None:
    changing = re.compile(
        r"update_each\(\s*Event\b|add_each\(\s*Event\b|(?:UPDATE|INTO|FROM)\s+\W?events_event|Event\._raw"
    )
    sources = [path for name in OURS for path in (ROOT / name).rglob("*.py") if "migrations" not in path.parts]

    found = [
        (path.stem, line.strip()) for path in sources for line in path.read_text().splitlines() if changing.search(line)
    ]

    assert found == [("sealing", 'update_each(Event, {row.pk: {"seq": row.seq, "seal": row.seal} for row in some})')]
