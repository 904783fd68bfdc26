"""Pages, filters, and query parameters that nobody knows."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from ouipost.api.filters import parse_bound
from ouipost.api.moments import NotAMoment
from tests.api.site import NOW, make_note

PARIS = ZoneInfo("Europe/Paris")
pytestmark = pytest.mark.django_db


def get(api: Client, address: str) -> Any:
    response = api.get(address)
    assert response.status_code == 200, response.content
    return response.json()["data"]


def fields(api: Client, address: str) -> Any:
    response = api.get(address)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "VALIDATION_ERROR")
    return response.json()["error"]["details"]["fields"]


def ids(data: Any) -> list[str]:
    return [note["id"] for note in data["notes"]]


@pytest.fixture
def _five() -> None:
    for number in range(5):
        make_note(f"n{number}", created_at=NOW + timedelta(days=number), status=1 + number % 2)


def test_an_empty_list_has_one_page(api: Client) -> None:
    assert get(api, "/api/notes") == {
        "notes": [],
        "pagination": {"current_page": 1, "total_pages": 1, "total_items": 0, "per_page": 20},
    }


@pytest.mark.usefixtures("_five")
def test_a_page_has_its_rows_and_tells_where_it_stands(api: Client) -> None:
    last, past = get(api, "/api/notes?page=3&limit=2"), get(api, "/api/notes?page=1000000&limit=100")

    assert ids(last) == ["n4"]
    assert last["pagination"] == {"current_page": 3, "total_pages": 3, "total_items": 5, "per_page": 2}
    assert past["notes"] == []
    assert past["pagination"] == {"current_page": 1_000_000, "total_pages": 1, "total_items": 5, "per_page": 100}


def test_everything_that_is_wrong_with_a_query_is_told_at_once(api: Client) -> None:
    problems = fields(api, "/api/notes?limit=101&page=0&colour=red&from=yesterday")

    assert sorted(problems) == ["colour", "from", "limit", "page"]


@pytest.mark.parametrize("value", ["0", "-1", "101", "1e3", "ten", "%201", "", "1.0", "+1", "%D9%A1", "9" * 30])
def test_a_limit_out_of_range_is_a_400_that_names_it(api: Client, value: str) -> None:
    assert fields(api, f"/api/notes?limit={value}") == {"limit": ["Must be a whole number from 1 to 100."]}


def test_page_and_limit_are_refused_together(api: Client) -> None:
    assert fields(api, "/api/notes?page=1000001&limit=0").keys() == {"page", "limit"}


@pytest.mark.usefixtures("_five")
def test_a_list_without_pages_gives_all_until_it_is_asked_for_a_page(api: Client) -> None:
    plain, paged = get(api, "/api/plain"), get(api, "/api/plain?limit=2")

    assert (ids(plain), plain.keys()) == (["n0", "n1", "n2", "n3", "n4"], {"notes"})
    assert (ids(paged), paged["pagination"]["total_pages"]) == (["n0", "n1"], 3)


def test_a_list_without_pages_ends_at_five_hundred(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        make_note(f"n{number}")
    monkeypatch.setattr("ouipost.api.pagination.UNPAGED_LIMIT", 2)

    assert ids(get(api, "/api/plain")) == ["n0", "n1"]


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("/api/notes?schedule_at=x&page=1&self=1", {"schedule_at", "self"}),
        ("/api/notes/n0?page=1", {"page"}),
        ("/api/notes/n0?status=1", {"status"}),
    ],
)
def test_an_unknown_query_parameter_is_a_400_that_names_it(api: Client, address: str, names: set[str]) -> None:
    found = fields(api, address)

    assert found == {name: ["Unknown query parameter."] for name in names}


def test_unknown_query_parameters_are_refused_on_writes_too(api: Client) -> None:
    response = api.post("/api/notes?dry=1", {"text": "a"}, content_type="application/json")

    assert response.json()["error"]["details"] == {"fields": {"dry": ["Unknown query parameter."]}}


@pytest.mark.usefixtures("_five")
def test_an_action_takes_the_parameters_that_it_declares(api: Client) -> None:
    assert get(api, "/api/notes/n0?depth=2")["note"]["id"] == "n0"


def test_a_key_in_the_address_is_refused_whoever_sends_it(api: Client) -> None:
    for caller in (api, Client()):
        assert fields(caller, "/api/notes?api_key=pk_live_x") == {
            "api_key": ["Send the key in the X-API-Key header: addresses end up in logs."]
        }


@pytest.mark.usefixtures("_five")
def test_filters_choose_and_pages_count_what_is_chosen(api: Client) -> None:
    data = get(api, "/api/notes?status=2&from=2026-03-02T12:00:00Z&to=2026-03-04")

    assert (ids(data), data["pagination"]["total_items"]) == (["n1", "n3"], 2)


@pytest.mark.parametrize(
    "address", ["/api/notes?status=1&status=2", "/api/notes?page=1&page=2", "/api/notes/n0?depth=1&depth=2"]
)
def test_a_parameter_that_is_sent_twice_is_refused(api: Client, address: str) -> None:
    assert [told for _, told in fields(api, address).items()] == [["Sent more than once."]]


def test_all_bad_filters_are_told_at_once(api: Client) -> None:
    assert fields(api, "/api/notes?status=1,2") == {"status": ["Must be one of: 1, 2."]}
    assert fields(api, "/api/notes?status=%20&to=1999-01-01&from=")["from"] == ["Give a value, or leave it out."]
    assert fields(api, "/api/notes?status=3&from=yesterday&to=1999-01-01").keys() == {"status", "from", "to"}
    assert fields(api, "/api/notes?from=2026-03-02&to=2026-03-01") == {"from": ["Must not be later than `to`."]}


@pytest.mark.usefixtures("_five")
def test_a_moment_that_an_answer_showed_is_inside_its_own_bounds(api: Client) -> None:
    make_note("late", created_at=NOW + timedelta(microseconds=999_999))
    shown = "2026-03-01T12:00:00Z"

    assert ids(get(api, f"/api/notes?from={shown}&to={shown}")) == ["n0", "late"]


@pytest.mark.parametrize(
    ("value", "first", "last"),
    [
        ("2026-01-31", datetime(2026, 1, 30, 23, tzinfo=UTC), datetime(2026, 1, 31, 22, 59, 59, 999_999, tzinfo=UTC)),
        ("2026-03-29", datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 21, 59, 59, 999_999, tzinfo=UTC)),
        (
            "2026-01-31T09:30:00Z",
            datetime(2026, 1, 31, 9, 30, tzinfo=UTC),
            datetime(2026, 1, 31, 9, 30, 0, 999_999, tzinfo=UTC),
        ),
        (
            "2026-01-31T09:30:00.25+02:00",
            datetime(2026, 1, 31, 7, 30, 0, 250_000, tzinfo=UTC),
            datetime(2026, 1, 31, 7, 30, 0, 250_000, tzinfo=UTC),
        ),
        (
            "2026-07-31T09:30:00.123456789+0200",
            datetime(2026, 7, 31, 7, 30, 0, 123_456, tzinfo=UTC),
            datetime(2026, 7, 31, 7, 30, 0, 123_456, tzinfo=UTC),
        ),
        (
            "2026-07-31 09:30",
            datetime(2026, 7, 31, 7, 30, tzinfo=UTC),
            datetime(2026, 7, 31, 7, 30, 0, 999_999, tzinfo=UTC),
        ),
        (
            "2100-12-31",
            datetime(2100, 12, 30, 23, tzinfo=UTC),
            datetime(2100, 12, 31, 22, 59, 59, 999_999, tzinfo=UTC),
        ),
    ],
)
def test_a_bound_includes_all_that_its_text_means(value: str, first: datetime, last: datetime) -> None:
    assert parse_bound(value, zone=PARIS, end=False) == first
    assert parse_bound(value, zone=PARIS, end=True) == last


@pytest.mark.parametrize(
    "value",
    [
        "",
        "today",
        "1999-12-31",
        "2101-01-01",
        "99999-01-01",
        "2026-02-30",
        "2026-W05-1",
        "20260131",
        "2026-01-31T25:00Z",
    ],
)
def test_a_bound_that_is_no_day_and_no_moment_is_refused(value: str) -> None:
    with pytest.raises(NotAMoment):
        parse_bound(value, zone=UTC, end=False)


def test_a_page_costs_two_queries_however_many_rows_it_has(api: Client, django_assert_num_queries: Any) -> None:
    for number in range(50):
        make_note(f"n{number:02}")

    with django_assert_num_queries(2):
        get(api, "/api/notes?limit=50")
