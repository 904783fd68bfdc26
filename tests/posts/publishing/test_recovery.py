"""A lost answer is cleared up by what the network can tell, and is never followed by a blind send."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import registry, tokens
from accounts.models import SocialAccount
from accounts.platforms.base import Connector
from accounts.platforms.errors import AuthExpired, Duplicate, RateLimited, Rejected, StillWorking, Unavailable, Unknown
from accounts.platforms.shapes import Operation, Published
from accounts.services import disconnect
from ouipost.claims import database_now
from ouipost.events.models import Event
from ouipost.writer import Inline
from posts import pausing, reviewing, services
from posts.advice import failure
from posts.media import files
from posts.models import Post, Target
from posts.publishing import one_target
from posts.publishing.arming import load_ahead
from posts.publishing.outcomes import Outcome, Undecidable
from posts.publishing.settling import settle_all
from posts.schedules.services import queue_post
from tests.conftest import ApiClient
from tests.factories import NOW, make_account, make_media, make_post, make_schedule, make_workspace
from tests.posts.conftest import install
from tests.posts.fakes import (
    ACTOR,
    HERE,
    LOST,
    REVOKED,
    ScriptedNetwork,
    being_looked_for,
    bring_forward,
    claim,
    claim_targets,
    error_of,
    make_due,
    make_result,
    outcomes,
    publish,
    publish_claimed,
    send_into_the_dark,
)
from workspaces.models import Workspace

Act = Callable[[Post], None]
FOUND = Published(remote_id="7", url="https://network.example/7")
AWAY, REFUSAL = Unavailable("Away.", status=503), Rejected("No.", status=400)
DUPLICATE, QUOTA = Duplicate("Said before.", status=403), RateLimited("Too fast.", status=429)


def test_a_lost_answer_is_never_followed_by_a_blind_send(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)

    unknown = send_into_the_dark(target, network)

    assert (unknown.status, unknown.outcome_unknown) == ("publishing", True)
    assert outcomes(target) == [("commit", "unknown")]
    assert unknown.due_at is not None
    assert unknown.due_at > database_now() + timedelta(seconds=25)


def test_what_a_look_finds_is_adopted(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    unknown = send_into_the_dark(target, network)
    network.found = [[FOUND]]

    settled = publish(target)

    assert network.calls == ["recover"]
    assert network.operations[0].armed_at == unknown.armed_at
    assert (settled.status, settled.remote_id, settled.outcome_unknown) == ("published", "7", False)
    assert outcomes(target) == [("commit", "unknown"), ("recover", "published")]


def test_of_two_that_look_alike_the_later_one_is_looked_for_first(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    account, other = make_account(workspace), Published(remote_id="8", url="https://network.example/8")
    first, second = (send_into_the_dark(make_due(workspace, account), network) for _ in range(2))
    network.found = [[FOUND, other], [other], [FOUND, other]]

    waiting, later, told = publish(first), publish(second), publish(first)

    assert (waiting.status, waiting.outcome_unknown) == ("publishing", True)
    assert [(each.status, each.remote_id) for each in (later, told)] == [("published", "8"), ("published", "7")]


@pytest.mark.parametrize(("text", "waits"), [("Rye", True), ("Wheat", False)], ids=["the same text", "another text"])
def test_a_post_that_may_be_what_a_later_one_waits_for_is_not_taken_before_that_one_is_settled(
    workspace: Workspace, handled: ScriptedNetwork, text: str, waits: bool
) -> None:
    account = make_account(workspace)
    first = send_into_the_dark(make_due(workspace, account, content="Rye"), handled)
    handled.committed = [StillWorking("It is being processed.", retry_after=5, handles={"video": FOUND.remote_id})]
    second = publish(make_due(workspace, account, content=text))
    handled.found = [[FOUND]]

    asked, later = publish(first), publish(second)

    assert (asked.status, later.status) == (("publishing", "published") if waits else ("published", "publishing"))
    assert (asked.waits_for, asked.absences, asked.outcome_unknown) == ("", 0, waits)


def test_a_list_that_has_only_another_targets_post_is_looked_at_twice(
    workspace: Workspace, handled: ScriptedNetwork
) -> None:
    target, sibling = send_into_the_dark(make_due(workspace), handled), make_due(make_workspace())
    Target.objects.filter(pk=sibling.pk).update(status="published", due_at=None, remote_id=FOUND.remote_id)
    handled.found = [[FOUND]]

    doubted, settled = publish(target), publish(target)

    assert (doubted.absences, doubted.sends) == (1, 1)
    assert (settled.status, settled.sends) == ("published", 2)


def test_two_that_cannot_be_told_apart_do_not_wait_for_each_other(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    account, other = make_account(workspace), Published(remote_id="8", url="https://network.example/8")
    first, second = (send_into_the_dark(make_due(workspace, account), network) for _ in range(2))
    network.found = [[FOUND, other]]

    states = [publish(each).status for each in (first, second, first)]

    assert states == ["publishing", "needs_review", "needs_review"]


def test_a_send_whose_key_is_not_known_any_more_is_looked_for_and_not_repeated_under_another(
    workspace: Workspace, keyed: ScriptedNetwork
) -> None:
    target = make_due(workspace)
    send_into_the_dark(target, keyed)
    Target.objects.update(handles={})
    keyed.found = [[HERE]]

    settled = publish(target)

    assert (keyed.calls, settled.status) == (["recover"], "published")


def test_only_what_was_absent_twice_is_sent_again(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    send_into_the_dark(target, network)

    first = publish(target)
    calls_of_the_first = list(network.calls)
    settled = publish(target)

    assert (calls_of_the_first, first.absences) == (["recover"], 1)
    assert network.calls == ["recover", "recover", "prepare", "commit"]
    assert (settled.status, settled.sends) == ("published", 2)


class Died(BaseException):
    """The worker is gone."""


def test_what_a_worker_sent_again_before_it_died_is_looked_for_twice_once_more(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    target = send_into_the_dark(make_due(workspace), network)

    def die() -> Any:
        raise Died

    network.committed = [die, HERE]
    publish(target)
    with pytest.raises(Died):
        publish(target)
    network.forget()
    publish(target)

    assert network.calls == ["recover"]


@pytest.mark.parametrize(
    ("told", "ends"), [([HERE], "published"), ([HERE, FOUND], "needs_review")], ids=["of one", "of two"]
)
def test_what_a_late_answer_told_of_is_not_sent_again_where_the_look_does_not_find_it(
    workspace: Workspace, network: ScriptedNetwork, told: list[Published], ends: str
) -> None:
    target, sender, looker = being_looked_for(workspace, absences=1)
    settle_all([make_result(sender, each) for each in told])

    publish_claimed(looker)

    settled = Target.objects.get(pk=target.pk)
    assert (network.calls, settled.status) == (["recover"], ends)
    assert settled.remote_id == (HERE.remote_id if ends == "published" else "")


@pytest.mark.parametrize("put_off", [False, True], ids=["while it is prepared", "while it waits for its file"])
def test_what_a_late_answer_tells_of_before_it_is_sent_again_is_not_sent_again(
    workspace: Workspace, network: ScriptedNetwork, put_off: bool
) -> None:
    target, sender, looker = being_looked_for(workspace, absences=1)

    def told_meanwhile() -> Any:
        settle_all([make_result(sender, HERE)])
        if put_off:
            raise StillWorking("It is at work on the file.", retry_after=5)
        return {}

    network.prepared = [told_meanwhile, {}]
    publish_claimed(looker)
    settled = publish(target) if put_off else Target.objects.get(pk=target.pk)

    assert network.sent == []
    assert (settled.status, settled.remote_id, settled.sends) == ("published", HERE.remote_id, 1)


@pytest.mark.parametrize("ends", [Undecidable(message="Nobody can tell."), Rejected("No.")], ids=["unknown", "refused"])
def test_what_a_late_answer_tells_of_after_a_person_had_it_sent_again_is_not_sent_again(
    workspace: Workspace, network: ScriptedNetwork, ends: Outcome
) -> None:
    target, sender, looker = being_looked_for(workspace, sent_text="Hello")
    Post.objects.update(content="Hello")
    settle_all([make_result(looker, ends, step="recover", unresolved=isinstance(ends, Undecidable))])
    if isinstance(ends, Undecidable):
        reviewing.resolve_target(target, published=False, url="", actor=ACTOR, now=NOW)
    else:
        services.retry_post(target.post, actor=ACTOR, now=NOW)
    settle_all([make_result(sender, HERE)])

    settled = publish(target)

    assert network.sent == []
    assert (settled.status, settled.remote_id) == ("published", HERE.remote_id)


def until_settled(target: Target) -> Target:
    settled = publish(target)
    return until_settled(target) if settled.status == "publishing" else settled


@pytest.mark.parametrize("ends", [Undecidable(message="Nobody can tell."), Rejected("No.")], ids=["unknown", "refused"])
@pytest.mark.parametrize("met", [[], [AWAY], [LOST], [REFUSAL]], ids=["nothing", "503", "lost", "refused"])
@pytest.mark.parametrize("is_told_first", [True, False], ids=["before", "after"])
def test_what_a_late_answer_tells_of_is_not_taken_for_the_text_that_was_written_since(
    workspace: Workspace, network: ScriptedNetwork, ends: Outcome, met: list[Exception], is_told_first: bool
) -> None:
    target, sender, looker = being_looked_for(workspace, sent_text="Hello")
    settle_all([make_result(looker, ends, step="recover", unresolved=isinstance(ends, Undecidable))])
    if isinstance(ends, Undecidable):
        said_not_published(target)
        network.committed = [REFUSAL]
        publish(target)
    services.unschedule_post(target.post, actor=ACTOR)
    if is_told_first:
        settle_all([make_result(sender, HERE)])
    change_its_text(target.post)
    publish_now(target.post)
    network.forget()
    network.committed = [*met, FOUND]
    first = publish(target)
    if not is_told_first:
        settle_all([make_result(sender, HERE)])
    after = Target.objects.get(pk=target.pk)
    if after.status == "failed":
        services.retry_post(target.post, actor=ACTOR, now=database_now())

    settled = after if after.status == "published" else until_settled(target)

    assert (after.status, after.remote_id) == (first.status, first.remote_id)
    assert [each.content.text for each in network.sent] == ["Stale bread"] * (1 + len(met))
    assert (settled.status, settled.remote_id) == ("published", FOUND.remote_id)


def test_a_look_goes_back_to_the_first_of_all_sends(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    first = send_into_the_dark(target, network)
    publish(target)

    again = send_into_the_dark(target, network)

    assert (again.sends, again.outcome_unknown, again.armed_at) == (2, True, first.armed_at)


@pytest.mark.parametrize("missing", [[], StillWorking("It is not listed yet.", retry_after=10)])
@pytest.mark.parametrize(("seconds", "looks"), [(90, 2), (0.5, 1), (-90, 1)])
def test_a_post_that_a_slower_clock_dated_before_its_sending_is_found(
    workspace: Workspace,
    network: ScriptedNetwork,
    monkeypatch: pytest.MonkeyPatch,
    missing: Any,
    seconds: float,
    looks: int,
) -> None:
    target = send_into_the_dark(make_due(workspace), network)
    armed_at, behind = Target.objects.get(pk=target.pk).armed_at, timedelta(seconds=seconds)
    assert armed_at is not None
    look = network.recover

    def dated_look(session: Any, operation: Operation) -> list[Published]:
        session.dated = (time.monotonic(), database_now() - behind)
        return look(session, operation)

    monkeypatch.setattr(network, "recover", dated_look)
    network.found = [missing, [HERE]]

    settled = publish(target)

    since = [each.armed_at for each in network.operations if each.armed_at is not None]
    assert (network.calls, settled.status) == (["recover"] * looks, "published" if looks == 2 else "publishing")
    assert len({each.now - each.armed_at for each in network.operations if each.armed_at}) == 1
    assert armed_at - since[-1] == pytest.approx(behind if looks == 2 else timedelta(0), abs=timedelta(seconds=2))


def test_several_posts_that_can_be_it_are_left_to_a_person(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    send_into_the_dark(target, network)
    network.found = [[HERE, Published(remote_id="43", url="")]]

    settled = publish(target)

    assert (settled.status, settled.post.status) == ("needs_review", "needs_review")
    assert error_of(settled)["code"] == "OUTCOME_UNKNOWN"
    assert list(Event.objects.values_list("type", flat=True)) == ["post.needs_review"]


@pytest.mark.parametrize("is_looked_for", [False, True])
def test_a_post_whose_id_is_longer_than_can_be_kept_is_left_to_a_person(
    workspace: Workspace, network: ScriptedNetwork, is_looked_for: bool
) -> None:
    target = make_due(workspace)
    if is_looked_for:
        send_into_the_dark(target, network)
    network.committed = [replace(HERE, remote_id="4" * 256)]
    network.found = [network.committed]

    settled = publish(target)

    assert network.calls == (["recover"] if is_looked_for else ["prepare", "commit"])
    assert (settled.status, settled.outcome_unknown, settled.remote_id) == ("needs_review", True, "")
    assert error_of(settled)["message"].startswith("The network has it under an id of 256 characters")


@pytest.mark.parametrize("is_elsewhere", [False, True], ids=["in this workspace", "in another"])
def test_a_post_that_is_another_targets_is_not_taken_for_this_one(
    workspace: Workspace, network: ScriptedNetwork, is_elsewhere: bool
) -> None:
    account = make_account(workspace)
    other = make_workspace()
    sibling = make_due(other, make_account(other)) if is_elsewhere else make_due(workspace, account)
    target = make_due(workspace, account)
    Target.objects.filter(pk=sibling.pk).update(status="published", due_at=None, remote_id="42")
    send_into_the_dark(target, network)
    network.found = [[HERE, Published(remote_id="43", url="")]]

    settled = publish(target)

    assert (settled.status, settled.remote_id) == ("published", "43")


def test_of_two_workspaces_that_find_the_same_post_in_the_same_moment_one_takes_it(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    mine = send_into_the_dark(make_due(workspace), network)
    theirs = send_into_the_dark(make_due(make_workspace()), network)
    network.found = [lambda: [publish(theirs), [HERE]][1], [HERE]]  # it is looked for while we look

    ours = publish(mine)
    waiting = Target.objects.get(pk=theirs.pk)
    again = publish(theirs)

    assert (ours.status, ours.remote_id) == ("published", HERE.remote_id)
    assert (waiting.status, waiting.remote_id, waiting.absences) == ("publishing", "", 0)
    assert (again.status, again.remote_id, again.absences, network.sent) == ("publishing", "", 1, [])


def test_what_a_look_finds_is_not_taken_while_another_workspace_sends_to_the_account(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    mine = send_into_the_dark(make_due(workspace), network)
    theirs = make_due(make_workspace())
    network.found = [[HERE]]
    network.committed = [lambda: [publish(mine), HERE][1]]

    sent = publish(theirs)
    waiting = Target.objects.get(pk=mine.pk)
    again = publish(mine)

    assert (sent.status, sent.remote_id) == ("published", HERE.remote_id)
    assert [(each.status, each.remote_id, each.absences) for each in (waiting, again)] == [
        ("publishing", "", 0),
        ("publishing", "", 1),
    ]


def test_another_targets_post_that_a_network_names_for_a_repeated_send_is_not_taken_for_this_one(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    account = make_account(workspace)
    sibling, target = make_due(workspace, account), make_due(workspace, account)
    Target.objects.filter(pk=sibling.pk).update(status="published", due_at=None, remote_id=HERE.remote_id)
    send_into_the_dark(target, network)
    network.found = [[HERE]]

    for _ in range(4):
        settled = publish(target)

    assert network.calls == ["recover", "recover", "prepare", "commit", "recover", "recover"]
    assert (settled.status, settled.remote_id) == ("needs_review", "")


def test_the_same_id_at_another_account_is_not_in_the_way(workspace: Workspace, network: ScriptedNetwork) -> None:
    elsewhere = make_due(workspace, make_account(workspace, remote_id="2", default_of=None))
    target = make_due(workspace)
    Target.objects.filter(pk=elsewhere.pk).update(status="published", due_at=None, remote_id="42")
    send_into_the_dark(target, network)
    network.found = [[HERE]]

    assert publish(target).remote_id == "42"


def test_a_look_is_for_the_text_that_was_sent_whatever_the_settings_say_by_now(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    account = make_account(workspace)
    target = make_due(workspace, account, content="Bread")
    send_into_the_dark(target, network)
    SocialAccount.objects.filter(pk=account.pk).update(settings={"auto_hashtags": True, "default_hashtags": ["#new"]})

    publish(target)

    assert [each.content.text for each in network.operations] == ["Bread"]


@pytest.mark.parametrize("troubles", [[], [Unavailable("away")], [LOST, RateLimited("slow")]], ids=len)
def test_a_duplicate_after_a_lost_answer_is_looked_for_and_not_sent_a_third_time(
    workspace: Workspace, network: ScriptedNetwork, troubles: list[Any]
) -> None:
    target = make_due(workspace)
    send_into_the_dark(target, network)
    network.committed = [Duplicate("Said before.", status=403)]
    network.found = [[], [], *troubles, []]

    for _ in range(4 + len(troubles)):
        settled = publish(target)

    assert network.calls == ["recover", "recover", "prepare", "commit", *["recover"] * (2 + len(troubles))]
    assert settled.status == "needs_review"


@pytest.mark.parametrize(
    ("met", "found", "calls"),
    [
        (Unavailable("The connection was refused."), [[HERE]], ["prepare", "commit"] * 2),
        (QUOTA, [[], [HERE]], ["prepare", "commit", "recover", "prepare", "commit"]),
    ],
    ids=["never left", "looked for since"],
)
def test_a_duplicate_of_what_was_sent_before_is_looked_for_whatever_came_of_that(
    workspace: Workspace, network: ScriptedNetwork, met: Exception, found: list[Any], calls: list[str]
) -> None:
    network.committed, network.found = [met, DUPLICATE], found
    doubted = publish(publish(make_due(workspace)))

    settled = publish(doubted)

    assert (doubted.outcome_unknown, network.calls) == (True, [*calls, "recover"])
    assert (settled.status, settled.remote_id) == ("published", HERE.remote_id)


def test_a_look_that_a_quota_refuses_lets_the_accounts_other_posts_go_first(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    account = make_account(workspace)
    target, other = send_into_the_dark(make_due(workspace, account), network), make_due(workspace, account)
    bring_forward(other, due_at=database_now() + timedelta(seconds=9))
    network.found = [QUOTA]

    waiting = publish(target)

    following = Target.objects.get(pk=other.pk)
    assert waiting.due_at is not None
    assert following.due_at is not None
    assert waiting.due_at > following.due_at


def test_a_duplicate_of_what_was_never_sent_is_refused(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.committed = [DUPLICATE]

    settled = publish(make_due(workspace))

    assert (settled.status, error_of(settled)["code"], network.calls) == (
        "failed",
        Duplicate.code,
        ["prepare", "commit"],
    )


def let_the_worker_end(target: Target, network: ScriptedNetwork) -> None:
    bring_forward(target)
    one_target.publish(claim(target), writer=Inline(), loaded=None, is_ending=lambda: True)


def test_a_worker_that_ends_takes_away_no_last_try(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.committed = [AWAY]
    target = publish(make_due(workspace))
    Target.objects.filter(pk=target.pk).update(give_up_at=database_now() - timedelta(hours=1))

    let_the_worker_end(target, network)
    waiting = Target.objects.get(pk=target.pk)
    failed = publish(target)

    assert (waiting.status, waiting.error) == ("publishing", target.error)
    assert (failed.status, error_of(failed)["message"], len(network.sent)) == ("failed", AWAY.message, 2)


def fail_to_prepare(target: Target, network: ScriptedNetwork) -> None:
    network.prepared = [Unavailable("The upload failed.", status=503)]
    publish(target)
    network.prepared = [{}]


def give_up_and_retry(target: Target, network: ScriptedNetwork) -> None:
    Target.objects.filter(pk=target.pk).update(give_up_at=database_now())
    services.retry_post(publish(target).post, actor=ACTOR, now=database_now())


@pytest.mark.parametrize("between", [let_the_worker_end, fail_to_prepare, give_up_and_retry])
def test_a_duplicate_is_looked_for_whatever_comes_between_the_last_look_and_the_send(
    workspace: Workspace, network: ScriptedNetwork, between: Callable[[Target, ScriptedNetwork], None]
) -> None:
    """A list may show it later than it is searched: then only the refusal tells that it is there."""
    target = send_into_the_dark(make_due(workspace), network)
    network.found, network.committed = [[], [], [HERE]], [DUPLICATE]
    between(publish(target), network)
    doubted = publish(target)

    settled = publish(doubted)

    assert (doubted.status, doubted.outcome_unknown, error_of(doubted)["code"]) == ("publishing", True, Unknown.code)
    assert network.calls.count("commit") == 1
    assert (settled.status, settled.remote_id) == ("published", HERE.remote_id)


def test_what_may_not_be_sent_again_is_looked_for_although_its_twin_is_listed(
    workspace: Workspace, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "may_send_again", lambda operation: False)
    twin = publish(make_due(workspace))
    target = send_into_the_dark(make_due(workspace, twin.account), network)
    network.found = [[HERE]] * 4 + [[HERE, FOUND]]

    *looked, settled = [publish(target) for _ in range(5)]

    assert ({each.status for each in looked}, network.calls) == ({"publishing"}, ["recover"] * 5)
    assert (settled.status, settled.remote_id) == ("published", FOUND.remote_id)


def test_a_look_keeps_its_count_over_a_network_that_is_away(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    send_into_the_dark(target, network)
    network.found = [[], Unavailable("away"), LOST, []]

    for _ in range(4):
        settled = publish(target)

    assert network.calls == ["recover"] * 4 + ["prepare", "commit"]
    assert settled.status == "published"


def test_what_did_not_arrive_is_not_sent_after_the_end_of_trying(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    target = make_due(workspace)
    send_into_the_dark(target, network)
    publish(target)
    Target.objects.filter(pk=target.pk).update(give_up_at=database_now())

    settled = publish(target)

    assert network.calls == ["recover", "recover"]
    assert (settled.status, error_of(settled)["retryable"], settled.outcome_unknown) == ("failed", True, False)


SENT_AGAIN = ["recover", "prepare", "commit"]


@pytest.mark.parametrize(
    ("found", "calls"),
    [([HERE], ["recover"]), ([], SENT_AGAIN), ([HERE, FOUND], SENT_AGAIN), (RateLimited("Slow."), SENT_AGAIN)],
    ids=["there", "not there", "not clear", "not told"],
)
def test_what_a_quota_refused_is_looked_for_once_when_the_list_would_show_it(
    workspace: Workspace, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch, found: Any, calls: list[str]
) -> None:
    network.committed, network.found = [RateLimited("Too fast.", status=429), HERE], [found]
    target = make_due(workspace)
    publish(target)
    network.forget()
    with monkeypatch.context() as patch:
        patch.setattr(network, "listing_lag", 3600)
        waiting = publish(target)
    assert (waiting.status, network.calls) == ("publishing", [])

    settled = publish(target)

    assert (settled.status, network.calls) == ("published", calls)


def test_what_was_refused_twice_is_looked_for_when_the_list_would_show_the_second(
    workspace: Workspace, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.committed, network.found = [RateLimited("Too fast.", status=429)] * 2 + [HERE], [AWAY, [HERE]]
    target = make_due(workspace)
    publish(target)
    publish(target)
    Target.objects.update(armed_at=database_now() - timedelta(hours=2))
    network.forget()
    with monkeypatch.context() as patch:
        patch.setattr(network, "listing_lag", 3600)
        publish(target)
    assert network.calls == []

    settled = publish(target)

    assert (settled.status, network.calls) == ("published", ["recover"])


@dataclass(frozen=True)
class Ending:
    """What comes between a refusal and the next look."""

    raised: Exception | None = None
    """By whoever gives the account's token."""
    found: Any = None
    prepared: Any = None
    has_app: bool = True
    is_paused: bool = False
    is_ending: bool = False


