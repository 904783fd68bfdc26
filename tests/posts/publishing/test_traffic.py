"""What may not go yet waits in its order, counts as no attempt, and keeps nobody else waiting."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db.models import F
from pytest_django import DjangoAssertNumQueries, Settings

from accounts import calls
from accounts.models import Network, PauseScope, SocialAccount
from accounts.platforms.base import Recovery
from accounts.platforms.errors import AppStopped, RateLimited, Rejected, StillWorking, Unavailable
from accounts.platforms.limits import Allowance
from accounts.platforms.shapes import Published
from adminapi.management.client import Client
from ouipost.claims import Claim, database_now
from ouipost.moments import written_in_utc
from ouipost.simulator import models as simulated
from posts import pausing, services
from posts.models import Attempt, Post, Target, TargetStatus
from posts.places import needs_place
from posts.publishing import holding
from posts.publishing.arming import Saving, load_all, save_all
from posts.publishing.claiming import LOOK_AHEAD, ROUNDS
from posts.publishing.holding import hold_account
from posts.publishing.others import Search, others
from posts.publishing.outcomes import Later, Outcome, Undecidable
from posts.publishing.past_answers import late_posts
from posts.publishing.settling import settle_all
from posts.timeline.timeline import timeline
from tests.conftest import AdminClient, ApiClient
from tests.factories import NOW, make_account, make_media, make_post, make_workspace
from tests.posts.fakes import (
    ACTOR,
    HERE,
    LOST,
    ScriptedNetwork,
    bring_forward,
    claim_targets,
    make_due,
    make_result,
    publish,
    publish_claimed,
)
from workspaces.models import Workspace

PLATFORM, SIMULATED = "facebook", "sandbox:facebook"
HOUR = timedelta(hours=1)
OTHER = Published(remote_id="43", url="")


@pytest.fixture(autouse=True)
def _nothing_is_limited(settings: Settings) -> None:
    settings.NETWORK_PACE = dict.fromkeys(settings.NETWORK_PACE)


@pytest.fixture
def pace(settings: Settings) -> Allowance:
    """Four posts an hour: two at once, and then one each half hour."""
    pace = Allowance(most=4, seconds=3600)
    settings.NETWORK_PACE = settings.NETWORK_PACE | {PLATFORM: pace}
    return pace


def test_whether_a_claimed_target_needs_a_place_is_known_without_a_query(
    workspace: Workspace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_due(workspace)
    [loaded] = load_all(claim_targets(1))

    with django_assert_num_queries(0):
        assert loaded is not None
        assert needs_place(loaded.target)


def make_accounts(workspace: Workspace, count: int, **values: Any) -> list[SocialAccount]:
    return [make_account(workspace, remote_id=str(number), default_of=None, **values) for number in range(count)]


def make_many(account: SocialAccount, count: int, *, ago: float = 60, status: str = "publishing") -> list[str]:
    """Write so many due posts of an account, the last one the longest due, and return their targets in due order."""
    now = database_now()
    values = {"workspace_id": account.workspace_id, "created_at": NOW, "moment": NOW, "status": status}
    posts = Post.objects.bulk_create([Post(content=f"Post {number}", **values) for number in range(count)])
    targets = [
        Target(
            post=post,
            account=account,
            platform=account.platform,
            status=status,
            scheduled_at=now - timedelta(seconds=ago),
            due_at=now - timedelta(seconds=ago, milliseconds=5 * number),
        )
        for number, post in enumerate(posts)
    ]
    return [target.pk for target in reversed(Target.objects.bulk_create(targets))]


def settle(held: Sequence[Claim], outcome: Any = HERE, **values: Any) -> None:
    settle_all([make_result(claim, outcome, **values) for claim in held])


def taken(limit: int = 10) -> list[str]:
    return [claim.pk for claim in claim_targets(limit)]


def make_all_due(account: SocialAccount) -> None:
    """Let the time pass for which an account is left alone."""
    Target.objects.filter(account=account).update(due_at=F("due_at") - HOUR)
    SocialAccount.objects.filter(pk=account.pk).update(held_until=None)


def in_due_order(account: SocialAccount) -> list[str]:
    return list(Target.objects.filter(account=account).order_by("due_at", "pk").values_list("pk", flat=True))


def breathless(account: SocialAccount, **values: Any) -> None:
    """Let an account have used up its quota."""
    SocialAccount.objects.filter(pk=account.pk).update(paced_at=database_now() + HOUR, **values)


def work_off() -> list[str]:
    """Publish until nothing is due, as a worker does, and return what was claimed in its order."""
    claimed = []
    while held := claim_targets(10):
        for claim in held:
            publish_claimed(claim)
        claimed += [claim.pk for claim in held]
    return claimed


def test_an_account_out_of_breath_gives_its_posts_its_next_free_places(
    workspace: Workspace, pace: Allowance, network: ScriptedNetwork
) -> None:
    account = make_account(workspace)
    wanted = make_many(account, 5)

    sent = work_off()

    waiting = list(Target.objects.filter(due_at__isnull=False).order_by("due_at"))
    paced_at = SocialAccount.objects.get(pk=account.pk).paced_at
    assert paced_at is not None
    assert sent == wanted[:2]
    assert [target.pk for target in waiting] == wanted[2:]
    assert [target.due_at for target in waiting] == [paced_at + place * HOUR / 2 for place in (-1, 0, 1)]
    assert paced_at - HOUR < database_now() < paced_at
    assert set(Target.objects.filter(pk__in=wanted[2:]).values_list("attempts", "claim_count", "fence")) == {(0, 0, 0)}
    assert not Attempt.objects.filter(target__in=wanted[2:]).exists()


def test_what_comes_later_gets_its_place_behind_those_that_wait(workspace: Workspace, pace: Allowance) -> None:
    account = make_account(workspace)
    breathless(account)
    make_due(workspace, account, status="scheduled", scheduled_at=database_now() + 5 * HOUR)
    wanted = make_many(account, 5)
    late = wanted[-1]  # it was made first
    Target.objects.filter(pk=late).update(due_at=None)
    claim_targets(10)
    Target.objects.filter(pk=late).update(due_at=F("scheduled_at"))

    claim_targets(10)

    waiting = Target.objects.filter(pk__in=wanted).order_by("due_at")
    first, *others = [target.due_at for target in waiting if target.due_at and target.give_up_at]
    assert [target.pk for target in waiting] == wanted
    assert others == [first + place * HOUR / 2 for place in (1, 2, 3, 4)]


def test_those_that_wait_move_up_behind_one_whose_place_another_has_used(workspace: Workspace, pace: Allowance) -> None:
    account = make_account(workspace)
    breathless(account)
    wanted = make_many(account, 3)
    claim_targets(10)
    SocialAccount.objects.update(paced_at=database_now() + HOUR)
    Target.objects.update(due_at=F("due_at") - HOUR / 2)
    [late] = make_many(account, 1, ago=1)

    claim_targets(10)

    times = [Target.objects.get(pk=pk).due_at for pk in (*wanted, late)]
    assert in_due_order(account) == [*wanted, late]
    assert all(after and before and after - before == HOUR / 2 for before, after in pairwise(times))


def test_a_send_that_came_late_moves_the_next_in_line_and_not_the_line(
    workspace: Workspace, settings: Settings
) -> None:
    settings.NETWORK_PACE = settings.NETWORK_PACE | {PLATFORM: Allowance(most=1, seconds=3600)}
    account = make_account(workspace)
    breathless(account)
    wanted = make_many(account, 5)
    claim_targets(1)
    rows = Target.objects.filter(account=account)
    rows.update(due_at=F("due_at") - HOUR)
    before: dict[str, Any] = dict(rows.values_list("pk", "due_at"))
    SocialAccount.objects.update(paced_at=database_now() + timedelta(seconds=5))

    [late] = make_many(account, 1, ago=1)
    claim_targets(1)

    after: dict[str, Any] = dict(rows.values_list("pk", "due_at"))
    assert [pk for pk in wanted if after[pk] != before[pk]] == wanted[:1]
    assert in_due_order(account) == [*wanted, late]
    assert after[late] == before[wanted[-1]] + HOUR


def test_a_place_that_comes_free_is_for_whoever_waits_for_it(workspace: Workspace, pace: Allowance) -> None:
    account = make_account(workspace)
    breathless(account)
    wanted = make_many(account, 2)
    claim_targets(10)
    [late] = make_many(account, 1, ago=1)
    SocialAccount.objects.update(paced_at=database_now() + HOUR / 2)
    Target.objects.filter(pk=wanted[0]).update(due_at=database_now())

    assert taken() == wanted[:1]
    assert in_due_order(account) == [*wanted, late]


def test_what_comes_due_while_its_account_is_held_goes_behind_those_that_are_held(workspace: Workspace) -> None:
    until = database_now() + HOUR
    account = make_account(workspace, held_until=until)
    wanted = make_many(account, 4)
    late = wanted[-1]  # it was made first
    Target.objects.filter(pk=late).update(due_at=None)
    claim_targets(10)
    Target.objects.filter(pk=late).update(due_at=F("scheduled_at"))

    claim_targets(10)

    assert in_due_order(account) == wanted
    assert Target.objects.filter(due_at__gt=until).count() == 4


@pytest.mark.parametrize("status", ["publishing", "scheduled"])
def test_what_waits_for_its_place_says_so_and_when_it_comes(
    workspace: Workspace, pace: Allowance, api: ApiClient, status: str
) -> None:
    account = make_account(workspace)
    breathless(account)
    pks = make_many(account, 2, status=status)

    claim_targets(10)

    for target in Target.objects.filter(pk__in=pks):
        [shown] = api.get(f"/api/posts/{target.post_id}").json()["data"]["post"]["targets"]
        line = timeline(target.post, now=database_now())[-1]
        assert target.due_at is not None
        assert shown["next_attempt_at"] == target.due_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert shown["waits_for"] == line.message
        assert line.message == "The account's pace is 4 in 60 minutes: this post takes the next free place."


def test_what_only_waits_for_its_place_is_scheduled_and_can_be_changed_and_called_off(
    workspace: Workspace, pace: Allowance, api: ApiClient
) -> None:
    account = make_account(workspace)
    breathless(account)
    drafts = [f"/api/posts/{make_post(workspace, accounts=[account]).pk}" for _ in range(4)]
    for path in drafts:
        api.post(f"{path}/publish", Prefer="wait=0")

    claim_targets(10)
    line = in_due_order(account)
    answers = [api.post(f"{path}/publish", Prefer="wait=1") for path in drafts]
    edited, unscheduled, moved, deleted = drafts

    assert {answer.status_code for answer in answers} == {202}
    for answer in answers:
        post = answer.json()["data"]["post"]
        assert (post["status"], post["platform_results"][0]["status"]) == ("scheduled", "pending")
        assert post["scheduled_at"] < post["targets"][0]["next_attempt_at"]
    assert in_due_order(account) == line, "to publish again costs no place"
    assert api.put(edited, {"content": "Better"}).status_code == 200
    assert api.post(f"{unscheduled}/unschedule").json()["data"]["post"]["status"] == "draft"
    assert api.post(f"{moved}/schedule", {"scheduled_at": "2100-01-01T09:00:00Z"}).status_code == 200
    assert api.delete(deleted).status_code == 200


@pytest.mark.parametrize("change", ["text", "file"])
def test_what_was_prepared_is_forgotten_once_the_post_is_changed(
    workspace: Workspace, pace: Allowance, api: ApiClient, handled: ScriptedNetwork, change: str
) -> None:
    account = make_account(workspace)
    target = make_due(workspace, account)
    path, media = f"/api/posts/{target.post_id}", make_media(target.post)
    handled.saved, handled.prepared = [{"container": "of what it was"}], [{}]
    [held] = claim_targets(1)
    pausing.pause(PauseScope.ACCOUNT, account.pk, reason="Look.", actor=ACTOR, now=database_now())
    publish_claimed(held)
    pausing.resume(PauseScope.ACCOUNT, account.pk, actor=ACTOR, now=database_now())
    breathless(account)
    bring_forward(target)
    assert taken() == [], "another post has taken the place, and this one waits for the next"
    handled.forget()

    changed = api.put(path, {"content": "Better"}) if change == "text" else api.delete(f"/api/media/{media.pk}")
    handled.saved = []
    SocialAccount.objects.update(paced_at=None)
    publish(target)

    assert changed.status_code == 200
    assert [operation.handles for operation in handled.sent] == [{}]


def test_a_time_that_the_accounts_pace_does_not_allow_is_warned_of(
    workspace: Workspace, pace: Allowance, api: ApiClient
) -> None:
    make_account(workspace)
    body = {"content": "Bread", "platforms": [PLATFORM], "scheduled_at": "2100-01-01T09:00:00Z"}

    answers = [api.post("/api/posts", body).json() for _ in range(4)]
    last = f"/api/posts/{answers[-1]['data']['post']['id']}"
    [shown] = api.get(f"{last}/preview").json()["data"]["targets"]
    moved = api.post(f"{last}/schedule", {"scheduled_at": "2100-01-01T12:00:00Z"})

    told = [" ".join(answer["data"].get("warnings", [])) for answer in answers]
    assert [bool(each) for each in told] == [False, False, True, True]
    assert "goes out at about 2100-01-01T09:30:00Z" in told[2]
    assert "goes out at about 2100-01-01T10:00:00Z" in told[3]
    assert [(each["rule"], each["severity"]) for each in shown["issues"]] == [("pace_delays", "warning")]
    assert not moved.json()["data"].get("warnings")


def scheduled_in(seconds: float) -> str:
    return written_in_utc(database_now() + timedelta(seconds=seconds))


def paces(issues: Sequence[dict[str, Any]]) -> list[str]:
    """Return what is said of the account's pace."""
    return [issue["message"] for issue in issues if issue["rule"] == "pace_delays"]


