"""Whatever a receiver answers, a worker is free in time, and keeps little of it."""

import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from ouipost.events import delivery
from ouipost.events.journal import SYSTEM
from ouipost.events.models import Delivery, DeliveryAttempt, Webhook
from ouipost.outbound import transport
from posts import services
from tests.outbound.servers import Server, Talk, answering
from tests.webhooks.conftest import deliver_due
from tests.webhooks.talks import CUT, LOST
from workspaces.models import Workspace

CALL = timedelta(seconds=1)
SECRET = b"pk_live_" + b"0a" * 16
Serve = Callable[[Talk], Server]


@pytest.fixture
def serve(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts servers that a call waits a second for."""
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    monkeypatch.setattr(delivery, "CALL", CALL)
    servers: list[Server] = []

    def start(talk: Talk) -> Server:
        servers.append(Server(talk))
        return servers[-1]

    yield start
    transport.pools().clear()
    for server in servers:
        server.close()


def attempt(server: Server, workspace: Workspace, make_webhook: Callable[..., Webhook]) -> tuple[DeliveryAttempt, int]:
    """Tell a server of a post; returns the attempt, and how much memory it took at most."""
    make_webhook(url=server.url)
    values = {"content": "Bonjour", "platforms": []}
    services.create_post(workspace, values=values, actor=SYSTEM, now=timezone.now())
    tracemalloc.start()
    try:
        began = time.monotonic()
        assert deliver_due() == 1
        assert time.monotonic() - began < 5 * CALL.total_seconds()
        return DeliveryAttempt.objects.get(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", LOST)
def test_an_answer_that_comes_to_no_end_or_has_no_measure_is_a_failed_attempt(
    name: str, serve: Serve, workspace: Workspace, make_webhook: Callable[..., Webhook]
) -> None:
    server = serve(LOST[name]())

    made, memory = attempt(server, workspace, make_webhook)

    assert (made.http_status, made.error, memory < 20_000_000) == (None, "no_answer", True)
    assert made.address == "127.0.0.1"
    assert Delivery.objects.get().status == "pending"
    assert server.hung_up.wait(5)


@pytest.mark.parametrize("name", CUT)
def test_of_an_answer_that_is_large_the_beginning_is_read_and_little_kept(
    name: str, serve: Serve, workspace: Workspace, make_webhook: Callable[..., Webhook]
) -> None:
    server = serve(CUT[name]())

    made, memory = attempt(server, workspace, make_webhook)

    assert (made.http_status, made.error, memory < 20_000_000) == (200, "", True)
    assert 0 < len(made.answer) <= 2048
    assert Delivery.objects.get().status == "delivered"
    assert server.hung_up.wait(5)


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("Café\x00\x1b[31m\r\n\t".encode() + SECRET + b" \xff", "Café[31m\n\t[masked] \N{REPLACEMENT CHARACTER}"),
        (b"x" * 2020 + SECRET, "x" * 2020 + "[masked]"),
    ],
    ids=["any", "one that ends within a secret"],
)
def test_an_answer_is_kept_as_text_without_control_characters_and_secrets(
    body: bytes, kept: str, serve: Serve, workspace: Workspace, make_webhook: Callable[..., Webhook]
) -> None:
    server = serve(answering(b"HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)))

    made, _ = attempt(server, workspace, make_webhook)

    assert (made.error, made.answer) == ("refused", kept)
