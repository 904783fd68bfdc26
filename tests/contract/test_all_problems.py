"""All that is wrong with a request is told in one answer, whether the shape's check finds it or a service's look-up."""

from typing import Any

import pytest

from ouipost.events.models import Event
from tests.conftest import AdminClient, ApiClient
from tests.contract.routes import Route, admin_routes, api_routes
from tests.contract.world import fields_of
from tests.factories import make_account, make_key, make_media, make_post, make_schedule, make_user, make_webhook
from workspaces.models import Workspace

GONE = "019a2b3c-4d5e-7f00-8a1b-2c3d4e5f6a7b"
NOBODY, NOWHERE, NO_SCHEDULE = f"acc_{GONE}", f"ws_{GONE}", f"sched_{GONE}"
PAST = "2020-01-01T00:00:00Z"
POST = {"platforms": [NOBODY], "platform_content": {NOBODY: {"content": "x"}}, "title": 1}
POST_PROBLEMS = {"title", "platforms.0", f"platform_content.{NOBODY}"}
OVERRIDES: dict[str, Any] = {
    "myspace": "x",
    "orkut": {"title": 5, "foo": 1},
    NOBODY: {"caption": "x"},
    "twitter": 1,
}
OVERRIDE_PROBLEMS = {
    *(f"platform_content.{key}" for key in ("myspace", "orkut", "orkut.title", "orkut.foo")),
    *(f"platform_content.{key}" for key in (NOBODY, f"{NOBODY}.caption", "twitter")),
}
SLOTS = [
    {"day": "monday", "time": "09:00", "platforms": ["facebook"]},
    {"day": "monday", "time": "09:00", "platforms": [NOBODY]},
    {"day": "someday", "time": "25:00", "platforms": []},
]
SLOT_PROBLEMS = {"slots.1.time", "slots.1.platforms.0", "slots.2.day", "slots.2.time", "slots.2.platforms"}
KEY = {"name": "", "tier": "x", "permissions": ["x"], "workspaces": [NOWHERE], "expires_at": "x", "is_active": 1}
KEY_PROBLEMS = {"name", "tier", "permissions.0", "workspaces.0", "expires_at", "is_active"}
USER = {"email": "x", "password": "short", "role": "x", "permissions": ["x"], "is_active": 1}
USER_PROBLEMS = {"email", "password", "role", "permissions.0", "is_active"}
WEBHOOK = {"url": "https://127.0.0.1/", "events": ["x"], "workspaces": [NOWHERE], "is_active": 1}
WEBHOOK_PROBLEMS = {"url", "events.0", "workspaces.0", "is_active"}
WORKSPACE = {"name": "", "description": 1, "settings": {"timezone": "x", "auto_hashtags": 1}}
WORKSPACE_PROBLEMS = {"name", "description", "settings.timezone", "settings.auto_hashtags"}

