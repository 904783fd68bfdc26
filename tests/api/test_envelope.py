import logging
from typing import Any

import pytest
from django.test import Client

from tests.api.site import error_of

INTERNAL = {
    "code": "INTERNAL_ERROR",
    "message": "Something went wrong on our side. Quote the X-Request-ID when you report it.",
    "details": {},
}


@pytest.mark.parametrize(
    ("what", "answer"),
    [
        ("closed", (409, "NOTE_CLOSED", {"since": "noon"})),
        ("missing", (404, "NOT_FOUND", {})),
        ("forbidden", (403, "PERMISSION_DENIED", {})),
        ("odd", (400, "MALFORMED_JSON", {})),
        ("bad", (400, "VALIDATION_ERROR", {})),
        ("suspicious", (400, "VALIDATION_ERROR", {})),
        ("fields", (400, "VALIDATION_ERROR", {})),
        ("large", (413, "PAYLOAD_TOO_LARGE", {"limit_bytes": 1_048_576})),
        ("parts", (400, "VALIDATION_ERROR", {})),
        ("unread", (400, "VALIDATION_ERROR", {})),
        ("denied", (403, "PERMISSION_DENIED", {})),
        ("nobody", (401, "AUTHENTICATION_REQUIRED", {})),
        ("stranger", (401, "AUTHENTICATION_REQUIRED", {})),
        ("unacceptable", (406, "NOT_ACCEPTABLE", {})),
        ("teapot", (418, "VALIDATION_ERROR", {})),
        ("type", (415, "UNSUPPORTED_MEDIA_TYPE", {})),
        ("database", (503, "SERVICE_UNAVAILABLE", {})),
        ("connection", (503, "SERVICE_UNAVAILABLE", {})),
        ("bug", (500, "INTERNAL_ERROR", {})),
        ("rendering", (500, "INTERNAL_ERROR", {})),
        ("whole", (400, "VALIDATION_ERROR", {"fields": {"body": ["All wrong."]}})),
        (
            "invalid",
            (
                400,
                "VALIDATION_ERROR",
                {
                    "fields": {
                        "slots.1.day": ["No."],
                        "slots.1": ["Late."],
                        "tags.3": ["Long."],
                        "name": ["A.", "B."],
                    }
                },
            ),
        ),
    ],
)
def test_whatever_a_view_raises_has_its_status_code_and_details(api: Client, what: str, answer: Any) -> None:
    response = api.get(f"/api/fail/{what}")

    assert error_of(response) == answer


@pytest.mark.parametrize("what", ["nobody", "stranger"])
def test_a_missing_credential_is_401_also_where_the_framework_knows_of_none(api: Client, what: str) -> None:
    assert error_of(api.get(f"/api/open/{what}")) == (401, "AUTHENTICATION_REQUIRED", {})


def test_a_type_that_is_not_taken_is_told_in_the_words_that_name_it(api: Client) -> None:
    assert "text/odd" in api.get("/api/fail/type").json()["error"]["message"]


@pytest.mark.parametrize(("what", "seconds"), [("database", "5"), ("busy", "3")])
def test_a_failure_that_passes_says_when_to_come_back(api: Client, what: str, seconds: str) -> None:
    response = api.get(f"/api/fail/{what}")

    assert response.headers["Retry-After"] == seconds


def test_an_unforeseen_exception_is_logged_with_its_traceback_and_told_without(
    api: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, logger="ouipost.api.failures"):
        response = api.get("/api/fail/bug")

    logged = next(record for record in caplog.records if record.name == "ouipost.api.failures")
    assert response.json()["error"] == INTERNAL
    assert logged.exc_info is not None
    assert str(logged.exc_info[1]) == "secret internals"


@pytest.mark.parametrize("method", ["put", "delete", "options", "trace", "propfind"])
def test_a_method_that_an_address_does_not_take_is_405_with_those_it_takes(api: Client, method: str) -> None:
    response = api.generic(method.upper(), "/api/notes", b"")

    assert error_of(response) == (405, "METHOD_NOT_ALLOWED", {})
    assert response.headers["Allow"] == "GET, HEAD, POST"
    assert response.json()["error"]["message"] == f"This address takes GET, HEAD, POST, not {method.upper()}."


@pytest.mark.parametrize("content_type", ["text/plain", "application/json; charset=utf-16", "multipart/form-data"])
def test_a_body_of_another_type_is_415(api: Client, content_type: str) -> None:
    response = api.generic("POST", "/api/notes", b'{"text": "hi"}', content_type=content_type)

    assert error_of(response) == (415, "UNSUPPORTED_MEDIA_TYPE", {})
