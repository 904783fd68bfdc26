import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.http import QueryDict
from rest_framework.exceptions import ValidationError

from ouipost.api.inputs import (
    Boolean,
    Choice,
    Instant,
    InstantOrLocal,
    Integer,
    Items,
    JsonObject,
    StrictInput,
    StringList,
    Text,
    ZoneName,
)
from ouipost.api.reading import values_of


class SlotInput(StrictInput):
    day = Choice(choices=["monday", "sunday"])
    platforms = StringList(min_length=1)


class SampleInput(StrictInput):
    shown = ("id", "created_at")
    guarded = {"status": "POST …/schedule", "scheduled_at": "POST …/schedule"}
    name = Text(max_length=10)
    title = Text(required=False, allow_blank=True, allow_null=True)
    count = Integer(required=False, min_value=0)
    active = Boolean(required=False, default=True)
    tags = StringList(required=False, max_length=3)
    settings = JsonObject(required=False)
    zone = ZoneName(required=False)
    at = Instant(required=False)
    local_at = InstantOrLocal(required=False)
    slots = Items(child=SlotInput(), required=False)


def check(data: Any, *, partial: bool = True, instance: Any = None) -> tuple[dict[str, Any], Any]:
    """Return the values and what is wrong."""
    try:
        return values_of(SampleInput, data, context={"instance": instance}, partial=partial), {}
    except ValidationError as error:
        return {}, error.detail


def test_all_that_is_wrong_is_told_at_once() -> None:
    _, errors = check({"nmae": "a", "count": -1, "id": "x", "status": "published", "tags": ["a", 1]}, partial=False)

    assert errors == {
        "nmae": ["Unknown field."],
        "status": ["Cannot be set here: use POST …/schedule."],
        "name": ["This field is required."],
        "count": ["Ensure this value is greater than or equal to 0."],
        "tags": {1: ["Must be a string."]},
    }


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", 5, "Must be a string."),
        ("name", True, "Must be a string."),
        ("name", ["a"], "Must be a string."),
        ("name", None, "This field may not be null."),
        ("name", "", "This field may not be blank."),
        ("name", " \n", "This field may not be blank."),
        ("name", "a" * 11, "Ensure this field has no more than 10 characters."),
        ("name", "a\x1bb", "Control characters other than tab and newline are not allowed."),
        ("name", "a\rb", "Control characters other than tab and newline are not allowed."),
        ("count", "1", "Must be an integer."),
        ("count", True, "Must be an integer."),
        ("count", 1.0, "Must be an integer."),
        ("active", "true", "Must be true or false."),
        ("active", 1, "Must be true or false."),
        ("active", 0, "Must be true or false."),
        ("active", None, "This field may not be null."),
        ("tags", "a", "Must be a list."),
        ("tags", {"0": "a"}, "Must be a list."),
        ("tags", ["a", "b", "c", "d"], "Ensure this field has no more than 3 elements."),
        ("settings", [], "Must be an object."),
        ("settings", "{}", "Must be an object."),
        *(
            ("zone", zone, "Must be an IANA time zone such as Europe/Paris.")
            for zone in ("Mars/Base", "localtime", "Factory")
        ),
        ("at", 5, "Must be an ISO 8601 moment such as 2026-01-31T09:30:00Z."),
        ("at", "2026-01-31", "Must be an ISO 8601 moment such as 2026-01-31T09:30:00Z."),
        ("at", "2026-01-31T09:30:00", "Must end in Z or an offset such as +02:00."),
        ("at", "99999-01-31T09:30:00Z", "Must be an ISO 8601 moment such as 2026-01-31T09:30:00Z."),
        ("at", "2026-01-31T09:30:00+99:00", "Must be an ISO 8601 moment such as 2026-01-31T09:30:00Z."),
        ("at", "1999-12-31T23:59:59Z", "The year must be 2000 to 2100."),
        ("at", "2100-12-31T23:59:59-01:00", "The year must be 2000 to 2100."),
        ("slots", [{"day": "monday", "platforms": ["x"]}] * 1001, "Ensure this field has no more than 1000 elements."),
    ],
)
def test_a_value_of_another_kind_is_refused_never_coerced(field: str, value: Any, message: str) -> None:
    _, errors = check({field: value})

    assert errors == {field: [message]}


