"""Due targets are taken once: the longest due first, one per account, and never what came too late."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, OperationalError, connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from accounts.models import SocialAccount
from ouipost.claims import Claim, LostClaim, database_now
from ouipost.events.models import Event
from posts import services
from posts.models import Target
from posts.publishing import claiming
from posts.publishing.claiming import MAX_UNSETTLED_CLAIMS
from tests.factories import make_account, make_post, make_workspace
from tests.posts.fakes import (
    ACTOR,
    ScriptedNetwork,
    claim_targets,
    error_of,
    make_due,
    publish_claimed,
    states,
    status_of,
)
from workspaces.models import Workspace


def ago(**delta: float) -> datetime:
    return database_now() - timedelta(**delta)


def make_accounts(workspace: Workspace, count: int) -> list[SocialAccount]:
    return [make_account(workspace, remote_id=str(number), default_of=None) for number in range(count)]


def make_scheduled(workspace: Workspace, *accounts: SocialAccount, **values: Any) -> list[Target]:
    given = {"status": "scheduled", "scheduled_at": ago(seconds=10)}
    post = make_post(workspace, accounts=list(accounts), **given | values)
    return list(post.targets.order_by("pk"))


def pks(held: list[Claim]) -> list[str]:
    return [claim.pk for claim in held]


def test_a_due_target_starts_its_post(workspace: Workspace) -> None:
    [target] = make_scheduled(workspace, make_account(workspace))

    [held] = claim_targets(5)

    claimed = Target.objects.get(pk=target.pk)
    assert (held.pk, held.fence, held.unsettled) == (target.pk, 1, 0)
    assert (claimed.status, claimed.in_flight, claimed.claim_count) == ("publishing", claimed.account_id, 1)
    assert claimed.lease_until is not None
    assert timedelta(seconds=85) < claimed.lease_until - database_now() <= timedelta(seconds=90)
    assert status_of(target.post) == "publishing"


def test_what_is_not_due_yet_is_left(workspace: Workspace) -> None:
    [target] = make_scheduled(workspace, make_account(workspace), scheduled_at=ago(seconds=-60))

    assert claim_targets(5) == []
    assert status_of(target.post) == "scheduled"


def test_a_clock_that_is_hours_ahead_makes_nothing_due_and_ends_no_lease(workspace: Workspace) -> None:
    [target] = make_scheduled(workspace, make_account(workspace))
    make_scheduled(workspace, make_account(workspace, remote_id="2", default_of=None), scheduled_at=ago(hours=-1))
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=6)):
        [held] = claim_targets(5)

        assert claim_targets(5) == []

    assert held.pk == target.pk


def test_the_longest_due_come_first(workspace: Workspace) -> None:
    accounts = make_accounts(workspace, 4)
    due = [
        make_scheduled(workspace, account, scheduled_at=ago(seconds=seconds))[0].pk
        for account, seconds in zip(accounts, (10, 40, 20, 30), strict=True)
    ]

    first, second = claim_targets(2), claim_targets(2)

    assert set(pks(first)) == {due[1], due[3]}
    assert set(pks(second)) == {due[2], due[0]}


def test_an_account_gets_one_post_at_a_time_in_the_order_of_the_posts(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    account, at = make_account(workspace), ago(seconds=10)
    wanted = [make_scheduled(workspace, account, scheduled_at=at)[0].pk for _ in range(5)]

    order = []
    while held := claim_targets(8):
        assert claim_targets(8) == [], "its account has one in flight"
        order += pks(held)
        publish_claimed(held[0])

    assert order == wanted


def test_a_lease_that_is_over_is_taken_again_by_the_same_account_only(workspace: Workspace) -> None:
    account = make_account(workspace)
    target, other = make_due(workspace, account), make_due(workspace, account)
    [first] = claim_targets(1)
    Target.objects.filter(pk=first.pk).update(lease_until=ago(seconds=1))

    [second] = claim_targets(5)

    assert first.pk == second.pk == target.pk
    assert (second.fence, second.unsettled) == (first.fence + 1, 1)
    assert Target.objects.get(pk=other.pk).in_flight is None


def test_targets_whose_workers_were_lost_are_taken_one_at_a_time(workspace: Workspace) -> None:
    accounts = make_accounts(workspace, 4)
    targets = [make_due(workspace, account) for account in accounts]
    Target.objects.filter(pk__in=[targets[0].pk, targets[1].pk]).update(claim_count=1)

    held = claim_targets(5)

    assert set(pks(held)) == {targets[0].pk, targets[2].pk, targets[3].pk}
    assert [claim.unsettled for claim in held if claim.pk == targets[0].pk] == [1]


def test_without_suspects_only_the_others_are_taken(workspace: Workspace) -> None:
    suspect, sound = [make_due(workspace, account) for account in make_accounts(workspace, 2)]
    Target.objects.filter(pk=suspect.pk).update(claim_count=1)

    assert pks(claim_targets(5, suspects=False)) == [sound.pk]


def test_a_target_that_takes_its_workers_down_is_parked_after_five(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    target, later = make_due(workspace), make_due(make_workspace())
    Target.objects.filter(pk=later.pk).update(due_at=ago(hours=-1), fence=MAX_UNSETTLED_CLAIMS)
    taken = 0

    while held := claim_targets(5):
        taken += len(held)
        Target.objects.filter(pk=target.pk).update(lease_until=ago(seconds=1))

    parked = Target.objects.get(pk=target.pk)
    assert taken == MAX_UNSETTLED_CLAIMS == 5
    assert (parked.status, parked.due_at, parked.in_flight) == ("needs_review", None, None)
    assert Target.objects.get(pk=later.pk).status == "publishing"
    assert error_of(parked)["code"] == "WORKER_CRASH_LOOP"
    assert status_of(parked.post) == "needs_review"
    assert list(Event.objects.values_list("type", flat=True)) == ["post.needs_review"]
    assert target.pk in caplog.text


def test_a_slow_worker_cannot_send_what_was_parked(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    [held] = claim_targets(1)
    Target.objects.filter(pk=target.pk).update(lease_until=ago(seconds=1), claim_count=MAX_UNSETTLED_CLAIMS)
    claim_targets(1)

    publish_claimed(held)

    assert network.calls == ["prepare"]
    assert Target.objects.get(pk=target.pk).status == "needs_review"


@pytest.mark.parametrize(("minutes", "is_missed"), [({}, False), ({"publish_late_up_to_minutes": 60}, True)])
def test_a_workspace_says_how_late_is_too_late(db: None, minutes: dict[str, int], is_missed: bool) -> None:
    workspace = make_workspace(settings=minutes)
    [target] = make_scheduled(workspace, make_account(workspace), scheduled_at=ago(minutes=61))

    held = claim_targets(5)

    late = Target.objects.get(pk=target.pk)
    assert (held == []) is is_missed
    assert (late.status, status_of(late.post)) == (("missed",) * 2 if is_missed else ("publishing",) * 2)


def test_what_was_missed_is_told(workspace: Workspace) -> None:
    [target] = make_scheduled(workspace, make_account(workspace), scheduled_at=ago(hours=6, seconds=1))

    claim_targets(5)

    missed, event = Target.objects.get(pk=target.pk), Event.objects.get()
    assert missed.due_at is None
    assert missed.error == {
        "code": "MISSED_WINDOW",
        "message": "It was due while nothing could run, and is too late now.",
        "retryable": True,
        "who_acts": "caller",
        "network_code": "",
    }
    assert (event.type, event.resource_id, event.details["targets"][0]["status"]) == (
        "post.missed",
        target.post_id,
        "missed",
    )


def test_as_many_statements_end_thirty_missed_posts_as_one(workspace: Workspace) -> None:
    taken = []
    for account in make_accounts(workspace, 31):
        make_scheduled(workspace, account, scheduled_at=ago(hours=7))

    for limit in (1, 30):
        with CaptureQueriesContext(connection) as queries:
            claiming._claim(limit, suspects=True)
        taken.append(len(queries))

    assert Event.objects.filter(type="post.missed").count() == 31
    assert taken[0] == taken[1]


def test_what_was_to_go_at_once_is_missed_where_nobody_came_to_it_in_time(workspace: Workspace) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)])
    services.publish_post(post, actor=ACTOR, now=ago(hours=6, seconds=1))

    assert claim_targets(5) == []
    assert (states(post), status_of(post)) == (["missed"], "missed")

    services.publish_post(post, actor=ACTOR, now=ago(hours=5))
    assert len(claim_targets(5)) == 1


@pytest.mark.parametrize("begun", [{"sends": 1, "outcome_unknown": True}, {"remote_id": "42"}])
def test_what_may_be_out_is_never_too_late(workspace: Workspace, begun: dict[str, Any]) -> None:
    target = make_due(workspace, scheduled_at=ago(hours=100))
    Target.objects.filter(pk=target.pk).update(**begun)

    assert pks(claim_targets(5)) == [target.pk]


@pytest.mark.parametrize(
    "tried", [{"attempts": 1}, {"sends": 1, "sent_at": F("scheduled_at")}, {"in_flight": F("account_id")}]
)
def test_what_was_tried_in_vain_is_missed_where_nobody_came_back_to_it_in_time(
    workspace: Workspace, tried: dict[str, Any]
) -> None:
    target = make_due(workspace, scheduled_at=ago(hours=100))
    Target.objects.filter(pk=target.pk).update(lease_until=ago(hours=99), **tried)
    [other] = make_scheduled(workspace, target.account, scheduled_at=ago(minutes=1))

    assert pks(claim_targets(5)) == [other.pk]
    assert (states(target.post), status_of(target.post)) == (["missed"], "missed")


def test_what_was_tried_and_had_to_wait_is_late_from_then_on(workspace: Workspace) -> None:
    target = make_due(workspace, scheduled_at=ago(hours=100))
    Target.objects.filter(pk=target.pk).update(attempts=1, due_at=ago(hours=5))

    assert pks(claim_targets(5)) == [target.pk]


def test_what_is_published_at_once_goes_out_however_late_beside_what_was_tried(workspace: Workspace) -> None:
    free, busy = make_accounts(workspace, 2)
    post = make_post(workspace, accounts=[free, busy], status="publishing", scheduled_at=ago(hours=100))
    tried, waiting = post.targets.order_by("pk")
    Target.objects.filter(pk=tried.pk).update(attempts=1, status="failed", due_at=None)

    assert pks(claim_targets(5)) == [waiting.pk]


def test_a_retry_that_nobody_came_to_in_time_is_missed_whatever_was_sent_before_it(workspace: Workspace) -> None:
    post = make_post(workspace, accounts=make_accounts(workspace, 2), status="publishing", scheduled_at=ago(hours=100))
    post.targets.update(sends=1, sent_at=ago(hours=101))

    assert claim_targets(5) == []
    assert states(post) == ["missed", "missed"]


def test_a_post_that_started_is_being_published_until_its_last_target_is_done(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    free, busy = make_accounts(workspace, 2)
    make_due(workspace, busy, scheduled_at=ago(minutes=1))
    claim_targets(1)
    first, second = make_scheduled(workspace, free, busy)

    [held] = claim_targets(5)
    publish_claimed(held)

    assert held.pk == first.pk
    assert Target.objects.get(pk=second.pk).status == "publishing"
    assert status_of(first.post) == "publishing"
    assert Event.objects.count() == 0, "nothing is told while one is still to be sent"


def after_the_look(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Let somebody change a post between the worker's first look and its lock."""
    choose = claiming._choose

    def choose_and_change(*arguments: Any, **named: Any) -> list[claiming.Candidate]:
        chosen = choose(*arguments, **named)
        change()
        return chosen

    monkeypatch.setattr(claiming, "_choose", choose_and_change)


