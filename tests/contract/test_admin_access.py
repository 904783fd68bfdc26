"""/admin/login, logout and profile against the reference and the contract, and how a token ends."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import time_machine
from django.test import Client

from adminapi.console import own_password
from adminapi.models import Session
from adminapi.sessions.passwords import hash_password
from adminapi.views import sessions
from ouipost.api.models import StoredAnswer
from ouipost.events.models import Event
from ouipost.masking import MASK
from tests.conftest import AdminClient, ApiClient
from tests.contract.seed import assert_matches, request_body, sample
from tests.contract.world import PASSWORD, at, error_of, fields_of, log_in
from tests.factories import make_key, make_token, make_user
from workspaces.models import User
from workspaces.permissions import ADMIN_PERMISSIONS, ROLE_PERMISSIONS

OTHER = "another pass phrase"
SHOWN = {"id", "email", "name", "role", "created_at", "last_login", "permissions"}


@time_machine.travel("2024-01-22T10:00:00Z", tick=False)
def test_logging_in_is_as_in_the_reference(db: None) -> None:
    body = request_body("POST /admin/login")
    user = make_user(**body, name="Admin User")

    response = log_in(**body, HTTP_USER_AGENT="curl/8")

    assert_matches(response, "POST /admin/login", made=["token"])
    data = response.json()["data"]
    assert data["user"] == {"id": user.pk, "email": user.email, "name": "Admin User", "role": "admin"}
    assert AdminClient(data["token"]).get("/admin/profile").json()["data"]["user"]["email"] == "admin@example.com"
    session, event = Session.objects.get(), Event.objects.get()
    assert (session.user, session.ip_address, session.user_agent) == (user, "127.0.0.1", "curl/8")
    assert (event.type, event.resource_id, event.details) == ("user.logged_in", user.pk, {"email": user.email})
    assert (event.user_id, event.user_email) == (user.pk, user.email)


@pytest.mark.parametrize(
    "email", ["admin@example.com", "asleep@example.com", "nobody@example.com", "nonsense", "\u00e9"]
)
def test_every_wrong_login_is_answered_alike_and_told(db: None, email: str) -> None:
    make_user()
    make_user(email="asleep@example.com", is_active=False)

    response = log_in(email, "a wrong pass phrase" if email == "admin@example.com" else PASSWORD)

    assert error_of(response) == (401, "INVALID_CREDENTIALS")
    assert response.json()["error"]["details"] == {}
    event = Event.objects.get()
    told = email if "@" in email else MASK  # what is no address may be a password
    assert (event.type, event.details["email"], event.ip_address) == ("user.login_failed", told, "127.0.0.1")
    assert "pass phrase" not in str(Event.objects.values())
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({}, {"email", "password"}),
        ({"email": "", "password": ""}, {"email", "password"}),
        ({"email": "a@b.cd"}, {"password"}),
        ({"email": 1, "password": ["x"]}, {"email", "password"}),
        ({"email": "x" * 255, "password": "x" * 1001}, {"email", "password"}),
        ({"email": "a@b.cd", "password": "x", "otp": "1"}, {"otp"}),
        ({"email": "a@b.cd", "password": None}, {"password"}),
    ],
)
def test_a_bad_login_names_its_fields_and_is_no_attempt(db: None, body: dict[str, Any], problems: set[str]) -> None:
    for _ in range(6):
        response = Client().post("/admin/login", body, content_type="application/json")

    assert set(fields_of(response)) == problems
    assert not Event.objects.exists()


def test_logging_in_takes_no_idempotency_key(db: None) -> None:
    make_user()

    answers = [log_in(HTTP_IDEMPOTENCY_KEY="k") for _ in range(2)]

    assert len({answer.json()["data"]["token"] for answer in answers}) == 2
    assert not StoredAnswer.objects.exists()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_logging_in_is_a_post(db: None, method: str) -> None:
    assert error_of(Client().generic(method, "/admin/login")) == (405, "METHOD_NOT_ALLOWED")


def test_logging_out_ends_the_token_and_no_other_whatever_its_key(admin: AdminClient) -> None:
    other = AdminClient(make_token(User.objects.get()))

    response = admin.post("/admin/logout", Idempotency_Key="k")

    assert_matches(response, "POST /admin/logout")
    assert error_of(admin.get("/admin/profile")) == (401, "INVALID_TOKEN")
    assert other.get("/admin/profile").status_code == 200
    event = Event.objects.get()
    assert (event.type, event.user_email) == ("user.logged_out", "admin@example.com")
    assert "Idempotent-Replayed" not in other.post("/admin/logout", Idempotency_Key="k").headers
    assert error_of(other.get("/admin/profile")) == (401, "INVALID_TOKEN")


def test_logging_out_twice_is_logging_out(admin: AdminClient) -> None:
    first, second = admin.post("/admin/logout"), admin.post("/admin/logout")

    assert (second.status_code, second.json()) == (200, first.json())
    assert error_of(admin.get("/admin/profile")) == (401, "INVALID_TOKEN")
    assert [event.type for event in Event.objects.all()] == ["user.logged_out"]


def test_a_token_that_ended_otherwise_logs_nobody_out(admin: AdminClient) -> None:
    User.objects.update(is_active=False)

    assert error_of(admin.post("/admin/logout")) == (401, "INVALID_TOKEN")


def test_the_profile_is_as_in_the_reference(admin: AdminClient) -> None:
    shown = sample("GET /admin/profile")["user"]
    moments = {name: at(shown[name]) for name in ("created_at", "last_login")}
    User.objects.update(name=shown["name"], permissions=shown["permissions"], **moments)

    response = admin.get("/admin/profile")

    assert_matches(response, "GET /admin/profile")
    assert set(response.json()["data"]["user"]) == SHOWN


def test_the_profile_of_a_new_user_has_the_permissions_of_the_role(db: None) -> None:
    for role in ("editor", "viewer"):
        client = AdminClient(make_token(make_user(email=f"{role}@example.com", role=role)))
        shown = client.get("/admin/profile").json()["data"]["user"]

        assert (shown["permissions"], shown["last_login"]) == (list(ROLE_PERMISSIONS[role]), None)


def test_the_last_login_is_the_last_one_that_succeeded(db: None) -> None:
    make_user()
    with time_machine.travel("2026-11-25T12:00:00Z", tick=False):
        token = log_in().json()["data"]["token"]
        log_in(password="a wrong pass phrase")

        shown = AdminClient(token).get("/admin/profile").json()["data"]["user"]

    assert shown["last_login"] == "2026-11-25T12:00:00Z"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_name_of_ones_own_can_be_changed(admin: AdminClient, method: str) -> None:
    response = admin(method, "/admin/profile", {"name": "Ada"})

    assert (response.status_code, response.json()["data"]["user"]["name"]) == (200, "Ada")
    assert admin.get("/admin/profile").json()["data"] == response.json()["data"]
    event = Event.objects.get()
    assert event.type == "user.updated"
    assert event.details == {"before": {"name": ""}, "after": {"name": "Ada"}, "password_changed": False}


def test_what_is_not_ones_own_to_change_comes_back_and_is_ignored(db: None) -> None:
    viewer = AdminClient(make_token(make_user(role="viewer")))
    before = viewer.get("/admin/profile").json()["data"]["user"]
    planted = {"role": "admin", "permissions": list(ADMIN_PERMISSIONS), "email": "boss@example.com", "is_active": False}

    response = viewer.put("/admin/profile", before | planted)

    assert response.json()["data"]["user"] == before
    assert User.objects.get().is_active


def test_another_password_ends_all_sessions_and_needs_the_present_one(admin: AdminClient) -> None:
    other = AdminClient(make_token(User.objects.get()))

    response = admin.put("/admin/profile", {"password": OTHER, "current_password": PASSWORD})

    assert response.status_code == 200
    assert [error_of(client.get("/admin/profile")) for client in (admin, other)] == [(401, "INVALID_TOKEN")] * 2
    assert log_in(password=PASSWORD).status_code == 401
    assert AdminClient(log_in(password=OTHER).json()["data"]["token"]).get("/admin/profile").status_code == 200
    assert Event.objects.get(type="user.updated").details["password_changed"] is True
    assert not any(secret in str(list(Event.objects.values())) for secret in (OTHER, PASSWORD, "argon2"))


def test_repeating_a_change_of_ones_password_tries_no_password(admin: AdminClient) -> None:
    body = {"password": OTHER, "current_password": PASSWORD}
    first = admin("PUT", "/admin/profile", body, Idempotency_Key="k")
    again = AdminClient(log_in(password=OTHER).json()["data"]["token"])

    repeats = [again("PUT", "/admin/profile", body, Idempotency_Key="k") for _ in range(7)]

    assert [(each.status_code, each.json()) for each in repeats] == [(200, first.json())] * 7
    assert not Event.objects.filter(type="user.login_failed").exists()
    assert log_in(password=OTHER).status_code == 200


def test_a_wrong_present_password_leaves_the_idempotency_key_to_the_right_one(admin: AdminClient) -> None:
    bodies = [{"password": OTHER, "current_password": each} for each in ("a wrong pass phrase", PASSWORD)]

    answers = [admin("PUT", "/admin/profile", body, Idempotency_Key="k").status_code for body in bodies]

    assert answers == [400, 200]


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({"password": OTHER}, {"current_password": "Needed"}),
        ({"password": OTHER, "current_password": "a wrong pass phrase"}, {"current_password": "not the current"}),
        ({"password": "short", "current_password": PASSWORD}, {"password": "too short"}),
        ({"password": "admin@example.com", "current_password": PASSWORD}, {"password": "similar"}),
        ({"name": 1, "avatar": "x"}, {"name": "string", "avatar": "Unknown field"}),
        ({"name": "x" * 151}, {"name": "150"}),
    ],
)
def test_a_bad_profile_names_its_fields_and_changes_nothing(
    admin: AdminClient, body: dict[str, Any], problems: dict[str, str]
) -> None:
    before = User.objects.get().password

    found = fields_of(admin.put("/admin/profile", body))

    assert set(found) == set(problems)
    assert all(part in found[name][0] for name, part in problems.items()), found
    assert User.objects.get().password == before
    assert admin.get("/admin/profile").status_code == 200


def test_who_has_a_token_cannot_guess_the_password_with_it(admin: AdminClient) -> None:
    body = {"password": OTHER, "current_password": "a wrong pass phrase"}
    guesses = [admin.put("/admin/profile", body).status_code for _ in range(5)]

    right = admin.put("/admin/profile", body | {"current_password": PASSWORD})

    assert guesses == [400] * 5
    assert error_of(right) == (429, "TOO_MANY_LOGIN_ATTEMPTS")


def change_by_command(_: AdminClient, user: User) -> None:
    """Do what `manage.py changepassword` and the console's own page do."""
    user.set_password(OTHER)
    user.save()


