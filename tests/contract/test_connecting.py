"""Connecting an account: POST /api/accounts, the callback, and what is refused on the way."""

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.conf import settings
from pytest_django.fixtures import Settings

from accounts.models import Connection, SocialAccount
from accounts.platforms.facebook import Facebook
from ouipost.events.models import Message
from tests.conftest import ApiClient
from tests.contract.seed import assert_matches
from tests.contract.world import CALLBACK, data_of, error_of, fields_of
from tests.factories import NOW, make_account, make_key, make_webhook, make_workspace
from workspaces.models import Workspace

INVALID_STATE = (422, "OAUTH_STATE_INVALID")
Grants = Callable[..., None]


def started(api: ApiClient, platform: str = "facebook") -> str:
    body = {"platform": platform, "callback_url": CALLBACK}
    state: str = api.post("/api/accounts", body).json()["data"]["state"]
    return state


def call_back(api: ApiClient, **body: Any) -> Any:
    return api.post("/api/accounts/callback", body)


def test_a_sign_in_is_opened_as_in_the_reference(api: ApiClient) -> None:
    response = api.post("/api/accounts", {"platform": "facebook", "callback_url": CALLBACK})

    assert_matches(response, "POST /api/accounts", made=("auth_url", "state"))
    data = response.json()["data"]
    address = urlsplit(data["auth_url"])
    query = parse_qs(address.query)
    assert "www.facebook.com" in data["auth_url"]
    assert address.path.endswith("/dialog/oauth")
    assert (query["state"], query["redirect_uri"]) == ([data["state"]], [CALLBACK])
    assert len(data["state"]) >= 32


def test_scopes_are_asked_for_beside_the_required_ones(api: ApiClient) -> None:
    body = {"platform": "facebook", "callback_url": CALLBACK, "scopes": ["pages_show_list", "ads_read"]}

    address = api.post("/api/accounts", body).json()["data"]["auth_url"]

    asked = parse_qs(urlsplit(address).query)["scope"][0].split(",")
    assert asked == [
        "pages_show_list",
        "pages_manage_posts",
        "pages_read_engagement",
        "pages_manage_engagement",
        "pages_read_user_content",
        "read_insights",
        "ads_read",
    ]


@pytest.mark.parametrize(
    ("platform", "scope", "status"),
    [
        *(("linkedin", scope, 400) for scope in ("bad scope", "a\tb", 'a"b', "a\\b", "caf\u00e9")),
        *(("linkedin", scope, 200) for scope in ("https://scopes.example/a.b-c:d", "!#[]~", "a,b")),
        *((platform, "a,b", 400) for platform in ("facebook", "instagram", "threads", "pinterest", "tiktok")),
    ],
)
@pytest.mark.parametrize("is_anew", [True, False])
def test_what_a_network_would_not_take_for_one_scope_is_refused_by_its_place(
    api: ApiClient, workspace: Workspace, platform: str, scope: str, status: int, is_anew: bool
) -> None:
    body = {"callback_url": CALLBACK, "scopes": ["good", scope]} | ({"platform": platform} if is_anew else {})
    path = "" if is_anew else f"/{make_account(workspace, platform=platform).pk}/reconnect"

    response = api.post(f"/api/accounts{path}", body)

    assert response.status_code == status
    assert status == 200 or set(fields_of(response)) == {"scopes.1"}


def test_whoever_asks_for_scopes_where_a_network_has_none_is_told(api: ApiClient) -> None:
    sign_in = {"platform": "bluesky", "callback_url": CALLBACK}

    asked, none = (data_of(api.post("/api/accounts", sign_in | {"scopes": scopes})) for scopes in (["atproto"], []))

    assert asked["warnings"] == ["Bluesky has no scopes: the ones you named are ignored."]
    assert "warnings" not in none


@pytest.mark.django_db
def test_without_credentials_a_live_workspace_cannot_connect_but_bluesky_needs_none() -> None:
    _, secret = make_key()
    api = ApiClient(secret, make_workspace(mode="live").pk)

    answers = {
        name: api.post("/api/accounts", {"platform": name, "callback_url": CALLBACK})
        for name in ("facebook", "bluesky")
    }

    assert error_of(answers["facebook"]) == (422, "PLATFORM_NOT_CONFIGURED")
    assert answers["bluesky"].json()["data"]["auth_url"].startswith("http://testserver/connect/bluesky?state=")


