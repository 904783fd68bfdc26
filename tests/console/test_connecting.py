"""Connecting accounts from the console, and our own page that sign-ins come back to, also those of API users."""

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.test import Client

from accounts import connecting, hosted, registry
from accounts.models import Connection, SocialAccount
from accounts.platforms.errors import Rejected
from accounts.platforms.shapes import Profile, Tokens
from ouipost.events.models import Event
from tests.accounts.fakes import FakeNetwork, FakePasswordNetwork, make_candidate
from tests.console import conftest
from tests.console.conftest import member_of, text, told
from tests.factories import make_account, make_key, make_user, make_workspace
from workspaces.models import ApiKey, Membership, Role, User, Workspace

pytestmark = pytest.mark.any_database

browser_of = partial(conftest.browser_of, enforce_csrf_checks=True)
HOSTED = "http://testserver/connect/facebook/done"


@pytest.fixture(autouse=True)
def base_url(settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "http://testserver"


@pytest.fixture
def editor(workspace: Workspace) -> User:
    return member_of(workspace)


def token(browser: Client) -> str:
    return str(browser.cookies["csrftoken"].value)


def begin(browser: Client, workspace: Workspace, **values: str) -> str:
    """Begin a sign-in as a person does, and return its state."""
    browser.get(f"/console/connect/?workspace={workspace.pk}")
    form = {"workspace": workspace.pk, "platform": "facebook", "csrfmiddlewaretoken": token(browser)} | values
    answer = browser.post("/console/connect/", form)
    assert answer.status_code == 302
    return parse_qs(urlsplit(answer["Location"]).query)["state"][0]


def come_back(browser: Client, state: str, *, query: str = "&code=c") -> Any:
    return browser.get(f"/connect/facebook/done?state={state}{query}")


def choose(browser: Client, state: str, *chosen: str) -> Any:
    form = {"state": state, "chosen": list(chosen), "csrfmiddlewaretoken": token(browser)}
    return browser.post("/connect/facebook/done", form)


def test_a_person_chooses_a_workspace_and_sees_what_each_network_takes(editor: User) -> None:
    page = text(browser_of(editor).get("/console/connect/"))

    assert "Which network should Bakery post to?" in page
    assert all(platform in page for platform in ("Facebook", "Bluesky", "LinkedIn"))
    assert "Pages" in page


@pytest.mark.parametrize("name", registry.IDS)
def test_it_is_said_of_every_network_what_kind_of_account_it_takes(
    editor: User, workspace: Workspace, name: str
) -> None:
    page = browser_of(editor).get(f"/console/connect/?workspace={workspace.pk}")

    [choice] = [each for each in page.context["choices"] if each.id == name]
    assert choice.takes[0].isupper()
    assert not set(registry.get(name).account_types) & set(choice.takes.split())  # in words that people know


def test_a_network_without_credentials_is_shown_and_cannot_be_chosen(editor: User) -> None:
    live = make_workspace(name="Live", mode="live")
    Membership.objects.create(workspace=live, user=editor)
    browser = browser_of(editor)

    page = browser.get(f"/console/connect/?workspace={live.pk}")
    form = {"workspace": live.pk, "platform": "facebook", "csrfmiddlewaretoken": token(browser)}
    refused = browser.post("/console/connect/", form)

    assert [each.id for each in page.context["choices"] if not each.missing] == ["bluesky"]
    assert (refused.status_code, Connection.objects.count()) == (422, 0)
    assert "the operator must set FACEBOOK_CLIENT_ID and FACEBOOK_CLIENT_SECRET." in text(refused)


def test_a_sandbox_says_that_its_simulator_is_off(editor: User, workspace: Workspace, settings: Any) -> None:
    settings.SIMULATOR = False

    page = text(browser_of(editor).get(f"/console/connect/?workspace={workspace.pk}"))

    assert "An operator has to start the simulator: SIMULATOR=1." in page
    assert "Sign in at Facebook" not in page


def test_a_network_without_an_app_says_what_is_to_be_registered_and_set(
    editor: User, workspace: Workspace, settings: Any
) -> None:
    live = make_workspace(name="Live", mode="live")
    Membership.objects.create(workspace=live, user=editor)
    settings.PUBLIC_BASE_URL = "https://posts.example.com"
    browser = browser_of(editor)

    page = text(browser.get(f"/console/connect/?workspace={live.pk}"))
    sandbox = text(browser.get(f"/console/connect/?workspace={workspace.pk}"))

    for said in (
        "<code>https://posts.example.com/connect/facebook/done</code>",
        "set FACEBOOK_CLIENT_ID and FACEBOOK_CLIENT_SECRET",
        "manage.py doctor --networks",
    ):
        assert (said in page, said in sandbox) == (True, False)


def test_who_opened_the_console_at_another_address_is_led_to_the_public_one(
    editor: User, workspace: Workspace, settings: Any
) -> None:
    there = text(browser_of(editor).get("/console/connect/"))
    settings.PUBLIC_BASE_URL = "https://posts.example.com"
    elsewhere = text(browser_of(editor).get(f"/console/connect/?workspace={workspace.pk}"))

    link = f'href="https://posts.example.com/console/connect/?workspace={workspace.pk}"'
    assert (link in elsewhere, "at an address other than the public one" in there) == (True, False)


def test_nobody_connects_accounts_in_a_workspace_that_is_not_theirs(editor: User, workspace: Workspace) -> None:
    other, browser = make_workspace(name="Other"), browser_of(editor)
    account = make_account(other)
    browser.get("/console/connect/")
    form = {"workspace": other.pk, "platform": "facebook", "csrfmiddlewaretoken": token(browser)}

    assert browser.get(f"/console/connect/?workspace={other.pk}").status_code == 404
    assert browser.get(f"/console/connect/?account={account.pk}").status_code == 404
    assert browser.post("/console/connect/", form).status_code == 404
    assert Connection.objects.count() == 0
    assert "Other" not in text(browser.get("/console/connect/"))


def test_who_may_not_manage_accounts_is_turned_away(db: None) -> None:
    assert browser_of(make_user(role=Role.VIEWER)).get("/console/connect/").status_code == 403
    assert Client().get("/console/connect/").status_code == 302


def test_looking_at_the_page_begins_nothing(editor: User, workspace: Workspace, network: FakeNetwork) -> None:
    browser_of(editor).get(f"/console/connect/?workspace={workspace.pk}&platform=facebook")

    assert Connection.objects.count() == 0


def test_one_account_is_connected_and_told_with_what_was_not_granted(
    editor: User, workspace: Workspace, network: FakeNetwork
) -> None:
    granted = Tokens(access_token="t", scopes=("pages_show_list",))
    network.granted = [make_candidate(tokens=granted)]
    browser = browser_of(editor)

    answer = come_back(browser, begin(browser, workspace))

    account = SocialAccount.objects.get()
    assert answer["Location"] == f"/console/accounts/socialaccount/{account.pk}/change/"
    said = told(browser, answer)
    assert "Connected to Bakery: Company Page." in said
    assert "not granted: pages_manage_posts" in said
    assert network.calls[0][:3] == ("exchange", "c", HOSTED)
    assert Event.objects.get(type="account.connected").user_email == "editor@example.com"


def test_several_pages_wait_for_a_choice_and_only_the_chosen_are_connected(
    editor: User, workspace: Workspace, network: FakeNetwork
) -> None:
    network.granted = [make_candidate("1"), make_candidate("2"), make_candidate("3")]
    browser = browser_of(editor)
    state = begin(browser, workspace)

    page = come_back(browser, state)
    again = come_back(browser, state)
    nothing = choose(browser, state)
    before = SocialAccount.objects.count()
    answer = choose(browser, state, "1", "3")

    assert (page.status_code, again.status_code, before) == (200, 200, 0)
    assert "Facebook gave access to several accounts. Bakery can post to those that you choose." in text(page)
    assert f'name="state" value="{state}"' in text(page)
    assert text(page).count('name="chosen"') == 3
    assert (nothing.status_code, "Choose at least one." in text(nothing)) == (422, True)
    assert answer["Location"] == "/console/accounts/socialaccount/"
    assert "Connected to Bakery: Company Page, Company Page." in told(browser, answer)
    assert sorted(SocialAccount.objects.values_list("remote_id", flat=True)) == ["1", "3"]
    assert len([call for call in network.calls if call[0] == "exchange"]) == 1


def test_a_choice_that_is_sent_twice_is_shown_as_made(editor: User, workspace: Workspace, network: FakeNetwork) -> None:
    network.granted = [make_candidate("1"), make_candidate("2")]
    browser = browser_of(editor)
    state = begin(browser, workspace)
    come_back(browser, state)

    answers = [choose(browser, state, *chosen) for chosen in (["1"], ["1"], ["2"], [])]

    [account] = SocialAccount.objects.all()
    accounts = "/console/accounts/socialaccount/"
    assert account.remote_id == "1"
    assert [each["Location"] for each in answers] == [f"{accounts}{account.pk}/change/", *[accounts] * 3]


def test_a_choice_that_is_sent_twice_at_once_is_shown_as_made(
    editor: User, workspace: Workspace, network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.granted = [make_candidate("1"), make_candidate("2")]
    browser = browser_of(editor)
    state = begin(browser, workspace)
    come_back(browser, state)
    select = connecting.select

    def second(*about: Any, **values: Any) -> Any:
        select(*about, **values)
        return select(*about, **values)

    monkeypatch.setattr(connecting, "select", second)

    assert choose(browser, state, "1")["Location"] == "/console/accounts/socialaccount/"
    assert SocialAccount.objects.count() == 1


def test_a_choice_needs_the_form_that_we_gave(editor: User, workspace: Workspace, network: FakeNetwork) -> None:
    network.granted = [make_candidate("1"), make_candidate("2")]
    browser = browser_of(editor)
    state = begin(browser, workspace)
    come_back(browser, state)

    answer = browser.post("/connect/facebook/done", {"state": state, "chosen": "1"})

    assert (answer.status_code, SocialAccount.objects.count()) == (403, 0)


def test_only_the_browser_that_began_it_completes_a_sign_in_of_the_console(
    editor: User, workspace: Workspace, network: FakeNetwork
) -> None:
    state = begin(browser_of(editor), workspace)
    colleague = browser_of(make_user(email="boss@example.com"))
    noted = colleague.session
    noted[hosted.BEGUN_HERE] = [Connection.objects.get().state_digest]
    noted.save()

    strangers = [come_back(each, state) for each in (Client(), colleague, browser_of(editor))]

    assert {answer.status_code for answer in strangers} == {403}
    assert all("started somewhere else" in text(answer) for answer in strangers)
    assert (network.calls, SocialAccount.objects.count()) == ([], 0)
    assert Connection.objects.get().exchanged_at is None  # the person who began it can still go on


def test_a_browser_completes_the_last_sign_ins_that_it_began(
    editor: User, workspace: Workspace, network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosted, "MOST_BEGUN", 2)
    browser = browser_of(editor)
    states = [begin(browser, workspace) for _ in range(3)]

    assert [come_back(browser, state).status_code for state in states] == [403, 302, 302]


@pytest.mark.parametrize(
    "lose",
    [lambda: Membership.objects.all().delete(), lambda: User.objects.update(permissions=["posts.manage"])],
    ids=["the workspace", "the permission"],
)
def test_a_person_who_lost_the_right_meanwhile_completes_nothing(
    editor: User, workspace: Workspace, network: FakeNetwork, lose: Callable[[], object]
) -> None:
    browser = browser_of(editor)
    state = begin(browser, workspace)
    lose()

    assert come_back(browser, state).status_code == 403
    assert SocialAccount.objects.count() == 0


def test_an_api_key_cannot_complete_a_sign_in_of_the_console(
    editor: User, workspace: Workspace, network: FakeNetwork, api: Any
) -> None:
    state = begin(browser_of(editor), workspace)

    answer = api.post("/api/accounts/callback", {"state": state, "code": "c"})

    assert (answer.status_code, SocialAccount.objects.count()) == (422, 0)


@pytest.mark.parametrize("reason", ["access_denied", "user_cancelled_login"])
def test_a_person_who_refuses_is_told_so_and_may_start_again(
    editor: User, workspace: Workspace, network: FakeNetwork, reason: str
) -> None:
    browser = browser_of(editor)
    state = begin(browser, workspace)

    answer = come_back(browser, state, query=f"&error={reason}")

    assert (answer.status_code, SocialAccount.objects.count()) == (422, 0)
    assert "Access was not allowed at Facebook." in text(answer)
    assert f'href="/console/connect/?workspace={workspace.pk}"' in text(answer)
    assert come_back(browser, state).status_code == 422


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("&error=server_error", "(server_error)"),
        ("&error=server_error&code=c", "(server_error)"),
        ("&error=server_error&error_description=Come+later.", "Facebook says: Come later. (server_error)"),
        (
            "&error=unauthorized_scope_error&error_description=Scope+%3Cb%3Ew%3C/b%3E+is+not+authorized",
            "operator first: Facebook says: Scope &lt;b&gt;w&lt;/b&gt; is not authorized",
        ),
        ("", "did not grant access"),
    ],
    ids=["an error of the network", "both", "in its words", "the app's fault", "neither code nor error"],
)
def test_what_else_the_network_says_is_shown(
    editor: User, workspace: Workspace, network: FakeNetwork, query: str, said: str
) -> None:
    browser = browser_of(editor)

    answer = come_back(browser, begin(browser, workspace), query=query)

    assert (answer.status_code, said in text(answer)) == (422, True)