ENDS: dict[str, Callable[[AdminClient, User], object]] = {
    "another password": lambda admin, user: admin.put(f"/admin/users/{user.pk}", {"password": OTHER}),
    "deactivation": lambda admin, user: admin.put(f"/admin/users/{user.pk}", {"is_active": False}),
    "another role": lambda admin, user: admin.put(f"/admin/users/{user.pk}", {"role": "viewer"}),
    "removal": lambda admin, user: admin.delete(f"/admin/users/{user.pk}"),
    "a password set elsewhere": change_by_command,
}


@pytest.mark.parametrize("end", ENDS)
def test_a_token_and_a_visit_to_the_console_end_with_the_next_request(admin: AdminClient, end: str) -> None:
    user = make_user(email="one@example.com")
    theirs, console = AdminClient(make_token(user)), Client()
    console.force_login(user)
    assert (theirs.get("/admin/users").status_code, console.get("/console/").status_code) == (200, 200)

    ENDS[end](admin, user)

    assert error_of(theirs.get("/admin/users")) == (401, "INVALID_TOKEN")
    assert console.get("/console/").status_code == 302
    assert admin.get("/admin/profile").status_code == 200


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("door", [sessions, own_password])
def test_a_change_of_ones_password_that_was_under_way_does_not_undo_such_an_end(
    admin: AdminClient, monkeypatch: pytest.MonkeyPatch, door: ModuleType, end: str
) -> None:
    user = make_user(email="one@example.com")
    ended: list[Any] = []

    def hash_and_lose(password: str) -> str:
        ENDS[end](admin, user)
        ended.extend(User.objects.order_by("pk").values())
        return hash_password(password)

    monkeypatch.setattr(door, "hash_password", hash_and_lose)
    if door is sessions:
        body = {"password": "yet another phrase", "current_password": PASSWORD}
        answer = AdminClient(make_token(user)).put("/admin/profile", body)
        assert error_of(answer) == (401, "INVALID_TOKEN")
    else:
        console = Client()
        console.force_login(user)
        form = {"old_password": PASSWORD, "new_password1": "yet another phrase", "new_password2": "yet another phrase"}
        answer = console.post("/console/password_change/", form, follow=True)
        assert answer.redirect_chain[-1][0].startswith("/console/login/")

    assert list(User.objects.order_by("pk").values()) == ended