OVER = "grant over"
ENDINGS = {
    "token being renewed": Ending(raised=tokens.BeingRenewed()),
    "token endpoint away": Ending(raised=AWAY),
    "no app": Ending(has_app=False),
    OVER: Ending(raised=REVOKED),
    "look and preparing fail": Ending(found=AWAY, prepared=AWAY),
    "look fails before a pause": Ending(found=AWAY, is_paused=True),
    "look fails before the worker ends": Ending(found=AWAY, is_ending=True),
    "not clear before the worker ends": Ending(found=[HERE, FOUND], is_ending=True),
}


def end(target: Target, network: ScriptedNetwork, ending: Ending) -> None:
    """Claim a target, and let it end so; what it meets is over afterwards."""
    network.found, network.prepared = [ending.found], [ending.prepared or {}]
    bring_forward(target)
    held = claim(target)
    if ending.is_paused:
        pausing.pause("all", reason="Look", actor=ACTOR, now=database_now())
    with pytest.MonkeyPatch.context() as patch:
        if ending.raised is not None:
            patch.setattr(tokens, "authorized", Mock(side_effect=ending.raised))
        patch.setattr(registry, "lacking", lambda *_, **__: [] if ending.has_app else ["FACEBOOK_CLIENT_ID"])
        one_target.publish(held, writer=Inline(), loaded=None, is_ending=lambda: ending.is_ending)
    if ending.is_paused:
        pausing.resume("all", actor=ACTOR, now=database_now())
    network.prepared = [{}]


