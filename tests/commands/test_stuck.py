"""`stuck` lists what is not where it should be, with its cause, who must act and the next step, and changes nothing."""

import json
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Network, SocialAccount
from ouipost.claims import database_now
from ouipost.events.journal import SYSTEM, record
from ouipost.events.models import Event
from posts.models import Post, Target
from posts.operating import stuck
from posts.status import sync
from tests.commands.running import outcome_of
from tests.factories import make_account, make_post, make_workspace
from workspaces.models import Workspace

run = partial(outcome_of, "stuck")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
AWAY = {"code": "PLATFORM_UNAVAILABLE", "message": "X was away.", "retryable": True, "who_acts": "network"}
UNKNOWN = {"code": "OUTCOME_UNKNOWN", "message": "X hides it.", "retryable": False, "who_acts": "caller"}
CRASHED = {"code": "WORKER_CRASH_LOOP", "message": "It stopped it.", "retryable": False, "who_acts": "operator"}
UNCONFIGURED = {
    "code": "PLATFORM_UNAVAILABLE",
    "message": "This installation has no credentials for Twitter/X.",
    "retryable": True,
    "who_acts": "operator",
}
A_WORKER = "Start a worker: manage.py work"


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace(mode="live")


@pytest.fixture(autouse=True)
def credentials(settings: Settings) -> None:
    settings.NETWORKS = settings.NETWORKS | {"twitter": {"client_id": "app", "client_secret": "", "version": ""}}


def found(*arguments: str) -> list[dict[str, Any]]:
    """Return what is stuck; the exit status must agree."""
    status, output = run("--json", *arguments)
    shown = json.loads(output)
    assert status == bool(shown["stuck"])
    rows: list[dict[str, Any]] = shown["stuck"]
    return rows


def make_target(workspace: Workspace, account: SocialAccount | None = None, **values: Any) -> Target:
    """Write a target that was due an hour ago and is being published."""
    account = account or make_account(workspace, platform="twitter")
    at = values.pop("scheduled_at", database_now() - HOUR)
    post = make_post(workspace, accounts=[account], scheduled_at=at)
    given = {"status": "publishing", "scheduled_at": at, "due_at": at, "give_up_at": at + 6 * HOUR}
    Target.objects.filter(post=post).update(**given | values)
    sync(post)
    return Target.objects.select_related("post").get(post=post)


def shown(target: Target, **values: Any) -> dict[str, Any]:
    """Return a row of the output: that of a target which waits for a worker, but for what is said otherwise."""
    given = {
        "kind": "not_taken",
        "platform": "twitter",
        "workspace_id": target.post.workspace_id,
        "account_id": target.account_id,
        "post_id": target.post_id,
        "target_id": target.pk,
        "since": text(target.scheduled_at),
        "until": None,
        "cause": "It is due, and no worker has taken it.",
        "who_acts": "operator",
        "retry_safe": True,
        "next_step": A_WORKER,
    }
    return given | values


def text(moment: datetime | None) -> str:
    assert moment is not None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.django_db
def test_an_installation_in_order_has_nothing_that_is_stuck() -> None:
    assert run() == (0, "Nothing is stuck.\n")
    assert run("--json") == (0, '{"stuck": [], "more": 0}\n')


def test_what_is_where_it_should_be_is_not_listed(workspace: Workspace) -> None:
    now, account = database_now(), make_account(workspace, platform="twitter")
    make_target(workspace, account, status="draft", due_at=None)
    make_target(workspace, account, status="scheduled", scheduled_at=now + HOUR)
    make_target(workspace, account, scheduled_at=now - 4 * MINUTE)
    make_target(workspace, account, lease_until=now + MINUTE, in_flight=account.pk)
    make_target(workspace, account, status="published", due_at=None, published_at=now)
    make_target(workspace, account, status="failed", due_at=None, error=AWAY)
    make_target(workspace, account, status="missed", due_at=None)
    make_target(workspace, account, status="cancelled", due_at=None)

    assert found() == []


@pytest.mark.parametrize("status", ["scheduled", "publishing"])
def test_what_is_due_and_was_not_taken_needs_a_worker(workspace: Workspace, status: str) -> None:
    target = make_target(workspace, status=status)

    assert found() == [shown(target)]


def test_how_old_trouble_must_be_can_be_said(workspace: Workspace) -> None:
    make_target(workspace, scheduled_at=database_now() - 4 * MINUTE)

    assert [row["kind"] for row in found("--older-than", "120")] == ["not_taken"]
    assert found("--older-than", "400") == []


