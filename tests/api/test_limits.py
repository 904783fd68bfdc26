import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.http import HttpRequest

from ouipost.api import limits
from ouipost.api.limits import Allowance, Window
from tests.api.conftest import Keys
from tests.api.site import FakeKey

JSON = "application/json"


def told(response: Any) -> tuple[str, str]:
    assert abs(int(response.headers["X-RateLimit-Reset"]) - time.time()) <= 61
    return response.headers["X-RateLimit-Limit"], response.headers["X-RateLimit-Remaining"]


@pytest.mark.django_db
def test_every_answer_to_a_known_key_tells_its_allowance(client_of: Keys) -> None:
    api = client_of(tier="starter", permissions=frozenset({"notes.read"}))

    answers = [
        api.get("/api/notes"),
        api.get("/api/notes?page=0"),
        api.post("/api/notes", {"text": "a"}, JSON),
        api.get("/api/notes/none"),
        api.get("/api/notes", headers={"Accept": "text/csv"}),
        api.put("/api/notes"),
        api.get("/api/fail/bug"),
        api.get("/api/fail/rendering"),
    ]

    assert [answer.status_code for answer in answers] == [200, 400, 403, 404, 406, 405, 500, 500]
    assert [told(answer) for answer in answers] == [("60", str(59 - number)) for number in range(8)]


def test_a_refused_request_reaches_neither_permission_nor_body(client_of: Keys, settings: Any) -> None:
    settings.RATE_LIMITS = {"starter": 1}
    api = client_of(tier="starter", permissions=frozenset())

    statuses = [api.generic("POST", "/api/notes", b"{", content_type=JSON).status_code for _ in range(2)]

    assert statuses == [403, 429]


def test_a_caller_without_a_tier_is_not_limited(client_of: Keys, settings: Any) -> None:
    settings.RATE_LIMITS = {"starter": 1}
    staff = client_of(tier="")

    answers = [staff.get("/api/fail/closed") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [409] * 3
    assert "X-RateLimit-Limit" not in answers[0].headers


def ask(key: FakeKey) -> Allowance | None:
    """Ask once; None where it was refused."""
    request = HttpRequest()
    try:
        limits.enforce(request, key)
    except limits.RateLimitExceeded:
        return None
    allowance: Allowance = request.META[limits.ALLOWANCE]
    return allowance


def test_the_next_window_begins_anew(settings: Any) -> None:
    settings.RATE_LIMITS = {"starter": 1}
    key = FakeKey(pk="key_a", tier="starter")

    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=False) as clock:
        first, second = ask(key), ask(key)
        clock.shift(60)
        third = ask(key)

    assert first is not None
    assert third is not None
    assert (first.remaining, second, third.remaining) == (0, None, 0)
    assert third.reset - first.reset == 60


def test_a_clock_that_is_set_back_makes_no_window_longer(settings: Any) -> None:
    settings.RATE_LIMITS = {"starter": 1}
    key = FakeKey(pk="key_a", tier="starter")

    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=False) as clock:
        ask(key)
        clock.shift(-3600)
        first, second = ask(key), ask(key)

    assert first is not None
    assert (first.remaining, first.seconds_left, second) == (0, 60, None)


def test_who_comes_back_when_told_is_let_in(settings: Any) -> None:
    settings.RATE_LIMITS = {"starter": 1}
    key = FakeKey(pk="key_a", tier="starter")

    with time_machine.travel(datetime(2026, 3, 1, 12, 0, 0, 700_000, tzinfo=UTC), tick=False) as clock:
        limits.enforce(HttpRequest(), key)
        clock.shift(12.5)
        with pytest.raises(limits.RateLimitExceeded) as refused:
            limits.enforce(HttpRequest(), key)
        clock.shift(refused.value.details["retry_after"])

        assert ask(key) is not None


def test_sixty_four_threads_get_exactly_what_the_limit_allows(settings: Any) -> None:
    settings.RATE_LIMITS = {"starter": 60}

    for round_number in range(5):
        key = FakeKey(pk=f"key_{round_number}", tier="starter")
        with ThreadPoolExecutor(64) as threads:
            answers = list(threads.map(lambda _, key=key: ask(key), range(64 * 5)))

        left = [answer.remaining for answer in answers if answer is not None]
        assert sorted(left, reverse=True) == list(range(59, -1, -1))


@pytest.mark.parametrize(("workers", "share"), [(1, 60), (4, 15), (100, 1)])
def test_a_process_that_counts_alone_gives_out_its_share(settings: Any, workers: int, share: int) -> None:
    settings.RATE_LIMITS, settings.WEB_WORKERS = {"starter": 60}, workers
    key = FakeKey(pk="key_a", tier="starter")

    answers = [ask(key) for _ in range(61)]

    told = [(answer.limit, answer.remaining) for answer in answers if answer is not None]
    assert told == [(share, share - number) for number in range(1, share + 1)]


def test_a_request_that_all_processes_counted_is_not_counted_again(settings: Any) -> None:
    settings.RATE_LIMITS, settings.WEB_WORKERS = {"starter": 60}, 4
    request, key = HttpRequest(), FakeKey(pk="key_a", tier="starter")
    limits.note(request, Window(requests=17, seconds_left=3.2, ends_at=1_700_000_000, is_shared=True))

    limits.enforce(request, key)

    assert limits.headers(request) == {
        "X-RateLimit-Limit": "60",
        "X-RateLimit-Remaining": "43",
        "X-RateLimit-Reset": "1700000000",
        "RateLimit-Policy": '"minute";q=60;w=60',
        "RateLimit": '"minute";r=43;t=4',
    }
    alone = ask(key)
    assert alone is not None
    assert alone.remaining == 14


def test_counting_starts_no_thread(settings: Any) -> None:
    settings.RATE_LIMITS = {"starter": 1}
    before = threading.enumerate()

    ask(FakeKey(pk="key_a", tier="starter"))

    assert threading.enumerate() == before


def test_windows_that_are_over_are_forgotten() -> None:
    counted = limits.InProcess()

    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=False) as clock:
        counted.count("key_a")
        clock.shift(59)
        counted.count("key_b")
        early = len(counted)
        clock.shift(1)
        counted.count("key_c")

        assert (early, len(counted)) == (2, 2)


def test_windows_from_before_a_clock_was_set_back_are_forgotten() -> None:
    counted = limits.InProcess()

    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=False) as clock:
        counted.count("key_a")
        clock.shift(-3600)
        counted.count("key_b")

        assert len(counted) == 1
