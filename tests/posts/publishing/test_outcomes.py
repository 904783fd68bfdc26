"""What becomes of a target: each outcome, by what was known before and by what the network can tell."""

from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from accounts.platforms.base import Recovery
from accounts.platforms.errors import (
    AppStopped,
    AuthExpired,
    Duplicate,
    PlatformError,
    RateLimited,
    Rejected,
    StillWorking,
    Unavailable,
    Unknown,
    WhoActs,
)
from ouipost.claims import Claim, engine_time
from posts.advice import failure
from posts.lateness import LEAST_TRYING
from posts.models import Target, TargetStatus
from posts.publishing.outcomes import Absent, Held, Later, Outcome, Undecidable, next_state, recovery_time
from tests.factories import NOW
from tests.posts.fakes import HERE, LAG, make_result

FINAL = {"due_at": None, "armed_at": None, "outcome_unknown": False, "absences": 0}
REFUSALS: list[PlatformError] = [Rejected("no"), Duplicate("twice"), AuthExpired("who?")]
UNCLEAR: list[Outcome] = [
    *REFUSALS,
    Unavailable("away"),
    RateLimited("slow"),
    Unknown("lost"),
    Later(seconds=2, message="wait"),
    Held(seconds=0, message="paused"),
    Absent(),
    Undecidable(message="two of them"),
]


def armed(**values: Any) -> Target:
    """A target as it is when the answer comes: armed, and so unknown."""
    given = {"sends": 1, "outcome_unknown": True, "armed_at": NOW, "give_up_at": NOW + timedelta(hours=6)}
    return Target(status=TargetStatus.PUBLISHING, **given | values)


def after(outcome: Outcome, recovery: Recovery = Recovery.LOOK, target: Target | None = None, **values: Any) -> Any:
    held = Claim(pk="tgt_1", fence=1, deadline=0)
    return next_state(target or armed(), make_result(held, outcome, recovery=recovery, **values), now=NOW)


def seconds_until(due_at: Any) -> float:
    return float((due_at - NOW).total_seconds())


@pytest.mark.parametrize("recovery", Recovery)
@pytest.mark.parametrize("unresolved", [False, True])
def test_an_answer_with_an_id_is_the_end(recovery: Recovery, unresolved: bool) -> None:
    assert after(HERE, recovery, unresolved=unresolved) == {
        "status": "published",
        "remote_id": "42",
        "url": "https://network.example/42",
        "published_at": NOW,
        "due_at": None,
        "outcome_unknown": False,
        "error": None,
    }


@pytest.mark.parametrize("recovery", Recovery)
@pytest.mark.parametrize("outcome", REFUSALS, ids=lambda outcome: type(outcome).__name__)
def test_a_refusal_of_the_only_send_is_final(outcome: PlatformError, recovery: Recovery) -> None:
    error = {
        "code": outcome.code,
        "message": outcome.message,
        "retryable": False,
        "who_acts": str(outcome.who_acts),
        "network_code": "",
    }

    assert after(outcome, recovery) == FINAL | {"status": "failed", "error": error}


@pytest.mark.parametrize("unresolved", [False, True])
@pytest.mark.parametrize("error", [Unavailable("away", handles={"key": "k1"}), Unavailable("away"), Unknown("lost")])
def test_a_refusal_that_gives_other_handles_leaves_those_for_the_next_try(
    error: Unavailable | Unknown, unresolved: bool
) -> None:
    state = after(error, Recovery.KEY, unresolved=unresolved)

    assert state.get("handles") == ({"key": "k1"} if isinstance(error, Unavailable) and error.handles else None)
    assert state["due_at"] > NOW


@pytest.mark.parametrize(
    ("step", "hours", "is_asked"), [("commit", 7, True), ("recover", 5, True), ("recover", 6, False)]
)
def test_a_network_has_six_hours_for_what_it_took_however_late_that_was_sent(
    step: str, hours: int, is_asked: bool
) -> None:
    late = armed(give_up_at=NOW, armed_at=NOW - timedelta(hours=hours))
    working = StillWorking("It is being processed.", retry_after=5)

    state = after(working, Recovery.HANDLE, late, step=step, unresolved=step == "recover")

    assert state.get("status") == (None if is_asked else "needs_review")