def previewed(api: ApiClient, post: str) -> list[str]:
    [shown] = api.get(f"/api/posts/{post}/preview").json()["data"]["targets"]
    return paces(shown["issues"])


def test_a_time_at_which_others_still_wait_in_line_is_warned_of(
    workspace: Workspace, pace: Allowance, api: ApiClient
) -> None:
    account = make_account(workspace)
    breathless(account)
    line = make_many(account, 3)
    claim_targets(10)
    last = Target.objects.get(pk=line[-1]).due_at
    assert last is not None
    own = f"goes out at about {written_in_utc(last + HOUR / 2)}"
    body = {"content": "Bread", "platforms": [PLATFORM], "scheduled_at": scheduled_in(60)}

    checked = api.post("/api/posts/validate", body).json()["data"]
    created = api.post("/api/posts", body).json()["data"]
    moved = api.post(f"/api/posts/{created['post']['id']}/schedule", {"scheduled_at": scheduled_in(5)}).json()["data"]
    before = previewed(api, created["post"]["id"])
    behind = api.post("/api/posts/validate", body).json()["data"]

    [told] = paces(checked["issues"])
    assert own in told
    assert (created["warnings"], moved["warnings"], before) == ([told], [told], [told])
    assert f"goes out at about {written_in_utc(last + HOUR)}" in paces(behind["issues"])[0]


