"""What late answers named is published, whatever became of its target; nothing is sent again beside it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from accounts.models import SocialAccount
from accounts.platforms.base import Recovery
from accounts.platforms.errors import AuthExpired, Duplicate, Rejected, Unavailable
from accounts.platforms.shapes import Published
from accounts.services import disconnect
from ouipost.claims import Claim, database_now
from posts import pausing, reviewing, services
from posts.models import Post, Target
from posts.operating.stuck import in_doubt
from posts.publishing.outcomes import Undecidable
from posts.publishing.past_answers import late_posts, said_to_be_there
from posts.publishing.settling import settle_all
from tests.factories import NOW, make_account
from tests.posts.fakes import (
    ACTOR,
    HERE,
    ScriptedNetwork,
    arm,
    being_looked_for,
    bring_forward,
    claim,
    claim_targets,
    error_of,
    make_due,
    make_result,
    outcomes,
    publish,
    states,
    status_of,
    told,
)
from tests.posts.publishing.test_settling import lost_claim, park
from workspaces.models import Workspace

THREAD = {"facebook": {"options": {"thread": ["Second", "Third"]}}}
FIRST, SECOND = Published(remote_id="41", url=""), Published(remote_id="42", url="")


def given_up(workspace: Workspace) -> tuple[Target, Claim]:
    """Return a target that a worker sent before it froze, looked for in vain and given up; and that worker's claim."""
    target = make_due(workspace)
    sender = claim(target)
    arm(sender, target)
    bring_forward(target, give_up_at=database_now(), sends=1, sent_at=NOW, armed_at=NOW)
    for _ in range(2):
        publish(target)
    failed = Target.objects.select_related("post", "account").get(pk=target.pk)
    assert (failed.status, failed.armed_at, failed.sends) == ("failed", None, 1)
    return failed, sender


@pytest.mark.parametrize("is_late_first", [True, False], ids=["answered before", "answered after"])
def test_an_account_that_a_draft_loses_and_gets_back_is_sent_the_post_once(
    workspace: Workspace, network: ScriptedNetwork, is_late_first: bool
) -> None:
    target, sender = given_up(workspace)
    other = make_account(workspace, remote_id="2002", default_of=None)
    services.unschedule_post(target.post, actor=ACTOR)
    steps: list[Callable[[], object]] = [
        lambda: settle_all([make_result(sender, HERE)]),
        lambda: services.update_post(target.post, values={"destinations": [other.pk]}, actor=ACTOR, now=NOW),
    ]
    for step in steps if is_late_first else reversed(steps):
        step()
    services.update_post(target.post, values={"destinations": [target.account_id]}, actor=ACTOR, now=NOW)
    services.publish_post(Post.objects.get(pk=target.post_id), actor=ACTOR, now=database_now())
    network.forget()

    settled = publish(Target.objects.get(post=target.post_id, account=target.account_id))

    assert (settled.remote_id, "commit" in network.calls) == (HERE.remote_id, False)


def test_a_draft_keeps_what_a_disconnected_account_was_sent(workspace: Workspace, network: ScriptedNetwork) -> None:
    target, sender = given_up(workspace)
    services.unschedule_post(target.post, actor=ACTOR)
    settle_all([make_result(sender, HERE)])

    disconnect(target.account, actor=ACTOR, now=database_now())

    assert outcomes(target)[-1] == ("commit", "late")


def test_a_post_that_is_known_to_be_out_is_not_cancelled_with_its_account(workspace: Workspace) -> None:
    target, sender, looker = being_looked_for(workspace)
    settle_all([make_result(looker, Unavailable("away", status=503))])
    settle_all([make_result(sender, HERE)])

    gone = disconnect(target.account, actor=ACTOR, now=database_now())

    settled = Target.objects.select_related("post").get(pk=target.pk)
    assert (settled.status, settled.in_flight, settled.post.status) == ("published", None, "published")
    assert settled.post.scheduled_at is not None
    assert (gone.cancelled, told()) == (0, ["account.disconnected", "post.published"])


def refuse_its_last_part(target: Target) -> None:
    held = claim(target)
    Target.objects.filter(pk=target.pk).update(sends=2)
    settle_all([make_result(held, Rejected("no", status=400))])


