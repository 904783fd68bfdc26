"""Who the caller is when a proxy stands before us."""

import pytest
from django.http import HttpRequest, HttpResponse
from pytest_django import Settings

from ouipost.api.middleware import TrustedProxiesMiddleware

PROXY, OTHER, CALLER = "10.0.0.7", "192.0.2.9", "203.0.113.5"


def seen(settings: Settings, peer: str, forwarded: str) -> tuple[str, bool]:
    """Return the address that views see, and whether they see the proxy's scheme."""
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
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
    ],
)
def test_only_a_trusted_proxy_says_who_calls(
    settings: Settings, peer: str, forwarded: str, expected: tuple[str, bool]
) -> None:
    """A port that it adds is left out: each connection has its own, and guesses would not count together."""
    assert seen(settings, peer, forwarded) == expected