@pytest.mark.parametrize(
    ("name", "is_reply"), [*((name, False) for name in ENDINGS), *((name, True) for name in ENDINGS if name != OVER)]
)
def test_what_was_refused_is_looked_for_whatever_comes_between(
    workspace: Workspace, network: ScriptedNetwork, name: str, is_reply: bool
) -> None:
    content = {"facebook": {"options": {"first_comment": "Hi"}}} if is_reply else {}
    target = make_due(workspace, platform_content=content)
    network.committed = [Published(remote_id="1", url="")] * is_reply + [RateLimited("Too fast.", status=429), HERE]
    for _ in network.committed[1:]:
        publish(target)
    network.forget()
    end(target, network, ENDINGS[name])
    network.found = [[HERE]]
    if (between := Target.objects.get(pk=target.pk)).status == "failed":
        services.retry_post(between.post, actor=ACTOR, now=database_now())

    settled = publish(target)

    assert (settled.status, network.sent) == ("published", [])
    assert (settled.parts[-1]["remote_id"] if is_reply else settled.remote_id) == HERE.remote_id


def be_missed(post: Post) -> None:
    bring_forward(post.targets.get(), due_at=database_now() - timedelta(hours=30))
    assert claim_targets(1) == []


def unschedule(post: Post) -> None:
    services.unschedule_post(post, actor=ACTOR)


