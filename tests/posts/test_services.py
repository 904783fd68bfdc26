"""What each command on a post leaves behind, and what it refuses."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.models import SocialAccount
from accounts.services import disconnect
from ouipost.claims import database_now
from ouipost.errors import DomainError
from ouipost.events.journal import SYSTEM
from ouipost.events.models import Event
from posts import reviewing, services
from posts.advice import failure
from posts.destinations import AccountNotConnected
from posts.models import Media, Post, Target
from posts.rules import PostNotPublishable
from tests.factories import NOW, make_account, make_schedule
from tests.posts.fakes import (
    ACTOR,
    ScriptedNetwork,
    claim_targets,
    make_due,
    make_mixed,
    publish,
    snapshot,
    states,
    status_of,
    told,
)
from workspaces.models import Workspace

SOON = NOW + timedelta(hours=1)
COMMANDS: dict[str, Callable[[Post], Post]] = {
    "schedule": lambda post: schedule(post, SOON),
    "publish": lambda post: services.publish_post(post, actor=ACTOR, now=NOW),
}


@pytest.fixture(autouse=True)
def _(network: ScriptedNetwork) -> None:
    """All accounts are the paper network's."""


def schedule(post: Post, at: datetime, *, zone: str = "UTC") -> Post:
    return services.schedule_post(post, scheduled_at=at, zone=zone, actor=ACTOR, now=NOW)


FRESH: dict[str, Any] = {
    "attempts": 0,
    "absences": 0,
    "claim_count": 0,
    "armed_at": None,
    "outcome_unknown": False,
    "handles": {},
    "error": None,
}


def facts(target: Target, *names: str) -> dict[str, Any]:
    return {name: getattr(target, name) for name in names}


@pytest.mark.parametrize("status", ["draft", "scheduled", "missed"])
def test_publishing_makes_every_target_due_now_as_if_it_was_never_tried(
    workspace: Workspace, accounts: list[SocialAccount], status: str
) -> None:
    post = make_mixed(workspace, accounts, status, status)

    services.publish_post(post, actor=ACTOR, now=NOW)

    wanted = FRESH | {
        "status": "publishing",
        "due_at": NOW,
        "scheduled_at": NOW,
        "give_up_at": NOW + timedelta(hours=6),
    }
    assert [facts(target, *wanted) for target in Target.objects.filter(post=post)] == [wanted] * 2
    assert told() == ["post.publish_requested"]