@pytest.mark.parametrize(("in_doubt", "seconds"), [(-3, 0), (70, 70), (600, 600), (9000, 7200)])
@pytest.mark.parametrize("recovery", [Recovery.LOOK, Recovery.HANDLE])
def test_where_one_answer_after_the_other_is_lost_it_waits_as_long_again(
    recovery: Recovery, in_doubt: int, seconds: int
) -> None:
    """What was armed in this very claim was in no doubt before, however often it had certainly not been taken."""
    least = 5 if recovery == Recovery.HANDLE else 30 + LAG
    target = armed(armed_at=NOW - timedelta(seconds=in_doubt), sent_at=NOW + timedelta(seconds=3))

    state = after(Unknown("lost"), recovery, target, started_at=NOW)

    assert seconds_until(state["due_at"]) == max(least, seconds)


@pytest.mark.parametrize("recovery", Recovery)
def test_what_was_certainly_not_taken_is_sent_again_as_if_it_had_never_been_armed(recovery: Recovery) -> None:
    state = after(Unavailable("away", who_acts=WhoActs.OPERATOR), recovery)

    assert state | {"due_at": None} == FINAL | {
        "attempts": 1,
        "error": {
            "code": "PLATFORM_UNAVAILABLE",
            "message": "away",
            "retryable": True,
            "who_acts": "operator",
            "network_code": "",
        },
    }
    assert 24 <= seconds_until(state["due_at"]) <= 36


@pytest.mark.parametrize(
    ("attempts", "seconds"), list(enumerate([30, 120, 600, 1800, 3600, 7200, 7200])), ids=lambda value: str(value)
)
def test_each_attempt_waits_longer_within_a_fifth(attempts: int, seconds: int) -> None:
    states = [after(Unavailable("away"), target=armed(attempts=attempts, give_up_at=None)) for _ in range(50)]

    assert all(seconds * 0.8 <= seconds_until(state["due_at"]) <= seconds * 1.2 for state in states)
    assert {state["attempts"] for state in states} == {attempts + 1}


def test_retries_of_many_targets_are_spread() -> None:
    waits = {after(Unavailable("away"))["due_at"] for _ in range(50)}

    assert len(waits) > 40
    assert seconds_until(max(waits)) - seconds_until(min(waits)) > 4


def test_a_rate_limit_waits_about_a_minute_and_counts_as_no_attempt() -> None:
    state = after(RateLimited("slow"), target=armed(attempts=5))

    assert 48 <= seconds_until(state["due_at"]) <= 72
    assert state["attempts"] == 5
    assert state["error"]["code"] == "RATE_LIMITED_BY_PLATFORM"


def test_the_networks_own_wait_is_a_floor() -> None:
    longer, shorter = after(Unavailable("away", retry_after=3700)), after(Unavailable("away", retry_after=1))

    assert seconds_until(longer["due_at"]) == 3700
    assert seconds_until(shorter["due_at"]) >= 24


@pytest.mark.parametrize("seconds", [1, 37, 3700])
def test_a_quota_lasts_as_long_as_the_network_says(seconds: int) -> None:
    state = after(RateLimited("slow", retry_after=seconds))

    assert seconds_until(state["due_at"]) == seconds


@pytest.mark.parametrize("outcome", [Unavailable("away"), RateLimited("slow", retry_after=90)])
def test_a_wait_beyond_the_end_of_trying_is_a_failure_that_a_person_may_retry(outcome: Unavailable) -> None:
    state = after(outcome, target=armed(give_up_at=NOW + timedelta(seconds=20)))

    assert state["status"] == "failed"
    assert (state["due_at"], state["error"]["retryable"]) == (None, True)
    assert state["error"]["code"] == outcome.code


@pytest.mark.parametrize("refusal", [RateLimited, Unavailable])
def test_what_the_network_takes_only_after_the_end_of_trying_fails_with_the_time(refusal: type[Unavailable]) -> None:
    state = after(refusal("X says: slow", retry_after=25_000, network_code="88"))

    told = "Nothing is accepted before 2026-11-25 18:56:40 UTC, and the time for trying is over by then: X says: slow"
    assert (state["status"], state["error"]["code"]) == ("failed", refusal.code)
    assert (state["error"]["message"], state["error"]["network_code"]) == (told, "88")