def lose_its_account(post: Post) -> None:
    account = post.targets.get().account
    disconnect(account, actor=ACTOR, now=database_now())
    account.save()  # as it was


def take_its_account_out(post: Post) -> None:
    other = make_account(post.workspace, platform="twitter", remote_id="2")
    services.update_post(post, values={"platforms": [other.pk]}, actor=ACTOR, now=database_now())


def put_it_back(post: Post) -> None:
    services.update_post(post, values={"platforms": ["facebook"]}, actor=ACTOR, now=database_now())


def schedule(post: Post) -> None:
    now = database_now()
    services.schedule_post(post, scheduled_at=now + timedelta(hours=1), zone="UTC", actor=ACTOR, now=now)


def queue(post: Post) -> None:
    queue_post(post, make_schedule(post.workspace), actor=ACTOR, now=database_now())


def publish_now(post: Post) -> None:
    services.publish_post(post, actor=ACTOR, now=database_now())


@pytest.mark.parametrize(
    ("refusal", "leaves"),
    [
        (QUOTA, [be_missed]),
        (QUOTA, [be_missed, unschedule]),
        (QUOTA, [lose_its_account]),
        (REFUSAL, [unschedule]),
        (REFUSAL, [unschedule, schedule]),
        (REFUSAL, [unschedule, lose_its_account]),
        (REFUSAL, [unschedule, take_its_account_out, put_it_back]),
        (REFUSAL, [unschedule, schedule, take_its_account_out, put_it_back]),
        (REFUSAL, [unschedule, take_its_account_out, schedule, put_it_back]),
    ],
)
@pytest.mark.parametrize("comes_back", [schedule, queue, publish_now])
def test_what_was_refused_is_looked_for_however_it_is_asked_for_anew(
    workspace: Workspace, network: ScriptedNetwork, refusal: Exception, leaves: list[Act], comes_back: Act
) -> None:
    network.committed, network.found = [refusal, HERE], [[HERE]]
    target = publish(make_due(workspace, scheduled_at=database_now()))
    for leave in leaves:
        leave(target.post)
    comes_back(target.post)

    settled = publish(target.post.targets.get(account=target.account))

    assert (settled.status, settled.remote_id, len(network.sent)) == ("published", HERE.remote_id, 1)


