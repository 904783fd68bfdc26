"""A row that is not as this version writes it is shown beside the others, and breaks no list."""

from typing import Any

import pytest
from django.db.models import Model, Q

from accounts.models import SocialAccount
from analytics.models import TargetNumbers
from ouipost.events.models import Message, Webhook
from posts.models import Media, Post, Schedule, Target
from tests.breaking import JSON_COLUMNS, MODELS_WITH_JSON, break_rows
from tests.conftest import AdminClient, ApiClient
from tests.console.world import make_world
from tests.contract.routes import admin_routes, api_routes
from tests.contract.world import CALLBACK, error_of
from tests.factories import make_account, make_key, make_media, make_post, make_schedule, make_token, make_user
from workspaces.models import ApiKey, User, Workspace

pytestmark = [pytest.mark.thorough, pytest.mark.any_database]
ROWS: dict[str, type[Model]] = {
    "schedules": Schedule,
    "workspaces": Workspace,
    "accounts": SocialAccount,
    "posts": Post,
    "media": Media,
    "users": User,
    "keys": ApiKey,
    "webhooks": Webhook,
}
"""By the collection that an address begins with."""
GONE = "myspace"
"""A network that an older version had."""


@pytest.fixture
def clients(db: None) -> list[tuple[ApiClient, list[Any]]]:
    """The API and the admin API, each with its routes that read, beside at least one row of everything.

    The health is looked at in other threads, which do not see a test's rows.
    """
    make_world()
    for post in Post.objects.all():
        make_media(post)
    workspace = Workspace.objects.get()
    api = ApiClient(make_key(name="Ours")[1], workspace.pk)
    admin = AdminClient(make_token(make_user(email="ours@example.com")))
    return [
        (api, [route for route in api_routes() if route.method == "GET" or route.action == "validate"]),
        (admin, [route for route in admin_routes() if route.method == "GET" and route.resource != "health"]),
    ]


def broken(clients: list[tuple[ApiClient, list[Any]]]) -> dict[str, int]:
    """Return what is answered with an error of ours: each route is asked for each of its rows."""
    found = {}
    for client, routes in clients:
        for route in routes:
            rows = ROWS[route.resource]._default_manager.values_list("pk", flat=True) if route.places else [""]
            for pk in rows if route.resource in ROWS or not route.places else []:
                address = route.template.format(**dict.fromkeys(route.places, pk))
                answer = client(route.method, address, None if route.method == "GET" else {})
                found[f"{route.method} {address}"] = answer.status_code
    assert (len(found) > 40, 401 in found.values()) == (True, False)
    return {address: status for address, status in found.items() if status == 500}


@pytest.mark.parametrize("model", MODELS_WITH_JSON, ids=lambda model: model._meta.model_name)
def test_json_columns_of_another_form_break_no_answer(
    clients: list[tuple[ApiClient, list[Any]]], model: type[Model]
) -> None:
    ours: dict[type[Model], Q] = {User: Q(email="ours@example.com"), ApiKey: Q(name="Ours")}
    others = model._default_manager.exclude(ours[model]) if model in ours else model._default_manager.all()
    for field in (field for field in JSON_COLUMNS if field.model is model):
        break_rows(others, field.name, 5)

    assert broken(clients) == {}


class TestUnknown:
    @pytest.fixture(autouse=True)
    def _each_answer_is_described(self) -> None:
        """What this version does not know is shown as it is stored: no description can have it."""

    @pytest.mark.parametrize(
        ("model", "column", "value"),
        [
            (SocialAccount, "platform", GONE),
            (Target, "platform", GONE),
            (TargetNumbers, "platform", GONE),
            (Schedule, "timezone", "Mars/Olympus"),
            (Workspace, "settings", {"timezone": "Mars/Olympus"}),
            (Message, "body", "no JSON"),
            (Message, "body", "[1]"),
            (Webhook, "url", "https://[::1"),
            (Media, "stored_name", "gone"),
            (Media, "type", "smell"),
            (Post, "status", "odd"),
            (Target, "status", "odd"),
            (SocialAccount, "access_token", "no token"),
        ],
    )
    def test_what_this_version_does_not_know_breaks_no_answer(
        self, clients: list[tuple[ApiClient, list[Any]]], model: type[Model], column: str, value: Any
    ) -> None:
        break_rows(model._default_manager.all(), column, value)

        assert broken(clients) == {}


def test_an_account_of_a_network_that_is_gone_cannot_be_connected_again(api: ApiClient, workspace: Workspace) -> None:
    account = make_account(workspace, platform=GONE)

    answer = api.post(f"/api/accounts/{account.pk}/reconnect", {"callback_url": CALLBACK})

    assert error_of(answer) == (422, "PLATFORM_NOT_CONFIGURED")
    assert api.delete(f"/api/accounts/{account.pk}").status_code == 200


def test_a_list_of_posts_shows_the_others_as_they_are(api: ApiClient, workspace: Workspace) -> None:
    posts = [make_post(workspace, accounts=[], hashtags=["bread"]) for _ in range(2)]
    make_account(workspace)
    for column in ("hashtags", "platforms", "media"):
        break_rows(Post.objects.filter(pk=posts[0].pk), column, {"x": 5})

    shown = api.get("/api/posts").json()["data"]["posts"]

    columns = {each["id"]: (each["hashtags"], each["platforms"], each["media"]) for each in shown}
    assert columns == {posts[0].pk: ([], [], []), posts[1].pk: (["bread"], [], [])}


def test_a_schedule_of_a_zone_that_is_gone_is_read_in_utc(api: ApiClient, workspace: Workspace) -> None:
    schedule = make_schedule(workspace)
    post = make_post(workspace, accounts=[make_account(workspace)])
    api.post(f"/api/posts/{post.pk}/schedule", {"schedule_id": schedule.pk})
    Schedule.objects.update(timezone="Mars/Olympus")

    read = api.get(f"/api/schedules/{schedule.pk}")
    slots = api.get(f"/api/schedules/{schedule.pk}/slots")

    shown = read.json()["data"]["schedule"]
    assert (read.status_code, shown["timezone"], shown["stats"]["next_slot"]) == (200, "Mars/Olympus", None)
    assert shown["stats"]["total_published"] == 0
    post.refresh_from_db()
    assert post.scheduled_at
    assert [each["slot_time"] for each in shown["upcoming_posts"]] == [post.scheduled_at.isoformat()]
    assert (slots.status_code, slots.json()["data"]["slots"]) == (200, [])