def test_a_lease_that_is_over_and_that_nobody_took_over_needs_a_worker(workspace: Workspace) -> None:
    over = database_now() - 10 * MINUTE
    target = make_target(workspace, lease_until=over, claim_count=1, outcome_unknown=True)

    cause = "The worker that had it is gone, and no other has taken it over."
    assert found() == [shown(target, kind="worker_lost", since=text(over), cause=cause, retry_safe=False)]


def test_a_worker_that_was_lost_a_moment_ago_is_waited_for(workspace: Workspace) -> None:
    target = make_target(workspace, lease_until=database_now() - MINUTE, claim_count=1)

    step, cause = "None: it goes on by itself", "It waits for its turn."
    assert found() == [shown(target, kind="waiting", cause=cause, who_acts="network", next_step=step)]


def test_what_is_tried_again_later_is_told_with_its_reason_and_time(workspace: Workspace) -> None:
    again = database_now() + 10 * MINUTE
    target = make_target(workspace, due_at=again, error=AWAY)

    facts = {"cause": "PLATFORM_UNAVAILABLE: X was away.", "who_acts": "network", "until": text(again)}
    assert found() == [shown(target, kind="waiting", next_step="None: it goes on by itself", **facts)]


def test_what_waits_for_credentials_names_the_settings(workspace: Workspace, settings: Settings) -> None:
    settings.NETWORKS = settings.NETWORKS | {"twitter": {"client_id": "", "client_secret": "", "version": ""}}
    again = database_now() + 10 * MINUTE
    target = make_target(workspace, due_at=again, error=UNCONFIGURED)

    [row] = found()

    settings_to_make = "Set TWITTER_CLIENT_ID and TWITTER_CLIENT_SECRET and restart the workers"
    cause = "PLATFORM_UNAVAILABLE: This installation has no credentials for Twitter/X."
    step = f"{settings_to_make}, then it goes on by itself"
    assert row == shown(target, kind="waiting", cause=cause, until=text(again), next_step=step)


@pytest.mark.parametrize(
    ("column", "is_a_look", "cause"),
    [
        ("held_until", False, "The account is left alone until its network takes calls again."),
        ("paced_at", False, "The account's pace: its network takes only so many posts in a time."),
        ("paced_at", True, "It waits for its turn."),
    ],
)
def test_what_waits_behind_a_guard_is_told_until_when(
    workspace: Workspace, column: str, is_a_look: bool, cause: str
) -> None:
    until, account = database_now() + MINUTE, make_account(workspace, platform="twitter")
    target = make_target(workspace, account, status="scheduled", due_at=until, outcome_unknown=is_a_look)
    SocialAccount.objects.filter(pk=account.pk).update(**{column: until})

    facts = {"cause": cause, "until": text(until), "who_acts": "network", "retry_safe": not is_a_look}
    assert found() == [shown(target, kind="waiting", next_step="None: it goes on by itself", **facts)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("mode", "its_own", "other"),
    [("live", "twitter", "sandbox:twitter"), ("sandbox", "sandbox:twitter", "twitter")],
)
def test_what_waits_behind_its_own_network_is_told_until_when(mode: str, its_own: str, other: str) -> None:
    until, target = database_now() + MINUTE, make_target(make_workspace(mode=mode))

    Network.objects.create(pk=other, held_until=until)
    assert found() == [shown(target)]
    Network.objects.create(pk=its_own, held_until=database_now() - 2 * MINUTE)
    assert found() == [shown(target)], "another post would have tried it since"
    Network.objects.filter(pk=its_own).update(held_until=until)

    cause = "The network is left alone: most calls to it failed."
    facts = {"cause": cause, "until": text(until), "who_acts": "network"}
    assert found() == [shown(target, kind="waiting", next_step="None: it goes on by itself", **facts)]


def test_what_waits_behind_an_app_that_its_network_refuses_is_the_operators_to_mend(workspace: Workspace) -> None:
    until, target = database_now() + MINUTE, make_target(workspace)
    Network.objects.create(pk="twitter", held_until=until, recent_calls="!")

    cause = "Twitter/X takes nothing from this installation, for no account: the posts that it refused have its words."
    step = "Fix the cause, then it goes on by itself"
    assert found() == [shown(target, kind="waiting", cause=cause, until=text(until), next_step=step)]


def test_what_waits_behind_another_post_of_its_account_says_so(workspace: Workspace) -> None:
    account = make_account(workspace, platform="twitter")
    make_target(workspace, account, lease_until=database_now() + MINUTE, in_flight=account.pk)
    target = make_target(workspace, account)

    facts = {"cause": "Another post of the account is being sent.", "who_acts": "network"}
    assert found() == [shown(target, kind="waiting", next_step="None: it goes on by itself", **facts)]


