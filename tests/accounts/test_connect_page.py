"""/connect/bluesky: the sign-in page of a network that has none for apps."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts import registry
from accounts.models import Connection, SocialAccount
from accounts.platforms.base import SignIn
from accounts.platforms.errors import Rejected, Unavailable
from ouipost.events.journal import SYSTEM
from ouipost.events.models import Event
from tests.accounts.fakes import FakePasswordNetwork
from tests.factories import make_account, make_workspace
from workspaces.models import Workspace
from workspaces.services import delete_workspace

PASSWORD = "aaaa-bbbb-cccc-dddd"
FORM = {"handle": " alice.bsky.social ", "app_password": f"{PASSWORD} ", "service": ""}
CALLBACK = "https://app.example/callback?kept=1"
pytestmark = pytest.mark.usefixtures("password_network")


@pytest.fixture
def state(api: Any) -> str:
    """Begin a sign-in as a program would, and return its state."""
    answer = api.post("/api/accounts", {"platform": "bluesky", "callback_url": CALLBACK})
    began = answer.json()["data"]
    assert began["auth_url"] == f"http://testserver/connect/bluesky?state={began['state']}"
    return str(began["state"])


@pytest.fixture
def browser() -> Client:
    """A browser that checks forms as strictly as browsers' servers do."""
    return Client(enforce_csrf_checks=True)


def post(browser: Client, state: str, **values: str) -> Any:
    return browser.post("/connect/bluesky", FORM | {"state": state, "action": "connect"} | values)


def went_back_with(answer: Any) -> dict[str, str]:
    assert answer.status_code == 302
    assert answer["Location"].startswith(CALLBACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer["Location"]).query).items()}


def test_the_page_asks_for_handle_and_app_password(browser: Client, state: str, workspace: Workspace) -> None:
    Workspace.objects.update(name="<b>Bakery</b>")

    answer = browser.get(f"/connect/bluesky?state={state}")

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Connect Bluesky to &lt;b&gt;Bakery&lt;/b&gt;" in page
    assert f'<input type="hidden" name="state" value="{state}">' in page
    assert all(f'name="{name}"' in page for name in ("handle", "app_password", "service"))
    assert ">Handle <small>such as alice.bsky.social</small><" in page
    assert ">App password <small>xxxx-xxxx-xxxx-xxxx</small><" in page
    assert 'placeholder="https://bsky.social"' in page
    assert "<script" not in page
    assert "no-store" in answer["Cache-Control"]


def test_a_network_without_examples_shows_none(
    browser: Client, state: str, password_network: FakePasswordNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "get", lambda platform: password_network)

    page = browser.get(f"/connect/bluesky?state={state}").content.decode()

    assert ">Handle<" in page
    assert ">App password<" in page
    assert 'placeholder=""' in page
    assert "bsky.social" not in page


@pytest.mark.parametrize("query", ["?state=wrong", "", "?state=%00%ff"])
def test_an_unknown_state_is_turned_away(browser: Client, state: str, query: str) -> None:
    answer = browser.get(f"/connect/bluesky{query}")

    assert answer.status_code == 422
    assert "unknown, has expired or was already used" in answer.content.decode()
    assert "<form" not in answer.content.decode()


@pytest.mark.parametrize("platform", ["facebook", "nowhere"])
def test_a_state_opens_its_own_networks_page_only(browser: Client, state: str, platform: str) -> None:
    assert browser.get(f"/connect/{platform}?state={state}").status_code == 422


def test_a_network_with_a_consent_page_of_its_own_has_none_here(browser: Client, api: Any) -> None:
    began = api.post("/api/accounts", {"platform": "facebook", "callback_url": CALLBACK}).json()["data"]

    for platform in ("facebook", "bluesky"):
        assert browser.get(f"/connect/{platform}?state={began['state']}").status_code == 422
        assert browser.post(f"/connect/{platform}", FORM | {"state": began["state"]}).status_code == 422


def test_nobody_signs_in_to_a_workspace_that_was_deleted(browser: Client, state: str, workspace: Workspace) -> None:
    delete_workspace(workspace, actor=SYSTEM, now=timezone.now())

    answers = [browser.get(f"/connect/bluesky?state={state}"), post(Client(), state)]

    assert [answer.status_code for answer in answers] == [422, 422]


