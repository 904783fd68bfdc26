"""The console opens every page to who may see it, and to nobody else."""

import logging
import sys
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from ouipost.events.journal import SYSTEM, record
from ouipost.events.models import Event
from ouipost.logs import logging_config
from tests.analytics.readings import publish
from tests.factories import (
    NOW,
    make_account,
    make_delivery,
    make_key,
    make_media,
    make_post,
    make_schedule,
    make_user,
    make_webhook,
    make_workspace,
)
from workspaces.models import Membership, Role, Workspace
from workspaces.permissions import ADMIN_PERMISSIONS, CONSOLE_PERMISSIONS

MODELS = [model for model in admin.site._registry if model._meta.app_label != "auth"]
NAMES = [f"{model._meta.app_label}_{model._meta.model_name}" for model in MODELS]
NUMBERS = {"analytics_accountsync", "analytics_targetnumbers"}
SECRET = "a-token-that-nobody-must-see"


@pytest.fixture
def world(db: None) -> None:
    """One row at least of everything."""
    workspace = make_workspace()
    make_key()
    account = make_account(workspace)
    post = make_post(workspace, accounts=[account], status="scheduled", scheduled_at=NOW)
    make_media(post)
    make_schedule(workspace)
    Membership.objects.create(workspace=workspace, user=make_user(email="member@example.com"))
    record("updated", post, actor=SYSTEM)
    publish(account, at=NOW)
    make_delivery(make_webhook())


def logged_in(role: str) -> Client:
    client = Client()
    client.force_login(make_user(email=f"{role}@example.com", role=role))
    return client


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_an_administrator_opens_the_list_and_each_row_of_every_model(model: Any) -> None:
    client, name = logged_in(Role.ADMIN), f"admin:{model._meta.app_label}_{model._meta.model_name}"

    listed = client.get(reverse(f"{name}_changelist"))
    rows = [client.get(reverse(f"{name}_change", args=[row.pk])) for row in model._default_manager.all()]

    assert rows
    assert {listed.status_code, *(row.status_code for row in rows)} == {200}


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.EDITOR, {"posts_post", "posts_target", "posts_schedule", "accounts_socialaccount", *NUMBERS}),
        (Role.VIEWER, NUMBERS),
    ],
)
def test_a_role_opens_only_what_its_permissions_say(role: str, allowed: set[str]) -> None:
    client = logged_in(role)

    opened = {name for name in NAMES if client.get(reverse(f"admin:{name}_changelist")).status_code == 200}

    assert opened == allowed


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("name", ADMIN_PERMISSIONS)
def test_each_permission_alone_opens_exactly_its_pages(name: str) -> None:
    client = Client()
    client.force_login(make_user(password=None, role="viewer", permissions=[name]))

    opened = {page for page in NAMES if client.get(reverse(f"admin:{page}_changelist")).status_code == 200}

    assert opened == {page for page in NAMES if CONSOLE_PERMISSIONS.get(page.replace("_", ".")) == name}


def test_nobody_opens_anything_without_logging_in(db: None) -> None:
    answers = [Client().get(reverse(f"admin:{name}_changelist")) for name in NAMES]

    assert {(answer.status_code, answer["Location"].partition("?")[0]) for answer in answers} == {
        (302, "/console/login/")
    }


def test_staff_log_in_with_their_address_whatever_its_case(db: None) -> None:
    make_user(email="admin@example.com", password="a long pass phrase")
    client = Client()

    answer = client.post("/console/login/", {"username": "Admin@Example.com", "password": "a long pass phrase"})

    assert (answer.status_code, client.get("/console/").status_code) == (302, 200)


def test_the_table_of_visits_has_nothing_that_opens_the_console(db: None) -> None:
    make_user(email="admin@example.com", password="a long pass phrase")
    browser = Client()
    browser.post("/console/login/", {"username": "admin@example.com", "password": "a long pass phrase"})
    cookie, row = browser.cookies["sessionid"].value, Session.objects.get().session_key
    thief = Client()
    thief.cookies["sessionid"] = row

    opened = [each.get("/console/").status_code for each in (browser, thief)]
    browser.post("/console/logout/")
    browser.cookies["sessionid"] = cookie

    assert (opened, cookie == row) == ([200, 302], False)
    assert (browser.get("/console/").status_code, Session.objects.filter(session_key=row).exists()) == (302, False)


def test_only_the_console_may_evaluate_scripts(db: None) -> None:
    console, page = Client().get("/console/login/"), Client().get("/")

    policies = ["unsafe-eval" in answer["Content-Security-Policy"] for answer in (console, page)]
    assert policies == [True, False]


@pytest.mark.usefixtures("world")
def test_a_workspace_changed_in_the_console_is_told_to_the_journal_once(db: None) -> None:
    workspace = Workspace.objects.get()
    form = {"name": "Renamed", "description": "", "settings": "{}"}

    logged_in(Role.ADMIN).post(reverse("admin:workspaces_workspace_change", args=[workspace.pk]), form)

    event = Event.objects.get(type="workspace.updated")
    assert (event.user_email, event.details["after"]) == ("admin@example.com", {"name": "Renamed"})


def test_a_traceback_in_the_logs_shows_no_local_variables() -> None:
    line = _logged(_failure())

    assert ("Traceback" in line, SECRET in line) == (True, False)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_key_in_an_address_is_masked_in_the_logs(form: str) -> None:
    key = "pk_live_" + "aB3" * 10 + "xy"

    line = _logged(logging.LogRecord("test", logging.WARNING, __file__, 1, "Not Found: /api/%s", (key,), None), form)

    assert ("Not Found: /api/[masked]" in line, key in line) == (True, False)


def _logged(record: logging.LogRecord, form: str = "text") -> str:
    formatter = logging_config(form)["formatters"]["lines"]
    handler = logging.StreamHandler()
    handler.setFormatter(formatter["()"](**{key: value for key, value in formatter.items() if key != "()"}))
    return handler.format(record)


def _failure() -> logging.LogRecord:
    token = SECRET
    try:
        raise ValueError(len(token))
    except ValueError:
        return logging.LogRecord("test", logging.ERROR, __file__, 1, "It failed", (), sys.exc_info())
