"""Everybody exists: persons and their accounts are derived from a name, the same each time."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from ouipost.simulator.models import Account

DEFAULT_LOGIN = "Demo"


@dataclass(frozen=True, kw_only=True)
class Person:
    """Someone who logs in; the default one differs from app to app."""

    key: str
    name: str
    handle: str


def person(client_id: str, login: str) -> Person:
    """Return the person with this name, or the app's own default person."""
    name = login.strip()[:60] or DEFAULT_LOGIN
    if name == DEFAULT_LOGIN:
        key = f"{client_id}/{DEFAULT_LOGIN}"
        return Person(key=key, name=name, handle=f"demo{number(key) % 10_000:04}")
    slug = re.sub(r"[^a-z0-9_]", "", name.lower().replace(" ", "_"))[:15]
    return Person(key=name.casefold(), name=name, handle=slug or f"user{number(name) % 10**9}")


def number(*parts: str) -> int:
    """Return a number of 15 digits that these words always give."""
    hashed = hashlib.sha256("\x00".join(parts).encode()).digest()
    return 10**14 + int.from_bytes(hashed[:8], "big") % (9 * 10**14)


def keep(network: str, external_id: str, *, username: str, name: str, **data: Any) -> Account:
    """Return the account with this id, made with these values where it is new."""
    defaults = {"username": username, "name": name, "data": data}
    account, _ = Account.objects.get_or_create(network=network, external_id=external_id, defaults=defaults)
    return account


def avatar(base: str, account: Account) -> str:
    """Return the address of an account's picture, which opens here."""
    return f"{base}/_avatar/{number(account.network, account.external_id)}_normal.png"
