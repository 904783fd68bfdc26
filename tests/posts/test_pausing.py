"""What is paused waits and is not late for it: nothing begins after the pause, nothing is lost, nothing is missed."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import pauses
from accounts.models import Pause, SocialAccount
from accounts.platforms.errors import Duplicate, Unavailable, WhoActs
from accounts.platforms.shapes import Published
from analytics.models import AccountSync
from analytics.sync import due_accounts
from ouipost.claims import Claim, database_now
from ouipost.db.locks import in_transaction
from ouipost.errors import InvalidInput
from ouipost.events.models import Event
from posts import pausing
from posts.advice import failure
from posts.lateness import GIVE_UP_AFTER
from posts.models import Attempt, Post, Target
from posts.operating.stuck import Search
from posts.publishing import arming, turn
from posts.serializers import PostDetailSerializer
from posts.timeline.timeline import timeline
from posts.timeline.waiting import waiting_entries
from tests.conftest import ApiClient
from tests.factories import NOW, make_account, make_post, make_workspace
from tests.foundation.threads import at_once
from tests.posts.fakes import (
    ACTOR,
    HERE,
    ScriptedNetwork,
    bring_forward,
    claim_targets,
    error_of,
    make_due,
    publish,
    publish_claimed,
    send_into_the_dark,
)
from workspaces.models import Workspace

HOUR = timedelta(hours=1)
ROUNDS = 6


def begin(scope: str = "all", subject_id: str = "", *, ago: timedelta = timedelta(0), **values: Any) -> Pause:
    """Pause something, since a while if need be."""
    begun = pausing.pause(scope, subject_id, reason="Maintenance.", actor=ACTOR, now=database_now() - ago)
    Pause.objects.filter(pk=begun.pk).update(**values)
    return begun


def end(scope: str = "all", subject_id: str = "") -> Pause | None:
    return pausing.resume(scope, subject_id, actor=ACTOR, now=database_now())


def make_scheduled(account: SocialAccount, *, ago: timedelta = timedelta(seconds=10), **values: Any) -> Target:
    at = database_now() - ago
    post = make_post(account.workspace, accounts=[account], status="scheduled", scheduled_at=at, **values)
    Target.objects.filter(post=post).update(give_up_at=at + GIVE_UP_AFTER)
    return Target.objects.get(post=post)


def taken() -> set[str]:
    """Return what a worker with many free threads takes now."""
    return {claim.pk for claim in claim_targets(50)}


def work_off() -> None:
    """Publish until nothing is due, as a worker does."""
    while held := claim_targets(5):
        for claim in held:
            publish_claimed(claim)


@pytest.fixture
def world(db: None) -> dict[str, Target]:
    """A due target of two networks in each of two workspaces."""
    return {
        f"{name} {platform}": make_scheduled(make_account(workspace, platform=platform, remote_id=f"{name}{platform}"))
        for name, workspace in (("here", make_workspace()), ("there", make_workspace(mode="live")))
        for platform in ("facebook", "twitter")
    }


@pytest.mark.parametrize(
    ("scope", "held_up"),
    [
        ("all", {"here facebook", "here twitter", "there facebook", "there twitter"}),
        ("network", {"here facebook", "there facebook"}),
        ("workspace", {"here facebook", "here twitter"}),
        ("account", {"here facebook"}),
    ],
)
def test_a_pause_holds_up_what_is_in_its_scope_and_nothing_else(
    world: dict[str, Target], scope: str, held_up: set[str]
) -> None:
    account = world["here facebook"].account
    subjects = {"all": "", "network": "facebook", "workspace": account.workspace_id, "account": account.pk}
    begin(scope, subjects[scope])

    first = taken()
    end(scope, subjects[scope])
    second = taken()

    names = {target.pk: name for name, target in world.items()}
    assert {names[pk] for pk in first} == set(world) - held_up
    assert {names[pk] for pk in second} == held_up


def test_of_pauses_that_overlap_each_must_be_ended(world: dict[str, Target]) -> None:
    target = world["here facebook"]
    scopes = [("all", ""), ("network", "facebook"), ("workspace", target.account.workspace_id)]
    scopes += [("account", target.account_id)]
    for scope in scopes:
        begin(*scope)

    for scope in random.sample(scopes, len(scopes)):
        assert target.pk not in taken(), f"{scope} was not ended yet"
        end(*scope)

    assert target.pk in taken()


def test_what_became_due_in_a_pause_goes_out_in_its_order(workspace: Workspace, network: ScriptedNetwork) -> None:
    account = make_account(workspace)
    begin()
    for minutes in (3, 1, 2):
        make_scheduled(account, ago=timedelta(minutes=minutes), content=f"{minutes} minutes ago")
    work_off()
    before = list(network.sent)

    end()
    work_off()

    assert before == []
    assert [each.content.text for each in network.sent] == ["3 minutes ago", "2 minutes ago", "1 minutes ago"]
    assert set(Post.objects.values_list("status", flat=True)) == {"published"}


@pytest.mark.parametrize(
    ("late", "paused", "is_missed"),
    [
        (timedelta(hours=30), timedelta(hours=30), False),
        (timedelta(hours=30), timedelta(hours=24, minutes=1), False),
        (timedelta(hours=30), timedelta(hours=23, minutes=59), True),
        (timedelta(hours=7), timedelta(0), True),
    ],
)
def test_time_paused_makes_nothing_late(
    workspace: Workspace, late: timedelta, paused: timedelta, is_missed: bool
) -> None:
    target = make_scheduled(make_account(workspace), ago=late)
    begin(paused_at=database_now() - paused)
    end()

    found = taken()

    assert (found == set()) is is_missed
    assert Target.objects.get(pk=target.pk).status == ("missed" if is_missed else "publishing")


def test_a_workspace_that_allows_little_lateness_loses_nothing_to_a_short_pause(db: None) -> None:
    workspace = make_workspace(settings={"publish_late_up_to_minutes": 1})
    target = make_scheduled(make_account(workspace), ago=timedelta(seconds=90))
    begin(paused_at=database_now() - timedelta(seconds=100))
    end()

    assert taken() == {target.pk}


def test_a_pause_of_something_else_excuses_nothing(workspace: Workspace) -> None:
    make_scheduled(make_account(workspace), ago=7 * HOUR)
    begin("network", "twitter", paused_at=database_now() - 8 * HOUR)
    end("network", "twitter")

    assert taken() == set()


def test_what_was_put_off_by_its_accounts_pace_after_a_pause_is_not_missed(workspace: Workspace) -> None:
    target = make_scheduled(make_account(workspace), ago=30 * HOUR)
    begin(paused_at=database_now() - 30 * HOUR)
    end()
    Target.objects.filter(pk=target.pk).update(due_at=database_now())

    assert taken() == {target.pk}


def test_the_time_for_trying_is_as_long_as_without_the_pause_however_often_it_is_claimed(workspace: Workspace) -> None:
    target = make_due(workspace, scheduled_at=database_now() - 10 * HOUR)
    Target.objects.filter(pk=target.pk).update(give_up_at=target.scheduled_at + GIVE_UP_AFTER)  # type: ignore[operator]
    begin(paused_at=database_now() - 9 * HOUR)
    end()

    for _ in range(2):
        assert taken() == {target.pk}
        left = Target.objects.get(pk=target.pk).give_up_at
        assert left is not None
        assert abs(left - database_now() - 5 * HOUR) < timedelta(minutes=1)
        Target.objects.update(lease_until=database_now() - timedelta(seconds=1))


def test_an_outage_right_after_a_long_pause_is_tried_again(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.committed = [Unavailable("Away.", status=503)]
    target = make_scheduled(make_account(workspace), ago=20 * HOUR)
    begin(paused_at=database_now() - 20 * HOUR)
    end()

    work_off()

    assert Target.objects.get(pk=target.pk).status == "publishing"


def test_what_was_only_to_be_asked_about_is_not_sent_again_for_a_pause(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    target = send_into_the_dark(make_due(workspace), network)
    over = database_now() - HOUR
    Target.objects.filter(pk=target.pk).update(give_up_at=over, scheduled_at=over - HOUR)
    begin(paused_at=over - HOUR)
    end()
    network.found = [[]]

    publish(target)
    publish(target)

    assert network.calls == ["recover", "recover"]
    assert Target.objects.get(pk=target.pk).status == "failed"


@pytest.mark.parametrize("kind", ["network", "keyed"])
def test_lost_answers_are_cleared_up_in_a_pause_without_a_visible_call(
    workspace: Workspace, kind: str, request: pytest.FixtureRequest
) -> None:
    network: ScriptedNetwork = request.getfixturevalue(kind)
    target = send_into_the_dark(make_due(workspace), network)
    network.found = [[Published(remote_id="7", url="https://network.example/7")]]
    begin()

    found = publish(target)

    assert network.calls == ["recover"]
    assert (found.status, found.remote_id) == ("published", "7")


@pytest.mark.parametrize("kind", ["network", "keyed"])
def test_what_surely_did_not_arrive_waits_for_the_end_of_the_pause(
    workspace: Workspace, kind: str, request: pytest.FixtureRequest
) -> None:
    network: ScriptedNetwork = request.getfixturevalue(kind)
    target = send_into_the_dark(make_due(workspace), network)
    begin()

    publish(target)
    absent = publish(target)
    bring_forward(target)
    in_the_pause, calls = taken(), list(network.calls)
    end()
    sent = publish(target)

    assert calls == ["recover", "recover", "prepare"]
    assert (absent.status, absent.outcome_unknown, in_the_pause) == ("publishing", False, set())
    assert (sent.status, network.calls[3:]) == ("published", ["prepare", "commit"])


THREAD = {"facebook": {"options": {"thread": ["Second"]}}}


@pytest.mark.parametrize("paused", [("all",), ("network", "facebook")])
def test_a_part_that_was_not_sent_yet_is_not_in_doubt_because_the_one_before_was_found_in_a_pause(
    workspace: Workspace, network: ScriptedNetwork, paused: tuple[str, ...]
) -> None:
    target = send_into_the_dark(make_due(workspace, platform_content=THREAD), network)
    network.found = [[HERE]]
    begin(*paused)

    found = publish(target)

    assert (found.status, found.outcome_unknown, found.sends, taken()) == ("publishing", False, 0, set())
    end(*paused)
    network.committed = [Duplicate("You have posted this already.", status=403)]
    refused = publish(target)
    assert (refused.status, error_of(refused)["code"], len(network.sent)) == ("published", "CONTENT_REJECTED", 1)


def test_what_was_claimed_before_the_pause_and_not_sent_yet_keeps_its_place(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    target = make_due(workspace)
    [held] = claim_targets(1)
    begin()

    publish_claimed(held)
    stopped = Target.objects.get(pk=target.pk)
    end()
    work_off()

    assert (stopped.due_at, stopped.attempts, stopped.sends, stopped.in_flight) == (target.due_at, 0, 0, None)
    assert network.calls == ["prepare", "prepare", "commit"]
    assert Target.objects.get(pk=target.pk).status == "published"
    assert Attempt.objects.count() == 1, "the step that was stopped is no attempt"


def test_what_is_out_is_settled_in_a_pause(
    workspace: Workspace, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = make_due(workspace)
    [held] = claim_targets(1)
    commit = network.commit

    def pause_meanwhile(*arguments: Any) -> Published:
        begin()
        return commit(*arguments)

    monkeypatch.setattr(network, "commit", pause_meanwhile)
    publish_claimed(held)

    assert Target.objects.get(pk=target.pk).status == "published"


def test_while_nothing_is_paused_a_claim_asks_once(workspace: Workspace) -> None:
    make_due(workspace)
    with CaptureQueriesContext(connection) as captured:
        assert len(claim_targets(5)) == 1

    asked = [query["sql"] for query in captured.captured_queries if "accounts_pause" in query["sql"]]
    assert len(asked) == 1


def test_a_timeline_says_that_it_is_paused_why_and_who_acts(workspace: Workspace) -> None:
    account = make_account(workspace)
    target = make_scheduled(account)
    begin("account", account.pk)

    [entry] = waiting_entries([Target.objects.select_related("account").get(pk=target.pk)], now=database_now())

    words = "The operator has paused all publishing to this account: Maintenance."
    assert entry.message == f"{words} It goes out when that has ended, not before its time."
    assert (entry.kind, entry.who_acts, entry.next_attempt_at) == ("waiting", "operator", None)
    assert timeline(target.post, now=database_now())[-1].message == entry.message


@pytest.mark.parametrize(
    ("at", "kind"),
    [({"outcome_unknown": True}, "waiting"), ({"lease_until": datetime(2100, 1, 1, tzinfo=UTC)}, "sending")],
    ids=["a look", "at work"],
)
def test_a_timeline_says_of_nothing_that_goes_on_in_a_pause_that_it_waits_for_the_end(
    workspace: Workspace, at: dict[str, Any], kind: str
) -> None:
    account = make_account(workspace)
    make_scheduled(account)
    Target.objects.update(status="publishing", **at)
    begin("account", account.pk)

    [entry] = waiting_entries(Target.objects.select_related("account__workspace"), now=database_now())
    [shown] = PostDetailSerializer(Post.objects.get()).data["targets"]

    assert entry.kind == kind
    assert (shown["next_attempt_at"] is None) == (entry.next_attempt_at is None) == (kind == "sending")
    assert entry.who_acts != WhoActs.OPERATOR


@pytest.mark.parametrize(
    ("method", "path", "body"), [("DELETE", "", None), ("POST", "/unschedule", {}), ("PUT", "", {"content": "New"})]
)
@pytest.mark.parametrize("is_partly_out", [False, True])
def test_what_can_not_be_called_off_in_a_pause_says_why_and_the_way_out(
    api: ApiClient, workspace: Workspace, method: str, path: str, body: Any, is_partly_out: bool
) -> None:
    account = make_account(workspace)
    target = make_due(workspace, account)
    Target.objects.update(remote_id="1" if is_partly_out else "")
    begin("account", account.pk)
    begin("network", "facebook")

    refused = api(method, f"/api/posts/{target.post_id}{path}", body)

    error = refused.json()["error"]
    assert (refused.status_code, error["details"]) == (409, {"status": "publishing"})
    words = (
        "The operator has paused all publishing to this account: Maintenance. "
        "The operator has paused all publishing to Facebook: Maintenance. The post was due"
    )
    assert error["message"].startswith(words) is not is_partly_out
    assert ("disconnect the account" in error["message"]) is not is_partly_out


def test_a_refusal_names_the_pauses_of_all_accounts_of_a_post_each_once(api: ApiClient, workspace: Workspace) -> None:
    accounts = [make_account(workspace, remote_id=each, default_of=None) for each in ("1", "2")]
    post = make_post(workspace, accounts=accounts, status="publishing", scheduled_at=database_now())
    for scope, subject in (("account", accounts[0].pk), ("workspace", workspace.pk), ("account", accounts[1].pk)):
        begin(scope, subject)

    message = api.post(f"/api/posts/{post.pk}/unschedule").json()["error"]["message"]

    assert message.startswith(
        f"The operator has paused all publishing of {accounts[0].pk}: Maintenance. "
        "The operator has paused all publishing of this workspace: Maintenance. "
        f"The operator has paused all publishing of {accounts[1].pk}: Maintenance. The post was due"
    )


def test_what_is_paused_and_late_is_told_as_stuck_with_the_command_that_ends_it(workspace: Workspace) -> None:
    target = make_scheduled(make_account(workspace), ago=HOUR)
    begin("network", "facebook", ago=2 * HOUR)

    now = database_now()
    [finding] = Search(now=now, cutoff=now - timedelta(minutes=5)).run().findings

    assert (finding.kind, finding.target_id, finding.who_acts) == ("paused", target.pk, "operator")
    assert finding.cause == "The operator has paused all publishing to Facebook: Maintenance."
    assert finding.next_step == "manage.py resume --scope network --id facebook, then it goes out at once"
    assert finding.retry_safe


def test_what_several_pauses_hold_up_is_told_as_stuck_with_all_of_them(workspace: Workspace) -> None:
    make_scheduled(make_account(workspace), ago=HOUR)
    begin("network", "facebook", ago=2 * HOUR)
    begin("all", after_restore=True)

    now = database_now()
    [finding] = Search(now=now, cutoff=now - timedelta(minutes=5)).run().findings

    assert finding.cause == (
        "The operator has paused all publishing to Facebook: Maintenance. "
        "The operator has paused all publishing: Maintenance."
    )
    assert finding.next_step == (
        "manage.py reconcile --after-restore, for it may be out already; "
        "manage.py resume --scope network --id facebook and manage.py resume --scope all, then it goes out at once"
    )
    assert not finding.retry_safe


@pytest.mark.parametrize("pauses_after_restore", [(True,), (False, True), (True, False)])
def test_what_a_restored_copy_holds_up_is_not_told_to_be_safe_to_send(
    workspace: Workspace, pauses_after_restore: tuple[bool, ...]
) -> None:
    error = failure("PLATFORM_UNAVAILABLE", "It is away.", retryable=True)
    target = make_scheduled(make_account(workspace), ago=HOUR)
    Target.objects.update(error=error)
    for each in pauses_after_restore:
        pausing.pause("all", reason=f"{each}", actor=ACTOR, now=database_now(), after_restore=each)

    now = database_now()
    [finding] = Search(now=now, cutoff=now - timedelta(minutes=5)).run().findings

    assert (finding.kind, finding.retry_safe) == ("paused", False)
    assert timeline(target.post, now=now)[-1].retry_safe is False
    assert finding.next_step == (
        "manage.py reconcile --after-restore, for it may be out already; "
        "manage.py resume --scope all, then it goes out at once"
    )


@pytest.mark.parametrize(
    ("scope", "is_read"), [("all", True), ("workspace", True), ("network", False), ("account", False)]
)
def test_numbers_are_read_unless_the_account_or_its_network_is_paused(
    workspace: Workspace, scope: str, is_read: bool
) -> None:
    account, now = make_account(workspace), database_now()
    AccountSync.objects.create(account=account, due_at=now, account_due_at=now)
    begin(scope, {"all": "", "network": "facebook", "workspace": workspace.pk, "account": account.pk}[scope])

    assert due_accounts(database_now()).exists() is is_read


def test_a_pause_and_its_end_are_in_the_journal_once(workspace: Workspace) -> None:
    make_account(make_workspace())
    account = make_account(workspace)
    for _ in range(2):
        begun = begin("account", account.pk)
    changed = pausing.pause("account", account.pk, reason="Longer.", actor=ACTOR, now=database_now())
    ended = [end("account", account.pk), end("account", account.pk)]

    told = list(Event.objects.order_by("pk").values_list("type", "resource_id", "workspace_id", "key_id"))
    assert told == [(f"pause.{verb}", begun.pk, workspace.pk, "key_1") for verb in ("started", "updated", "ended")]
    assert (changed.pk, changed.reason, ended[1]) == (begun.pk, "Longer.", None)
    assert Event.objects.order_by("pk")[1].details["before"] == {"reason": "Maintenance."}


@pytest.mark.parametrize(
    ("scope", "subject", "field"),
    [("all", "facebook", "id"), ("network", "", "id"), ("network", "myspace", "id"), ("account", "acc_1", "id"),
     ("workspace", "ws_1", "id"), ("planet", "earth", "scope")],
)  # fmt: skip
def test_a_scope_needs_an_id_of_something_that_is_there(db: None, scope: str, subject: str, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        begin(scope, subject)

    assert set(refused.value.details["fields"]) == {field}


def test_what_is_gone_cannot_be_paused(workspace: Workspace) -> None:
    account, deleted = make_account(workspace, disconnected_at=NOW), make_workspace(deleted_at=NOW)
    going = make_account(deleted)

    for scope, subject in (("account", account.pk), ("account", going.pk), ("workspace", deleted.pk)):
        with pytest.raises(InvalidInput) as refused:
            begin(scope, subject)
        assert set(refused.value.details["fields"]) == {"id"}


def test_what_was_paused_and_is_gone_can_be_resumed(workspace: Workspace) -> None:
    account = make_account(workspace)
    begin("account", account.pk)
    SocialAccount.objects.filter(pk=account.pk).delete()

    assert end("account", account.pk) is not None


def test_the_time_paused_counts_pauses_that_overlap_once() -> None:
    """Held against counting the minutes, one by one."""
    generator, start = random.Random(7), datetime(2026, 1, 1, tzinfo=UTC)

    def minute(number: int) -> datetime:
        return start + timedelta(minutes=number)

    for _ in range(500):
        spans = [sorted(generator.sample(range(60), 2)) for _ in range(generator.randrange(6))]
        rows = [Pause(paused_at=minute(first), resumed_at=minute(last)) for first, last in spans]
        rows += [Pause(paused_at=minute(generator.randrange(60)))] if generator.random() < 0.3 else []
        since, until = sorted(generator.sample(range(60), 2))

        counted = pauses.time_paused(rows, since=minute(since), until=minute(until))

        inside = [
            number
            for number in range(since, until)
            if any(row.paused_at <= minute(number) and (row.resumed_at or minute(60)) > minute(number) for row in rows)
        ]
        assert counted == timedelta(minutes=len(inside))


@pytest.mark.thorough
@pytest.mark.django_db(transaction=True)
def test_workers_that_race_a_pause_begin_no_visible_call_after_it(
    workspace: Workspace, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claims that begin after the pause is committed take nothing, and none of the calls begins that are armed then."""
    accounts = [make_account(workspace, remote_id=str(number), default_of=None) for number in range(20)]
    arm_all, claimed, armed = arming.arm_all, list[float](), list[float]()

    def noting_arm_all(armings: list[arming.Arming]) -> list[Any]:
        began, allowed = time.monotonic(), arm_all(armings)
        armed.extend(began for each in allowed if isinstance(each, Claim))
        return allowed

    def work() -> None:
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            began, held = time.monotonic(), claim_targets(2)
            claimed.extend([began] * len(held))
            for claim in held:
                publish_claimed(claim)

    def pause() -> float:
        time.sleep(random.uniform(0, 0.2))
        in_transaction(begin)
        return time.monotonic()

    monkeypatch.setattr(turn, "arm_all", noting_arm_all)
    for _ in range(ROUNDS):
        for account in accounts:
            make_scheduled(account, content=account.pk)
        network.forget()
        claimed.clear()
        armed.clear()

        *ended, paused_at = at_once(work, work, work, pause)
        too_late = [began for began in claimed + armed if began > paused_at]
        in_transaction(end)
        work_off()

        assert (ended, too_late) == ([None] * 3, [])
        assert sorted(each.content.text for each in network.sent) == sorted(account.pk for account in accounts)
        assert set(Target.objects.values_list("status", flat=True)) == {"published"}


@pytest.mark.django_db(transaction=True)
def test_many_who_pause_and_resume_the_same_at_once_leave_one_pause_or_none(workspace: Workspace) -> None:
    works: list[Callable[[], Any]] = [lambda: in_transaction(begin), lambda: in_transaction(end)]

    for _ in range(10):
        outcomes = at_once(*works * 4)

        assert not [each for each in outcomes if isinstance(each, Exception)], outcomes
        assert Pause.objects.in_force().count() <= 1
    started, ended = (Event.objects.filter(type=f"pause.{verb}").count() for verb in ("started", "ended"))
    assert started - ended == Pause.objects.in_force().count()


def test_the_command_stuck_prints_what_is_paused(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    make_scheduled(make_account(workspace), ago=HOUR)
    begin()

    with pytest.raises(SystemExit):
        call_command("stuck")

    assert "next      manage.py resume --scope all, then it goes out at once" in capsys.readouterr().out
