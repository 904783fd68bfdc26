"""Every request of the admin API, read off the URL configuration: what stands here is how a route is asked, never which
routes there are. One that cannot be asked ends the bench."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import count, pairwise
from typing import Any

from django.test import Client
from django.utils import timezone

from bench.admin_data import World
from ouipost.events.catalogue import EVENTS
from tests.contract.routes import OPEN, Route, admin_routes
from tests.factories import make_delivery, make_key, make_token, make_user, make_webhook
from workspaces.models import Role

METRICS_TOKEN, KEYED = "the bench's own", "Idempotency-Key"
HOOK = "https://1.1.1.1/hook"
PASSWORD, OTHER_PASSWORD = "a long pass phrase", "another pass phrase"
GIVEN: Mapping[str, tuple[str, ...]] = {
    "period": ("7d", "90d", "1y"),
    "format": ("csv",),
    "user_id": ("{users}",),
    "key_id": ("{keys}",),
    "workspace_id": ("{workspaces}",),
    "resource_id": ("{resource}",),
    "resource_type": ("post",),
    "action": ("post.created",),
    "from": ("2020-01-01",),
    "to": ("{to}",),
    "status": ("delivered", "failed"),
    "event": ("post.published", "post.failed"),
}
"""What is asked of an action that takes a parameter of this name."""
TOGETHER: Mapping[str, tuple[str, ...]] = {
    "/admin/audit": (
        "user_id={users}&workspace_id={workspaces}&from=2020-01-01",
        "workspace_id={workspaces}&action=user.logged_in&page=200&limit=50",
        "resource_type=user&action=post.created",
        "user_id={users}&format=csv",
    ),
    "/admin/analytics": ("period=1y&format=csv",),
}
MEMBERS_SEE = ("dashboard", "stats", "analytics", "audit")
"""What shows others less than an administrator, and finds it in another way."""
_numbers = count()


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request; `name` has places where the address has ids."""

    name: str
    address: str
    token: str
    method: str = "GET"
    body: Any = None
    key: str = ""
    """Its Idempotency-Key."""

    def ask(self) -> Any:
        """Ask, in this process, and read the answer to its end; whatever was refused ends the bench."""
        headers = {"Authorization": f"Bearer {self.token}"} | ({KEYED: self.key} if self.key else {})
        sent = "" if self.body is None else json.dumps(self.body)
        answer = _client().generic(self.method, self.address, sent, content_type="application/json", headers=headers)
        content = answer.getvalue()
        if answer.status_code >= 300 and not (answer.status_code == 503 and self.address == "/admin/health"):
            sys.exit(f"{self.name}: {answer.status_code} {content.decode()}")
        return content


@cache
def _client() -> Client:
    """Keep one: its first request loads all middleware."""
    return Client(SERVER_NAME="127.0.0.1")


def reads(world: World) -> Iterator[Request]:
    """Yield all that reads: each route plain, each of its parameters, and the last page of what has pages."""
    for route in (route for route in admin_routes() if route.method == "GET"):
        yield from _each_way(route, world, token=world.token)
        if route.resource in MEMBERS_SEE:
            yield from _each_way(route, world, token=world.member_token, who=", a member")
    for address in sorted(f"/{each}" for each in OPEN if each.startswith("admin/") and each != "admin/login"):
        yield Request(name=f"GET {address}", address=address, token=world.token)
    yield Request(name="GET /metrics", address="/metrics", token=METRICS_TOKEN)


def _each_way(route: Route, world: World, *, token: str, who: str = "") -> Iterator[Request]:
    values = world.ids | {"to": f"{timezone.now():%Y-%m-%d}"}
    address = _address(route, world.ids)
    for query in _queries(route):
        asked = "&".join(f"{part.partition('=')[0]}=…" if "{" in part else part for part in query.split("&"))
        name = f"{route}?{asked}".rstrip("?") + who
        yield Request(name=name, address=f"{address}?{query.format_map(values)}".rstrip("?"), token=token)
    if _has_pages(route):
        first = json.loads(Request(name=f"{route}", address=f"{address}?page=1", token=token).ask())
        last = first["data"]["pagination"]["total_pages"]
        yield Request(name=f"{route}?page=last{who}", address=f"{address}?page={last}", token=token)


