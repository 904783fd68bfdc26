"""Whatever somebody who is no administrator may not see is answered as if it did not exist, in the admin API too."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import pytest

from ouipost.events import webhooks
from ouipost.events.journal import SYSTEM, record
from ouipost.ids import new_id
from tests.conftest import AdminClient
from tests.contract.routes import Route, admin_routes
from tests.contract.test_tenants import KINDS, rows
from tests.contract.world import error_of
from tests.factories import (
    NOW,
    make_delivery,
    make_key,
    make_post,
    make_token,
    make_user,
    make_webhook,
    make_workspace,
)
from workspaces.keys.services import revoke_key
from workspaces.models import Workspace
from workspaces.permissions import ADMIN_PERMISSIONS

PREFIXES = {"workspaces": "ws", "keys": "key", "webhooks": "wh", "deliveries": "dlv"}
"""What belongs to workspaces; users are the installation's."""
BODIES: dict[str, dict[str, Any]] = {
    "keys": {"name": "Taken over"},
    "webhooks": {"events": ["post.failed"]},
    "members": {"members": []},
    "replay": {"since": NOW.isoformat()},
}
"""A body that is right, by what the address ends with or else by resource: only the id keeps it from its work."""


def things_at(route: Route) -> dict[str, str]:
    """Return, for each place of an address, of which collection it holds an id."""
    return {step.strip("{}"): before for before, step in pairwise(route.template.split("/")) if step.startswith("{")}


PLACES = [(route, place) for route in admin_routes() for place, thing in things_at(route).items() if thing in PREFIXES]


@dataclass(frozen=True, kw_only=True)
class World:
    """Somebody with every permission who works in one workspace; rows of it, of another one, and of none any more."""

    client: AdminClient
    mine: dict[str, str]
    other: dict[str, str]
    deleted: dict[str, str]

    def id_of(self, thing: str, kind: str) -> str:
        """Return an id of a row that the caller may not reach, of this kind."""
        known = {"other": self.other, "deleted": self.deleted}.get(kind, self.mine)[thing]
        return {"absent": new_id(PREFIXES[thing]), "case": known.swapcase(), "space": f"{known} "}.get(kind, known)


def ids_in(workspace: Workspace, *, gone: bool = False) -> dict[str, str]:
    """Make a row of everything that is for this workspace alone; with `gone` they are deleted at once."""
    key, webhook = make_key(workspace_ids=[workspace.pk])[0], make_webhook(workspace_ids=[workspace.pk])
    delivery = make_delivery(webhook, workspace_id=workspace.pk)
    ids = {"workspaces": workspace.pk, "keys": key.pk, "webhooks": webhook.pk, "deliveries": delivery.pk}
    if gone:
        revoke_key(key, actor=SYSTEM, now=NOW)
        webhooks.delete_webhook(webhook, actor=SYSTEM, now=NOW)
        delivery.delete()
    return ids


@pytest.fixture
def world(workspace: Workspace) -> World:
    user = make_user(email="mona@example.com", role="editor", permissions=list(ADMIN_PERMISSIONS))
    left = make_workspace()
    for each in (workspace, left):
        user.memberships.create(workspace=each)
    deleted = ids_in(workspace, gone=True) | {"workspaces": left.pk}
    Workspace.objects.filter(pk=left.pk).update(deleted_at=NOW)
    client = AdminClient(make_token(user))
    return World(client=client, mine=ids_in(workspace), other=ids_in(make_workspace()), deleted=deleted)


def asked(client: AdminClient, route: Route, ids: dict[str, str]) -> Any:
    """Send what would do the route's work, were it not for an id."""
    path = route.template.format(**{place: quote(pk) for place, pk in ids.items()})
    own = BODIES.get(route.resource, {}) if route.method in ("PUT", "PATCH") else {}
    return client(route.method, path, None if route.method == "GET" else BODIES.get(path.rpartition("/")[2], own))


@pytest.mark.parametrize(("route", "place"), PLACES, ids=str)
def test_an_id_in_the_path_is_not_found_whatever_is_behind_it(world: World, route: Route, place: str) -> None:
    things, before = things_at(route), rows()
    mine = {each: world.mine[thing] for each, thing in things.items()}

    answers = [asked(world.client, route, mine | {place: world.id_of(things[place], kind)}) for kind in KINDS]
    answers.append(asked(world.client, route, {each: world.other[thing] for each, thing in things.items()}))

    assert [error_of(answer) for answer in answers] == [(404, "NOT_FOUND")] * len(answers)
    assert len({answer.content for answer in answers}) == 1
    assert rows() == before


@pytest.mark.parametrize(("route", "place"), PLACES, ids=str)
def test_the_requests_of_this_test_reach_what_is_the_callers_own(world: World, route: Route, place: str) -> None:
    answer = asked(world.client, route, {each: world.mine[thing] for each, thing in things_at(route).items()})

    assert answer.status_code in (200, 409), answer.content


Body = Callable[[str], dict[str, Any]]
WEBHOOK = {"url": "https://1.1.1.1/hook", "events": ["post.failed"]}
IN_BODIES: list[tuple[str, str, Body]] = [
    ("POST", "/admin/keys", lambda id: {"name": "x", "workspaces": [id]}),
    ("PUT", "/admin/keys/{keys}", lambda id: {"workspaces": [id]}),
    ("POST", "/admin/webhooks", lambda id: WEBHOOK | {"workspaces": [id]}),
    ("PATCH", "/admin/webhooks/{webhooks}", lambda id: {"workspaces": [id]}),
]


@pytest.mark.parametrize(("method", "path", "body"), IN_BODIES)
def test_a_workspace_in_a_body_is_unknown_whatever_is_behind_it(
    world: World, method: str, path: str, body: Body
) -> None:
    before = rows()

    ids = [world.id_of("workspaces", kind) for kind in KINDS]
    answers = [world.client(method, path.format(**world.mine), body(each)) for each in ids]

    assert [error_of(answer) for answer in answers] == [(400, "VALIDATION_ERROR")] * len(KINDS)
    assert len({answer.content.replace(id.encode(), b"") for answer, id in zip(answers, ids, strict=True)}) == 1
    assert rows() == before


@pytest.mark.parametrize("name", ["workspace_id", "resource_id"])
def test_the_log_of_another_workspace_is_as_empty_as_that_of_none(world: World, name: str) -> None:
    posts = [make_post(Workspace.objects.get(pk=pk)) for pk in (world.mine["workspaces"], world.other["workspaces"])]
    for post in posts:
        record("updated", post, actor=SYSTEM)
    own, other = ({"workspace_id": post.workspace_id, "resource_id": post.pk}[name] for post in posts)

    answers = [world.client.get(f"/admin/audit?{name}={quote(pk)}") for pk in (own, other, new_id("x"))]

    assert [bool(answer.json()["data"]["logs"]) for answer in answers] == [True, False, False]
    assert answers[1].content == answers[2].content
