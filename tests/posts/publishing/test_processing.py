"""A network that works on what it took: asked again by row and never by a waiting thread, and never sent twice."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from accounts.models import SocialAccount
from accounts.platforms.base import Recovery
from accounts.platforms.errors import (
    Duplicate,
    NotListed,
    ProcessingFailed,
    RateLimited,
    Rejected,
    StillWorking,
    Unavailable,
)
from accounts.platforms.shapes import Tokens
from ouipost.claims import database_now
from posts.lateness import GIVE_UP_AFTER, LEAST_TRYING
from posts.models import Target
from posts.timeline.timeline import timeline
from tests.factories import make_account
from tests.posts.fakes import (
    HERE,
    LOST,
    REVOKED,
    ScriptedNetwork,
    bring_forward,
    error_of,
    make_due,
    outcomes,
    publish,
    send_into_the_dark,
)
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db

WORKING = StillWorking("The network is at work on the video.", retry_after=40)


def seconds_until(target: Target) -> float:
    assert target.due_at is not None
    return (target.due_at - database_now()).total_seconds()


def let_a_day_pass() -> None:
    day = timedelta(days=1)
    Target.objects.update(armed_at=F("armed_at") - day, give_up_at=F("give_up_at") - day)


def test_a_file_that_is_worked_on_is_asked_about_again_and_nothing_is_armed(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    network.saved, network.prepared = [{"container": "1"}], [WORKING, {}]

    waiting = publish(make_due(workspace))

    assert (waiting.status, waiting.sends, waiting.attempts, waiting.armed_at) == ("publishing", 0, 0, None)
    assert (waiting.handles, waiting.waits_for, waiting.in_flight) == ({"container": "1"}, WORKING.message, None)
    assert 35 < seconds_until(waiting) <= 40
    assert outcomes(waiting) == []


def test_what_a_post_waits_for_is_told(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.prepared = [WORKING]

    waiting = publish(make_due(workspace))

    last = timeline(waiting.post, now=database_now())[-1]
    told = "The network is at work on the video. It is asked again at the next try."
    assert (last.kind, last.message) == ("waiting", told)
    assert last.next_attempt_at == waiting.due_at


def test_it_goes_on_where_it_was_once_the_file_is_ready(workspace: Workspace, network: ScriptedNetwork) -> None:
    network.prepared = [WORKING, {"ready": True}]
    waiting = publish(make_due(workspace))

    published = publish(waiting)

    assert (published.status, published.sends, published.waits_for) == ("published", 1, "")
    assert network.calls == ["prepare", "prepare", "commit"]


def test_a_file_that_is_never_ready_fails_when_the_time_for_trying_is_over(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    network.prepared = [WORKING]
    target = make_due(workspace)
    Target.objects.update(give_up_at=database_now() - LEAST_TRYING, waits_for=WORKING.message)

    failed = publish(target)

    assert (failed.status, error_of(failed)["code"]) == ("failed", "PLATFORM_UNAVAILABLE")
    assert error_of(failed)["message"] == WORKING.message
    assert outcomes(failed) == [("prepare", "later")]


def test_a_post_that_was_taken_is_asked_about_and_never_sent_again(
    workspace: Workspace, handled: ScriptedNetwork
) -> None:
    handled.committed = [StillWorking("It is being processed.", retry_after=5, handles={"publish_id": "p1"})]
    handled.found = [WORKING, WORKING, [HERE]]

    taken = publish(make_due(workspace))
    again = publish(taken)
    assert 35 < seconds_until(again) <= 40
    publish(again)
    published = publish(again)

    assert (taken.status, taken.outcome_unknown, taken.handles) == ("publishing", True, {"publish_id": "p1"})
    assert (published.status, published.remote_id, published.sends) == ("published", "42", 1)
    assert handled.calls == ["prepare", "commit", "recover", "recover", "recover"]
    assert outcomes(published) == [("commit", "still_working"), ("recover", "published")]


def test_what_went_wrong_before_is_over_once_the_network_has_taken_the_post(
    workspace: Workspace, handled: ScriptedNetwork
) -> None:
    handled.committed = [Unavailable("It is away."), StillWorking("It is being processed.", retry_after=5)]
    tried = publish(make_due(workspace))

    taken = publish(tried)

    assert (error_of(tried)["message"], taken.error) == ("It is away.", None)
    assert timeline(taken.post, now=database_now())[-1].cause is None


def test_a_post_that_the_network_gives_up_has_failed_and_is_not_sent_again(
    workspace: Workspace, handled: ScriptedNetwork
) -> None:
    handled.committed = [StillWorking("It is being processed.", retry_after=5)]
    handled.found = [ProcessingFailed("The network says: the codec is unknown.", network_code="codec")]
    taken = publish(make_due(workspace))

    failed = publish(taken)

    assert (failed.status, failed.outcome_unknown, failed.due_at) == ("failed", False, None)
    assert error_of(failed) == {
        "code": "MEDIA_REJECTED",
        "message": "The network says: the codec is unknown.",
        "retryable": False,
        "who_acts": "caller",
        "network_code": "codec",
    }


def test_a_look_that_is_refused_says_nothing_of_the_post(workspace: Workspace, handled: ScriptedNetwork) -> None:
    handled.committed = [StillWorking("It is being processed.", retry_after=5)]
    handled.found = [Rejected("You may not look.")]
    taken = publish(make_due(workspace))

    assert publish(taken).status == "needs_review"


def test_a_post_that_is_never_shown_is_left_to_a_person(workspace: Workspace, handled: ScriptedNetwork) -> None:
    handled.committed, handled.found = [StillWorking("It is being processed.", retry_after=5)], [WORKING]
    taken = publish(make_due(workspace))
    now = database_now()
    Target.objects.update(give_up_at=now, armed_at=now - GIVE_UP_AFTER)

    left = publish(taken)

    assert (left.status, left.outcome_unknown) == ("needs_review", True)
    assert WORKING.message in error_of(left)["message"]


def test_one_no_of_a_network_that_is_asked_by_handle_is_enough_to_send_again(
    workspace: Workspace, handled: ScriptedNetwork
) -> None:
    handled.prepared = [{"container": "1"}]
    unknown = send_into_the_dark(make_due(workspace), handled)

    published = publish(unknown)

    assert (published.status, published.sends) == ("published", 2)
    assert handled.calls == ["recover", "prepare", "commit"]
    assert handled.sent[-1].handles == {"container": "1"}


def test_the_no_of_a_network_that_was_asked_without_a_handle_tells_nothing(
    workspace: Workspace, handled: ScriptedNetwork
) -> None:
    unknown = send_into_the_dark(make_due(workspace), handled)
    Target.objects.update(handles={})

    left = publish(unknown)

    assert (left.status, handled.calls) == ("needs_review", ["recover"])


REFUSED = Rejected("The session is closed.", network_code="100")


def refuse_the_repeat(workspace: Workspace, handled: ScriptedNetwork, *found: Any) -> Target:
    """Lose the answer, find nothing, and have it refused when it is sent again; what is found then is `found`."""
    unknown = send_into_the_dark(make_due(workspace), handled)
    handled.committed, handled.found = [REFUSED], [[], *found]
    return publish(unknown)


def test_what_is_refused_when_it_is_sent_again_may_be_out(workspace: Workspace, handled: ScriptedNetwork) -> None:
    published = refuse_the_repeat(workspace, handled, [HERE])

    assert (published.status, published.remote_id) == ("published", "42")
    assert handled.calls == ["recover", "prepare", "commit", "recover"]


def test_what_is_refused_when_it_is_sent_again_may_be_worked_on(workspace: Workspace, handled: ScriptedNetwork) -> None:
    taken = refuse_the_repeat(workspace, handled, WORKING, [HERE])

    published = publish(taken)

    assert (taken.status, taken.outcome_unknown, taken.waits_for) == ("publishing", True, WORKING.message)
    assert (published.status, published.sends) == ("published", 2)
    assert outcomes(published) == [("commit", "unknown"), ("commit", "still_working"), ("recover", "published")]


@pytest.mark.parametrize("trouble", [LOST, Unavailable("It is away.")], ids=lambda error: type(error).__name__)
def test_what_is_refused_when_it_is_sent_again_has_not_failed_before_the_network_could_be_asked(
    workspace: Workspace, handled: ScriptedNetwork, trouble: Exception
) -> None:
    asked = refuse_the_repeat(workspace, handled, trouble, [HERE])

    published = publish(asked)

    assert (asked.status, asked.outcome_unknown, published.status) == ("publishing", True, "published")


def test_the_refusal_of_what_was_sent_again_is_believed_once_it_is_still_absent_half_a_minute_later(
    workspace: Workspace, handled: ScriptedNetwork
) -> None:
    doubted = refuse_the_repeat(workspace, handled)

    failed = publish(doubted)

    assert (doubted.status, doubted.outcome_unknown) == ("publishing", True)
    assert 25 < seconds_until(doubted) <= 30
    assert handled.calls == ["recover", "prepare", "commit", "recover"] * 2
    assert (failed.status, error_of(failed)["network_code"]) == ("failed", "100")
    assert outcomes(failed) == [("commit", "unknown"), ("commit", "absent"), ("commit", "rejected")]


def test_a_refusal_is_not_asked_about_where_nothing_was_sent_before(
    workspace: Workspace, handled: ScriptedNetwork
) -> None:
    handled.committed = [REFUSED]

    failed = publish(make_due(workspace))

    assert (failed.status, handled.calls) == ("failed", ["prepare", "commit"])


def test_a_renewed_token_makes_no_repeat(workspace: Workspace, handled: ScriptedNetwork) -> None:
    handled.committed = [REVOKED, REFUSED]

    failed = publish(
        make_due(workspace, make_account(workspace, tokens=Tokens(access_token="old", refresh_token="new")))
    )

    assert (failed.status, failed.sends) == ("failed", 2)
    assert handled.calls == ["prepare", "commit", "refresh", "prepare", "commit"]


def test_a_refusal_is_believed_where_nothing_was_in_doubt_and_the_network_refuses_to_tell(
    workspace: Workspace, handled: ScriptedNetwork
) -> None:
    handled.committed = [RateLimited("Slow down."), REFUSED]
    handled.found = [Rejected("The permission is gone.", network_code="10")]
    waiting = publish(make_due(workspace))

    failed = publish(waiting)

    assert (failed.status, error_of(failed)["network_code"]) == ("failed", "100")
    assert outcomes(failed) == [("commit", "rate_limited"), ("commit", "rejected")]


def test_the_word_that_it_is_a_duplicate_is_kept_for_the_next_look(
    workspace: Workspace, handled: ScriptedNetwork
) -> None:
    unknown = send_into_the_dark(make_due(workspace), handled)
    handled.committed, handled.found = [Duplicate("Twice.")], [[]]

    doubted = publish(unknown)
    parked = publish(doubted)

    assert (doubted.status, error_of(doubted)["code"]) == ("publishing", "OUTCOME_UNKNOWN")
    assert (parked.status, parked.sends) == ("needs_review", 2)


def test_how_a_repeat_is_found_again_depends_on_what_is_armed(
    workspace: Workspace, handled: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    armed_with = {"photos": Recovery.PARK}
    monkeypatch.setattr(
        handled,
        "recovery_of",
        lambda operation: next((armed_with[name] for name in operation.handles if name in armed_with), Recovery.HANDLE),
    )
    handled.prepared, handled.committed = [{}, {"photos": True}], [RateLimited("Slow down."), REFUSED]
    waiting = publish(make_due(workspace))

    failed = publish(waiting)

    assert (failed.status, error_of(failed)["network_code"]) == ("failed", "100")


def test_what_was_sent_before_a_quota_was_met_is_asked_about_too(
    workspace: Workspace, handled: ScriptedNetwork
) -> None:
    unknown = send_into_the_dark(make_due(workspace), handled)
    handled.committed, handled.found = [RateLimited("Slow down."), REFUSED], [[], [], [HERE]]
    waiting = publish(unknown)

    published = publish(waiting)

    assert (waiting.armed_at, published.status) == (unknown.armed_at, "published")


def test_a_lost_answer_is_asked_about_by_handle_soon(workspace: Workspace, handled: ScriptedNetwork) -> None:
    handled.committed = [LOST]

    unknown = publish(make_due(workspace))

    assert seconds_until(unknown) <= 5


def test_an_absence_that_only_a_list_tells_is_looked_at_twice(workspace: Workspace, handled: ScriptedNetwork) -> None:
    unknown = send_into_the_dark(make_due(workspace), handled)
    handled.found = [NotListed()]

    doubted = publish(unknown)
    published = publish(doubted)

    assert (doubted.status, doubted.absences, published.status) == ("publishing", 1, "published")
    assert 25 < seconds_until(doubted) <= 30
    assert handled.calls == ["recover", "recover", "prepare", "commit"]


def test_a_network_that_can_only_be_asked_after_the_time_for_trying_is_asked_then_in_spite_of_trouble(
    workspace: Workspace, handled: ScriptedNetwork
) -> None:
    handled.committed = [StillWorking("It is being processed.", retry_after=5)]
    tomorrow = StillWorking("It has the video and cannot be asked yet.", retry_after=86_400)
    handled.found = [tomorrow, Unavailable("It is away."), [HERE]]
    waiting = publish(publish(make_due(workspace)))
    assert 86_390 < seconds_until(waiting) <= 86_400
    let_a_day_pass()

    away = publish(waiting)
    published = publish(away)

    assert (away.status, away.sends) == ("publishing", 1)
    assert (published.status, published.sends) == ("published", 1)


def test_a_network_that_can_never_be_asked_is_not_waited_for_without_an_end(
    workspace: Workspace, handled: ScriptedNetwork
) -> None:
    handled.committed = [StillWorking("It is being processed.", retry_after=5)]
    handled.found = [StillWorking("It has the video and cannot be asked yet.", retry_after=86_400)]
    target = publish(make_due(workspace))

    while target.status == "publishing" and len(handled.calls) < 9:
        target = publish(target)
        let_a_day_pass()

    assert (target.status, handled.calls.count("recover")) == ("needs_review", 3)


def test_a_network_at_work_is_in_good_health(workspace: Workspace, handled: ScriptedNetwork) -> None:
    handled.committed, handled.found = [StillWorking("It is being processed.", retry_after=5)], [WORKING]
    taken = publish(make_due(workspace))

    for _ in range(15):
        publish(taken)

    assert SocialAccount.objects.get().held_until is None


def test_a_long_upload_holds_the_target_for_as_long(workspace: Workspace, network: ScriptedNetwork) -> None:
    target = make_due(workspace)
    held: list[float] = []

    def upload() -> dict[str, str]:
        lease = Target.objects.get(pk=target.pk).lease_until
        assert lease is not None
        held.append((lease - database_now()).total_seconds())
        return {}

    network.saved, network.save_seconds, network.prepared = [{"upload": "1"}], 600, [upload]
    bring_forward(target)
    publish(target)

    assert 600 < held[0] < 640
