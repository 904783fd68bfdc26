"""What holds for every answer: envelope, credentials, workspace, limits, ids, methods."""

import time
from typing import Any

import pytest
from django.test import Client

from ouipost.ids import new_id
from tests.conftest import AdminClient, ApiClient
from tests.contract.seed import SAMPLES, differences
from tests.contract.world import error_of, fill
from tests.factories import make_account, make_key, make_post, make_workspace
from workspaces.models import Workspace

UNKNOWN_KEY = "pk_live_" + "a" * 32


def test_a_failure_has_the_envelope_of_the_reference(api: ApiClient) -> None:
    body = api.get(f"/api/posts/{new_id('post')}").json()

    made = ("error.code", "error.message")
    assert list(differences(body, SAMPLES["responses"]["error"], made=made)) == []
    assert set(body) == {"success", "error"}
    assert set(body["error"]) == {"code", "message", "details"}


@pytest.mark.parametrize(
    ("call", "refusal"),
    [
        (("GET", "/api/nothing"), (404, "NOT_FOUND")),
        (("GET", "/api"), (404, "NOT_FOUND")),
        (("GET", "/api/posts/"), (404, "NOT_FOUND")),
        (("GET", "/api/posts/1"), (404, "NOT_FOUND")),
        (("PUT", "/api/posts", {}), (405, "METHOD_NOT_ALLOWED")),
        (("POST", "/api/platforms", {}), (405, "METHOD_NOT_ALLOWED")),
        (("TRACE", "/api/posts"), (405, "METHOD_NOT_ALLOWED")),
        (("POST", "/api/posts", b"{"), (400, "MALFORMED_JSON")),
        (("POST", "/api/posts", b"[]"), (400, "VALIDATION_ERROR")),
        (("POST", "/api/posts", b" " * 1_048_577), (413, "PAYLOAD_TOO_LARGE")),
    ],
)
def test_whatever_fails_is_answered_in_json(api: ApiClient, call: tuple[Any, ...], refusal: tuple[int, str]) -> None:
    response = api(*call)

    assert error_of(response) == refusal
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["X-Request-ID"]


def test_a_method_that_nobody_takes_is_told_to_a_key_without_permissions_too(workspace: Workspace) -> None:
    caller = ApiClient(make_key(permissions=[])[1], workspace.pk)

    assert error_of(caller.put("/api/posts", {})) == (405, "METHOD_NOT_ALLOWED")


def test_a_404_says_what_to_check_and_never_which_of_it_is_unknown(api: ApiClient, admin: AdminClient) -> None:
    none = "019a2b3c-4d5e-7f00-8a1b-2c3d4e5f6a7b"
    calls = ("nothing", "posts/7", f"posts/post_{none}", f"accounts/acc_{none}/refresh/now", f"workspaces/ws_{none}")

    answers = [*(api.get(f"/api/{call}") for call in calls), admin.get(f"/admin/users/user_{none}")]

    assert {error_of(answer) for answer in answers} == {(404, "NOT_FOUND")}
    assert {answer.json()["error"]["message"] for answer in answers} == {
        "There is nothing at this address that you may see: check the path, the ids and the workspace."
    }


def test_an_address_that_is_not_there_allows_no_method(api: ApiClient, admin: AdminClient) -> None:
    answers = [api.get("/api/nothing"), api("OPTIONS", "/api/posts/7/nothing"), admin.get("/admin/nothing")]

    assert [(error_of(answer), answer.headers.get("Allow")) for answer in answers] == [((404, "NOT_FOUND"), None)] * 3


def test_a_body_of_another_type_is_415_and_an_answer_of_another_type_406(api: ApiClient, workspace: Workspace) -> None:
    form = api.client.post("/api/posts", {"content": "x"}, headers=api.headers)

    packed = api.client.generic("POST", "/api/posts", b"\x1f\x8b", headers=api.headers | {"Content-Encoding": "gzip"})
    upload = api.post(f"/api/posts/{make_post(workspace).pk}/media", {"file": "x"})

    assert error_of(form) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert form.json()["error"]["message"].endswith("This address takes application/json.")
    assert upload.json()["error"]["message"].endswith("This address takes multipart/form-data.")
    assert (packed.status_code, "Content-Encoding" in packed.json()["error"]["message"]) == (415, True)
    assert error_of(api.get("/api/posts", Accept="text/html")) == (406, "NOT_ACCEPTABLE")


@pytest.mark.parametrize("accepted", ["", " ", ",", ", application/json"])
def test_an_empty_member_of_accept_says_nothing(api: ApiClient, workspace: Workspace, accepted: str) -> None:
    assert api.get("/api/posts", Accept=accepted).status_code == 200