def fail_to_prepare_it(target: Target) -> None:
    settle_all([make_result(claim(target), Rejected("The file is gone."), step="prepare")])


def lose_its_token(target: Target) -> None:
    settle_all([make_result(claim(target), AuthExpired("revoked"), step="prepare")])


def disconnect_it(target: Target) -> None:
    disconnect(target.account, actor=ACTOR, now=database_now())


@pytest.mark.parametrize("is_late_first", [True, False], ids=["answered before", "answered after"])
@pytest.mark.parametrize("end", [refuse_its_last_part, fail_to_prepare_it, lose_its_token, disconnect_it])
def test_a_thread_that_ended_without_its_last_part_is_whole_where_a_late_answer_names_that(
    workspace: Workspace, end: Callable[[Target], None], is_late_first: bool
) -> None:
    target, sender, looker = being_looked_for(workspace)
    Target.objects.update(replies=1, parts=[{"remote_id": "41", "url": ""}], remote_id="41")
    settle_all([make_result(looker, Unavailable("away", status=503))])
    bring_forward(target)
    steps: list[Callable[[], object]] = [lambda: settle_all([make_result(sender, SECOND)]), lambda: end(target)]

    for step in steps if is_late_first else reversed(steps):
        step()

    settled = Target.objects.get(pk=target.pk)
    assert (settled.status, settled.error, [part["remote_id"] for part in settled.parts]) == (
        "published",
        None,
        ["41", "42"],
    )
    assert status_of(target.post) == "published"


def cut_short(workspace: Workspace, network: ScriptedNetwork) -> tuple[Target, Claim]:
    """Return a thread of three whose second part was looked for in vain, sent again and refused; and the claim whose
    worker had sent that part before it froze."""
    target = make_due(workspace, platform_content=THREAD)
    network.committed, network.found = [FIRST, Rejected("no", status=400)], [[]]
    publish(target)
    bring_forward(target)
    sender = claim(target)
    bring_forward(target, outcome_unknown=True, sends=1, sent_at=NOW, armed_at=NOW)
    for _ in range(2):
        ended = publish(target)
    assert (ended.status, len(ended.parts)) == ("published", 1)
    network.forget()
    return ended, sender


def failed_thread(workspace: Workspace, network: ScriptedNetwork) -> tuple[Target, Claim]:
    target, sender = given_up(workspace)
    Target.objects.filter(pk=target.pk).update(replies=2, give_up_at=database_now() + timedelta(hours=1))
    network.forget()
    return target, sender


def missed_thread(workspace: Workspace, network: ScriptedNetwork) -> tuple[Target, Claim]:
    target, sender = failed_thread(workspace, network)
    services.retry_post(target.post, actor=ACTOR, now=database_now())
    bring_forward(target, due_at=database_now() - timedelta(days=1))
    assert claim_targets(1) == []
    assert Target.objects.get(pk=target.pk).status == "missed"
    return target, sender


def cancelled_thread(workspace: Workspace, network: ScriptedNetwork) -> tuple[Target, Claim]:
    target, sender = failed_thread(workspace, network)
    services.retry_post(target.post, actor=ACTOR, now=database_now())
    disconnect(target.account, actor=ACTOR, now=database_now())
    return target, sender


def thread_in_doubt_for_hours(workspace: Workspace, network: ScriptedNetwork) -> tuple[Target, Claim]:
    target = make_due(workspace)
    sender = lost_claim(target)
    park(target)
    Target.objects.filter(pk=target.pk).update(replies=2, give_up_at=database_now())
    return target, sender


@pytest.mark.parametrize(
    ("end", "found"),
    [(cut_short, 2), (failed_thread, 1), (missed_thread, 1), (cancelled_thread, 1), (thread_in_doubt_for_hours, 1)],
)
def test_a_late_answer_about_a_thread_that_is_over_sends_nothing_more_of_it(
    workspace: Workspace,
    network: ScriptedNetwork,
    end: Callable[[Workspace, ScriptedNetwork], tuple[Target, Claim]],
    found: int,
) -> None:
    target, sender = end(workspace, network)

    settle_all([make_result(sender, SECOND)])

    settled = Target.objects.get(pk=target.pk)
    assert (settled.status, len(settled.parts), settled.parts[-1]["remote_id"]) == ("published", found, "42")
    told_so = f"{found} of 3 parts are out. The network's response came too late for sending what follows."
    assert (error_of(settled)["message"], error_of(settled)["who_acts"]) == (told_so, "caller")
    assert (settled.due_at, settled.remote_id) == (None, settled.parts[0]["remote_id"])
    assert (claim_targets(1), network.sent) == ([], [])


