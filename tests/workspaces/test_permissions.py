"""The console asks Django's questions, and gets the answers of the admin API."""

from typing import Any

import pytest

from tests.factories import make_user
from workspaces.models import User
from workspaces.permissions import (
    ADMIN_PERMISSIONS,
    CONSOLE_PERMISSIONS,
    ROLE_PERMISSIONS,
    admin_permission,
    console_permissions,
)

pytestmark = pytest.mark.django_db
PAGES = [f"{model.split('.')[0]}.view_{model.split('.')[1]}" for model in CONSOLE_PERMISSIONS]


def pages_of(user: User) -> set[str]:
    return {page for page in PAGES if user.has_perm(page)}


@pytest.mark.parametrize(
    ("asked", "needed"),
    [
        ("workspaces.view_user", "users.manage"),
        ("workspaces.delete_apikey", "api_keys.manage"),
        ("workspaces.change_workspace", "workspaces.manage"),
        ("accounts.view_socialaccount", "accounts.manage"),
        ("posts.change_target", "posts.manage"),
        ("events.view_event", "audit.view"),
        ("accounts.view_connection", None),
        ("sessions.view_session", None),
        ("nonsense", None),
        ("", None),
    ],
)
def test_a_console_page_needs_a_permission_of_ours(asked: str, needed: str | None) -> None:
    assert admin_permission(asked) == needed


def test_an_app_opens_with_any_permission_of_its_pages() -> None:
    assert console_permissions("workspaces") == {"users.manage", "api_keys.manage", "workspaces.manage"}
    assert console_permissions("nowhere") == set()


def test_every_permission_of_the_console_and_the_roles_exists() -> None:
    granted = {each for permissions in ROLE_PERMISSIONS.values() for each in permissions}

    assert granted | set(CONSOLE_PERMISSIONS.values()) <= set(ADMIN_PERMISSIONS)


@pytest.mark.parametrize(
    ("values", "seen"),
    [
        ({"role": "admin"}, set(PAGES)),
        (
            {"role": "editor"},
            {"accounts.view_socialaccount", *(page for page in PAGES if page.startswith(("posts.", "analytics.")))},
        ),
        ({"role": "viewer"}, {page for page in PAGES if page.startswith("analytics.")}),
        ({"role": "viewer", "permissions": ["audit.view"]}, {"events.view_event"}),
        ({"role": "admin", "permissions": []}, set()),
        ({"role": "admin", "is_active": False}, set()),
    ],
    ids=["admin", "editor", "viewer", "own list", "empty list", "inactive"],
)
def test_a_user_sees_what_role_or_list_grant(values: dict[str, Any], seen: set[str]) -> None:
    assert pages_of(make_user(**values)) == seen


@pytest.mark.parametrize("name", ADMIN_PERMISSIONS)
def test_each_permission_alone_shows_exactly_its_pages(name: str) -> None:
    user = make_user(password=None, role="viewer", permissions=[name])

    expected = {page for page in PAGES if admin_permission(page) == name}
    assert pages_of(user) == expected
    assert {
        app for app in ("accounts", "analytics", "posts", "workspaces", "events") if user.has_module_perms(app)
    } == {page.partition(".")[0] for page in expected}


def test_several_permissions_are_all_needed() -> None:
    editor = make_user(role="editor")

    assert editor.has_perms(["posts.view_post", "accounts.view_socialaccount"])
    assert not editor.has_perms(["posts.view_post", "workspaces.view_user"])


def test_only_active_users_enter_the_console() -> None:
    assert make_user().is_staff
    assert not make_user(email="gone@example.com", is_active=False).is_staff


def test_a_user_is_known_by_address_without_regard_to_case() -> None:
    user = User.objects.create_superuser("  Admin@Example.COM ", "a long pass phrase", name="A")

    assert (user.email, user.role, str(user)) == ("admin@example.com", "admin", "admin@example.com")
    assert User.objects.get_by_natural_key(" ADMIN@example.com ") == user
    assert user.check_password("a long pass phrase")
    assert user.password.startswith("argon2")
