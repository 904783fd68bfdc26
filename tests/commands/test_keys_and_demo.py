"""`createapikey` shows a key once; `load_demo` says first what it would do."""

import errno
import json
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import requests
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from adminapi.management import demo
from adminapi.management.client import Client, ClientError
from tests.commands.running import run
from tests.factories import make_key, make_workspace
from tests.workspaces.keys.identifying import identify
from workspaces.models import ApiKey, User, Workspace
from workspaces.permissions import KEY_PERMISSIONS

pytestmark = pytest.mark.django_db


def create(*arguments: str) -> tuple[ApiKey, str]:
    """Create a key and return it with the secret that was printed."""
    shown = json.loads(run("createapikey", "Shop", "--json", *arguments))
    assert set(shown) == {"id", "api_key"}
    return ApiKey.objects.get(pk=shown["id"]), shown["api_key"]


def test_a_new_key_works() -> None:
    key, secret = create()

    assert identify(secret, address="192.0.2.1", now=timezone.now())[0] == key
    assert secret.startswith("pk_live_")
    assert (key.name, key.tier, key.permissions, key.workspace_ids) == ("Shop", "starter", list(KEY_PERMISSIONS), [])


UNWRITABLE = Mock(write=Mock(), flush=Mock(side_effect=OSError(errno.ENOSPC, "No space left on device")))
"""A file on a full disk, or a pipe to a program that could not be started."""


@pytest.mark.parametrize("more", [[], ["--json"]], ids=["for people", "for programs"])
def test_a_key_that_could_not_be_shown_is_not_made(more: list[str]) -> None:
    owner = ["--email", "ops@example.com", "--password", "a long pass phrase"]
    key, _secret = make_key()

    for command in (["createapikey", "Web shop"], ["bootstrap", *owner], ["rotate_key", key.pk]):
        with pytest.raises(OSError, match="No space left"):
            call_command(*command, *more, stdout=UNWRITABLE)

    assert list(ApiKey.objects.values_list("pk", "digest")) == [(key.pk, key.digest)]
    assert not User.objects.exists()


def test_a_key_can_be_limited() -> None:
    one, two = make_workspace(), make_workspace()

    key, secret = create(
        *("--mode", "test", "--tier", "enterprise"),
        *("--workspace", one.pk, "--workspace", two.pk),
        *("--permission", "posts.read", "--permission", "posts.write"),
    )

    assert secret.startswith("pk_test_")
    assert (key.mode, key.tier) == ("test", "enterprise")
    assert key.workspace_ids == [one.pk, two.pk]
    assert key.permissions == ["posts.read", "posts.write"]


def test_people_are_told_to_store_it() -> None:
    printed = run("createapikey", "Shop")

    assert f"{ApiKey.objects.get().pk}: pk_live_" in printed
    assert "it cannot be shown again" in printed


def test_a_workspace_that_is_not_there_is_named() -> None:
    gone = make_workspace(deleted_at=timezone.now())

    with pytest.raises(CommandError, match=f"There is no workspace {gone.pk}, ws_none"):
        run("createapikey", "Shop", "--workspace", gone.pk, "--workspace", "ws_none")

    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_a_test_key_for_a_live_workspace_which_it_would_not_see_is_refused(options: list[str]) -> None:
    sandbox, live = make_workspace(), make_workspace(mode="live")

    with pytest.raises(CommandError, match=f"A test key sees sandbox workspaces only, and so not {live.pk}") as refused:
        run("createapikey", "Shop", "--mode", "test", "--workspace", sandbox.pk, "--workspace", live.pk, *options)

    assert refused.value.returncode == 2
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("name", ["", " ", "x" * 101], ids=len)
def test_a_name_that_will_not_do_is_refused_in_words(name: str) -> None:
    with pytest.raises(CommandError, match="NAME must have 1 to 100 characters"):
        run("createapikey", name)

    assert not ApiKey.objects.exists()


