"""What holds for every route of the admin API: who may, the envelope, strict queries and bodies."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from ouipost.events.models import Event
from ouipost.ids import new_id
from tests.conftest import AdminClient
from tests.contract.bodies import MALFORMED, MEGABYTE
from tests.contract.routes import Route, admin_routes, api_routes
from tests.contract.seed import SAMPLES, differences
from tests.contract.world import error_of, fields_of
from tests.factories import make_key, make_token, make_user, make_webhook, make_workspace
from workspaces.models import Role, User
from workspaces.permissions import ADMIN_PERMISSIONS, ROLE_PERMISSIONS

ROUTES = [route for route in admin_routes() if route.resource != "health"]
"""All but the one that looks its caller up in a thread: `test_admin_health` says who may see it."""
REQUIRED = {
    "users": "users.manage",
    "keys": "api_keys.manage",
    "workspaces": "workspaces.manage",
    "webhooks": "webhooks.manage",
    "audit": "audit.view",
    "analytics": "analytics.view",
    "dashboard": "analytics.view",
    "stats": "analytics.view",
    "health": "system.view",
    "platform-health": "system.view",
    "system": "system.view",
    "pause": "system.manage",
    "resume": "system.manage",
    "pauses": "system.view",
    "logout": None,
    "profile": None,
}
"""By the contract; None: whoever is logged in. What is not named here is held against its own declaration alone."""
PREFIXES = {"users": "user", "keys": "key", "workspaces": "ws", "webhooks": "wh", "deliveries": "dlv"}
ODD_IDS = ("user_123", "key_abc123", "wh_abc123", new_id("post"))
LISTS: list[tuple[str, Callable[[int], str], int]] = [
    ("users", lambda number: make_user(email=f"{number}@example.com").pk, 2),
    ("keys", lambda number: make_key(name=str(number))[0].pk, 3),
    ("webhooks", lambda number: make_webhook().pk, 2),
]
"""Lists of the installation's own, what makes a row of each, and how many queries one takes."""
CALLERS: dict[str, dict[str, Any]] = {
    **{role: {"role": role} for role in Role.values},
    **{f"{name} alone": {"role": "viewer", "permissions": [name]} for name in ADMIN_PERMISSIONS},
    "no permission": {"role": "admin", "permissions": []},
}


def required_for(route: Route) -> str | None:
    declared: str | None = route.view.required_permission
    return declared


def address_of(route: Route) -> str:
    """Return the address with an id in each place, of the collection that stands before it."""
    steps = route.template.split("/")
    kinds = {step.strip("{}"): PREFIXES.get(before, "x") for before, step in pairwise(steps)}
    return route.template.format_map({place: new_id(kinds[place]) for place in route.places})


def asked(client: AdminClient, route: Route, query: str = "", body: Any = None) -> Any:
    given = {} if body is None and route.method != "GET" else body
    return client(route.method, address_of(route) + query, given)


def client_of(**values: Any) -> AdminClient:
    """Log in as a user of this kind, who has no password: to hash one takes long."""
    return AdminClient(make_token(make_user(password=None, **values)))


def test_the_two_walks_see_each_their_own() -> None:
    templates = {route.template for route in ROUTES}

    assert {"/admin/users", "/admin/users/{pk}", "/admin/keys/{pk}/rotate", "/admin/logout"} <= templates
    assert "/admin/workspaces/{pk}/members" in templates
    assert "/admin/webhooks/{webhook}/deliveries/{pk}/redeliver" in templates
    assert all(route.template.startswith("/admin/") for route in ROUTES)
    assert all(route.template.startswith("/api/") for route in api_routes())


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_route_declares_the_permission_of_the_contract(route: Route) -> None:
    assert required_for(route) == REQUIRED.get(route.resource, required_for(route))
    assert required_for(route) in (None, *ADMIN_PERMISSIONS)


@pytest.mark.thorough
@pytest.mark.any_database
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_caller_may_exactly_what_role_or_list_give(db: None, route: Route, caller: str) -> None:
    values, required = CALLERS[caller], required_for(route)
    held = values.get("permissions", ROLE_PERMISSIONS[values["role"]])

    response = asked(client_of(**values), route)

    if required is None or required in held:
        assert response.status_code not in (401, 403, 405, 500, 503)
    else:
        assert error_of(response) == (403, "PERMISSION_DENIED")
        assert response.json()["error"]["details"] == {"required": required}


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_without_a_good_token_there_is_nothing(db: None, route: Route) -> None:
    def ask(**headers: str) -> Any:
        return Client().generic(route.method, address_of(route), b"{", content_type="application/json", headers=headers)

    key = make_key()[1]
    refused = [ask(), ask(**{"X-API-Key": key}), ask(Authorization="Bearer x"), ask(Authorization=f"Bearer {key}")]

    assert [error_of(each) for each in refused] == [(401, "AUTHENTICATION_REQUIRED")] * 2 + [(401, "INVALID_TOKEN")] * 2
    assert {each.headers["WWW-Authenticate"] for each in refused} == {"Bearer"}