def test_where_our_own_wait_is_what_lasts_too_long_no_time_is_told() -> None:
    refused = Unavailable("X says: slow", retry_after=10)

    state = after(refused, target=armed(give_up_at=NOW + timedelta(seconds=15)))

    assert (state["status"], state["error"]["message"]) == ("failed", "X says: slow")


def test_later_is_the_same_again_and_no_attempt() -> None:
    state = after(Later(seconds=2, message="wait"))

    assert state == FINAL | {"due_at": NOW + timedelta(seconds=2), "waits_for": "wait"}
    assert after(Later(seconds=2, message="wait"), unresolved=True) == {"due_at": NOW + timedelta(seconds=2)}


def test_later_takes_away_no_last_try_and_is_not_for_ever() -> None:
    over, at_last = armed(give_up_at=NOW), armed(give_up_at=NOW - LEAST_TRYING)

    for seconds, target in ((2, over), (0, over), (0, at_last)):
        later, again = Later(seconds=seconds, message="wait"), {"due_at": NOW + timedelta(seconds=seconds)}
        assert after(later, target=target) == FINAL | again | {"waits_for": "wait"}
        assert after(later, target=target, unresolved=True, step="recover") == again
    unsent, in_doubt = (after(Later(seconds=2, message="wait"), target=at_last, unresolved=each) for each in (0, 1))

    assert (unsent["status"], unsent["error"]["message"], unsent["error"]["retryable"]) == ("failed", "wait", True)
    assert (in_doubt["status"], in_doubt["error"]["message"]) == (
        "needs_review",
        "Whether it was published could not be found out: wait",
    )


@pytest.mark.parametrize("outcome", [Later(seconds=2, message="wait"), Unavailable("away"), Unknown("lost")])
def test_a_look_that_comes_hours_late_is_made_once_more(outcome: Outcome) -> None:
    """A machine that slept may reach nobody at first: its first look tells nothing of the post."""
    over = NOW - LEAST_TRYING
    late, again = (armed(due_at=NOW - timedelta(hours=hours), give_up_at=over) for hours in (7, 0))

    put_off, left = (after(outcome, target=each, step="recover", unresolved=True) for each in (late, again))

    assert put_off == {"due_at": NOW + timedelta(seconds=60)}
    assert left["status"] == "needs_review"


@pytest.mark.parametrize(("recovery", "seconds"), [(Recovery.KEY, 5), (Recovery.LOOK, 30 + LAG)])
@pytest.mark.parametrize("attempts_are_over", [False, True])
def test_a_lost_answer_is_looked_into_once_it_can_be(recovery: Recovery, seconds: int, attempts_are_over: bool) -> None:
    target = armed(attempts=1, absences=2, give_up_at=NOW if attempts_are_over else None)

    state = after(Unknown("lost", status=502), recovery, target=target)

    assert seconds_until(state["due_at"]) == seconds
    assert (state["outcome_unknown"], state["absences"], state["attempts"]) == (True, 0, 2)
    assert state["error"]["code"] == "OUTCOME_UNKNOWN"
    assert "armed_at" not in state, "the look needs the time of the first send"


def test_a_lost_answer_goes_to_a_person_where_the_network_tells_nothing() -> None:
    assert after(Unknown("lost"), Recovery.PARK) == {
        "status": "needs_review",
        "due_at": None,
        "outcome_unknown": True,
        "published_at": None,
        "error": failure("OUTCOME_UNKNOWN", "lost", who_acts="caller"),
    }


GIVEN_UP: dict[str, Any] = {"target": armed(give_up_at=NOW), "unresolved": True, "step": "recover"}


@pytest.mark.parametrize(
    ("outcome", "given"),
    [
        (Unknown("lost", network_code="2"), {"recovery": Recovery.PARK}),
        (AuthExpired("no", status=403, network_code="2"), GIVEN_UP),
        (
            StillWorking("at work", retry_after=5, network_code="2"),
            GIVEN_UP | {"target": armed(give_up_at=NOW, armed_at=None)},
        ),
    ],
)
def test_what_needs_a_person_keeps_the_networks_own_code(outcome: PlatformError, given: dict[str, Any]) -> None:
    state = after(outcome, **given)

    error = (state["error"]["code"], state["error"]["network_code"], state["error"]["who_acts"])
    assert (state["status"], error) == ("needs_review", ("OUTCOME_UNKNOWN", "2", "caller"))