def test_an_account_that_has_used_up_its_pace_delays_the_next_post_though_none_waits(
    workspace: Workspace, pace: Allowance, api: ApiClient
) -> None:
    account = make_account(workspace)
    breathless(account)
    body = {"content": "Bread", "platforms": [PLATFORM]}

    soon, later = (
        api.post("/api/posts/validate", body | {"scheduled_at": scheduled_in(seconds)}).json()["data"]["issues"]
        for seconds in (60, 1800)
    )

    place = SocialAccount.objects.get().paced_at
    assert place is not None
    assert f"goes out at about {written_in_utc(place - HOUR / 2)}" in paces(soon)[0]
    assert paces(later) == []


@pytest.mark.parametrize("status", ["failed", "missed", "publishing"])
def test_no_delay_is_told_of_a_post_whose_time_has_come(
    workspace: Workspace, pace: Allowance, api: ApiClient, status: str
) -> None:
    account = make_account(workspace)
    ended = make_due(workspace, account, status=status)
    Target.objects.filter(pk=ended.pk).exclude(status="publishing").update(due_at=None)
    breathless(account)

    assert previewed(api, ended.post_id) == []


def test_what_the_network_has_put_off_is_not_said_to_keep_a_pace(
    workspace: Workspace, pace: Allowance, api: ApiClient
) -> None:
    account = make_account(workspace, held_until=database_now() + HOUR)
    waiting = make_due(workspace, account, status="scheduled")
    Target.objects.filter(pk=waiting.pk).update(due_at=account.held_until)

    assert previewed(api, waiting.post_id) == []


def test_a_post_of_which_anything_has_begun_is_being_published_while_the_rest_waits_for_its_place(
    workspace: Workspace, pace: Allowance, network: ScriptedNetwork
) -> None:
    first, second = make_accounts(workspace, 2)
    breathless(second)
    post = make_post(workspace, accounts=[first, second])
    Post.objects.update(destinations=[first.pk, second.pk])
    services.publish_post(post, actor=ACTOR, now=database_now())

    [begun] = claim_targets(10)

    assert Post.objects.get(pk=post.pk).status == "publishing"
    publish_claimed(begun)
    assert Post.objects.get(pk=post.pk).status == "publishing"


def test_what_waited_for_its_place_for_hours_is_tried_for_as_long_as_any_other(
    workspace: Workspace, pace: Allowance, network: ScriptedNetwork
) -> None:
    account = make_account(workspace)
    breathless(account)
    target = make_due(workspace, account, scheduled_at=database_now() - 7 * HOUR)
    Target.objects.update(due_at=database_now(), give_up_at=database_now() - HOUR)
    claim_targets(10)
    SocialAccount.objects.filter(pk=account.pk).update(paced_at=None)
    network.prepared = [StillWorking("It is being processed.", retry_after=5), {"ready": True}]

    waiting = publish(target)

    assert (waiting.status, waiting.error, waiting.waits_for) == ("publishing", None, "It is being processed.")
    assert publish(waiting).status == "published"


def test_what_a_hold_puts_behind_a_line_is_tried_for_as_long_as_any_other(
    workspace: Workspace, pace: Allowance
) -> None:
    account = make_account(workspace, held_until=database_now() + timedelta(seconds=30))
    line = make_due(workspace, account, status="scheduled")
    Target.objects.filter(pk=line.pk).update(due_at=database_now() + 10 * HOUR)
    target = make_due(workspace, account)

    claim_targets(1)

    target.refresh_from_db()
    assert target.due_at is not None
    assert target.due_at > database_now() + 9 * HOUR
    assert target.give_up_at == target.due_at + 6 * HOUR