@pytest.mark.parametrize("held", [False, True])
def test_what_is_still_open_past_its_end_is_listed_even_while_a_worker_holds_it(
    workspace: Workspace, held: bool
) -> None:
    now, ended = database_now(), database_now() - 10 * MINUTE
    values: dict[str, Any] = {"give_up_at": ended, "error": UNKNOWN, "outcome_unknown": True}
    values |= {"lease_until": now + MINUTE, "due_at": now + 2 * MINUTE} if held else {}
    target = make_target(workspace, **values)

    facts = {"since": text(ended), "cause": "OUTCOME_UNKNOWN: X hides it.", "retry_safe": False}
    expected = shown(target, kind="past_give_up", **facts)
    if held:
        step = "None: it is settled at its next turn"
        expected |= {"until": text(target.due_at), "who_acts": "caller", "next_step": step}
    assert found() == [expected]


def test_what_is_in_doubt_names_the_command_and_the_call(workspace: Workspace) -> None:
    target = make_target(workspace, status="needs_review", due_at=None, outcome_unknown=True, error=UNKNOWN)

    resolve = f"POST /api/posts/{target.post_id}/targets/{target.pk}/resolve"
    step = f"manage.py reconcile --post {target.post_id}, else {resolve}"
    facts = {"cause": "OUTCOME_UNKNOWN: X hides it.", "who_acts": "caller", "retry_safe": False}
    assert found() == [shown(target, kind="needs_review", next_step=step, **facts)]


def test_what_is_in_doubt_at_a_disconnected_account_only_a_person_can_settle(workspace: Workspace) -> None:
    target = make_target(workspace, status="needs_review", due_at=None, outcome_unknown=True, error=UNKNOWN)
    SocialAccount.objects.update(disconnected_at=timezone.now())

    [row] = found()

    assert row["next_step"] == f"POST /api/posts/{target.post_id}/targets/{target.pk}/resolve"


def test_what_stopped_its_workers_sends_the_operator_to_the_log(workspace: Workspace) -> None:
    target = make_target(workspace, status="needs_review", due_at=None, claim_count=5, error=CRASHED)

    step = f"Read the worker's log for {target.pk}, then manage.py reconcile --post {target.post_id}"
    assert found() == [shown(target, kind="crash_loop", cause="WORKER_CRASH_LOOP: It stopped it.", next_step=step)]


def test_what_failed_for_want_of_the_operator_is_listed_for_a_week(workspace: Workspace) -> None:
    account = make_account(workspace, platform="twitter")
    target = make_target(workspace, account, status="failed", due_at=None, error=UNCONFIGURED)
    old = database_now() - timedelta(days=8)
    make_target(workspace, account, status="failed", due_at=None, error=UNCONFIGURED, scheduled_at=old)

    retry = f"POST /api/posts/{target.post_id}/retry"
    step = f"Fix the cause (the worker's log tells more of {target.pk}), then {retry}"
    cause = "PLATFORM_UNAVAILABLE: This installation has no credentials for Twitter/X."
    assert found() == [shown(target, kind="failed", cause=cause, next_step=step)]


def test_an_expired_account_is_listed_as_long_as_posts_are_scheduled_for_it(workspace: Workspace) -> None:
    first = database_now().replace(microsecond=0) + HOUR
    refusal = {"code": "TOKEN_REVOKED", "message": "Bob took it back."}
    account = make_account(workspace, platform="twitter", status="expired", last_error=refusal)
    told = record("expired", account, actor=SYSTEM)
    Event.objects.create(type="account.expired", resource_id=account.pk, created_at=first - timedelta(days=30))
    make_account(workspace, platform="twitter", remote_id="2", default_of=None, status="expired")
    for number in range(2):
        make_target(workspace, account, status="scheduled", scheduled_at=first + number * HOUR)
    make_target(workspace, account, status="published", due_at=None, published_at=first)

    assert found() == [
        {
            "kind": "account_expired",
            "platform": "twitter",
            "workspace_id": workspace.pk,
            "account_id": account.pk,
            "post_id": None,
            "target_id": None,
            "since": text(told.created_at),
            "until": None,
            "cause": f"TOKEN_REVOKED: Bob took it back. 2 scheduled posts go to it, the first at {text(first)}.",
            "who_acts": "account_owner",
            "retry_safe": True,
            "next_step": f"POST /api/accounts/{account.pk}/reconnect, and its owner signs in",
        }
    ]