@pytest.mark.parametrize("accepted", ["application/problem+json", "application/json, Application/Problem+JSON;q=0.9"])
def test_who_accepts_problems_gets_errors_as_such_and_all_else_as_usual(
    api: ApiClient, workspace: Workspace, accepted: str
) -> None:
    fine = api.get("/api/posts", Accept=accepted)
    refused = api.post("/api/posts", {"content": 5}, Accept=accepted, **{"X-Request-ID": "mine-7"})
    unknown = api.client.get("/api/posts/", headers={"Accept": accepted})
    usual = api.post("/api/posts", {"content": 5}).json()["error"]

    assert (fine.status_code, fine.headers["Content-Type"]) == (200, "application/json")
    assert refused.json() == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": usual["message"],
        "instance": "mine-7",
        "code": "VALIDATION_ERROR",
        "details": usual["details"],
    }
    for problem in (refused, unknown):
        assert problem.headers["Content-Type"] == "application/problem+json"
        assert problem.headers.get("Content-Length", "") in ("", str(len(problem.content)))
    assert (unknown.json()["status"], unknown.json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("path", ["/api/analytics", "/api/posts/{post}/analytics", "/admin/analytics", "/admin/audit"])
def test_who_asks_for_csv_may_accept_nothing_else(
    api: ApiClient, admin: AdminClient, workspace: Workspace, path: str
) -> None:
    client, path = admin if path.startswith("/admin") else api, path.format(post=make_post(workspace).pk)

    answers = [
        client.get(f"{path}?format=csv", Accept=accepted) for accepted in ("text/csv", "text/html, text/*;q=0.5")
    ]

    assert [(answer.status_code, answer.headers["Content-Type"]) for answer in answers] == [
        (200, "text/csv; charset=utf-8")
    ] * 2
    for query, accepted in (("?format=csv", "text/html"), ("", "text/csv"), ("?format=json", "text/csv")):
        assert error_of(client.get(path + query, Accept=accepted)) == (406, "NOT_ACCEPTABLE")


def test_what_is_wrong_with_a_call_for_csv_is_told_in_json(api: ApiClient) -> None:
    refused = api.get("/api/analytics?format=csv&granularity=century", Accept="text/csv")

    assert error_of(refused) == (400, "VALIDATION_ERROR")
    assert refused.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/posts", 200),
        ("/api/analytics?format=csv", 200),
        ("/api/posts/1", 404),
        ("/api/nothing", 404),
        ("/admin/audit", 200),
        ("/admin/audit?format=csv", 200),
        ("/admin/users/1", 404),
    ],
)
def test_no_cache_on_the_way_keeps_an_answer(api: ApiClient, admin: AdminClient, path: str, status: int) -> None:
    response = (admin if path.startswith("/admin") else api).get(path)

    assert (response.status_code, response.headers["Cache-Control"]) == (status, "no-store")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("secret", "refusal"),
    [
        ("", (401, "AUTHENTICATION_REQUIRED")),
        ("nonsense", (401, "INVALID_API_KEY")),
        (UNKNOWN_KEY, (401, "INVALID_API_KEY")),
    ],
)
@pytest.mark.parametrize("path", ["/api/platforms", "/api/workspaces", "/api/posts", "/api/accounts"])
def test_without_a_good_key_there_is_nothing(path: str, secret: str, refusal: tuple[int, str]) -> None:
    response = ApiClient(secret, make_workspace().pk).get(path)

    assert error_of(response) == refusal
    assert response.headers["WWW-Authenticate"] == "X-API-Key"
    assert "X-RateLimit-Limit" not in response.headers


@pytest.mark.django_db
@pytest.mark.parametrize("around", ["Bearer {}", '"{}"', "{}x"])
def test_who_sends_more_than_the_key_is_told_so(around: str) -> None:
    _, secret = make_key()

    response = ApiClient(around.format(secret), make_workspace().pk).get("/api/posts")

    assert error_of(response) == (401, "INVALID_API_KEY")
    assert "without Bearer, quotes or spaces" in response.json()["error"]["message"]


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "header"), [("/api/posts", "X-API-Key"), ("/admin/users", "Authorization")])
def test_who_sends_no_credential_is_told_which(path: str, header: str) -> None:
    assert header in Client().get(path).json()["error"]["message"]


def test_a_key_in_the_address_is_refused_whoever_sends_it(api: ApiClient) -> None:
    response = api.get(f"/api/posts?api_key={api.headers['X-API-Key']}")

    assert error_of(response) == (400, "VALIDATION_ERROR")
    assert api.headers["X-API-Key"].encode() not in response.content


@pytest.mark.parametrize("path", ["/api/posts", "/api/nothing"])
def test_a_known_key_that_sends_it_in_the_address_too_uses_up_its_allowance(api: ApiClient, path: str) -> None:
    before = int(api.get(path).headers["X-RateLimit-Remaining"])

    response = api.get(f"{path}?api_key={api.headers['X-API-Key']}")

    assert error_of(response) == (400, "VALIDATION_ERROR")
    assert int(response.headers["X-RateLimit-Remaining"]) == before - 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/api/posts"), ("POST", "/api/posts"), ("GET", "/api/accounts"), ("GET", "/api/analytics")),
        *(("GET", "/api/posts/{post}"), ("POST", "/api/posts/{post}/schedule"), ("POST", "/api/posts/{post}/publish")),
    ],
)
def test_the_workspace_is_required_where_the_path_does_not_name_it(
    api: ApiClient, workspace: Workspace, method: str, path: str
) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)])
    api.headers["X-Workspace-ID"] = ""

    assert error_of(api(method, path.format(post=post.pk))) == (400, "WORKSPACE_REQUIRED")
    assert api.get("/api/workspaces").status_code == 200
    assert api.get("/api/platforms").status_code == 200