def test_what_is_published_now_has_no_time_ahead_of_it_any_more(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    post = make_mixed(workspace, accounts, "scheduled", scheduled_at=SOON, scheduled_timezone="Europe/Paris")

    services.publish_post(post, actor=ACTOR, now=NOW)

    stored, event = Post.objects.get(pk=post.pk), Event.objects.get()
    assert (stored.scheduled_at, stored.scheduled_timezone, stored.moment) == (None, "", stored.created_at)
    assert event.details["before"]["scheduled_at"] == f"{SOON:%Y-%m-%dT%H:%M:%SZ}"
    assert event.details["after"] == {"status": "publishing", "scheduled_at": None, "scheduled_timezone": ""}


def test_a_retry_sends_the_failed_targets_and_no_others(workspace: Workspace, accounts: list[SocialAccount]) -> None:
    other = make_mixed(workspace, accounts, "missed", "failed")
    post = make_mixed(workspace, accounts, "published", "failed")
    targets = Target.objects.filter(post=post).order_by("pk")
    first = targets.values().first()

    services.retry_post(post, actor=ACTOR, now=NOW)

    sent = targets.last()
    assert (targets.values().first(), states(other)) == (first, ["missed", "failed"])
    assert sent is not None
    assert facts(sent, "status", "due_at", *FRESH) == {"status": "publishing", "due_at": NOW} | FRESH
    assert told() == ["post.retried"]


def test_what_failed_for_an_account_that_went_is_not_sent_again(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    post = make_mixed(workspace, accounts, "published", "failed")
    SocialAccount.objects.filter(pk=accounts[1].pk).update(disconnected_at=NOW)

    with pytest.raises(AccountNotConnected) as refused:
        services.retry_post(post, actor=ACTOR, now=NOW)

    assert refused.value.details == {"accounts": [accounts[1].pk]}
    assert states(post) == ["published", "failed"]
    assert not Event.objects.exists()


@pytest.mark.parametrize("other", ["published", "failed"])
def test_a_retry_sends_what_was_missed_beside_what_is_out_or_failed(
    workspace: Workspace, accounts: list[SocialAccount], other: str
) -> None:
    post = make_mixed(workspace, accounts, other, "missed")

    services.retry_post(post, actor=ACTOR, now=NOW)

    assert states(post) == ["published" if other == "published" else "publishing", "publishing"]


def test_an_account_that_went_keeps_no_other_from_being_tried_again(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    third = make_account(workspace, platform="bluesky", remote_id="3")
    post = make_mixed(workspace, [*accounts, third], "published", "failed", "failed")
    SocialAccount.objects.filter(pk=accounts[1].pk).update(disconnected_at=NOW)

    services.retry_post(post, actor=ACTOR, now=NOW)

    assert states(post) == ["published", "failed", "publishing"]


def test_scheduling_gives_every_target_its_time(workspace: Workspace, accounts: list[SocialAccount]) -> None:
    post = make_mixed(workspace, accounts, "missed", "missed")

    scheduled = schedule(post, SOON, zone="Europe/Paris")

    wanted = FRESH | {"status": "scheduled", "due_at": SOON, "scheduled_at": SOON}
    stored = Post.objects.get(pk=post.pk)
    assert [facts(target, *wanted) for target in Target.objects.filter(post=post)] == [wanted] * 2
    assert (stored.status, stored.scheduled_at, stored.moment) == ("scheduled", SOON, SOON)
    assert (scheduled.scheduled_timezone, stored.scheduled_timezone) == ("Europe/Paris", "Europe/Paris")
    assert Event.objects.get().details == {
        "scheduled_at": f"{SOON:%Y-%m-%dT%H:%M:%SZ}",
        "timezone": "Europe/Paris",
        "before": {"status": "missed", "scheduled_at": None, "scheduled_timezone": ""},
        "after": {
            "status": "scheduled",
            "scheduled_at": f"{SOON:%Y-%m-%dT%H:%M:%SZ}",
            "scheduled_timezone": "Europe/Paris",
        },
    }


@pytest.mark.parametrize("minutes", [0, 1])
def test_a_time_of_a_moment_ago_is_due_at_once_and_not_missed(
    workspace: Workspace, accounts: list[SocialAccount], minutes: int
) -> None:
    Workspace.objects.update(settings={"publish_late_up_to_minutes": minutes})
    post, now = make_mixed(workspace, accounts[:1], "draft"), database_now()
    at = now - services.PAST_TOLERANCE

    services.schedule_post(post, scheduled_at=at, zone="UTC", actor=ACTOR, now=now)

    [target] = Target.objects.filter(post=post)
    assert (target.scheduled_at, target.due_at, Post.objects.get().scheduled_at) == (now, now, at)
    assert [held.pk for held in claim_targets(1)] == [target.pk]


def test_a_time_of_a_moment_ago_that_is_given_again_changes_nothing(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    post, at = make_mixed(workspace, accounts, "draft", "draft"), NOW - timedelta(seconds=30)
    schedule(post, at)

    services.schedule_post(post, scheduled_at=at, zone="UTC", actor=ACTOR, now=NOW + timedelta(seconds=20))

    assert set(Target.objects.values_list("scheduled_at", "due_at")) == {(NOW, NOW)}
    assert told() == ["post.scheduled", "post.unchanged"]


@pytest.mark.parametrize(
    "was",
    [
        {"due_at": SOON + timedelta(hours=1), "attempts": 1, "error": failure("PLATFORM_UNAVAILABLE", "Away.")},
        {"due_at": SOON + timedelta(seconds=30), "waits_for": "It is being worked on."},
        {"status": "failed", "due_at": None, "error": failure("CONTENT_REJECTED", "No.")},
        {"status": "cancelled", "due_at": None},
        None,
    ],
)
def test_to_make_a_target_due_again_is_a_change_though_the_time_is_the_same(
    workspace: Workspace, accounts: list[SocialAccount], was: dict[str, Any] | None
) -> None:
    post = make_mixed(workspace, accounts, "draft", "draft")
    schedule(post, SOON)
    second = Target.objects.filter(post=post, account=accounts[1])
    if was is None:
        second.delete()
    second.update(**(was or {}))

    schedule(post, SOON)

    assert list(second.values_list("status", "due_at", "attempts", "error")) == [("scheduled", SOON, 0, None)]
    assert told() == ["post.scheduled", "post.scheduled"]


@pytest.mark.parametrize("action", ["schedule", "publish"])
@pytest.mark.parametrize("kept", ["twitter", "account id"])
def test_a_post_whose_account_went_cannot_go_out(
    workspace: Workspace, accounts: list[SocialAccount], action: str, kept: str
) -> None:
    named = "twitter" if kept == "twitter" else accounts[1].pk
    post = make_mixed(workspace, accounts, "draft", "draft")
    Post.objects.filter(pk=post.pk).update(destinations=["facebook", named])
    disconnect(accounts[1], actor=SYSTEM, now=NOW)

    with pytest.raises(AccountNotConnected) as refused:
        COMMANDS[action](post)

    assert refused.value.details == {"platforms": [named]}
    assert ("disconnected" in refused.value.message) == (named != "twitter")


def test_a_draft_whose_account_went_can_still_be_edited(workspace: Workspace, accounts: list[SocialAccount]) -> None:
    post = make_mixed(workspace, accounts, "draft")
    Post.objects.filter(pk=post.pk).update(destinations=[accounts[0].pk])
    disconnect(accounts[0], actor=SYSTEM, now=NOW)

    edited, warnings = services.update_post(post, values={"content": "New"}, actor=ACTOR, now=NOW)

    assert (edited.content, states(post)) == ("New", [])
    way_out = "connect it again, or send platforms without it, by account ids."
    assert warnings == [f"Company Page (Facebook, companypage), {accounts[0].pk}, was disconnected: {way_out}"]


def test_unscheduling_leaves_nothing_of_the_plan(workspace: Workspace, accounts: list[SocialAccount]) -> None:
    post = make_mixed(workspace, accounts, "failed", "failed", scheduled_at=NOW, scheduled_timezone="Europe/Paris")
    other = make_mixed(workspace, accounts, "scheduled", "failed")
    Target.objects.update(scheduled_at=NOW, due_at=NOW, give_up_at=NOW)

    services.unschedule_post(post, actor=ACTOR)

    stored = Post.objects.get(pk=post.pk)
    wanted = FRESH | {"status": "draft", "due_at": None, "scheduled_at": None, "give_up_at": None}
    wanted |= {"sends": 3, "handles": {"upload": "old"}}  # of what may be there
    assert [facts(target, *wanted) for target in Target.objects.filter(post=post)] == [wanted] * 2
    assert (stored.status, stored.scheduled_at, stored.scheduled_timezone) == ("draft", None, "")
    assert stored.moment == stored.created_at
    assert states(other) == ["scheduled", "failed"]


def test_unscheduling_does_not_bring_back_what_was_cancelled(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    post = make_mixed(workspace, accounts, "scheduled", "scheduled", scheduled_at=NOW)
    disconnect(accounts[1], actor=SYSTEM, now=NOW)

    services.unschedule_post(post, actor=ACTOR)

    assert states(post) == ["draft", "cancelled"]


VALUES = {"content": "Bread", "platforms": ["facebook", "twitter"], "hashtags": ["food", "#Food", "new"]}


def create(workspace: Workspace, **values: Any) -> tuple[Post, list[str]]:
    given = {key: values.pop(key) for key in ("scheduled_at", "zone") if key in values}
    return services.create_post(workspace, values=VALUES | values, actor=ACTOR, now=NOW, **given)


def test_a_post_is_created_as_a_draft(workspace: Workspace, accounts: list[SocialAccount]) -> None:
    post, warnings = create(workspace, platform_content={"twitter": {"hashtags": ["rye", "##Rye"]}})

    stored = Post.objects.get()
    assert (stored.status, stored.hashtags, stored.platforms) == ("draft", ["#food", "#new"], ["facebook", "twitter"])
    assert stored.platform_content == {"twitter": {"hashtags": ["#rye"]}}
    assert (stored.created_at, stored.moment, warnings) == (NOW, NOW, [])
    assert (states(post), told()) == (["draft", "draft"], ["post.created"])


def test_an_edit_changes_the_given_fields_and_tells_which(workspace: Workspace, accounts: list[SocialAccount]) -> None:
    post = make_mixed(workspace, accounts, "draft", "draft", title="Title")

    services.update_post(post, values={"content": "New", "hashtags": ["a"]}, actor=ACTOR, now=NOW)

    stored, event = Post.objects.get(pk=post.pk), Event.objects.get()
    assert (stored.content, stored.title, stored.hashtags) == ("New", "Title", ["#a"])
    assert event.details == {
        "before": {"content": "Fresh bread", "hashtags": []},
        "after": {"content": "New", "hashtags": ["#a"]},
    }


@pytest.mark.parametrize("is_held", [False, True])
def test_an_edit_keeps_a_scheduled_post_scheduled_with_all_its_accounts(
    workspace: Workspace, accounts: list[SocialAccount], is_held: bool
) -> None:
    third, due_at = make_account(workspace, remote_id="3", default_of=None), None if is_held else SOON
    planned = {"scheduled_at": SOON, "scheduled_timezone": "Europe/Paris", "hashtags": ["#kept"]}
    queue = make_schedule(workspace, is_active=not is_held)
    post = make_mixed(workspace, accounts, "scheduled", "scheduled", schedule=queue, **planned)
    Target.objects.update(scheduled_at=SOON, due_at=due_at)

    services.update_post(post, values={"platforms": ["facebook", third.pk]}, actor=ACTOR, now=NOW)

    targets = Target.objects.placed().filter(post=post)
    stored = Post.objects.get(pk=post.pk)
    assert {target.account_id for target in targets} == {accounts[0].pk, third.pk}
    assert {(target.status, target.due_at, target.scheduled_at) for target in targets} == {("scheduled", due_at, SOON)}
    assert (stored.status, stored.platforms) == ("scheduled", ["facebook"])
    assert stored.destinations == Event.objects.get().details["after"]["platforms"] == ["facebook", third.pk]
    assert (stored.scheduled_timezone, stored.hashtags) == ("Europe/Paris", ["#kept"])


LONG_AGO, HELD_UNTIL = NOW - timedelta(hours=8), NOW + timedelta(hours=2)


def half_done(workspace: Workspace, accounts: list[SocialAccount], ended: str) -> Post:
    """Write a post whose first target came to an end at its time while the account of the second had to wait."""
    post = make_mixed(workspace, accounts, ended, "scheduled", scheduled_at=LONG_AGO)
    Target.objects.filter(post=post).update(scheduled_at=LONG_AGO)
    Target.objects.filter(post=post, status="scheduled").update(due_at=HELD_UNTIL, give_up_at=NOW)
    return post


@pytest.mark.parametrize("ended", ["failed", "missed", "cancelled"])
@pytest.mark.parametrize(
    "values", [{"title": "t"}, {"content": "New"}, {"platforms": ["facebook", "twitter"]}], ids=str
)
def test_an_edit_sends_nothing_again_and_ends_no_hold(
    workspace: Workspace, accounts: list[SocialAccount], ended: str, values: dict[str, Any]
) -> None:
    post = half_done(workspace, accounts, ended)
    Target.objects.update(sends=0)
    before = list(Target.objects.order_by("pk").values())

    services.update_post(post, values=values, actor=ACTOR, now=NOW)

    assert list(Target.objects.order_by("pk").values()) == before
    assert (Post.objects.get().status, told()) == (
        "scheduled",
        ["post.unchanged" if "platforms" in values else "post.updated"],
    )


def test_an_account_that_is_connected_again_and_named_gets_the_post(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    post = half_done(workspace, accounts, "cancelled")
    named = [account.pk for account in accounts]

    services.update_post(post, values={"platforms": named}, actor=ACTOR, now=NOW)

    [back, held] = Target.objects.filter(post=post).order_by("pk")
    assert (back.account_id, back.status, back.due_at) == (named[0], "scheduled", NOW)
    assert (held.status, held.due_at) == ("scheduled", HELD_UNTIL)


def test_what_waits_and_what_is_sent_again_later_goes_out_as_the_post_is_then(
    workspace: Workspace, accounts: list[SocialAccount], network: ScriptedNetwork
) -> None:
    post = half_done(workspace, accounts, "failed")
    Workspace.objects.update(settings={"publish_late_up_to_minutes": 10080})
    services.update_post(post, values={"content": "New"}, actor=ACTOR, now=NOW)

    waits = publish(Target.objects.get(status="scheduled"))
    services.retry_post(post, actor=ACTOR, now=NOW)
    again = publish(Target.objects.get(status="publishing"))

    assert (waits.status, again.status) == ("published", "published")
    assert [operation.content.text for operation in network.sent] == ["New", "New"]


def test_an_account_that_comes_when_the_time_is_over_is_due_at_once_and_not_missed(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    third = make_account(workspace, platform="bluesky", remote_id="3")
    post = half_done(workspace, accounts, "failed")

    services.update_post(post, values={"platforms": ["facebook", "twitter", "bluesky"]}, actor=ACTOR, now=NOW)

    wanted = FRESH | {"status": "scheduled", "due_at": NOW, "scheduled_at": NOW}
    assert facts(Target.objects.get(account=third), *wanted) == wanted
    assert Target.objects.get(account=accounts[1]).due_at == HELD_UNTIL
    assert Post.objects.get().scheduled_at == LONG_AGO


def test_a_post_whose_last_waiting_account_is_taken_away_is_what_the_others_came_to(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    post = half_done(workspace, accounts, "failed")

    edited, _warnings = services.update_post(post, values={"platforms": ["facebook"]}, actor=ACTOR, now=NOW)

    assert (edited.status, Post.objects.get().status) == ("failed", "failed")
    assert [each.status for each in Target.objects.placed()] == ["failed"]
    assert told() == ["post.updated", "post.failed"]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"content": "x" * 41}, "POST_NOT_PUBLISHABLE"),
        ({"platforms": ["facebook", "bluesky"]}, "ACCOUNT_NOT_CONNECTED"),
        ({"platforms": ["acc_none"]}, "VALIDATION_ERROR"),
    ],
)
def test_an_edit_that_makes_a_scheduled_post_unpublishable_changes_nothing(
    workspace: Workspace, accounts: list[SocialAccount], values: dict[str, Any], code: str
) -> None:
    post = make_mixed(workspace, accounts, "scheduled", "scheduled", scheduled_at=NOW)
    before = snapshot(post)

    with pytest.raises(DomainError) as refused:
        services.update_post(post, values=values, actor=ACTOR, now=NOW)

    assert refused.value.code == code
    assert (snapshot(post), told()) == (before, [])


TOO_LONG = "x" * 42


@pytest.mark.parametrize(
    ("values", "change"),
    [
        ({}, "unchanged"),
        ({"content": TOO_LONG, "platforms": ["facebook", "twitter"]}, "unchanged"),
        ({"title": "New"}, "updated"),
        ({"content": TOO_LONG[1:]}, "updated"),
        ({"platforms": ["twitter"]}, "updated"),
    ],
)
def test_a_scheduled_post_that_fits_no_more_can_be_edited_step_by_step(
    workspace: Workspace, accounts: list[SocialAccount], values: dict[str, Any], change: str
) -> None:
    post = make_mixed(workspace, accounts, "scheduled", "scheduled", scheduled_at=NOW, content=TOO_LONG)

    services.update_post(post, values=values, actor=ACTOR, now=NOW)

    assert (status_of(post), told()) == ("scheduled", [f"post.{change}"])


def test_an_edit_gives_no_other_account_what_fits_no_more_and_none_that_fitted_what_does_not(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    third = make_account(workspace, remote_id="3", default_of=None)
    fits = {accounts[1].pk: {"content": "Short"}}
    post = make_mixed(
        workspace, accounts, "scheduled", "scheduled", scheduled_at=NOW, content=TOO_LONG, platform_content=fits
    )
    to_a_third = {"platforms": [*(account.pk for account in accounts), third.pk]}

    for values, refusing in ((to_a_third, third), ({"platform_content": {}}, accounts[1])):
        with pytest.raises(PostNotPublishable) as refused:
            services.update_post(post, values=values, actor=ACTOR, now=NOW)

        named = [issue["account_id"] for issue in refused.value.details["issues"]]
        assert (named, told()) == ([accounts[0].pk, refusing.pk], [])


def test_an_edit_asks_nothing_of_an_account_that_the_post_does_not_go_to(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    post = make_mixed(workspace, accounts, "scheduled", "scheduled", scheduled_at=NOW)
    disconnect(accounts[1], actor=SYSTEM, now=NOW)
    accounts[1].save()  # connected again, but the post goes there only once it is named
    overrides = {accounts[1].pk: {"content": TOO_LONG}}

    services.update_post(post, values={"platform_content": overrides}, actor=ACTOR, now=NOW)

    assert states(post) == ["scheduled", "cancelled"]
    with pytest.raises(PostNotPublishable):
        services.update_post(post, values={"platforms": [each.pk for each in accounts]}, actor=ACTOR, now=NOW)


def test_publishing_sends_nothing_to_an_account_that_the_post_does_not_go_to(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    post = make_mixed(workspace, accounts, "scheduled", "scheduled", scheduled_at=SOON)
    disconnect(accounts[1], actor=SYSTEM, now=NOW)
    accounts[1].save()  # connected again, but the post goes there only once it is named, or given another time

    services.publish_post(post, actor=ACTOR, now=NOW)

    assert states(post) == ["publishing", "cancelled"]


def test_what_fits_no_more_is_given_no_other_time(workspace: Workspace, accounts: list[SocialAccount]) -> None:
    post = make_mixed(workspace, accounts, "scheduled", "scheduled", scheduled_at=SOON, content=TOO_LONG)

    for at in (SOON, SOON + timedelta(hours=1)):
        with pytest.raises(PostNotPublishable):
            schedule(post, at)


def test_a_draft_may_be_as_long_as_it_likes(workspace: Workspace, accounts: list[SocialAccount]) -> None:
    post = make_mixed(workspace, accounts, "draft", "draft")

    services.update_post(post, values={"content": "x" * 41}, actor=ACTOR, now=NOW)

    assert len(Post.objects.get(pk=post.pk).content) == 41


def test_what_a_person_says_is_published_is_sent_no_more(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace, status="needs_review")
    error = failure("OUTCOME_UNKNOWN", "Nobody knows.")
    Target.objects.filter(pk=target.pk).update(due_at=None, outcome_unknown=True, error=error)

    post = reviewing.resolve_target(target, published=True, url="https://f.example/1", actor=ACTOR, now=NOW)

    settled, (event, outcome) = Target.objects.get(pk=target.pk), Event.objects.order_by("pk")
    assert (settled.status, settled.url, settled.published_at) == ("published", "https://f.example/1", NOW)
    assert (settled.due_at, settled.outcome_unknown, settled.error) == (None, False, None)
    assert (post.status, post.published_at) == ("published", NOW)
    assert (event.type, outcome.type) == ("post.resolved", "post.published")
    assert event.details == {
        "target": target.pk,
        "outcome": "published",
        "before": {"status": "needs_review"},
        "after": {"status": "published"},
    }
    assert network.calls == []


def test_what_a_person_says_is_not_published_is_sent_once(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace, status="needs_review")
    Target.objects.filter(pk=target.pk).update(due_at=None, outcome_unknown=True, sends=2, armed_at=NOW)

    reviewing.resolve_target(target, published=False, url="", actor=ACTOR, now=NOW)
    settled = publish(target)

    assert network.calls == ["recover", "prepare", "commit"]
    assert settled.status == "published"
    assert Event.objects.get(type="post.resolved").details["outcome"] == "not_published"


def test_what_a_person_says_is_not_published_at_a_disconnected_account_is_called_off(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    target = make_due(workspace, status="needs_review")
    error = failure("OUTCOME_UNKNOWN", "Nobody knows.")
    Target.objects.update(due_at=None, outcome_unknown=True, sends=2, armed_at=NOW, error=error)
    disconnect(target.account, actor=ACTOR, now=NOW)
    assert Target.objects.get().status == "needs_review"

    post = reviewing.resolve_target(target, published=False, url="", actor=ACTOR, now=NOW)

    left, (resolved, back) = Target.objects.get(), Event.objects.filter(resource_id=post.pk).order_by("pk")
    assert (left.status, left.outcome_unknown, left.error, left.due_at) == ("cancelled", False, None, None)
    assert (left.armed_at, left.is_taken_out, post.status) == (NOW, False, "draft")
    assert resolved.details["account"] == "disconnected"
    assert (back.type, back.details["before"]["status"]) == ("post.unscheduled", "needs_review")
    target.account.save()  # as it was, connected
    services.publish_post(post, actor=ACTOR, now=database_now())
    assert publish(target).status == "published"
    assert network.calls == ["recover", "prepare", "commit"]


def test_other_accounts_of_a_post_settle_it_once_a_person_has_said_that_it_is_not_at_one_that_went(
    workspace: Workspace, accounts: list[SocialAccount]
) -> None:
    post = make_mixed(workspace, accounts, "needs_review", "published")
    unknown = Target.objects.get(post=post, status="needs_review")
    Target.objects.filter(pk=unknown.pk).update(scheduled_at=NOW)
    disconnect(unknown.account, actor=ACTOR, now=NOW)

    reviewing.resolve_target(unknown, published=False, url="", actor=ACTOR, now=NOW)

    assert (states(post), status_of(post)) == (["cancelled", "published"], "published")
    assert told()[-2:] == ["post.resolved", "post.published"]


def test_only_the_target_that_needs_it_is_resolved(workspace: Workspace, accounts: list[SocialAccount]) -> None:
    post = make_mixed(workspace, accounts, "needs_review", "failed")
    failed = Target.objects.get(post=post, status="failed")

    with pytest.raises(services.WrongStatus) as refused:
        reviewing.resolve_target(failed, published=True, url="https://f.example/1", actor=ACTOR, now=NOW)

    assert refused.value.details == {"status": "needs_review"}
    assert states(post) == ["needs_review", "failed"]


def test_nothing_is_resolved_while_a_sibling_is_being_sent(workspace: Workspace, accounts: list[SocialAccount]) -> None:
    post = make_mixed(workspace, accounts, "needs_review", "publishing")
    unknown = Target.objects.get(post=post, status="needs_review")

    with pytest.raises(services.WrongStatus) as refused:
        reviewing.resolve_target(unknown, published=False, url="", actor=ACTOR, now=NOW)

    assert refused.value.details == {"status": "publishing"}


def test_deleting_takes_targets_and_files_along(workspace: Workspace, accounts: list[SocialAccount]) -> None:
    post = make_mixed(workspace, accounts, "published", "failed")

    services.delete_post(post, actor=ACTOR)

    assert (Post.objects.count(), Target.objects.count(), Media.objects.count()) == (0, 0, 0)
    assert Event.objects.get().details == {"status": "partially_published", "content": "Fresh bread"}
