import re
from typing import Any

import pytest
import structlog
from django.test import Client

from tests.api.site import error_of

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture
def stranger() -> Client:
    return Client(raise_request_exception=False)


@pytest.fixture(params=[True, False], ids=["debug", "production"])
def _either_debug(request: pytest.FixtureRequest, settings: Any) -> None:
    settings.DEBUG = request.param


@pytest.mark.parametrize("given", ["a", "Trace-1.b_2", "x" * 128])
def test_a_sane_request_id_is_kept(stranger: Client, given: str) -> None:
    response = stranger.get("/healthz", headers={"X-Request-ID": given})

    assert response.headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a\x7f", "é", "a;b"])
def test_any_other_request_id_is_replaced(stranger: Client, given: str) -> None:
    response = stranger.get("/healthz", headers={"X-Request-ID": given})

    assert UUID.fullmatch(response.headers["X-Request-ID"])


def test_the_request_id_is_on_failures_and_in_the_logs_of_its_request_alone(stranger: Client) -> None:
    structlog.contextvars.bind_contextvars(left="over")

    response = stranger.get("/api/view/bug", headers={"X-Request-ID": "mine"})

    assert response.headers["X-Request-ID"] == "mine"
    assert structlog.contextvars.get_contextvars() == {"request_id": "mine", "code": "INTERNAL_ERROR"}


@pytest.mark.usefixtures("_either_debug")
@pytest.mark.parametrize("root", ["api", "admin"])
@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("unknown", (404, "NOT_FOUND", {})),
        ("view/bug", (500, "INTERNAL_ERROR", {})),
        ("view/missing", (404, "NOT_FOUND", {})),
        ("view/suspicious", (400, "VALIDATION_ERROR", {})),
        ("view/closed", (409, "NOTE_CLOSED", {"since": "noon"})),
        ("view/html", (409, "CONFLICT", {})),
    ],
)
def test_what_failed_outside_of_rest_framework_has_the_envelope_too(
    stranger: Client, root: str, path: str, answer: Any
) -> None:
    response = stranger.get(f"/{root}/{path}")

    assert error_of(response) == answer
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.usefixtures("_either_debug")
@pytest.mark.parametrize(
    ("name", "answer"),
    [("bug", (500, "INTERNAL_ERROR")), ("missing", (404, "NOT_FOUND")), ("suspicious", (400, "VALIDATION_ERROR"))],
)
def test_what_failed_in_another_middleware_has_the_envelope_too(
    stranger: Client, settings: Any, name: str, answer: Any
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.api.site.BrokenMiddleware"]

    response = stranger.get("/api/view/fine", headers={"X-Break": name})

    assert error_of(response)[:2] == answer


@pytest.mark.usefixtures("_either_debug")
def test_a_host_that_is_not_served_is_400_in_the_envelope(stranger: Client, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["oui.example"]

    response = stranger.get("/api/view/fine", headers={"Host": "evil.example"})

    assert error_of(response) == (400, "VALIDATION_ERROR", {})


def test_headers_that_tell_what_to_do_survive_the_envelope(stranger: Client) -> None:
    response = stranger.get("/api/view/html")

    assert response.headers["Retry-After"] == "7"


@pytest.mark.parametrize("path", ["/api", "/admin", "/api/", "/admin/nope/deep"])
def test_the_roots_themselves_belong_to_the_api(stranger: Client, path: str) -> None:
    response = stranger.get(path)

    assert error_of(response) == (404, "NOT_FOUND", {})


@pytest.mark.parametrize(
    ("path", "status", "content_type"),
    [
        ("/other/fine", 200, "text/html"),
        ("/other/missing", 404, "text/html"),
        ("/other/html", 409, "text/html"),
        ("/apiary", 404, "text/html"),
        ("/api/view/fine", 200, "text/html"),
        ("/api/view/json", 418, "application/json"),
    ],
)
def test_other_answers_are_left_alone(stranger: Client, path: str, status: int, content_type: str) -> None:
    response = stranger.get(path)

    assert (response.status_code, response.headers["Content-Type"].partition(";")[0]) == (status, content_type)
    assert b'"success"' not in response.content
