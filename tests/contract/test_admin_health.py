"""/admin/health, /admin/platform-health and /admin/system, as the reference shows them."""

import platform
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import django
import pytest
import time_machine
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from pytest_django import Settings

from accounts import calls, registry
from accounts.models import CallCount, Network
from adminapi.models import Heartbeat
from adminapi.monitoring import backlog
from adminapi.monitoring import callers as monitoring
from adminapi.monitoring.threads import LIMIT_SECONDS
from adminapi.sessions import jwts
from adminapi.views import health
from ouipost.claims import database_now
from ouipost.events.journal import SYSTEM
from posts import pausing
from tests.adminapi.watching import GREEN, Asked
from tests.conftest import AdminClient
from tests.contract.seed import assert_matches, differences, sample
from tests.contract.world import error_of
from tests.factories import NOW, make_account, make_post, make_token, make_user, make_workspace
from workspaces.models import Workspace

Budget = Callable[..., AbstractContextManager[Any]]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("threads_end")]
PATHS = ("/admin/health", "/admin/platform-health", "/admin/system")


@pytest.fixture
def green(monkeypatch: pytest.MonkeyPatch) -> None:
    """All parts answer as the reference's do."""
    Asked(**GREEN | {"database": 5, "cache": 2}).put_into(monkeypatch)


@pytest.fixture
def one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database has the test's time."""
    monkeypatch.setattr(health, "database_now", timezone.now)


@pytest.fixture
def worker() -> Iterator[None]:
    """A worker that was heard just now."""
    Heartbeat.objects.beat("worker:test:1")
    yield
    Heartbeat.objects.all().delete()


@time_machine.travel("2024-01-22T10:00:00Z", tick=False)
def test_the_health_is_as_in_the_reference(green: None) -> None:
    response = AdminClient(make_token(make_user())).get("/admin/health")

    assert_matches(response, "GET /admin/health")
    assert response.json()["data"]["components"]["publisher"] == {
        "status": "healthy",
        "oldest_due_seconds": 0,
        "oldest_due_delivery_seconds": 0,
        "last_beat": "2026-11-25T12:00:00Z",
        "last_tick": None,
        "workers": 1,
        "paused": [],
    }


def test_the_probes_find_a_running_product_well(admin: AdminClient, worker: None) -> None:
    response = admin.get("/admin/health")

    assert_matches(
        response,
        "GET /admin/health",
        made=[
            "timestamp",
            "components.database.latency_ms",
            "components.cache.latency_ms",
            "components.storage.used_percent",
            "components.queue.pending_jobs",
        ],
    )


def test_what_is_unhealthy_is_503_with_the_same_body(admin: AdminClient) -> None:
    response = admin.get("/admin/health")

    body = response.json()
    assert (response.status_code, body["success"], body["data"]["status"]) == (503, True, "unhealthy")
    publisher = body["data"]["components"]["publisher"]
    assert (publisher["status"], publisher["workers"], publisher["last_beat"]) == ("unhealthy", 0, None)
    assert publisher["message"] == "No worker was heard for 45 seconds: start one."
    assert body["data"]["components"]["database"]["status"] == "healthy"


@pytest.mark.parametrize("path", PATHS)
def test_who_may_not_view_the_system_is_refused(path: str, green: None) -> None:
    viewer = AdminClient(make_token(make_user(role="viewer")))
    granted = AdminClient(make_token(make_user(email="b@example.com", role="viewer", permissions=["system.view"])))

    assert error_of(viewer.get(path)) == (403, "PERMISSION_DENIED")
    assert granted.get(path).status_code == 200
    assert error_of(Client().get(path)) == (401, "AUTHENTICATION_REQUIRED")
    assert error_of(AdminClient("x.y.z").get(path)) == (401, "INVALID_TOKEN")


def test_monitoring_has_a_token_of_its_own_for_the_health_alone(settings: Settings, green: None) -> None:
    settings.METRICS_TOKEN = "a token for the monitor"
    monitor = AdminClient("a token for the monitor")

    answers = [monitor.get(path).status_code for path in PATHS]

    assert answers == [200, 401, 401]
    settings.METRICS_TOKEN = ""
    assert error_of(AdminClient("").get("/admin/health")) == (401, "INVALID_TOKEN")