def test_a_duplicate_after_an_earlier_send_may_be_our_own_post() -> None:
    state = after(Duplicate("said before"), target=armed(sends=2))

    assert (state["outcome_unknown"], seconds_until(state["due_at"])) == (True, 30 + LAG)
    assert (state["error"]["code"], state["error"]["who_acts"]) == ("OUTCOME_UNKNOWN", "network")
    assert state["error"]["message"] == "The network says that it is there already. said before"


@pytest.mark.parametrize("gave_up", [False, True], ids=["in time", "gave up"])
@pytest.mark.parametrize("outcome", UNCLEAR, ids=lambda outcome: type(outcome).__name__)
def test_what_may_be_there_is_never_failed_nor_forgotten(outcome: Outcome, gave_up: bool) -> None:
    target = armed(give_up_at=NOW if gave_up else NOW + timedelta(hours=6))

    for step, recovery in product(("prepare", "commit", "recover"), Recovery):
        state = after(outcome, recovery, target=target, step=step, unresolved=True)

        assert state.get("status", "needs_review") == "needs_review", (step, recovery)
        assert state.get("outcome_unknown", True) is True, (step, recovery)
        assert "armed_at" not in state, (step, recovery)
        assert (state.get("due_at", NOW) is None) == ("status" in state), (step, recovery)


def test_a_look_that_finds_nothing_is_counted_and_repeated() -> None:
    assert after(Absent(), unresolved=True, target=armed(absences=0)) == {
        "due_at": NOW + timedelta(seconds=30),
        "absences": 1,
    }


def test_a_look_that_fails_is_repeated_like_a_send_and_keeps_what_was_seen() -> None:
    state = after(Unavailable("away", retry_after=99), unresolved=True, target=armed(attempts=1, absences=1))

    assert (state["attempts"], state["due_at"] >= NOW + timedelta(seconds=99)) == (2, True)
    assert "absences" not in state


@pytest.mark.parametrize("step", ["recover", "commit"])
@pytest.mark.parametrize("error", [Unavailable, RateLimited, AppStopped, Unknown])
def test_whatever_keeps_us_from_looking_is_not_shown_as_if_the_post_were_not_there(
    error: type[PlatformError], step: str
) -> None:
    state = after(error("Busy.", network_code="2"), unresolved=True, step=step)

    shown = failure("OUTCOME_UNKNOWN", "Busy.", who_acts=error.who_acts, network_code="2")
    assert (state["due_at"] > NOW, state["error"]) == (True, shown)


@pytest.mark.parametrize("outcome", [*REFUSALS, Undecidable(message="two of them")])
def test_a_look_that_cannot_be_made_goes_to_a_person(outcome: Any) -> None:
    state = after(outcome, unresolved=True)

    assert state["status"] == "needs_review"
    assert outcome.message in state["error"]["message"]


def test_a_look_that_is_refused_without_a_name_is_made_again_while_there_is_time() -> None:
    """A proxy's page says nothing of the post."""
    page = Rejected("The network answered with status 403.", status=403)
    late = armed(give_up_at=NOW)

    state = after(page, unresolved=True, step="recover")
    named, sent, in_vain = (
        after(Rejected("no", status=403, network_code="forbidden"), unresolved=True, step="recover"),
        after(page, unresolved=True, step="commit"),
        after(page, unresolved=True, step="recover", target=late),
    )

    assert (state["due_at"] > NOW, state["attempts"], state["error"]["code"]) == (True, 1, "OUTCOME_UNKNOWN")
    assert [each["status"] for each in (named, sent, in_vain)] == ["needs_review"] * 3


@pytest.mark.parametrize(("recovery", "seconds"), [(Recovery.KEY, 35), (Recovery.LOOK, 75), (Recovery.PARK, 75)])
def test_a_call_whose_worker_never_comes_back_is_left_alone_while_it_can_be_on_its_way(
    recovery: Recovery, seconds: int
) -> None:
    assert recovery_time(recovery, LAG, now=NOW) == NOW + engine_time(seconds)