def test_a_free_place_is_for_the_next_in_line(workspace: Workspace, pace: Allowance) -> None:
    account = make_account(workspace)
    wanted = make_many(account, 4)
    breathless(account)
    claim_targets(10)
    late = make_many(account, 1, ago=1)
    SocialAccount.objects.filter(pk=account.pk).update(paced_at=None)
    Target.objects.filter(pk=wanted[0]).update(due_at=database_now() - timedelta(minutes=1))

    [first] = claim_targets(10)

    assert first.pk == wanted[0]
    assert in_due_order(account)[1] == late[0], "its time has come, the others' not yet"


@pytest.mark.parametrize(
    "stands",
    [{"outcome_unknown": True, "armed_at": NOW}, {"sends": 1, "sent_at": F("scheduled_at")}],
    ids=["a look", "counted"],
)
def test_what_needs_no_place_neither_waits_for_one_nor_takes_one(
    workspace: Workspace, pace: Allowance, stands: dict[str, Any]
) -> None:
    account = make_account(workspace)
    breathless(account)
    [send] = make_many(account, 1, ago=120)
    look = make_due(workspace, account)
    Target.objects.filter(pk=look.pk).update(**stands)
    before = SocialAccount.objects.get(pk=account.pk).paced_at

    assert taken() == [look.pk]
    assert SocialAccount.objects.get(pk=account.pk).paced_at == before
    assert Target.objects.get(pk=send).due_at is not None


@pytest.mark.parametrize(
    ("network", "is_free"), [("instagram", True), ("threads", True), ("youtube", True), ("twitter", False)]
)
def test_a_reply_waits_for_a_place_only_where_the_quota_of_posts_counts_it(
    workspace: Workspace, settings: Settings, network: str, is_free: bool
) -> None:
    settings.NETWORK_PACE = settings.NETWORK_PACE | {network: Allowance(most=4, seconds=3600)}
    account = make_account(workspace, platform=network)
    breathless(account)
    [reply] = make_many(account, 1)
    first = {"remote_id": "41", "url": "", "facts": {}}
    Target.objects.filter(pk=reply).update(remote_id="41", parts=[first], replies=1)

    assert needs_place(Target.objects.get(pk=reply)) != is_free
    assert (taken() == [reply]) == is_free


@pytest.mark.parametrize(
    "answer",
    [
        StillWorking("The container is not ready.", retry_after=1),
        Unavailable("Away.", status=503),
        RateLimited("slow", retry_after=1),
    ],
    ids=["not ready", "away", "slow"],
)
def test_what_is_not_sent_yet_uses_up_no_place(
    workspace: Workspace, pace: Allowance, network: ScriptedNetwork, answer: Exception
) -> None:
    account = make_account(workspace)
    target = make_due(workspace, account)
    network.prepared = [answer]
    for _ in range(8):
        publish(target)
    before = SocialAccount.objects.get(pk=account.pk).paced_at
    network.prepared = [{}]

    publish(target)

    after = SocialAccount.objects.get(pk=account.pk).paced_at
    assert (before, len(network.sent)) == (None, 1)
    assert after is not None
    assert after - database_now() <= HOUR / 2


def test_a_post_that_is_sent_again_uses_up_one_place(
    workspace: Workspace, pace: Allowance, network: ScriptedNetwork
) -> None:
    account = make_account(workspace)
    target = make_due(workspace, account)
    network.committed = [*[RateLimited("slow", retry_after=1)] * 3, HERE]

    for _ in range(4):
        publish(target)

    paced_at = SocialAccount.objects.get(pk=account.pk).paced_at
    assert (len(network.sent), Target.objects.get(pk=target.pk).status) == (4, "published")
    assert paced_at is not None
    assert paced_at - database_now() <= HOUR / 2


@pytest.mark.parametrize("found", [[], Unavailable("Away.")], ids=["not there", "not told"])
def test_what_a_person_has_sent_again_waits_for_a_place_and_uses_up_one(
    workspace: Workspace, pace: Allowance, network: ScriptedNetwork, found: Any
) -> None:
    account = make_account(workspace)
    network.committed, failed = [Rejected("No.", status=400)], list[Target]()
    for _ in range(5):
        SocialAccount.objects.update(paced_at=None)
        failed.append(publish(make_due(workspace, account)))
    network.forget()
    network.committed, network.found = [*[RateLimited("slow", status=429)] * 3, HERE, OTHER], [found]
    network.prepared = [StillWorking("It is being processed.", retry_after=1), {}]
    SocialAccount.objects.update(paced_at=None)
    services.retry_post(failed[0].post, actor=ACTOR, now=database_now())
    for _ in range(5):
        publish(failed[0])
    for target in failed[1:]:
        services.retry_post(target.post, actor=ACTOR, now=database_now())

    work_off()

    paced_at = SocialAccount.objects.get(pk=account.pk).paced_at
    waiting = Target.objects.exclude(status="published").order_by("due_at").values_list("due_at", flat=True)
    assert len(network.sent) == 4 + 1, "one was sent four times"
    assert paced_at is not None
    assert list(waiting) == [paced_at + place * HOUR / 2 for place in (-1, 0, 1)]


def test_what_a_dead_worker_had_not_sent_took_no_place(workspace: Workspace, pace: Allowance) -> None:
    account = make_account(workspace)
    target = make_due(workspace, account)
    claim_targets(1)
    bring_forward(target)

    assert taken() == [target.pk]
    assert SocialAccount.objects.get(pk=account.pk).paced_at is None


@pytest.mark.parametrize(("away", "is_missed"), [(timedelta(minutes=59), False), (timedelta(minutes=61), True)])
def test_what_waited_for_its_place_is_late_only_from_then_on(
    workspace: Workspace, pace: Allowance, network: ScriptedNetwork, away: timedelta, is_missed: bool
) -> None:
    Workspace.objects.update(settings={"publish_late_up_to_minutes": 60})
    account = make_account(workspace)
    breathless(account)
    [pk] = make_many(account, 1, status="scheduled")
    claim_targets(10)
    put_off = Target.objects.get(pk=pk).due_at
    assert put_off is not None
    assert put_off - database_now() > HOUR / 3
    SocialAccount.objects.update(paced_at=None)
    now = database_now()
    Target.objects.filter(pk=pk).update(scheduled_at=now - 20 * HOUR, due_at=now - away)

    work_off()

    assert Target.objects.get(pk=pk).status == ("missed" if is_missed else "published")


