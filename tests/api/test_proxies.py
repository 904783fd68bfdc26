"""What a proxy that stands before us tells of the caller, and how it is answered."""

import io
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from pytest_django import Settings

from ouipost.api import middleware
from ouipost.api.middleware import TrustedProxiesMiddleware

PROXY, OTHER, CALLER = "10.0.0.7", "192.0.2.9", "203.0.113.5"
LARGE = b"x" * 300_000


def seen(settings: Settings, peer: str, forwarded: str) -> tuple[str, bool]:
    """Return the address that views see, and whether they see the proxy's scheme."""
    settings.TRUSTED_PROXIES = ["10.1.2.3/8", "fd00::1"]
    request = HttpRequest()
    request.META = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded, "HTTP_X_FORWARDED_PROTO": "https"}
    TrustedProxiesMiddleware(lambda _: HttpResponse())(request)
    return request.META["REMOTE_ADDR"], "HTTP_X_FORWARDED_PROTO" in request.META


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        (PROXY, CALLER, (CALLER, True)),
        (PROXY, f"1.2.3.4, {CALLER}, 10.0.0.8", (CALLER, True)),
        (PROXY, "", (PROXY, True)),
        (OTHER, CALLER, (OTHER, False)),
        ("", CALLER, ("", False)),
        (PROXY, f"{CALLER}:51234, 10.0.0.8:443", (CALLER, True)),
        (PROXY, "[2001:db8::5]:51234", ("2001:db8::5", True)),
        (PROXY, "2001:db8::5:1234", ("2001:db8::5:1234", True)),
        ("fd00::1", f"{CALLER}, , 10.0.0.8, ", (CALLER, True)),
        (f"::ffff:{PROXY}", f"{CALLER}, ::ffff:10.0.0.8", (CALLER, True)),
        (PROXY, "x" * 60, ("x" * 45, True)),
    ],
)
def test_only_a_trusted_proxy_says_who_calls(
    settings: Settings, peer: str, forwarded: str, expected: tuple[str, bool]
) -> None:
    """A port that it adds is left out: each connection has its own, and guesses would not count together."""
    assert seen(settings, peer, forwarded) == expected


class Body(io.BytesIO):
    """What the web server has of a body: it counts what was read."""

    was_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.was_read += len(data)
        return data


def refused(settings: Settings, **told: Any) -> tuple[str | None, int]:
    """Send a body to where nothing takes it; return what is said of the connection, and how much was read."""
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    body = Body(LARGE)
    given: dict[str, Any] = {"REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_PROTO": "https", "CONTENT_LENGTH": len(LARGE)}
    answer = Client().post("/api/nothing", content_type="text/plain", **(given | told | {"wsgi.input": body}))
    return answer.headers.get("Connection"), body.was_read


CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}


@pytest.mark.parametrize("told", [{}, CHUNKED], ids=["whole", "chunked"])
def test_what_a_proxy_still_sends_is_taken_before_it_is_refused(settings: Settings, told: dict[str, Any]) -> None:
    """It says 502 to the caller where the connection ends while it sends."""
    assert refused(settings, **told) == (None, len(LARGE))


@pytest.mark.parametrize(
    "told", [{"REMOTE_ADDR": OTHER}, {"HTTP_EXPECT": "100-continue"}, CHUNKED | {"REMOTE_ADDR": ""}]
)
def test_what_others_send_or_wait_to_send_is_not_taken(settings: Settings, told: dict[str, Any]) -> None:
    assert refused(settings, **told) == ("close", 0)


def test_a_body_that_does_not_end_is_taken_for_a_limited_time(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "DISCARD_SECONDS", 0)

    assert refused(settings) == ("close", 0)