BODIES: list[tuple[str, dict[str, Any], set[str]]] = [
    ("POST /api/posts", POST | {"scheduled_at": PAST}, {"content", "scheduled_at", *POST_PROBLEMS}),
    ("POST /api/posts", {"content": "", "platforms": [NOBODY], "scheduled_at": PAST}, {"platforms.0", "scheduled_at"}),
    (
        "POST /api/posts",
        POST | {"scheduled_at": "2020-01-01T00:00:00", "timezone": "x"},
        {"content", "timezone", *POST_PROBLEMS},
    ),
    (
        "POST /api/posts",
        {"content": "x", "platforms": ["myspace", 1], "hashtags": ["a b", ""]},
        {"platforms.0", "platforms.1", "hashtags.0", "hashtags.1"},
    ),
    ("POST /api/posts", {"content": "x", "platforms": [1, NOBODY]}, {"platforms.0", "platforms.1"}),
    (
        "POST /api/posts",
        {"content": "x", "platforms": ["facebook"], "platform_content": OVERRIDES},
        OVERRIDE_PROBLEMS,
    ),
    ("PUT /api/posts/{post}", {"platform_content": OVERRIDES}, OVERRIDE_PROBLEMS),
    ("POST /api/posts/validate", POST | {"scheduled_at": PAST}, {"content", "scheduled_at", *POST_PROBLEMS}),
    ("PUT /api/posts/{post}", POST | {"surprise": 1, "status": "published"}, {"surprise", "status", *POST_PROBLEMS}),
    ("POST /api/posts/{post}/schedule", {"scheduled_at": PAST, "timezone": "x"}, {"scheduled_at", "timezone"}),
    ("POST /api/posts/{post}/schedule", {"schedule_id": NO_SCHEDULE, "timezone": "x"}, {"schedule_id", "timezone"}),
    ("POST /api/posts/{post}/targets/{target}/resolve", {"outcome": "published", "surprise": 1}, {"url", "surprise"}),
    ("PUT /api/media/{media}", {"alt_text": 1, "position": -1}, {"alt_text", "position"}),
    (
        "PUT /api/media/{media}",
        {"position": True, "alt_text": None, "caption": "x"},
        {"position", "alt_text", "caption"},
    ),
    ("PUT /api/media/{media}", {"position": "1", "alt_text": "x" * 2001}, {"position", "alt_text"}),
    ("POST /api/schedules", {"timezone": "x", "slots": SLOTS}, {"name", "timezone", *SLOT_PROBLEMS}),
    ("PUT /api/schedules/{schedule}", {"name": "", "slots": SLOTS}, {"name", *SLOT_PROBLEMS}),
    (
        "PUT /api/schedules/{schedule}",
        {"slots": [{"day": "monday", "time": "09:00", "platforms": [NOBODY, 1]}]},
        {"slots.0.platforms.0", "slots.0.platforms.1"},
    ),
    (
        "POST /api/accounts",
        {"platform": "x", "callback_url": "x", "scopes": [1]},
        {"platform", "callback_url", "scopes.0"},
    ),
    (
        "POST /api/accounts",
        {"platform": "tiktok", "callback_url": "https://x.example/?a=1", "scopes": ["a,b"]},
        {"callback_url", "scopes.0"},
    ),
    ("POST /api/accounts", {}, {"platform", "callback_url"}),
    (
        "POST /api/accounts",
        {"platform": "x", "callback_url": 1, "scopes": "all", "state": "mine"},
        {"platform", "callback_url", "scopes", "state"},
    ),
    ("POST /api/accounts/callback", {"select": 1, "code": "x"}, {"select", "state"}),
    ("POST /api/accounts/{account}/reconnect", {"callback_url": "x", "scopes": 1}, {"callback_url", "scopes"}),
    (
        "PUT /api/accounts/{account}",
        {"name": "", "is_default": False, "settings": 1},
        {"name", "is_default", "settings"},
    ),
    (
        "PUT /api/accounts/{account}",
        {"name": "x" * 256, "handle": "x", "is_default": "true", "settings": None},
        {"name", "handle", "is_default", "settings"},
    ),
    *(
        (
            "PUT /api/accounts/{account}",
            {"settings": {"default_hashtags": hashtags, "auto_hashtags": auto}},
            {f"settings.default_hashtags{place}", "settings.auto_hashtags"},
        )
        for hashtags, auto, place in (("#a", 1, ""), ([1], "no", ".0"))
    ),
    ("POST /api/workspaces", WORKSPACE | {"mode": "live"}, {"mode", *WORKSPACE_PROBLEMS}),
    ("PUT /api/workspaces/{workspace}", WORKSPACE | {"surprise": 1}, {"surprise", *WORKSPACE_PROBLEMS}),
    ("POST /admin/keys", KEY | {"mode": "x"}, {"mode", *KEY_PROBLEMS}),
    ("PUT /admin/keys/{key}", KEY, KEY_PROBLEMS),
    ("PUT /admin/keys/{key}", {"workspaces": [1, NOWHERE]}, {"workspaces.0", "workspaces.1"}),
    ("POST /admin/users", USER, USER_PROBLEMS),
    ("PUT /admin/users/{user}", USER, USER_PROBLEMS),
    ("PUT /admin/profile", {"name": 1, "password": "short"}, {"name", "password", "current_password"}),
    ("PUT /admin/workspaces/{workspace}/members", {"members": ["x", "y"]}, {"members.0", "members.1"}),
    (
        "PUT /admin/workspaces/{workspace}/members",
        {"members": [None, "x"], "owner": "y"},
        {"members.0", "members.1", "owner"},
    ),
    ("POST /admin/webhooks", WEBHOOK | {"secret": "x"}, {"secret", *WEBHOOK_PROBLEMS}),
    ("PUT /admin/webhooks/{webhook}", WEBHOOK, WEBHOOK_PROBLEMS),
    ("PUT /admin/webhooks/{webhook}", {"workspaces": [None, NOWHERE]}, {"workspaces.0", "workspaces.1"}),
    ("POST /admin/webhooks/{webhook}/rotate-secret", {"secret": "x", "grace_hours": -1}, {"secret", "grace_hours"}),
    ("POST /admin/webhooks/{webhook}/replay", {"since": PAST, "scope": "x"}, {"since", "scope"}),
    ("POST /admin/pause", {"scope": "network", "id": "x"}, {"id", "reason"}),
    ("POST /admin/resume", {"scope": "all", "id": "x", "reason": 1}, {"id", "reason"}),
]
"""A wrong body for each call that takes one, and what is wrong with it; some of it only the database tells."""

