"""/admin/users and the members of workspaces against the reference and the contract."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import time_machine

from ouipost.events.models import Event
from ouipost.ids import new_id
from tests.conftest import AdminClient, ApiClient
from tests.contract.seed import assert_matches, request_body, sample
from tests.contract.world import at, error_of, fields_of, log_in, told
from tests.factories import make_token, make_user, make_workspace
from tests.foundation.threads import at_once
from workspaces.models import Membership, User, Workspace
from workspaces.permissions import ADMIN_PERMISSIONS, ROLE_PERMISSIONS

NEW: dict[str, Any] = {"email": "new@example.com", "password": "a fine pass phrase", "role": "editor"}
SHOWN = {"id", "email", "name", "role", "is_active", "created_at", "last_login", "permissions"}


def me() -> User:
    return User.objects.get(email="admin@example.com")


def test_the_list_is_as_in_the_reference(admin: AdminClient) -> None:
    shown = sample("GET /admin/users")["users"][0]
    moments = {name: at(shown[name]) for name in ("created_at", "last_login")}
    User.objects.update(name=shown["name"], **moments)

    response = admin.get("/admin/users")

    assert_matches(response, "GET /admin/users")
    data = response.json()["data"]
    assert (set(data), set(data["users"][0])) == ({"users"}, SHOWN)
    assert data["users"][0]["permissions"] == list(ADMIN_PERMISSIONS)


def test_one_user_is_shown_with_the_fields_of_the_list(admin: AdminClient) -> None:
    user = make_user(email="one@example.com", role="editor", permissions=["audit.view", "posts.manage"])

    shown = admin.get(f"/admin/users/{user.pk}").json()["data"]

    assert set(shown["user"]) == SHOWN
    assert (shown["user"]["permissions"], shown["user"]["last_login"]) == (["posts.manage", "audit.view"], None)
    assert admin.get("/admin/users").json()["data"]["users"][1] == shown["user"]


@time_machine.travel("2024-01-22T10:00:00Z", tick=False)
def test_the_references_body_makes_a_user_who_can_log_in(db: None) -> None:
    admin = AdminClient(make_token(make_user()))
    body = request_body("POST /admin/users") | {"email": "New@Example.com "}

    response = admin.post("/admin/users", body)

    assert response.status_code == 201
    user = User.objects.get(email="new@example.com")
    assert response.json()["data"] == {
        "user": {
            "id": user.pk,
            "email": "new@example.com",
            "name": "New User",
            "role": "editor",
            "is_active": True,
            "created_at": "2024-01-22T10:00:00Z",
            "last_login": None,
            "permissions": ["posts.manage", "analytics.view"],
        }
    }
    assert user.password.startswith("argon2")
    assert log_in(" NEW@example.com", body["password"]).status_code == 200


def test_a_new_user_has_the_permissions_of_the_role_unless_said_otherwise(admin: AdminClient) -> None:
    bodies = [NEW, NEW | {"email": "b@example.com", "permissions": []}, NEW | {"email": "c@example.com"}]

    created = [admin.post("/admin/users", body).json()["data"]["user"] for body in bodies[:2]]
    null = admin.post("/admin/users", bodies[2] | {"permissions": None}).json()["data"]["user"]
    asleep = admin.post("/admin/users", NEW | {"email": "d@example.com", "is_active": False}).json()["data"]["user"]

    editors = list(ROLE_PERMISSIONS["editor"])
    assert [user["permissions"] for user in [*created, null, asleep]] == [editors, [], editors, editors]
    assert [user["is_active"] for user in [*created, null, asleep]] == [True, True, True, False]
    assert error_of(log_in("d@example.com", NEW["password"])) == (401, "INVALID_CREDENTIALS")


INVALID: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({}, {"email": "required", "password": "required", "role": "required"}),
    (NEW | {"email": "nobody"}, {"email": "valid email"}),
    (NEW | {"email": "a" * 250 + "@b.cd"}, {"email": "254"}),
    (NEW | {"email": 5, "name": [], "role": 1}, {"email": "string", "name": "string", "role": "admin, editor"}),
    (NEW | {"role": "owner"}, {"role": "admin, editor, viewer"}),
    (NEW | {"role": "Admin"}, {"role": "admin, editor, viewer"}),
    (NEW | {"name": "x" * 151}, {"name": "150"}),
    (NEW | {"permissions": ["posts.fly", "audit.view", 1]}, {"permissions.0": "Must be", "permissions.2": "Must be"}),
    (NEW | {"permissions": "audit.view"}, {"permissions": "list"}),
    (NEW | {"permissions": ["posts.read"]}, {"permissions.0": "posts.manage"}),
    (NEW | {"is_active": "true"}, {"is_active": "true or false"}),
    (NEW | {"is_staff": True, "mail": "x"}, {"is_staff": "Unknown field", "mail": "Unknown field"}),
    (NEW | {"password": None}, {"password": "null"}),
    (NEW | {"password": "short"}, {"password": "too short"}),
    (NEW | {"password": "password123"}, {"password": "too common"}),
    (NEW | {"password": "new@example.com"}, {"password": "too similar"}),
    (NEW | {"password": "31415926535"}, {"password": "entirely numeric"}),
]


@pytest.mark.parametrize(("body", "problems"), INVALID)
def test_everything_that_is_wrong_is_named_at_once(
    admin: AdminClient, body: dict[str, Any], problems: dict[str, str]
) -> None:
    found = fields_of(admin.post("/admin/users", body))

    assert set(found) == set(problems)
    assert all(part in found[name][0] for name, part in problems.items()), found
    assert (User.objects.count(), Event.objects.count()) == (1, 0)


def test_what_a_validator_says_of_a_new_password_of_a_present_user_is_told_too(admin: AdminClient) -> None:
    user = make_user(email="baker@example.com", name="Alexandra Baker")

    for body in ({"password": "alexandra baker"}, {"password": "x"}, {"email": "x"}, {"role": None}, {"nam": ""}):
        assert set(fields_of(admin.put(f"/admin/users/{user.pk}", body))) == set(body)

    assert not Event.objects.exists()


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_changing_with_the_references_body_leaves_what_is_not_given(admin: AdminClient, method: str) -> None:
    user = make_user(email="one@example.com", role="viewer", is_active=False)

    response = admin(method, f"/admin/users/{user.pk}", request_body("PUT /admin/users/{id}"))

    shown = response.json()["data"]["user"]
    assert response.status_code == 200
    assert set(shown) == SHOWN
    assert (shown["name"], shown["role"], shown["is_active"]) == ("Updated Name", "admin", True)
    assert (shown["id"], shown["email"]) == (user.pk, "one@example.com")
    assert User.objects.get(pk=user.pk).password == user.password


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("email", "other@example.com"), ("name", ""), ("role", "viewer"), ("permissions", []), ("is_active", False)],
)
def test_one_field_changes_alone(admin: AdminClient, method: str, name: str, value: Any) -> None:
    user = make_user(email="one@example.com", name="One", role="editor")
    before = admin.get(f"/admin/users/{user.pk}").json()["data"]["user"]

    after = admin(method, f"/admin/users/{user.pk}", {name: value}).json()["data"]["user"]

    follows = {"permissions": list(ROLE_PERMISSIONS["viewer"])} if name == "role" else {}
    assert after == before | {name: value} | follows
    assert after == admin.get(f"/admin/users/{user.pk}").json()["data"]["user"]


def permissions_of(admin: AdminClient, user: User, body: dict[str, Any]) -> Any:
    return admin.put(f"/admin/users/{user.pk}", body).json()["data"]["user"]["permissions"]


def test_a_list_of_permissions_replaces_the_roles_until_role_or_null_take_it_away(admin: AdminClient) -> None:
    user = make_user(email="one@example.com", role="editor")
    editors, viewers = (list(ROLE_PERMISSIONS[role]) for role in ("editor", "viewer"))

    assert permissions_of(admin, user, {"permissions": ["system.view", "audit.view"]}) == ["audit.view", "system.view"]
    assert permissions_of(admin, user, {"name": "Renamed"}) == ["audit.view", "system.view"]
    assert permissions_of(admin, user, {"role": "editor"}) == ["audit.view", "system.view"]
    assert permissions_of(admin, user, {"permissions": None}) == editors
    assert permissions_of(admin, user, {"permissions": editors}) == editors
    assert permissions_of(admin, user, {"permissions": ["audit.view"]}) == ["audit.view"]
    assert permissions_of(admin, user, {"role": "viewer"}) == viewers
    assert permissions_of(admin, user, {"role": "editor", "permissions": ["audit.view"]}) == ["audit.view"]
    assert User.objects.get(pk=user.pk).permissions == ["audit.view"]


@pytest.mark.parametrize("values", [{}, {"is_active": False}, {"permissions": ["audit.view"]}])
def test_the_whole_of_a_get_can_be_sent_back_and_changes_nothing(admin: AdminClient, values: dict[str, Any]) -> None:
    user = make_user(email="one@example.com", role="editor", **values)
    before = admin.get(f"/admin/users/{user.pk}").json()["data"]["user"]

    response = admin.put(f"/admin/users/{user.pk}", before | {"id": "user_x", "created_at": 1, "last_login": ""})

    assert response.json()["data"]["user"] == before
    assert User.objects.get(pk=user.pk).permissions == values.get("permissions")
    assert told("user.updated").details == {"before": {}, "after": {}, "password_changed": False}


@pytest.mark.parametrize(("role", "other"), [("admin", "viewer"), ("viewer", "admin")])
def test_a_get_that_is_sent_back_with_another_role_gives_the_permissions_of_that_role(
    admin: AdminClient, role: str, other: str
) -> None:
    user = make_user(email="one@example.com", role=role)
    before = admin.get(f"/admin/users/{user.pk}").json()["data"]["user"]

    assert permissions_of(admin, user, before | {"role": other}) == list(ROLE_PERMISSIONS[other])
    assert User.objects.get(pk=user.pk).permissions is None


def test_a_user_who_is_shown_asleep_and_sent_back_awake_may_do_what_was_shown(admin: AdminClient) -> None:
    user = make_user(email="one@example.com", role="editor", is_active=False)
    shown = admin.get(f"/admin/users/{user.pk}").json()["data"]["user"]

    admin.put(f"/admin/users/{user.pk}", shown | {"is_active": True})

    assert User.objects.get(pk=user.pk).granted == frozenset(ROLE_PERMISSIONS["editor"])


def test_deleting_says_so_and_the_user_is_gone(admin: AdminClient) -> None:
    user = make_user(email="one@example.com")
    Membership.objects.create(workspace=make_workspace(), user=user)
    theirs = AdminClient(make_token(user))

    response = admin.delete(f"/admin/users/{user.pk}")

    assert_matches(response, "DELETE /admin/users/{id}")
    assert error_of(theirs.get("/admin/profile")) == (401, "INVALID_TOKEN")
    assert error_of(admin.delete(f"/admin/users/{user.pk}")) == (404, "NOT_FOUND")
    assert list(User.objects.values_list("email", flat=True)) == ["admin@example.com"]
    assert told("user.deleted").details == {"email": "one@example.com", "role": "admin"}


def test_nobody_deletes_themselves(admin: AdminClient) -> None:
    make_user(email="other@example.com")

    response = admin.delete(f"/admin/users/{me().pk}")

    assert error_of(response) == (409, "CONFLICT")
    assert "themselves" in response.json()["error"]["message"]
    assert User.objects.count() == 2


ENDS: dict[str, tuple[str, dict[str, Any]]] = {
    "deleted": ("DELETE", {}),
    "deactivated": ("PUT", {"is_active": False}),
    "made an editor": ("PUT", {"role": "editor"}),
    "left with a list that looks after nobody": ("PUT", {"permissions": ["audit.view"]}),
}


@pytest.mark.parametrize("end", ENDS)
def test_the_last_active_administrator_stays_one(db: None, end: str) -> None:
    last = make_user(email="last@example.com")
    make_user(email="asleep@example.com", is_active=False)
    make_user(email="limited@example.com", permissions=["system.view"])
    helper = AdminClient(make_token(make_user(email="h@example.com", role="viewer", permissions=["users.manage"])))
    method, body = ENDS[end]

    refused = helper(method, f"/admin/users/{last.pk}", body)
    make_user(email="second@example.com")
    taken = helper(method, f"/admin/users/{last.pk}", body)

    assert error_of(refused) == (409, "LAST_ADMIN")
    assert taken.status_code == 200


def test_the_last_administrator_may_be_changed_otherwise(admin: AdminClient) -> None:
    body = {"name": "Boss", "email": "boss@example.com", "is_active": True, "permissions": ["users.manage"]}

    assert admin.put(f"/admin/users/{me().pk}", body).status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("end", ENDS)
def test_two_administrators_who_remove_each_other_at_once_leave_one(end: str) -> None:
    method, body = ENDS[end]
    for number in range(5):
        User.objects.all().delete()
        users = [make_user(email=f"{name}{number}@example.com") for name in "ab"]
        calls = [(AdminClient(make_token(user)), other.pk) for user, other in zip(users, users[::-1], strict=True)]

        answers = at_once(*[partial(client, method, f"/admin/users/{pk}", body) for client, pk in calls])

        left = [user for user in User.objects.filter(role="admin") if "users.manage" in user.granted]
        assert len(left) == 1
        refusals = [error_of(answer) for answer in answers if answer.status_code != 200]
        assert len(refusals) == 1
        assert refusals[0] in {(409, "LAST_ADMIN"), (401, "INVALID_TOKEN"), (403, "PERMISSION_DENIED")}


@pytest.mark.django_db(transaction=True)
def test_one_user_deleted_from_many_threads_at_once_is_deleted_once() -> None:
    client = AdminClient(make_token(make_user()))
    user = make_user(email="one@example.com")

    calls: list[Callable[[], Any]] = [lambda: client.delete(f"/admin/users/{user.pk}")] * 4
    calls += [lambda: client.put(f"/admin/users/{user.pk}", {"name": "Late"})] * 2
    answers = at_once(*calls)

    deleted = [answer for answer in answers[:4] if answer.status_code == 200]
    assert len(deleted) == 1
    assert {answer.status_code for answer in answers} <= {200, 404}
    assert Event.objects.filter(type="user.deleted").count() == 1


@pytest.mark.parametrize("address", ["admin@example.com", "ADMIN@Example.COM", " admin@example.com "])
def test_an_address_is_taken_whatever_its_case(admin: AdminClient, address: str) -> None:
    other = make_user(email="other@example.com")

    made = admin.post("/admin/users", NEW | {"email": address})
    changed = admin.put(f"/admin/users/{other.pk}", {"email": address})

    assert [error_of(each) for each in (made, changed)] == [(409, "EMAIL_TAKEN")] * 2
    assert User.objects.filter(email="other@example.com").exists()
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_who_take_an_address_at_once_one_gets_it() -> None:
    token = make_token(make_user())
    bodies = [NEW | {"email": f"n{'EeEe'[number]}w@example.com"} for number in range(4)]

    answers = at_once(*[lambda body=body: AdminClient(token).post("/admin/users", body) for body in bodies])

    refused = [error_of(answer) for answer in answers if answer.status_code != 201]
    assert refused == [(409, "EMAIL_TAKEN")] * 3
    assert User.objects.filter(email="new@example.com").count() == 1


def test_each_write_is_told_with_what_changed_and_no_password(admin: AdminClient) -> None:
    pk = admin.post("/admin/users", NEW | {"permissions": ["audit.view"]}).json()["data"]["user"]["id"]
    admin.put(f"/admin/users/{pk}", {"role": "viewer", "password": "another pass phrase", "name": "N"})

    created, updated = told("user.created"), told("user.updated")
    assert (created.resource_type, created.resource_id) == ("user", pk)
    assert created.details == {"email": "new@example.com", "role": "editor", "permissions": ["audit.view"]}
    assert updated.details == {
        "before": {"permissions": ["audit.view"], "role": "editor", "name": ""},
        "after": {"permissions": None, "role": "viewer", "name": "N"},
        "password_changed": True,
    }
    journal = str(list(Event.objects.values()))
    assert not any(secret in journal for secret in (NEW["password"], "another pass phrase", "argon2"))


def test_a_repeat_gets_the_first_answer_whichever_login_it_comes_from(admin: AdminClient) -> None:
    again = AdminClient(make_token(me()))
    first = admin.post("/admin/users", NEW, Idempotency_Key="k")
    gone = admin.delete(f"/admin/users/{first.json()['data']['user']['id']}", Idempotency_Key="d")

    answers = [
        again.post("/admin/users", NEW, Idempotency_Key="k"),
        again.delete(f"/admin/users/{first.json()['data']['user']['id']}", Idempotency_Key="d"),
    ]

    assert [answer.content for answer in answers] == [first.content, gone.content]
    assert {answer.headers["Idempotent-Replayed"] for answer in answers} == {"true"}
    assert Event.objects.filter(type="user.created").count() == 1


def test_another_persons_key_is_another_key(admin: AdminClient) -> None:
    other = AdminClient(make_token(make_user(email="other@example.com")))
    admin.post("/admin/users", NEW, Idempotency_Key="k")

    assert error_of(other.post("/admin/users", NEW, Idempotency_Key="k")) == (409, "EMAIL_TAKEN")


def members(admin: AdminClient, workspace: Workspace, ids: list[str], method: str = "PUT") -> Any:
    return admin(method, f"/admin/workspaces/{workspace.pk}/members", {"members": ids})


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_members_are_those_that_are_given_and_no_others(
    admin: AdminClient, api: ApiClient, workspace: Workspace, method: str
) -> None:
    one, two, three = (make_user(email=f"{number}@example.com", role="editor") for number in range(3))
    members(admin, workspace, [one.pk, two.pk])

    response = members(admin, workspace, [three.pk, two.pk, three.pk], method)

    shown = response.json()["data"]
    assert response.status_code == 200
    assert shown["members"] == [
        {"id": user.pk, "email": user.email, "name": "", "role": "editor", "is_active": True} for user in (two, three)
    ]
    assert admin.get(f"/admin/workspaces/{workspace.pk}/members").json()["data"] == shown
    assert api.get("/api/workspaces").json()["data"]["workspaces"][0]["members_count"] == 2
    changed = Event.objects.filter(type="workspace.members_changed").order_by("-created_at")[0]
    assert changed.workspace_id == workspace.pk
    assert changed.details == {
        "before": {"members": sorted([one.pk, two.pk])},
        "after": {"members": sorted([two.pk, three.pk])},
    }


def test_the_members_that_a_get_shows_can_be_sent_back(admin: AdminClient, workspace: Workspace) -> None:
    members(admin, workspace, [me().pk])
    shown = admin.get(f"/admin/workspaces/{workspace.pk}/members").json()["data"]

    response = admin.put(f"/admin/workspaces/{workspace.pk}/members", shown)

    assert (response.status_code, response.json()["data"]) == (200, shown)


def test_whose_members_are_set_leaves_other_workspaces_theirs(admin: AdminClient, workspace: Workspace) -> None:
    one, two = (make_user(email=f"{number}@example.com", role="editor") for number in range(2))
    other = make_workspace()
    members(admin, other, [one.pk, two.pk])

    members(admin, workspace, [one.pk])
    members(admin, workspace, [two.pk])

    found = Membership.objects.order_by("user__email").values_list("workspace", "user__email")
    assert set(found) == {(other.pk, one.email), (other.pk, two.email), (workspace.pk, two.email)}


def test_members_can_all_be_taken_away_and_each_write_is_told(admin: AdminClient, workspace: Workspace) -> None:
    before = members(admin, workspace, [me().pk])
    same = members(admin, workspace, [me().pk])
    none = members(admin, workspace, [])

    assert before.content == same.content
    assert none.json()["data"] == {"members": []}
    assert Event.objects.filter(type="workspace.members_changed").count() == 3


def test_a_member_who_does_not_exist_is_named_and_nothing_changes(admin: AdminClient, workspace: Workspace) -> None:
    members(admin, workspace, [me().pk])
    unknown = [me().pk, new_id("user"), "nobody"]

    found = fields_of(members(admin, workspace, unknown))

    assert set(found) == {"members.1", "members.2"}
    assert Membership.objects.get().user == me()


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "members"),
        ({"members": "user_1"}, "members"),
        ({"members": [1]}, "members.0"),
        ({"members": [{"name": "Ada"}]}, "members.0.id"),
        ({"members": [{"id": "user_1", "age": 7}]}, "members.0.age"),
        ({"members": [], "x": 1}, "x"),
    ],
)
def test_a_bad_list_of_members_is_named(
    admin: AdminClient, workspace: Workspace, body: dict[str, Any], named: str
) -> None:
    assert set(fields_of(admin.put(f"/admin/workspaces/{workspace.pk}/members", body))) == {named}


def test_members_of_no_workspace_are_not_found(admin: AdminClient) -> None:
    gone = make_workspace(deleted_at=at("2026-01-01T00:00:00Z"))

    for pk in (gone.pk, new_id("ws"), "ws_1"):
        assert error_of(admin.get(f"/admin/workspaces/{pk}/members")) == (404, "NOT_FOUND")
        assert error_of(admin.put(f"/admin/workspaces/{pk}/members", {"members": []})) == (404, "NOT_FOUND")


def test_who_is_no_administrator_reaches_the_members_of_their_own_workspaces_alone(workspace: Workspace) -> None:
    editor = make_user(email="ed@example.com", role="editor", permissions=["workspaces.manage"])
    own, other = make_workspace(name="Cafe"), make_user(email="other@example.com")
    Membership.objects.create(workspace=own, user=editor)
    Membership.objects.create(workspace=workspace, user=other)
    client = AdminClient(make_token(editor))

    for method in ("GET", "PUT", "PATCH"):
        assert error_of(members(client, workspace, [editor.pk], method)) == (404, "NOT_FOUND")
    changed = members(client, own, [editor.pk, other.pk])

    assert (changed.status_code, client.get(f"/admin/workspaces/{own.pk}/members").json()) == (200, changed.json())
    assert list(Membership.objects.filter(workspace=workspace).values_list("user", flat=True)) == [other.pk]
    assert Membership.objects.filter(workspace=own).count() == 2


@pytest.mark.django_db(transaction=True)
def test_members_set_at_once_are_those_of_one_of_the_calls() -> None:
    token, workspace = make_token(make_user()), make_workspace()
    users = [make_user(email=f"{number}@example.com").pk for number in range(4)]
    wanted = [users[:2], users[1:3], users[2:], users]

    answers = at_once(*[lambda ids=ids: members(AdminClient(token), workspace, ids) for ids in wanted])

    assert {answer.status_code for answer in answers} == {200}
    left = sorted(Membership.objects.values_list("user", flat=True))
    assert left in [sorted(ids) for ids in wanted]