def test_a_network_that_refuses_the_code_is_quoted(editor: User, workspace: Workspace, network: FakeNetwork) -> None:
    network.exchanged = Rejected("Wrong <b>code</b>.")
    browser = browser_of(editor)

    answer = come_back(browser, begin(browser, workspace))

    assert answer.status_code == 422
    assert "The network refused the sign-in: Wrong &lt;b&gt;code&lt;/b&gt;.</p>" in text(answer)


@pytest.mark.parametrize("waits_for_a_choice", [False, True])
def test_a_sign_in_that_is_over_says_so_and_leads_to_a_new_one(
    editor: User, workspace: Workspace, network: FakeNetwork, waits_for_a_choice: bool
) -> None:
    network.granted = [make_candidate("1"), make_candidate("2")]
    browser = browser_of(editor)
    state = begin(browser, workspace)
    if waits_for_a_choice:
        come_back(browser, state)
    asked = [*network.calls]
    with time_machine.travel(Connection.objects.get().expires_at, tick=False):
        answer = come_back(browser, state)

    assert (answer.status_code, network.calls) == (422, asked)
    assert "valid for ten minutes" in text(answer)
    assert f'href="/console/connect/?workspace={workspace.pk}"' in text(answer)


@pytest.mark.parametrize("query", ["?state=wrong&code=c", "", "?state=%00%ff"])
def test_an_unknown_state_is_turned_away(query: str, db: None) -> None:
    answer = Client().get(f"/connect/facebook/done{query}")
    of_staff = browser_of(make_user()).get(f"/connect/facebook/done{query}")

    assert (answer.status_code, "<form" in text(answer)) == (422, False)
    assert ["/console/connect/" in text(each) for each in (answer, of_staff)] == [False, True]