def test_a_state_is_good_for_ten_minutes(browser: Client, state: str) -> None:
    began = Connection.objects.get()
    with time_machine.travel(began.expires_at, tick=False):
        assert browser.get(f"/connect/bluesky?state={state}").status_code == 422
        assert post(browser, state).status_code == 422


def test_the_right_password_leads_back_with_code_and_state(
    browser: Client, state: str, api: Any, password_network: FakePasswordNetwork
) -> None:
    back = went_back_with(post(browser, state))

    assert (back["kept"], back["state"]) == ("1", state)
    assert password_network.credentials == [SignIn(identifier="alice.bsky.social", password=PASSWORD)]
    answer = api.post("/api/accounts/callback", {"state": state, "code": back["code"]})
    assert answer.status_code == 201
    assert answer.json()["data"]["account"]["id"] == SocialAccount.objects.get().pk


def test_a_sign_in_leaves_others_that_are_open_alone(browser: Client, state: str, api: Any) -> None:
    api.post("/api/accounts", {"platform": "bluesky", "callback_url": CALLBACK})

    post(browser, state)

    mine, other = Connection.objects.order_by("pk")
    assert (bool(mine.code_digest), bool(other.code_digest)) == (True, False)
    assert (mine.unseal()[:1], other.unseal()) == ("[", "")


def test_a_server_of_ones_own_can_be_named(browser: Client, state: str, password_network: FakePasswordNetwork) -> None:
    post(browser, state, service=" https://pds.example ")

    assert password_network.credentials[0].service == "https://pds.example"


@pytest.mark.parametrize(
    ("mine", "believed", "status"), [(True, False, 422), (True, True, 302), (False, False, 302)], ids=str
)
def test_a_server_gets_no_account_that_is_connected_by_saying_that_it_is_its_own(
    browser: Client,
    state: str,
    workspace: Workspace,
    password_network: FakePasswordNetwork,
    mine: bool,
    believed: bool,
    status: int,
) -> None:
    """Whoever was sent a link to sign in names any server, which says what it likes: it must not get others' posts."""
    account = make_account(
        workspace if mine else make_workspace(),
        platform="bluesky",
        remote_id="did:plc:1",
        metadata={"service": "https://home.example"},
    )
    password_network.believed = believed

    answer = post(browser, state, service="https://evil.example")

    account.refresh_from_db()
    assert (answer.status_code, account.metadata) == (status, {"service": "https://home.example"})
    assert bool(Connection.objects.get().code_digest) is (status == 302)
    assert ("is not on that server" in answer.content.decode()) is (status == 422)


def test_a_server_gets_no_account_that_was_connected_since_it_said_that_it_is_its_own(
    browser: Client, state: str, api: Any, workspace: Workspace, password_network: FakePasswordNetwork
) -> None:
    """Nobody has asked then whose it is."""
    password_network.believed = False
    back = went_back_with(post(browser, state, service="https://evil.example"))
    home = {"service": "https://home.example"}
    account = make_account(
        workspace, platform="bluesky", remote_id="did:plc:1", metadata=home, connected_at=timezone.now()
    )

    answer = api.post("/api/accounts/callback", {"state": state, "code": back["code"]})

    account.refresh_from_db()
    assert (answer.json()["error"]["code"], account.metadata) == ("OAUTH_STATE_INVALID", home)


@pytest.mark.parametrize("error", [Rejected("Wrong handle or <app> password."), Unavailable("Wrong <app> server.")])
def test_a_refused_password_shows_the_problem(
    browser: Client, state: str, password_network: FakePasswordNetwork, error: Exception
) -> None:
    password_network.opened = error

    answer = post(browser, state)

    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'role="alert">Wrong' in page
    assert "&lt;app&gt;" in page
    assert 'value=" alice.bsky.social "' in page
    assert PASSWORD not in page


def test_after_a_refused_password_the_person_may_try_again(
    browser: Client, state: str, password_network: FakePasswordNetwork
) -> None:
    right, password_network.opened = password_network.opened, Rejected("Wrong.")
    post(browser, state)

    password_network.opened = right
    assert went_back_with(post(browser, state))["code"]