@pytest.mark.parametrize("end", ["deactivation", "another role"])
def test_what_has_ended_does_not_come_back(admin: AdminClient, end: str) -> None:
    user = make_user(email="one@example.com")
    theirs, console = AdminClient(make_token(user)), Client()
    console.force_login(user)

    ENDS[end](admin, user)
    admin.put(f"/admin/users/{user.pk}", {"is_active": True, "role": "admin"})

    assert error_of(theirs.get("/admin/users")) == (401, "INVALID_TOKEN")
    assert console.get("/console/").status_code == 302
    assert log_in("one@example.com").status_code == 200


def test_what_is_no_end_leaves_the_token_and_takes_effect_at_once(admin: AdminClient) -> None:
    user = make_user(email="one@example.com", role="viewer")
    theirs = AdminClient(make_token(user))
    assert error_of(theirs.get("/admin/users")) == (403, "PERMISSION_DENIED")

    body = {"permissions": ["users.manage"], "name": "One", "email": "uno@example.com", "is_active": True}
    admin.put(f"/admin/users/{user.pk}", body | {"role": "viewer"})

    assert theirs.get("/admin/users").status_code == 200
    assert theirs.get("/admin/profile").json()["data"]["user"]["permissions"] == ["users.manage"]


def test_a_token_holds_for_a_day_and_not_a_second_more(db: None) -> None:
    user = make_user()
    with time_machine.travel("2026-11-25T12:00:00Z", tick=False) as clock:
        login = log_in().json()["data"]
        client = AdminClient(login["token"])

        clock.move_to("2026-11-26T11:59:59Z")
        before = client.get("/admin/profile")
        clock.move_to("2026-11-26T12:00:00Z")
        after = client.get("/admin/profile")

    assert (login["expires_at"], before.status_code) == ("2026-11-26T12:00:00Z", 200)
    assert error_of(after) == (401, "TOKEN_EXPIRED")
    assert after.headers["WWW-Authenticate"] == "Bearer"
    assert user.admin_sessions.count() == 1


