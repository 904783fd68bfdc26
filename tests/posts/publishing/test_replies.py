"""A post of several parts: each is sent once, in order, and answers the right one; test 29 of the acceptance list."""

from typing import Any

import pytest

from accounts.models import SocialAccount
from accounts.platforms.errors import Rejected, StillWorking, Unavailable
from accounts.platforms.shapes import Published
from accounts.services import disconnect
from ouipost.claims import database_now
from posts import pausing
from posts.models import Post, Target
from posts.publishing.arming import load_all
from posts.reviewing import resolve_target
from tests.factories import make_workspace
from tests.posts.fakes import (
    ACTOR,
    LOST,
    ScriptedNetwork,
    bring_forward,
    claim,
    claim_targets,
    error_of,
    make_due,
    outcomes,
    publish,
    publish_claimed,
    status_of,
)
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def part(number: int) -> Published:
    return Published(remote_id=str(number), url=f"https://network.example/{number}", facts={"cid": f"c{number}"})


def make_thread(workspace: Workspace, **options: Any) -> Target:
    target = make_due(workspace)
    given = options or {"thread": ["Second", "Third"]}
    Post.objects.filter(pk=target.post_id).update(platform_content={"facebook": {"options": given}})
    return Target.objects.get(pk=target.pk)


def publish_on(target: Target, steps: int) -> Target:
    for _ in range(steps):
        target = publish(target)
    return target


