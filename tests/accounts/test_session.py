"""The way out: a network's own words for what happened, and one deadline for all requests together."""

import base64
import math
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from accounts import registry
from accounts.exchanges import Exchange
from accounts.platforms.errors import Unavailable, Unknown, WhoActs
from accounts.platforms.http import Answer
from accounts.registry import PlatformNotConfigured
from accounts.session import NetworkSession
from ouipost import outbound
from tests.accounts.fakes import make_session
from tests.factories import make_workspace
from workspaces.models import Workspace

SAID = "alice: the-secret?"
OK = outbound.Answer(status=200, headers=CaseInsensitiveDict({"X": "1"}), body=b"{}")


def test_a_request_is_handed_on_whole() -> None:
    session, client = make_session(OK)

    answer = session.request("POST", "https://a.example", headers={"A": "1"}, json={"b": 2}, timeout=5, max_bytes=9)

    assert answer == Answer(status=200, headers={"X": "1"}, body=b"{}")
    assert {name: value for name, value in client.sent.items() if value is not None} == {
        "method": "POST",
        "url": "https://a.example",
        "headers": {"A": "1"},
        "json": {"b": 2},
        "timeout": 5,
        "max_bytes": 9,
    }


@pytest.mark.parametrize(
    "sent", [{"params": {"a": "1"}}, {"data": {"a": "1"}}, {"files": {"file": ("a.jpg", b"bytes", "image/jpeg")}}]
)
def test_whatever_it_sends_is_handed_on(sent: Any) -> None:
    session, client = make_session(OK)

    session.request("POST", "https://a.example", **sent)

    assert {name: client.sent[name] for name in sent} == sent


@pytest.mark.parametrize(
    ("header", "told"),
    [("Tue, 24 Nov 2026 10:00:00 GMT", [datetime(2026, 11, 24, 10, tzinfo=UTC)]), ("soon", [])],
)
def test_the_networks_clock_is_noted_where_it_tells_the_time(header: str, told: list[datetime]) -> None:
    session, _ = make_session(replace(OK, headers=CaseInsensitiveDict({"date": header})))

    session.request("GET", "https://a.example")

    assert ([session.dated[1]] if session.dated else []) == told


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (outbound.Blocked(), Unavailable),
        (outbound.NotSent("internal"), Unavailable),
        (outbound.AnswerLost("internal"), Unknown),
    ],
)
def test_a_failure_says_whether_the_network_may_have_acted(error: Exception, meaning: type[Exception]) -> None:
    session, _ = make_session(error)

    with pytest.raises(meaning) as raised:
        session.request("GET", "https://a.example")

    assert type(raised.value) is meaning
    assert "internal" not in str(raised.value)


def test_an_address_that_the_guard_forbids_is_the_operators_to_allow() -> None:
    session, _ = make_session(outbound.Blocked())

    with pytest.raises(Unavailable) as caught:
        session.request("GET", "https://a.example")

    assert (caught.value.code, caught.value.who_acts) == ("PLATFORM_UNAVAILABLE", WhoActs.OPERATOR)


def test_a_request_has_no_longer_than_the_session() -> None:
    session, client = make_session(OK, deadline=time.monotonic() + 5)

    session.request("GET", "https://a.example", timeout=30)

    assert 4 < client.sent["timeout"] <= 5


def test_after_the_deadline_nothing_leaves() -> None:
    session, client = make_session(OK, deadline=time.monotonic() - 1)

    with pytest.raises(Unavailable):
        session.request("GET", "https://a.example")

    assert client.sent == {}


@pytest.mark.parametrize(
    "sent",
    [
        {"headers": {"Authorization": "Bearer the-secret"}},
        {"headers": {"Authorization": f"Basic {base64.b64encode(b'app:the-secret').decode()}"}},
        {"params": {"access_token": "the-secret"}},
        {"params": [("refresh_token", "the-secret")]},
        {"data": {"client_id": "app", "client_secret": "the-secret"}},
        {"data": {"code": "the-secret"}},
        {"json": {"identifier": "alice", "password": "the-secret"}},
    ],
)
@pytest.mark.parametrize(("status", "said"), [(400, "alice: [masked]?"), (500, "alice: [masked]?"), (200, SAID)])
def test_a_network_that_repeats_a_secret_in_a_refusal_is_not_quoted_with_it(
    sent: dict[str, Any], status: int, said: str
) -> None:
    session, _ = make_session(outbound.Answer(status=status, headers={}, body=SAID.encode()))

    answer = session.request("POST", "https://a.example", **sent)

    assert answer.body.decode() == said


