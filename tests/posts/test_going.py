"""An account or workspace that goes takes along what was not sent, and nothing else."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from accounts.models import PauseScope, SocialAccount
from accounts.platforms.errors import NotConnected, Rejected
from accounts.services import Disconnected, disconnect
from ouipost.claims import database_now
from ouipost.events.models import Delivery, Event
from posts import pausing, removal
from posts.advice import failure
from posts.models import Post, Target
from posts.publishing.arming import load_ahead
from tests.factories import NOW, make_webhook
from tests.posts.fakes import (
    ACTOR,
    ScriptedNetwork,
    claim,
    claim_targets,
    make_due,
    make_mixed,
    publish,
    publish_claimed,
    send_into_the_dark,
    states,
    told,
)
from workspaces.models import Workspace
from workspaces.services import delete_workspace

ONE_OF_TWO: dict[str, Any] = {"parts": [{"remote_id": "7", "url": ""}], "replies": 1, "remote_id": "7"}


def partly_out(workspace: Workspace, account: SocialAccount, *, lease: timedelta | None = None) -> Target:
    """Write a thread of two parts, of which one is out, and a worker's lease on it from now on."""
    target = make_due(workspace, account)
    held = {} if lease is None else {"lease_until": database_now() + lease, "in_flight": account.pk}
    Target.objects.filter(pk=target.pk).update(**ONE_OF_TWO | held)
    return target


@pytest.fixture(autouse=True)
def _(network: ScriptedNetwork) -> None:
    """All accounts are the paper network's."""