@pytest.mark.any_database
@pytest.mark.parametrize("route", [route for route in ROUTES if required_for(route)], ids=str)
def test_a_missing_permission_is_told_before_anything_about_rows_bodies_or_queries(db: None, route: Route) -> None:
    client = client_of(permissions=[])

    assert error_of(asked(client, route, "?x=1", b"{")) == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_an_unknown_query_parameter_is_named(admin: AdminClient, route: Route) -> None:
    assert set(fields_of(asked(admin, route, "?colour=red"))) == {"colour"}
    assert error_of(asked(admin, route, "?api_key=pk_live_x")) == (400, "VALIDATION_ERROR")
    assert not Event.objects.exists()


@pytest.mark.parametrize("route", [route for route in ROUTES if route.places], ids=str)
def test_what_is_not_there_is_not_found_whatever_its_id_looks_like(admin: AdminClient, route: Route) -> None:
    odd = [*ODD_IDS, User.objects.get().pk.swapcase()]
    addresses = [address_of(route), *(route.template.format_map(dict.fromkeys(route.places, pk)) for pk in odd)]
    body = {"members": {"members": []}, "replay": {"since": timezone.now().isoformat()}}.get(
        route.template.rpartition("/")[2], {}
    )

    answers = [admin(route.method, address, None if route.method == "GET" else body) for address in addresses]

    assert {error_of(answer) for answer in answers} == {(404, "NOT_FOUND")}


@pytest.mark.parametrize(("resource", "make", "cost"), LISTS)
def test_a_list_comes_whole_or_in_pages(
    admin: AdminClient,
    django_assert_num_queries: DjangoAssertNumQueries,
    resource: str,
    make: Callable[[int], Any],
    cost: int,
) -> None:
    own = [user.pk for user in User.objects.all()] if resource == "users" else []
    ids = [*own, *(make(number) for number in range(5 - len(own)))]

    with django_assert_num_queries(cost):
        whole = admin.get(f"/admin/{resource}").json()["data"]
    second = admin.get(f"/admin/{resource}?page=2&limit=2").json()["data"]
    past = admin.get(f"/admin/{resource}?page=9&limit=100").json()["data"]

    assert ([each["id"] for each in whole[resource]], "pagination" in whole) == (ids, False)
    assert [each["id"] for each in second[resource]] == ids[2:4]
    assert second["pagination"] == {"current_page": 2, "total_pages": 3, "total_items": 5, "per_page": 2}
    assert (past[resource], past["pagination"]["total_items"]) == ([], 5)
    for query in ("limit=0", "limit=101", "page=0", "page=1e3", "page=1000001", "page=x"):
        assert set(fields_of(admin.get(f"/admin/{resource}?{query}"))) == {query.partition("=")[0]}


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_every_failure_has_the_envelope_of_the_reference(db: None, route: Route) -> None:
    response = asked(client_of(permissions=[]), route, "?x=1")

    made = ("error.code", "error.message")
    assert list(differences(response.json(), SAMPLES["responses"]["error"], made=made)) == []
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["X-Request-ID"]


def test_methods_and_types_that_are_not_taken(admin: AdminClient) -> None:
    form = admin.client.post("/admin/users", {"email": "x"}, headers=admin.headers)

    assert error_of(form) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert error_of(admin.get("/admin/users", Accept="text/html")) == (406, "NOT_ACCEPTABLE")
    for method, path in (("DELETE", "/admin/users"), ("GET", "/admin/logout"), ("POST", "/admin/profile")):
        assert error_of(admin(method, path, {})) == (405, "METHOD_NOT_ALLOWED")


BODIES: dict[str, tuple[str, str]] = {
    "log in": ("POST", "/admin/login"),
    "change the profile": ("PUT", "/admin/profile"),
    "make a user": ("POST", "/admin/users"),
    "change a user": ("PUT", "/admin/users/{user}"),
    "set members": ("PUT", "/admin/workspaces/{workspace}/members"),
    "make a key": ("POST", "/admin/keys"),
    "change a key": ("PATCH", "/admin/keys/{key}"),
    "make a webhook": ("POST", "/admin/webhooks"),
    "change a webhook": ("PUT", "/admin/webhooks/{webhook}"),
    "rotate its secret": ("POST", "/admin/webhooks/{webhook}/rotate-secret"),
    "replay": ("POST", "/admin/webhooks/{webhook}/replay"),
}


@pytest.mark.any_database
@pytest.mark.parametrize("endpoint", BODIES)
def test_malformed_bodies_are_refused_and_change_nothing(db: None, endpoint: str) -> None:
    user = make_user(password=None)
    admin, rows = AdminClient(make_token(user)), {"workspace": make_workspace(), "webhook": make_webhook()}
    ids = {name: row.pk for name, row in rows.items()} | {"user": user.pk, "key": make_key()[0].pk}
    method, path = BODIES[endpoint]
    before = Event.objects.count()

    answers = {name: admin(method, path.format(**ids), body) for name, body in MALFORMED.items()}

    allowed = {(400, "MALFORMED_JSON"), (400, "VALIDATION_ERROR"), (413, "PAYLOAD_TOO_LARGE")}
    assert {name: error_of(answer) for name, answer in answers.items() if error_of(answer) not in allowed} == {}
    assert [name for name, answer in answers.items() if answer.status_code == 413] == [
        name for name, body in MALFORMED.items() if len(body) > MEGABYTE
    ]
    assert Event.objects.count() == before