def test_the_parts_go_out_in_order_each_answering_the_one_before(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    network.committed = [part(1), part(2), part(3)]

    published = publish_on(make_thread(workspace), 3)

    sent = [(each.reply and each.reply.text, each.out and each.parent.remote_id) for each in network.sent]
    assert sent == [(None, ()), ("Second", "1"), ("Third", "2")]
    assert [each.out and each.root.facts for each in network.sent] == [(), {"cid": "c1"}, {"cid": "c1"}]
    assert (published.status, published.remote_id) == ("published", "1")
    assert published.url.endswith("/network.example/1")
    assert [each["remote_id"] for each in published.parts] == ["1", "2", "3"]
    assert published.error is None


def test_a_post_is_not_published_before_its_last_part_is(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.committed = [part(1), part(2), part(3)]

    under_way = publish(make_thread(workspace))

    assert (under_way.status, under_way.post.status, under_way.published_at) == ("publishing", "publishing", None)
    assert (under_way.remote_id, under_way.handles, under_way.sends, under_way.outcome_unknown) == ("1", {}, 0, False)
    assert under_way.due_at is not None
    assert under_way.due_at <= database_now()


def test_each_part_has_handles_of_its_own(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.committed, network.prepared = [part(1), part(2), part(3)], [{"a": 1}, {"b": 2}, {"c": 3}]

    publish_on(make_thread(workspace), 3)

    assert [each.handles for each in network.sent] == [{"a": 1}, {"b": 2}, {"c": 3}]


def test_a_comment_answers_the_post_and_comes_last(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.committed = [part(1), part(2), part(3)]

    publish_on(make_thread(workspace, thread=["Second"], first_comment="By the way"), 3)

    last = network.sent[-1]
    assert last.reply is not None
    assert (last.reply.text, last.reply.is_comment, last.parent.remote_id) == ("By the way", True, "1")


def test_a_part_whose_answer_is_lost_is_looked_for_and_not_sent_again(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    network.committed, network.found = [part(1), LOST, part(3)], [[part(2)]]

    published = publish_on(make_thread(workspace), 4)

    assert network.calls == ["prepare", "commit", "prepare", "commit", "recover", "prepare", "commit"]
    assert [each["remote_id"] for each in published.parts] == ["1", "2", "3"]
    assert [each.reply and each.reply.text for each in network.operations if each.out][2] == "Second"


def test_a_part_that_did_not_arrive_is_sent_again_after_two_looks(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    network.committed, network.found = [part(1), LOST, part(2), part(3)], [[]]

    published = publish_on(make_thread(workspace), 5)

    assert [each["remote_id"] for each in published.parts] == ["1", "2", "3"]
    assert network.calls.count("commit") == 4


def test_a_part_that_is_refused_leaves_the_post_published_and_says_so(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    network.committed = [part(1), part(2), Rejected("The network says: too rude.")]

    left = publish_on(make_thread(workspace), 3)

    error = error_of(left)
    assert (left.status, left.post.status, left.remote_id, left.due_at) == ("published", "published", "1", None)
    assert error["message"] == "2 of 3 parts are out; the next was not accepted. The network says: too rude."
    assert (error["code"], error["retryable"]) == ("CONTENT_REJECTED", False)


def test_a_part_that_cannot_be_sent_now_is_tried_again(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.committed = [part(1), Unavailable("away"), part(2), part(3)]

    waiting = publish_on(make_thread(workspace), 2)
    published = publish_on(waiting, 2)

    assert waiting.status == "publishing"
    assert [each["remote_id"] for each in published.parts] == ["1", "2", "3"]


def test_a_part_is_worked_on_like_a_post(workspace: Workspace, handled: ScriptedNetwork) -> None:
    handled.committed = [part(1), StillWorking("At work.", retry_after=5), part(3)]
    handled.found = [[part(2)]]

    published = publish_on(make_thread(workspace), 4)

    assert [each["remote_id"] for each in published.parts] == ["1", "2", "3"]
    assert outcomes(published)[1:3] == [("commit", "still_working"), ("recover", "published")]


def test_settings_that_change_on_the_way_change_no_part(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.committed = [part(1), part(2), part(3)]
    under_way = publish(make_thread(workspace))
    text = under_way.sent_text
    SocialAccount.objects.update(settings={"auto_hashtags": True, "default_hashtags": ["new"]})

    published = publish_on(under_way, 2)

    assert published.sent_text == text == network.sent[-1].content.text


def test_an_account_that_goes_between_two_parts_leaves_the_post_published(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    network.committed = [part(1), part(2), part(3)]
    under_way = publish(make_thread(workspace))

    disconnect(under_way.account, actor=ACTOR, now=database_now())
    left = publish(Target.objects.get(pk=under_way.pk))

    assert (left.status, left.remote_id) == ("published", "1")
    assert error_of(left)["code"] == "TOKEN_REVOKED"


@pytest.mark.parametrize("dies", [True, False])
def test_an_account_that_goes_while_it_is_paused_and_a_worker_is_at_its_thread_leaves_the_post_published(
    workspace: Workspace, network: ScriptedNetwork, dies: bool
) -> None:
    network.committed = [part(1), part(2), part(3)]
    under_way = publish(make_thread(workspace))
    bring_forward(under_way)
    held = claim(under_way)
    [loaded] = load_all([held])
    pausing.pause("all", reason="We look into it.", actor=ACTOR, now=database_now())
    disconnect(under_way.account, actor=ACTOR, now=database_now())
    if not dies:
        publish_claimed(held, loaded=loaded)

    make_due(make_workspace())
    left = publish(under_way)

    assert (left.status, left.remote_id, status_of(left.post)) == ("published", "1", "published")
    assert (error_of(left)["code"], network.calls.count("commit")) == ("TOKEN_REVOKED", 1)
    assert claim_targets(10) == []


def test_a_person_who_says_that_a_part_is_not_there_has_it_sent(workspace: Workspace, opaque: ScriptedNetwork) -> None:
    opaque.committed = [part(1), LOST, part(2), part(3)]
    left = publish_on(make_thread(workspace), 2)
    assert left.status == "needs_review"

    resolve_target(left, published=False, url="", actor=ACTOR, now=database_now())
    published = publish_on(Target.objects.get(pk=left.pk), 2)

    assert [each["remote_id"] for each in published.parts] == ["1", "2", "3"]
    assert opaque.calls.count("commit") == 4


def test_a_person_who_says_that_a_part_is_not_there_ends_the_thread_of_an_account_that_went(
    workspace: Workspace, opaque: ScriptedNetwork
) -> None:
    opaque.committed = [part(1), LOST]
    left = publish_on(make_thread(workspace), 2)
    disconnect(left.account, actor=ACTOR, now=database_now())

    resolve_target(left, published=False, url="", actor=ACTOR, now=database_now())

    settled = Target.objects.get(pk=left.pk)
    assert (settled.status, settled.remote_id, settled.outcome_unknown) == ("published", "1", False)
    assert (error_of(settled)["code"], status_of(settled.post)) == ("TOKEN_REVOKED", "published")
    assert error_of(settled)["message"].startswith("1 of 3 parts are out")


def test_a_person_who_says_that_a_part_is_there_ends_the_thread(workspace: Workspace, opaque: ScriptedNetwork) -> None:
    opaque.committed = [part(1), LOST]
    left = publish_on(make_thread(workspace), 2)

    resolve_target(left, published=True, url="https://network.example/2", actor=ACTOR, now=database_now())

    settled = Target.objects.get(pk=left.pk)
    assert settled.status == "published"
    assert settled.url.endswith("/network.example/1")
    assert "what follows it was not sent" in error_of(settled)["message"]
