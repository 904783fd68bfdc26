"""Bodies that no client should send: each is refused in its own words, at once, and leaves nothing behind."""

import time
from typing import Any

import pytest
from django.urls import resolve

from ouipost.events.models import Event
from posts.models import Post
from tests.conftest import ApiClient
from tests.contract.bodies import ENDPOINTS, MEBIBYTE
from tests.contract.world import CALLBACK, error_of
from tests.factories import make_account, make_post, make_workspace
from workspaces.models import Workspace

pytestmark = pytest.mark.thorough

GOOD: dict[str, dict[str, Any]] = {
    "create a post": {"content": "x", "platforms": ["facebook"]},
    "change a post": {"content": "x"},
    "schedule a post": {"scheduled_at": "2090-01-01T00:00:00Z"},
    "create a workspace": {"name": "x"},
    "connect an account": {"platform": "facebook", "callback_url": CALLBACK},
}
TEXTS = {
    "create a post": ["content", "title", "link"],
    "change a post": ["content", "title", "link"],
    "schedule a post": ["scheduled_at", "timezone"],
    "create a workspace": ["name", "description", "mode"],
    "connect an account": ["platform", "callback_url"],
}
LISTS = {"create a post": ["platforms", "hashtags"], "change a post": ["platforms", "hashtags"]}
OBJECTS = {"create a post": ["platform_content"], "create a workspace": ["settings"]}
NO_TEXTS = [0, -0.0, 1.5, True, [], ["x"], {}, {"x": "y"}, "\x01", "a\x1bb"]
NO_LISTS = ["facebook", 1, True, {}, {"0": "facebook"}, None, [1], [None], [["facebook"]], [{"id": "facebook"}]]
NO_OBJECTS = ["x", 1, True, [], [{}], None]


def wrong_bodies(endpoint: str) -> list[dict[str, Any]]:
    """Return bodies that are right but for one value of the wrong type."""
    tables = ((TEXTS, NO_TEXTS), (LISTS, NO_LISTS), (OBJECTS, NO_OBJECTS))
    return [
        GOOD[endpoint] | {name: value}
        for fields, values in tables
        for name in fields.get(endpoint, ())
        for value in values
    ]


@pytest.fixture
def paths(workspace: Workspace) -> dict[str, str]:
    return {"post": make_post(workspace, accounts=[make_account(workspace)]).pk}


def refused(api: ApiClient, endpoint: str, paths: dict[str, str], body: Any) -> tuple[int, str]:
    """Send a bad body; the refusal must come at once and must have changed nothing."""
    before = (Event.objects.count(), Post.objects.count(), Workspace.objects.count())
    method, path = ENDPOINTS[endpoint][0], ENDPOINTS[endpoint][1].format(**paths)
    resolve(path)  # the first request of a process reads all modules
    started = time.process_time()
    response = api(method, path, body)
    assert time.process_time() - started < 1
    assert (Event.objects.count(), Post.objects.count(), Workspace.objects.count()) == before
    return error_of(response)


@pytest.mark.any_database
@pytest.mark.parametrize("endpoint", GOOD)
def test_a_value_of_the_wrong_type_is_refused_and_never_coerced(
    api: ApiClient, paths: dict[str, str], endpoint: str
) -> None:
    answers = [(body, refused(api, endpoint, paths, body)) for body in wrong_bodies(endpoint)]

    assert len(answers) > 15
    assert [(body, answer) for body, answer in answers if answer != (400, "VALIDATION_ERROR")] == []


def test_a_body_that_is_announced_as_a_hundred_megabytes_is_refused_before_it_is_read(api: ApiClient) -> None:
    """The test's own stream raises when more is read than it holds."""
    announced: Any = {"CONTENT_LENGTH": str(100 * MEBIBYTE), "content_type": "application/json"}

    response = api.client.generic("POST", "/api/posts", b"{", headers=api.headers, **announced)

    assert error_of(response) == (413, "PAYLOAD_TOO_LARGE")


def test_a_body_that_is_too_large_is_refused_with_an_idempotency_key_too(api: ApiClient) -> None:
    response = api.post("/api/posts", b" " * (MEBIBYTE + 1), Idempotency_Key="k")

    assert error_of(response) == (413, "PAYLOAD_TOO_LARGE")
    assert response.json()["error"]["details"] == {"limit_bytes": MEBIBYTE}


@pytest.mark.parametrize("key", ["k{}", "acc_019a2b3c-4d5e-7f00-8a1b-{:012}"])
@pytest.mark.parametrize("endpoint", ["create a post", "change a post"])
def test_overrides_for_thousands_are_refused_before_each_is_looked_at(
    api: ApiClient, paths: dict[str, str], endpoint: str, key: str
) -> None:
    overrides = {key.format(number): {"content": "x"} for number in range(4_000)}

    assert refused(api, endpoint, paths, {"platform_content": overrides}) == (400, "VALIDATION_ERROR")


def test_text_of_any_script_comes_back_as_it_was_sent(api: ApiClient, workspace: Workspace) -> None:
    make_account(workspace)
    text = "Grüße 👩‍👩‍👧‍👦 שלום 你好\tx\n\n  y "

    body = {"content": text, "platforms": ["facebook"]}
    post = api.post("/api/posts", body).json()["data"]["post"]

    assert post["content"] == text


@pytest.mark.django_db
def test_ids_and_times_in_a_body_that_creates_change_nothing(api: ApiClient, workspace: Workspace) -> None:
    make_account(workspace)
    other = make_workspace()
    planted = {"id": "post_1", "published_at": "2001-01-01T00:00:00Z", "created_at": "2001-01-01T00:00:00Z"}

    ignored = api.post("/api/posts", {"content": "x", "platforms": ["facebook"]} | planted)
    refused = api.post("/api/posts", {"content": "x", "platforms": ["facebook"], "workspace_id": other.pk})

    post = Post.objects.get()
    assert ignored.status_code == 201
    assert (post.workspace_id, post.published_at) == (workspace.pk, None)
    assert post.pk != "post_1"
    assert post.created_at.year > 2001
    assert set(refused.json()["error"]["details"]["fields"]) == {"workspace_id"}
