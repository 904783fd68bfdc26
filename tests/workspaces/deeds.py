"""What people do to each other and to their workspaces: two administrators, an editor and a viewer, who share one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from django.contrib.auth.hashers import check_password
from django.db import transaction

from adminapi.jobs import catalogue
from adminapi.jobs.kinds import Bulk
from adminapi.models import LoginAttempt, LoginTurn, Session
from ouipost.claims import database_now
from ouipost.events.journal import Actor
from ouipost.events.models import Event
from posts.models import Post
from tests.conftest import AdminClient, ApiClient
from tests.factories import make_key, make_token, make_user, make_workspace
from tests.two_at_once import Caller, Deed, World, as_view, asks, journal
from workspaces import services
from workspaces.models import ApiKey, Membership, User, Workspace

FIRST, SECOND, THIRD = (f"{word} pass phrase of some length" for word in ("First", "Second", "Third"))
NOBODY = Caller(api=ApiClient(""), admin=AdminClient(""))


@dataclass(kw_only=True)
class Office(World):
    """The administrators `a` and `b`, the editor `e` and the viewer `v`, and the workspace in which `e` works."""

    tokens: dict[str, str] = field(default_factory=dict)
    """By who logged in with them."""
    secret: str = ""


STATES: dict[str, dict[str, dict[str, Any]]] = {
    "usual": {},
    "only one who may": {"b": {"permissions": ["audit.view"]}},
    "one is off": {"b": {"is_active": False}},
}
"""What is not as usual of whom."""


@transaction.atomic
def make_office(state: str) -> Office:
    office, some = Office(began=database_now()), uuid4().hex
    roles = {"a": "admin", "b": "admin", "e": "editor", "v": "viewer"}
    for who, role in roles.items():
        given = {"email": f"{who}-{some}@example.com", "name": who, "role": role, "password": FIRST}
        user = make_user(**given | STATES[state].get(who, {}))
        office.ids[who], office.tokens[who] = user.pk, make_token(user)
    workspace = make_workspace()
    Membership.objects.create(workspace=workspace, user_id=office.e)
    key, office.secret = make_key(workspace_ids=[workspace.pk])
    office.ids |= {"ws": workspace.pk, "key": key.pk, "mail": f"new-{some}@example.com"}
    return office


def by(who: str, method: str, path: str, body: Any = None) -> Deed:
    """Return what one of them asks the admin API."""
    ask = asks(method, path, body)
    return lambda office, _: ask(office, Caller(api=NOBODY.api, admin=AdminClient(office.tokens[who])))


def with_key(method: str, path: str, body: Any = None) -> Deed:
    ask = asks(method, path, body)
    return lambda office, _: ask(office, Caller(api=ApiClient(office.secret), admin=NOBODY.admin))


def logs_in(password: str) -> Deed:
    """Return how the editor logs in with this password, and keeps the token."""

    def log_in(office: Office, _: Caller) -> tuple[int, Any]:
        email = User.objects.filter(pk=office.e).values_list("email", flat=True).first() or "nobody@example.com"
        status, body = NOBODY.ask("POST", "/admin/login", {"email": email, "password": password})
        if status == 200:
            office.tokens["e, who came later"] = body["data"]["token"]
        return status, body.get("error")

    return log_in


def in_bulk(kind: Bulk, who: str, *, by: str = "a") -> Deed:
    """Return what the console, or a job of it, does to a row of a list."""

    def do(office: Office, _: Caller) -> tuple[int, Any]:
        user = User.objects.filter(pk=office.ids[by]).first()
        row = kind.rows_of(user).filter(pk=office.ids[who]).first() if user else None
        if user is None or row is None or kind.permission not in user.granted:
            return 404, {}
        return as_view(lambda: kind.perform(row, Actor(user_id=user.pk, user_email=user.email)))

    return do


LOGINS = {"user.logged_in", "user.login_failed", "user.logged_out"}
USER = "/admin/users/$"
MEMBERS = "/admin/workspaces/$ws/members"
NEW = {"email": "$mail", "name": "new", "password": FIRST, "role": "viewer"}
DEEDS: dict[str, Deed] = {
    "a demotes b": by("a", "PUT", USER + "b", {"role": "editor"}),
    "b demotes a": by("b", "PUT", USER + "a", {"role": "editor"}),
    "a demotes a": by("a", "PUT", USER + "a", {"role": "viewer"}),
    "b demotes b": by("b", "PUT", USER + "b", {"role": "viewer"}),
    "a switches b off": by("a", "PUT", USER + "b", {"is_active": False}),
    "b switches a off": by("b", "PUT", USER + "a", {"is_active": False}),
    "a switches a off": by("a", "PUT", USER + "a", {"is_active": False}),
    "a switches b on": by("a", "PUT", USER + "b", {"is_active": True}),
    "a deletes b": by("a", "DELETE", USER + "b"),
    "b deletes a": by("b", "DELETE", USER + "a"),
    "a narrows b": by("a", "PUT", USER + "b", {"permissions": ["audit.view"]}),
    "b narrows a": by("b", "PUT", USER + "a", {"permissions": ["audit.view"]}),
    "a restores b": by("a", "PUT", USER + "b", {"permissions": None}),
    "a narrows a": by("a", "PUT", USER + "a", {"permissions": []}),
    "a in bulk switches b off": in_bulk(catalogue.DEACTIVATE, "b"),
    "b in bulk switches a off": in_bulk(catalogue.DEACTIVATE, "a", by="b"),
    "a in bulk switches b on": in_bulk(catalogue.ACTIVATE, "b"),
    "a makes e administrator": by("a", "PUT", USER + "e", {"role": "admin"}),
    "a makes e viewer": by("a", "PUT", USER + "e", {"role": "viewer"}),
    "b lets e see health": by("b", "PUT", USER + "e", {"permissions": ["system.view"]}),
    "a renames e": by("a", "PUT", USER + "e", {"name": "Eve"}),
    "b renames e": by("b", "PUT", USER + "e", {"name": "Eva", "role": "editor"}),
    "e renames e": by("e", "PUT", "/admin/profile", {"name": "Emma"}),
    "a readdresses e": by("a", "PUT", USER + "e", {"email": "$mail"}),
    "b readdresses v": by("b", "PUT", USER + "v", {"email": "$mail", "role": "editor"}),
    "b creates one": by("b", "POST", "/admin/users", NEW),
    "a deletes e": by("a", "DELETE", USER + "e"),
    "b deletes e": by("b", "DELETE", USER + "e"),
    "a sets e's password": by("a", "PUT", USER + "e", {"password": SECOND}),
    "e sets e's password": by("e", "PUT", "/admin/profile", {"password": THIRD, "current_password": FIRST}),
    "a switches e off": by("a", "PUT", USER + "e", {"is_active": False}),
    "e logs in": logs_in(FIRST),
    "e logs in anew": logs_in(SECOND),
    "e logs out": by("e", "POST", "/admin/logout"),
    "a sets e and v": by("a", "PUT", MEMBERS, {"members": ["$e", "$v"]}),
    "b sets v and e and b": by("b", "PUT", MEMBERS, {"members": ["$v", "$e", "$b"]}),
    "b sets nobody": by("b", "PUT", MEMBERS, {"members": []}),
    "b deletes v": by("b", "DELETE", USER + "v"),
    "a makes e manage": by("a", "PUT", USER + "e", {"permissions": ["workspaces.manage", "api_keys.manage"]}),
    "rename": with_key("PUT", "/api/workspaces/$ws", {"name": "Other", "settings": {"timezone": "Asia/Tokyo"}}),
    "describe": with_key("PUT", "/api/workspaces/$ws", {"description": "Bread", "settings": {"x": 1}}),
    "open another": with_key("POST", "/api/workspaces", {"name": "Second"}),
    "close": with_key("DELETE", "/api/workspaces/$ws"),
    "purge": lambda _, __: services.purge_deleted(),
}


@dataclass
class Offices:
    """How that is played: everybody acts with the token that they logged in with in the beginning."""

    deeds: Mapping[str, Deed] = field(default_factory=lambda: DEEDS)

    def make_world(self, state: str) -> Office:
        return make_office(state)

    def callers(self, world: Office) -> Sequence[Caller]:
        return NOBODY, NOBODY

    def settle(self, world: Office) -> None:
        services.purge_deleted()

    def look(self, world: Office) -> Any:
        users = User.objects.order_by("email")
        shown = {each.email.partition("-")[0]: _shown(each) for each in users}
        workspaces = Workspace.objects.order_by("created_at").values("pk", "name", "description", "settings")
        return world.plain(
            {
                "users": shown,
                "may": {who: self._may(token) for who, token in sorted(world.tokens.items())},
                "members": sorted(Membership.objects.values_list("workspace", "user__email"), key=str),
                "workspaces": list(workspaces.filter(deleted_at=None)),
                "key": list(ApiKey.objects.filter(pk=world.key).values("workspace_ids")),
                "told": journal(world, Event.objects.filter(created_at__gte=world.began), of=_subject),
            }
        )

    def _may(self, token: str) -> list[int]:
        """Return the answers to who shows this token."""
        ask = Caller(api=NOBODY.api, admin=AdminClient(token)).ask
        return [ask("GET", path, None)[0] for path in ("/admin/profile", "/admin/users")]

    def wrongs(self, world: Office) -> list[str]:
        rows = User.objects.filter(role="admin", is_active=True).values_list("permissions", flat=True)
        may = [own for own in rows if own is None or "users.manage" in own]
        return [] if may else ["no administrator is left"]

    def leave(self, world: Office) -> None:
        for model in (Membership, Session, LoginAttempt, LoginTurn, User, ApiKey, Post, Workspace):
            model._default_manager.all().delete()


def _shown(user: User) -> dict[str, Any]:
    word = next((word for word in (FIRST, SECOND, THIRD) if check_password(word, user.password)), None)
    names = ("email", "name", "role", "permissions", "is_active")
    ended = user.signed_out_at is not None
    return {name: getattr(user, name) for name in names} | {"password": word, "was signed out": ended}


def _subject(event: Event) -> str:
    """Return what an entry of the journal is about; logins lock nothing, and come in any order beside the rest."""
    return f"{'logins' if event.type in LOGINS else 'changes'} of {event.resource_id}"
