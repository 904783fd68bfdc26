"""The console's first page: whether all is well, told to whoever may know it."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.calls import FAILED, REQUEST
from accounts.models import CallCount, SocialAccount
from accounts.platforms.shapes import Tokens
from adminapi.console.overview import states
from adminapi.models import Heartbeat
from adminapi.monitoring import figures
from adminapi.processes.heartbeats import WORKER
from ouipost.events.journal import SYSTEM
from ouipost.ids import least_id
from posts import counts, pausing
from posts.models import Post, Target
from posts.status import sync
from tests.analytics.readings import counts as told
from tests.analytics.readings import publish, read
from tests.console.conftest import browser_of, member_of
from tests.console.world import words
from tests.factories import (
    NOW,
    make_account,
    make_delivery,
    make_key,
    make_post,
    make_user,
    make_webhook,
    make_workspace,
    tell_failed,
)
from workspaces.keys import usage
from workspaces.models import KeyUsage, Membership, Role, User, Workspace
from workspaces.permissions import ADMIN_PERMISSIONS

pytestmark = [pytest.mark.usefixtures("at_noon"), pytest.mark.any_database]
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BLOCKS = {"pauses", "health", "waiting", "states", "engagement", "by_network", "webhooks", "accounts", "used_keys"}


@pytest.fixture
def account(workspace: Workspace) -> SocialAccount:
    return make_account(workspace)


def opened_by(user: User) -> Any:
    client = browser_of(user)
    answer = client.get("/console/")
    assert answer.status_code == 200
    return answer


def opened(**values: Any) -> Any:
    """Return the page as a new administrator, or somebody else, sees it."""
    return opened_by(make_user(**{"email": "staff@example.com", "password": None} | values))


def write(account: SocialAccount, status: str, *, at: datetime = NOW, **values: Any) -> Post:
    """Write a post whose moment is this one."""
    scheduled = {} if status == "draft" else {"scheduled_at": at}
    post = make_post(account.workspace, accounts=[account], status=status, created_at=at, **scheduled, **values)
    Post.objects.filter(pk=post.pk).update(moment=at)
    if status == "failed":
        tell_failed([post], at=at)
    counts.add_posts(account.workspace_id, 1)
    return post


def test_an_empty_installation_shows_the_first_steps_and_no_charts(db: None) -> None:
    answer = opened()

    assert "Welcome to Oui Post" in words(answer)
    assert "canvas" not in answer.content.decode()


@pytest.mark.usefixtures("account")
def test_the_first_step_is_done_once_an_account_is_connected() -> None:
    assert "Done: at least one account is connected." in words(opened())


def test_what_failed_or_is_in_doubt_is_counted_with_a_link_to_it(account: SocialAccount) -> None:
    write(account, "failed", at=NOW - HOUR)
    write(account, "failed", at=NOW - 2 * DAY)
    write(account, "needs_review")
    write(account, "missed")

    answer = opened()

    shown = answer.context["waiting"]
    assert {name: shown[name] for name in ("failed", "failed_lately", "needs_review", "partially", "missed")} == {
        "failed": 2,
        "failed_lately": 1,
        "needs_review": 1,
        "partially": 0,
        "missed": 1,
    }
    for status in ("failed", "needs_review", "partially_published", "missed"):
        assert f'href="/console/posts/post/?status__exact={status}"' in answer.content.decode()


def test_what_is_due_is_told_with_how_late_the_oldest_is(account: SocialAccount) -> None:
    write(account, "scheduled", at=NOW - 10 * MINUTE)
    write(account, "scheduled", at=NOW - 2 * MINUTE)

    answer = opened()

    assert answer.context["waiting"]["outgoing"].due == 2
    assert "The oldest has waited 10 minutes" in words(answer)


def test_what_goes_out_within_a_day_is_listed_once_in_its_order(workspace: Workspace, account: SocialAccount) -> None:
    other = make_account(workspace, platform="bluesky", remote_id="did:1")
    write(account, "scheduled", at=NOW + 3 * HOUR, content="Later")
    both = make_post(workspace, accounts=[account, other], status="scheduled", scheduled_at=NOW + HOUR, content="First")
    write(account, "scheduled", at=NOW + 25 * HOUR, content="Tomorrow")

    answer = opened()

    outgoing = answer.context["waiting"]["outgoing"]
    assert outgoing.coming == 3
    assert [(each.post.content, sorted(each.platforms)) for each in outgoing.first] == [
        ("First", ["bluesky", "facebook"]),
        ("Later", ["facebook"]),
    ]
    assert f'href="/console/posts/post/{both.pk}/change/"' in answer.content.decode()


def test_a_long_day_shows_the_first_posts_and_counts_all(account: SocialAccount) -> None:
    for number in range(9):
        write(account, "scheduled", at=NOW + HOUR + number * MINUTE, content=f"Post {number}")

    outgoing = opened().context["waiting"]["outgoing"]

    assert outgoing.coming == 9
    assert [each.post.content for each in outgoing.first] == [f"Post {number}" for number in range(6)]


def test_what_is_due_is_told_by_the_clock_that_publishes(
    account: SocialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "database_now", lambda: NOW - HOUR)
    write(account, "scheduled", at=NOW - 10 * MINUTE)

    outgoing = opened().context["waiting"]["outgoing"]

    assert (outgoing.due, outgoing.coming, outgoing.oldest) == (0, 1, timedelta(0))


def test_what_is_paused_is_named_and_neither_due_nor_coming(account: SocialAccount) -> None:
    write(account, "scheduled", at=NOW - HOUR)
    write(account, "scheduled", at=NOW + HOUR)
    pausing.pause("network", "facebook", reason="Maintenance", actor=SYSTEM, now=NOW)
    pausing.pause("account", account.pk, reason="Its owner asked", actor=SYSTEM, now=NOW)
    pausing.pause("workspace", account.workspace_id, reason="Unpaid", actor=SYSTEM, now=NOW)
    pausing.pause("all", reason="Moving house", actor=SYSTEM, now=NOW)

    answer = opened()

    outgoing = answer.context["waiting"]["outgoing"]
    assert (outgoing.due, outgoing.coming, outgoing.first) == (0, 0, [])
    page = words(answer)
    for expected in (
        "Everything for Facebook, since 25 Nov 2026, 12:00 UTC: Maintenance",
        "The account Company Page, since 25 Nov 2026, 12:00 UTC: Its owner asked",
        "The workspace Bakery, since 25 Nov 2026, 12:00 UTC: Unpaid",
        "All publishing, since 25 Nov 2026, 12:00 UTC: Moving house",
    ):
        assert expected in page


def test_posts_are_drawn_by_state_and_day_with_the_same_numbers_in_a_table(account: SocialAccount) -> None:
    write(account, "published", at=NOW)
    write(account, "published", at=NOW - DAY)
    write(account, "failed", at=NOW - DAY)
    write(account, "draft", at=NOW - 29 * DAY)
    write(account, "failed", at=NOW - 30 * DAY)
    write(account, "scheduled", at=NOW + HOUR)

    answer = opened()

    chart = answer.context["states"].chart
    drawn = json.loads(chart.data)
    assert [(each["name"], sum(each["numbers"])) for each in drawn["series"]] == [
        ("published", 2),
        ("draft", 1),
        ("failed", 1),
    ]
    assert (drawn["labels"][0], drawn["labels"][-1], len(drawn["labels"])) == ("27 Oct", "25 Nov", 30)
    rows = dict(chart.rows)
    assert (rows["27 Oct"], rows["24 Nov"], rows["25 Nov"]) == ([0, 1, 0], [1, 0, 1], [1, 0, 0])
    row = '<th scope="row">24 Nov</th><td class="op-number">1</td><td class="op-number">0</td>'
    assert row in answer.content.decode()


def test_more_published_posts_than_can_be_counted_are_told_by_the_sums_that_are_kept(
    account: SocialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "MOST_COUNTED", 1)
    for _ in range(2):
        publish(account, at=NOW - DAY)
    counts.add_posts(account.workspace_id, 2)
    write(account, "failed", at=NOW - DAY)

    answer = opened()

    legend = answer.context["states"].legend
    assert [(each.status, each.count) for each in legend] == [("published", 2), ("failed", 1)]
    assert "Published ones are counted once for each network" in words(answer)


def test_what_is_counted_ahead_of_utc_is_drawn_at_once(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.setattr(states, "MOST_COUNTED", 0)
    ahead = make_account(make_workspace(settings={"timezone": "Pacific/Kiritimati"}))
    publish(ahead, at=NOW)  # two in the morning of the next day there
    counts.add_posts(ahead.workspace_id, 1)

    answer = opened()

    [published] = answer.context["states"].chart.series
    assert (published.numbers[-1], sum(number or 0 for number in published.numbers)) == (1, 1)
    assert answer.context["by_network"].series[0].numbers == [1]


def test_engagement_is_drawn_when_a_network_has_told_it_and_never_as_nothing(account: SocialAccount) -> None:
    target = publish(account, at=NOW - DAY)
    counts.add_posts(account.workspace_id, 1)
    before = opened()

    read(account, at=NOW, posts={target.pk: told(100, 7)})
    after = opened(email="other@example.com")

    assert before.context["engagement"].is_known is False
    assert "No network has reported these numbers yet." in words(before)
    assert sum(after.context["engagement"].series[0].numbers) == 7
    assert dict(after.context["by_network"].rows) == {"Facebook": [1]}


@pytest.mark.usefixtures("db")
def test_a_network_in_trouble_is_shown_with_what_is_wrong() -> None:
    CallCount.objects.create(network="twitter", kind=REQUEST, outcome=FAILED, calls=9, milliseconds=900, at=NOW - HOUR)

    shown = opened().context["health"]

    assert [(each["name"], each["status"], each["error_rate_24h"]) for each in shown["networks"]] == [
        ("Twitter/X", "degraded", 100.0)
    ]
    assert "Facebook" in shown["quiet"]


@pytest.mark.usefixtures("db")
def test_simulated_networks_are_said_to_be_that() -> None:
    CallCount.objects.create(
        network="sandbox:twitter", kind=REQUEST, outcome=FAILED, calls=9, milliseconds=900, at=NOW - HOUR
    )

    page = opened()

    assert [each["name"] for each in page.context["health"]["networks"]] == ["Twitter/X"]
    assert "Nothing is live here yet: these are the simulated networks." in words(page)


@pytest.mark.usefixtures("db")
def test_it_says_when_no_worker_was_heard() -> None:
    silent = words(opened())

    Heartbeat.objects.create(name=f"{WORKER}:host:1", at=NOW)
    heard = words(opened(email="other@example.com"))

    assert "Nothing is being published" in silent
    assert "Nothing is being published" not in heard
    assert "1 worker publishes" in heard


@pytest.mark.usefixtures("db")
def test_failing_and_disabled_webhooks_are_named_and_the_lost_deliveries_of_a_day_counted() -> None:
    make_webhook(url="https://1.1.1.1/well")
    failing = make_webhook(url="https://1.1.1.1/failing", failures=3, failing_since=NOW - HOUR)
    make_webhook(url="https://1.1.1.1/off", is_active=False, disabled_reason="Nothing arrived for days")
    make_delivery(failing, status="failed", pk=f"{least_id('dlv', NOW - 25 * HOUR)}-7000-8000-000000000000")
    make_delivery(failing, status="failed")
    make_delivery(failing)

    answer = opened()

    shown = answer.context["webhooks"]
    assert {each.url for each in shown["troubled"]} == {"https://1.1.1.1/failing", "https://1.1.1.1/off"}
    assert shown["failed"] == 1
    assert "since 25 Nov, 11:00 UTC. 1 given up in 24 hours." in words(answer)
    assert "1 delivery was given up in the last 24 hours" in words(answer)
    assert "3 failures in a row since 25 Nov, 11:00 UTC" in words(answer)
    assert "Turned off: Nothing arrived for days" in words(answer)


def ending(at: datetime) -> Tokens:
    return Tokens(access_token="token", ends_at=at)


def test_accounts_that_end_within_a_week_or_have_ended_are_listed_the_first_to_end_first(workspace: Workspace) -> None:
    make_account(workspace, name="Soon", tokens=ending(NOW + 6 * DAY))
    make_account(workspace, platform="twitter", name="Ended", status="expired", tokens=ending(NOW - DAY))
    make_account(workspace, platform="bluesky", name="Later", tokens=ending(NOW + 8 * DAY))
    make_account(workspace, platform="threads", name="Never")
    make_account(workspace, platform="linkedin", name="Gone", tokens=ending(NOW), disconnected_at=NOW)

    shown = opened().context["accounts"]["ending"]

    assert [each.name for each in shown] == ["Ended", "Soon"]


@pytest.mark.usefixtures("db")
def test_keys_are_listed_by_their_use_with_what_was_not_written_yet() -> None:
    busy, _ = make_key(name="Busy")
    idle, _ = make_key(name="Idle")
    make_key(name="Unused")
    KeyUsage.objects.create(key=idle, day=NOW.date(), requests=3)
    KeyUsage.objects.create(key=busy, day=NOW.date() - 29 * DAY, requests=40)
    KeyUsage.objects.create(key=busy, day=NOW.date() - 30 * DAY, requests=500)
    usage.IN_PROCESS.count(busy.pk, now=NOW)

    shown = opened().context["used_keys"]

    assert [(each["key"].name, each["use"].today, each["use"].in_all) for each in shown] == [
        ("Busy", 1, 41),
        ("Idle", 3, 3),
    ]


@pytest.mark.parametrize("name", ADMIN_PERMISSIONS)
def test_each_permission_alone_opens_exactly_its_blocks(account: SocialAccount, name: str) -> None:
    write(account, "failed")
    opens = {
        "posts.manage": {"waiting", "states"},
        "analytics.view": {"pauses", "states", "engagement", "by_network"},
        "system.view": {"pauses", "health"},
        "system.manage": {"pauses"},
        "webhooks.manage": {"webhooks"},
        "accounts.manage": {"accounts"},
        "api_keys.manage": {"used_keys"},
    }

    answer = opened(role=Role.ADMIN, permissions=[name])

    assert {block for block in BLOCKS if block in answer.context} == opens.get(name, set())
    is_bare = opens.get(name, set()) <= {"pauses"}
    assert ("There is nothing to show you here at present." in words(answer)) == is_bare


def test_whoever_may_only_run_the_installation_is_led_from_what_is_paused_to_where_it_ends(
    account: SocialAccount,
) -> None:
    write(account, "failed")
    pausing.pause("network", "facebook", reason="An outage.", actor=SYSTEM, now=NOW)

    page = opened(role=Role.VIEWER, permissions=["system.manage"])

    told = words(page)
    assert ("An outage." in told, "Pause and resume" in told, "nothing to show" in told) == (True, True, False)


@pytest.mark.usefixtures("db")
def test_somebody_without_permissions_is_told_so() -> None:
    assert "You have no permissions yet." in words(opened(role=Role.VIEWER, permissions=[]))


def everything(workspace: Workspace) -> None:
    """Write one of all that the page counts, and only in this workspace."""
    account = make_account(workspace, tokens=ending(NOW + DAY))
    write(account, "failed")
    write(account, "scheduled", at=NOW - HOUR)
    write(account, "scheduled", at=NOW + HOUR, content=f"Of {workspace.name}")
    target = publish(account, at=NOW - DAY)
    counts.add_posts(workspace.pk, 1)
    read(account, at=NOW, posts={target.pk: told(100, 7)})
    hook = make_webhook(workspace_ids=[workspace.pk], failing_since=NOW, failures=1)
    make_delivery(hook, status="failed")
    key, _ = make_key(workspace_ids=[workspace.pk])
    KeyUsage.objects.create(key=key, day=NOW.date(), requests=3)


def what_is_counted(answer: Any) -> tuple[Any, ...]:
    shown, outgoing = answer.context, answer.context["waiting"]["outgoing"]
    return (
        (shown["waiting"]["failed"], outgoing.due, outgoing.coming, len(outgoing.first)),
        sum(each.count for each in shown["states"].legend),
        sum(shown["engagement"].series[0].numbers),
        dict(shown["by_network"].rows),
        (len(shown["webhooks"]["troubled"]), shown["webhooks"]["failed"]),
        len(shown["accounts"]["ending"]),
        len(shown["used_keys"]),
        [each["name"] for each in shown["pauses"]],
    )


@pytest.mark.usefixtures("db")
def test_others_than_administrators_see_what_is_of_their_own_workspaces_alone() -> None:
    own, other = make_workspace(name="Own"), make_workspace(name="Other")
    everything(own)
    everything(other)
    paused = make_workspace(name="Paused")
    pausing.pause("workspace", paused.pk, reason="Unpaid", actor=SYSTEM, now=NOW)
    make_webhook(failing_since=NOW, failures=1)  # hears of all workspaces
    member = member_of(own, email="member@example.com", role=Role.VIEWER, permissions=list(ADMIN_PERMISSIONS))

    seen, administrators = opened_by(member), opened()

    assert what_is_counted(seen) == ((1, 1, 1, 1), 3, 7, {"Facebook": [1]}, (1, 1), 1, 1, [])
    assert what_is_counted(administrators) == ((2, 2, 2, 2), 6, 14, {"Facebook": [2]}, (3, 2), 2, 2, ["Paused"])
    assert "Of Other" not in words(seen)


@pytest.mark.usefixtures("db")
def test_what_is_for_a_workspace_of_theirs_is_seen_though_another_of_it_was_deleted() -> None:
    own, gone = make_workspace(), make_workspace(deleted_at=NOW)
    make_webhook(workspace_ids=[own.pk, gone.pk], failing_since=NOW, failures=1)
    key, _ = make_key(workspace_ids=[gone.pk, own.pk])
    KeyUsage.objects.create(key=key, day=NOW.date(), requests=7)
    make_webhook(workspace_ids=[gone.pk], failing_since=NOW, failures=1)
    member = member_of(own, email="member@example.com", role=Role.VIEWER, permissions=list(ADMIN_PERMISSIONS))

    seen = opened_by(member).context

    assert len(seen["webhooks"]["troubled"]) == 1
    assert [each["key"].pk for each in seen["used_keys"]] == [key.pk]


def test_what_is_tried_again_is_due_though_the_post_is_out_elsewhere(workspace: Workspace) -> None:
    accounts = [make_account(workspace), make_account(workspace, platform="bluesky", remote_id="did:1")]
    post = make_post(workspace, accounts=accounts, status="scheduled", scheduled_at=NOW - HOUR)
    Target.objects.filter(account=accounts[0]).update(status="published", published_at=NOW, due_at=None)
    sync(post)
    counts.add_posts(workspace.pk, 1)
    member = member_of(workspace)

    seen = opened_by(member).context["waiting"]

    assert (seen["partially"], seen["outgoing"].due) == (1, 1)


@pytest.mark.usefixtures("db")
def test_a_member_of_nothing_sees_nothing_of_others_and_is_told_whom_to_ask() -> None:
    everything(make_workspace())

    answer = opened(role=Role.EDITOR)

    assert answer.context["accounts"]["ending"] == []
    assert "You are not a member of any workspace. Ask an administrator" in words(answer)
    assert "Connect an account" not in words(answer)  # it would be refused there


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("role", [Role.ADMIN, Role.EDITOR])
def test_it_costs_the_same_however_much_there_is(role: str, django_assert_max_num_queries: Any) -> None:
    user = make_user(email="staff@example.com", role=role, permissions=list(ADMIN_PERMISSIONS))
    for number in range(3):
        workspace = make_workspace(name=f"Workspace {number}")
        Membership.objects.create(workspace=workspace, user=user)
        everything(workspace)
        for minutes in range(8):
            write(SocialAccount.objects.get(workspace=workspace), "scheduled", at=NOW + HOUR + minutes * MINUTE)
        pausing.pause("workspace", workspace.pk, reason="Unpaid", actor=SYSTEM, now=NOW)
        account = SocialAccount.objects.filter(workspace=workspace)[0]
        pausing.pause("account", account.pk, reason="Unpaid", actor=SYSTEM, now=NOW)
    usage.IN_PROCESS.count(make_key()[0].pk, now=NOW)
    client = browser_of(user)

    with django_assert_max_num_queries(20):
        answer = client.get("/console/")

    assert {block for block in BLOCKS if block in answer.context} == BLOCKS


def test_posts_that_have_a_title_alone_cost_no_more(account: SocialAccount) -> None:
    client, asked = browser_of(make_user()), []

    for _ in range(2):
        for minutes in range(3):
            write(account, "scheduled", at=NOW + HOUR + minutes * MINUTE, content="", title="A walk")
        with CaptureQueriesContext(connection) as queries:
            client.get("/console/")
        asked.append(len(queries))

    assert asked[1] == asked[0]


def test_more_workspaces_than_can_be_named_are_told_by_the_sums_that_are_kept(
    account: SocialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_workspace(name="Another")
    monkeypatch.setattr(figures, "FEW", 1)
    publish(account, at=NOW - DAY)
    write(account, "failed", at=NOW - DAY)
    write(account, "failed", at=NOW - 30 * DAY)

    shown = opened().context["states"]

    assert shown.by_network
    assert [(each.status, each.count) for each in shown.legend] == [("published", 1), ("failed", 1)]