@pytest.mark.parametrize("platform", ["twitter", "nowhere"])
def test_a_state_comes_back_to_its_own_network_only(
    editor: User, workspace: Workspace, network: FakeNetwork, platform: str
) -> None:
    browser = browser_of(editor)
    state = begin(browser, workspace)
    done = f"/connect/{platform}/done"

    assert browser.get(f"{done}?state={state}&code=c").status_code == 422
    Connection.objects.update(platform="nowhere", callback_url=f"http://testserver{done}")  # it has gone since
    assert browser.get(f"{done}?state={state}&code=c").status_code == 422
    assert network.calls == []


def test_a_page_loaded_again_after_all_was_connected_does_nothing_again(
    editor: User, workspace: Workspace, network: FakeNetwork
) -> None:
    browser = browser_of(editor)
    state = begin(browser, workspace)

    first, again = come_back(browser, state), come_back(browser, state)

    assert (first.status_code, again.status_code, SocialAccount.objects.count()) == (302, 302, 1)
    assert told(browser, again).count("Connected to") == 1
    assert len([call for call in network.calls if call[0] == "exchange"]) == 1


def test_an_account_is_connected_again_and_no_other_in_its_place(
    editor: User, workspace: Workspace, network: FakeNetwork
) -> None:
    account, browser = make_account(workspace, status="expired"), browser_of(editor)
    network.granted = [make_candidate("1001"), make_candidate("2")]

    page = browser.get(f"/console/connect/?account={account.pk}")
    answer = come_back(browser, begin(browser, workspace, account=account.pk))
    network.granted = [make_candidate("2", profile=Profile(name="Company Page", username="bistro"))]
    other = come_back(browser, begin(browser, workspace, account=account.pk))

    assert "Sign in again for Company Page (companypage) in Bakery" in text(page)
    assert "log out there first. Sign in as Company Page (companypage), and allow" in text(page)
    assert [each.id for each in page.context["choices"]] == ["facebook"]
    assert answer["Location"].endswith(f"{account.pk}/change/")
    assert list(SocialAccount.objects.values_list("pk", "status")) == [(account.pk, "active")]
    told = "access to Company Page (bistro), and not to Company Page (companypage), the account to reconnect."
    assert (other.status_code, told in text(other)) == (422, True)
    assert f'href="/console/connect/?account={account.pk}"' in text(other)


