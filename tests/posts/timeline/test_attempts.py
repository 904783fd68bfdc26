"""What attempts mean: each row by itself, after the rows before it, and by what became of its target."""

from datetime import timedelta
from typing import Any

import pytest

from posts.models import Attempt
from posts.timeline.attempts import Fate, Past, attempt_entries
from posts.timeline.entries import Cause
from tests.factories import NOW

MINUTE = timedelta(minutes=1)
Told = list[tuple[str, str | None, bool | None]]


def row(outcome: str, step: str = "commit", *, again: bool = False, at: int = 0, **values: Any) -> Attempt:
    ended = NOW + at * MINUTE
    next_at = ended + MINUTE if again else None
    return Attempt(outcome=outcome, step=step, message="Words.", ended_at=ended, next_at=next_at, **values)


def told(*attempts: Attempt, platform: str = "facebook", **past: Any) -> Told:
    known = Past(target_id="tgt_1", platform=platform, **past)
    return [(entry.kind, entry.who_acts, entry.retry_safe) for entry in attempt_entries(attempts, known)]


REFUSED, AWAY = "CONTENT_REJECTED", "PLATFORM_UNAVAILABLE"


@pytest.mark.parametrize(
    ("attempt", "meaning"),
    [
        (row("published"), ("sent", None, None)),
        (row("published", "recover"), ("found", None, None)),
        (row("late"), ("late_answer", None, None)),
        (row("absent", "recover", again=True), ("not_found", "network", False)),
        (row("unknown", again=True, code="OUTCOME_UNKNOWN"), ("unknown", "network", False)),
        (row("unknown", code="OUTCOME_UNKNOWN"), ("undecided", "caller", False)),
        (row("undecidable", "recover"), ("undecided", "caller", False)),
        (row("duplicate", again=True, code=REFUSED), ("unknown", "network", False)),
        (row("duplicate", code=REFUSED), ("refused", "caller", True)),
        (row("rejected", code=REFUSED), ("refused", "caller", True)),
        (row("rejected", "prepare", code="MEDIA_REJECTED"), ("refused", "caller", True)),
        (row("auth_expired", "prepare", code="TOKEN_REVOKED"), ("refused", "account_owner", True)),
        (row("not_connected", "prepare", code="TOKEN_REVOKED"), ("not_connected", "account_owner", True)),
        (row("not_connected", "recover", code="TOKEN_REVOKED"), ("undecided", "caller", False)),
        (row("rate_limited", again=True, code="RATE_LIMITED_BY_PLATFORM"), ("postponed", "network", True)),
        (row("unavailable", "prepare", again=True, code=AWAY), ("postponed", "network", True)),
        (row("blob_missing", again=True, code=AWAY), ("postponed", "network", True)),
        (row("unavailable", "prepare", code=AWAY), ("given_up", "network", True)),
        (row("later", "prepare", again=True), ("postponed", None, True)),
        (row("unavailable", "recover", again=True, code=AWAY), ("unknown", "network", False)),
        (row("rejected", "recover", code=REFUSED), ("undecided", "caller", False)),
    ],
)
def test_each_outcome_has_its_meaning(attempt: Attempt, meaning: tuple[str, str | None, bool | None]) -> None:
    assert told(attempt) == [meaning]


def test_a_network_that_was_searched_twice_is_sent_to_with_nothing_open() -> None:
    attempts = [
        row("unknown", again=True, code="OUTCOME_UNKNOWN", at=1),
        row("absent", "recover", again=True, at=2),
        row("unavailable", "prepare", again=True, at=3, code=AWAY),
    ]

    assert told(*attempts)[-1] == ("postponed", "network", True)


def test_a_network_that_knows_our_key_leaves_it_open_until_it_takes_the_post() -> None:
    attempts = [
        row("unknown", again=True, code="OUTCOME_UNKNOWN", at=1),
        row("unavailable", "prepare", again=True, at=2, code=AWAY),
        row("late", at=3),
        row("unavailable", again=True, at=4, code=AWAY),
        row("published", at=5),
    ]

    assert told(*attempts, platform="bluesky") == [
        ("unknown", "network", False),
        ("unknown", "network", False),
        ("late_answer", None, None),
        ("unknown", "network", False),
        ("sent", None, None),
    ]


def test_what_became_of_the_target_decides_about_a_last_attempt() -> None:
    searched = row("unavailable", "recover", at=1, code=AWAY)
    refused = row("rejected", at=1, code=REFUSED)
    failed, doubtful = Fate(at=NOW + MINUTE, status="failed"), Fate(at=NOW + MINUTE, status="needs_review")

    assert told(searched, fates=[failed]) == [("given_up", "network", True)]
    assert told(refused, fates=[doubtful]) == [("undecided", "caller", False)]


@pytest.mark.parametrize("code", [REFUSED, AWAY, "TOKEN_REVOKED", ""])
@pytest.mark.parametrize("again", [True, False])
def test_a_look_that_came_to_nothing_is_no_refusal_of_the_post(code: str, again: bool) -> None:
    attempt = row("rejected", "recover", again=again, code=code)

    [entry] = attempt_entries([attempt], Past(target_id="tgt_1", platform="twitter"))

    assert entry.kind == ("unknown" if again else "undecided")
    assert entry.cause == Cause(code="OUTCOME_UNKNOWN", message="Words.")


def test_a_run_that_ended_leaves_nothing_open_for_the_next() -> None:
    fates = [Fate(at=NOW + 2 * MINUTE, status="needs_review"), Fate(at=NOW + 9 * MINUTE, status="publishing")]
    attempts = [
        row("unknown", again=True, code="OUTCOME_UNKNOWN", at=1),
        row("rejected", at=2, code=REFUSED),
        row("unavailable", again=True, at=5, code=AWAY),
    ]

    assert told(*attempts, platform="bluesky", fates=fates) == [
        ("unknown", "network", False),
        ("undecided", "caller", False),
        ("postponed", "network", True),
    ]


def test_an_attempt_says_who_acts_and_an_older_one_leaves_it_to_its_code() -> None:
    attempts = [row("unavailable", "prepare", again=True, code=AWAY, who_acts=each) for each in ("operator", "")]

    assert told(*attempts) == [("postponed", "operator", True), ("postponed", "network", True)]


def test_an_entry_has_the_cause_in_the_networks_words() -> None:
    attempt = row("rejected", code=REFUSED)
    attempt.network_code, attempt.http_status = "100", 400

    [entry] = attempt_entries([attempt], Past(target_id="tgt_1", platform="facebook"))

    assert entry.message == "Facebook has refused it."
    assert entry.cause is not None
    assert (entry.cause.code, entry.cause.message) == ("CONTENT_REJECTED", "Words.")
    assert (entry.cause.network_code, entry.cause.http_status) == ("100", 400)


def test_what_was_put_off_by_us_says_why_itself() -> None:
    [entry] = attempt_entries([row("later", "prepare", again=True)], Past(target_id="tgt_1", platform="facebook"))

    assert (entry.message, entry.cause) == ("Words.", None)