def test_disconnecting_cancels_what_was_not_sent_and_counts_the_posts(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    account, other = accounts
    alone = [make_mixed(workspace, [account], "scheduled", scheduled_at=NOW) for _ in range(2)]
    missed = make_mixed(workspace, [account], "missed")
    shared = make_mixed(workspace, [account, other], "scheduled", "scheduled", scheduled_at=NOW)
    draft = make_mixed(workspace, [account], "draft")
    resting = make_mixed(workspace, [account], "publishing")
    published = make_mixed(workspace, [account], "published")
    failed = make_mixed(workspace, [account], "failed")

    count = disconnect(account, actor=ACTOR, now=NOW).cancelled

    assert count == 5
    events = {event.resource_id: event for event in Event.objects.filter(resource_type="post")}
    changed = {pk: (event.type, event.key_id, list(event.details["after"])) for pk, event in events.items()}
    back = ("post.unscheduled", ACTOR.key_id, ["status", "scheduled_at", "targets"])
    assert changed == {
        **{post.pk: back for post in alone},
        **{post.pk: ("post.unscheduled", ACTOR.key_id, ["status", "targets"]) for post in (missed, resting)},
        **{post.pk: ("post.updated", ACTOR.key_id, ["targets"]) for post in (shared, draft)},
    }
    assert events[shared.pk].details["after"] == {"targets": {account.pk: "cancelled"}}
    assert [states(post) for post in (*alone, missed, resting)] == [["cancelled"]] * 4
    assert [Post.objects.get(pk=post.pk).status for post in (*alone, missed, resting, draft)] == ["draft"] * 5
    assert (states(shared), Post.objects.get(pk=shared.pk).status) == (["cancelled", "scheduled"], "scheduled")
    assert (states(draft), states(published), states(failed)) == ([], ["published"], ["failed"])
    assert not Target.objects.filter(status="cancelled", due_at__isnull=False).exists()


@pytest.mark.parametrize("count", [1, 30])
def test_disconnecting_costs_the_same_for_one_post_or_many(
    workspace: Workspace, accounts: list[SocialAccount], django_assert_max_num_queries: Any, count: int
) -> None:
    make_webhook(events=["post.published", "post.updated"])
    account, other = accounts
    for _ in range(count):
        make_mixed(workspace, [account], "scheduled", scheduled_at=NOW)
        make_mixed(workspace, [account, other], "scheduled", "published", scheduled_at=NOW)

    with django_assert_max_num_queries(52):
        assert disconnect(account, actor=ACTOR, now=NOW).cancelled == 2 * count

    assert Counter(told()) == Counter(
        ["account.disconnected", *["post.unscheduled", "post.updated", "post.published"] * count]
    )
    assert Delivery.objects.count() == 3 * count
    assert set(Post.objects.values_list("status", "updated_at")) == {("draft", NOW), ("published", NOW)}


@pytest.mark.parametrize("going", ["account", "workspace"])
def test_what_a_worker_prepares_while_its_account_or_workspace_goes_is_called_off(
    workspace: Workspace, network: ScriptedNetwork, going: str
) -> None:
    target = make_due(workspace)
    held = claim(target)
    loaded = load_ahead([held])[held.pk]

    if going == "account":
        assert disconnect(target.account, actor=ACTOR, now=NOW).cancelled == 1
    else:
        delete_workspace(workspace, actor=ACTOR, now=NOW)
    publish_claimed(held, loaded=loaded)

    assert (network.calls, states(target.post)) == (["prepare"], ["cancelled"])


def test_disconnecting_leaves_alone_what_may_be_at_the_network(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    post = make_mixed(workspace, accounts, "publishing")
    Target.objects.filter(post=post).update(armed_at=NOW, outcome_unknown=True)
    make_mixed(workspace, accounts, "needs_review")

    gone = disconnect(accounts[0], actor=ACTOR, now=NOW)

    on_its_way = [{"post_id": post.pk, "target_id": post.targets.get().pk}]
    assert gone == Disconnected(cancelled=0, in_flight=on_its_way)
    assert Event.objects.get(type="account.disconnected").details["in_flight"] == on_its_way
    assert states(post) == ["publishing"]


@pytest.mark.parametrize("lease", [None, timedelta(seconds=-1)], ids=["put off", "left by its worker"])
def test_a_thread_partly_out_ends_with_its_account_even_while_it_is_paused(
    workspace: Workspace, accounts: list[SocialAccount], lease: timedelta | None
) -> None:
    make_webhook(events=["post.published", "post.updated"])
    thread = partly_out(workspace, accounts[0], lease=lease)
    pausing.pause(PauseScope.ACCOUNT, accounts[0].pk, reason="Wait.", actor=ACTOR, now=NOW)

    gone = disconnect(accounts[0], actor=ACTOR, now=NOW)

    ended = Target.objects.get()
    assert gone == Disconnected(cancelled=0, in_flight=[])
    assert (ended.status, ended.published_at, ended.due_at, ended.in_flight) == ("published", NOW, None, None)
    words = "1 of 2 parts are out; the next was not accepted. The account was disconnected."
    assert ended.error == failure(NotConnected.code, words)
    assert Post.objects.get(pk=thread.post_id).status == "published"
    [message] = [delivery.message for delivery in Delivery.objects.select_related("message")]
    assert (message.type, told().count("post.published")) == ("post.published", 1)


def test_a_post_of_which_a_thread_ends_with_its_account_is_settled_by_all_its_targets(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    other = make_mixed(workspace, accounts, "publishing", "failed")
    other.targets.filter(account=accounts[0]).update(**ONE_OF_TWO)

    disconnect(accounts[0], actor=ACTOR, now=NOW)

    assert (states(other), Post.objects.get(pk=other.pk).status) == (["published", "failed"], "partially_published")


def test_a_thread_partly_out_that_a_worker_holds_is_left_to_it_when_its_account_goes(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    thread = partly_out(workspace, accounts[0], lease=timedelta(minutes=1))

    gone = disconnect(accounts[0], actor=ACTOR, now=NOW)

    assert gone.in_flight == [{"post_id": thread.post_id, "target_id": thread.pk}]
    assert states(thread.post) == ["publishing"]


def test_a_thread_partly_out_ends_with_its_workspace_even_while_all_is_paused(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    partly_out(workspace, accounts[0])
    pausing.pause(PauseScope.ALL, reason="Wait.", actor=ACTOR, now=NOW)

    delete_workspace(workspace, actor=ACTOR, now=NOW)

    ended = Target.objects.get()
    words = "1 of 2 parts are out; the next was not accepted. Its workspace was deleted: nothing more of it is sent."
    assert (ended.status, ended.error) == ("published", failure(Rejected.code, words))
    assert removal.purge(workspace) is True


def test_a_workspace_that_goes_sends_no_more(workspace: Workspace, accounts: list[SocialAccount]) -> None:
    post = make_mixed(workspace, accounts, "scheduled", "missed")
    resting, busy = (make_mixed(workspace, accounts, "publishing") for _ in range(2))
    Target.objects.filter(post=busy).update(armed_at=NOW, outcome_unknown=True)

    removal.cancel_workspace(workspace)

    assert [states(each) for each in (post, resting, busy)] == [["cancelled"] * 2, ["cancelled"], ["publishing"]]


def test_what_is_made_due_while_its_workspace_goes_is_not_sent(workspace: Workspace, network: ScriptedNetwork) -> None:
    due = make_due(workspace)
    Workspace.objects.update(deleted_at=NOW)

    assert (claim_targets(1), states(due.post)) == ([], ["cancelled"])


def test_of_a_post_that_is_out_a_worker_sends_no_more_once_its_workspace_goes(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    claimed = make_due(workspace)
    Target.objects.update(parts=[{"remote_id": "7", "url": ""}], replies=1, remote_id="7")
    claim(claimed)
    delete_workspace(workspace, actor=ACTOR, now=NOW)

    assert (publish(claimed).status, network.calls) == ("published", [])


def test_what_is_in_doubt_when_its_workspace_goes_is_looked_for_and_not_sent_again(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    in_doubt = send_into_the_dark(make_due(workspace), network)
    Workspace.objects.update(deleted_at=NOW)

    assert [publish(in_doubt).status for _ in range(2)] == ["publishing", "failed"]
    assert network.calls == ["recover", "recover"]


def test_purging_waits_for_what_is_being_published(workspace: Workspace, accounts: list[SocialAccount]) -> None:
    make_mixed(workspace, accounts, "cancelled", "published")
    busy = make_mixed(workspace, accounts, "publishing")

    first = removal.purge(workspace)
    left = list(Post.objects.values_list("pk", flat=True))
    Target.objects.filter(post=busy).update(status="published")

    assert (first, left) == (False, [busy.pk])
    assert removal.purge(workspace) is True
    assert Post.objects.count() == 0
