"""A browser and an API client for the simulated networks, and people who are logged in."""

import base64
import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from django.http import HttpResponse
from django.test import Client
from PIL import Image
from pytest_django import Settings

from ouipost.simulator.models import Counter

CALLBACK = "https://app.example/callback?kept=1"
GRAPH = "graph.facebook.com/v26.0"
X = "api.x.com/2"
XRPC = "bsky.social/xrpc"
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
FACEBOOK_SCOPES = (
    "pages_show_list,pages_manage_posts,pages_read_engagement,pages_manage_engagement,pages_read_user_content,"
    "read_insights"
)
X_SCOPES = "tweet.read tweet.write users.read media.write offline.access"
PASSWORD = "aaaa-bbbb-cccc-dddd"


@dataclass
class Net:
    """Calls networks by their true addresses, and the control API."""

    client: Client

    def get(self, address: str, token: str = "", **params: Any) -> HttpResponse:
        query = urlencode(params, doseq=True)
        return self.call("GET", f"{address}?{query}" if query else address, token)

    def form(
        self,
        address: str,
        token: str = "",
        headers: Any = None,
        data: Any = None,
        **more: Any,
    ) -> HttpResponse:
        body = urlencode((data or {}) | more, doseq=True)
        return self.call("POST", address, token, body, "application/x-www-form-urlencoded", headers)

    def json(self, address: str, token: str = "", data: Any = None) -> HttpResponse:
        return self.call("POST", address, token, data, "application/json")

    def upload(self, address: str, token: str, **data: Any) -> HttpResponse:
        headers = {"Authorization": f"Bearer {token}"}
        return self.client.post(f"/sandbox/{address}", data, headers=headers)  # type: ignore[return-value]

    def call(
        self,
        method: str,
        address: str,
        token: str = "",
        data: Any = "",
        content_type: str = "application/octet-stream",
        headers: dict[str, str] | None = None,
    ) -> HttpResponse:
        headers = ({"Authorization": f"Bearer {token}"} if token else {}) | (headers or {})
        return self.client.generic(  # type: ignore[return-value]
            method,
            f"/sandbox/{address}",
            self.client._encode_json(data, content_type),  # type: ignore[attr-defined]
            content_type=content_type,
            headers=headers,
        )

    def control(self, method: str, address: str, data: Any = None) -> Any:
        response = self.call(method, f"_control/{address}", "control", data or {}, "application/json")
        assert response.status_code in (200, 201), response.content
        return body(response)

    def fault(self, network: str, effect: str, **values: Any) -> Any:
        return self.control("POST", "faults", {"network": network, "effect": effect} | values)

    def posts(self, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.control("GET", f"posts?{urlencode(query)}")["posts"]
        return found

    def wait(self, seconds: float) -> None:
        self.control("POST", "clock", {"advance": seconds})


def use_up(key: str, *, left: int, of: int) -> None:
    """Count as if a quota, of which something is used already, had only so much left: N calls take their time."""
    assert Counter.objects.filter(key__contains=key).update(used=of - left)


def body(response: HttpResponse) -> Any:
    """Return the JSON of an answer."""
    return response.json()  # type: ignore[attr-defined]


def gif(frames: int = 3, width: int = 4, height: int = 4) -> bytes:
    """Return an image that moves."""
    buffer = io.BytesIO()
    images = [Image.new("L", (width, height), index % 250) for index in range(frames)]
    images[0].save(buffer, "GIF", save_all=True, append_images=images[1:])
    return buffer.getvalue()


def png(width: int = 8, height: int = 6, colour: str = "red", kind: str = "PNG") -> io.BytesIO:
    """Return an image file."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, kind)
    buffer.seek(0)
    buffer.name = f"image.{kind.lower()}"
    return buffer


def returned(response: HttpResponse) -> dict[str, str]:
    """Return the parameters that a redirect brings back to the application."""
    assert response.status_code == 302, response.content
    assert response["Location"].startswith("https://app.example/callback?kept=1&")
    return dict(parse_qsl(urlsplit(response["Location"]).query))


def tags(response: HttpResponse, name: str) -> list[str]:
    """Return the tags of this name on a page."""
    return re.findall(rf"<{name}\b[^>]*>", response.content.decode())


@pytest.fixture(autouse=True)
def _simulator_alone(settings: Settings) -> None:
    settings.ROOT_URLCONF = "tests.simulator.alone_urls"
    settings.MIDDLEWARE = []
    settings.SIMULATOR_TOKEN = "control"


@pytest.fixture
def net(client: Client) -> Net:
    client.raise_request_exception = True
    return Net(client)


def facebook_code(net: Net, *, scope: str = FACEBOOK_SCOPES, **form: Any) -> str:
    """Go through Facebook's dialog and return the code."""
    query = urlencode({"client_id": "app", "redirect_uri": CALLBACK, "state": "s1", "scope": scope})
    form = {"decision": "continue", "login": "Demo", "pages": ["0", "1"]} | form
    return returned(net.form(f"www.facebook.com/v26.0/dialog/oauth?{query}", **form))["code"]


def facebook_user(net: Net, **values: Any) -> str:
    """Return a short-lived user token."""
    code = facebook_code(net, **values)
    answer = net.get(
        f"{GRAPH}/oauth/access_token", client_id="app", client_secret="sec", redirect_uri=CALLBACK, code=code
    )
    token: str = body(answer)["access_token"]
    return token


@dataclass
class Page:
    """A Facebook page with its token."""

    id: str
    token: str
    user: str


@pytest.fixture
def page(net: Net) -> Page:
    user = facebook_user(net)
    first = body(net.get(f"{GRAPH}/me/accounts", user))["data"][0]
    return Page(first["id"], first["access_token"], user)


def x_code(net: Net, **form: str) -> str:
    """Go through X's consent page and return the code."""
    return returned(net.form(f"x.com/i/oauth2/authorize?{urlencode(x_query())}", **{"decision": "allow"} | form))[
        "code"
    ]


def x_query(**values: str) -> dict[str, str]:
    """Return the query of X's consent page."""
    return {
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": CALLBACK,
        "scope": X_SCOPES,
        "state": "s1",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    } | values


def x_tokens(net: Net, **form: str) -> dict[str, Any]:
    """Return the token answer of a fresh X login."""
    answer = net.form(
        f"{X}/oauth2/token",
        client_id="app",
        grant_type="authorization_code",
        code=x_code(net, **form),
        redirect_uri=CALLBACK,
        code_verifier=VERIFIER,
    )
    tokens: dict[str, Any] = body(answer)
    return tokens


@dataclass
class User:
    """An X user with a token."""

    id: str
    username: str
    token: str
    refresh: str


@pytest.fixture
def user(net: Net) -> User:
    tokens = x_tokens(net)
    me = body(net.get(f"{X}/users/me", tokens["access_token"]))["data"]
    return User(me["id"], me["username"], tokens["access_token"], tokens["refresh_token"])


@dataclass
class Session:
    """A Bluesky session."""

    did: str
    access: str
    refresh: str


def bluesky_login(
    net: Net, handle: str = "alice.bsky.social", password: str = PASSWORD, *, at: str = XRPC
) -> HttpResponse:
    """Log in on Bluesky, or another server."""
    return net.json(f"{at}/com.atproto.server.createSession", data={"identifier": handle, "password": password})


@pytest.fixture
def session(net: Net) -> Session:
    answer = body(bluesky_login(net))
    return Session(answer["did"], answer["accessJwt"], answer["refreshJwt"])


@pytest.fixture
def tweet(net: Net, user: User) -> Callable[..., HttpResponse]:
    def post(text: str = "Hello", **values: Any) -> HttpResponse:
        return net.json(f"{X}/tweets", user.token, {"text": text} | values)

    return post


RKEY = "3n33pws756k2b"
POSTS = "app.bsky.feed.post"


def record(text: str = "Hi", **values: Any) -> dict[str, Any]:
    """Return a post record."""
    return {"$type": POSTS, "text": text, "createdAt": "2026-11-24T10:00:00.000Z"} | values


@pytest.fixture
def put(net: Net, session: Session) -> Callable[..., HttpResponse]:
    def put_record(value: dict[str, Any], **values: Any) -> HttpResponse:
        data = {"repo": session.did, "collection": POSTS, "rkey": RKEY, "swapRecord": None, "record": value}
        return net.json(f"{XRPC}/com.atproto.repo.putRecord", session.access, data | values)

    return put_record
