"""The demo: a sandbox workspace with accounts and posts, made once, over HTTP as any client would."""

import io
import json
import os
import re
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import requests
from django.conf import settings
from django.core.management.base import OutputWrapper
from django.utils import timezone
from PIL import Image, ImageDraw

from adminapi.bootstrap import bootstrap
from workspaces.models import KeyMode, Mode, Tier

EMAIL, WORKSPACE = "demo@example.com", "Demo"
CALLBACK = "http://127.0.0.1:9/callback"
SECONDS = 30
AGREEMENTS = ("allow", "continue", "connect")
INPUT = re.compile(r"<(input|button)\b([^>]*)>", re.IGNORECASE)
ATTRIBUTE = re.compile(r'([\w-]+)(?:="([^"]*)")?')


class DemoFailed(Exception):
    """The running product refused something; the message has its answer."""


@dataclass(frozen=True, kw_only=True)
class Demo:
    """What a newcomer needs to use the demo."""

    api_key: str
    workspace_id: str
    email: str
    password: str


def path() -> Path:
    """Return where the demo's key is kept, to be printed at each start."""
    return settings.OUIPOST_HOME / "demo.json"


def is_ready() -> bool:
    """Whether the product answers."""
    try:
        return requests.get(f"{settings.PUBLIC_BASE_URL}/readyz", timeout=2).ok
    except requests.RequestException:
        return False


def show(output: OutputWrapper) -> None:
    """Make the demo where it is missing, and print how to use it."""
    demo = load() or make(output)
    base = settings.PUBLIC_BASE_URL
    output.write(
        f"\nOui Post runs at {base}\n\n"
        f"  API docs    {base}/api/docs\n"
        f"  Console     {base}/console/   {demo.email} / {demo.password}\n"
        f"  API key     {demo.api_key}\n"
        f"  Workspace   {demo.workspace_id}   (sandbox: nothing leaves this machine)\n"
    )


def load() -> Demo | None:
    """Return the demo that was made before."""
    try:
        return Demo(**json.loads(path().read_text()))
    except FileNotFoundError:
        return None


def make(output: OutputWrapper) -> Demo:
    """Create key and workspace, connect three accounts, write some posts; raises DemoFailed."""
    password = os.urandom(9).hex()
    made = bootstrap(
        email=EMAIL,
        password=password,
        workspace_name=WORKSPACE,
        mode=Mode.SANDBOX,
        tier=Tier.ENTERPRISE,
        key_mode=KeyMode.TEST,
    )
    client = Client(settings.PUBLIC_BASE_URL, api_key=made.secret, workspace_id=made.workspace.pk)
    output.write("Making the demo: three accounts at the simulated networks, and some posts.")
    for platform in ("facebook", "twitter", "bluesky"):
        client.connect(platform)
    client.write_posts()
    demo = Demo(api_key=made.secret, workspace_id=made.workspace.pk, email=EMAIL, password=password)
    _keep(demo)
    return demo


def _keep(demo: Demo) -> None:
    handle = os.open(path(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(demo.__dict__, file)


class Client:
    """A client of the API, no nearer to the product than any other."""

    def __init__(self, base: str, *, api_key: str, workspace_id: str) -> None:
        self._base = base
        self._session = requests.Session()
        self._session.trust_env = False
        self._headers = {"X-API-Key": api_key, "X-Workspace-ID": workspace_id}

    def call(self, method: str, address: str, **request: Any) -> dict[str, Any]:
        """Return the data of an answer; raises DemoFailed with what it says instead."""
        answer = self._session.request(
            method, f"{self._base}{address}", headers=self._headers, timeout=SECONDS, **request
        )
        body = answer.json()
        if not body["success"]:
            raise DemoFailed(f"{method} {address}: {body['error']}")
        data: dict[str, Any] = body["data"]
        return data

    def connect(self, platform: str, person: str = "Demo") -> dict[str, Any]:
        """Connect a person's first account: go to the consent page, allow, and come back with the code."""
        opened = self.call("POST", "/api/accounts", json={"platform": platform, "callback_url": CALLBACK})
        back = self._allow(opened["auth_url"], person)
        found = self.call("POST", "/api/accounts/callback", json={"state": back["state"], "code": back["code"]})
        if "candidates" in found:
            chosen = {"connection": found["connection"], "select": [found["candidates"][0]["id"]]}
            found = self.call("POST", "/api/accounts/callback", json=chosen)
        account: dict[str, Any] = found["account"] if "account" in found else found["accounts"][0]
        return account

    def _allow(self, address: str, person: str) -> dict[str, str]:
        """Send each page's one form back with what a person would fill in, until the callback address comes."""
        page = self._session.get(address, timeout=SECONDS)
        for _ in range(5):
            form = _fields(page.text, person) | _button(page.text)
            page = self._session.post(page.url, data=form, timeout=SECONDS, allow_redirects=False)
            if page.is_redirect:
                target = urljoin(page.url or address, page.headers["Location"])
                if target.startswith(CALLBACK):
                    return {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
                page = self._session.get(target, timeout=SECONDS)
        raise DemoFailed(f"The consent page at {address} did not come to an end.")

    def write_posts(self) -> None:
        """Write a draft, a scheduled post and one that is published at once, with a picture."""
        now = timezone.now()
        everywhere = ["facebook", "twitter", "bluesky"]
        self.call("POST", "/api/posts", json={"content": "An idea for later.", "platforms": everywhere})
        tomorrow = {
            "content": "Fresh bread from seven o'clock on. #bakery",
            "platforms": everywhere,
            "scheduled_at": (now + timedelta(days=1)).isoformat(timespec="seconds"),
        }
        self.call("POST", "/api/posts", json=tomorrow)
        hello = {
            "content": "Hello from Oui Post!",
            "platforms": everywhere,
            "link": "https://example.com/",
            "hashtags": ["hello"],
        }
        post = self.call("POST", "/api/posts", json=hello)["post"]
        files = {"file": ("hello.png", _picture(), "image/png")}
        self.call("POST", f"/api/posts/{post['id']}/media", files=files, data={"alt_text": "The word hello"})
        self.call("POST", f"/api/posts/{post['id']}/publish")


def _attributes(text: str) -> dict[str, str]:
    return {name.lower(): unescape(value) for name, value in ATTRIBUTE.findall(text)}


def _fields(page: str, person: str) -> dict[str, Any]:
    """Return the form's fields as they stand, with the person's own filled in, and every checkbox ticked."""
    handle = f"{person.lower()}.bsky.social"
    filled = {"login": person, "handle": handle, "app_password": "demo-demo-demo-demo"}
    fields: dict[str, Any] = {}
    for kind, text in INPUT.findall(page):
        found = _attributes(text)
        if kind.lower() != "input" or "name" not in found:
            continue
        name, value = found["name"], found.get("value", "")
        if found.get("type") == "checkbox":
            fields.setdefault(name, []).append(value or "on")
        else:
            fields[name] = filled.get(name, value)
    return fields


def _button(page: str) -> dict[str, str]:
    """Return what the form's agreeing button sends."""
    buttons = [_attributes(text) for kind, text in INPUT.findall(page) if kind.lower() == "button"]
    return next({each["name"]: each["value"]} for each in buttons if each.get("value") in AGREEMENTS)


def _picture() -> bytes:
    image = Image.new("RGB", (1200, 800), "#1d4ed8")
    ImageDraw.Draw(image).text((480, 360), "Hello!", fill="white", font_size=96)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