def test_an_unknown_permission_is_refused() -> None:
    with pytest.raises(CommandError, match="invalid choice: 'posts"):
        run("createapikey", "Shop", "--permission", "posts.fly")


def test_a_dry_run_makes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(demo, "is_ready")

    printed = run("load_demo", "--dry-run")

    assert "Would make a sandbox workspace" in printed
    assert (Workspace.objects.count(), ApiKey.objects.count()) == (0, 0)


def test_a_dry_run_says_that_the_demo_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    made = demo.Demo(api_key="pk_test_x", workspace_id="ws_x", email="demo@example.com", password="a long one")
    monkeypatch.setattr(demo, "load", lambda: made)

    assert run("load_demo", "--dry-run") == "Would make nothing, for it is there.\n"


@pytest.mark.parametrize("kept", ["", "[]", '{"api_key": "x"}'])
def test_a_demo_whose_file_is_damaged_says_which_to_delete(kept: str, settings: Settings, tmp_path: Path) -> None:
    settings.OUIPOST_HOME = tmp_path
    (tmp_path / "demo.json").write_text(kept)

    with pytest.raises(CommandError, match=r"demo\.json is damaged: delete it"):
        run("load_demo", "--dry-run")


def test_where_logs_are_json_the_demo_prints_its_key_in_a_line_and_nowhere_its_password(
    monkeypatch: pytest.MonkeyPatch, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    made = demo.Demo(api_key=f"pk_test_{'x' * 32}", workspace_id="ws_x", email="demo@example.com", password="a word")
    monkeypatch.setattr(demo, "is_ready", lambda: True)
    monkeypatch.setattr(demo, "load", lambda: made)
    monkeypatch.setattr(Client, "call", Mock())
    settings.LOG_FORMAT = "json"

    printed = run("load_demo", "--wait", "60")

    shown = json.loads(printed)
    assert (shown["api_key"], shown["password_in"]) == (made.api_key, str(demo.path()))
    assert made.password not in printed + caplog.text


def test_the_demo_needs_the_running_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "is_ready", lambda: False)

    with pytest.raises(CommandError, match="serve` first"):
        run("load_demo")


@pytest.mark.parametrize("error", [ClientError("POST /api/accounts: no"), requests.ConnectionError("gone")], ids=str)
def test_why_there_is_no_demo_is_told(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(_: Any) -> None:
        raise error

    monkeypatch.setattr(demo, "is_ready", lambda: True)
    monkeypatch.setattr(demo, "show", fail)

    with pytest.raises(CommandError, match=f"The demo could not be made or read: {error}"):
        run("load_demo")


@pytest.mark.parametrize(
    ("status", "told"),
    [(401, "another database, or was revoked. Delete that file"), (503, "The demo could not be made or read: GET")],
)
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_what_the_product_does_not_have_any_more_is_not_said_to_be_there(
    monkeypatch: pytest.MonkeyPatch, form: tuple[str, ...], status: int, told: str
) -> None:
    made = demo.Demo(api_key="pk_test_x", workspace_id="ws_x", email="demo@example.com", password="a long one")
    refusal = ClientError("GET /api/workspaces: no", status=status)
    monkeypatch.setattr(demo, "is_ready", lambda: True)
    monkeypatch.setattr(demo, "load", lambda: made)
    monkeypatch.setattr(Client, "call", Mock(side_effect=refusal))

    with pytest.raises(CommandError, match=told):
        run("load_demo", *form)


def test_it_waits_for_the_product_as_long_as_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([False, False, True, False])
    shown: list[Any] = []
    monkeypatch.setattr(demo, "LOOK_SECONDS", 0)
    monkeypatch.setattr(demo, "is_ready", lambda: next(looks))
    monkeypatch.setattr(demo, "show", shown.append)

    run("load_demo", "--wait", "60")

    assert len(shown) == 1
    with pytest.raises(CommandError, match="serve` first"):
        run("load_demo")
