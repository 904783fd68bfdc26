"""The control API: who may use it, what it takes, what it tells."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.utils import timezone
from pytest_django import Settings

from ouipost.simulator import views
from ouipost.simulator.models import Token
from tests.simulator.conftest import GRAPH, Net, Page, Session, User, X, body, record

pytestmark = pytest.mark.django_db(databases=["simulator"])
ADDRESSES = [("GET", "faults"), ("GET", "posts"), ("GET", "requests"), ("POST", "clock"), ("POST", "reset")]


@pytest.mark.parametrize(("method", "address"), ADDRESSES)
def test_only_the_holder_of_the_token_controls(net: Net, settings: Settings, method: str, address: str) -> None:
    for token in ("", "wrong", "contröl"):
        assert net.call(method, f"_control/{address}", token).status_code == 401

    settings.SIMULATOR_TOKEN = ""
    assert net.call(method, f"_control/{address}", "", headers={"Authorization": "Bearer "}).status_code == 401


def test_other_methods_are_refused(net: Net) -> None:
    assert net.call("PUT", "_control/faults", "control").status_code == 405
    assert net.call("GET", "_control/reset", "control").status_code == 405


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ([], "body"),
        ({}, "network"),
        ({"network": "myspace", "effect": "reset"}, "network"),
        ({"network": "twitter", "effect": "explode"}, "effect"),
        ({"network": "twitter", "effect": "reset", "times": 0}, "times"),
        ({"network": "twitter", "effect": "reset", "times": True}, "times"),
        ({"network": "twitter", "effect": "reset", "match": 5}, "match"),
        ({"network": "twitter", "effect": "reset", "account": 5}, "account"),
        ({"network": "twitter", "effect": "reset", "colour": "red"}, "colour"),
        ({"network": "twitter", "effect": "reset", "after_accept": 1}, "after_accept"),
        ({"network": "twitter", "effect": "cut_json", "hold": 1}, "hold"),
        ({"network": "twitter", "effect": "timeout_after_accept", "hold": 601}, "hold"),
        ({"network": "twitter", "effect": "timeout_before_accept", "hold": "1"}, "hold"),
        ({"network": "twitter", "effect": "status"}, "status"),
        ({"network": "twitter", "effect": "status", "status": 100}, "status"),
        ({"network": "twitter", "effect": "status", "status": 500, "body": 5}, "body"),
        ({"network": "twitter", "effect": "status", "status": 500, "headers": {"a": "b\n"}}, "headers"),
        ({"network": "twitter", "effect": "status", "status": 500, "headers": []}, "headers"),
        ({"network": "twitter", "effect": "list_lag", "seconds": -1}, "seconds"),
        ({"network": "twitter", "effect": "drip", "interval": None, "seconds": 1}, "seconds"),
    ],
)
def test_a_wrong_fault_is_refused_by_its_field(net: Net, data: Any, field: str) -> None:
    response = net.json("_control/faults", "control", data)

    assert (response.status_code, body(response)["field"]) == (400, field)
    assert net.control("GET", "faults") == {"faults": []}


def test_faults_are_listed_with_how_often_they_fired_and_dropped(net: Net, user: User) -> None:
    fault = net.fault("twitter", "status", status=503, times=2, match="GET /2/users/me", account=None)

    net.get(f"{X}/users/me", user.token)

    assert fault["id"].startswith("fault_")
    assert net.control("GET", "faults") == {"faults": [fault | {"fired": 1}]}
    assert fault == {
        "id": fault["id"],
        "network": "twitter",
        "account": "",
        "match": "GET /2/users/me",
        "effect": "status",
        "times": 2,
        "fired": 0,
        "status": 503,
    }
    assert net.control("DELETE", "faults") == {"deleted": 1}
    assert net.get(f"{X}/users/me", user.token).status_code == 200


def test_posts_are_shown_in_one_form_for_all_networks(
    net: Net, page: Page, session: Session, put: Callable[..., HttpResponse], tweet: Callable[..., HttpResponse]
) -> None:
    facebook_id = body(net.form(f"{GRAPH}/me/feed", page.token, message="F"))["id"]
    tweet("X")
    put(record("B"))

    entries = net.posts()

    assert [(entry["network"], entry["text"]) for entry in entries] == [
        ("facebook", "F"),
        ("twitter", "X"),
        ("bluesky", "B"),
    ]
    first = net.posts(network="facebook", account=page.id)[0]
    assert first.pop("created_at")
    assert first == {
        "network": "facebook",
        "account": page.id,
        "id": facebook_id,
        "url": f"https://www.facebook.com/{facebook_id}",
        "text": "F",
        "media_count": 0,
        "parts": [],
    }
    assert net.posts(account="nobody") == []


def test_every_request_is_logged_with_its_answer(net: Net, user: User) -> None:
    net.fault("twitter", "status", status=502, after_accept=True)
    net.json(f"{X}/tweets", user.token, {"text": "x"})
    net.get(f"{X}/tweets", "junk", ids="1")

    log = net.control("GET", "requests?network=twitter&match=/2/tweets")["requests"]

    assert [(row["method"], row["account"], row["status"], row["fault"]) for row in log] == [
        ("POST", user.id, 502, "status"),
        ("GET", "", 401, ""),
    ]
    assert set(log[0]) == {"network", "method", "host", "path", "account", "status", "at", "fault"}
    assert len(net.control("GET", "requests?match=POST /2/tweets".replace(" ", "%20"))["requests"]) == 1
    assert net.control("GET", "requests?network=bluesky")["requests"] == []


def test_a_token_that_ended_is_known_for_a_month_and_forgotten(
    net: Net, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account gets new ones every hour, as long as the installation runs."""
    monkeypatch.setattr(views, "PRUNE_EVERY", 1)
    x_app = {"client_id": "app", "grant_type": "refresh_token", "refresh_token": user.refresh}

    def kinds_after(days: int) -> list[str]:
        net.wait(days * 86_400)
        net.get(f"{X}/users/me", user.token)
        return sorted(Token.objects.values_list("kind", flat=True))

    net.form(f"{X}/oauth2/token", data=x_app)

    assert kinds_after(days=29) == ["access", "access", "code", "refresh", "refresh"]
    assert kinds_after(days=2) == ["refresh"]


