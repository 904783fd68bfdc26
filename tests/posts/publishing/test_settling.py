"""Settling writes target, attempt, post and journal together, or only keeps what came too late."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from accounts.exchanges import describe
from accounts.models import Pause, SocialAccount
from accounts.platforms.base import Recovery
from accounts.platforms.errors import RateLimited, Rejected, StillWorking, Unavailable
from accounts.platforms.http import parsed
from accounts.platforms.shapes import Published
from accounts.services import disconnect
from ouipost.claims import Claim, database_now
from ouipost.events.models import Event
from posts import reviewing, services
from posts.models import Attempt, Post, Target
from posts.operating.restoring import doubt
from posts.publishing.arming import Saving, save_all
from posts.publishing.claiming import MAX_UNSETTLED_CLAIMS
from posts.publishing.outcomes import Absent, Outcome, Undecidable
from posts.publishing.past_answers import late_posts
from posts.publishing.settling import settle_all
from posts.removal import CALLED_OFF
from tests.factories import NOW, make_account, make_post
from tests.posts.fakes import (
    ACTOR,
    HERE,
    LOST,
    ScriptedNetwork,
    arm,
    being_looked_for,
    bring_forward,
    claim,
    claim_targets,
    make_due,
    make_result,
    outcomes,
    publish,
    states,
    status_of,
    told,
)
from workspaces.models import Workspace


def test_settling_gives_the_target_back_and_writes_attempt_post_and_journal(workspace: Workspace) -> None:
    target = make_due(workspace)
    held = claim(target)

    settle_all([make_result(held, HERE)])

    settled, post = Target.objects.get(pk=target.pk), Post.objects.get(targets=target)
    attempt = Attempt.objects.get(target=target)
    event = Event.objects.get(type="post.published")
    assert (settled.status, settled.remote_id, settled.in_flight, settled.lease_until) == (
        "published",
        "42",
        None,
        None,
    )
    assert settled.claim_count == 0
    assert (post.status, post.published_at, post.moment) == ("published", settled.published_at, settled.published_at)
    assert (attempt.number, attempt.step, attempt.outcome, attempt.remote_id) == (1, "commit", "published", "42")
    assert (event.resource_id, event.details["targets"][0]["url"]) == (post.pk, HERE.url)


@pytest.mark.parametrize(
    ("outcome", "values", "is_cleared"),
    [
        (HERE, {}, True),
        (HERE, {"lease_until": NOW}, False),
        (HERE, {"status": "error"}, False),
        (HERE, {"disconnected_at": NOW}, False),
        (Unavailable("It is down."), {}, False),
    ],
    ids=["published", "an error of its tokens", "cannot be read", "disconnected", "not published"],
)
def test_a_post_that_is_published_clears_the_error_that_a_refresh_left(
    workspace: Workspace, outcome: Outcome, values: dict[str, Any], is_cleared: bool
) -> None:
    held = claim(make_due(workspace))
    passing = {"code": "PLATFORM_UNAVAILABLE", "message": "It is down."}
    SocialAccount.objects.update(last_error=passing, **values)

    settle_all([make_result(held, outcome)])

    account = SocialAccount.objects.get()
    assert (account.status, account.last_error) == (values.get("status", "active"), None if is_cleared else passing)


def test_attempts_are_numbered_and_tell_what_was_answered(workspace: Workspace) -> None:
    target = make_due(workspace)

    for outcome in (RateLimited("slow", status=429, network_code="88", retry_after=1), Absent()):
        bring_forward(target)
        settle_all([make_result(claim(target), outcome, unresolved=isinstance(outcome, Absent))])

    first, second = Attempt.objects.filter(target=target).order_by("number")
    assert (first.number, first.outcome, first.http_status, first.network_code) == (1, "rate_limited", 429, "88")
    assert (first.code, first.message, first.next_at is None) == ("RATE_LIMITED_BY_PLATFORM", "slow", False)
    assert (second.number, second.outcome, second.http_status) == (2, "absent", None)


def test_a_long_code_of_a_network_is_cut_where_it_is_kept(workspace: Workspace) -> None:
    target = make_due(workspace)

    settle_all([make_result(claim(target), Rejected("Not so.", status=400, network_code="c" * 500))])

    assert Attempt.objects.get().network_code == "c" * 80


def test_an_answer_that_was_cut_within_a_character_is_settled(workspace: Workspace) -> None:
    target = make_due(workspace)
    cut = describe("POST", "https://a.example", sent={}, status=400, answer=b'{"says": "\\ud83d"}', seconds=0.1)

    settle_all([make_result(claim(target), Rejected("Not so.", status=400), exchanges=[cut])])

    assert outcomes(target) == [("commit", "rejected")]
    assert Attempt.objects.get().exchanges == [cut]


def test_the_deepest_that_is_read_of_an_answer_can_be_kept(workspace: Workspace) -> None:
    target = make_due(workspace)
    upload = parsed("[" * 23 + "]" * 23)  # that it came in is the 24th
    record = {"embed": {"external": {"thumb": upload}}}
    told = describe("POST", "https://a.example", sent={"json": {"record": record}}, status=200, answer=b"", seconds=0.1)
    held = claim(target)

    save_all([Saving(claim=held, handles={"uploads": {"media": {"given": upload}}, "record": record}, seconds=90)])
    settle_all([make_result(held, HERE, exchanges=[told])])

    kept = Target.objects.get(pk=target.pk)
    assert (kept.status, kept.handles["record"]) == ("published", record)
    assert Attempt.objects.get().exchanges == [told]


def test_a_post_is_told_of_once_when_its_last_target_settles(workspace: Workspace) -> None:
    accounts = [make_account(workspace, remote_id=str(number), default_of=None) for number in range(2)]
    post = make_post(workspace, accounts=accounts, status="publishing", scheduled_at=database_now())

    outcomes: list[Outcome] = [HERE, Rejected("no")]
    for target, outcome in zip(post.targets.order_by("pk"), outcomes, strict=True):
        bring_forward(target, due_at=database_now() - timedelta(hours=1))
        settle_all([make_result(claim(target), outcome)])

    assert status_of(post) == "partially_published"
    assert list(Event.objects.values_list("type", flat=True)) == ["post.partially_published"]


def test_a_rate_limit_holds_back_all_that_would_go_to_the_same_account(workspace: Workspace) -> None:
    account = make_account(workspace)
    other = make_due(workspace, make_account(workspace, remote_id="2", default_of=None))
    limited, waiting = make_due(workspace, account), make_due(workspace, account)
    bring_forward(limited, due_at=database_now() - timedelta(hours=1))
    tomorrow = make_post(workspace, accounts=[account], status="scheduled", scheduled_at=NOW + timedelta(days=900))
    held = claim(limited)

    settle_all([make_result(held, RateLimited("slow", retry_after=370))])

    due: dict[str, Any] = dict(Target.objects.values_list("pk", "due_at"))
    assert due[waiting.pk] > due[limited.pk] > database_now() + timedelta(seconds=360)
    assert due[other.pk] == other.due_at
    assert due[tomorrow.targets.get().pk] == NOW + timedelta(days=900)


def lost_claim(target: Target) -> Claim:
    """Return a claim that another worker has taken over since."""
    held = claim(target)
    Target.objects.filter(pk=target.pk).update(lease_until=NOW - timedelta(days=900))
    bring_forward(target)
    claim(target)
    return held


def test_an_answer_after_the_claim_was_lost_changes_nothing_but_is_kept(workspace: Workspace) -> None:
    target = make_due(workspace)
    held = lost_claim(target)

    settle_all([make_result(held, HERE)])

    attempt = Attempt.objects.get(target=target)
    assert Target.objects.get(pk=target.pk).status == "publishing"
    assert (attempt.outcome, attempt.remote_id, attempt.fence) == ("late", "42", held.fence)


def park(target: Target) -> None:
    Target.objects.filter(pk=target.pk).update(status="needs_review", due_at=None, in_flight=None, lease_until=None)


def test_an_answer_to_a_claim_that_the_database_has_lost_pauses_everything_and_nothing_is_sent_again(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    target = make_due(workspace)
    row = Target.objects.filter(pk=target.pk)
    columns = row.values("status", "fence", "lease_until", "in_flight", "claim_count").get()
    held = claim(target)
    row.update(**columns)  # a replica took over that had not seen the claim

    for _ in range(2):
        settle_all([make_result(held, HERE)])
    pause, waiting = Pause.objects.get(), claim_targets(1)
    doubt(target, since=NOW, actor=ACTOR, now=database_now())
    settled = publish(target)

    assert (pause.scope, pause.is_after_restore, waiting) == ("all", True, [])
    told = f"do again what .* docs/operations/backup.md says; .*reconcile --after-restore --since {NOW:%Y-%m-%dT}"
    assert re.search(told, pause.reason)
    assert (network.calls, settled.status, settled.remote_id) == (["recover"], "published", HERE.remote_id)


def test_the_one_late_id_settles_a_parked_target_once(workspace: Workspace) -> None:
    target = make_due(workspace)
    held = lost_claim(target)
    park(target)

    settle_all([make_result(held, HERE)])
    settle_all([make_result(held, Published(remote_id="43", url=""))])

    settled, event = Target.objects.select_related("post").get(pk=target.pk), Event.objects.get()
    assert (settled.status, settled.remote_id, settled.url) == ("published", "42", HERE.url)
    assert (event.type, event.details["targets"][0]["url"]) == ("post.published", HERE.url)
    assert settled.post.published_at == settled.published_at is not None


def test_a_late_id_that_came_first_settles_a_target_that_would_be_parked(workspace: Workspace) -> None:
    target = make_due(workspace)
    settle_all([make_result(lost_claim(target), HERE)])
    bring_forward(target)

    undecidable = Undecidable(message="nobody can tell")
    settle_all([make_result(claim(target), undecidable, recovery=Recovery.PARK, unresolved=True)])

    settled = Target.objects.get(pk=target.pk)
    assert (settled.status, settled.remote_id, settled.error) == ("published", "42", None)


@pytest.mark.parametrize("late_first", [True, False], ids=["before", "after"])
def test_what_was_sent_again_and_refused_is_published_where_a_late_answer_told_that_the_first_is_out(
    workspace: Workspace, late_first: bool
) -> None:
    target = make_due(workspace)
    first = lost_claim(target)
    bring_forward(target)
    Target.objects.filter(pk=target.pk).update(sends=2)
    results = [make_result(claim(target), Rejected("no")), make_result(first, HERE)]

    for result in reversed(results) if late_first else results:
        settle_all([result])

    settled = Target.objects.select_related("post").get(pk=target.pk)
    assert (settled.status, settled.remote_id, settled.error, settled.post.status) == (
        "published",
        "42",
        None,
        "published",
    )


def miss(target: Target) -> None:
    bring_forward(target, due_at=database_now() - timedelta(hours=30))
    assert claim_targets(1) == []


def crash_its_workers(target: Target) -> None:
    bring_forward(target, claim_count=MAX_UNSETTLED_CLAIMS)
    assert claim_targets(1) == []


def fail_to_prepare(target: Target) -> None:
    bring_forward(target)
    settle_all([make_result(claim(target), Rejected("The file is gone."), step="prepare")])


def lose_its_account(target: Target) -> None:
    disconnect(target.account, actor=ACTOR, now=database_now())


@pytest.mark.parametrize("is_told_before", [False, True], ids=["after", "before"])
@pytest.mark.parametrize(
    ("end", "events"),
    [
        (miss, ["post.missed"]),
        (crash_its_workers, ["post.needs_review"]),
        (fail_to_prepare, ["post.failed"]),
        (lose_its_account, ["account.disconnected", "post.unscheduled"]),
    ],
)
def test_what_ends_without_a_post_is_published_where_a_late_answer_tells_that_it_is_out(
    workspace: Workspace, end: Callable[[Target], None], events: list[str], is_told_before: bool
) -> None:
    target, sender, looker = being_looked_for(workspace)
    settle_all([make_result(looker, Unavailable("away", status=503))])
    late = make_result(sender, HERE)
    steps: list[Callable[[], object]] = [lambda: end(target), lambda: settle_all([late])]

    for step in reversed(steps) if is_told_before else steps:
        step()

    settled = Target.objects.select_related("post").get(pk=target.pk)
    assert (settled.status, settled.remote_id, settled.error) == ("published", HERE.remote_id, None)
    assert (settled.post.status, settled.post.published_at) == ("published", settled.published_at)
    assert "post.published" in told()
    assert is_told_before or told() == [*events, "post.published"]


@pytest.mark.parametrize(("out", "ends"), [([], "publishing"), ([{"remote_id": "41", "url": ""}], "published")])
def test_a_late_id_of_one_of_several_parts_lets_the_next_go_on(
    workspace: Workspace, out: list[dict[str, Any]], ends: str
) -> None:
    target = make_due(workspace)
    held = lost_claim(target)
    park(target)
    Target.objects.update(replies=1, parts=out, claim_count=5)

    settle_all([make_result(held, HERE)])

    settled = Target.objects.get(pk=target.pk)
    assert (settled.status, settled.parts[-1]["remote_id"], settled.claim_count) == (ends, "42", 0)
    assert (settled.due_at is None, settled.outcome_unknown, settled.sends) == (bool(out), False, 0)


def log(target: Target, **values: Any) -> None:
    given = {"number": 9, "fence": 1, "step": "commit", "started_at": NOW, "ended_at": NOW}
    Attempt.objects.create(target=target, **given | values)


def test_a_late_id_of_the_next_part_is_taken_although_the_clock_has_gone_back_since(workspace: Workspace) -> None:
    target = make_due(workspace)
    log(target, outcome="published", remote_id="41", fence=0, ended_at=database_now() + timedelta(hours=1))
    held = lost_claim(target)
    park(target)
    Target.objects.update(replies=1, parts=[{"remote_id": "41", "url": ""}])

    settle_all([make_result(held, HERE)])

    assert Target.objects.get(pk=target.pk).status == "published"


@pytest.mark.parametrize("known", ["the part before", "the second of two", "adopted"])
def test_a_late_id_of_a_part_that_was_found_before_is_not_taken_for_the_next(workspace: Workspace, known: str) -> None:
    target = make_due(workspace)
    held = claim(target)
    found = HERE if known == "adopted" else Published(remote_id="41", url="")
    Target.objects.filter(pk=target.pk).update(outcome_unknown=True, armed_at=NOW, sends=1, replies=2)
    bring_forward(target)
    settle_all([make_result(claim(target), found, step="recover", started_at=database_now())])
    park(target)
    if known == "the second of two":
        log(target, outcome="published", remote_id="40")

    settle_all([make_result(held, HERE)])

    assert Target.objects.get(pk=target.pk).status == "needs_review"


def test_several_late_ids_are_left_to_a_person(workspace: Workspace) -> None:
    target = make_due(workspace)
    first, second = lost_claim(target), None
    bring_forward(target)
    second = lost_claim(target)
    park(target)
    log(target, outcome="late", remote_id="41")

    settle_all([make_result(first, HERE)])
    settle_all([make_result(second, HERE)])

    assert Target.objects.get(pk=target.pk).status == "needs_review"


def refused_after_a_send_that_nobody_answered(workspace: Workspace) -> tuple[Target, Claim]:
    """Return the target of a failed post, and the lost claim that sent it first."""
    target, sender, looker = being_looked_for(workspace)
    settle_all([make_result(looker, Rejected("no", status=400))])
    Target.objects.filter(pk=target.pk).update(armed_at=NOW, sends=1)
    return target, sender


def test_a_late_id_of_what_was_taken_out_of_a_draft_is_kept_until_it_is_put_back(
    workspace: Workspace, opaque: ScriptedNetwork
) -> None:
    other = make_account(workspace, remote_id="2002", default_of=None)
    target, sender = refused_after_a_send_that_nobody_answered(workspace)
    services.unschedule_post(target.post, actor=ACTOR)
    services.update_post(target.post, values={"destinations": [other.pk]}, actor=ACTOR, now=NOW)

    settle_all([make_result(sender, HERE)])

    assert (states(target.post), status_of(target.post)) == (["cancelled", "draft"], "draft")
    services.update_post(target.post, values={"destinations": [target.account_id]}, actor=ACTOR, now=NOW)
    services.publish_post(target.post, actor=ACTOR, now=database_now())
    settled = publish(target)
    assert (settled.status, settled.remote_id, opaque.calls) == ("published", HERE.remote_id, ["prepare"])


def test_a_late_id_leaves_a_draft_a_draft_where_other_accounts_are_still_to_get_it(
    workspace: Workspace, opaque: ScriptedNetwork
) -> None:
    target, sender = refused_after_a_send_that_nobody_answered(workspace)
    Target.objects.filter(pk=target.pk).update(**CALLED_OFF)
    other = make_account(workspace, remote_id="2002", default_of=None)
    Target.objects.create(post=target.post, account=other, platform=other.platform, status="draft")

    settle_all([make_result(sender, HERE)])

    assert (states(target.post), status_of(target.post)) == (["cancelled", "draft"], "draft")
    assert outcomes(target)[-1] == ("commit", "late")


def test_a_late_id_has_the_address_that_was_told_last(workspace: Workspace) -> None:
    target = make_due(workspace)
    for url in ("", "https://f.example/41"):
        log(target, outcome="late", remote_id="41", url=url)

    assert late_posts([target]) == [[Published(remote_id="41", url="https://f.example/41")]]


def test_a_late_refusal_settles_nothing_where_a_worker_never_came_back(workspace: Workspace) -> None:
    target = make_due(workspace)
    held = lost_claim(target)
    park(target)

    settle_all([make_result(held, Rejected("no"))])

    assert Target.objects.get(pk=target.pk).status == "needs_review"


def looked_for(target: Target, outcome: Outcome) -> Claim:
    """Return a claim of whose send, that it armed, another worker has found out this much since."""
    held = claim(target)
    Target.objects.filter(pk=target.pk).update(outcome_unknown=True, armed_at=NOW, sends=1)
    bring_forward(target)
    settle_all([make_result(claim(target), outcome, step="recover", unresolved=True)])
    return held


def test_a_late_refusal_settles_what_was_only_looked_for_since(workspace: Workspace) -> None:
    target = make_due(workspace)
    held = looked_for(target, Undecidable(message="nobody can tell"))
    log(make_due(workspace, target.account), fence=held.fence + 1, outcome="unavailable")

    settle_all([make_result(held, Rejected("no"))])

    settled = Target.objects.select_related("post").get(pk=target.pk)
    assert (settled.status, settled.outcome_unknown, settled.post.status) == ("failed", False, "failed")
    assert outcomes(target) == [("recover", "undecidable"), ("commit", "rejected")]
    assert told() == ["post.needs_review", "post.failed"]


@pytest.mark.parametrize("looked", [Undecidable(message="nobody can tell"), Absent()], ids=["parked", "in doubt"])
def test_what_was_taken_late_is_asked_about_by_its_handles(workspace: Workspace, looked: Outcome) -> None:
    target = make_due(workspace)
    held = looked_for(target, looked)

    settle_all([make_result(held, StillWorking("at work", retry_after=5, handles={"video": "7"}))])

    settled = Target.objects.select_related("post").get(pk=target.pk)
    assert (settled.status, settled.handles, settled.absences) == ("publishing", {"video": "7"}, 0)
    assert (settled.due_at is None, settled.post.status) == (False, "publishing")


def test_what_was_taken_late_of_a_part_that_was_found_says_nothing_of_the_next(workspace: Workspace) -> None:
    target = make_due(workspace)
    Target.objects.update(replies=1)
    held = looked_for(target, HERE)

    settle_all([make_result(held, StillWorking("at work", retry_after=5, handles={"video": "7"}))])

    assert (Target.objects.get(pk=target.pk).handles, outcomes(target)[-1]) == ({}, ("commit", "late"))


def test_what_was_taken_is_asked_about_by_its_handles_though_another_worker_is_looking_for_it(
    workspace: Workspace,
) -> None:
    target, sender, looker = being_looked_for(workspace, absences=1)

    settle_all([make_result(sender, StillWorking("at work", retry_after=5, handles={"publish_id": "7"}))])
    settle_all([make_result(looker, Absent(), step="recover", unresolved=True)])

    settled = Target.objects.get(pk=target.pk)
    assert (settled.handles, settled.absences, settled.outcome_unknown) == ({"publish_id": "7"}, 0, True)
    assert (settled.in_flight, settled.waits_for, arm(looker, settled)) == (None, "at work", None)


@pytest.mark.parametrize("late_first", [True, False])
def test_what_was_taken_is_asked_about_though_the_look_ends_in_the_same_moment(
    workspace: Workspace, late_first: bool
) -> None:
    target, sender, looker = being_looked_for(workspace)
    late = make_result(sender, StillWorking("at work", retry_after=5, handles={"publish_id": "7"}))
    looked = make_result(looker, Undecidable(message="nobody can tell"), step="recover", unresolved=True)

    settle_all([late, looked] if late_first else [looked, late])

    settled = Target.objects.get(pk=target.pk)
    assert (settled.handles, settled.status, settled.in_flight) == ({"publish_id": "7"}, "publishing", None)
    assert set(outcomes(target)) == {("commit", "still_working"), ("recover", "late")}


@pytest.mark.parametrize(
    "values", [{"step": "prepare"}, {"outcome": LOST}, {"unresolved": True}], ids=["prepare", "lost", "unresolved"]
)
def test_a_late_answer_that_does_not_tell_settles_nothing(workspace: Workspace, values: dict[str, Any]) -> None:
    target = make_due(workspace)
    held = looked_for(target, Undecidable(message="nobody can tell"))

    settle_all([make_result(held, **({"outcome": Rejected("no")} | values))])

    assert Target.objects.get(pk=target.pk).status == "needs_review"
    assert outcomes(target)[1:] == [(values.get("step", "commit"), "late")]


def test_a_look_whose_worker_came_back_too_late_is_none_that_has_ended(workspace: Workspace) -> None:
    target = make_due(workspace)
    sender = claim(target)
    Target.objects.filter(pk=target.pk).update(outcome_unknown=True, armed_at=NOW, sends=1)
    bring_forward(target)
    looker = lost_claim(target)
    settle_all([make_result(looker, Absent(), step="recover", unresolved=True)])

    settle_all([make_result(sender, Rejected("no"))])

    assert Target.objects.get(pk=target.pk).status == "publishing"
    assert outcomes(target) == [("recover", "late"), ("commit", "late")]


def test_a_late_refusal_settles_nothing_where_a_worker_that_took_over_after_a_look_may_have_sent_again(
    workspace: Workspace,
) -> None:
    target = make_due(workspace)
    held = looked_for(target, Absent())
    bring_forward(target)
    arm(claim(target), target)

    settle_all([make_result(held, Rejected("no"))])

    assert (Target.objects.get(pk=target.pk).status, outcomes(target)[-1]) == ("publishing", ("commit", "late"))


def test_a_late_look_does_not_stand_for_a_claim_that_may_have_sent_again(workspace: Workspace) -> None:
    target = make_due(workspace)
    sender = claim(target)
    Target.objects.filter(pk=target.pk).update(outcome_unknown=True, armed_at=NOW, sends=1)
    bring_forward(target)
    looker = lost_claim(target)
    bring_forward(target)
    claim(target)
    settle_all([make_result(looker, Absent(), step="recover", unresolved=True)])

    settle_all([make_result(sender, Rejected("no"))])

    assert (Target.objects.get(pk=target.pk).status, outcomes(target)[-1]) == ("publishing", ("commit", "late"))


def test_what_was_tried_before_a_send_is_nothing_that_was_sent_since(workspace: Workspace) -> None:
    target = make_due(workspace)
    settle_all([make_result(claim(target), RateLimited("slow down", retry_after=5))])
    bring_forward(target)
    held = looked_for(target, Undecidable(message="nobody can tell"))

    settle_all([make_result(held, Rejected("no"))])

    assert Target.objects.get(pk=target.pk).status == "failed"


def test_a_late_refusal_changes_nothing_that_a_person_has_settled(workspace: Workspace) -> None:
    target = make_due(workspace)
    held = looked_for(target, Undecidable(message="nobody can tell"))
    reviewing.resolve_target(target, published=True, url=HERE.url, actor=ACTOR, now=NOW)

    settle_all([make_result(held, Rejected("no"))])

    assert Target.objects.get(pk=target.pk).status == "published"


def test_settling_twice_changes_nothing_the_second_time(workspace: Workspace) -> None:
    target = make_due(workspace)
    held = claim(target)
    settle_all([make_result(held, Unavailable("away"))])
    settled = Target.objects.get(pk=target.pk)

    settle_all([make_result(held, Unavailable("away"))])

    again = Target.objects.get(pk=target.pk)
    assert (again.attempts, again.due_at) == (settled.attempts, settled.due_at) == (1, settled.due_at)


def test_a_post_that_was_deleted_in_the_meantime_ends_the_claim(workspace: Workspace) -> None:
    target = make_due(workspace)
    held = claim(target)
    Post.objects.get(targets=target).delete()

    assert settle_all([make_result(held, HERE)]) == [False]
    assert not Attempt.objects.exists()


def test_a_late_refusal_of_a_text_is_not_taken_for_one_of_the_text_that_was_written_since(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    target, sender, looker = being_looked_for(workspace)
    settle_all([make_result(looker, Rejected("no"), step="recover")])
    services.unschedule_post(target.post, actor=ACTOR)
    services.update_post(target.post, values={"content": "Stale bread"}, actor=ACTOR, now=NOW)
    services.publish_post(target.post, actor=ACTOR, now=database_now())
    doubt(target, since=NOW, actor=ACTOR, now=database_now())  # the new text may be out, too

    settle_all([make_result(sender, Rejected("no"))])

    assert (Target.objects.get(pk=target.pk).status, outcomes(target)[-1]) == ("publishing", ("commit", "late"))
