"""Due work is taken once: by condition, under a fence, for as long as a lease lasts."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from pytest_django import Settings

from accounts.models import SocialAccount
from ouipost import claims
from ouipost.claims import (
    Claim,
    LostClaim,
    claim,
    claim_due,
    database_now,
    engine_time,
    release,
    renew_each,
    write,
    write_each,
)
from ouipost.ids import new_id
from tests.factories import make_account, make_workspace
from tests.foundation.threads import PATIENCE_SECONDS, at_once
from workspaces.models import Workspace

LEASE = timedelta(seconds=60)
OVER = timedelta(0)


def make_work(workspace: Workspace, *, due: timedelta | None = timedelta(seconds=-1), **values: object) -> str:
    """Return the id of a row that fell due a second ago."""
    due_at = None if due is None else database_now() + due
    return str(make_account(workspace, remote_id=new_id("x"), default_of=None, due_at=due_at, **values).pk)


def claim_one(lease: timedelta = LEASE) -> Claim:
    [held] = claim_due(SocialAccount.objects.all(), limit=1, lease=lease)
    return held


@pytest.mark.django_db
@pytest.mark.parametrize("hours", [-6, 6])
def test_the_clock_of_the_database_goes_on_whatever_this_machine_says(
    monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    passed = time.monotonic

    with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours)), monkeypatch.context() as patch:
        clock, first = claims.database_clock(), database_now()
        patch.setattr(time, "monotonic", lambda: passed() + 60)
        later = clock()

    assert timedelta(seconds=55) < later - first < timedelta(seconds=65)


def test_a_due_row_is_claimed_with_a_fence_and_a_lease(workspace: Workspace) -> None:
    pk, before = make_work(workspace), database_now()

    held = claim_one()

    row = SocialAccount.objects.get(pk=pk)
    assert (held.pk, held.fence) == (pk, 1)
    assert (row.fence, row.claim_count) == (1, 1)
    assert row.lease_until is not None
    assert before + LEASE <= row.lease_until <= database_now() + LEASE
    assert row.due_at is not None
    assert row.due_at < before


def test_a_deadline_counts_from_before_the_statement_that_claims_or_renews(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    pk, passed, late = make_work(workspace), time.monotonic, [0]

    def slowly(using: str = "default") -> datetime:
        late[0] += 5
        return database_now(using)

    monkeypatch.setattr(time, "monotonic", lambda: passed() + late[0])
    monkeypatch.setattr(claims, "database_now", slowly)
    with transaction.atomic():
        began = time.monotonic()
        [held] = claim(SocialAccount.objects.all(), [pk], lease=LEASE)
        renewing = time.monotonic()
        [renewed] = renew_each(SocialAccount, [(held, {}, LEASE)])

    assert renewed is not None
    assert (held.deadline - began < 61, renewed.deadline - renewing < 61, late) == (True, True, [10])


def test_the_values_are_set_with_the_claim(workspace: Workspace) -> None:
    pk = make_work(workspace)

    claim(SocialAccount.objects.all(), [pk], lease=LEASE, status="error")

    assert SocialAccount.objects.get(pk=pk).status == "error"


@pytest.mark.parametrize("due", [None, timedelta(minutes=1)], ids=["nothing to do", "later"])
def test_what_is_not_due_is_left_alone(workspace: Workspace, due: timedelta | None) -> None:
    make_work(workspace, due=due)

    assert claim_due(SocialAccount.objects.all(), limit=5, lease=LEASE) == []


def test_a_held_row_is_nobody_elses(workspace: Workspace) -> None:
    make_work(workspace)
    claim_one()

    assert claim_due(SocialAccount.objects.all(), limit=5, lease=LEASE) == []


def test_rows_outside_the_query_are_not_claimed(workspace: Workspace) -> None:
    make_work(workspace, platform="twitter")

    assert claim_due(SocialAccount.objects.filter(platform="facebook"), limit=5, lease=LEASE) == []


def test_the_longest_due_come_first_up_to_the_limit(workspace: Workspace) -> None:
    late = make_work(workspace, due=timedelta(minutes=-1))
    latest = make_work(workspace, due=timedelta(minutes=-9))
    make_work(workspace)

    held = claim_due(SocialAccount.objects.all(), limit=2, lease=LEASE)

    assert {each.pk for each in held} == {late, latest}


def test_a_row_that_was_settled_since_it_was_seen_is_not_claimed(workspace: Workspace) -> None:
    seen = make_work(workspace)
    SocialAccount.objects.filter(pk=seen).update(due_at=None)

    assert claim(SocialAccount.objects.all(), [seen], lease=LEASE) == []
    assert SocialAccount.objects.get(pk=seen).fence == 0


def test_the_update_believes_nothing_that_was_read_before(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    pk, real = make_work(workspace), claims.is_due
    looks = iter([lambda now: real(now + timedelta(hours=1)), real])  # the first look is an hour behind
    SocialAccount.objects.filter(pk=pk).update(due_at=database_now() + timedelta(minutes=5))
    monkeypatch.setattr(claims, "is_due", lambda now: next(looks)(now))

    with pytest.raises(LostClaim), transaction.atomic():
        claim(SocialAccount.objects.all(), [pk], lease=LEASE)


def test_a_lease_that_is_over_makes_the_row_due_again(workspace: Workspace) -> None:
    pk = make_work(workspace)
    claim_one(OVER)

    again = claim_one()

    assert (again.pk, again.fence, SocialAccount.objects.get(pk=pk).claim_count) == (pk, 2, 2)


def test_whoever_lost_the_claim_writes_nothing(workspace: Workspace) -> None:
    pk = make_work(workspace)
    lost, held = claim_one(OVER), claim_one()

    assert not write(SocialAccount, lost, name="stale")
    assert not release(SocialAccount, lost, due_at=None)
    assert renew_each(SocialAccount, [(lost, {"name": "stale"}, LEASE)]) == [None]

    row = SocialAccount.objects.get(pk=pk)
    assert (row.name, row.fence, row.lease_until is None) == ("Company Page", held.fence, False)


def test_the_holder_writes_to_its_own_row_alone(workspace: Workspace) -> None:
    pk, other = make_work(workspace), make_work(workspace)
    held = claim_all()

    assert write(SocialAccount, held[pk], name="New")

    assert stored("name", "fence") == {pk: ("New", 1), other: ("Company Page", 1)}


def claim_all(lease: timedelta = LEASE) -> dict[str, Claim]:
    return {held.pk: held for held in claim_due(SocialAccount.objects.all(), limit=100, lease=lease)}


def stored(*columns: str) -> dict[str, tuple[Any, ...]]:
    return {pk: tuple(values) for pk, *values in SocialAccount.objects.order_by("pk").values_list("pk", *columns)}


def test_holders_write_to_each_row_its_own_and_the_lost_ones_nothing(workspace: Workspace) -> None:
    pks = [make_work(workspace) for _ in range(3)]
    lost = claim_all(OVER)[pks[0]]
    held = claim_all()

    written = write_each(
        SocialAccount,
        [(lost, {"name": "stale"}), (held[pks[1]], {"name": "New"}), (held[pks[2]], {"followers": 3, "name": "Z"})],
    )

    assert written == {held[pks[1]], held[pks[2]]}
    assert stored("name", "followers", "fence") == {
        pks[0]: ("Company Page", None, 2),
        pks[1]: ("New", None, 2),
        pks[2]: ("Z", 3, 2),
    }


@pytest.mark.parametrize("late_first", [True, False])
def test_a_claim_that_comes_with_the_one_that_took_it_over_is_lost(workspace: Workspace, late_first: bool) -> None:
    pk = make_work(workspace)
    lost, held = claim_all(OVER)[pk], claim_all()[pk]
    both = [(lost, {"name": "stale"}, LEASE), (held, {"name": "New"}, LEASE)]

    renewed = renew_each(SocialAccount, both if late_first else both[::-1])

    assert [claim and claim.fence for claim in renewed] == [*[None] * late_first, 2, *[None] * (not late_first)]
    assert stored("name", "fence") == {pk: ("New", 2)}


def test_writing_costs_a_lock_and_a_statement_for_each_set_of_columns(
    workspace: Workspace, django_assert_num_queries: Any
) -> None:
    for _ in range(20):
        make_work(workspace)
    sets: list[dict[str, Any]] = [{"name": "One"}, {"name": "Two", "followers": 2}]
    rows = [(held, sets[number % 2]) for number, held in enumerate(claim_all().values())]

    with django_assert_num_queries(3):
        write_each(SocialAccount, rows)

    assert sorted(set(stored("name", "followers").values())) == [("One", None), ("Two", 2)]


def test_nothing_to_write_costs_nothing(workspace: Workspace, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert write_each(SocialAccount, []) == set()


def test_holders_hold_on_together_and_the_lost_ones_are_told(workspace: Workspace) -> None:
    pks = [make_work(workspace) for _ in range(3)]
    lost = claim_all(OVER)[pks[0]]
    held = claim_all(timedelta(seconds=5))

    renewed = renew_each(
        SocialAccount,
        [
            (held[pks[2]], {"settings": {"a": 1}}, LEASE),
            (lost, {"settings": {}}, LEASE),
            (held[pks[1]], {"name": "New"}, LEASE),
        ],
    )

    leases = {pk: lease for pk, (lease,) in stored("lease_until").items()}
    assert [each and (each.pk, each.fence) for each in renewed] == [
        (pks[2], held[pks[2]].fence),
        None,
        (pks[1], held[pks[1]].fence),
    ]
    assert all(50 < each.seconds_left <= 60 for each in renewed if each)
    assert leases[pks[1]] == leases[pks[2]] > database_now() + timedelta(seconds=50) > leases[pks[0]]
    assert stored("name", "settings") == {
        pks[0]: ("Company Page", {}),
        pks[1]: ("New", {}),
        pks[2]: ("Company Page", {"a": 1}),
    }


def test_a_released_row_is_due_at_its_next_time(workspace: Workspace) -> None:
    pk, held = make_work(workspace), claim_one()
    later = database_now() + timedelta(minutes=5)

    assert release(SocialAccount, held, due_at=later)

    row = SocialAccount.objects.get(pk=pk)
    assert (row.lease_until, row.due_at, row.claim_count) == (None, later, 0)
    assert claim_due(SocialAccount.objects.all(), limit=5, lease=LEASE) == []


def test_a_released_claim_is_over_and_stays_so_when_the_row_is_claimed_again(workspace: Workspace) -> None:
    pk, held = make_work(workspace), claim_one()
    release(SocialAccount, held, due_at=database_now())

    def writes() -> bool:
        return write(SocialAccount, held, name="stale") or release(SocialAccount, held, due_at=None)

    assert not writes()
    again = claim_one()
    assert not writes()
    assert (again.pk, again.unsettled) == (pk, 0)


def test_a_holder_knows_how_long_it_has(workspace: Workspace) -> None:
    make_work(workspace)

    held = claim_one()

    assert 50 < held.seconds_left <= 60
    assert replace(held, deadline=0).seconds_left < 0


@pytest.mark.django_db
def test_the_database_tells_the_time_and_this_machine_does_not() -> None:
    true = datetime.now(UTC)

    with time_machine.travel(datetime(2031, 1, 1, tzinfo=UTC)):
        told = database_now()

    assert abs(told - true) < timedelta(seconds=5)
    assert told.tzinfo is UTC


def test_the_engine_runs_faster_when_it_is_told_to(settings: Settings) -> None:
    settings.ENGINE_SPEED = 20

    assert engine_time(60) == timedelta(seconds=3)


@pytest.mark.django_db(transaction=True)
def test_claimers_side_by_side_never_share_a_row() -> None:
    workspace = make_workspace()
    work = {make_work(workspace) for _ in range(60)}
    taken: list[str] = []
    all_taken = threading.Event()

    def claim_some() -> None:
        while not all_taken.wait(0.001):
            held = claim_due(SocialAccount.objects.all(), limit=7, lease=timedelta(minutes=10))
            taken.extend(each.pk for each in held)
            if len(taken) >= len(work):
                all_taken.set()

    def watch() -> None:
        all_taken.wait(PATIENCE_SECONDS)
        all_taken.set()

    ended = at_once(*[claim_some] * 4, watch)

    assert [each for each in ended if isinstance(each, Exception)] == []
    assert sorted(taken) == sorted(work)
    assert set(SocialAccount.objects.values_list("fence", "claim_count")) == {(1, 1)}