def test_bluesky_comes_back_to_the_same_page(
    editor: User, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakePasswordNetwork()
    monkeypatch.setattr(registry, "connector", lambda platform, workspace: fake)
    browser = browser_of(editor)
    state = begin(browser, workspace, platform="bluesky")
    form = {"state": state, "handle": "alice.bsky.social", "app_password": "p", "action": "connect"}

    back = browser.post("/connect/bluesky", form)["Location"]
    answer = browser.get(back)

    assert back.startswith("http://testserver/connect/bluesky/done?")
    assert (answer.status_code, SocialAccount.objects.get().platform) == (302, "bluesky")


@pytest.fixture
def of_api(api: Any, network: FakeNetwork) -> str:
    """Begin a sign-in as a program without a page of its own does, and return its state."""
    body = {"platform": "facebook", "callback_url": f"{HOSTED}?from=shop"}
    return str(api.post("/api/accounts", body).json()["data"]["state"])


def test_a_sign_in_of_an_api_key_is_completed_in_the_keys_name(of_api: str, network: FakeNetwork) -> None:
    network.granted = [make_candidate("1"), make_candidate("2")]
    browser = browser_of(make_user(email="passer-by@example.com", role=Role.VIEWER))

    page = come_back(browser, of_api)
    answer = choose(browser, of_api, "2")

    assert page.status_code == answer.status_code == 200
    assert "You can close this window." in text(answer)
    event, key = Event.objects.get(type="account.connected"), ApiKey.objects.get()
    assert (event.key_id, event.user_id, event.user_email, event.ip_address) == (key.pk, "", "", "127.0.0.1")
    assert SocialAccount.objects.get().remote_id == "2"


def test_an_api_users_page_that_is_loaded_again_says_that_all_is_done(of_api: str) -> None:
    first, again = come_back(Client(), of_api), come_back(Client(), of_api)

    assert (first.status_code, again.status_code, SocialAccount.objects.count()) == (200, 200, 1)
    assert "Bakery can now post to Facebook as:" in text(first)
    assert "<strong>Company Page</strong><br><small>Not granted: pages_show_list, " in text(first)
    assert "This sign-in is complete." in text(again)


def test_a_choice_is_not_made_without_the_secret_state(of_api: str, network: FakeNetwork) -> None:
    network.granted = [make_candidate("1"), make_candidate("2")]
    browser = Client()
    come_back(browser, of_api)

    answer = browser.post("/connect/facebook/done", {"state": Connection.objects.get().pk, "chosen": "1"})

    assert (answer.status_code, SocialAccount.objects.count()) == (422, 0)


@pytest.mark.parametrize(
    "changed",
    [
        {"is_active": False},
        {"permissions": ["accounts.read"]},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"revoked_at": "2020-01-01T00:00:00Z"},
    ],
    ids=["switched off", "without the permission", "over", "revoked"],
)
def test_a_key_that_may_no_more_connects_nothing(of_api: str, network: FakeNetwork, changed: dict[str, Any]) -> None:
    ApiKey.objects.update(**changed)
    make_key(name="Another")

    answer = come_back(browser_of(make_user()), of_api)

    assert (answer.status_code, network.calls, SocialAccount.objects.count()) == (403, [], 0)
    assert "Start again" not in text(answer)


