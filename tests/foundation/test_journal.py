"""One change is one row in the journal: what, by whom, from where."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.test import RequestFactory
from django.utils import timezone

from ouipost.events.journal import SYSTEM, Actor, changes, record
from ouipost.events.models import Event
from tests.factories import make_account, make_key, make_user
from workspaces.models import Workspace

ACTOR = Actor(user_id="user_1", user_email="a@b.example", key_id="key_1", ip_address="192.0.2.1", user_agent="curl")


def test_a_change_is_one_row(workspace: Workspace) -> None:
    account, before = make_account(workspace), timezone.now()

    told = record("updated", account, actor=ACTOR, before={"name": "A"}, after={"name": "B"})

    row: dict[str, Any] = dict(Event.objects.values().get())
    assert before <= row.pop("created_at") <= timezone.now()
    assert row == {
        "id": told.pk,
        "type": "account.updated",
        "resource_type": "account",
        "resource_id": account.pk,
        "workspace_id": workspace.pk,
        "user_id": "user_1",
        "user_email": "a@b.example",
        "key_id": "key_1",
        "ip_address": "192.0.2.1",
        "user_agent": "curl",
        "details": {"before": {"name": "A"}, "after": {"name": "B"}},
        "seq": None,
        "seal": "",
    }


def test_a_workspace_can_be_named(workspace: Workspace) -> None:
    assert record("created", workspace, actor=SYSTEM).workspace_id == ""
    assert record("created", workspace, actor=SYSTEM, workspace_id="ws_1").workspace_id == "ws_1"


def test_the_journal_goes_with_its_transaction(workspace: Workspace) -> None:
    with transaction.atomic():
        record("updated", workspace, actor=SYSTEM)
        transaction.set_rollback(True)

    assert not Event.objects.exists()


def test_the_journal_outlives_what_it_tells_of(workspace: Workspace) -> None:
    pk = workspace.pk
    record("deleted", workspace, actor=SYSTEM, workspace_id=pk)

    workspace.delete()

    assert list(Event.objects.values_list("resource_id", "workspace_id")) == [(pk, pk)]


def test_events_sort_by_the_time_they_were_told_at(workspace: Workspace) -> None:
    told = [record("updated", workspace, actor=SYSTEM).pk for _ in range(5)]

    assert list(Event.objects.order_by("pk").values_list("pk", flat=True)) == told


def test_only_what_changed_is_told(workspace: Workspace) -> None:
    before = {"name": workspace.name, "description": workspace.description, "settings": {"timezone": "UTC"}}
    workspace.name, workspace.settings = "New", {"timezone": "Europe/Paris"}

    assert changes(before, workspace) == {
        "before": {"name": "Bakery", "settings": {"timezone": "UTC"}},
        "after": {"name": "New", "settings": {"timezone": "Europe/Paris"}},
    }


def test_nothing_changed_is_told_as_nothing(workspace: Workspace) -> None:
    assert changes({"name": workspace.name}, workspace) == {"before": {}, "after": {}}


def make_request(**values: Any) -> Any:
    request = RequestFactory().get("/", headers={"User-Agent": values.pop("agent", "curl")}, REMOTE_ADDR="192.0.2.1")
    return SimpleNamespace(META=request.META, **{"user": AnonymousUser()} | values)


@pytest.mark.django_db
def test_a_key_acts_as_itself() -> None:
    key, _ = make_key()

    actor = Actor.from_request(make_request(auth=key))

    assert actor == Actor(key_id=key.pk, ip_address="192.0.2.1", user_agent="curl")


@pytest.mark.django_db
def test_a_person_in_the_console_acts_with_name_and_address() -> None:
    user = make_user()

    actor = Actor.from_request(make_request(user=user))

    assert actor == Actor(user_id=user.pk, user_email=user.email, ip_address="192.0.2.1", user_agent="curl")


@pytest.mark.parametrize("user", [AnonymousUser(), None], ids=["anonymous", "none at all"])
def test_nobody_is_known_by_address_alone(user: Any) -> None:
    assert Actor.from_request(make_request(user=user)) == Actor(ip_address="192.0.2.1", user_agent="curl")


def test_a_long_agent_is_cut_to_what_a_row_holds() -> None:
    assert len(Actor.from_request(make_request(agent="x" * 5_000)).user_agent) == 300