def publish_due() -> None:
    for held in claim_targets(9):
        publish_claimed(held)


def change_its_text(post: Post) -> None:
    services.update_post(post, values={"content": "Stale bread"}, actor=ACTOR, now=database_now())


def change_its_file(post: Post) -> None:
    files.update(post.files.get(), values={"alt_text": "Bread"}, actor=ACTOR)


@pytest.mark.parametrize("change", [change_its_text, change_its_file])
@pytest.mark.parametrize("is_scheduled", [False, True], ids=["a draft", "scheduled"])
def test_what_was_changed_since_it_was_refused_is_another_post(
    workspace: Workspace, handled: ScriptedNetwork, change: Act, is_scheduled: bool
) -> None:
    handled.committed, handled.found = [REFUSAL, HERE], [[FOUND]]
    handled.prepared = [{"container": "c1"}, {}]
    target = make_due(workspace)
    make_media(target.post)
    publish(target)
    unschedule(target.post)
    if is_scheduled:
        schedule(target.post)
    change(target.post)
    publish_now(target.post)
    handled.forget()

    settled = publish(target)

    assert (settled.status, handled.calls) == ("published", ["prepare", "commit"])
    assert handled.operations[0].handles == {}


@pytest.mark.parametrize(
    "edit",
    [
        lambda pk: {"platform_content": {pk: {"content": "Stale bread"}}},
        lambda pk: {"content": "Stale bread", "platform_content": {"facebook": {"content": "Bread"}, pk: {}}},
        lambda pk: {"title": "Shown by no network", "platform_content": {pk: {"options": {"first_comment": "Hi"}}}},
    ],
    ids=["its text", "all but one text", "its comment"],
)
def test_an_edit_for_one_account_leaves_the_others_what_may_be_there(
    workspace: Workspace, network: ScriptedNetwork, accounts: list[SocialAccount], edit: Callable[[str], dict[str, Any]]
) -> None:
    page, other = accounts
    now = database_now()
    post = make_post(workspace, accounts=accounts, content="Bread", status="publishing", scheduled_at=now)
    network.committed = [REFUSAL, REFUSAL, HERE]
    publish_due()
    unschedule(post)
    services.update_post(post, values=edit(other.pk), actor=ACTOR, now=now)
    publish_now(post)
    network.forget()
    network.found = [[FOUND]]

    publish_due()

    assert network.calls == ["recover", "prepare", "commit"]
    assert [each.account.remote_id for each in network.operations] == [page.remote_id, *[other.remote_id] * 2]