@pytest.mark.parametrize("limit", [1, 5])
def test_accounts_out_of_breath_keep_nobody_waiting(workspace: Workspace, pace: Allowance, limit: int) -> None:
    *hogs, free = make_accounts(workspace, limit * (ROUNDS - 1) + 1)
    for hog in hogs:
        breathless(hog)
        make_many(hog, 3, ago=600)
    [wanted] = make_many(free, 1)

    assert taken(limit) == [wanted]


def test_one_account_with_much_in_front_keeps_nobody_waiting(workspace: Workspace) -> None:
    hog, *others = make_accounts(workspace, 4)
    first = make_many(hog, 100, ago=600)[0]
    wanted = [make_many(other, 1)[0] for other in others]

    assert set(taken(4)) == {first, *wanted}


def test_an_account_that_is_busy_keeps_nobody_waiting(workspace: Workspace) -> None:
    hog, other = make_accounts(workspace, 2)
    make_many(hog, 100, ago=600)
    claim_targets(1)
    [wanted] = make_many(other, 1)

    assert taken(1) == [wanted]


def test_many_whose_workers_died_do_not_keep_the_others_waiting(workspace: Workspace) -> None:
    limit = 3
    *crashed, sound = make_accounts(workspace, 2 * limit * LOOK_AHEAD + 1)
    suspects = [make_many(account, 1, ago=600)[0] for account in crashed]
    Target.objects.filter(pk__in=suspects).update(claim_count=1)
    [wanted] = make_many(sound, 1)

    held = taken(limit)

    assert wanted in held
    assert len(set(held) & set(suspects)) == 1


def test_a_network_takes_no_more_at_once_than_its_cap(workspace: Workspace, settings: Settings) -> None:
    settings.NETWORK_MAX_IN_FLIGHT = settings.NETWORK_MAX_IN_FLIGHT | {PLATFORM: 2}
    crowd = [make_many(account, 1, ago=600)[0] for account in make_accounts(workspace, 30)]
    other = make_many(make_account(workspace, platform="twitter", remote_id="x"), 1)

    first, second = claim_targets(10), claim_targets(10)
    settle([each for each in first if each.pk != other[0]][:1])
    third = taken()

    assert [each.pk in crowd for each in first].count(True) == 2
    assert other[0] in [each.pk for each in first]
    assert second == []
    assert len(third) == 1


def test_one_server_of_its_own_takes_no_more_than_a_quarter_of_its_networks_places(
    workspace: Workspace, settings: Settings
) -> None:
    settings.NETWORK_MAX_IN_FLIGHT = settings.NETWORK_MAX_IN_FLIGHT | {"bluesky": 8}
    own, other = {"service": "https://pds.slow.example"}, {"service": "https://pds.other.example"}
    for place, metadata in enumerate(
        [*[own] * 100, other, *[{}] * 3, {"service": "https://morel.us-east.host.bsky.network"}]
    ):
        values = {"remote_id": f"did:plc:{place}", "platform": "bluesky", "default_of": None, "metadata": metadata}
        make_many(make_account(workspace, **values), 1, ago=200 - place)

    first, then = claim_targets(3), claim_targets(10)

    taken = Target.objects.filter(pk__in=[each.pk for each in [*first, *then]]).values_list(
        "account__metadata__service"
    )
    assert Counter(service for (service,) in taken) == {
        "https://pds.slow.example": 2,
        "https://pds.other.example": 1,
        "https://morel.us-east.host.bsky.network": 1,
        None: 3,
    }


def test_what_a_dead_worker_had_takes_no_place_at_its_network(workspace: Workspace, settings: Settings) -> None:
    settings.NETWORK_MAX_IN_FLIGHT = settings.NETWORK_MAX_IN_FLIGHT | {PLATFORM: 1}
    [first], [second] = (
        make_many(account, 1, ago=ago) for account, ago in zip(make_accounts(workspace, 2), (9, 8), strict=True)
    )
    claim_targets(10)
    Target.objects.filter(pk=first).update(lease_until=database_now(), due_at=database_now() + HOUR)

    assert taken() == [second]


def broken(network: str, *, for_seconds: float) -> None:
    until = database_now() + timedelta(seconds=for_seconds)
    Network.objects.update_or_create(pk=network, defaults={"held_until": until, "recent_calls": ""})


def test_a_network_that_fails_is_passed_over_and_the_others_are_not(workspace: Workspace) -> None:
    held = {pk for account in make_accounts(workspace, 10) for pk in make_many(account, 5, ago=600)}
    other = make_many(make_account(workspace, platform="twitter", remote_id="x"), 1)
    broken(SIMULATED, for_seconds=30)
    before = list(Target.objects.filter(pk__in=held).order_by("pk").values())

    assert (taken(2), taken(2)) == (other, [])
    assert list(Target.objects.filter(pk__in=held).order_by("pk").values()) == before


def test_the_true_network_goes_on_while_the_simulated_one_fails(workspace: Workspace) -> None:
    sandboxed = make_many(make_account(workspace), 1, ago=600)
    live = make_many(make_account(make_workspace(mode="live")), 1)
    broken(SIMULATED, for_seconds=30)

    assert taken() == live
    broken(PLATFORM, for_seconds=30)
    broken(SIMULATED, for_seconds=-1)
    assert taken() == sandboxed


def test_a_network_is_tried_again_with_one_post_that_opens_the_way_for_all(workspace: Workspace) -> None:
    for account in make_accounts(workspace, 5):
        make_many(account, 1)
    broken(SIMULATED, for_seconds=-1)

    tried, meanwhile = claim_targets(10), claim_targets(10)
    settle(tried)

    assert (len(tried), meanwhile) == (1, [])
    assert len(claim_targets(10)) == 4


