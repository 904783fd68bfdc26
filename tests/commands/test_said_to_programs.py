"""What each command prints for programs: one object and nothing else, also when it only says what it would do."""

import json
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Pause
from adminapi.management import demo
from adminapi.management.client import Client
from adminapi.management.demo import Demo
from adminapi.pruning import old
from ouipost.events.models import Event
from tests.commands.running import run
from tests.factories import make_account
from workspaces.models import ApiKey, User, Workspace

pytestmark = pytest.mark.django_db
ADMIN = ("--email", "ops@example.com", "--password", "a long pass phrase")
FACEBOOK = ("--scope", "network", "--id", "facebook")


def shown(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def test_bootstrap_says_first_what_it_would_create() -> None:
    said = run("bootstrap", *ADMIN, "--workspace", "Shop", "--dry-run")

    assert said == "ops@example.com would administer Shop; a key would be created. Nothing was done.\n"
    assert [model.objects.count() for model in (User, Workspace, ApiKey, Event)] == [0, 0, 0, 0]
    assert shown("bootstrap", *ADMIN, "--workspace", "Shop", "--dry-run") == {
        "admin": "ops@example.com",
        "workspace": "Shop",
        "creates_key": True,
    }
    run("bootstrap", *ADMIN, "--workspace", "Shop")
    assert run("bootstrap", *ADMIN, "--workspace", "Shop", "--dry-run").count("the key is there") == 1


def test_createapikey_says_first_what_it_would_create(workspace: Workspace) -> None:
    said = run("createapikey", "Reports", "--workspace", workspace.pk, "--dry-run")

    assert said == f"Would create the live key Reports for {workspace.pk}; nothing was done.\n"
    assert shown("createapikey", "Reports", "--dry-run") == {"id": None, "api_key": None}
    assert ApiKey.objects.count() == 0


def test_the_demo_is_given_as_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Demo(api_key="pk_test_1", workspace_id="ws_1", email="demo@example.com", password="phrase")
    found: list[Demo] = []

    def make(output: Any) -> Demo:
        found.append(made)
        return made

    monkeypatch.setattr(demo, "is_ready", lambda: True)
    monkeypatch.setattr(demo, "load", lambda: found[0] if found else None)
    monkeypatch.setattr(demo, "make", make)
    monkeypatch.setattr(Client, "call", lambda *call, **request: {})

    before = shown("load_demo", "--dry-run")
    answers = [shown("load_demo"), shown("load_demo")]

    assert (before, shown("load_demo", "--dry-run")) == ({"is_there": False}, {"is_there": True})
    assert answers == [{"api_key": "pk_test_1", "workspace_id": "ws_1", "email": "demo@example.com",
                        "password": "phrase"}] * 2  # fmt: skip


def test_a_pause_and_its_end() -> None:
    planned = shown("pause", *FACEBOOK, "--reason", "It bans us.", "--dry-run")
    begun = shown("pause", *FACEBOOK, "--reason", "It bans us.")
    row = Pause.objects.get()
    would_end = shown("resume", *FACEBOOK, "--dry-run")
    ended = shown("resume", *FACEBOOK)

    pause = {"scope": "network", "id": "facebook", "reason": "It bans us.",
             "paused_at": f"{row.paused_at:%Y-%m-%dT%H:%M:%SZ}"}  # fmt: skip
    assert (planned, begun) == ({"pause": None, "waiting": 0}, {"pause": pause, "waiting": 0})
    assert would_end == {"pause": pause, "still_paused": [pause]}
    assert ended == {"pause": pause, "still_paused": []}
    assert shown("resume", *FACEBOOK) == {"pause": None, "still_paused": []}


def test_prune_counts() -> None:
    nothing = {each.name: 0 for each in old(timezone.now())}

    assert (shown("prune", "--dry-run"), shown("prune")) == ({"would_remove": nothing}, {"removed": nothing})
    assert {"hours", "snapshots", "jobs"} <= set(nothing)


def test_sync_analytics_counts(workspace: Workspace) -> None:
    make_account(workspace, status="expired", connected_at=timezone.now())

    assert shown("sync_analytics", "--dry-run") == {"would_read": {}}
    assert shown("sync_analytics") == {"posts": 0, "accounts": [], "failed": [], "left": 0}


def test_reconcile_where_nothing_is_in_doubt() -> None:
    assert shown("reconcile") == {"is_paused": False, "counts": {}, "targets": [], "more": 0}