def test_people_find_pages_where_our_requests_go() -> None:
    page = "https://www.facebook.com/1?a=b"

    assert NetworkSession().public_url(page) == page
    behind = NetworkSession(gateway="http://gw").public_url(page)
    assert behind == "http://gw/www.facebook.com/1?a=b"
    assert NetworkSession(gateway="http://gw/").public_url(behind) == behind, "as of a comment, which has its post's"
    assert NetworkSession(gateway="http://gw").public_url("") == ""


@pytest.mark.parametrize(
    ("mode", "gateway", "expected"),
    [
        ("live", "", ""),
        ("live", "http://gw", "http://gw"),
        ("sandbox", "", "http://testserver/sandbox"),
        ("sandbox", "http://gw", "http://testserver/sandbox"),
    ],
)
def test_a_sandbox_never_leaves_this_installation(mode: str, gateway: str, expected: str, settings: Any) -> None:
    settings.NETWORK_GATEWAY = gateway

    session = registry.session("facebook", Workspace(mode=mode))

    assert (session.gateway, session.deadline) == (expected, math.inf)
    assert registry.session("facebook", Workspace(mode=mode), deadline=7).deadline == 7


REGISTERED = {"client_id": "id", "client_secret": "word", "version": "v27.0"}
UNREGISTERED = {"client_id": "", "client_secret": "", "version": ""}


@pytest.mark.parametrize(
    ("mode", "app", "client_id"),
    [("live", REGISTERED, "id"), ("sandbox", REGISTERED, "id"), ("sandbox", UNREGISTERED, "sandbox")],
)
@pytest.mark.django_db
def test_a_connector_has_this_installations_registration(
    settings: Any, mode: str, app: dict[str, str], client_id: str
) -> None:
    settings.NETWORKS = settings.NETWORKS | {"facebook": app}

    connector = registry.connector("facebook", make_workspace(mode=mode))

    assert (connector.id, connector.app.client_id) == ("facebook", client_id)
    assert app["client_secret"] not in repr(connector.app) or not app["client_secret"]


@pytest.mark.parametrize("platform", ["facebook", "tiktok"])
@pytest.mark.django_db
def test_a_network_that_is_not_configured_is_named(settings: Any, platform: str) -> None:
    settings.NETWORKS = dict.fromkeys(settings.NETWORKS, UNREGISTERED)

    with pytest.raises(PlatformNotConfigured) as raised:
        registry.connector(platform, make_workspace(mode="live"))

    assert raised.value.details == {"platform": platform}


@pytest.mark.parametrize("platform", ["facebook", "bluesky"])
@pytest.mark.django_db
def test_a_sandbox_connects_nothing_while_the_simulator_is_off(settings: Any, platform: str) -> None:
    settings.SIMULATOR = False

    with pytest.raises(PlatformNotConfigured, match=r"the operator must set SIMULATOR=1\.$"):
        registry.connector(platform, make_workspace(mode="sandbox"))


@pytest.mark.django_db
def test_a_network_that_needs_no_registration_can_always_be_connected(settings: Any) -> None:
    settings.NETWORKS = dict.fromkeys(settings.NETWORKS, UNREGISTERED)

    assert registry.connector("bluesky", make_workspace(mode="live")).id == "bluesky"


def refused(body: bytes) -> outbound.Answer:
    return outbound.Answer(status=400, headers=CaseInsensitiveDict({}), body=body)


