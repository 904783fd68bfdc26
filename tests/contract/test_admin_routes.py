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
from tests.contract.routes import Route, admin_routes, api_routes
from tests.contract.seed import SAMPLES, differences
from tests.contract.world import error_of, fields_of
from tests.factories import make_key, make_token, make_user, make_webhook
from workspaces.models import Role, User
from workspaces.permissions import ADMIN_PERMISSIONS, ROLE_PERMISSIONS

pytestmark = pytest.mark.thorough

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
"""Lists of the installation's own, what makes one of their rows, and how many queries a list takes."""
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


def odd_address_of(route: Route) -> str:
    """Return the address with what is no id of ours in each place."""
    return route.template.format_map(dict.fromkeys(route.places, "user_123"))


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


def test_a_route_declares_the_permission_of_the_contract() -> None:
    declared = {str(route): required_for(route) for route in ROUTES}

    assert declared == {str(route): REQUIRED.get(route.resource, required_for(route)) for route in ROUTES}
    assert set(declared.values()) <= {None, *ADMIN_PERMISSIONS}


@pytest.mark.any_database
@pytest.mark.parametrize("caller", CALLERS)
def test_a_caller_may_exactly_what_role_or_list_give(db: None, caller: str) -> None:
    """Each route is asked with a token of its own, for one of them ends it."""
    user = make_user(password=None, **CALLERS[caller])
    held = CALLERS[caller].get("permissions", ROLE_PERMISSIONS[user.role])

    answers = {route: asked(AdminClient(make_token(user)), route) for route in ROUTES}

    refused = {
        str(route): (error_of(answer), answer.json()["error"]["details"])
        for route, answer in answers.items()
        if answer.status_code in (401, 403, 405, 500, 503)
    }
    assert refused == {
        str(route): ((403, "PERMISSION_DENIED"), {"required": required_for(route)})
        for route in ROUTES
        if required_for(route) not in (None, *held)
    }


def test_without_a_good_token_there_is_nothing(db: None) -> None:
    key = make_key()[1]
    headers = [{}, {"X-API-Key": key}, {"Authorization": "Bearer x"}, {"Authorization": f"Bearer {key}"}]
    told = [(401, "AUTHENTICATION_REQUIRED")] * 2 + [(401, "INVALID_TOKEN")] * 2

    def ask(address: str, route: Route, given: dict[str, str]) -> Any:
        return Client().generic(route.method, address, b"{", content_type="application/json", headers=given)

    addresses = [(form(route), route) for form in (address_of, odd_address_of) for route in ROUTES]
    refused = {f"{route} {at}": [ask(at, route, given) for given in headers] for at, route in addresses}

    assert {name: [*map(error_of, each)] for name, each in refused.items()} == dict.fromkeys(refused, told)
    assert {answer.headers["WWW-Authenticate"] for each in refused.values() for answer in each} == {"Bearer"}


@pytest.mark.any_database
def test_a_missing_permission_is_told_before_anything_about_rows_bodies_or_queries(db: None) -> None:
    client = client_of(permissions=[])

    answers = {str(route): error_of(asked(client, route, "?x=1", b"{")) for route in ROUTES if required_for(route)}

    assert answers == dict.fromkeys(answers, (403, "PERMISSION_DENIED"))


def test_an_unknown_query_parameter_is_named(admin: AdminClient) -> None:
    answers = {
        str(route): (
            set(fields_of(asked(admin, route, "?colour=red"))),
            error_of(asked(admin, route, "?api_key=pk_live_x")),
        )
        for route in ROUTES
    }

    assert answers == dict.fromkeys(answers, ({"colour"}, (400, "VALIDATION_ERROR")))
    assert not Event.objects.exists()


def test_what_is_not_there_is_not_found_whatever_its_id_looks_like(admin: AdminClient) -> None:
    odd = [*ODD_IDS, User.objects.get().pk.swapcase()]
    bodies = {"members": {"members": []}, "replay": {"since": timezone.now().isoformat()}}

    def answers(route: Route) -> set[tuple[int, str]]:
        body = None if route.method == "GET" else bodies.get(route.template.rpartition("/")[2], {})
        addresses = [address_of(route), *(route.template.format_map(dict.fromkeys(route.places, pk)) for pk in odd)]
        return {error_of(admin(route.method, address, body)) for address in addresses}

    found = {str(route): answers(route) for route in ROUTES if route.places}

    assert {name: answer for name, answer in found.items() if answer != {(404, "NOT_FOUND")}} == {}


@pytest.mark.parametrize(("resource", "make", "cost"), LISTS)
def test_a_whole_list_costs_the_same_whatever_is_in_it(
    admin: AdminClient,
    django_assert_num_queries: DjangoAssertNumQueries,
    resource: str,
    make: Callable[[int], Any],
    cost: int,
) -> None:
    for number in range(5):
        make(number)

    with django_assert_num_queries(cost):
        assert len(admin.get(f"/admin/{resource}").json()["data"][resource]) >= 5


def test_every_failure_has_the_envelope_of_the_reference(db: None) -> None:
    client, made = client_of(permissions=[]), ("error.code", "error.message")

    answers = {str(route): asked(client, route, "?x=1") for route in ROUTES}

    told = {
        name: [*differences(answer.json(), SAMPLES["responses"]["error"], made=made)]
        for name, answer in answers.items()
    }
    assert {name: found for name, found in told.items() if found} == {}
    assert {answer.headers["Content-Type"] for answer in answers.values()} == {"application/json"}
    assert all(answer.headers["X-Request-ID"] for answer in answers.values())


def test_methods_and_types_that_are_not_taken(admin: AdminClient) -> None:
    form = admin.client.post("/admin/users", {"email": "x"}, headers=admin.headers)

    assert error_of(form) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert error_of(admin.get("/admin/users", Accept="text/html")) == (406, "NOT_ACCEPTABLE")
    for method, path in (("DELETE", "/admin/users"), ("GET", "/admin/logout"), ("POST", "/admin/profile")):
        assert error_of(admin(method, path, {})) == (405, "METHOD_NOT_ALLOWED")