def test_a_token_that_we_signed_is_enough_while_the_database_is_away(
    monkeypatch: pytest.MonkeyPatch, admin: AdminClient
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("away")

    Asked(**GREEN | {"database": OperationalError("away"), "backlog": OperationalError("away")}).put_into(monkeypatch)
    monkeypatch.setattr(jwts, "session_of", fail)

    response = admin.get("/admin/health")

    components = response.json()["data"]["components"]
    assert response.status_code == 503
    assert {name: part["status"] for name, part in components.items()} == {
        "database": "unhealthy",
        "cache": "healthy",
        "storage": "healthy",
        "queue": "unhealthy",
        "publisher": "unhealthy",
    }
    assert error_of(AdminClient(f"{admin.headers['Authorization'][7:]}x").get("/admin/health")) == (
        401,
        "INVALID_TOKEN",
    )


@pytest.mark.parametrize("heard", ["database", "backlog"])
def test_a_session_that_was_not_read_in_time_counts_where_the_database_answers_others(
    monkeypatch: pytest.MonkeyPatch, heard: str
) -> None:
    away = dict.fromkeys(("database", "backlog"), OperationalError("away"))
    Asked(**GREEN | away | {heard: GREEN[heard]}).put_into(monkeypatch)
    monkeypatch.setattr(monitoring, "in_thread", lambda _: Asked()._future("session"))
    ended, viewer = AdminClient(make_token(make_user())), make_user(email="b@example.com", role="viewer")
    ended.post("/admin/logout")

    answers = [client.get("/admin/health") for client in (ended, AdminClient(make_token(viewer)))]

    assert [error_of(each) for each in answers] == [(401, "INVALID_TOKEN"), (403, "PERMISSION_DENIED")]


def test_the_look_for_a_session_shares_the_second_of_the_probes(
    monkeypatch: pytest.MonkeyPatch, admin: AdminClient
) -> None:
    asked = Asked()
    asked.put_into(monkeypatch)
    monkeypatch.setattr(monitoring, "in_thread", lambda _: asked._future("session"))

    response = admin.get("/admin/health")

    assert (response.status_code, sum(asked.waits) <= LIMIT_SECONDS) == (503, True)
    assert {part["status"] for part in response.json()["data"]["components"].values()} == {"unhealthy"}


def counted(network: str, outcome: str, many: int, milliseconds: int = 0, *, at: datetime, **values: Any) -> None:
    named = {"kind": calls.REQUEST} | values
    CallCount.objects.create(network=network, outcome=outcome, calls=many, milliseconds=milliseconds, at=at, **named)


def published(network: str, at: str) -> None:
    last = parse_datetime(at)
    counted(network, calls.PUBLISHED, 1, at=calls.EVER, kind=calls.PUBLISH, last_at=last)


@pytest.mark.usefixtures("one_clock")
@time_machine.travel("2024-01-22T10:00:00Z", tick=False)
def test_the_platforms_are_as_in_the_reference() -> None:
    admin, now = AdminClient(make_token(make_user())), timezone.now()
    for network, errors, total, average in (
        ("facebook", 5, 1000, 450),
        ("instagram", 8, 1000, 520),
        ("twitter", 52, 1000, 1200),
    ):
        counted(network, calls.LIMITED, errors, errors * average, at=now - timedelta(minutes=10))
        counted(network, calls.OK, total - errors, (total - errors) * average, at=now - timedelta(minutes=10))
    published("facebook", "2024-01-22T09:45:00Z")
    published("instagram", "2024-01-22T09:30:00Z")
    published("twitter", "2024-01-22T08:00:00Z")

    response = admin.get("/admin/platform-health")

    assert_matches(response, "GET /admin/platform-health", made=["platforms.twitter.issues.*"])
    shown = response.json()["data"]["platforms"]
    assert shown["twitter"]["issues"] == ["52 requests were refused in 15 minutes: a quota is used up."]


@pytest.mark.usefixtures("one_clock")
@time_machine.travel(NOW, tick=False)
def test_without_calls_all_are_operational_and_no_figure_is_made_up() -> None:
    data = AdminClient(make_token(make_user())).get("/admin/platform-health").json()["data"]

    assert data["overall_status"] == "operational"
    assert data["platforms"] == {
        network: {
            "mode": "sandbox",
            "status": "operational",
            "api_status": "healthy",
            "last_successful_post": None,
            "error_rate_24h": None,
            "avg_response_time_ms": None,
            "issues": [],
            "api_version": registry.get(network).version or None,
            "api_version_ends": {"linkedin": "2027-09-15"}.get(network),
        }
        for network in registry.IDS
    }
    assert list(data["platforms"]) == list(registry.IDS)


def test_the_version_of_a_networks_api_is_shown_with_its_end_where_that_is_known(
    admin: AdminClient, settings: Settings
) -> None:
    chosen = {"facebook": settings.NETWORKS["facebook"] | {"version": "v25.0"}}
    settings.NETWORKS = settings.NETWORKS | chosen

    shown = admin.get("/admin/platform-health").json()["data"]["platforms"]

    versions = {name: (each["api_version"], each["api_version_ends"]) for name, each in shown.items()}
    assert versions["facebook"] == ("v25.0", "2028-07-29")
    assert (versions["instagram"], versions["linkedin"]) == (("v26.0", None), ("202609", "2027-09-15"))
    assert versions["bluesky"] == (None, None)


def test_an_account_is_left_alone_by_the_clock_that_publishes(admin: AdminClient) -> None:
    until = database_now() + timedelta(minutes=1)
    make_account(make_workspace(mode="live"), platform="bluesky", held_until=until)

    with time_machine.travel(until + timedelta(minutes=1)):
        shown = admin.get("/admin/platform-health").json()["data"]

    [told] = shown["platforms"]["bluesky"]["issues"]
    assert told.startswith("1 account is left alone until")
    assert datetime.fromisoformat(shown["last_updated"]) < until


def test_the_system_is_as_in_the_reference(admin: AdminClient) -> None:
    made = ("version", "environment", "php_version", "database_version", "uptime_seconds")
    response = admin.get("/admin/system")

    data = response.json()["data"]
    data["php_version"] = "" if data["php_version"] is None else data["php_version"]
    found = differences(
        data, sample("GET /admin/system"), made=[*made, "memory.used_mb", "memory.limit_mb", "features.webhooks"]
    )
    assert (response.status_code, list(found)) == (200, [])
    assert (data["version"], data["environment"], data["php_version"]) == ("0.1.0", "embedded", "")
    assert data["python_version"] == platform.python_version()
    assert data["django_version"] == django.get_version()
    assert re.fullmatch(r"(SQLite|MariaDB|MySQL) \d+\.\d+\.\d+", data["database_version"])
    assert 0 < data["memory"]["used_mb"] < data["memory"]["limit_mb"]


@pytest.mark.parametrize(("path", "most"), [("/admin/health", 2), ("/admin/platform-health", 6), ("/admin/system", 3)])
def test_each_costs_a_fixed_number_of_queries(
    admin: AdminClient, green: None, django_assert_max_num_queries: Budget, path: str, most: int
) -> None:
    workspace = make_workspace(mode="live")
    for number in range(30):
        account = make_account(workspace, remote_id=str(number), default_of=None, status="expired")
        make_post(workspace, accounts=[account], status="scheduled", scheduled_at=NOW)
        counted("facebook", calls.OK, 1, at=timezone.now() - timedelta(minutes=number))

    with django_assert_max_num_queries(most):
        assert admin.get(path).status_code == 200


def test_what_is_paused_is_neither_counted_nor_late(workspace: Workspace) -> None:
    account, due = make_account(workspace), database_now() - timedelta(hours=1)
    make_post(workspace, accounts=[account], status="scheduled", scheduled_at=due)
    assert (backlog.measure().due, backlog.measure().oldest_due > timedelta(minutes=59)) == (1, True)

    pausing.pause("workspace", workspace.pk, reason="Moving", actor=SYSTEM, now=database_now())

    found = backlog.measure()
    assert (found.due, found.oldest_due) == (0, timedelta(0))
    assert [each.reason for each in found.paused] == ["Moving"]


def test_a_look_at_what_is_due_costs_seven_queries(django_assert_max_num_queries: Budget) -> None:
    Network.objects.create(pk="twitter", held_until=NOW)

    with django_assert_max_num_queries(7):
        backlog.measure()