def test_a_key_opens_nothing_here_and_a_token_nothing_there(admin: AdminClient) -> None:
    secret, token = make_key()[1], admin.headers["Authorization"]

    answers = [
        Client().get("/admin/profile", headers={"X-API-Key": secret}),
        Client().get("/admin/profile", headers={"Authorization": f"Bearer {secret}"}),
        Client().get("/admin/nothing", headers={"Authorization": f"Bearer {secret}"}),
        Client().get("/api/platforms", headers={"Authorization": token}),
        Client().get("/api/platforms", headers={"X-API-Key": token.removeprefix("Bearer ")}),
    ]

    assert [error_of(answer) for answer in answers] == [
        (401, "AUTHENTICATION_REQUIRED"),
        (401, "INVALID_TOKEN"),
        (401, "INVALID_TOKEN"),
        (401, "AUTHENTICATION_REQUIRED"),
        (401, "INVALID_API_KEY"),
    ]


def test_an_administrators_writes_are_theirs_though_a_key_is_shown_beside(admin: AdminClient) -> None:
    admin.put("/admin/profile", {"name": "Ada"}, X_API_Key=make_key()[1])

    event = Event.objects.get(type="user.updated")
    assert (event.user_email, event.key_id) == ("admin@example.com", "")


def test_administrators_have_no_limit_of_requests(admin: AdminClient, api: ApiClient) -> None:
    assert "X-RateLimit-Limit" not in admin.get("/admin/profile").headers
    assert "X-RateLimit-Limit" in api.get("/api/platforms").headers


@pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin/nothing", "/admin/users/", "/admin/users/1/keys"])
def test_an_unknown_address_is_not_found_in_the_envelope(admin: AdminClient, path: str) -> None:
    assert error_of(admin.get(path)) == (404, "NOT_FOUND")