GOOD = [
    "https://a.example/cb?x=1",
    "http://localhost:3000/cb",
    "http://127.0.0.1/cb",
    "http://127.0.1.1/cb",
    "http://127.255.255.254/cb",
    "http://[::1]:8080/cb",
]
BAD = [
    "http://128.0.0.1/cb",
    "http://0.0.0.0/cb",
    "http://127.1/cb",
    "http://[::2]/cb",
    "http://a.example/cb",
    "http://127.0.0.1.a.example/cb",
    "http://localhost.a.example",
    "ftp://a.example",
    "https:///cb",
    "//a.example/cb",
    "/cb",
    "a.example",
    "javascript:alert(1)",
    "https://a.example/#part",
    "https://a.example/a b",
    "https://a.example:port/",
    "http://a.example\\@127.0.0.1/cb",
    "https://[::1/",
    "",
    "https://a.example/" + "x" * 2000,
]


@pytest.mark.parametrize("address", GOOD)
def test_a_callback_is_https_or_on_a_loopback_host(api: ApiClient, address: str) -> None:
    assert api.post("/api/accounts", {"platform": "facebook", "callback_url": address}).status_code == 200


@pytest.mark.parametrize("address", BAD)
def test_another_callback_is_refused(api: ApiClient, workspace: Workspace, address: str) -> None:
    account = make_account(workspace)

    opened = api.post("/api/accounts", {"platform": "facebook", "callback_url": address})
    again = api.post(f"/api/accounts/{account.pk}/reconnect", {"callback_url": address})

    assert [set(fields_of(answer)) for answer in (opened, again)] == [{"callback_url"}] * 2


@pytest.mark.parametrize("who", ["user:word", "user", ":word", ""], ids=str)
def test_a_callback_with_a_user_or_password_is_refused(api: ApiClient, workspace: Workspace, who: str) -> None:
    address, account = f"https://{who}@a.example/cb?to=b@c", make_account(workspace)

    opened = api.post("/api/accounts", {"platform": "facebook", "callback_url": address})
    again = api.post(f"/api/accounts/{account.pk}/reconnect", {"callback_url": address})

    told = {"callback_url": ["A URL must not contain a user name or password."]}
    assert [fields_of(answer) for answer in (opened, again)] == [told] * 2


def test_a_callback_with_a_query_is_refused_where_its_network_takes_none(api: ApiClient, workspace: Workspace) -> None:
    address, account = f"{CALLBACK}?shop=1", make_account(workspace, platform="tiktok")

    opened = api.post("/api/accounts", {"platform": "tiktok", "callback_url": address, "surprise": 1})
    again = api.post(f"/api/accounts/{account.pk}/reconnect", {"callback_url": address})
    elsewhere = api.post("/api/accounts", {"platform": "youtube", "callback_url": address})

    told = ["TikTok takes no callback_url with a query: leave out the ? and what is behind it."]
    assert [fields_of(answer).get("callback_url") for answer in (opened, again)] == [told] * 2
    assert (set(fields_of(opened)), elsewhere.status_code) == ({"callback_url", "surprise"}, 200)


@pytest.mark.parametrize("is_anew", [True, False])
@pytest.mark.parametrize("rest", ["", "?shop=1"])
def test_our_page_for_another_network_is_refused_as_callback(
    api: ApiClient, workspace: Workspace, is_anew: bool, rest: str
) -> None:
    pages = {name: f"{settings.PUBLIC_BASE_URL}/connect/{name}/done" for name in ("twitter", "linkedin")}
    path = "" if is_anew else f"/{make_account(workspace, platform='linkedin').pk}/reconnect"
    network = {"platform": "linkedin"} if is_anew else {}

    answers = [api.post(f"/api/accounts{path}", network | {"callback_url": page + rest}) for page in pages.values()]

    told = f"This is our page for another network: the one for LinkedIn is {pages['linkedin']}."
    assert [each.status_code for each in answers] == [400, 200]
    assert fields_of(answers[0]) == {"callback_url": [told]}


def test_one_granted_account_is_connected_with_201(api: ApiClient, network: Grants) -> None:
    response = call_back(api, state=started(api), code="good")

    shown = response.json()["data"]["account"]
    assert response.status_code == 201
    assert (shown["name"], shown["username"], shown["status"]) == ("Page 1", "page1", "active")
    assert shown["is_default"] is True
    assert shown == api.get(f"/api/accounts/{shown['id']}").json()["data"]["account"]


def test_the_first_account_of_a_network_is_the_default_and_the_next_is_not(api: ApiClient, network: Grants) -> None:
    first = call_back(api, state=started(api), code="good").json()["data"]["account"]
    network("2")
    second = call_back(api, state=started(api), code="good").json()["data"]["account"]

    assert (first["is_default"], second["is_default"]) == (True, False)


