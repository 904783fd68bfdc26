"""The console opens every page to who may see it, and to nobody else."""

import logging
import sys
from logging.config import DictConfigurator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from ouipost.events.models import Event
from ouipost.observability.logs import logging_config
from tests.console.conftest import browser_of
from tests.console.world import make_world
from tests.factories import (
    make_user,
)
from workspaces.models import Role, Workspace

MODELS = [model for model in admin.site._registry if model._meta.app_label != "auth"]
NAMES = [f"{model._meta.app_label}_{model._meta.model_name}" for model in MODELS]
SECRET = "a-token-that-nobody-must-see"


@pytest.fixture
def world(db: None) -> None:
    """One row at least of everything."""
    make_world()


def logged_in(role: str) -> Client:
    return browser_of(make_user(email=f"{role}@example.com", role=role))


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_an_administrator_opens_the_list_and_each_row_of_every_model(model: Any) -> None:
    client, name = logged_in(Role.ADMIN), f"admin:{model._meta.app_label}_{model._meta.model_name}"

    listed = client.get(reverse(f"{name}_changelist"))
    rows = [client.get(reverse(f"{name}_change", args=[row.pk])) for row in model._default_manager.all()]

    assert rows
    assert {listed.status_code, *(row.status_code for row in rows)} == {200}
    titles = {str(answer.context["title"]) for answer in (listed, *rows)}
    assert [each for each in titles if each.startswith(("Select", "Change ", "View "))] == []


def test_an_empty_list_asks_for_nothing_that_cannot_be_done(db: None) -> None:
    client, address = logged_in(Role.ADMIN), reverse("admin:events_delivery_changelist")

    empty, searched = (client.get(address, query).content.decode() for query in ({}, {"q": "nothing"}))

    assert ["There is nothing here yet" in page for page in (empty, searched)] == [True, False]
    assert ["Reset filters" in page for page in (empty, searched)] == [False, True]


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_a_column_of_ours_has_no_name_that_a_field_takes_before_it(model: Any) -> None:
    page = admin.site._registry[model]
    fields = {field.name for field in model._meta.get_fields()}

    assert [name for name in page.list_display if name in fields and hasattr(page, str(name))] == []


def test_staff_log_in_with_their_address_whatever_its_case(db: None) -> None:
    make_user(email="admin@example.com", password="a long pass phrase")
    client = Client()

    answer = client.post("/console/login/", {"username": "Admin@Example.com", "password": "a long pass phrase"})

    assert (answer.status_code, answer["Location"], client.get("/console/").status_code) == (302, "/console/", 200)
    assert Event.objects.get(type="user.logged_in").user_email == "admin@example.com"


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


def test_data_may_load_nothing_and_be_shown_in_no_frame(db: None) -> None:
    answers = [Client().get(path) for path in ("/healthz", "/api/posts", "/admin/profile")]

    assert [answer.status_code for answer in answers] == [200, 401, 401]
    assert {answer["Content-Security-Policy"] for answer in answers} == {"default-src 'none'; frame-ancestors 'none'"}


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
    handler.setFormatter(DictConfigurator({}).configure_formatter(formatter))
    return handler.format(record)


def _failure() -> logging.LogRecord:
    token = SECRET
    try:
        raise ValueError(len(token))
    except ValueError:
        return logging.LogRecord("test", logging.ERROR, __file__, 1, "It failed", (), sys.exc_info())