OVERRIDE = {"hashtags": "x", "options": {"thread": ["\u0001", "b", None, 5, "\u0002"], "zz": 1, "post_type": 5}}

QUERIES = {
    "/api/analytics?from=x&to=y&platform=z&granularity=w&format=v&limit=1": {
        *("from", "to", "platform", "granularity", "format", "limit")
    },
    "/api/analytics?from=2026-02-02&to=2026-02-01&granularity=w": {"from", "granularity"},
    "/api/analytics?from=2001-01-01&granularity=hour": {"from", "granularity"},
    "/api/posts/{post}/analytics?granularity=w&format=v&limit=1": {"granularity", "format", "limit"},
    "/api/schedules/{schedule}/slots?count=x&limit=1": {"count", "limit"},
    "/api/posts?status=x&platform=y&from=z&page=0&limit=0&q=1": {"status", "platform", "from", "page", "limit", "q"},
    "/api/accounts?platform=x&status=y&page=0&q=1": {"platform", "status", "page", "q"},
    "/admin/analytics?period=x&format=y&limit=1": {"period", "format", "limit"},
    "/admin/audit?from=x&to=y&format=z&page=0&q=1": {"from", "to", "format", "page", "q"},
    "/admin/audit?limit=0&user=1&user_id=%00": {"limit", "user", "user_id"},
    "/admin/audit?from=x&format=csv&page=1&limit=0&q=1": {"from", "page", "limit", "q"},
    "/admin/webhooks/{webhook}/deliveries?status=x&event=y&from=z&limit=0&q=1": {
        "status",
        "event",
        "from",
        "limit",
        "q",
    },
}
"""The address of each list with filters, or with parameters of its own, and what is wrong with it."""

NO_BODY = ("destroy", "refresh", "publish", "retry", "unschedule", "rotate", "logout", "test", "redeliver")


@pytest.fixture
def ids(workspace: Workspace) -> dict[str, str]:
    """The ids that stand in the addresses, of rows that are there."""
    account = make_account(workspace)
    post = make_post(workspace, accounts=[account])
    [target] = post.targets.all()
    rows = {
        "account": account,
        "post": post,
        "target": target,
        "media": make_media(post),
        "schedule": make_schedule(workspace),
        "workspace": workspace,
        "key": make_key()[0],
        "user": make_user(email="baker@example.com"),
        "webhook": make_webhook(),
    }
    return {name: row.pk for name, row in rows.items()}


@pytest.fixture
def limited(workspace: Workspace) -> ApiClient:
    """A client whose key makes sandboxes only."""
    return ApiClient(make_key(mode="test")[1], workspace.pk)


def test_all_that_is_wrong_with_a_body_is_told_at_once(
    limited: ApiClient, admin: AdminClient, ids: dict[str, str]
) -> None:
    written = Event.objects.count()

    def told(call: str, body: dict[str, Any]) -> set[str]:
        method, path = call.format(**ids).split()
        return set(fields_of((admin if path.startswith("/admin") else limited)(method, path, body)))

    assert [(call, body, told(call, body)) for call, body, _problems in BODIES] == BODIES
    assert Event.objects.count() == written


