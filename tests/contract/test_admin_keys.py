"""/admin/keys against the reference and the contract."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from adminapi.processes.worker import CHORES
from adminapi.views.keys import KeyViewSet
from ouipost.api.models import StoredAnswer
from ouipost.events.models import Event
from tests.conftest import AdminClient, ApiClient
from tests.contract.seed import assert_matches, request_body, sample
from tests.contract.world import at, error_of, fields_of, told
from tests.factories import NOW, make_key, make_token, make_user, make_workspace
from workspaces.keys import usage
from workspaces.models import ApiKey, KeyUsage, Membership, User, Workspace
from workspaces.permissions import KEY_PERMISSIONS

MADE = "2024-01-22T10:00:00Z"
SHOWN = {
    *("id", "name", "prefix", "mode", "tier", "permissions", "workspaces"),
    *("is_active", "expires_at", "created_at", "last_used_at", "usage"),
}


def administrator() -> AdminClient:
    """Log in at the moment that a test has travelled to."""
    return AdminClient(make_token(make_user(email="admin@example.com")))


def status_of(secret: str) -> int:
    status: int = ApiClient(secret).get("/api/platforms").status_code
    return status


@time_machine.travel("2024-01-22T09:31:00Z", tick=False)
def test_the_list_is_as_in_the_reference(db: None) -> None:
    shown = sample("GET /admin/keys")["keys"][0]
    key, _ = make_key(name=shown["name"], tier=shown["tier"])
    moments = {name: at(shown[name]) for name in ("created_at", "last_used_at")}
    ApiKey.objects.filter(pk=key.pk).update(prefix=shown["prefix"], **moments)
    counted = shown["usage"]
    KeyUsage.objects.create(key=key, day="2024-01-22", requests=counted["requests_today"])
    earlier = counted["requests_this_month"] - counted["requests_today"]
    KeyUsage.objects.create(key=key, day="2024-01-01", requests=earlier)
    KeyUsage.objects.create(key=key, day="2023-12-31", requests=1)

    response = administrator().get("/admin/keys")

    assert_matches(response, "GET /admin/keys")
    data = response.json()["data"]
    assert (set(data), set(data["keys"][0])) == ({"keys"}, SHOWN)


def test_one_key_is_shown_with_the_fields_of_the_list_and_no_secret(admin: AdminClient) -> None:
    key, secret = make_key(permissions=["posts.read"])

    response = admin.get(f"/admin/keys/{key.pk}")

    shown = response.json()["data"]["key"]
    assert set(shown) == SHOWN
    assert (shown["permissions"], shown["workspaces"], shown["mode"]) == (["posts.read"], [], "live")
    assert shown == admin.get("/admin/keys").json()["data"]["keys"][0]
    assert not any(each in response.content.decode() for each in (secret[11:], key.digest))


def test_use_is_the_true_count_before_it_is_written_and_after(admin: AdminClient) -> None:
    key, secret = make_key()
    for _ in range(3):
        status_of(secret)
    shown = [admin.get(f"/admin/keys/{key.pk}").json()["data"]["key"]]

    usage.flush(usage.IN_PROCESS)
    status_of(secret)
    shown.append(admin.get("/admin/keys").json()["data"]["keys"][0])

    counts = [{"requests_today": number, "requests_this_month": number} for number in (3, 4)]
    assert [each["usage"] for each in shown] == counts


def test_the_last_use_is_told_before_it_is_written_and_after(admin: AdminClient) -> None:
    key, secret = make_key()

    def used_at() -> Any:
        return admin.get(f"/admin/keys/{key.pk}").json()["data"]["key"]["last_used_at"]

    def used(moment: str) -> None:
        with time_machine.travel(moment, tick=False):
            status_of(secret)

    moments = [used_at()]
    used("2024-01-22T09:30:00Z")
    moments.append(used_at())
    usage.flush(usage.IN_PROCESS)
    moments.append(used_at())
    used("2024-01-22T09:31:00Z")
    moments.append(used_at())

    assert moments == [None, "2024-01-22T09:30:00Z", "2024-01-22T09:30:00Z", "2024-01-22T09:31:00Z"]


@time_machine.travel(MADE, tick=False)
def test_making_a_key_is_as_in_the_reference(db: None) -> None:
    workspaces = [make_workspace(mode="live").pk, make_workspace().pk]
    body = request_body("POST /admin/keys") | {"workspaces": workspaces}

    response = administrator().post("/admin/keys", body)

    assert_matches(response, "POST /admin/keys", status=201, made=["key.api_key"])
    shown, key = response.json()["data"]["key"], ApiKey.objects.get()
    assert set(shown) == {*SHOWN, "api_key"}
    assert (shown["permissions"], shown["workspaces"]) == (body["permissions"], workspaces)
    assert (shown["prefix"], shown["mode"], len(shown["api_key"])) == (shown["api_key"][:11], "live", 40)
    assert ApiClient(shown["api_key"], workspaces[0]).get("/api/posts").status_code == 200
    assert error_of(ApiClient(shown["api_key"], workspaces[0]).get("/api/accounts")) == (403, "PERMISSION_DENIED")
    event = told("api_key.created")
    assert (event.resource_id, event.details["key_name"]) == (key.pk, "New Integration Key")
    assert shown["api_key"] not in str(list(Event.objects.values())) + str(ApiKey.objects.values())


def test_a_key_may_do_everything_everywhere_unless_said_otherwise(admin: AdminClient) -> None:
    twice = ["posts.write", "posts.read", "posts.write"]
    bodies: list[dict[str, Any]] = [
        {"name": "A"},
        {"name": "B", "permissions": [], "workspaces": [], "expires_at": None},
        {"name": "C", "permissions": twice},
    ]

    made = [admin.post("/admin/keys", body).json()["data"]["key"] for body in bodies]

    assert [key["permissions"] for key in made] == [list(KEY_PERMISSIONS), [], twice[:2]]
    assert [(key["workspaces"], key["tier"], key["mode"], key["expires_at"]) for key in made] == [
        ([], "starter", "live", None)
    ] * 3


def test_a_test_key_is_asked_for_and_stays_one(admin: AdminClient) -> None:
    live, sandbox = make_workspace(mode="live").pk, make_workspace().pk
    made = admin.post("/admin/keys", {"name": "T", "mode": "test", "workspaces": [sandbox]}).json()["data"]["key"]

    refused = fields_of(admin.post("/admin/keys", {"name": "T", "mode": "test", "workspaces": [sandbox, live]}))
    widened = fields_of(admin.put(f"/admin/keys/{made['id']}", {"workspaces": [live]}))
    kept = admin.put(f"/admin/keys/{made['id']}", {"mode": "live"}).json()["data"]["key"]

    assert (made["mode"], made["api_key"][:8], kept["mode"]) == ("test", "pk_test_", "test")
    assert (set(refused), set(widened)) == ({"workspaces.1"}, {"workspaces.0"})


INVALID: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({}, {"name": "required"}),
    ({"name": ""}, {"name": "blank"}),
    ({"name": "x" * 101, "tier": "gold", "mode": "prod"}, {"name": "100", "tier": "starter", "mode": "live, test"}),
    ({"name": 1, "workspaces": "ws_1", "permissions": {}}, {"name": "str", "workspaces": "list", "permissions": "lis"}),
    ({"name": "x", "permissions": ["posts.fly", "posts.read", None]}, {"permissions.0": "of", "permissions.2": "null"}),
    ({"name": "x", "permissions": ["posts.manage"]}, {"permissions.0": "posts.read"}),
    ({"name": "x", "workspaces": ["ws_123", 5]}, {"workspaces.0": "no such", "workspaces.1": "string"}),
    (
        {"name": "x", "workspaces": ["ws_123", "", "x"]},
        {"workspaces.0": "no such", "workspaces.1": "blank", "workspaces.2": "no such"},
    ),
    ({"name": "x", "workspaces": ["ws_123", "nowhere"]}, {"workspaces.0": "no such", "workspaces.1": "no such"}),
    ({"name": "x", "expires_at": "tomorrow"}, {"expires_at": ""}),
    ({"name": "x", "expires_at": "2027-01-01T00:00:00"}, {"expires_at": "offset"}),
    ({"name": "x", "expires_at": "2020-01-01T00:00:00Z"}, {"expires_at": "past"}),
    ({"name": "x", "scopes": [], "api_key": "pk_live_x"}, {"scopes": "Unknown", "api_key": "Unknown"}),
    ({"name": None, "is_active": "yes"}, {"name": "null", "is_active": "true or false"}),
]


@pytest.mark.parametrize(("body", "problems"), INVALID)
def test_everything_that_is_wrong_is_named_at_once(
    admin: AdminClient, body: dict[str, Any], problems: dict[str, str]
) -> None:
    found = fields_of(admin.post("/admin/keys", body))

    assert set(found) == set(problems)
    assert all(part in found[name][0] for name, part in problems.items()), found
    assert not ApiKey.objects.exists()
    assert not Event.objects.exists()


def test_a_workspace_that_was_deleted_cannot_be_given_and_may_come_back(admin: AdminClient) -> None:
    one, gone = make_workspace(), make_workspace()
    key, _ = make_key(workspace_ids=[one.pk, gone.pk])
    Workspace.objects.filter(pk=gone.pk).update(deleted_at=at(MADE))

    again = admin.put(f"/admin/keys/{key.pk}", admin.get(f"/admin/keys/{key.pk}").json()["data"]["key"])
    taken = admin.put(f"/admin/keys/{key.pk}", {"workspaces": [one.pk, one.pk]})
    refused = admin.put(f"/admin/keys/{key.pk}", {"workspaces": [gone.pk]})

    assert again.json()["data"]["key"]["workspaces"] == [one.pk, gone.pk]
    assert taken.json()["data"]["key"]["workspaces"] == [one.pk]
    assert set(fields_of(refused)) == {"workspaces.0"}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "Renamed"),
        ("tier", "professional"),
        ("permissions", ["posts.read"]),
        ("is_active", False),
        ("expires_at", "2030-01-01T00:00:00Z"),
    ],
)
def test_one_field_changes_alone(admin: AdminClient, method: str, name: str, value: Any) -> None:
    key, _ = make_key()
    before = admin.get(f"/admin/keys/{key.pk}").json()["data"]["key"]

    response = admin(method, f"/admin/keys/{key.pk}", {name: value})

    assert response.json()["data"]["key"] == before | {name: value}
    assert admin.get(f"/admin/keys/{key.pk}").json()["data"]["key"] == before | {name: value}
    details = told("api_key.updated").details
    written = "2030-01-01T00:00:00Z" if name == "expires_at" else value
    assert (set(details["before"]), details["after"]) == ({name}, {name: written})


def test_the_whole_of_a_get_can_be_sent_back_and_changes_nothing(admin: AdminClient, workspace: Workspace) -> None:
    key, _ = make_key(workspace_ids=[workspace.pk], expires_at=at("2030-01-01T00:00:00Z"))
    before = admin.get(f"/admin/keys/{key.pk}").json()["data"]["key"]

    response = admin.put(f"/admin/keys/{key.pk}", before | {"id": "key_x", "mode": "test", "prefix": "x", "usage": 1})

    assert response.json()["data"]["key"] == before


def test_a_change_holds_with_the_next_request(admin: AdminClient, workspace: Workspace) -> None:
    key, secret = make_key()
    assert ApiClient(secret, workspace.pk).get("/api/posts").status_code == 200

    def after(body: dict[str, Any]) -> tuple[int, str]:
        assert admin.put(f"/admin/keys/{key.pk}", body).status_code == 200
        return error_of(ApiClient(secret, workspace.pk).get("/api/posts"))

    assert after({"permissions": ["accounts.read"]}) == (403, "PERMISSION_DENIED")
    other = make_workspace().pk
    body = {"permissions": list(KEY_PERMISSIONS), "workspaces": [other]}
    assert after(body) == (404, "WORKSPACE_NOT_FOUND")
    assert after({"workspaces": [], "expires_at": "2020-01-01T00:00:00Z"}) == (401, "API_KEY_EXPIRED")
    assert after({"expires_at": None, "is_active": False}) == (401, "INVALID_API_KEY")
    assert admin.put(f"/admin/keys/{key.pk}", {"is_active": True}).status_code == 200
    assert ApiClient(secret, workspace.pk).get("/api/posts").status_code == 200


def test_a_key_ends_at_its_expires_at(db: None) -> None:
    with time_machine.travel(MADE, tick=False) as clock:
        body = {"name": "Fair", "expires_at": "2024-01-22T12:00:00+01:00"}
        made = administrator().post("/admin/keys", body).json()["data"]["key"]

        clock.move_to("2024-01-22T10:59:59Z")
        before = status_of(made["api_key"])
        clock.move_to("2024-01-22T11:00:00Z")
        after = ApiClient(made["api_key"]).get("/api/platforms")

    assert (made["expires_at"], before) == ("2024-01-22T11:00:00Z", 200)
    assert error_of(after) == (401, "API_KEY_EXPIRED")


def test_revoking_says_so_and_holds_for_good(admin: AdminClient) -> None:
    key, old = make_key()
    new = admin.post(f"/admin/keys/{key.pk}/rotate").json()["data"]["key"]["new_api_key"]
    assert (status_of(old), status_of(new)) == (200, 200)

    response = admin.delete(f"/admin/keys/{key.pk}")

    assert response.json()["data"] == {"message": "API key revoked successfully"}
    assert (status_of(old), status_of(new)) == (401, 401)
    assert told("api_key.revoked").resource_id == key.pk
    answers = [
        admin.get(f"/admin/keys/{key.pk}"),
        admin.put(f"/admin/keys/{key.pk}", {"is_active": True}),
        admin.post(f"/admin/keys/{key.pk}/rotate"),
        admin.delete(f"/admin/keys/{key.pk}"),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert key.pk not in [each["id"] for each in admin.get("/admin/keys").json()["data"]["keys"]]
    assert (status_of(old), status_of(new)) == (401, 401)


def test_rotating_is_as_in_the_reference_and_the_old_key_works_for_a_day(db: None) -> None:
    key, old = make_key()
    with time_machine.travel(MADE, tick=False) as clock:
        response = administrator().post(f"/admin/keys/{key.pk}/rotate")
        assert_matches(response, "POST /admin/keys/{id}/rotate", made=["key.new_api_key"])
        new = response.json()["data"]["key"]["new_api_key"]
        statuses = []
        for moment in (MADE, "2024-01-23T09:59:59Z", "2024-01-23T10:00:00Z"):
            clock.move_to(moment)
            statuses.append((status_of(old), status_of(new)))

    assert statuses == [(200, 200), (200, 200), (401, 200)]
    assert set(response.json()["data"]["key"]) == {"id", "new_api_key", "old_key_expires_at"}
    assert (response.json()["data"]["key"]["id"], new[:11]) == (key.pk, ApiKey.objects.get().prefix)
    event = told("api_key.rotated")
    assert event.details == {"key_name": "Test", "old_key_expires_at": "2024-01-23T10:00:00Z"}


def test_the_old_key_holds_no_longer_than_the_key_itself(db: None) -> None:
    key, old = make_key(expires_at=at("2024-01-22T20:00:00Z"))
    with time_machine.travel(MADE, tick=False) as clock:
        shown = administrator().post(f"/admin/keys/{key.pk}/rotate").json()["data"]["key"]
        clock.move_to("2024-01-22T20:00:01Z")
        statuses = (status_of(old), status_of(shown["new_api_key"]))

    assert (shown["old_key_expires_at"], statuses) == ("2024-01-22T20:00:00Z", (401, 401))
    assert told("api_key.rotated").details["old_key_expires_at"] == "2024-01-22T20:00:00Z"


def test_a_key_that_has_expired_gets_no_secret_that_would_not_work_either(admin: AdminClient) -> None:
    key, _ = make_key(expires_at=at("2024-01-22T20:00:00Z"))

    refused = admin.post(f"/admin/keys/{key.pk}/rotate")
    admin.put(f"/admin/keys/{key.pk}", {"expires_at": None})
    rotated = admin.post(f"/admin/keys/{key.pk}/rotate").json()["data"]["key"]

    assert error_of(refused) == (409, "CONFLICT")
    assert refused.json()["error"]["message"].startswith("The key has expired: ")
    assert status_of(rotated["new_api_key"]) == 200


def test_a_key_can_be_made_that_does_not_work_yet(admin: AdminClient) -> None:
    made = admin.post("/admin/keys", {"name": "Later", "is_active": False}).json()["data"]["key"]

    before = status_of(made["api_key"])
    admin.put(f"/admin/keys/{made['id']}", {"is_active": True})

    assert (made["is_active"], before, status_of(made["api_key"])) == (False, 401, 200)


def test_a_second_rotation_ends_the_oldest_at_once(admin: AdminClient) -> None:
    key, first = make_key(mode="test")

    second, third = (admin.post(f"/admin/keys/{key.pk}/rotate").json()["data"]["key"]["new_api_key"] for _ in range(2))

    assert [status_of(secret) for secret in (first, second, third)] == [401, 200, 200]
    assert {secret[:8] for secret in (first, second, third)} == {"pk_test_"}
    secrets = (first, second, third)
    assert not any(secret in str(list(Event.objects.values())) for secret in secrets)


def test_a_sealed_secret_opens_in_its_own_row_only(admin: AdminClient) -> None:
    admin.post("/admin/keys", {"name": "One"}, Idempotency_Key="1")
    sealed = StoredAnswer.objects.get().sealed
    admin.post("/admin/keys", {"name": "Two"}, Idempotency_Key="2")
    StoredAnswer.objects.update(sealed=sealed)

    admin.client.raise_request_exception = False
    answers = [
        admin.post("/admin/keys", {"name": name}, Idempotency_Key=key) for name, key in (("One", "1"), ("Two", "2"))
    ]

    assert [answer.status_code for answer in answers] == [201, 500]
    assert answers[0].json()["data"]["key"]["api_key"] not in answers[1].content.decode()


def test_a_key_that_starts_anew_after_a_day_keeps_no_secret_of_before(admin: AdminClient) -> None:
    key, _ = make_key()
    admin.post(f"/admin/keys/{key.pk}/rotate", Idempotency_Key="k")
    StoredAnswer.objects.update(created_at=StoredAnswer.objects.get().created_at - timedelta(hours=25))
    ApiKey.objects.update(is_active=False)

    answers = [admin.post(f"/admin/keys/{key.pk}/rotate", Idempotency_Key="k") for _ in range(2)]

    assert [error_of(answer) for answer in answers] == [(409, "CONFLICT")] * 2
    assert StoredAnswer.objects.get().sealed == ""


def test_secrets_and_logins_are_forgotten_by_the_worker() -> None:
    assert {"forget secrets", "forget old answers", "forget old logins"} <= {chore.name for chore in CHORES}


@pytest.fixture
def member(workspace: Workspace) -> AdminClient:
    """Log in as somebody who may manage keys, and works in one workspace alone."""
    user = make_user(email="mona@example.com", role="editor", permissions=["api_keys.manage"])
    user.memberships.create(workspace=workspace)
    return AdminClient(make_token(user))


def test_who_is_no_administrator_comes_to_the_keys_of_their_own_workspaces_alone(
    member: AdminClient, workspace: Workspace
) -> None:
    own, _ = make_key(workspace_ids=[workspace.pk])
    others = [make_key(workspace_ids=ids)[0] for ids in ([], [workspace.pk, make_workspace().pk])]

    listed = member.get("/admin/keys").json()["data"]["keys"]
    calls = [("GET", ""), ("PUT", ""), ("POST", "/rotate"), ("DELETE", "")]
    refused = {error_of(member(method, f"/admin/keys/{key.pk}{end}", {})) for key in others for method, end in calls}
    answers = [member(method, f"/admin/keys/{own.pk}{end}", {}).status_code for method, end in calls]

    assert [key["id"] for key in listed] == [own.pk]
    assert refused == {(404, "NOT_FOUND")}
    assert answers == [200] * 4
    assert ApiKey.objects.filter(is_active=True, previous_digest=None).count() == 2


def test_a_key_that_makes_a_workspace_can_still_be_revoked(member: AdminClient, workspace: Workspace) -> None:
    colleague = make_user(email="cleo@example.com", role="editor")
    colleague.memberships.create(workspace=workspace)
    stranger = make_user(email="nora@example.com", role="editor", permissions=["api_keys.manage"])
    stranger.memberships.create(workspace=make_workspace())
    stolen, secret = make_key(workspace_ids=[workspace.pk])
    made = ApiClient(secret).post("/api/workspaces", {"name": "Hideout"}).json()["data"]["workspace"]["id"]

    answer = member.delete(f"/admin/keys/{stolen.pk}")

    assert answer.status_code == 200
    members = Workspace.objects.get(pk=made).memberships.values_list("user__email", flat=True)
    assert list(members) == ["mona@example.com"]
    changed = Event.objects.get(type="workspace.members_changed")
    assert (changed.resource_id, changed.key_id, changed.details["before"]) == (made, stolen.pk, {"members": []})


def test_who_manages_some_workspaces_of_a_key_alone_is_let_into_none_that_it_makes(
    member: AdminClient, workspace: Workspace
) -> None:
    _, secret = make_key(workspace_ids=[workspace.pk, make_workspace().pk])

    made = ApiClient(secret).post("/api/workspaces", {"name": "Ours"}).json()["data"]["workspace"]["id"]

    assert not Workspace.objects.get(pk=made).memberships.exists()


def test_a_deleted_workspace_of_a_key_keeps_its_manager_out_of_none_that_it_makes(
    member: AdminClient, workspace: Workspace
) -> None:
    stolen, secret = make_key(workspace_ids=[workspace.pk, make_workspace(deleted_at=NOW).pk])
    ApiClient(secret).post("/api/workspaces", {"name": "Hideout"})

    assert member.delete(f"/admin/keys/{stolen.pk}").status_code == 200


def test_a_key_that_deletes_a_workspace_can_still_be_revoked(member: AdminClient, workspace: Workspace) -> None:
    other = make_workspace()
    User.objects.get(email="mona@example.com").memberships.create(workspace=other)
    stolen, secret = make_key(workspace_ids=[workspace.pk, other.pk])
    ApiClient(secret).delete(f"/api/workspaces/{other.pk}")

    answer = member.delete(f"/admin/keys/{stolen.pk}")

    assert answer.status_code == 200


def test_who_is_no_administrator_makes_no_key_for_more_than_their_own_workspaces(
    member: AdminClient, workspace: Workspace
) -> None:
    made = member.post("/admin/keys", {"name": "Own", "workspaces": [workspace.pk]}).json()["data"]["key"]
    wider: list[dict[str, Any]] = [{}, {"workspaces": []}, {"workspaces": [workspace.pk, make_workspace().pk]}]

    refused = [set(fields_of(member.post("/admin/keys", {"name": "Wide"} | body))) for body in wider]
    beside = set(fields_of(member.post("/admin/keys", {"name": "Wide", "is_active": 1})))
    widened = [set(fields_of(member.put(f"/admin/keys/{made['id']}", body))) for body in wider[1:]]
    renamed = member.put(f"/admin/keys/{made['id']}", {"name": "Mine"}).json()["data"]["key"]

    assert refused == [{"workspaces"}, {"workspaces"}, {"workspaces.1"}]
    assert beside == {"workspaces", "is_active"}
    assert widened == [{"workspaces"}, {"workspaces.1"}]
    assert (renamed["name"], renamed["workspaces"]) == ("Mine", [workspace.pk])
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize(
    "goes",
    [lambda: ApiKey.objects.update(workspace_ids=[]), lambda: Membership.objects.all().delete()],
    ids=["widened", "no member any more"],
)
@pytest.mark.parametrize(
    ("method", "end", "body"),
    [
        ("PUT", "", {"name": "Mine"}),
        ("PATCH", "", {"is_active": False}),
        ("POST", "/rotate", None),
        ("DELETE", "", None),
    ],
)
def test_a_key_that_is_theirs_no_more_when_its_row_is_locked_stays_as_it_was(
    member: AdminClient,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    goes: Callable[[], object],
    method: str,
    end: str,
    body: Any,
) -> None:
    key, _ = make_key(workspace_ids=[workspace.pk])
    find = KeyViewSet.get_object

    def find_and_lose(view: KeyViewSet) -> ApiKey:
        found = find(view)
        goes()
        return found

    monkeypatch.setattr(KeyViewSet, "get_object", find_and_lose)

    answer = member(method, f"/admin/keys/{key.pk}{end}", body)

    now = ApiKey.objects.get()
    assert error_of(answer) == (404, "NOT_FOUND")
    assert (now.name, now.digest, now.is_active) == (key.name, key.digest, True)


def test_the_workspaces_of_a_key_are_checked_against_those_that_it_has_when_its_row_is_locked(
    member: AdminClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = make_workspace(deleted_at=NOW)
    key, _ = make_key(workspace_ids=[workspace.pk, gone.pk])
    find = KeyViewSet.get_object

    def find_and_narrow(view: KeyViewSet) -> ApiKey:
        found = find(view)
        ApiKey.objects.update(workspace_ids=[workspace.pk])
        return found

    monkeypatch.setattr(KeyViewSet, "get_object", find_and_narrow)

    answer = member.put(f"/admin/keys/{key.pk}", {"workspaces": [workspace.pk, gone.pk]})

    assert set(fields_of(answer)) == {"workspaces.1"}