def test_an_answer_before_the_body_was_read_ends_the_connection(api: ApiClient) -> None:
    given = {"name": "x"}

    unread = api.client.post("/api/workspaces", given, content_type="application/json")
    read, refused = api.post("/api/workspaces", given), api.post("/api/workspaces", {"name": 1})
    bare = api.get("/api/workspaces")

    assert (unread.status_code, unread.headers["Connection"]) == (401, "close")
    assert [answer.status_code for answer in (read, refused, bare)] == [201, 400, 200]
    assert [answer.headers.get("Connection") for answer in (read, refused, bare)] == [None] * 3


def test_the_allowance_counts_down_and_then_the_answer_is_429(workspace: Workspace, settings: Any) -> None:
    settings.RATE_LIMITS = {"starter": 3}
    _, secret = make_key(tier="starter")
    api = ApiClient(secret, workspace.pk)
    answers = [api.get(path) for path in ("/api/posts", f"/api/posts/{new_id('post')}", "/api/posts?x=1")]

    refused = api.get("/api/posts")

    names = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
    shown = [tuple(int(answer.headers[name]) for name in names) for answer in [*answers, refused]]
    assert [limits[:2] for limits in shown] == [(3, 2), (3, 1), (3, 0), (3, 0)]
    assert all(time.time() < reset <= time.time() + 61 for _, _, reset in shown)
    assert error_of(refused) == (429, "RATE_LIMIT_EXCEEDED")
    assert 1 <= int(refused.headers["Retry-After"]) <= 61


@pytest.mark.parametrize(("tier", "limit"), [("starter", "60"), ("professional", "300"), ("enterprise", "1200")])
def test_each_tier_has_its_limit_and_each_key_its_own_count(workspace: Workspace, tier: str, limit: str) -> None:
    clients = [ApiClient(make_key(tier=tier)[1], workspace.pk) for _ in range(2)]

    answers = [client.get("/api/posts") for client in clients]

    assert [answer.headers["X-RateLimit-Limit"] for answer in answers] == [limit] * 2
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == [str(int(limit) - 1)] * 2


@pytest.mark.parametrize(
    ("path", "is_slash_too_much"),
    [
        ("/api/nothing", False),
        ("/api/nothing/", False),
        ("/api/", False),
        ("/api/posts//", False),
        ("/api/posts/1", False),
        ("/api/posts/1/", True),
        ("/api/posts/", True),
    ],
)
def test_a_known_key_hears_of_its_allowance_also_at_an_unknown_path(
    api: ApiClient, path: str, is_slash_too_much: bool
) -> None:
    response = api.get(path)

    assert response.status_code == 404
    assert response.headers["X-RateLimit-Remaining"] == "1199"
    assert ("slash" in response.json()["error"]["message"]) == is_slash_too_much


def test_moments_are_whole_seconds_in_utc(api: ApiClient, workspace: Workspace) -> None:
    fill(workspace, 1)

    row = api.get("/api/posts").json()["data"]["posts"][0]

    assert (row["created_at"], row["updated_at"][-1], len(row["updated_at"])) == ("2026-11-25T12:00:00Z", "Z", 20)


def test_ids_have_their_prefix_and_a_uuid_of_version_seven(api: ApiClient, workspace: Workspace) -> None:
    account = make_account(workspace)
    post = api.post("/api/posts", {"content": "x", "platforms": [account.pk]}).json()["data"]["post"]

    ids = [workspace.pk, account.pk, post["id"], post["targets"][0]["id"]]

    assert [each.partition("_")[0] for each in ids] == ["ws", "acc", "post", "tgt"]
    assert all(each.partition("_")[2][14] == "7" and len(each.partition("_")[2]) == 36 for each in ids)


def test_only_the_console_may_evaluate_scripts(db: None) -> None:
    console, page = Client().get("/console/login/"), Client().get("/")

    policies = ["unsafe-eval" in answer["Content-Security-Policy"] for answer in (console, page)]
    assert policies == [True, False]


def test_data_may_load_nothing_and_be_shown_in_no_frame(db: None) -> None:
    answers = [Client().get(path) for path in ("/healthz", "/api/posts", "/admin/profile")]

    assert [answer.status_code for answer in answers] == [200, 401, 401]
    assert {answer["Content-Security-Policy"] for answer in answers} == {"default-src 'none'; frame-ancestors 'none'"}