def test_a_refusal_is_kept_with_what_was_asked_and_without_secrets() -> None:
    said = b'{"error": {"message": "No"}, "access_token": "said-by-the-network", "to": "https://up.example/1?key=k"}'
    kept: list[Exchange] = []
    session, _ = make_session(refused(said), exchanges=kept)

    session.request(
        "POST",
        "https://me:pw@graph.example/v24/1/feed?access_token=in-the-query",
        headers={"Authorization": "Bearer a-long-credential"},
        params=[("access_token", "in-the-params"), ("fields", "id")],
        data={"message": "Fresh bread", "appsecret_proof": "of-both-secrets"},
        files={"source": ("oven.png", b"12345", "image/png")},
    )

    assert kept == [
        {
            "method": "POST",
            "url": "https://graph.example/v24/1/feed",
            "sent": {
                "params": {"access_token": "[masked]", "fields": "id"},
                "data": {"message": "Fresh bread", "appsecret_proof": "[masked]"},
                "files": {"source": ["oven.png", "5 bytes", "image/png"]},
            },
            "status": 400,
            "answer": '{"error": {"message": "No"}, "access_token": "[masked]", "to": "https://up.example/1?…"}',
            "milliseconds": kept[0]["milliseconds"],
        }
    ]


def test_a_good_answer_that_repeats_a_secret_is_given_whole_and_kept_without_it() -> None:
    kept: list[Exchange] = []
    session, _ = make_session(replace(OK, body=b'{"echo": "the-long-token"}'), exchanges=kept)

    answer = session.request("GET", "https://a.example", headers={"Authorization": "Bearer the-long-token"})

    assert answer.body == b'{"echo": "the-long-token"}'
    assert "the-long-token" not in str(kept)


def test_long_texts_are_cut_and_bytes_counted() -> None:
    kept: list[Exchange] = []
    session, _ = make_session(refused(b"x" * 3_000), exchanges=kept)

    session.request("PUT", "https://up.example/1", data=b"123", json={"text": "y" * 600})

    assert kept[0]["sent"] == {"data": "3 bytes", "json": {"text": "y" * 500 + "…"}}
    assert len(kept[0]["answer"]) == 1_000


def test_a_file_that_is_sent_as_text_is_counted_and_not_searched_for_secrets() -> None:
    kept: list[Exchange] = []
    session, _ = make_session(OK, exchanges=kept)
    started = time.process_time()

    session.request("POST", "https://a.example", json={"data": "eyJh" * 5_000_000})

    assert kept[0]["sent"] == {"json": {"data": "20000000 characters"}}
    assert time.process_time() - started < 1


def test_an_answer_of_nothing_but_addresses_takes_no_time() -> None:
    kept: list[Exchange] = []
    session, _ = make_session(refused(b"http://" * 10_000), exchanges=kept)
    started = time.process_time()

    session.request("GET", "https://a.example")

    assert kept[0]["answer"] == ("http://" * 10_000)[:1_000]
    assert time.process_time() - started < 1


def test_an_answer_that_was_lost_is_kept_as_none_and_one_that_said_yes_without_secrets() -> None:
    kept: list[Exchange] = []
    lost, _ = make_session(outbound.AnswerLost("internal"), exchanges=kept)
    fine, _ = make_session(replace(OK, body=b'{"id": "7", "token": "t"}'), exchanges=kept)

    with pytest.raises(Unknown):
        lost.request("POST", "https://a.example/1")
    answer = fine.request("POST", "https://a.example/1")

    assert [(each["status"], each["answer"]) for each in kept] == [
        (None, ""),
        (200, '{"id": "7", "token": "[masked]"}'),
    ]
    assert answer.body == b'{"id": "7", "token": "t"}'


@pytest.mark.parametrize("body", [b"[" * 2_000, b"[" * 990 + b"]" * 990])
def test_an_answer_that_is_nested_too_deep_is_kept_as_it_came(body: bytes) -> None:
    kept: list[Exchange] = []
    session, _ = make_session(replace(OK, body=body), exchanges=kept)

    answer = session.request("GET", "https://a.example")

    assert (answer.body, kept[0]["answer"]) == (body, body.decode()[:1000])


def test_an_answer_that_was_cut_within_a_character_is_kept_as_a_database_takes_it() -> None:
    kept: list[Exchange] = []
    session, _ = make_session(replace(OK, body=b'{"message": "No \\ud83d"}'), exchanges=kept)

    session.request("GET", "https://a.example")

    assert kept[0]["answer"] == '{"message": "No ?"}'


def test_the_last_five_are_kept() -> None:
    kept: list[Exchange] = []
    session, _ = make_session(refused(b""), exchanges=kept)
    for number in range(7):
        session.request("GET", f"https://a.example/{number}")

    assert [each["url"][-1] for each in kept] == ["2", "3", "4", "5", "6"]