def test_an_upload_of_minutes_keeps_a_network_from_no_other_try(workspace: Workspace) -> None:
    for account in make_accounts(workspace, 3):
        make_many(account, 1)
    [uploading] = claim_targets(1)
    save_all([Saving(claim=uploading, handles={}, seconds=600)])
    broken(SIMULATED, for_seconds=-1)

    tried, meanwhile = claim_targets(10), claim_targets(10)

    assert (len(tried), meanwhile) == (1, [])


@pytest.mark.parametrize("outcome", [Unavailable("away"), LOST])
def test_a_network_that_fails_again_is_left_alone_again(workspace: Workspace, outcome: Any) -> None:
    for account in make_accounts(workspace, 5):
        make_many(account, 1)
    broken(SIMULATED, for_seconds=-1)

    before = database_now()
    settle(claim_targets(10), outcome)
    after = database_now()

    assert claim_targets(10) == []
    until = Network.objects.get().held_until
    assert until is not None
    assert before <= until - timedelta(seconds=30) <= after


NO_CREDITS = {"title": "Payment Required", "detail": "credits depleted", "type": "about:blank", "status": 402}
CAPPED = {
    "title": "UsageCapExceeded",
    "detail": "Usage cap exceeded: Monthly product cap",
    "type": "https://api.x.com/2/problems/usage-capped",
    "period": "Monthly",
    "scope": "Product",
}
BLOCKED = {"error": {"message": "API access blocked.", "type": "OAuthException", "code": 200}}


@pytest.mark.django_db(databases="__all__")
@pytest.mark.parametrize(
    ("platform", "path", "refusal"),
    [
        ("twitter", "/2/tweets", {"status": 402, "body": NO_CREDITS}),
        ("twitter", "/2/tweets", {"status": 429, "body": CAPPED}),
        ("facebook", "/feed", {"status": 400, "body": BLOCKED}),
    ],
    ids=["X without credits", "X at its cap", "Meta stops it"],
)
def test_an_app_that_its_network_takes_nothing_from_is_tried_with_one_post_until_it_is_mended(
    client: Client, admin: AdminClient, platform: str, path: str, refusal: dict[str, Any]
) -> None:
    account = SocialAccount.objects.get(pk=client.connect(platform)["id"])
    wanted = make_many(account, 40)
    simulated.Fault.objects.create(network=platform, effect="status", match=path, options=refusal, times=99)
    sends = simulated.Request.objects.filter(method="POST", path__endswith=path)

    work_off()
    calls.flush()
    refused = sends.count()
    Network.objects.update(held_until=database_now())
    work_off()
    told = admin.get("/admin/platform-health").json()["data"]["platforms"][platform]

    assert (refused, sends.count()) == (10, 11)
    assert Target.objects.filter(pk__in=wanted, status="publishing").count() == 40
    assert SocialAccount.objects.get(pk=account.pk).held_until is None, "it is not the account's fault"
    assert (told["status"], told["api_status"]) == ("down", "outage")
    assert any("refuses requests of this installation's app" in issue for issue in told["issues"]), told["issues"]

    simulated.Fault.objects.update(fired=99)
    Network.objects.update(held_until=database_now())
    Target.objects.filter(attempts__gt=0).update(due_at=database_now(), armed_at=NOW - HOUR, sent_at=NOW - HOUR)
    work_off()

    texts = Counter(simulated.Post.objects.values_list("text", flat=True))
    assert texts == Counter(f"Post {number}" for number in range(40))
    assert set(Target.objects.filter(pk__in=wanted).values_list("status")) == {("published",)}


@pytest.mark.parametrize("outcome", [Later(seconds=2, message="Not now."), RateLimited("slow", retry_after=60)])
def test_what_says_nothing_of_a_network_leaves_it_to_the_next_try(workspace: Workspace, outcome: Any) -> None:
    for account in make_accounts(workspace, 3):
        make_many(account, 1)
    broken(SIMULATED, for_seconds=-1)

    settle(claim_targets(10), outcome)

    assert len(claim_targets(10)) == 1


def test_an_account_that_fails_again_and_again_is_left_alone_and_others_are_not(workspace: Workspace) -> None:
    failing, sound = make_accounts(workspace, 2)
    posts = make_many(failing, 13, ago=600)
    for _ in range(10):
        settle(claim_targets(1), Unavailable("away"))
        make_many(sound, 1, ago=700)
        settle(claim_targets(1))

    assert claim_targets(10) == []
    held_until = SocialAccount.objects.get(pk=failing.pk).held_until
    assert held_until is not None
    untried = Target.objects.filter(pk__in=posts, attempts=0).order_by("due_at")
    assert [target.pk for target in untried] == posts[10:]
    assert all(target.due_at and target.due_at > held_until for target in untried)


def test_an_account_whose_first_call_after_a_quota_fails_is_left_alone_for_half_a_minute(workspace: Workspace) -> None:
    account = make_account(workspace, held_until=database_now())
    make_many(account, 3)

    before = database_now()
    settle(claim_targets(1), Unavailable("away"))
    after = database_now()

    assert claim_targets(10) == []
    held_until = SocialAccount.objects.get(pk=account.pk).held_until
    assert held_until is not None
    assert before <= held_until - timedelta(seconds=30) <= after


def test_what_comes_due_for_an_account_while_it_is_left_alone_waits_as_well(
    workspace: Workspace, pace: Allowance
) -> None:
    account = make_account(workspace)
    make_due(workspace, account)
    settle(claim_targets(1), RateLimited("slow", retry_after=60))

    Target.objects.filter(pk=make_due(workspace, account).pk).update(outcome_unknown=True)
    make_due(workspace, account)
    claimed = claim_targets(1)

    waiting = Target.objects.filter(due_at__gt=database_now() + timedelta(seconds=50))
    assert (claimed, waiting.count()) == ([], 3)


def test_the_post_that_met_the_quota_stays_the_first(workspace: Workspace) -> None:
    account = make_account(workspace)
    wanted = make_many(account, 4)  # the first in line was written last

    settle(claim_targets(1), RateLimited("slow", retry_after=60))

    assert in_due_order(account) == wanted


