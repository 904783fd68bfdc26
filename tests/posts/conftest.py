"""A network on paper in the place of the real ones, and a client where the simulated ones are called."""

from collections.abc import Iterator

import pytest

from accounts import registry, tokens
from accounts.models import SocialAccount
from adminapi.management.client import Client
from tests.conftest import ApiClient
from tests.factories import make_account
from tests.in_process import BASE, in_process
from tests.posts.fakes import HandledNetwork, KeyedNetwork, OpaqueNetwork, ScriptedNetwork
from workspaces.models import Workspace


@pytest.fixture(autouse=True)
def keep_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the transaction that a test runs in go on where a worker's thread would look after its connection."""
    monkeypatch.setattr(tokens, "close_old_connections", lambda: None)


def install(monkeypatch: pytest.MonkeyPatch, network: ScriptedNetwork) -> ScriptedNetwork:
    monkeypatch.setattr(registry, "get", lambda platform, *, sandbox=False: network)
    return network


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> ScriptedNetwork:
    """A network that must be searched for a post whose answer was lost."""
    return install(monkeypatch, ScriptedNetwork())


@pytest.fixture
def keyed(monkeypatch: pytest.MonkeyPatch) -> ScriptedNetwork:
    """A network that keeps one copy per key."""
    return install(monkeypatch, KeyedNetwork())


@pytest.fixture
def handled(monkeypatch: pytest.MonkeyPatch) -> ScriptedNetwork:
    """A network that tells what became of what it gave before the visible call."""
    return install(monkeypatch, HandledNetwork())


@pytest.fixture
def opaque(monkeypatch: pytest.MonkeyPatch) -> ScriptedNetwork:
    """A network that tells nothing about what it has."""
    return install(monkeypatch, OpaqueNetwork())


@pytest.fixture
def accounts(workspace: Workspace) -> list[SocialAccount]:
    """A Facebook page and an X account."""
    return [make_account(workspace), make_account(workspace, platform="twitter", remote_id="2")]


@pytest.fixture
def client(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client of the product, which finds the networks in this process."""
    with in_process(monkeypatch):
        yield Client(BASE, api_key=api.headers["X-API-Key"], workspace_id=api.headers["X-Workspace-ID"])
