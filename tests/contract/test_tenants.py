"""Whatever a caller may not see is answered as if it did not exist: every route, every place for an id."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import Connection
from ouipost.ids import new_id
from posts.models import Target
from tests.conftest import ApiClient
from tests.contract.routes import Route, api_routes
from tests.contract.world import CALLBACK, error_of
from tests.factories import NOW, make_account, make_key, make_media, make_post, make_schedule, make_workspace
from tests.posts.media.pictures import picture
from workspaces.models import Workspace

pytestmark = pytest.mark.thorough

KINDS = ["other", "absent", "deleted", "case", "space"]
IN_PATH = [*KINDS, "form", "text"]
PREFIXES = {
    "schedules": "sched",
    "workspaces": "ws",
    "accounts": "acc",
    "posts": "post",
    "media": "media",
    "target": "tgt",
}
BODIES: dict[str, dict[str, Any]] = {
    "workspaces": {"name": "Taken over"},
    "accounts": {"name": "Taken over"},
    "posts": {"content": "Taken over"},
    "media": {"alt_text": "Taken over"},
    "schedules": {"name": "Taken over"},
    "schedule": {"scheduled_at": "2090-01-01T00:00:00Z"},
    "reconnect": {"callback_url": CALLBACK},
    "resolve": {"outcome": "not_published"},
}
"""A body that is right, by action or else by resource: only the id keeps the request from doing its work."""
OUR_APPS = ("workspaces", "accounts", "posts", "events", "api")


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """A workspace with one row of everything."""

    workspace: Workspace
    ids: dict[str, str]


def tenant(*, gone: bool = False) -> Tenant:
    """Make a tenant; one that is gone has lost every row but its workspace, and then that too."""
    workspace = make_workspace()
    account = make_account(workspace)
    post = make_post(workspace, accounts=[account], status="needs_review")
    media, target = make_media(post), Target.objects.get(post=post)
    schedule = make_schedule(workspace)
    ids = {"workspaces": workspace.pk, "accounts": account.pk, "posts": post.pk, "media": media.pk, "target": target.pk}
    ids["schedules"] = schedule.pk
    if gone:
        post.delete()
        schedule.delete()
        type(account).objects.filter(pk=account.pk).update(disconnected_at=NOW, default_of=None)
        Workspace.objects.filter(pk=workspace.pk).update(deleted_at=NOW)
    return Tenant(workspace=workspace, ids=ids)


@dataclass(frozen=True, kw_only=True)
class World:
    """A caller with one workspace, beside another's."""

    api: ApiClient
    mine: Tenant
    other: Tenant
    deleted: dict[str, str]

    def id_of(self, what: str, kind: str) -> str:
        """Return an id of a row that the caller may not reach, of this kind."""
        own = self.mine.ids[what]
        return {
            "other": self.other.ids[what],
            "absent": new_id(PREFIXES[what]),
            "deleted": self.deleted[what],
            "case": own.swapcase(),
            "space": f"{own} ",
            "form": f"{PREFIXES[what]}_abc123",
            "text": "\u00e9.\u00e9",
        }[kind]


@pytest.fixture
def world(db: None) -> World:
    mine, other, gone = tenant(), tenant(), tenant(gone=True)
    Workspace.objects.filter(pk=gone.workspace.pk).update(name="Gone")
    listed = [mine.workspace.pk, gone.workspace.pk]
    api = ApiClient(make_key(workspace_ids=listed)[1], mine.workspace.pk)
    api.get("/api/platforms")  # from now on the key's last use is not written for a minute
    return World(api=api, mine=mine, other=other, deleted=gone.ids | _deleted_in(mine.workspace))


def _deleted_in(workspace: Workspace) -> dict[str, str]:
    """Make rows in the caller's own workspace and delete them."""
    account = make_account(workspace, remote_id="gone", default_of=None, disconnected_at=NOW)
    post, schedule = make_post(workspace, accounts=[account]), make_schedule(workspace)
    ids = {
        "accounts": account.pk,
        "schedules": schedule.pk,
        "posts": post.pk,
        "media": make_media(post).pk,
        "target": Target.objects.get(post=post).pk,
    }
    post.delete()
    schedule.delete()
    return ids


def rows() -> dict[str, list[Any]]:
    """Return every row of ours, as it is."""
    models = [model for label in OUR_APPS for model in apps.get_app_config(label).get_models()]
    return {model.__name__: list(model._default_manager.order_by("pk").values_list()) for model in models}


def asked(api: ApiClient, route: Route, **ids: str) -> Any:
    """Send what would do the route's work, were it not for an id."""
    path = route.template.format(**{name: quote(value) for name, value in ids.items()})
    if route.template.endswith("/media"):
        return api.client.post(path, {"file": SimpleUploadedFile("a.jpg", picture())}, headers=api.headers)
    body = BODIES.get(route.action, BODIES.get(route.resource, {}) if route.method in ("PUT", "PATCH") else {})
    return api(route.method, path, None if route.method == "GET" else body)


def what_stands_at(route: Route, place: str) -> str:
    return route.resource if place == "pk" else place


PLACES = [(route, place) for route in api_routes() for place in route.places]
IN_HEADER = [route for route in api_routes() if route.takes_workspace_header]


def in_path(world: World, route: Route, place: str, kind: str) -> Any:
    what = what_stands_at(route, place)
    owner = world.other if kind == "other" and place == "pk" else world.mine
    return asked(world.api, route, **ids_for(route, owner) | {place: world.id_of(what, kind)})


