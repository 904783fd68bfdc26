"""The world in which each writing call is made once."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.platforms.errors import PlatformError
from accounts.platforms.facebook import Facebook
from accounts.platforms.shapes import Candidate, Profile, Tokens
from adminapi.views import webhooks
from posts import inputs, views
from tests.conftest import AdminClient, ApiClient
from tests.contract.described import faults_of, faults_of_body
from tests.contract.writes import ADDRESS, AGENT, World
from tests.factories import make_key, make_token, make_user, make_workspace


@pytest.fixture(autouse=True)
def _each_answer_is_described(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a test asks for: the answer, also a refusal, and a body that is taken are what the description says."""
    found: set[str] = set()
    ask = Client.generic

    def generic(client: Client, method: str, path: str, data: Any = "", *args: Any, **options: Any) -> Any:
        response: Any = ask(client, method, path, data, *args, **options)
        address, *_ = path.partition("?")
        faults = faults_of(response, method, address)
        if response.status_code < 300:
            faults += faults_of_body(data, method, address)
        found.update(f"{method} {address}: {fault}" for fault in faults)
        return response

    monkeypatch.setattr(Client, "generic", generic)
    yield
    assert found == set()


@pytest.fixture
def one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the database's clock show what the server's does."""
    for module in (inputs, views, webhooks):
        monkeypatch.setattr(module, "database_now", timezone.now)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say which pages the network opens, or how it refuses."""

    def grant(*pages: str, error: PlatformError | None = None) -> None:
        def exchange(*_: Any, **__: Any) -> Tokens:
            if error is not None:
                raise error
            return Tokens(access_token="of the person")

        candidates = [
            Candidate(
                remote_id=page,
                type="page",
                profile=Profile(name=f"Page {page}", username=f"page{page}", profile_image="https://pic.example/1"),
                tokens=Tokens(access_token=f"of the page {page}", scopes=("pages_show_list",)),
            )
            for page in pages
        ]
        monkeypatch.setattr(Facebook, "exchange", exchange)
        monkeypatch.setattr(Facebook, "candidates", lambda *_: candidates)
        monkeypatch.setattr(Facebook, "profile", lambda *_: candidates[0].profile)
        monkeypatch.setattr(Facebook, "revoke", lambda *_: None)

    grant("1")
    return grant


@pytest.fixture
def world(db: None, network: Any) -> World:
    workspace, (key, secret), user = make_workspace(), make_key(), make_user(email="boss@example.com")
    api, admin = ApiClient(secret, workspace.pk), AdminClient(make_token(user))
    for client in (api, admin):
        client.client = Client(REMOTE_ADDR=ADDRESS, headers={"User-Agent": AGENT})
    return World(workspace=workspace, key=key, api=api, user=user, admin=admin)
