"""Requests that ask a network which never answers: each ends in time, and they leave threads to all others."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from accounts import connecting
from accounts.addresses import hosted_url
from accounts.models import SocialAccount
from accounts.platforms.shapes import Tokens
from ouipost.runtime import waiting
from tests.conftest import ApiClient
from tests.console.conftest import browser_of, member_of, page_of, text
from tests.contract.world import error_of
from tests.factories import make_account
from tests.foundation.threads import at_once
from tests.outbound.servers import Server
from workspaces.models import Workspace

CALLBACK = "https://app.example/callback"
BUSY = (503, "SERVICE_UNAVAILABLE")
Ask = Callable[[], Any]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def network(settings: Settings) -> Iterator[Server]:
    """A server that reads and never answers: the networks of sandboxes are there, and its address can be named."""

    def read(server: Server, connection: Any) -> None:
        while connection.recv(1000):
            pass

    server = Server(read)
    settings.PUBLIC_BASE_URL, settings.OUTBOUND_ALLOW = server.url.rstrip("/"), ["127.0.0.0/8"]
    yield server
    server.close()


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give all networks little time."""
    monkeypatch.setattr(waiting, "ASK_SECONDS", 0.5)
    monkeypatch.setattr(connecting, "TRY_SECONDS", 0.5)


@pytest.fixture
def account(workspace: Workspace) -> SocialAccount:
    return make_account(workspace, tokens=Tokens(access_token="token", refresh_token="again"))


def begin(api: ApiClient, platform: str, *, callback_url: str = CALLBACK) -> str:
    """Begin a sign-in, and return its state."""
    began = api.post("/api/accounts", {"platform": platform, "callback_url": callback_url})
    return str(began.json()["data"]["state"])


def sign_in(state: str, **values: str) -> Any:
    form = {"state": state, "handle": "alice.example", "app_password": "aaaa-bbbb", "action": "connect"}
    return Client().post("/connect/bluesky", form | values)


def requests(api: ApiClient, account: SocialAccount) -> dict[str, Ask]:
    """Return every kind of request that asks a network before it is answered."""
    password, code, ours = begin(api, "bluesky"), begin(api, "facebook"), hosted_url("facebook")
    done = f"/connect/facebook/done?code=c&state={begin(api, 'facebook', callback_url=ours)}"
    return {
        "sign in": lambda: sign_in(password),
        "call back": lambda: api.post("/api/accounts/callback", {"state": code, "code": "c"}),
        "come back": lambda: Client().get(done),
        "refresh": lambda: api.post(f"/api/accounts/{account.pk}/refresh"),
        "disconnect": lambda: api.delete(f"/api/accounts/{account.pk}"),
    }


@pytest.mark.usefixtures("hurry")
def test_each_request_ends_in_time(api: ApiClient, account: SocialAccount, network: Server) -> None:
    taken, statuses = {}, {}

    for name, ask in requests(api, account).items():
        began, known = time.monotonic(), network.connections
        statuses[name] = (ask().status_code, network.connections > known)
        taken[name] = time.monotonic() - began

    assert statuses == {
        "sign in": (422, True),
        "call back": (422, True),
        "come back": (422, True),
        "refresh": (200, True),
        "disconnect": (200, True),
    }
    assert max(taken.values()) < 5, taken


@pytest.mark.usefixtures("hurry")
def test_a_refresh_whose_time_is_up_tells_what_the_network_did(
    api: ApiClient, account: SocialAccount, network: Server
) -> None:
    answer = api.post(f"/api/accounts/{account.pk}/refresh")

    told = answer.json()["data"]["account"]["health"]["errors"][0]["message"]
    assert (told, network.connections) == ("The network gave no complete answer.", 1)


def test_without_a_free_place_nothing_is_begun_and_the_same_request_is_taken_later(
    api: ApiClient, account: SocialAccount, network: Server, hurry: None
) -> None:
    asked = requests(api, account)

    with ExitStack() as held:
        for _ in range(waiting.ASKING):
            held.enter_context(waiting.asking())
        refused = {name: ask() for name, ask in asked.items()}
    connections = network.connections
    later = [ask().status_code for ask in asked.values()]

    assert {(each.status_code, each["Retry-After"]) for each in refused.values()} == {(503, "5")}
    assert {error_of(refused[name]) for name in ("call back", "refresh", "disconnect")} == {BUSY}
    assert all("wait for networks" in refused[name].content.decode() for name in ("sign in", "come back"))
    assert (connections, later) == (0, [422, 422, 422, 200, 200])


@pytest.mark.parametrize("action", ["refresh", "disconnect"])
def test_without_a_free_place_the_console_says_so(
    workspace: Workspace, account: SocialAccount, network: Server, action: str
) -> None:
    editor = browser_of(member_of(workspace))

    with ExitStack() as held:
        for _ in range(waiting.ASKING):
            held.enter_context(waiting.asking())
        editor.post(page_of(account, action), {"confirmed": "1"})
    shown = text(editor.get("/console/accounts/socialaccount/"))

    assert "Too many requests wait for networks" in shown
    assert (network.connections, SocialAccount.objects.get().is_connected) == (0, True)


def test_one_link_holds_one_thread(
    api: ApiClient, workspace: Workspace, network: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "TRY_SECONDS", 2)
    state = begin(api, "bluesky")
    Workspace.objects.update(mode="live")  # so that the named server itself is asked

    began = time.monotonic()
    answers = at_once(*[lambda: sign_in(state, service=network.url)] * 8)

    assert sorted(each.status_code for each in answers) == [409] * 7 + [422]
    assert (network.connections, time.monotonic() - began < 10) == (1, True)


def test_links_hold_a_quarter_of_the_threads(api: ApiClient, network: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "TRY_SECONDS", 2)
    monkeypatch.setattr(waiting, "_asking", threading.BoundedSemaphore(2))
    states = [begin(api, "bluesky") for _ in range(8)]

    answers = at_once(*[lambda state=state: sign_in(state) for state in states])

    assert sorted(each.status_code for each in answers) == [422] * 2 + [503] * 6
    assert network.connections == 2