def test_what_follows_in_a_thread_that_had_ended_in_a_restored_copy_is_looked_for_and_not_sent(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    target, sender = failed_thread(workspace, network)
    pausing.pause("all", reason="Restored", actor=ACTOR, now=database_now(), after_restore=True)
    settle_all([make_result(sender, FIRST)])
    network.found = [[]]
    publish(target)
    pausing.resume("all", actor=ACTOR, now=database_now())

    settled = publish(target)

    assert (network.calls, network.sent) == (["recover", "recover"], [])
    assert (settled.status, [part["remote_id"] for part in settled.parts]) == ("published", ["41"])


def test_a_thread_of_which_a_late_answer_names_a_part_was_published_once(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    ended, sender = cut_short(workspace, network)

    settle_all([make_result(sender, SECOND)])

    assert Target.objects.get(pk=ended.pk).published_at == ended.published_at
    assert [each for each in told() if each == "post.published"] == ["post.published"]


def test_a_thread_of_which_late_answers_name_several_posts_is_found_by_who_looks_for_doubt(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    ended, sender = cut_short(workspace, network)
    another = replace(sender, fence=sender.fence + 1)

    settle_all([make_result(sender, SECOND), make_result(another, Published(remote_id="43", url=""))])

    settled = Target.objects.get(pk=ended.pk)
    assert (settled.status, settled.published_at, status_of(ended.post)) == ("needs_review", None, "needs_review")
    assert [each.pk for each in in_doubt()] == [ended.pk]


def test_a_thread_that_goes_on_after_a_late_answer_is_not_published_yet(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    target, sender, looker = being_looked_for(workspace)
    Target.objects.update(replies=2, parts=[{"remote_id": "41", "url": ""}], remote_id="41")
    settle_all([make_result(looker, Unavailable("away", status=503))])
    settle_all([make_result(sender, SECOND)])
    bring_forward(target)

    refuse_its_last_part(target)

    settled = Target.objects.get(pk=target.pk)
    assert (settled.status, len(settled.parts), settled.published_at) == ("publishing", 2, None)


def test_a_second_id_of_a_part_is_not_taken_for_the_next_part(workspace: Workspace) -> None:
    target = make_due(workspace)
    Target.objects.update(replies=1)
    claims = [lost_claim(target)]
    bring_forward(target)
    claims.append(lost_claim(target))
    park(target)

    for held, post in zip(claims, (FIRST, SECOND), strict=True):
        settle_all([make_result(held, post)])

    settled = Target.objects.get(pk=target.pk)
    assert (settled.status, [part["remote_id"] for part in settled.parts]) == ("publishing", ["41"])
    assert late_posts([settled]) == [[]]


def named_twice(workspace: Workspace) -> tuple[Target, Claim]:
    """Return a target in doubt of which two late answers name a post each, and a claim that has not answered yet."""
    target = make_due(workspace)
    claims = []
    for _ in range(3):
        claims.append(claim(target))
        bring_forward(target, claim_count=0)
    bring_forward(target, sends=3)
    settle_all([make_result(claims[0], FIRST), make_result(claims[1], SECOND)])
    settle_all([make_result(claim(target), Rejected("no", status=400), step="prepare")])
    return Target.objects.select_related("post", "account").get(pk=target.pk), claims[2]


def deny(target: Target) -> None:
    reviewing.resolve_target(target, published=False, url="", actor=ACTOR, now=database_now())


def test_a_target_with_two_late_ids_is_left_to_a_person(workspace: Workspace) -> None:
    settled, _ = named_twice(workspace)

    assert (settled.status, error_of(settled)["code"]) == ("needs_review", "OUTCOME_UNKNOWN")


def test_what_a_person_denies_is_sent_although_late_answers_named_several_posts(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    target, _ = named_twice(workspace)
    network.found = [[]]

    deny(target)
    settled = publish(target)

    assert (settled.status, settled.remote_id, len(network.sent)) == ("published", HERE.remote_id, 1)


def test_what_is_answered_after_a_person_denied_what_was_known_counts(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    target, unanswered = named_twice(workspace)
    deny(target)

    settle_all([make_result(unanswered, Published(remote_id="43", url=""))])
    settled = publish(target)

    assert (settled.status, settled.remote_id, network.sent) == ("published", "43", [])


def test_what_a_person_had_called_off_stays_so_when_another_target_of_the_post_is_settled(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    target, _ = named_twice(workspace)
    other = make_account(workspace, remote_id="2002", default_of=None)
    beside = Target.objects.create(post=target.post, account=other, platform=other.platform, status="failed")
    disconnect(target.account, actor=ACTOR, now=database_now())
    deny(target)
    services.retry_post(target.post, actor=ACTOR, now=database_now())

    publish(beside)

    assert sorted(states(target.post)) == ["cancelled", "published"]


def test_the_part_after_one_adopted_in_a_restored_copy_is_looked_for_first(workspace: Workspace) -> None:
    target = make_due(workspace)
    Target.objects.update(replies=1)
    settle_all([make_result(lost_claim(target), HERE)])
    bring_forward(target)
    nobody_knows = Undecidable(message="Nobody can tell.")
    asked = {"recovery": Recovery.PARK, "unresolved": True, "is_restored": True, "step": "recover"}

    settle_all([make_result(claim(target), nobody_knows, **asked)])

    settled = Target.objects.get(pk=target.pk)
    assert (settled.status, len(settled.parts), settled.outcome_unknown) == ("publishing", 1, True)


def test_a_post_that_waits_for_its_time_is_not_begun_by_what_is_known_of_a_lost_account(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    target, sender = given_up(workspace)
    other = make_account(workspace, remote_id="2002", default_of=None)
    services.unschedule_post(target.post, actor=ACTOR)
    settle_all([make_result(sender, HERE)])
    both = {"destinations": [target.account_id, other.pk]}
    services.update_post(target.post, values=both, actor=ACTOR, now=NOW)
    post, now = Post.objects.get(pk=target.post_id), database_now()
    services.schedule_post(post, scheduled_at=now + timedelta(days=1), zone="UTC", actor=ACTOR, now=now)

    disconnect(target.account, actor=ACTOR, now=now)

    waiting = Post.objects.get(pk=post.pk)
    assert (waiting.status, states(waiting)) == ("scheduled", ["cancelled", "scheduled"])
    network.committed = [SECOND]
    services.publish_post(waiting, actor=ACTOR, now=database_now())
    publish(Target.objects.get(post=post, account=other))
    gone = Post.objects.get(pk=post.pk)
    assert (gone.status, states(gone)) == ("published", ["published", "published"])


def test_what_was_missed_while_the_post_waited_for_another_account_is_settled_with_that(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    target, sender = given_up(workspace)
    services.unschedule_post(target.post, actor=ACTOR)
    settle_all([make_result(sender, HERE)])
    other = make_account(workspace, remote_id="2002", default_of=None)
    both = {"destinations": [target.account_id, other.pk]}
    services.update_post(target.post, values=both, actor=ACTOR, now=NOW)
    post, now = Post.objects.get(pk=target.post_id), database_now()
    services.schedule_post(post, scheduled_at=now + timedelta(days=1), zone="UTC", actor=ACTOR, now=now)
    SocialAccount.objects.filter(pk=other.pk).update(held_until=now + timedelta(days=1))
    bring_forward(target, due_at=now - timedelta(days=1))
    assert (claim_targets(1), states(post)) == ([], ["missed", "scheduled"])
    network.committed = [SECOND]

    publish(Target.objects.get(post=post, account=other))

    assert (states(post), status_of(post)) == (["published", "published"], "published")


def test_a_duplicate_is_believed_though_the_databases_clock_was_set_back(workspace: Workspace) -> None:
    target, _, looker = being_looked_for(workspace, absences=1)
    armed = arm(looker, target)
    assert isinstance(armed, Claim)
    Target.objects.filter(pk=target.pk).update(sent_at=database_now() + timedelta(minutes=1))

    settle_all([make_result(armed, Duplicate("It is there.", status=400))])

    assert said_to_be_there([Target.objects.get(pk=target.pk)]) == [True]