def _queries(route: Route) -> Iterator[str]:
    yield ""
    yield from ["page=1"] if _has_pages(route) else []
    filters = getattr(route.view, "filterset_class", None) if route.action == "list" else None
    names = (*route.view.query_parameters.get(route.action, ()), *(filters.base_filters if filters else ()))
    for name in names:
        if name not in GIVEN:
            sys.exit(f"bench/admin_requests.py does not say what to ask {route} as `{name}`.")
        yield from (f"{name}={value}" for value in GIVEN[name])
    yield from TOGETHER.get(route.template, ())


def _has_pages(route: Route) -> bool:
    return route.action == "list" and route.view.pagination_class is not None


def _address(route: Route, ids: Mapping[str, str]) -> str:
    """Return the address with an id in each place, of the collection that stands before it."""
    steps = route.template.split("/")
    collections = {step.strip("{}"): before for before, step in pairwise(steps) if step.startswith("{")}
    if missing := set(collections.values()) - ids.keys():
        sys.exit(f"bench/admin_data.py does not say which of {', '.join(missing)} to ask {route} of.")
    return route.template.format_map({place: ids[collection] for place, collection in collections.items()})


BODIES: Mapping[str, Callable[[Mapping[str, str]], Any]] = {
    "/admin/users": lambda ids: {"email": ids["email"], "password": PASSWORD, "role": Role.EDITOR},
    "/admin/users/{pk}": lambda ids: {"role": Role.EDITOR, "name": "Ada", "password": PASSWORD},
    "/admin/workspaces/{pk}/members": lambda ids: {"members": [ids["users"]]},
    "/admin/keys": lambda ids: {"name": "Shop", "workspaces": [ids["workspaces"]]},
    "/admin/keys/{pk}": lambda ids: {"name": "Market", "workspaces": [ids["workspaces"]]},
    "/admin/keys/{pk}/rotate": lambda ids: None,
    "/admin/logout": lambda ids: None,
    "/admin/profile": lambda ids: {"name": "Ada", "password": OTHER_PASSWORD, "current_password": PASSWORD},
    "/admin/pause": lambda ids: {"scope": "workspace", "id": ids["workspaces"], "reason": "Maintenance"},
    "/admin/resume": lambda ids: {"scope": "workspace", "id": ids["workspaces"]},
    "/admin/webhooks": lambda ids: {"url": HOOK, "events": list(EVENTS), "workspaces": [ids["workspaces"]]},
    "/admin/webhooks/{pk}": lambda ids: {"events": list(EVENTS), "workspaces": [ids["workspaces"]], "is_active": False},
    "/admin/webhooks/{pk}/test": lambda ids: None,
    "/admin/webhooks/{pk}/rotate-secret": lambda ids: {"grace_hours": 1},
    "/admin/webhooks/{pk}/replay": lambda ids: {"since": (timezone.now() - timedelta(days=1)).isoformat()},
    "/admin/webhooks/{webhook}/deliveries/{pk}/redeliver": lambda ids: None,
}
"""What is sent to a route, by its address: all that it can be sent at once."""


def writes(world: World) -> Iterator[Request]:
    """Yield all that writes, each at rows and by an administrator of its own, without and with an Idempotency-Key."""
    for key in ("", "once"):  # so that what is paused without one is resumed before it is paused with one
        for route in (route for route in admin_routes() if route.method != "GET"):
            if route.view.takes_idempotency_key or not key:
                yield _write(route, world, key)
    login = {"email": _administrator()[0], "password": PASSWORD}
    yield Request(name="POST /admin/login", method="POST", address="/admin/login", token="", body=login)


def _write(route: Route, world: World, key: str) -> Request:
    if route.method != "DELETE" and route.template not in BODIES:
        sys.exit(f"bench/admin_requests.py has no body for {route}.")
    number = next(_numbers)
    user, webhook = make_user(email=f"subject-{number}@example.com", password=None, role=Role.VIEWER), make_webhook()
    ids = {**world.ids, "users": user.pk, "keys": make_key()[0].pk, "email": f"new-{number}@example.com"}
    ids |= {"webhooks": webhook.pk, "deliveries": make_delivery(webhook).pk}
    body = None if route.method == "DELETE" else BODIES[route.template](ids)
    return Request(
        name=f"{route}, {KEYED}" if key else f"{route}",
        token=_administrator()[1],
        method=route.method,
        address=_address(route, ids),
        body=body,
        key=key,
    )


def _administrator() -> tuple[str, str]:
    """Return the e-mail address and a token of a new administrator."""
    user = make_user(email=f"administrator-{next(_numbers)}@example.com", password=PASSWORD)
    return user.email, make_token(user)
