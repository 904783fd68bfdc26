"""A world without a network: loopback servers, and name servers that know what a test tells them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from ouipost.outbound import transport
from tests.outbound.names import NameServer
from tests.outbound.servers import Identity, Server, Talk, make_identity

Serve = Callable[..., Server]


@pytest.fixture(autouse=True)
def nothing_listed(settings: Settings, names: NameServer) -> None:
    """No name resolves, unless a test says so, and the operator lists nothing."""
    settings.OUTBOUND_ALLOW = []


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[Server] = []

    def start(talk: Talk, **options: Any) -> Server:
        servers.append(Server(talk, **options))
        return servers[-1]

    yield start
    transport.pools().clear()
    for server in servers:
        server.close()


@pytest.fixture
def loopback(settings: Settings) -> None:
    """The operator lists loopback, so that our servers can be reached at all."""
    settings.OUTBOUND_ALLOW = ["127.0.0.1", "hooks.example"]


@pytest.fixture
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Identity:
    """The certificate of hooks.example, which this machine trusts."""
    identity = make_identity(tmp_path, "hooks.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(identity.path))
    monkeypatch.setattr(transport, "_pools", None)
    return identity
