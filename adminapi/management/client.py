"""A client of the API that can also go through consent pages, as a person and their program would."""

import re
import ssl
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter

CALLBACK = "http://127.0.0.1:9/callback"
SECONDS = 30
AGREEMENTS = ("allow", "continue", "connect")
INPUT = re.compile(r"<(input|button)\b([^>]*)>", re.IGNORECASE)
ATTRIBUTE = re.compile(r'([\w-]+)(?:="([^"]*)")?')


class MachinesCertificates(HTTPAdapter):
    """Trusts this machine's authorities beside the bundled ones, as calls to networks do."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, ssl_context=ssl.create_default_context(), **options)


def session() -> requests.Session:
    """Return a session for PUBLIC_BASE_URL, which takes no proxy from the environment."""
    made = requests.Session()
    made.trust_env = False
    made.mount("https://", MachinesCertificates())
    return made


class ClientError(Exception):
    """The running product refused something; the message has its answer, `status` that of HTTP."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """A client of the API, with no more access to the product than any other."""

    def __init__(self, base: str, *, api_key: str, workspace_id: str) -> None:
        self._base = base
        self._session = session()
        self.headers = {"X-API-Key": api_key, "X-Workspace-ID": workspace_id}

    def call(
        self, method: str, address: str, *, headers: dict[str, str] | None = None, **request: Any
    ) -> dict[str, Any]:
        """Return the data of an answer; raises ClientError with the error in it."""
        answer = self._session.request(
            method, f"{self._base}{address}", headers=self.headers | (headers or {}), timeout=SECONDS, **request
        )
        body = answer.json()
        if not body["success"]:
            raise ClientError(f"{method} {address}: {body['error']}", status=answer.status_code)
        data: dict[str, Any] = body["data"]
        return data

    def connect(self, platform: str, person: str = "Demo", *, choose: int = 0) -> dict[str, Any]:
        """Connect one account of a person: go to the consent page, allow, come back with the code, and choose it."""
        opened = self.call("POST", "/api/accounts", json={"platform": platform, "callback_url": CALLBACK})
        back = self._allow(opened["auth_url"], person)
        found = self.call("POST", "/api/accounts/callback", json={"state": back["state"], "code": back["code"]})
        if "candidates" in found:
            chosen = {"connection": found["connection"], "select": [found["candidates"][choose]["id"]]}
            found = self.call("POST", "/api/accounts/callback", json=chosen)
        account: dict[str, Any] = found["account"] if "account" in found else found["accounts"][0]
        return account

    def _allow(self, address: str, person: str) -> dict[str, str]:
        """Fill in and send each page's one form, as a person would, until the callback address comes."""
        page = self._session.get(address, timeout=SECONDS)
        for _ in range(5):
            form = _fields(page.text, person) | _button(page.text)
            page = self._session.post(page.url, data=form, timeout=SECONDS, allow_redirects=False)
            if page.is_redirect:
                target = urljoin(page.url or address, page.headers["Location"])
                if target.startswith(CALLBACK):
                    return {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
                page = self._session.get(target, timeout=SECONDS)
        raise ClientError(f"The consent page at {address} did not come to an end.")


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
    """Return the value that the form's agreeing button sends."""
    buttons = [_attributes(text) for kind, text in INPUT.findall(page) if kind.lower() == "button"]
    return next({each["name"]: each["value"]} for each in buttons if each.get("value") in AGREEMENTS)