@pytest.mark.parametrize(("hours", "is_held"), [(6, True), (7, False)])
def test_a_quota_that_ends_the_trying_of_one_post_holds_up_those_that_can_wait(
    workspace: Workspace, hours: int, is_held: bool
) -> None:
    """None is tried for seven hours: each is told of such a quota by itself."""
    account = make_account(workspace)
    first = make_due(workspace, account)
    Target.objects.filter(pk=first.pk).update(give_up_at=database_now() + 5 * HOUR)
    make_many(account, 1, ago=0)

    settle(claim_targets(1), RateLimited("spam", retry_after=hours * 3600))

    assert Target.objects.get(pk=first.pk).status == "failed"
    assert (claim_targets(1) == []) is is_held


@pytest.mark.parametrize("hours", [5, 7])
def test_a_quota_that_a_search_meets_holds_up_the_search_alone_until_its_end(workspace: Workspace, hours: int) -> None:
    account = make_account(workspace)
    first = make_due(workspace, account)
    Target.objects.filter(pk=first.pk).update(outcome_unknown=True, armed_at=database_now(), sends=1)
    make_many(account, 1, ago=0)

    settle(claim_targets(1), RateLimited("spent", retry_after=hours * 3600), step="recover", unresolved=True)

    due_at = Target.objects.get(pk=first.pk).due_at
    assert due_at
    assert due_at > database_now() + (hours - 1) * HOUR
    assert len(claim_targets(1)) == 1


def test_an_app_that_may_not_look_for_posts_sends_others(workspace: Workspace) -> None:
    """X refuses looks with code 453, or at the cap for reading, to apps from which it takes posts."""
    unsent = {pk for account in make_accounts(workspace, 11) for pk in make_many(account, 1)}
    looks = claim_targets(10)
    lost = {claim.pk for claim in looks}
    Target.objects.filter(pk__in=lost).update(outcome_unknown=True, armed_at=database_now(), sends=1)

    settle(looks, AppStopped("no access to reading"), step="recover", unresolved=True)

    assert not Network.objects.exists()
    assert set(taken()) == unsent - lost


def test_a_quota_of_one_kind_of_post_keeps_no_other_waiting(workspace: Workspace) -> None:
    account = make_account(workspace)
    video, *others = make_many(account, 3)

    settle(claim_targets(1), RateLimited("no room for videos", retry_after=3600, is_of_a_kind=True))

    assert Target.objects.filter(pk=video, due_at__gt=database_now() + 0.9 * HOUR, attempts=0).exists()
    assert SocialAccount.objects.get(pk=account.pk).held_until is None
    assert taken() == others[:1]


def test_a_quota_of_posts_keeps_nobody_from_asking_about_those_that_were_taken(workspace: Workspace) -> None:
    account = make_account(workspace)
    full, taken_before, waiting = make_many(account, 3)
    at_work = {"outcome_unknown": True, "armed_at": NOW, "sends": 1, "waits_for": "It is at work on the video."}
    held = claim_targets(1)
    Target.objects.filter(pk=taken_before).update(**at_work)

    settle(held, RateLimited("full", retry_after=3600, is_for_posting=True))

    put_off = Target.objects.filter(account=account, due_at__gt=database_now() + 0.9 * HOUR)
    assert set(put_off.values_list("pk", flat=True)) == {full, waiting}
    assert taken() == [taken_before]


def test_a_post_that_meets_a_quota_twice_keeps_no_other_waiting(workspace: Workspace) -> None:
    account = make_account(workspace)
    first, *others = make_many(account, 4)

    for _ in range(2):
        settle(claim_targets(1), RateLimited("slow", retry_after=60))
        make_all_due(account)

    assert in_due_order(account) == [*others, first]


def test_a_quota_that_tells_no_time_is_asked_ever_more_seldom_until_something_is_taken(workspace: Workspace) -> None:
    account, waits = make_account(workspace), []
    make_many(account, 20)

    slow, told = RateLimited("slow"), RateLimited("slow", retry_after=9)
    for outcome in [*[slow] * 8, HERE, slow, told, slow]:
        settle(claim_targets(1), outcome)
        held_until = SocialAccount.objects.get(pk=account.pk).held_until
        waits.append((held_until - database_now()).total_seconds() if held_until else 0)
        passed = {"held_until": database_now(), "recent_at": F("recent_at") - timedelta(seconds=waits[-1])}
        SocialAccount.objects.filter(pk=account.pk, held_until__isnull=False).update(**passed)
        Target.objects.filter(account=account, due_at__isnull=False).update(due_at=database_now())

    first = waits[0]
    assert 48 < first < 72
    assert waits[1:6] == pytest.approx([2 * first, 4 * first, 8 * first, 16 * first, 32 * first], rel=0.05)
    assert waits[6:9] == pytest.approx([min(64 * first, 3600), 3600, 0], rel=0.05)
    assert all(48 < waits[place] < 72 for place in (9, 11))
    assert waits[10] == pytest.approx(9, abs=1)


def test_a_quota_of_one_kind_that_tells_no_time_is_asked_ever_more_seldom_by_each_post_of_it(
    workspace: Workspace,
) -> None:
    account, waits = make_account(workspace), []
    [reel] = make_many(account, 1)

    for _ in range(8):
        settle(claim_targets(1), RateLimited("full", is_of_a_kind=True))
        due_at = Target.objects.get(pk=reel).due_at
        assert due_at is not None
        waits.append((due_at - database_now()).total_seconds())
        Target.objects.filter(pk=reel).update(due_at=database_now())

    assert 48 < waits[0] < 72
    assert waits[1:] == pytest.approx([min(2**each * waits[0], 3600) for each in range(1, 8)], rel=0.05)
    assert SocialAccount.objects.get(pk=account.pk).held_until is None


def test_however_many_wait_they_keep_their_order(workspace: Workspace) -> None:
    account = make_account(workspace)
    wanted = make_many(account, 2 * holding.AT_ONCE + 7)
    now = database_now()

    hold_account(account.pk, until=now + HOUR, now=now)

    assert in_due_order(account) == wanted
    assert not Target.objects.filter(due_at__lte=now + HOUR).exists()


def test_what_is_in_flight_is_not_held_up_and_what_a_dead_worker_had_is(workspace: Workspace) -> None:
    running, lapsed = make_accounts(workspace, 2)
    now = database_now()
    for account in (running, lapsed):
        make_due(workspace, account)
    claim_targets(2)
    Target.objects.filter(account=lapsed).update(lease_until=now)

    for account in (running, lapsed):
        hold_account(account.pk, until=now + HOUR, now=now)

    due: dict[str, Any] = dict(Target.objects.values_list("account", "due_at"))
    assert due[running.pk] < now + HOUR < due[lapsed.pk]


