"""The timeline of posts that the engine really published, on a network that follows a script."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from pytest_django.fixtures import Settings

from accounts.models import Network, SocialAccount
from accounts.platforms.errors import Duplicate, RateLimited, Rejected, Unavailable, WhoActs
from accounts.platforms.limits import Allowance
from accounts.services import disconnect
from accounts.tokens import expire
from ouipost.claims import database_now
from ouipost.events.journal import SYSTEM, record
from posts import reviewing, services
from posts.advice import failure
from posts.models import Attempt, Post, Target, TargetStatus
from posts.operating.findings import doubtful
from posts.serializers import PostDetailSerializer
from posts.timeline.entries import Entry
from posts.timeline.timeline import timeline
from tests.factories import NOW, make_account, make_post, make_workspace
from tests.posts.fakes import (
    ACTOR,
    HERE,
    LOST,
    REVOKED,
    KeyedNetwork,
    ScriptedNetwork,
    bring_forward,
    claim,
    claim_targets,
    make_due,
    publish,
    publish_claimed,
    send_into_the_dark,
)
from workspaces.models import Workspace

AWAY = Unavailable("Paper is away.", status=503)


def told(post: Post, *, of: str | None = None) -> list[Entry]:
    """Return what the timeline tells now, of one target or of all."""
    post.refresh_from_db()
    entries = timeline(post, now=database_now())
    return [entry for entry in entries if of is None or entry.target_id == of]


def waits_for(post: Post) -> list[str | None]:
    """Return what the targets wait for as the post's own page shows it."""
    return [target["waits_for"] for target in PostDetailSerializer(Post.objects.get(pk=post.pk)).data["targets"]]


def meanings(post: Post) -> list[tuple[str, str | None, bool | None]]:
    return [(entry.kind, entry.who_acts, entry.retry_safe) for entry in told(post)]