def test_of_expired_accounts_those_come_first_whose_posts_do(workspace: Workspace) -> None:
    at = database_now() + HOUR
    last, first, second = (
        make_account(workspace, platform="twitter", remote_id=str(number), default_of=None, status="expired")
        for number in range(3)
    )
    for account, scheduled_at in ((last, at + HOUR), (first, at), (second, at)):
        make_target(workspace, account, status="scheduled", scheduled_at=scheduled_at)

    assert [row["account_id"] for row in found()] == [first.pk, second.pk, last.pk]


def test_an_expired_account_of_a_workspace_that_is_being_removed_is_left_out(db: None) -> None:
    removed = make_workspace(deleted_at=database_now())
    make_target(removed, make_account(removed, status="expired"), status="scheduled", scheduled_at=database_now())

    assert found() == []


@pytest.mark.parametrize("ahead", [-HOUR, HOUR])
def test_what_is_bound_for_a_disconnected_account_is_listed_before_it_is_due(
    workspace: Workspace, ahead: timedelta
) -> None:
    target = make_target(workspace, status="scheduled", scheduled_at=database_now() + ahead)
    SocialAccount.objects.update(disconnected_at=database_now() - HOUR)

    step = f"POST /api/accounts to connect it again, or POST /api/posts/{target.post_id}/unschedule"
    facts = {"cause": "Its account was disconnected.", "who_acts": "caller", "next_step": step}
    assert found() == [shown(target, kind="account_disconnected", **facts)]


def test_one_workspace_can_be_looked_into(workspace: Workspace) -> None:
    other = make_workspace(mode="live")
    mine, theirs = make_target(workspace), make_target(other)
    for each in (workspace, other):
        account = SocialAccount.objects.get(workspace=each)
        SocialAccount.objects.filter(pk=account.pk).update(status="expired")

    assert [row["target_id"] for row in found("--workspace", workspace.pk)] == [mine.pk, None]
    assert {row["target_id"] for row in found()} == {mine.pk, theirs.pk, None}


def test_people_read_what_it_is_why_and_what_to_do(workspace: Workspace) -> None:
    target = make_target(workspace, status="needs_review", due_at=None, outcome_unknown=True, error=UNKNOWN)
    late = make_target(workspace, SocialAccount.objects.get(), due_at=database_now() + MINUTE, error=AWAY)

    status, output = run()

    assert status == 1
    assert output == (
        f"waiting: {late.pk} of {late.post_id} in {workspace.pk} (twitter)\n"
        f"  since     {text(late.scheduled_at)}, until {text(late.due_at)}\n"
        "  cause     PLATFORM_UNAVAILABLE: X was away.\n"
        "  who acts  network; sending it again is safe\n"
        "  next      None: it goes on by itself\n"
        f"needs_review: {target.pk} of {target.post_id} in {workspace.pk} (twitter)\n"
        f"  since     {text(target.scheduled_at)}\n"
        "  cause     OUTCOME_UNKNOWN: X hides it.\n"
        "  who acts  caller; sending it again is not safe\n"
        f"  next      manage.py reconcile --post {target.post_id}, else "
        f"POST /api/posts/{target.post_id}/targets/{target.pk}/resolve\n"
        "Stuck: 1 waiting, 1 needs_review.\n"
    )


def test_of_many_it_shows_some_and_counts_the_rest(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stuck, "TOLD", 2)
    account = make_account(workspace, platform="twitter")
    targets = [make_target(workspace, account, scheduled_at=database_now() - HOUR) for _ in range(5)]

    status, output = run("--json")
    _, printed = run()

    shown = json.loads(output)
    assert (status, shown["more"], [row["target_id"] for row in shown["stuck"]]) == (
        1,
        3,
        [target.pk for target in targets[:2]],
    )
    assert printed.endswith("Stuck: 2 not_taken, and 3 more not shown.\n")


def test_it_only_reads_and_asks_as_often_for_many_as_for_one(workspace: Workspace) -> None:
    account = make_account(workspace, platform="twitter")
    queries = []
    for _ in range(2):
        for number in range(3):
            late = make_target(workspace, account, scheduled_at=database_now() - HOUR * (number + 1))
            make_target(workspace, account, status="needs_review", due_at=None, outcome_unknown=True, error=UNKNOWN)
            make_target(workspace, account, status="failed", due_at=None, error=UNCONFIGURED)
        before = list(Target.objects.order_by("pk").values()), list(Post.objects.order_by("pk").values())
        with CaptureQueriesContext(
            connection,
        ) as captured:
            run()
        queries.append([query["sql"].split()[0] for query in captured.captured_queries])
        assert (list(Target.objects.order_by("pk").values()), list(Post.objects.order_by("pk").values())) == before

    assert late.pk in {row["target_id"] for row in found()}
    assert queries[0] == queries[1] == ["SELECT"] * 9