def test_a_link_is_no_way_to_guess_a_password(
    browser: Client, state: str, api: Any, password_network: FakePasswordNetwork
) -> None:
    other = api.post("/api/accounts", {"platform": "bluesky", "callback_url": CALLBACK}).json()["data"]["state"]
    right, password_network.opened = password_network.opened, Rejected("Wrong.")
    wrong = [post(browser, state) for _ in range(10)]
    password_network.opened = right

    later = [post(browser, state), browser.get(f"/connect/bluesky?state={state}")]

    assert {each.status_code for each in (*wrong, *later)} == {422}
    assert all("Wrong." in each.content.decode() for each in wrong)
    assert all("ask for a new one" in each.content.decode() for each in later)
    assert not any("<form" in each.content.decode() for each in later)
    assert len(password_network.credentials) == 10
    assert went_back_with(post(browser, other))["state"] == other


def test_each_failed_try_is_a_line_of_the_journal(
    browser: Client, state: str, workspace: Workspace, password_network: FakePasswordNetwork
) -> None:
    password_network.opened = Rejected("Wrong.")

    for _ in range(2):
        post(browser, state)

    lines = list(Event.objects.filter(type="connection.sign_in_failed"))
    trouble = {"code": "CONTENT_REJECTED", "message": "Wrong.", "who_acts": "caller"}
    assert [line.details for line in lines] == [{"platform": "bluesky"} | trouble] * 2
    assert {(line.workspace_id, line.ip_address) for line in lines} == {(workspace.pk, "127.0.0.1")}
    assert PASSWORD not in str([vars(line) for line in lines])


def test_one_try_runs_at_a_time(browser: Client, state: str, password_network: FakePasswordNetwork) -> None:
    opened, meanwhile = password_network.opened, list[Any]()

    def open_slowly() -> Any:
        meanwhile.append(post(Client(), state))
        return opened

    password_network.opened = open_slowly

    first = post(browser, state)

    [second] = meanwhile
    assert (first.status_code, second.status_code, len(password_network.credentials)) == (302, 409, 1)
    assert "try again in a few seconds" in second.content.decode()
    assert 15 < int(second["Retry-After"]) <= 20


def test_a_try_whose_process_died_holds_up_the_next_for_twenty_seconds(
    browser: Client, state: str, password_network: FakePasswordNetwork
) -> None:
    opened, password_network.opened = password_network.opened, SystemExit()
    with pytest.raises(SystemExit), time_machine.travel(timezone.now(), tick=False):
        post(browser, state)
    password_network.opened = opened
    ends = Connection.objects.get().trying_until
    assert ends is not None

    statuses = []
    for at in (ends - timedelta(seconds=1), ends):
        with time_machine.travel(at, tick=False):
            statuses.append(post(browser, state).status_code)

    assert statuses == [409, 302]


def test_a_person_who_denies_goes_back_with_that(
    browser: Client, state: str, api: Any, password_network: FakePasswordNetwork
) -> None:
    back = went_back_with(post(browser, state, action="deny", handle="", app_password=""))

    assert back == {"kept": "1", "error": "access_denied", "state": state}
    assert password_network.credentials == []
    answer = api.post("/api/accounts/callback", {"state": state, "error": back["error"]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "OAUTH_EXCHANGE_FAILED")


def test_a_completed_sign_in_closes_its_page(browser: Client, state: str, api: Any) -> None:
    back = went_back_with(post(browser, state))
    api.post("/api/accounts/callback", {"state": state, "code": back["code"]})

    assert browser.get(f"/connect/bluesky?state={state}").status_code == 422
    assert post(browser, state).status_code == 422


def test_a_look_at_the_page_alone_says_what_it_would_answer(browser: Client, state: str) -> None:
    assert browser.head(f"/connect/bluesky?state={state}").status_code == 200
    assert went_back_with(post(browser, state))["state"] == state


def test_other_methods_are_not_taken(browser: Client, state: str) -> None:
    assert browser.put(f"/connect/bluesky?state={state}").status_code == 405


def test_the_page_may_not_be_framed_and_loads_nothing_from_elsewhere(browser: Client, state: str) -> None:
    answer = browser.get(f"/connect/bluesky?state={state}")

    assert answer["X-Frame-Options"] == "DENY"
    assert "default-src 'self'" in answer["Content-Security-Policy"]