COMMANDS: dict[str, Callable[[Post], Any]] = {
    "unscheduled": lambda post: services.unschedule_post(post, actor=ACTOR),
    "deleted": lambda post: services.delete_post(post, actor=ACTOR),
    "scheduled for later": lambda post: services.schedule_post(
        post, scheduled_at=NOW + timedelta(days=900), zone="UTC", actor=ACTOR, now=NOW
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_what_was_taken_back_while_it_was_held_up_does_not_come_due_again(
    workspace: Workspace, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    account = make_account(workspace)
    post = make_post(workspace, accounts=[account], status="scheduled", scheduled_at=NOW - timedelta(days=900))
    Post.objects.filter(pk=post.pk).update(destinations=[account.pk])
    real, now = holding._move, database_now()

    def change_and_move(*arguments: Any) -> list[str]:
        COMMANDS[name](post)
        return real(*arguments)

    monkeypatch.setattr(holding, "_move", change_and_move)
    hold_account(account.pk, until=now + HOUR, now=now)

    held_up = Target.objects.filter(due_at__lte=now + 2 * HOUR)
    assert not held_up.exists()


def test_a_post_that_has_started_is_not_missed_by_a_target_that_is_held_up(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    free, held = make_accounts(workspace, 2)
    SocialAccount.objects.filter(pk=held.pk).update(held_until=database_now() + HOUR)
    due = database_now() - timedelta(seconds=1)
    post = make_post(workspace, accounts=[free, held], status="scheduled", scheduled_at=due)

    [claim] = claim_targets(5)
    publish_claimed(claim)

    states = dict(Target.objects.filter(post=post).values_list("account", "status"))
    assert states == {free.pk: TargetStatus.PUBLISHED, held.pk: TargetStatus.PUBLISHING}
    assert Post.objects.get(pk=post.pk).status == "publishing"


def test_a_late_answer_settles_what_is_parked_in_the_same_breath(workspace: Workspace) -> None:
    target = make_due(workspace)
    [late] = claim_targets(1)
    bring_forward(target)
    [current] = claim_targets(1)
    undecidable = make_result(current, Undecidable(message="nobody can tell"), unresolved=True)

    settle_all([make_result(late, HERE), undecidable])

    settled = Target.objects.select_related("post").get(pk=target.pk)
    assert (settled.status, settled.remote_id, settled.post.status) == ("published", "42", "published")
    assert list(Attempt.objects.order_by("number").values_list("number", "outcome")) == [
        (1, "undecidable"),
        (2, "late"),
    ]


def test_a_late_answer_and_a_current_one_are_both_written(workspace: Workspace) -> None:
    target = make_due(workspace)
    [late] = claim_targets(1)
    bring_forward(target)
    [current] = claim_targets(1)

    assert settle_all([make_result(late, LOST), make_result(current, HERE)]) == [True, True]

    settled = Target.objects.get(pk=target.pk)
    assert (settled.status, settled.fence, settled.attempts) == ("published", 3, 1)
    assert list(Attempt.objects.order_by("number").values_list("fence", "outcome")) == [(2, "published"), (1, "late")]


@pytest.mark.parametrize("count", [2, 30])
def test_settling_many_costs_what_settling_one_costs(
    workspace: Workspace, django_assert_max_num_queries: Any, count: int
) -> None:
    for account in make_accounts(workspace, count):
        make_many(account, 1)
    held = claim_targets(count)

    with django_assert_max_num_queries(14):
        settle(held)

    assert len(held) == count


@pytest.mark.parametrize("count", [2, 30])
@pytest.mark.parametrize(
    ("outcome", "status", "most"), [(Rejected("no"), "failed", 14), (LOST, "needs_review", 21)], ids=["refused", "lost"]
)
def test_settling_many_that_are_not_published_costs_what_settling_one_costs(
    workspace: Workspace, django_assert_max_num_queries: Any, count: int, outcome: Outcome, status: str, most: int
) -> None:
    for account in make_accounts(workspace, count):
        make_many(account, 1)
    held = claim_targets(count)
    Target.objects.update(outcome_unknown=True, armed_at=NOW, sends=1)

    with django_assert_max_num_queries(most):
        settle_all([make_result(each, outcome, recovery=Recovery.PARK) for each in held])

    assert Target.objects.filter(status=status).count() == count


@pytest.mark.parametrize("count", [2, 30])
def test_looking_for_many_costs_what_looking_for_one_costs(
    workspace: Workspace, django_assert_max_num_queries: Any, count: int
) -> None:
    accounts = make_accounts(workspace, count)
    for account in accounts:
        make_many(account, 1)
    targets = list(Target.objects.select_related("account").order_by("pk"))
    searches = [
        Search(
            target_id=each.pk,
            platform=PLATFORM,
            account_remote_id=each.account.remote_id,
            remote_ids=["7", "8"],
            armed_at=NOW,
            sent_text="",
            is_taken=False,
            has_other_ids=True,
        )
        for each in targets
    ]
    Target.objects.filter(pk=targets[1].pk).update(remote_id="7")
    post = make_post(workspace, accounts=[targets[0].account], status="published")
    Target.objects.filter(post=post).update(remote_id="8")
    late = {"number": 1, "fence": 1, "step": "commit", "started_at": NOW, "ended_at": NOW, "outcome": "late"}
    Attempt.objects.create(target=targets[1], remote_id=HERE.remote_id, url=HERE.url, **late)

    other = make_workspace()
    twin = make_due(other, make_account(other, remote_id=targets[1].account.remote_id))
    Target.objects.filter(pk=twin.pk).update(in_flight=F("account_id"), outcome_unknown=True)

    with django_assert_max_num_queries(5):
        known, told = others(searches), late_posts(targets)

    assert [each.remote_ids for each in known] == [{"8"}, *[set()] * (count - 1)]
    assert [each.in_doubt for each in known] == [[], [twin.pk], *[[]] * (count - 2)]
    assert told == [[], [HERE], *[[]] * (count - 2)]