def test_a_network_and_an_account_that_are_not_there_are_named_together(limited: ApiClient) -> None:
    found = fields_of(limited.post("/api/posts", {"content": "x", "platforms": ["myspace", NOBODY, "facebook"]}))

    known = "The platforms are facebook, instagram, twitter, linkedin, tiktok, youtube, pinterest, threads, bluesky."
    assert found == {
        f"platforms.{place}": [f"Neither a platform nor a connected account: {name}. {known}"]
        for place, name in [(0, "myspace"), (1, NOBODY)]
    }


def test_what_is_wrong_with_items_of_a_list_is_told_at_their_places(limited: ApiClient, workspace: Workspace) -> None:
    platforms = ["myspace", 3, "facebook", NOBODY, None]
    body = {"content": "x", "platforms": platforms, "hashtags": ["rye", "two words", 5, "#"]}
    slot = {"day": "friday", "time": "09:00"}
    slots = [slot | {"platforms": ["facebook"]}, slot | {"time": "10:00", "platforms": platforms}]

    post = fields_of(limited.post("/api/posts", body | {"platform_content": {"threads": {"hashtags": ["a b"]}}}))
    schedule = fields_of(limited.post("/api/schedules", {"name": "Mornings", "slots": slots}))

    wrong = {f"platforms.{place}" for place in (0, 1, 3, 4)}
    assert set(post) == wrong | {f"hashtags.{place}" for place in (1, 2, 3)} | {"platform_content.threads.hashtags.0"}
    assert post["hashtags.1"] == ["A hashtag is one word, with or without its #. Change 'two words'."]
    assert set(schedule) == {f"slots.1.{name}" for name in wrong}


def test_a_field_without_a_name_is_named(limited: ApiClient) -> None:
    found = fields_of(limited.post("/api/posts", {"content": "x", "platforms": ["facebook"], "": 1}))

    assert found == {"": ["Unknown field."]}


def test_an_option_that_is_unknown_is_named_beside_one_of_another_destination(
    limited: ApiClient, workspace: Workspace
) -> None:
    account = make_account(workspace).pk
    overrides = {"twitter": {"options": {"sound": 1}}, account: {"options": {"smell": 1}}}

    found = fields_of(
        limited.post("/api/posts", {"content": "x", "platforms": [account], "platform_content": overrides})
    )

    assert set(found) == {"platform_content.twitter.options.sound", f"platform_content.{account}.options.smell"}


@pytest.mark.parametrize("is_account", [False, True], ids=["network", "account"])
def test_what_is_wrong_with_an_override_hides_nothing_else_in_it(
    api: ApiClient, workspace: Workspace, is_account: bool
) -> None:
    account = make_account(workspace, platform="threads")
    key = account.pk if is_account else "threads"
    body = {"content": "x", "platforms": ["threads"], "platform_content": {key: OVERRIDE}}

    refused = fields_of(api.post("/api/posts", body))

    places = {f"options.thread.{place}" for place in (0, 2, 3, 4)}
    wrong = {"hashtags", "options.zz", "options.post_type", *places}
    assert set(refused) == {f"platform_content.{key}.{name}" for name in wrong}


@pytest.mark.parametrize(("address", "problems"), QUERIES.items())
def test_all_that_is_wrong_with_a_query_is_told_at_once(
    api: ApiClient, admin: AdminClient, ids: dict[str, str], address: str, problems: set[str]
) -> None:
    path = address.format(**ids)

    found = fields_of((admin if path.startswith("/admin") else api).get(path))

    assert set(found) == problems


def test_every_call_that_takes_a_body_and_every_list_with_filters_is_tried() -> None:
    routes = [*api_routes(), *admin_routes()]
    written = {
        shape(str(route))
        for route in routes
        if route.method in ("POST", "PUT") and route.action not in (*NO_BODY, "media")
    }
    asked = {shape(route.template) for route in routes if route.method == "GET" and takes_parameters(route)}

    assert {shape(call) for call, _, _ in BODIES} == written
    assert {shape(address.partition("?")[0]) for address in QUERIES} == asked


def takes_parameters(route: Route) -> bool:
    """Whether the address takes others than those of pages."""
    is_filtered = route.action == "list" and getattr(route.view, "filterset_class", None) is not None
    return is_filtered or route.action in route.view.query_parameters


def shape(call: str) -> str:
    """Return an address without the names of its places."""
    return "/".join("{}" if step.startswith("{") else step for step in call.split("/"))
