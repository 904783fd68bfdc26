import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.test import Client

from ouipost.api import limits
from tests.api.conftest import Keys
from tests.api.site import FakeKey
from tests.api.test_envelope import error_of

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


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "key_unknown"}])
def test_an_unknown_caller_is_told_no_allowance(headers: dict[str, str]) -> None:
    response = Client().get("/api/notes", headers=headers)

    assert response.status_code == 401
    assert not [name for name in response.headers if name.startswith("X-RateLimit")]


@pytest.mark.django_db
def test_past_the_limit_is_429_with_when_to_come_back(client_of: Keys, settings: Any) -> None:
    settings.RATE_LIMITS = {"starter": 2}
    api, other = client_of(tier="starter"), client_of("key_other", tier="starter")

    statuses = [api.get("/api/notes").status_code for _ in range(2)]
    refused = api.get("/api/notes")

    assert statuses == [200, 200]
    assert error_of(refused)[:2] == (429, "RATE_LIMIT_EXCEEDED")
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert told(refused) == ("2", "0")
    assert other.get("/api/notes").status_code == 200


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


def test_the_next_window_begins_anew(settings: Any) -> None:
    settings.RATE_LIMITS = {"starter": 1}
    key = FakeKey(pk="key_a", tier="starter")

    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=False) as clock:
        first, second = limits.take(key), limits.take(key)
        clock.shift(61)
        third = limits.take(key)

    assert [allowed for _, allowed in (first, second, third)] == [True, False, True]
    assert third[0].reset - first[0].reset == 61


def test_sixty_four_threads_get_exactly_what_the_limit_allows(settings: Any) -> None:
    settings.RATE_LIMITS = {"starter": 60}

    for round_number in range(5):
        key = FakeKey(pk=f"key_{round_number}", tier="starter")
        with ThreadPoolExecutor(64) as threads:
            answers = list(threads.map(lambda _, key=key: limits.take(key)[1], range(64 * 5)))

        assert answers.count(True) == 60
