"""Rows of the journal are added, and nothing else: there is no way to change or remove one."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from ouipost.events.journal import SYSTEM, entry, record
from ouipost.events.models import Event, JournalIsAppendOnly
from tests.conftest import AdminClient
from tests.contract.routes import admin_routes
from tests.factories import make_user
from workspaces.models import Workspace


@pytest.fixture
def event(workspace: Workspace) -> Event:
    return record("updated", workspace, actor=SYSTEM, workspace_id=workspace.pk, name="Bakery")


def stored() -> list[Any]:
    return list(Event.objects.order_by("pk").values_list())


def _saved(event: Event) -> None:
    event.details = {}
    event.save()


def _saved_as_new(event: Event) -> None:
    Event(pk=event.pk, created_at=event.created_at, details={}).save()


WAYS: dict[str, Callable[[Event], Any]] = {
    "save": _saved,
    "save some fields": lambda event: event.save(update_fields=["details"]),
    "delete": lambda event: event.delete(),
    "update": lambda event: Event.objects.filter(pk=event.pk).update(details={}),
    "update through the base manager": lambda event: Event._base_manager.all().update(details={}),
    "delete all": lambda event: Event.objects.all().delete(),
    "delete some": lambda event: Event.objects.filter(pk=event.pk).delete(),
    "delete through the base manager": lambda event: Event._base_manager.all().delete(),
    "bulk_update": lambda event: Event.objects.bulk_update([event], ["details"]),
    "update_or_create": lambda event: Event.objects.update_or_create(pk=event.pk, defaults={"details": {}}),
    "upsert": lambda event: Event.objects.bulk_create(
        [event], update_conflicts=True, update_fields=["details"], unique_fields=["id"]
    ),
    "upsert, by place": lambda event: Event.objects.bulk_create([event], None, False, True, ["details"], ["id"]),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_the_models_refuse(event: Event, way: Callable[[Event], Any]) -> None:
    before = stored()

    with pytest.raises(JournalIsAppendOnly):
        way(event)

    assert stored() == before


@pytest.mark.django_db(transaction=True)
def test_a_row_with_an_id_that_is_there_is_refused_by_the_database(event: Event) -> None:
    before = stored()

    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        _saved_as_new(event)

    assert stored() == before


def test_adding_goes_on(workspace: Workspace) -> None:
    told = [entry("updated", workspace, actor=SYSTEM) for _ in range(3)]
    told[0].save()
    Event.objects.bulk_create(told[1:])

    assert Event.objects.count() == 3


def test_the_console_shows_the_journal_and_changes_nothing(event: Event) -> None:
    client, before = Client(), stored()
    client.force_login(make_user())
    page = f"admin:{Event._meta.app_label}_{Event._meta.model_name}"
    row = reverse(f"{page}_change", args=[event.pk])

    answers = [
        client.post(reverse(f"{page}_add"), {"type": "x"}),
        client.post(row, {"type": "x", "details": "{}"}),
        client.post(reverse(f"{page}_delete", args=[event.pk]), {"post": "yes"}),
    ]
    everything = {"action": "delete_selected", "_selected_action": [event.pk], "post": "yes"}
    client.post(reverse(f"{page}_changelist"), everything)

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert (client.get(row).status_code, stored()) == (200, before)


def test_the_admin_api_reads_the_journal_and_has_no_route_that_changes_it(admin: AdminClient, event: Event) -> None:
    before = stored()
    routes = {(route.method, route.template) for route in admin_routes() if route.resource == "audit"}

    answers = {
        (method, path): admin(method, path, {"details": {}}).status_code
        for method in ("POST", "PUT", "PATCH", "DELETE")
        for path in ("/admin/audit", f"/admin/audit/log_{event.pk}")
    }

    assert routes == {("GET", "/admin/audit")}
    assert {status for (_, path), status in answers.items() if path == "/admin/audit"} == {405}
    assert {status for (_, path), status in answers.items() if path != "/admin/audit"} == {404}
    assert stored() == before
    assert json.loads(admin.get("/admin/audit").content)["data"]["logs"]