def test_a_post_that_was_deleted_after_the_look_is_passed_over(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    [gone], [there] = (make_scheduled(workspace, account) for account in make_accounts(workspace, 2))
    after_the_look(monkeypatch, gone.post.delete)

    assert pks(claim_targets(5)) == [there.pk]


def test_a_post_that_was_unscheduled_after_the_look_stays_a_draft(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    [target] = make_scheduled(workspace, make_account(workspace))
    after_the_look(monkeypatch, lambda: services.unschedule_post(target.post, actor=ACTOR))

    assert claim_targets(5) == []
    assert status_of(target.post) == "draft"


def test_a_late_post_that_was_published_after_the_look_is_not_missed(
    workspace: Workspace, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    [target] = make_scheduled(workspace, make_account(workspace), scheduled_at=ago(hours=7))
    sent_at = ago(seconds=1)
    after_the_look(monkeypatch, lambda: services.publish_post(target.post, actor=ACTOR, now=sent_at))

    assert pks(claim_targets(5)) == [target.pk]
    assert status_of(target.post) == "publishing"


@pytest.mark.parametrize(
    "error",
    [
        LostClaim(),
        IntegrityError("in_flight"),
        OperationalError(1213, "Deadlock"),
        OperationalError("database is locked"),
    ],
)
def test_a_lost_race_takes_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def lose(*_: Any, **__: Any) -> list[Claim]:
        raise error

    monkeypatch.setattr(claiming, "_claim", lose)

    assert claim_targets(5) == []


def test_a_database_that_is_away_is_told(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> list[Claim]:
        raise OperationalError(2006, "Server has gone away")

    monkeypatch.setattr(claiming, "_claim", fail)

    with pytest.raises(OperationalError):
        claim_targets(5)


def test_claiming_costs_the_same_however_much_is_due(workspace: Workspace, django_assert_max_num_queries: Any) -> None:
    for account in make_accounts(workspace, 30):
        make_scheduled(workspace, account)

    with django_assert_max_num_queries(17):
        assert len(claim_targets(1)) == 1
