"""A body that comes slowly holds up nobody else, and does nothing that its sender may not do when it has come."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.client import FakePayload
from django.utils import timezone

from ouipost.api import viewsets
from ouipost.events.models import Event
from tests.contract.writes import WRITES, World
from workspaces.models import ApiKey, User, Workspace

Meanwhile = Callable[[str, Callable[[], object]], int]
HAS_NO_CREDENTIAL, NEEDS_NO_PERMISSION = {"POST /admin/login"}, {"POST /admin/logout", "PUT /admin/profile"}
NAMES_NO_WORKSPACE = {"POST /api/workspaces"}


@pytest.mark.parametrize("route", WRITES)
def test_no_write_waits_for_its_body_within_a_transaction(
    world: World, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside, read, receive = len(connection.savepoint_ids), set(), FakePayload.read

    def noted(payload: FakePayload, *args: Any, **options: Any) -> bytes:
        read.add(len(connection.savepoint_ids))
        return receive(payload, *args, **options)

    monkeypatch.setattr(FakePayload, "read", noted)
    response = WRITES[route](world)

    assert response.status_code < 300
    assert read <= {outside}


@pytest.mark.parametrize("route", [route for route in WRITES if route not in HAS_NO_CREDENTIAL])
def test_a_credential_that_ends_while_its_body_comes_writes_nothing(meanwhile: Meanwhile, route: str) -> None:
    def end() -> None:
        ApiKey.objects.update(revoked_at=timezone.now(), is_active=False)
        User.objects.update(is_active=False)

    assert meanwhile(route, end) == 401


@pytest.mark.parametrize("route", [route for route in WRITES if route not in HAS_NO_CREDENTIAL | NEEDS_NO_PERMISSION])
def test_a_permission_that_is_taken_away_while_the_body_comes_writes_nothing(meanwhile: Meanwhile, route: str) -> None:
    def take_away() -> None:
        ApiKey.objects.update(permissions=[])
        User.objects.update(permissions=[])

    assert meanwhile(route, take_away) == 403


@pytest.mark.parametrize("route", [each for each in WRITES if " /api/" in each and each not in NAMES_NO_WORKSPACE])
def test_a_workspace_that_is_deleted_while_the_body_comes_is_not_written_to(meanwhile: Meanwhile, route: str) -> None:
    assert meanwhile(route, lambda: Workspace.objects.update(deleted_at=timezone.now())) == 404


@pytest.fixture
def meanwhile(world: World, monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Make a change between the check of a write's credential and the end of its body; return the answer's status.

    Checks that nothing was written, as every write is recorded.
    """

    def ask(route: str, change: Callable[[], object]) -> int:
        method, template = route.split(" ")
        address, told = re.compile(re.sub(r"{\w+}", "[^/]+", template)), [-1]

        def admitted(request: Any) -> None:
            if request.method == method and address.fullmatch(request.path):
                change()
                told.append(Event.objects.count())

        monkeypatch.setattr(viewsets, "refuse_encoded", admitted)
        monkeypatch.setattr(viewsets, "ADMITTED_FOR_SECONDS", 0)
        response = WRITES[route](world)
        assert Event.objects.count() == told[-1]
        return int(response.status_code)

    return ask


def test_a_request_whose_body_comes_slowly_counts_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewsets, "ADMITTED_FOR_SECONDS", 0)

    left = [int(world.api.post("/api/workspaces", {"name": "New"})["X-RateLimit-Remaining"]) for _ in range(2)]

    assert left[0] - left[1] == 1


def test_who_is_deactivated_while_a_form_of_the_console_comes_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    console, receive, reads = Client(enforce_csrf_checks=True), FakePayload.read, []
    console.force_login(world.user)
    page = "/console/workspaces/workspace/add/"
    console.get(page)
    token = console.cookies["csrftoken"].value

    def read(payload: FakePayload, *args: Any, **options: Any) -> bytes:
        reads.append(User.objects.filter(is_active=True).exists())
        if len(reads) == 2:
            User.objects.update(is_active=False)
        return receive(payload, *args, **options)

    monkeypatch.setattr(FakePayload, "read", read)
    form = {"file": SimpleUploadedFile("a.txt", b"x" * 2**20), "name": "New", "csrfmiddlewaretoken": token}

    answer = console.post(page, form)

    assert (len(reads) > 2, answer.status_code) == (True, 302)
    assert answer["Location"].startswith("/console/login/")
    assert Workspace.objects.count() == 1
