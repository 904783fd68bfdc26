"""Pages, filters, and query parameters that nobody knows."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from hypothesis import example, given
from hypothesis import strategies as st

from ouipost.moments import INSTANT, parse_bound
from tests.api.site import NOW, make_note
from tests.contract.world import data_of, fields_of

PARIS = ZoneInfo("Europe/Paris")
pytestmark = pytest.mark.django_db


def get(api: Client, address: str) -> Any:
    return data_of(api.get(address))


def fields(api: Client, address: str) -> Any:
    return fields_of(api.get(address))


def ids(data: Any) -> list[str]:
    return [note["id"] for note in data["notes"]]


@pytest.fixture
def _five() -> None:
    for number in range(5):
        make_note(f"n{number}", created_at=NOW + timedelta(days=number), status=1 + number % 2)


@pytest.mark.usefixtures("_five")
def test_a_list_without_pages_gives_all_until_it_is_asked_for_a_page(api: Client) -> None:
    plain, paged = get(api, "/api/plain"), get(api, "/api/plain?limit=2")

    assert (ids(plain), plain.keys()) == (["n0", "n1", "n2", "n3", "n4"], {"notes"})
    assert (ids(paged), paged["pagination"]["total_pages"]) == (["n0", "n1"], 3)
    assert [ids(get(api, f"/api/plain?limit=2&page={page}")) for page in (2, 3, 4)] == [["n2", "n3"], ["n4"], []]


@pytest.mark.parametrize("number", ["abc", "0", "-1", "+1", "1_0", "1.0", "1e2", "\u0663", "1" * 10, "1001001"])
def test_a_page_is_a_plain_whole_number_from_one_on(api: Client, number: str) -> None:
    told = fields(api, f"/api/notes?page={quote(number)}&limit={quote(number)}")

    assert told == {
        "page": ["Must be a whole number from 1 to 1000000."],
        "limit": ["Must be a whole number from 1 to 100."],
    }


def test_unknown_query_parameters_are_refused_on_writes_too(api: Client) -> None:
    response = api.post("/api/notes?dry=1", {"text": "a"}, content_type="application/json")

    assert response.json()["error"]["details"] == {"fields": {"dry": ["Unknown query parameter."]}}


@pytest.mark.usefixtures("_five")
def test_an_action_takes_the_parameters_that_it_declares(api: Client) -> None:
    assert get(api, "/api/notes/n0?depth=2")["note"]["id"] == "n0"


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


@given(
    st.sampled_from(["Europe/Paris", "America/Santiago", "America/Havana", "Australia/Lord_Howe", "Antarctica/Troll"]),
    st.datetimes(datetime.fromisoformat("2026-01-01"), datetime.fromisoformat("2027-12-31")),
)
@example("Europe/Paris", datetime.fromisoformat("2026-10-25T02:30"))
@example("Australia/Lord_Howe", datetime.fromisoformat("2026-04-05T01:45"))
def test_a_local_bound_includes_each_moment_at_which_the_clocks_show_it(zone: str, local: datetime) -> None:
    local, clocks = local.replace(microsecond=0), ZoneInfo(zone)
    around = datetime.combine(local, local.time(), UTC) - timedelta(hours=30)
    shown = [at for at in (around + timedelta(minutes=30 * n) for n in range(120)) if _is_shown(at, local, clocks)]
    first, last = (parse_bound(local.isoformat(), zone=clocks, end=end) for end in (False, True))

    assert shown == [at for at in shown if first <= at <= last]
    assert not shown or (first, last) == (shown[0], shown[-1] + timedelta(seconds=1) - INSTANT)


def _is_shown(at: datetime, local: datetime, clocks: ZoneInfo) -> bool:
    return at.astimezone(clocks).replace(tzinfo=None) == local


def test_a_day_that_the_clocks_prolong_ends_with_its_last_hour() -> None:
    """In Santiago it is 23 o'clock again when that day is over."""
    santiago = ZoneInfo("America/Santiago")

    assert parse_bound("2026-04-04", zone=santiago, end=False) == datetime(2026, 4, 4, 3, tzinfo=UTC)
    assert parse_bound("2026-04-04", zone=santiago, end=True) == datetime(2026, 4, 5, 3, 59, 59, 999_999, tzinfo=UTC)
