"""/api/schema and /admin/schema: what they name, require and leave out; `conftest` holds each answer beside them."""

import json
import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from django.test import Client

from accounts.platforms.limits import Limits
from ouipost.ids import new_id
from posts.advice import failure
from posts.models import Target
from tests.conftest import ApiClient
from tests.contract.described import answer_of, faults_of_body
from tests.contract.world import connect_all
from tests.contract.writes import World
from tests.factories import make_media, make_post, make_schedule, make_user, make_webhook
from workspaces.models import Membership, Workspace
from workspaces.settings import KNOWN

FAILURE = failure("PLATFORM_UNAVAILABLE", "Away.", retryable=True)


@pytest.fixture(scope="module")
def schema() -> Any:
    return Client().get("/api/schema").json()


@pytest.fixture(scope="module")
def admin_schema() -> Any:
    return Client().get("/admin/schema").json()


def test_what_validate_preview_and_timeline_answer_has_a_name(schema: Any) -> None:
    def data_of(method: str, path: str) -> Any:
        described = schema["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]
        return described["properties"]["data"]

    assert data_of("post", "/api/posts/validate") == {"$ref": "#/components/schemas/Validation"}
    assert data_of("get", "/api/posts/{id}/preview") == {"$ref": "#/components/schemas/Previews"}
    assert data_of("get", "/api/posts/{id}/timeline") == {"$ref": "#/components/schemas/Timeline"}


def test_what_always_stands_beside_a_row_or_a_message_is_required(schema: Any) -> None:
    def required(method: str, path: str, status: str = "200") -> Any:
        content = schema["paths"][path][method]["responses"][status]["content"]
        return content["application/json"]["schema"]["properties"]["data"]["required"]

    assert required("delete", "/api/accounts/{id}") == ["message", "cancelled_posts", "in_flight"]
    assert required("delete", "/api/schedules/{id}") == ["message", "returned_to_draft"]
    assert required("put", "/api/schedules/{id}") == ["schedule", "returned_to_draft"]
    assert required("post", "/api/posts", "201") == ["post"]


def test_a_publish_answers_all_that_is_described_of_a_target(api: ApiClient, workspace: Workspace, schema: Any) -> None:
    post = make_post(workspace, accounts=connect_all(workspace, "facebook", "twitter"), status="published")
    Target.objects.filter(post=post, platform="twitter").update(status="failed", error=FAILURE)

    results = api.post(f"/api/posts/{post.pk}/publish").json()["data"]["post"]["platform_results"]

    assert {name for each in results for name in each} == set(
        schema["components"]["schemas"]["PlatformResult"]["properties"]
    )


def test_a_report_is_described_with_its_query_and_as_a_table(schema: Any) -> None:
    described = schema["paths"]["/api/analytics"]["get"]

    assert set(described["responses"]["200"]["content"]) == {"application/json", "text/csv"}
    assert [each["name"] for each in described["parameters"] if each["in"] == "query"] == [
        "format",
        "from",
        "granularity",
        "platform",
        "to",
    ]


def test_nothing_but_a_publish_is_described_as_202(db: None) -> None:
    paths = Client().get("/api/schema").json()["paths"] | Client().get("/admin/schema").json()["paths"]

    taken = {path for path, calls in paths.items() for call in calls.values() if "202" in call.get("responses", {})}

    assert taken == {"/api/posts/{id}/publish", "/api/posts/{id}/retry"}


def calls_of(*described: Any) -> list[tuple[str, str, Any]]:
    return [
        (method, path, call)
        for one in described
        for path, calls in one["paths"].items()
        for method, call in calls.items()
    ]


def test_a_generated_client_can_do_what_the_api_can(schema: Any, admin_schema: Any) -> None:
    components = schema["components"]["schemas"]
    parameters = {
        (path, each["name"]): each["schema"]
        for _, path, call in calls_of(schema, admin_schema)
        for each in call.get("parameters", [])
    }

    assert components["UploadInput"]["properties"]["file"] == {"type": "string", "format": "binary"}
    assert ("/api/posts/{id}/publish", "Prefer") in parameters
    assert re.fullmatch(parameters["/api/posts/{id}", "id"]["pattern"], new_id("post"))
    assert parameters["/api/schedules/{id}/slots", "count"]["type"] == "integer"
    # a client sends the defaults that it reads, and would get a page of a list that is whole without them
    assert "default" not in parameters["/api/accounts", "limit"]
    assert parameters["/api/posts", "limit"]["default"] == 20
    assert parameters["/api/platforms", "X-Workspace-ID"]
    headers = schema["paths"]["/api/posts"]["post"]["responses"]
    assert {"X-RateLimit-Remaining", "Idempotent-Replayed"} < set(headers["201"]["headers"])
    assert components["SlotInput"]["properties"]["time"]["pattern"] == "^([01][0-9]|2[0-3]):([0-5][0-9])$"


def test_only_what_begins_and_ends_a_token_takes_no_idempotency_key(schema: Any, admin_schema: Any) -> None:
    keyless = set()
    for path, calls in [*schema["paths"].items(), *admin_schema["paths"].items()]:
        for method, call in calls.items():
            taken = "Idempotency-Key" in {each["name"] for each in call.get("parameters", ())}
            assert taken == any("Idempotent-Replayed" in each.get("headers", ()) for each in call["responses"].values())
            if method != "get" and not taken:
                keyless.add(path)

    assert keyless == {"/admin/login", "/admin/logout"}


def test_patch_takes_the_same_body_as_put(schema: Any, admin_schema: Any) -> None:
    paths = schema["paths"] | admin_schema["paths"]
    both = {path: (calls["put"], calls["patch"]) for path, calls in paths.items() if {"put", "patch"} <= set(calls)}

    others = [path for path, (put, patch) in both.items() if put["requestBody"] != patch["requestBody"]]

    assert (len(both) > 5, others) == (True, [])


def test_what_may_not_be_empty_is_described_with_a_least_length(schema: Any, admin_schema: Any) -> None:
    components = schema["components"]["schemas"] | admin_schema["components"]["schemas"]
    texts = [
        (key, kind.get("items", kind))
        for name, each in components.items()
        if name.endswith("Input")
        for key, kind in each["properties"].items()
    ]
    parameters = [each for _, _, call in calls_of(schema, admin_schema) for each in call.get("parameters", ())]

    may_be_empty = {key for key, kind in texts if kind.get("type") == "string" and {"type", "maxLength"} >= kind.keys()}
    assert may_be_empty == {"content", "title", "link", "alt_text", "description", "name"}
    assert [each for each in parameters if each["in"] == "query" and each["schema"] == {"type": "string"}] == []


@pytest.mark.parametrize("address", ["/api/schema", "/admin/schema"])
def test_what_calls_have_in_common_is_told_once(client: Client, address: str) -> None:
    content = client.get(address).content

    assert len(content) < 250_000
    told = json.loads(content)
    calls = [call for calls in told["paths"].values() for call in calls.values()]
    shared = {answer["$ref"] for call in calls for answer in call["responses"].values() if "$ref" in answer}
    assert shared == {f"#/components/responses/{name}" for name in told["components"]["responses"]}


def test_what_stands_beside_a_refusal_is_described(schema: Any, admin_schema: Any) -> None:
    def headers_of(one: Any, path: str) -> dict[str, set[str]]:
        call = one["paths"][path]["post"]
        return {status: set(answer_of(one, call, status)["headers"]) for status in call["responses"]}

    always, replayed, later = {"X-Request-ID"}, {"Idempotent-Replayed"}, {"Retry-After"}
    allowance = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit-Policy", "RateLimit"}
    api, admin = headers_of(schema, "/api/posts"), headers_of(admin_schema, "/admin/users")
    publish = headers_of(schema, "/api/posts/{id}/publish")

    assert [api["400"], api["401"], api["422"]] == [*[always | allowance] * 2, always | allowance | replayed]
    assert [api["429"], api["503"]] == [always | allowance | later] * 2
    assert publish["202"] - publish["200"] == {"Location"}
    assert publish["200"] - api["201"] == {"Preference-Applied"}
    assert [admin["400"], admin["409"], admin["429"]] == [always, always | replayed | later, always | later]


def test_a_refusal_is_described_in_both_its_forms(api: ApiClient, schema: Any, admin_schema: Any) -> None:
    forms = {
        (path, status): set(answer_of(one, call, status)["content"])
        for one in (schema, admin_schema)
        for _, path, call in calls_of(one)
        for status in call["responses"]
        if status >= "400"
    }
    problem = api.get("/api/posts/post_x", Accept="application/problem+json")

    both = {"application/json", "application/problem+json"}
    assert [at for at, each in forms.items() if each != both] == [("/admin/health", "503")]  # a report, no refusal
    assert set(problem.json()) == set(schema["components"]["schemas"]["Problem"]["required"])


def test_the_usual_values_of_a_report_are_described(schema: Any) -> None:
    usual = {
        path: each["description"]
        for _, path, call in calls_of(schema)
        for each in call.get("parameters", [])
        if each["name"] == "granularity"
    }

    assert usual == {
        "/api/analytics": "Default: day.",
        "/api/posts/{id}/analytics": "Default: hour for a week, then day.",
    }


def test_the_usual_mode_and_tier_of_a_new_key_are_described(admin_schema: Any) -> None:
    fields = admin_schema["components"]["schemas"]["NewKeyInput"]["properties"]

    assert {name: fields[name]["default"] for name in ("mode", "tier")} == {"mode": "live", "tier": "starter"}


def test_what_an_error_means_for_who_may_send_again_is_described(schema: Any) -> None:
    described = schema["components"]["schemas"]["TargetError"]["properties"]["retryable"]["description"]

    assert "without anybody acting" in described
    assert "`retry_safe`" in described


def test_a_change_is_described_as_partial(schema: Any, admin_schema: Any) -> None:
    for method, path, call in calls_of(schema, admin_schema):
        if method in ("put", "patch") and not path.endswith("/members"):
            name = call["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            body = (schema if path.startswith("/api/") else admin_schema)["components"]["schemas"][name]
            assert "required" not in body, (method, path)


def test_what_an_answer_always_has_is_required_and_has_a_type(schema: Any, admin_schema: Any) -> None:
    shown = {
        name: each
        for described in (schema, admin_schema)
        for name, each in described["components"]["schemas"].items()
        if each["type"] == "object" and not name.endswith(("Input", "List", "Page", "Override", "ErrorDetails"))
    }

    at_times = {name: set(each["properties"]) - set(each["required"]) for name, each in shown.items()}
    untyped = {(name, key) for name, each in shown.items() for key, kind in each["properties"].items() if kind == {}}

    assert {name: left for name, left in at_times.items() if left} == {
        "AccountError": {"who_acts"},
        "Connected": {"account", "accounts"},
        "PlatformResult": {"error"},
        "SignIn": {"warnings"},
        "Validation": {"warnings"},
        "PostEventData": {"changed", "targets_left_out"},
        "AccountEventData": {"posts", "cancelled"},
        **{name: {"message"} for name in ("Timed", "Storage", "Queue", "Publisher")},
    }
    assert untyped == {("Issue", "limit"), ("Issue", "actual")}


def test_what_a_client_makes_types_of_has_a_name_and_is_described_in_full(schema: Any, admin_schema: Any) -> None:
    components, of_admin = schema["components"]["schemas"], admin_schema["components"]["schemas"]

    def kind_of(name: str, key: str) -> Any:
        return (components.get(name) or of_admin[name])["properties"][key]

    assert kind_of("ErrorDetails", "issues")["items"] == {"$ref": "#/components/schemas/Issue"}
    assert kind_of("Target", "error")["oneOf"] == [{"$ref": "#/components/schemas/TargetError"}, {"type": "null"}]
    assert kind_of("TimelineEntry", "platform")["oneOf"] == [
        {"$ref": "#/components/schemas/PlatformId"},
        {"type": "null"},
    ]
    assert kind_of("PostsPage", "pagination") == {"$ref": "#/components/schemas/Pagination"}
    assert kind_of("LogsPage", "pagination") == {"$ref": "#/components/schemas/BoundedPagination"}
    assert set(components["Limits"]["required"]) == {each.name for each in fields(Limits)}
    assert set(kind_of("Workspace", "settings")["properties"]) == set(KNOWN)
    lists = {("Post", "platforms"): "PlatformId", ("Webhook", "events"): "WebhookEvent"}
    lists |= {("Key", "permissions"): "KeyPermission", ("User", "permissions"): "Permission"}
    assert {at: kind_of(*at)["items"]["$ref"].rpartition("/")[2] for at in lists} == lists


def test_a_filter_takes_what_an_answer_has(schema: Any, admin_schema: Any) -> None:
    kinds = {
        (path, each["name"]): each["schema"].get("$ref", "").rpartition("/")[2]
        for _, path, call in calls_of(schema, admin_schema)
        for each in call.get("parameters", [])
    }

    assert (kinds["/api/posts", "platform"], kinds["/api/posts", "status"]) == ("PlatformId", "PostStatus")
    assert (kinds["/api/accounts", "status"], kinds["/api/analytics", "platform"]) == ("AccountStatus", "PlatformId")


def test_only_settings_and_errors_have_members_without_a_type_of_their_own(schema: Any, admin_schema: Any) -> None:
    def nested(described: Any) -> bool:
        inner = described.values() if isinstance(described, dict) else described
        return any("properties" in each or nested(each) for each in inner if isinstance(each, (dict, list)))

    components = schema["components"]["schemas"] | admin_schema["components"]["schemas"]

    inline = {
        (name, key)
        for name, each in components.items()
        for key, kind in each.get("properties", {}).items()
        if nested([kind])
    }
    assert {(name, key) for name, key in inline if key != "settings"} == {("Error", "error")}


def test_an_answer_has_one_type_and_no_other_for_writing(schema: Any, admin_schema: Any) -> None:
    shown = schema["components"]["schemas"] | admin_schema["components"]["schemas"]

    marked = {name for name, each in shown.items() if "readOnly" in json.dumps(each)}

    assert [name for name in marked if not name.endswith("Input")] == []


def _with_a_member(world: World) -> str:
    Membership.objects.create(workspace=world.workspace, user=make_user(email="member@example.com", role="editor"))
    return world.workspace.pk


CHANGEABLE: dict[str, Callable[[World], str]] = {
    "/api/workspaces/{id}": lambda world: world.workspace.pk,
    "/api/accounts/{id}": lambda world: world.account.pk,
    "/api/posts/{id}": lambda world: make_media(world.post("scheduled")).post_id,
    "/api/media/{id}": lambda world: make_media(world.post()).pk,
    "/api/schedules/{id}": lambda world: make_schedule(world.workspace).pk,
    "/admin/keys/{id}": lambda world: world.key.pk,
    "/admin/users/{id}": lambda world: world.user.pk,
    "/admin/profile": lambda world: "",
    "/admin/webhooks/{id}": lambda world: make_webhook().pk,
    "/admin/workspaces/{id}/members": _with_a_member,
}
"""What a GET shows and a PUT takes: each address, and what makes the id in it."""


@pytest.mark.parametrize("path", CHANGEABLE)
def test_what_a_get_shows_is_described_as_a_body_of_its_put(world: World, path: str) -> None:
    address = path.format(id=CHANGEABLE[path](world))
    shown = world.act("GET", address).json()["data"]
    body = shown if path.endswith("/members") else next(iter(shown.values()))

    faults = faults_of_body(json.dumps(body).encode(), "PUT", address)

    assert (faults, world.act("PUT", address, body).status_code) == ([], 200)


def test_all_that_a_get_shows_and_a_put_takes_is_looked_at(schema: Any, admin_schema: Any) -> None:
    paths = schema["paths"] | admin_schema["paths"]

    assert {path for path, calls in paths.items() if {"get", "put"} <= set(calls)} == set(CHANGEABLE)


def test_a_call_is_named_after_its_address(schema: Any, admin_schema: Any) -> None:
    names = {(method, path): call["operationId"] for method, path, call in calls_of(schema, admin_schema)}

    assert names["get", "/api/posts/{id}/analytics"] == "posts_analytics"
    assert names["get", "/admin/health"] == "health"
    assert names["get", "/admin/workspaces/{id}/members"] == "workspaces_members"
    assert (names["get", "/api/posts/{id}"], names["post", "/api/posts"]) == ("posts_retrieve", "posts_create")
    assert [name for path, name in names.items() if name.endswith("_retrieve") and not path[1].endswith("}")] == []


def test_each_call_says_in_a_line_what_it_does_and_which_credential_it_takes(schema: Any, admin_schema: Any) -> None:
    calls = calls_of(schema, admin_schema)

    assert [path for _, path, call in calls if not call["summary"] or "security" not in call] == []
    assert [path for _, path, call in calls if not call["security"]] == ["/admin/login"]
    login = admin_schema["paths"]["/admin/login"]["post"]
    assert {"401", "429"} < set(login["responses"])
    for described in (schema, admin_schema):
        assert described["servers"]
        assert {each["name"] for each in described["tags"]} == {
            tag for _, _, call in calls_of(described) for tag in call["tags"]
        }
        assert [each["name"] for each in described["tags"] if not each["description"]] == []