def test_trouble_and_its_end_are_told_step_by_step(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.prepared = [Unavailable("The store is away.", who_acts=WhoActs.OPERATOR), {}]
    network.committed = [RateLimited("Too fast.", retry_after=60, status=429), LOST, HERE]
    network.found = [[], [], [HERE]]
    target = make_due(workspace)

    for _ in range(5):
        publish(target)

    assert meanings(target.post) == [
        ("postponed", "operator", True),
        ("postponed", "network", True),
        ("unknown", "network", False),
        ("not_found", "network", False),
        ("found", None, None),
        ("published", None, None),
    ]
    assert told(target.post)[-1].message == "Published on Facebook."


def test_a_wait_is_told_last_with_its_reason_and_its_end(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.prepared = [AWAY]
    target = publish(make_due(workspace))

    *_, waiting = told(target.post)

    assert waiting.cause is not None
    assert (waiting.kind, waiting.message, waiting.cause.message) == (
        "waiting",
        "It waits for the next try.",
        "Paper is away.",
    )
    assert (waiting.who_acts, waiting.retry_safe, waiting.next_attempt_at) == ("network", True, target.due_at)
    assert waits_for(target.post) == [waiting.message]


def test_while_an_answer_is_lost_a_retry_is_not_safe(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    send_into_the_dark(target, network)

    lost, waiting = told(target.post)

    assert (lost.kind, lost.retry_safe, waiting.retry_safe) == ("unknown", False, False)
    assert (waiting.kind, waiting.message) == ("waiting", "Whether Facebook has it is found out at the next try.")
    assert waiting.next_attempt_at == lost.next_attempt_at
    assert waits_for(target.post) == [waiting.message]


def test_what_an_attempt_means_follows_from_those_that_ended_before_it(workspace: Workspace) -> None:
    account = make_account(workspace, platform="bluesky")  # whose answer stays lost until it takes the post once more
    target = make_post(workspace, accounts=[account], status="publishing").targets.get()
    given = {"target": target, "fence": 1, "step": "commit", "started_at": NOW, "next_at": NOW + timedelta(hours=1)}
    for number, outcome, minutes in ((3, "unavailable", 1), (2, "unavailable", 0), (1, "unknown", 0)):
        Attempt.objects.create(**given, number=number, outcome=outcome, ended_at=NOW + timedelta(minutes=minutes))

    assert [entry.kind for entry in told(target.post)][:3] == ["unknown"] * 3


def test_a_target_that_a_worker_holds_is_being_sent(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    bring_forward(target)
    claim(target)

    [entry] = told(target.post)

    assert (entry.kind, entry.next_attempt_at, entry.who_acts) == ("sending", None, None)
    assert entry.message.startswith("A worker is on it: it is sending to Facebook")


@pytest.mark.parametrize(
    ("status", "seconds", "message", "is_put_off"),
    [
        ("scheduled", 3600, "It goes out at its time.", False),
        ("publishing", -1, "It is due: the next free worker takes it.", False),
        ("publishing", 3600, "It waits for its turn.", True),
    ],
)
def test_what_nothing_holds_up_waits_for_its_time_or_a_worker(
    workspace: Workspace, network: ScriptedNetwork, status: str, seconds: int, message: str, is_put_off: bool
) -> None:
    target = make_due(workspace, status=status, scheduled_at=database_now() + timedelta(seconds=seconds))

    [entry] = told(target.post)

    assert (entry.message, entry.next_attempt_at, entry.retry_safe) == (message, target.due_at, None)
    assert waits_for(target.post) == [message if is_put_off else None]


def test_what_is_scheduled_for_an_account_whose_tokens_have_ended_waits_for_its_owner(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    account = make_account(workspace, name="Bakery", status="expired")
    target = make_due(workspace, account, status="scheduled", scheduled_at=database_now() + timedelta(hours=1))

    [entry] = told(target.post)

    assert entry.message == "Bakery (Facebook, companypage) must be reconnected before this post can go out."
    assert (entry.who_acts, entry.retry_safe, entry.next_attempt_at) == ("account_owner", True, target.due_at)


TRUE_AND_SIMULATED = [("live", "facebook", "sandbox:facebook"), ("sandbox", "sandbox:facebook", "facebook")]


@pytest.mark.django_db
@pytest.mark.parametrize(("mode", "its_own", "other"), TRUE_AND_SIMULATED)
def test_an_account_or_a_network_that_is_left_alone_is_the_reason(
    network: ScriptedNetwork, mode: str, its_own: str, other: str
) -> None:
    target = make_due(make_workspace(mode=mode))
    near, far = database_now() + timedelta(minutes=1), database_now() + timedelta(minutes=5)

    SocialAccount.objects.update(held_until=near)
    Network.objects.create(pk=other, held_until=far)
    [held] = told(target.post)
    assert waits_for(target.post) == [held.message]
    Network.objects.create(pk=its_own, held_until=far)
    [cut_off] = told(target.post)

    assert held.message == "The account has to wait: Facebook has limited it, or has not responded to it lately."
    assert waits_for(target.post) == [cut_off.message]
    assert cut_off.message.startswith("Facebook takes nothing at present")
    assert (held.next_attempt_at, cut_off.next_attempt_at) == (near, far)


@pytest.mark.parametrize(("calls", "who_acts"), [("!" * 10, "operator"), ("-" * 10, None)])
def test_what_was_not_tried_because_an_app_is_refused_waits_for_the_operator(
    workspace: Workspace, network: ScriptedNetwork, calls: str, who_acts: str | None
) -> None:
    target = make_due(workspace)
    soon = database_now() + timedelta(minutes=1)
    Network.objects.create(pk="sandbox:facebook", held_until=soon, recent_calls=calls)

    [entry] = told(target.post)

    assert (entry.next_attempt_at, entry.who_acts) == (soon, who_acts)


def test_a_hold_that_ends_before_a_post_is_due_is_no_reason(workspace: Workspace, network: ScriptedNetwork) -> None:
    soon = database_now() + timedelta(minutes=1)
    account = make_account(workspace, held_until=soon)
    Network.objects.create(pk="sandbox:facebook", held_until=soon)
    target = make_due(workspace, account, status="scheduled", scheduled_at=database_now() + timedelta(days=1))

    [entry] = told(target.post)

    assert (entry.message, entry.next_attempt_at) == ("It goes out at its time.", target.due_at)


def test_a_hold_that_is_over_is_no_reason(workspace: Workspace, network: ScriptedNetwork) -> None:
    over = database_now() - timedelta(seconds=1)
    make_due(workspace, make_account(workspace, held_until=over), scheduled_at=over - timedelta(minutes=1))
    Network.objects.create(pk="sandbox:facebook", held_until=over - timedelta(minutes=2))

    [entry] = told(Post.objects.get())

    assert entry.message == "It is due: the next free worker takes it."


@pytest.mark.parametrize(
    ("stands", "message"),
    [
        ({}, "The account's pace is 1 in 60 minutes: this post takes the next free place."),
        ({"sends": 1, "sent_at": F("scheduled_at")}, "It waits for its turn."),
        ({"outcome_unknown": True, "armed_at": NOW}, "Whether Facebook has it is found out at the next try."),
    ],
    ids=["a new send", "counted", "a look"],
)
def test_a_pace_that_is_used_up_is_a_reason_for_what_needs_a_place_alone(
    workspace: Workspace, network: ScriptedNetwork, settings: Settings, stands: dict[str, Any], message: str
) -> None:
    settings.NETWORK_PACE = settings.NETWORK_PACE | {"facebook": Allowance(most=1, seconds=3600)}
    near, far = database_now() + timedelta(minutes=1), database_now() + timedelta(hours=1)
    target = make_due(workspace)
    SocialAccount.objects.update(paced_at=far)
    Target.objects.update(due_at=near, **stands)

    [entry] = told(target.post)

    assert waits_for(target.post) == [message]
    assert (entry.message, entry.next_attempt_at) == (message, near if stands else far)
    assert entry.retry_safe is (False if "outcome_unknown" in stands else None)


def test_the_one_who_must_act_is_the_one_that_the_error_named(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.committed = [Rejected("Blocked.", who_acts=WhoActs.ACCOUNT_OWNER, status=403)]
    target = make_due(workspace)

    publish(target)

    assert meanings(target.post) == [("refused", "account_owner", True), ("failed", None, None)]


def test_a_refusal_after_a_lost_answer_is_in_doubt_where_the_key_protects(
    workspace: Workspace, keyed: KeyedNetwork
) -> None:
    keyed.committed = [LOST, Rejected("No.", status=400)]
    target = make_due(workspace)

    publish(target)
    publish(target)

    assert meanings(target.post)[-2:] == [("undecided", "caller", False), ("needs_review", None, None)]


def test_a_post_that_surely_did_not_arrive_may_be_retried(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    send_into_the_dark(target, network)
    Target.objects.filter(pk=target.pk).update(give_up_at=database_now())
    for _ in range(2):
        publish(target)

    assert meanings(target.post)[-3:] == [
        ("not_found", "network", False),
        ("given_up", "network", True),
        ("failed", None, None),
    ]


def test_a_word_of_a_person_and_what_follows_are_told(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.committed = [LOST, Duplicate("You have it.", status=403), HERE]
    network.found = [[HERE, HERE], []]
    target = make_due(workspace)
    publish(target)
    publish(target)

    reviewing.resolve_target(Target.objects.get(pk=target.pk), published=False, url="", actor=ACTOR, now=database_now())

    assert [entry.kind for entry in told(target.post)] == [
        "unknown",
        "undecided",
        "needs_review",
        "resolved",
        "waiting",
    ]
    resolved = told(target.post)[3]
    assert (resolved.message, resolved.target_id) == ("A person said that Facebook does not have it.", target.pk)


def test_a_retry_begins_anew(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.committed = [Rejected("No."), HERE]
    target = make_due(workspace)
    publish(target)

    services.retry_post(target.post, actor=ACTOR, now=database_now())
    publish(target)

    assert [entry.kind for entry in told(target.post)] == ["refused", "failed", "retried", "sent", "published"]


def test_what_came_too_late_or_was_set_aside_is_told_though_nothing_was_tried(
    workspace: Workspace, accounts: list[SocialAccount], network: ScriptedNetwork
) -> None:
    long_ago = database_now() - timedelta(days=2)
    missed = make_post(workspace, accounts=accounts[:1], status="scheduled", scheduled_at=long_ago)
    crashing = make_due(workspace, accounts[1])
    Target.objects.filter(pk=crashing.pk).update(claim_count=5)

    claim_targets(10)
    claim_targets(10)

    late, end = told(missed)
    aside, review = told(crashing.post)
    assert late.cause is not None
    assert (late.kind, late.cause.code, late.who_acts, late.retry_safe) == ("missed", "MISSED_WINDOW", "caller", True)
    assert (end.kind, end.message) == ("missed", "Missed on Facebook.")
    assert (aside.kind, aside.who_acts, aside.retry_safe) == ("set_aside", "operator", True)
    assert review.kind == "needs_review"


def test_what_comes_too_late_once_more_is_told_once_more(
    workspace: Workspace, accounts: list[SocialAccount], network: ScriptedNetwork
) -> None:
    now = database_now()
    post = make_post(workspace, accounts=accounts[:1], status="scheduled", scheduled_at=now - timedelta(days=3))
    claim_targets(10)
    services.schedule_post(post, scheduled_at=now + timedelta(days=1), zone="UTC", actor=ACTOR, now=now)
    Target.objects.update(scheduled_at=now - timedelta(days=2), due_at=now - timedelta(days=2))

    claim_targets(10)

    assert [(entry.kind, entry.target_id is None) for entry in told(post)] == [
        ("missed", False),
        ("missed", True),
        ("scheduled", True),
        ("missed", False),
        ("missed", True),
    ]


@pytest.mark.parametrize("armed", [False, True])
def test_what_was_set_aside_is_safe_to_send_again_only_where_nothing_was_sent(
    workspace: Workspace, network: ScriptedNetwork, armed: bool
) -> None:
    target = make_due(workspace)
    sent = {"outcome_unknown": True, "armed_at": database_now(), "sends": 1} if armed else {}
    Target.objects.filter(pk=target.pk).update(claim_count=5, **sent)

    claim_targets(10)

    aside, _ = told(target.post)
    found = doubtful(Target.objects.select_related("post", "account").get())
    assert (aside.kind, aside.retry_safe, found.retry_safe) == ("set_aside", not armed, not armed)


def test_a_mixed_end_names_each_network(
    workspace: Workspace, accounts: list[SocialAccount], network: ScriptedNetwork
) -> None:
    network.committed = [HERE, Rejected("No.")]
    now = database_now()
    post = make_post(workspace, accounts=accounts, status="publishing", scheduled_at=now)
    for held in sorted(claim_targets(10), key=lambda claim: str(claim.pk)):
        publish_claimed(held)

    end = told(post)[-1]

    assert (end.kind, end.target_id) == ("partially_published", None)
    assert end.message == "Published on Facebook; failed on Twitter/X."


def test_a_token_that_died_is_told_between_the_attempts(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.committed = [REVOKED]
    target = make_due(workspace)
    Post.objects.filter(pk=target.post_id).update(created_at=database_now() - timedelta(minutes=1))

    publish(target)

    assert meanings(target.post) == [
        ("account_expired", "account_owner", None),
        ("refused", "account_owner", True),
        ("failed", None, None),
    ]


def test_what_befalls_an_account_after_the_end_is_not_told(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    Post.objects.filter(pk=target.post_id).update(created_at=database_now() - timedelta(minutes=1))
    publish(target)
    before = meanings(target.post)

    expire(SocialAccount.objects.get(), REVOKED)
    disconnect(SocialAccount.objects.get(), actor=ACTOR, now=database_now())

    assert meanings(target.post) == before


def test_a_disconnection_tells_why_nothing_goes_out(workspace: Workspace, network: ScriptedNetwork) -> None:
    later = database_now() + timedelta(days=1)
    target = make_due(workspace, status="scheduled", scheduled_at=later)
    Post.objects.filter(pk=target.post_id).update(created_at=database_now() - timedelta(minutes=1))

    disconnect(SocialAccount.objects.get(), actor=ACTOR, now=database_now())

    [entry] = [each for each in told(target.post) if each.kind != "unscheduled"]
    assert (entry.kind, entry.platform) == ("account_disconnected", "facebook")
    assert "Company Page" in entry.message
    assert Target.objects.get().status == TargetStatus.CANCELLED


@pytest.mark.parametrize("parts", [0, 1], ids=["nothing out", "a part out"])
def test_a_disconnection_that_settles_a_post_is_told_before_the_outcome(
    workspace: Workspace, network: ScriptedNetwork, parts: int
) -> None:
    gone, other = make_account(workspace), make_account(workspace, remote_id="2", default_of=None)
    post = make_post(
        workspace, accounts=[gone, other], status="publishing", created_at=database_now() - timedelta(minutes=1)
    )
    waiting = Target.objects.filter(post=post, account=gone)
    out = [{"remote_id": "7", "url": ""}] * parts
    waiting.update(due_at=database_now() + timedelta(hours=1), parts=out, remote_id="7" * parts, replies=parts)
    done = Target.objects.filter(post=post, account=other)
    done.update(status="published", published_at=database_now(), remote_id="8", due_at=None)

    disconnect(gone, actor=ACTOR, now=database_now())
    ended = [(entry.kind, entry.target_id) for entry in told(post) if entry.kind != "updated"]

    assert ended == [("account_disconnected", waiting.get().pk), ("published", None)]
    disconnect(other, actor=ACTOR, now=database_now())
    assert [entry.kind for entry in told(post)].count("account_disconnected") == 1


def test_what_was_not_sent_as_its_account_went_is_no_refusal(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    SocialAccount.objects.update(access_token="", disconnected_at=database_now())

    publish(target)

    [entry] = [each for each in told(target.post) if each.target_id == target.pk]
    assert (entry.kind, entry.retry_safe) == ("not_connected", True)
    assert entry.message == "The account is not connected any more: nothing more was sent to Facebook."
    assert network.calls == []


def test_what_befell_an_account_before_the_post_was_there_is_not_told(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    account = make_account(workspace)
    expire(account, REVOKED)
    post = make_post(workspace, accounts=[account], created_at=database_now() + timedelta(seconds=1))

    assert told(post) == []


def test_how_a_target_ended_is_told_once_though_the_post_comes_out_twice(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)], status="missed")
    error = failure("MISSED_WINDOW", "Too late.", retryable=True)
    result = {"id": post.targets.get().pk, "platform": "facebook", "status": "missed", "outcome_unknown": False}
    for verb in ("missed", "partially_published"):
        record(verb, post, actor=SYSTEM, targets=[result | {"error": error}])

    assert [(entry.kind, entry.target_id is None) for entry in told(post)] == [
        ("missed", False),
        ("missed", True),
        ("partially_published", True),
    ]