@pytest.mark.parametrize(("select", "names"), [(["2"], ["Page 2"]), ("all", ["Page 1", "Page 2", "Page 3"])])
def test_of_several_the_caller_chooses(api: ApiClient, network: Grants, select: Any, names: list[str]) -> None:
    network("1", "2", "3")
    offered = call_back(api, state=started(api), code="good")
    data = offered.json()["data"]

    chosen = call_back(api, connection=data["connection"], select=select)

    assert offered.status_code == 200
    assert set(data) == {"connection", "candidates", "expires_in"}
    assert data["connection"].startswith("conn_")
    assert 0 < data["expires_in"] <= 600
    picture = "https://pic.example/1"
    assert data["candidates"][0] == {
        "id": "1", "type": "page", "name": "Page 1", "username": "page1", "profile_image": picture,
    }  # fmt: skip
    assert chosen.status_code == 201
    assert sorted(each["name"] for each in chosen.json()["data"]["accounts"]) == names
    again = call_back(api, connection=data["connection"], select="all")
    assert error_of(again) == INVALID_STATE
    assert Connection.objects.get().sealed == ""


def test_an_account_has_one_username_wherever_it_is_told(
    api: ApiClient, network: Grants, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Facebook, "username_prefix", "@")
    make_webhook(events=["account.connected"])
    network("1", "2")
    offered = call_back(api, state=started(api), code="good").json()["data"]

    [shown] = call_back(api, connection=offered["connection"], select=["1"]).json()["data"]["accounts"]

    told = json.loads(Message.objects.get().body)["data"]["account"]
    assert [each["username"] for each in (offered["candidates"][0], shown, told)] == ["@page1"] * 3


def test_a_candidate_that_was_not_offered_is_named_and_nothing_is_connected(api: ApiClient, network: Grants) -> None:
    network("1", "2")
    connection = call_back(api, state=started(api), code="good").json()["data"]["connection"]

    told = fields_of(call_back(api, connection=connection, select=["1", "9"]))

    assert set(told) == {"select"}
    assert "9" in told["select"][0]
    assert not SocialAccount.objects.exists()
    assert call_back(api, connection=connection, select=["1"]).status_code == 201


def test_a_state_of_nobody_another_key_or_another_workspace_is_the_same_to_the_caller(
    api: ApiClient, workspace: Workspace, network: Grants
) -> None:
    _, secret = make_key()
    elsewhere = ApiClient(secret, make_workspace().pk)
    other_key = ApiClient(secret, workspace.pk)
    same_key = ApiClient(api.headers["X-API-Key"], elsewhere.headers["X-Workspace-ID"])
    states = ["unknown", started(other_key), started(elsewhere), started(same_key)]

    answers = [call_back(api, state=state, code="good") for state in states]

    assert [error_of(answer) for answer in answers] == [INVALID_STATE] * 4
    assert len({answer.content for answer in answers}) == 1
    assert not SocialAccount.objects.exists()
    assert call_back(other_key, state=states[1], code="good").status_code == 201


def test_a_state_is_good_for_ten_minutes(api: ApiClient, network: Grants) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        in_time, late = started(api), started(api)
        clock.shift(timedelta(seconds=599))
        first = call_back(api, state=in_time, code="good")
        clock.shift(timedelta(seconds=1))
        second = call_back(api, state=late, code="good")

    assert first.status_code == 201
    assert error_of(second) == INVALID_STATE


def begun_again(api: ApiClient, path: str = "", **body: Any) -> Any:
    return data_of(api.post(f"/api/accounts{path}", body, Idempotency_Key="k"))


@pytest.mark.parametrize("is_anew", [True, False])
def test_a_repeat_says_how_long_a_sign_in_is_still_good_and_tells_no_state_of_one_that_is_over(
    api: ApiClient, workspace: Workspace, network: Grants, is_anew: bool
) -> None:
    asked: dict[str, Any] = {"callback_url": CALLBACK} | ({"platform": "facebook"} if is_anew else {})
    path = "" if is_anew else f"/{make_account(workspace, remote_id='1').pk}/reconnect"
    begin = partial(begun_again, api, path, **asked)

    with time_machine.travel(NOW, tick=False) as clock:
        first = begin()
        clock.shift(timedelta(seconds=100))
        again = begin()
        call_back(api, state=first["state"], code="good")
        used = begin()

    assert (first["expires_in"], again) == (600, first | {"expires_in": 500})
    assert used == {"auth_url": None, "state": None, "expires_in": 0}


