"""A world without a network: loopback servers, and name servers that know what a test tells them."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from ouipost.outbound import transport
from tests.outbound.servers import Identity, Server, Talk, make_identity

Serve = Callable[..., Server]


class NameServer:
    """Answers look-ups from `knows`, one list of addresses for all look-ups or one list for each in turn."""

    def __init__(self) -> None:
        self.knows: dict[str, list[Any]] = {}
        self.asked: list[str] = []

    def getaddrinfo(self, host: str, port: int | None, *_: Any, **__: Any) -> list[Any]:
        self.asked.append(host)
        addresses = self.knows.get(host, [])
        if addresses and isinstance(addresses[0], list):
            addresses = addresses.pop(0)
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(None, None, None, "", (address, port or 0)) for address in addresses]


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> NameServer:
    server = NameServer()
    monkeypatch.setattr(socket, "getaddrinfo", server.getaddrinfo)
    return server


@pytest.fixture(autouse=True)
def nothing_listed(settings: Settings) -> None:
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