def test_what_was_refused_for_its_token_is_looked_for_when_another_process_renews_that(
    workspace: Workspace, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = make_due(workspace)
    network.committed, network.found = [AuthExpired("Over.", status=401), HERE], [[HERE]]
    with monkeypatch.context() as patch:
        patch.setattr(tokens, "renew", Mock(return_value=False))
        publish(target)

    settled = publish(target)

    assert (settled.status, network.calls) == ("published", ["prepare", "commit", "recover"])


@pytest.mark.parametrize(
    ("kind", "found", "kept"),
    [("handled", [], None), ("handled", LOST, "c1"), ("network", LOST, None), ("opaque", [], None)],
)
def test_a_retry_begins_afresh_unless_its_handles_alone_keep_it_from_being_there_twice(
    workspace: Workspace, request: pytest.FixtureRequest, kind: str, found: Any, kept: str | None
) -> None:
    network: ScriptedNetwork = request.getfixturevalue(kind)
    network.prepared, network.found = [{"container": "c1"}, {}], [found]
    network.committed = [Rejected("No.", status=400), HERE]
    target = make_due(workspace)
    publish(target)
    services.retry_post(target.post, actor=ACTOR, now=database_now())

    settled = publish(target)

    assert (settled.status, network.operations[-1].handles.get("container")) == ("published", kept)


def test_the_same_key_is_sent_again_where_the_network_keeps_one_copy(
    workspace: Workspace, keyed: ScriptedNetwork
) -> None:
    keyed.saved = [{"key": "k1"}]
    target = make_due(workspace)
    send_into_the_dark(target, keyed)
    keyed.saved = []

    settled = publish(target)

    assert keyed.calls == ["prepare", "commit"]
    assert keyed.operations[1].handles["key"] == "k1"
    assert settled.status == "published"


def test_nothing_is_sent_under_its_key_after_the_end_of_trying(workspace: Workspace, keyed: ScriptedNetwork) -> None:
    target = make_due(workspace)
    send_into_the_dark(target, keyed)
    Target.objects.filter(pk=target.pk).update(give_up_at=database_now())

    waiting = publish(target)
    settled = publish(target)

    assert keyed.calls == ["recover", "recover"]
    assert (waiting.status, waiting.absences) == ("publishing", 1)
    assert (settled.status, error_of(settled)["retryable"], settled.outcome_unknown) == ("failed", True, False)


def test_a_network_that_tells_nothing_leaves_a_lost_answer_to_a_person(
    workspace: Workspace, opaque: ScriptedNetwork
) -> None:
    target = make_due(workspace)

    settled = send_into_the_dark(target, opaque)

    assert (settled.status, settled.due_at) == ("needs_review", None)


def test_a_worker_that_died_after_arming_is_never_followed_by_a_blind_send(
    workspace: Workspace, opaque: ScriptedNetwork
) -> None:
    target = make_due(workspace)
    Target.objects.filter(pk=target.pk).update(outcome_unknown=True, armed_at=database_now(), sends=1, claim_count=1)

    settled = publish(target)

    assert opaque.calls == []
    assert settled.status == "needs_review"
    assert outcomes(target) == [("recover", "undecidable")]


def test_a_post_that_got_its_id_after_it_was_published_is_not_taken_for_another_of_the_same_text(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    account = make_account(workspace)
    network.committed = [Published(remote_id="under review", url=""), LOST, HERE]
    publish(make_due(workspace, account))
    target = publish(make_due(workspace, account))
    network.found, network.listed = [[FOUND]], {"under review": FOUND.remote_id}

    publish(target)
    settled = publish(target)

    assert (settled.status, settled.remote_id, len(network.sent)) == ("published", HERE.remote_id, 3)


class ByOneId(ScriptedNetwork):
    """Lists a post by the id that it gave for it, as most networks do."""

    listed_id = Connector.listed_id


@pytest.mark.parametrize(("network_class", "asked"), [(ScriptedNetwork, 1), (ByOneId, 0)])
def test_posts_of_the_same_text_are_only_read_where_the_network_may_list_them_by_other_ids(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, network_class: type[ScriptedNetwork], asked: int
) -> None:
    network = install(monkeypatch, network_class())
    target = send_into_the_dark(make_due(workspace), network)
    network.found = [[FOUND]]

    with CaptureQueriesContext(connection) as queries:
        settled = publish(target)

    of_the_text = [each["sql"] for each in queries.captured_queries if re.search(r"sent_text\W+IN\b", each["sql"])]
    assert (settled.remote_id, len(of_the_text)) == (FOUND.remote_id, asked)


def said_not_published(target: Target) -> None:
    reviewing.resolve_target(target, published=False, url="", actor=ACTOR, now=database_now())


def test_a_duplicate_after_a_persons_no_is_looked_for_from_the_first_send_on(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    target = make_due(workspace)
    armed_at = send_into_the_dark(target, network).armed_at
    network.committed = [Duplicate("Said before.", status=403)]
    network.found = [[HERE, FOUND], Unavailable("Away."), [HERE]]
    publish(target)
    said_not_published(target)

    publish(target)
    settled = publish(target)

    assert network.calls == ["recover", "recover", "prepare", "commit", "recover"]
    assert network.operations[-1].armed_at == armed_at
    assert (settled.status, settled.remote_id) == ("published", HERE.remote_id)


def test_what_a_person_did_not_see_is_looked_for_by_its_key(workspace: Workspace, keyed: ScriptedNetwork) -> None:
    """By its text and time it may not be found: a record is dated when it was prepared."""
    target = make_due(workspace)
    handles = send_into_the_dark(target, keyed).handles
    bring_forward(target, claim_count=5)
    assert claim_targets(1) == []  # a person must look
    keyed.found = [[HERE]]
    said_not_published(target)

    settled = publish(target)

    assert (keyed.calls, keyed.operations[-1].handles) == (["recover"], handles)
    assert (settled.status, settled.remote_id) == ("published", HERE.remote_id)


def test_what_a_look_finds_while_its_account_is_disconnected_is_out(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    network.committed, network.found = [QUOTA, HERE], [[HERE]]
    target = publish(make_due(workspace))
    bring_forward(target)
    held = claim(target)
    loaded = load_ahead([held])[target.pk]
    disconnect(target.account, actor=ACTOR, now=database_now())
    assert Target.objects.get(pk=target.pk).status == "cancelled"

    publish_claimed(held, loaded=loaded)

    settled = Target.objects.select_related("post").get(pk=target.pk)
    assert (settled.status, settled.remote_id, settled.post.status) == ("published", HERE.remote_id, "published")


def test_what_a_person_had_sent_again_is_cancelled_with_its_account(
    workspace: Workspace, opaque: ScriptedNetwork
) -> None:
    target = make_due(workspace)
    send_into_the_dark(target, opaque)
    said_not_published(target)

    disconnect(target.account, actor=ACTOR, now=database_now())

    assert Target.objects.get(pk=target.pk).status == "cancelled"


def test_a_duplicate_after_a_persons_no_is_shown_to_a_person_where_nobody_can_look(
    workspace: Workspace, opaque: ScriptedNetwork
) -> None:
    target = make_due(workspace)
    send_into_the_dark(target, opaque)
    said_not_published(target)
    opaque.committed = [Duplicate("Paper has it as 42.", status=422)]

    settled = publish(target)

    assert opaque.calls == ["prepare", "commit"]
    told = "The network says that it is there already. Paper has it as 42."
    assert (settled.status, error_of(settled)["message"]) == ("needs_review", told)


def test_clients_are_told_at_every_stage_that_what_is_called_a_duplicate_may_be_this_post(
    api: ApiClient, workspace: Workspace, network: ScriptedNetwork
) -> None:
    target = send_into_the_dark(make_due(workspace), network)
    network.committed, network.found = [DUPLICATE], [[], [], AWAY, [], []]
    publish(target)
    stages = [publish(target) and shown_of(api, target) for _ in range(4)]

    looking = ("publishing", "OUTCOME_UNKNOWN", "network", ("network", False))
    assert stages == [looking] * 3 + [("needs_review", "OUTCOME_UNKNOWN", "caller", ("caller", False))]


def shown_of(api: ApiClient, target: Target) -> tuple[Any, ...]:
    """Return a target's status, the code of its error and who acts, and what its timeline says last."""
    [told] = api.get(f"/api/posts/{target.post_id}").json()["data"]["post"]["targets"]
    lines = api.get(f"/api/posts/{target.post_id}/timeline").json()["data"]["timeline"]
    last = [line for line in lines if line["target_id"]][-1]
    return told["status"], told["error"]["code"], told["error"]["who_acts"], (last["who_acts"], last["retry_safe"])


def test_a_duplicate_that_an_earlier_version_stored_as_refused_is_looked_for_and_not_believed_absent(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    target = send_into_the_dark(make_due(workspace), network)
    network.committed, network.found = [DUPLICATE], [[]]
    for _ in range(3):
        publish(target)
    Target.objects.update(error=failure(DUPLICATE.code, DUPLICATE.message), sent_at=None)

    *_, settled = [publish(target) for _ in range(2)]

    assert (settled.status, error_of(settled)["code"], len(network.sent)) == ("needs_review", Unknown.code, 1)


def test_what_was_said_to_be_there_before_it_was_denied_does_not_count_for_a_later_send(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    target = send_into_the_dark(make_due(workspace), network)
    network.committed, network.found = [DUPLICATE, LOST, HERE], [[]]
    while publish(target).status == "publishing":
        pass
    said_not_published(target)
    publish(target)

    *_, settled = [publish(target) for _ in range(2)]

    assert (settled.status, len(network.sent)) == ("published", 3)


def test_a_duplicate_of_what_a_person_found_is_not_taken_for_the_next_post(
    workspace: Workspace, opaque: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScriptedNetwork, "post_address", r"network\.example/(\d+)")
    first = make_due(workspace)
    send_into_the_dark(first, opaque)
    reviewing.resolve_target(first, published=True, url=HERE.url, actor=ACTOR, now=database_now())
    second = make_due(workspace, first.account)
    send_into_the_dark(second, opaque)
    said_not_published(second)
    opaque.committed = [HERE]  # LinkedIn names the post of which it is a duplicate

    settled = publish(second)

    assert Target.objects.get(pk=first.pk).remote_id == HERE.remote_id
    assert (settled.status, settled.remote_id) == ("needs_review", "")