def test_a_repeat_tells_no_state_of_a_sign_in_whose_time_is_over(api: ApiClient) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        begun_again(api, platform="facebook", callback_url=CALLBACK)
        clock.shift(timedelta(seconds=600))
        late = begun_again(api, platform="facebook", callback_url=CALLBACK)

    assert late == {"auth_url": None, "state": None, "expires_in": 0}


def test_a_repeat_of_what_would_not_be_taken_any_more_says_the_same_of_its_sign_in(
    api: ApiClient, settings: Settings
) -> None:
    page = f"{settings.PUBLIC_BASE_URL}/connect/facebook/done"
    with time_machine.travel(NOW, tick=False) as clock:
        first = begun_again(api, platform="facebook", callback_url=page)
        settings.PUBLIC_BASE_URL = "http://moved.example"
        clock.shift(timedelta(seconds=100))
        again = begun_again(api, platform="facebook", callback_url=page)

    assert again == first | {"expires_in": 500}


def test_a_repeat_says_how_long_candidates_can_still_be_chosen_among(api: ApiClient, network: Grants) -> None:
    network("1", "2")
    with time_machine.travel(NOW, tick=False) as clock:
        complete = partial(begun_again, api, "/callback", state=started(api), code="good")
        first = complete()
        clock.shift(timedelta(seconds=100))
        again = complete()
        call_back(api, connection=first["connection"], select="all")
        used = complete()

    assert (first["expires_in"], again, used) == (600, first | {"expires_in": 500}, first | {"expires_in": 0})


def test_a_sign_in_that_opens_nothing_or_that_the_person_refused_has_failed(api: ApiClient, network: Grants) -> None:
    network()
    nothing = call_back(api, state=started(api), code="good")
    state = started(api)
    refused, again = call_back(api, state=state, error="access_denied"), call_back(api, state=state, code="good")

    assert error_of(nothing) == (422, "OAUTH_EXCHANGE_FAILED")
    assert error_of(refused) == (422, "OAUTH_EXCHANGE_FAILED")
    assert refused.json()["error"]["details"] == {"reason": "access_denied"}
    assert error_of(again) == INVALID_STATE


def test_reconnecting_keeps_the_account_and_takes_no_other(
    api: ApiClient, workspace: Workspace, network: Grants
) -> None:
    account = make_account(workspace, remote_id="1", status="expired")

    def reconnected(page: str) -> Any:
        network(page)
        opened = api.post(f"/api/accounts/{account.pk}/reconnect", {"callback_url": CALLBACK}).json()["data"]
        assert set(opened) == {"auth_url", "state", "expires_in"}
        return call_back(api, state=opened["state"], code="good")

    assert error_of(reconnected("2")) == (422, "OAUTH_EXCHANGE_FAILED")
    assert reconnected("1").json()["data"]["account"]["id"] == account.pk
    assert SocialAccount.objects.count() == 1


def test_reconnecting_without_a_callback_comes_back_to_our_own_page(api: ApiClient, workspace: Workspace) -> None:
    account = make_account(workspace)

    opened = api.post(f"/api/accounts/{account.pk}/reconnect")

    assert opened.status_code == 200
    asked = parse_qs(urlsplit(opened.json()["data"]["auth_url"]).query)
    assert asked["redirect_uri"] == [f"{settings.PUBLIC_BASE_URL}/connect/facebook/done"]
    assert Connection.objects.get().account == account


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({}, {"state"}),
        ({"state": "s"}, {"code"}),
        ({"code": "c"}, {"state"}),
        ({"error": "e"}, {"state"}),
        ({"state": "s", "code": "c", "error": "e"}, {"state"}),
        ({"connection": "conn_1"}, {"select"}),
        ({"select": "all"}, {"connection"}),
        ({"state": "s", "code": "c", "connection": "conn_1", "select": "all"}, {"state"}),
        ({"connection": "conn_1", "select": "some"}, {"select"}),
        ({"connection": "conn_1", "select": []}, {"select"}),
        ({"connection": "conn_1", "select": [1]}, {"select"}),
        ({"state": 1, "code": ["c"]}, {"state", "code"}),
        ({"state": "s", "code": "c", "extra": 1}, {"extra"}),
    ],
)
def test_half_a_callback_is_a_400_that_names_the_other_half(
    api: ApiClient, body: dict[str, Any], names: set[str]
) -> None:
    assert set(fields_of(call_back(api, **body))) == names
