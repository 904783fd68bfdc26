"""What is done to a key by administrators, by the programs that use it, and by what counts its use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Sum

from adminapi.jobs import catalogue
from ouipost.claims import database_now
from ouipost.crypto import digest
from ouipost.events.models import Event
from tests.conftest import ApiClient
from tests.factories import make_key, make_workspace
from tests.posts.fakes import ACTOR
from tests.two_at_once import Caller, Deed, World, as_view, asks, journal
from workspaces import services
from workspaces.keys import usage
from workspaces.keys.services import rotate_key
from workspaces.models import ApiKey, KeyUsage, User, Workspace

DAY = timedelta(days=1)
KEY = "/admin/keys/$key"


@dataclass(kw_only=True)
class Ring(World):
    """A key, its secrets, and two workspaces."""

    own, near_hours = (*World.own, "new_api_key", "prefix", "usage"), 1000
    secrets: dict[str, str] = field(default_factory=dict)
    """By what they are called."""
    begun: int = 0
    """Requests that were sent."""
    asked: int = 0
    """Those that were admitted."""
    wrong: list[str] = field(default_factory=list)


STATES: dict[str, dict[str, Any]] = {
    "wide": {},
    "limited": {"workspace_ids": True},
    "rotated": {"workspace_ids": True},
    "off": {"is_active": False},
    "ends": {"expires_at": timedelta(hours=2)},
}


@transaction.atomic
def make_ring(state: str) -> Ring:
    ring = Ring(began=database_now())
    for name in ("ws", "other"):
        ring.ids[name] = make_workspace().pk
    given = dict(STATES[state])
    if "workspace_ids" in given:
        given["workspace_ids"] = [ring.ws]
    if "expires_at" in given:
        given["expires_at"] = ring.began + given["expires_at"]
    key, secret = make_key(**given)
    ring.ids["key"], ring.secrets["present"] = key.pk, secret
    if state == "rotated":
        _, new = rotate_key(key, actor=ACTOR, now=ring.began)
        ring.secrets |= {"present": new, "old": secret}
    ring.ids |= {"past": (ring.began - DAY).isoformat(), "future": (ring.began + 30 * DAY).isoformat()}
    return ring


def calls(name: str, method: str, path: str, body: Any = None) -> Deed:
    """Return what a program asks with a secret of the key."""
    ask = asks(method, path, body)

    def call(ring: Ring, caller: Caller) -> tuple[int, Any]:
        ring.begun += 1
        status, answer = ask(ring, Caller(api=ApiClient(ring.secrets[name]), admin=caller.admin))
        ring.asked += status != 401
        return status, answer

    return call


def rotates(name: str) -> Deed:
    """Return what gives the key a new secret, which is called so."""
    ask = asks("POST", "/admin/keys/$key/rotate")

    def rotate(ring: Ring, caller: Caller) -> tuple[int, Any]:
        status, answer = ask(ring, caller)
        if status == 200:
            ring.secrets[name] = answer["data"]["key"]["new_api_key"]
        return status, answer

    return rotate


def look(ring: Ring, caller: Caller) -> tuple[int, Any]:
    """Look at the key and at its use, whatever is written meanwhile."""
    least = ring.asked
    status, answer = asks("GET", KEY)(ring, caller)
    if status == 200:
        seen = answer["data"]["key"]["usage"]["requests_today"]
        if not least <= seen <= ring.begun:
            ring.wrong.append(f"{seen} requests are shown, there were {least} to {ring.begun}")
    return status, answer


def revoke_in_bulk(ring: Ring, _: Caller) -> tuple[int, Any]:
    rows = catalogue.REVOKE_KEYS.rows_of(User.objects.get(email="admin@example.com"))
    row = rows.filter(pk=ring.key).first()
    return (404, {}) if row is None else as_view(lambda: catalogue.REVOKE_KEYS.perform(row, ACTOR))


def flush(_ring: Ring, _: Caller) -> None:
    usage.flush_shared()
    usage.write_counted()


DEEDS: dict[str, Deed] = {
    "rotate": rotates("new"),
    "rotate again": rotates("newer"),
    "rename": asks("PUT", KEY, {"name": "Other"}),
    "another tier": asks("PUT", KEY, {"tier": "starter", "name": "Third"}),
    "let it read": asks("PUT", KEY, {"permissions": ["workspaces.read"]}),
    "let it write": asks("PUT", KEY, {"permissions": ["workspaces.read", "workspaces.write"]}),
    "limit": asks("PUT", KEY, {"workspaces": ["$other"]}),
    "widen": asks("PUT", KEY, {"workspaces": []}),
    "both": asks("PUT", KEY, {"workspaces": ["$ws", "$other"]}),
    "switch off": asks("PUT", KEY, {"is_active": False}),
    "switch on": asks("PUT", KEY, {"is_active": True}),
    "end": asks("PUT", KEY, {"expires_at": "$past"}),
    "prolong": asks("PUT", KEY, {"expires_at": "$future"}),
    "revoke": asks("DELETE", KEY),
    "revoke in bulk": revoke_in_bulk,
    "look": look,
    "call": calls("present", "GET", "/api/workspaces/$ws"),
    "call with the old one": calls("old", "GET", "/api/workspaces/$ws"),
    "open": calls("present", "POST", "/api/workspaces", {"name": "New"}),
    "open another": calls("present", "POST", "/api/workspaces", {"name": "Newer"}),
    "rename the workspace": calls("present", "PUT", "/api/workspaces/$ws", {"name": "Another"}),
    "close": calls("present", "DELETE", "/api/workspaces/$ws"),
    "purge": lambda _, __: services.purge_deleted(),
    "flush": flush,
}


SHOWN = "name tier permissions workspace_ids is_active expires_at revoked_at previous_expires_at"
"""What is looked at of a key."""


@dataclass
class Rings:
    """How that is played: two administrators; requests are admitted and counted in Redis."""

    two: Sequence[Caller]
    deeds: Mapping[str, Deed] = field(default_factory=lambda: DEEDS)

    def make_world(self, state: str) -> Ring:
        ring = make_ring(state)
        for name in ring.secrets:  # from now on Redis knows it
            calls(name, "GET", "/api/platforms")(ring, self.two[0])
        return ring

    def callers(self, world: Ring) -> Sequence[Caller]:
        return self.two

    def settle(self, world: Ring) -> None:
        """Let everything be written."""

    def look(self, world: Ring) -> Any:
        key = ApiKey.objects.filter(pk=world.key)
        held: dict[str | None, str] = {digest(secret): name for name, secret in world.secrets.items()}
        digests = [held.get(each, "unknown") for each in key.values_list("digest", "previous_digest")[0]]
        may = {name: calls(name, "GET", "/api/workspaces")(world, self.two[0]) for name in sorted(world.secrets)}
        return world.plain(
            {
                "key": list(key.values(*SHOWN.split())),
                "digests": digests,
                "may": may,
                "workspaces": sorted(Workspace.objects.filter(deleted_at=None).values_list("name", flat=True)),
                "told": journal(world, Event.objects.filter(created_at__gte=world.began)),
            }
        )

    def wrongs(self, world: Ring) -> list[str]:
        flush(world, self.two[0])
        written = KeyUsage.objects.filter(key=world.key).aggregate(total=Sum("requests", default=0))["total"]
        return world.wrong if written == world.asked else [f"{written} requests are counted, there were {world.asked}"]

    def leave(self, world: Ring) -> None:
        Workspace.objects.all().delete()