def test_an_id_in_the_path_is_not_found_whatever_is_behind_it(world: World) -> None:
    before = rows()

    answers = {f"{route}, {place}": [in_path(world, route, place, kind) for kind in IN_PATH] for route, place in PLACES}

    assert {name: told(found) for name, found in answers.items()} == dict.fromkeys(answers, (1, 404, "NOT_FOUND"))
    assert rows() == before


def told(answers: list[Any]) -> tuple[int, int, str]:
    """Return how many different answers there are, and the first one's status and code."""
    return (len({answer.content for answer in answers}), *error_of(answers[0]))


def test_a_workspace_in_the_header_is_not_found_whatever_is_behind_it(world: World) -> None:
    before = rows()

    answers: dict[str, list[Any]] = {str(route): [] for route in IN_HEADER}
    for kind in KINDS:
        world.api.headers["X-Workspace-ID"] = world.id_of("workspaces", kind)
        for route in IN_HEADER:
            answers[str(route)].append(asked(world.api, route, **ids_for(route, world.mine)))

    wanted = (1, 404, "WORKSPACE_NOT_FOUND")
    assert {name: told(found) for name, found in answers.items()} == dict.fromkeys(answers, wanted)
    assert rows() == before


def test_a_workspace_of_another_in_the_header_opens_none_of_the_rows_in_it(world: World) -> None:
    before = rows()
    world.api.headers["X-Workspace-ID"] = world.other.workspace.pk

    answers = {str(route): asked(world.api, route, **ids_for(route, world.other)) for route in IN_HEADER}

    errors = {name: error_of(answer) for name, answer in answers.items()}
    assert errors == dict.fromkeys(answers, (404, "WORKSPACE_NOT_FOUND"))
    assert rows() == before


def ids_for(route: Route, owner: Tenant) -> dict[str, str]:
    return {place: owner.ids[what_stands_at(route, place)] for place in route.places}


@pytest.mark.parametrize(("route", "place"), PLACES, ids=str)
def test_the_requests_of_these_tests_reach_what_is_the_callers_own(world: World, route: Route, place: str) -> None:
    answer = asked(world.api, route, **ids_for(route, world.mine))

    assert answer.status_code not in (400, 404, 405, 415, 500), answer.content


Body = Callable[[str], dict[str, Any]]
NINE = {"day": "monday", "time": "09:00"}
IN_BODIES: list[tuple[str, str, Body]] = [
    ("POST", "/api/posts", lambda id: {"content": "x", "platforms": [id]}),
    ("POST", "/api/posts", lambda id: {"content": "x", "platforms": ["facebook", id]}),
    ("POST", "/api/posts", lambda id: {"content": "x", "platforms": ["facebook"], "platform_content": {id: "y"}}),
    ("POST", "/api/posts/validate", lambda id: {"content": "x", "platforms": [id]}),
    ("POST", "/api/posts/validate", lambda id: {"content": "", "platforms": ["tiktok"], "platform_content": {id: ""}}),
    ("PUT", "/api/posts/{draft}", lambda id: {"platforms": [id]}),
    ("PATCH", "/api/posts/{draft}", lambda id: {"platform_content": {id: {"content": "y"}}}),
    ("POST", "/api/schedules", lambda id: {"name": "x", "slots": [NINE | {"platforms": [id]}]}),
    ("PUT", "/api/schedules/{schedule}", lambda id: {"slots": [NINE | {"platforms": ["facebook", id]}]}),
]


@pytest.mark.parametrize(("method", "path", "body"), IN_BODIES)
def test_an_account_in_a_body_is_unknown_whatever_is_behind_it(
    world: World, method: str, path: str, body: Body
) -> None:
    draft = make_post(world.mine.workspace)
    before = rows()

    answers = {}
    for kind in KINDS:
        given = world.id_of("accounts", kind)
        answer = world.api(method, path.format(draft=draft.pk, schedule=world.mine.ids["schedules"]), body(given))
        assert error_of(answer) == (400, "VALIDATION_ERROR")
        answers[kind] = answer.content.replace(given.encode(), b"<id>")

    assert len(set(answers.values())) == 1, answers
    assert rows() == before


def test_a_schedule_in_a_body_is_unknown_whatever_is_behind_it(world: World) -> None:
    draft = Target.objects.get(pk=world.mine.ids["target"]).post
    type(draft).objects.update(status="draft")
    before = rows()

    answers = [
        world.api.post(f"/api/posts/{draft.pk}/schedule", {"schedule_id": world.id_of("schedules", kind)})
        for kind in KINDS
    ]

    assert [error_of(answer) for answer in answers] == [(400, "VALIDATION_ERROR")] * len(KINDS)
    assert len({answer.content for answer in answers}) == 1, answers
    assert rows() == before


def connections(world: World) -> Iterator[str]:
    """Open sign-ins that have candidates but are not the caller's, and ids of none."""
    values = {"platform": "facebook", "callback_url": CALLBACK, "exchanged_at": NOW, "expires_at": "2100-01-01T00:00Z"}
    mine, key_id = world.mine.workspace, make_key()[0].pk
    for number, workspace in enumerate([world.other.workspace, mine]):
        yield Connection.objects.create(workspace=workspace, key_id=key_id, state_digest=str(number), **values).pk
    yield new_id("conn")
    yield "conn_"
    yield ""


def test_a_sign_in_of_another_is_unknown_whatever_is_behind_it(world: World) -> None:
    given = list(connections(world))
    before = rows()

    answers = [
        world.api.post("/api/accounts/callback", {"connection": each, "select": "all"}) for each in given if each
    ]

    assert [error_of(answer) for answer in answers] == [(422, "OAUTH_STATE_INVALID")] * 4
    assert len({answer.content for answer in answers}) == 1
    assert rows() == before