def test_good_values_come_out_composed_and_in_utc() -> None:
    values, errors = check(
        {
            "name": " e\u0301\r\n\t",
            "title": None,
            "count": 0,
            "active": False,
            "tags": [],
            "settings": {"a": None},
            "zone": "Europe/Paris",
            "at": "2026-01-31T09:30:00+02:00",
            "local_at": "2026-01-31T09:30",
        }
    )

    assert errors == {}
    assert values == {
        "name": " \u00e9\n\t",
        "title": None,
        "count": 0,
        "active": False,
        "tags": [],
        "settings": {"a": None},
        "zone": "Europe/Paris",
        "at": datetime(2026, 1, 31, 7, 30, tzinfo=UTC),
        "local_at": datetime(2026, 1, 31, 9, 30),  # noqa: DTZ001 (without a zone is the point)
    }


def test_a_change_has_only_the_given_fields_but_what_is_nested_is_whole() -> None:
    values, errors = check({"count": 3})
    _, nested = check({"slots": [{"day": "monday", "platforms": ["x"]}, {"day": "friday", "hour": 1}]})

    assert (values, errors) == ({"count": 3}, {})
    assert nested == {
        "slots": {
            1: {
                "hour": ["Unknown field."],
                "day": ["Must be one of: monday, sunday."],
                "platforms": ["This field is required."],
            }
        }
    }


def test_nested_values_that_are_no_objects_are_told_so() -> None:
    _, errors = check({"slots": ["monday"]})

    assert errors == {"slots": {0: {"non_field_errors": ["Must be an object."]}}}


def test_what_a_get_showed_may_come_back() -> None:
    instance = SimpleNamespace(status="scheduled", scheduled_at=datetime(2026, 1, 31, 9, 30, 0, 123, tzinfo=UTC))
    shown = {"id": "post_1", "created_at": "x", "status": "scheduled", "scheduled_at": "2026-01-31T10:30:00+01:00"}

    values, errors = check(shown, instance=instance)

    assert (values, errors) == ({}, {})


def test_a_guarded_moment_may_come_back_though_its_local_time_alone_was_in_a_year_that_is_taken() -> None:
    instance = SimpleNamespace(scheduled_at=datetime(2101, 1, 1, 7, 59, 59, tzinfo=UTC))

    assert check({"scheduled_at": "2101-01-01T07:59:59Z"}, instance=instance) == ({}, {})


@pytest.mark.parametrize("given", ["2026-01-31T09:30:01Z", "soon", 5, None])
def test_another_time_than_the_present_one_names_the_action(given: Any) -> None:
    instance = SimpleNamespace(status="draft", scheduled_at=datetime(2026, 1, 31, 9, 30, tzinfo=UTC))

    _, errors = check({"scheduled_at": given}, instance=instance)

    assert errors == {"scheduled_at": ["Cannot be set here: use POST …/schedule."]}


def test_null_is_the_present_value_of_what_is_not_set() -> None:
    instance = SimpleNamespace(status="draft", scheduled_at=None)

    _, errors = check({"scheduled_at": None, "status": "draft"}, instance=instance)

    assert errors == {}


def test_a_form_may_write_numbers_and_booleans_as_text() -> None:
    values, errors = check(QueryDict("count=12&active=false&tags=a&tags=b"))
    _, wrong = check(QueryDict("count=1e3&active=yes"))

    assert (values, errors) == ({"count": 12, "active": False, "tags": ["a", "b"]}, {})
    assert wrong == {"count": ["Must be an integer."], "active": ["Must be true or false."]}


def test_an_empty_list_is_told_what_it_lacks() -> None:
    _, errors = check({"slots": [{"day": "monday", "platforms": []}]})

    assert errors == {"slots": {0: {"platforms": ["May not be empty: give at least 1."]}}}


def test_a_million_items_are_refused_by_their_number() -> None:
    began = time.thread_time()

    _, errors = check({"tags": ["a"] * 1_000_000})

    assert errors == {"tags": ["Ensure this field has no more than 3 elements."]}
    assert time.thread_time() - began < 0.5


def test_a_body_of_nothing_but_accents_takes_no_time() -> None:
    text, started = "\u0301\u0316" * 250_000, time.thread_time()

    with pytest.raises(ValidationError):
        Text(max_length=100).run_validation(text)

    assert time.thread_time() - started < 1