def test_a_key_that_is_another_workspaces_by_now_connects_nothing(of_api: str, network: FakeNetwork) -> None:
    ApiKey.objects.update(workspace_ids=[make_workspace().pk])

    answer = come_back(Client(), of_api)

    assert (answer.status_code, network.calls, SocialAccount.objects.count()) == (403, [], 0)


def test_the_page_completes_nothing_that_comes_back_elsewhere(api: Any, network: FakeNetwork) -> None:
    elsewhere = {"platform": "facebook", "callback_url": "https://app.example/callback"}
    state = api.post("/api/accounts", elsewhere).json()["data"]["state"]

    assert come_back(Client(), state).status_code == 422
    assert network.calls == []


def test_an_api_user_may_name_our_page_whatever_our_address(workspace: Workspace, settings: Any, network: Any) -> None:
    settings.PUBLIC_BASE_URL = "http://posts.intranet:8000"
    _, secret = make_key()
    answers = [
        Client().post(
            "/api/accounts",
            {"platform": "facebook", "callback_url": f"http://posts.intranet:8000{path}"},
            content_type="application/json",
            headers={"X-API-Key": secret, "X-Workspace-ID": workspace.pk},
        )
        for path in ("/connect/facebook/done", "/connect/facebook/done?from=shop", "/elsewhere")
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 400]


def test_the_page_is_not_kept_framed_or_completed_by_other_methods(of_api: str, network: FakeNetwork) -> None:
    looked = Client().head(f"/connect/facebook/done?state={of_api}&code=c")
    answer = come_back(Client(), of_api)

    assert looked.status_code == 405
    assert "no-store" in answer["Cache-Control"]
    assert (answer["X-Frame-Options"], answer["X-Content-Type-Options"]) == ("DENY", "nosniff")
    assert answer["Referrer-Policy"] == "same-origin"
    assert "<script" not in text(answer)