def test_the_clock_is_moved_and_set(net: Net) -> None:
    def now(data: dict[str, Any]) -> datetime:
        return datetime.fromisoformat(net.control("POST", "clock", data)["now"])

    ahead = now({"advance": 3600})
    assert abs(ahead - timezone.now() - timedelta(hours=1)) < timedelta(seconds=5)
    assert now({"set": "2031-01-01T00:00:00Z"}).year == 2031
    assert net.control("GET", "clock")["now"].startswith("2031-01-01")
    assert net.get("api.x.com/2/users/me").headers["Date"].startswith("Wed, 01 Jan 2031 00:00:")


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "advance"),
        ({"advance": "1"}, "advance"),
        ({"set": "soon"}, "set"),
        ({"set": "2031-01-01T00:00:00"}, "set"),
        ({"set": "2031-99-01T00:00:00Z"}, "set"),
        ({"advance": 1, "by": 2}, "by"),
    ],
)
def test_a_wrong_time_is_refused(net: Net, data: Any, field: str) -> None:
    response = net.json("_control/clock", "control", data)

    assert (response.status_code, body(response)["field"]) == (400, field)


def test_reset_forgets_everything(net: Net, user: User, tweet: Callable[..., HttpResponse]) -> None:
    tweet("x")
    net.fault("twitter", "reset")
    net.wait(1000)

    assert net.control("POST", "reset") == {"reset": True}

    assert net.posts() == []
    assert net.control("GET", "faults") == {"faults": []}
    assert net.control("GET", "requests") == {"requests": []}
    assert net.get(f"{X}/users/me", user.token).status_code == 401


def test_an_unknown_host_is_named(net: Net) -> None:
    response = net.get("graph.example.com/v1/me")

    assert response.status_code == 404
    assert "graph.example.com/v1/me" in body(response)["error"]
    assert net.client.get("/sandbox/_media/1").status_code == 404
