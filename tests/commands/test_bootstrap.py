"""`bootstrap` makes what is missing, shows the key once, and changes nothing when it is run again."""

import json
from io import StringIO
from typing import Any
from unittest.mock import Mock

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from adminapi.management.commands import bootstrap as command
from ouipost.events.models import Event
from tests.factories import make_user
from workspaces.models import ApiKey, Membership, User, Workspace
from workspaces.permissions import KEY_PERMISSIONS

pytestmark = pytest.mark.django_db
PASSWORD = "a long pass phrase"


def bootstrap(**options: Any) -> str:
    output = StringIO()
    given: dict[str, Any] = {"email": "Owner@Example.com", "password": PASSWORD} | options
    call_command("bootstrap", stdout=output, **given)
    return output.getvalue()


def bootstrap_json(**options: Any) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(bootstrap(json=True, **options))
    return shown


def counts() -> list[int]:
    return [model.objects.count() for model in (User, Workspace, Membership, ApiKey, Event)]


def test_it_prints_one_json_object_with_all_that_a_program_needs(settings: Settings) -> None:
    settings.SIMULATOR_TOKEN = "simulator"

    shown = bootstrap_json(workspace="Bakery", mode="sandbox")

    user, workspace, key = User.objects.get(), Workspace.objects.get(), ApiKey.objects.get()
    assert shown == {
        "admin": "owner@example.com",
        "admin_id": user.pk,
        "workspace_id": workspace.pk,
        "api_key_id": key.pk,
        "api_key": shown["api_key"],
        "simulator_token": "simulator",
    }
    assert (user.role, user.check_password(PASSWORD)) == ("admin", True)
    assert (workspace.name, workspace.mode) == ("Bakery", "sandbox")
    assert Membership.objects.filter(user=user, workspace=workspace).exists()


def test_the_key_is_live_and_may_do_everything_everywhere(client: Any) -> None:
    shown = bootstrap_json(mode="sandbox")

    key = ApiKey.objects.get()
    assert shown["api_key"].startswith("pk_live_")
    assert (key.permissions, key.workspace_ids, key.tier) == (list(KEY_PERMISSIONS), [], "enterprise")
    headers = {"X-API-Key": shown["api_key"], "X-Workspace-ID": shown["workspace_id"]}
    assert client.get("/api/posts", headers=headers).status_code == 200


def test_without_the_simulator_there_is_no_token(settings: Settings) -> None:
    settings.SIMULATOR_TOKEN = ""

    assert bootstrap_json()["simulator_token"] is None


def test_without_an_argument_the_password_comes_in_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(f"{PASSWORD}\n"))

    bootstrap_json(password=None)

    assert User.objects.get().check_password(PASSWORD)


def test_at_a_terminal_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Mock(isatty=lambda: True))
    monkeypatch.setattr(command, "getpass", Mock(return_value=PASSWORD))

    bootstrap_json(password=None)

    assert User.objects.get().check_password(PASSWORD)


@pytest.mark.parametrize("given", [{"password": None}, {"password": ""}], ids=str)
def test_a_missing_password_is_named_unless_the_administrator_is_there_already(
    given: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(""))

    with pytest.raises(CommandError) as refused:
        bootstrap(**given)
    nothing = counts()
    first = bootstrap_json()

    assert str(refused.value) == "No password was given: give it with --password, or as a line of the standard input."
    assert nothing == [0] * 5
    assert bootstrap_json(**given) == first | {"api_key": None}


def test_run_again_it_changes_nothing_and_hides_the_key() -> None:
    first, before = bootstrap_json(), counts()

    second = bootstrap_json()

    assert second == first | {"api_key": None}
    assert counts() == before == [1, 1, 1, 1, 4]


def test_run_again_with_another_password_it_keeps_the_old_one() -> None:
    bootstrap()

    bootstrap(password="another long pass phrase")

    assert User.objects.get().check_password(PASSWORD)


@pytest.mark.parametrize(("is_active", "state"), [(True, "as editor"), (False, "as editor, and is deactivated")])
def test_it_says_that_whoever_is_there_already_stays_as_they_were(is_active: bool, state: str) -> None:
    make_user(role="editor", email="owner@example.com", is_active=is_active)

    said = bootstrap(password="another long pass phrase")

    told = f"owner@example.com was there already, {state}; its password is the old one: `changepassword` sets another."
    assert told in said.splitlines()
    assert "was there already" not in bootstrap(email="new@example.com")


def test_what_is_missing_is_made_anew() -> None:
    first = bootstrap_json()
    ApiKey.objects.update(is_active=False)
    Workspace.objects.update(deleted_at="2026-11-25T12:00:00Z")

    second = bootstrap_json()

    assert second["admin_id"] == first["admin_id"]
    assert second["workspace_id"] != first["workspace_id"]
    assert second["api_key"] not in (None, first["api_key"])


def test_another_workspace_gets_a_key_of_its_own() -> None:
    one, two = bootstrap_json(workspace="One"), bootstrap_json(workspace="Two")

    assert one["admin_id"] == two["admin_id"]
    assert len({one["workspace_id"], two["workspace_id"]}) == len({one["api_key"], two["api_key"]}) == 2


def test_the_same_name_in_another_mode_is_another_workspace() -> None:
    assert bootstrap_json()["workspace_id"] != bootstrap_json(mode="sandbox")["workspace_id"]


def test_a_weak_password_is_refused_and_nothing_made() -> None:
    with pytest.raises(CommandError, match="too short"):
        bootstrap(password="short")

    assert counts() == [0] * 5


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"email": "nobody"}, "Enter a valid email address"),
        ({"email": f"{'a' * 250}@example.com"}, "at most 254 characters"),
        ({"workspace": " "}, "--workspace must have 1 to 90 characters"),
        ({"workspace": "x" * 91}, "--workspace must have 1 to 90 characters"),
        ({"workspace": "Ba\x1bkery"}, "--workspace: Control characters other than tab and newline are not allowed."),
    ],
    ids=str,
)
def test_what_will_not_do_is_refused_in_words(given: dict[str, str], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        bootstrap(**given)

    assert counts() == [0] * 5


def test_people_get_lines(settings: Settings) -> None:
    settings.SIMULATOR_TOKEN = "simulator"

    first, second = bootstrap(), bootstrap()

    assert "api_key: pk_live_" in first
    assert "cannot be shown again" not in first
    assert "None" not in second
    assert "cannot be shown again: `createapikey` makes another" in second


def test_everything_made_is_in_the_journal_without_secrets() -> None:
    shown = bootstrap_json()

    told = list(Event.objects.order_by("pk").values())
    types = ["user.created", "workspace.created", "workspace.members_changed", "api_key.created"]
    assert [event["type"] for event in told] == types
    assert {event["user_agent"] for event in told} == {"manage.py bootstrap"}
    assert shown["api_key"] not in str(told)
    assert PASSWORD not in str(told)
