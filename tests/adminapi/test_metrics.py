"""/metrics: only with its token, in Prometheus's words, and in a fixed number of queries."""

import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from errno import ENOSPC
from pathlib import Path
from typing import Any, cast

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import calls
from accounts.calls import PUBLISH, REQUEST, SYNC
from accounts.models import Network, Pause
from adminapi.monitoring import metrics, probes
from adminapi.monitoring.probes import PROBES
from adminapi.monitoring.threads import SharedCall
from analytics.models import AccountSync
from ouipost.api.routes import template
from ouipost.events import figures
from ouipost.events.models import Delivery, Event, Webhook
from tests.adminapi.watching import TOKEN, ending, heard
from tests.conftest import ApiClient
from tests.factories import (
    NOW,
    make_account,
    make_delivery,
    make_key,
    make_post,
    make_webhook,
    make_workspace,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("threads_end")]
Budget = Callable[..., AbstractContextManager[Any]]
LINE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")


@pytest.fixture(autouse=True)
def token(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN


@pytest.fixture(autouse=True)
def untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what an earlier test has found the storage to be."""
    monkeypatch.setitem(cast("dict[str, Any]", PROBES), "storage", SharedCall(probes._storage))


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell of this process alone: all of a run have the same parent, and count side by side."""
    scrape()
    for file in metrics.folder().glob(f"*_{os.getpid()}.db"):
        (tmp_path / file.name).symlink_to(file)
    monkeypatch.setattr(metrics, "folder", lambda: tmp_path)


def scrape() -> dict[tuple[str, str], float]:
    """Return the figures by name and labels."""
    response = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain; version=")
    lines = [line for line in response.content.decode().splitlines() if not line.startswith("#")]
    found = [match.groups() for line in lines if (match := LINE.fullmatch(line))]
    assert len(found) == len(lines)
    return {(name, labels or ""): float(value) for name, labels, value in found}


@pytest.mark.parametrize(
    ("given", "header", "status"),
    [("", "", 404), ("", "Bearer ", 404), (TOKEN, "", 401), (TOKEN, "Bearer x", 401), (TOKEN, f"Basic {TOKEN}", 401)],
)
def test_nobody_reads_it_without_the_token(settings: Settings, given: str, header: str, status: int) -> None:
    settings.METRICS_TOKEN = given

    assert Client().get("/metrics", headers={"Authorization": header}).status_code == status


@pytest.mark.usefixtures("alone")
def test_requests_are_counted_by_route_method_and_status() -> None:
    workspace = make_workspace()
    post = make_post(workspace)
    api = ApiClient(make_key()[1], workspace.pk)
    before = scrape()

    for _ in range(3):
        api.get(f"/api/posts/{post.pk}")
    api.get("/api/posts/post_019a2b3c-4d5e-7f00-8a1b-2c3d4e5f6a7b")
    api("BREW", "/api/nowhere")

    after = scrape()
    grown = {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}
    counted = {labels: value for (name, labels), value in grown.items() if name == "ouipost_requests_total"}
    assert counted == {
        'method="GET",route="/api/posts/{pk}",status="200"': 3,
        'method="GET",route="/api/posts/{pk}",status="404"': 1,
        'method="other",route="other",status="404"': 1,
        'method="GET",route="/metrics",status="200"': 1,
    }
    took = 'method="GET",route="/api/posts/{pk}"'
    assert grown["ouipost_request_seconds_count", took] == 4
    assert after["ouipost_request_seconds_bucket", f'le="+Inf",{took}'] >= 4


@pytest.mark.parametrize(
    ("route", "shown"),
    [
        ("healthz", "/healthz"),
        ("", "/"),
        (r"api/^posts/(?P<pk>post_[0-9a-f-]{36})/publish\Z", "/api/posts/{pk}/publish"),
        (r"^api/posts/(?P<pk>post_[0-9a-f-]{36})/analytics$", "/api/posts/{pk}/analytics"),
        ("connect/<str:platform>", "/connect/{platform}"),
        ("console/<path:object_id>/change/", "/console/{object_id}/change/"),
        (r"^api(?:/|$)", "other"),
    ],
)
def test_a_route_is_written_as_people_write_it(route: str, shown: str) -> None:
    assert template(route) == shown


def test_what_the_database_knows_is_told() -> None:
    live, sandbox = make_workspace(mode="live"), make_workspace()
    account = make_account(live, tokens=ending(days=6))
    other = make_account(live, remote_id="2", default_of=None, tokens=ending(days=8))
    make_account(sandbox, tokens=ending(days=6))
    make_account(make_workspace(mode="live", deleted_at=NOW), tokens=ending(days=6))
    make_post(live, accounts=[account], status="scheduled", scheduled_at=NOW)
    make_post(live, accounts=[other], status="needs_review")
    AccountSync.objects.create(account=account, due_at=NOW, account_due_at=NOW)
    Event.objects.create(type="post.created", resource_type="post", resource_id="post_1", created_at=NOW)
    Network.objects.create(pk="twitter", held_until=timezone.now() + timedelta(minutes=1))
    Network.objects.create(pk="sandbox:twitter", held_until=NOW)
    heard("node:a:1", ago=timedelta(seconds=1))
    heard("queue.default", ago=timedelta(minutes=1))
    heard("tick", ago=timedelta(minutes=2))
    calls.note("facebook", kind=PUBLISH, outcome="published")
    calls.note("sandbox:facebook", kind=SYNC, outcome="read")
    calls.note("facebook", kind=REQUEST, outcome="ok", seconds=0.25)
    calls.flush()
    webhook = Webhook.objects.create(url="https://example.com/", successful_deliveries=143, failed_deliveries=2)
    Delivery.objects.create(webhook=webhook, message_id="1", created_at=NOW, due_at=NOW)
    Pause.objects.create(scope="network", subject_id="linkedin", in_force="network linkedin", paused_at=NOW)

    found = scrape()

    told = {key: value for key, value in found.items() if "ouipost_request" not in key[0]}
    assert told.pop(("ouipost_oldest_due_seconds", "")) > 60
    assert told.pop(("ouipost_oldest_due_delivery_seconds", "")) > 60
    assert 120 <= told.pop(("ouipost_last_tick_seconds", "")) < 150
    assert 0 < told.pop(("ouipost_disk_used_ratio", "")) < 1
    assert 0 < told.pop(("ouipost_storage_used_ratio", "")) < 1
    assert 0 < told.pop(("ouipost_database_seconds", "")) < 1
    assert abs(told.pop(("ouipost_clock_skew_seconds", ""))) < 5
    assert told.pop(("ouipost_oldest_unsealed_seconds", "")) >= 60
    assert told.pop(("ouipost_oldest_due_sync_seconds", "")) >= 60
    assert told == {
        ("ouipost_info", 'version="0.1.0"'): 1,
        ("ouipost_storage_up", ""): 1,
        ("ouipost_database_up", ""): 1,
        ("ouipost_due_targets", ""): 1,
        ("ouipost_workers", ""): 1,
        ("ouipost_celery_nodes", ""): 1,
        ("ouipost_beats", ""): 0,
        ("ouipost_queue_unheard", 'queue="publish"'): 0,
        ("ouipost_queue_unheard", 'queue="webhooks"'): 0,
        ("ouipost_queue_unheard", 'queue="default"'): 1,
        ("ouipost_pauses", 'scope="all"'): 0,
        ("ouipost_pauses", 'scope="network"'): 1,
        ("ouipost_pauses", 'scope="workspace"'): 0,
        ("ouipost_pauses", 'scope="account"'): 0,
        ("ouipost_publishes_total", 'mode="live",network="facebook",outcome="published"'): 1,
        ("ouipost_syncs_total", 'mode="sandbox",network="facebook",outcome="read"'): 1,
        ("ouipost_network_requests_total", 'mode="live",network="facebook",outcome="ok"'): 1,
        ("ouipost_network_request_seconds_total", 'mode="live",network="facebook",outcome="ok"'): 0.25,
        ("ouipost_accounts_expiring", 'mode="live",network="facebook"'): 1,
        ("ouipost_accounts_expiring", 'mode="sandbox",network="facebook"'): 1,
        ("ouipost_breakers_open", 'mode="live",network="twitter"'): 1,
        ("ouipost_deliveries_total", 'outcome="delivered"'): 143,
        ("ouipost_deliveries_total", 'outcome="failed"'): 2,
        ("ouipost_due_deliveries", ""): 1,
        ("ouipost_needs_review", ""): 1,
        ("ouipost_files_bytes", ""): 0,
        ("ouipost_files_limit_bytes", ""): 10_000_000_000,
    }


def test_no_more_due_deliveries_are_counted_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "MOST", 1)
    webhook = make_webhook()
    for due_at in (NOW, NOW - timedelta(hours=1)):
        make_delivery(webhook, status="pending", due_at=due_at)

    assert figures.measure(NOW).due == 1


def test_a_scrape_costs_twelve_queries_whatever_there_is(django_assert_max_num_queries: Budget) -> None:
    for network in ("facebook", "twitter", "sandbox:facebook"):
        calls.note(network, kind=PUBLISH, outcome="published")
        Network.objects.create(pk=network, held_until=NOW)
    calls.flush()
    make_delivery(make_webhook(), status="pending", due_at=NOW)

    with django_assert_max_num_queries(12):
        metrics.read()


def test_while_the_database_is_away_the_process_still_tells_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> metrics.Measurements:
        raise OperationalError("away")

    monkeypatch.setattr(metrics, "FIGURES", SharedCall(fail))
    Client().get("/healthz")

    found = scrape()

    assert found["ouipost_database_up", ""] == 0
    assert found["ouipost_requests_total", 'method="GET",route="/healthz",status="200"'] >= 1
    assert ("ouipost_workers", "") not in found


def test_what_servers_left_that_are_gone_is_removed(settings: Settings, tmp_path: Path) -> None:
    settings.OUIPOST_HOME = tmp_path
    gone, reused = tmp_path / "metrics" / "999999999-5", tmp_path / "metrics" / "1-0"
    for each in (gone, reused):
        each.mkdir(parents=True)

    metrics.clear_up(metrics.folder())

    assert not gone.exists()
    assert not reused.exists()


def test_the_disk_has_given_its_room_before_anything_is_counted() -> None:
    scrape()

    files = [metrics.folder() / f"{kind}_{os.getpid()}.db" for kind in ("counter", "histogram")]
    assert all(each.stat().st_blocks * 512 >= metrics.ROOM for each in files)


def test_who_asks_while_another_process_makes_its_files_is_answered(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, told = Path.write_bytes, list[float]()

    def begin(path: Path, content: bytes) -> int:
        path.touch()
        told.append(scrape()["ouipost_database_up", ""])
        return write(path, content)

    scrape()
    settings.OUIPOST_HOME = tmp_path
    metrics.folder().mkdir(parents=True)
    monkeypatch.setattr(Path, "write_bytes", begin)

    metrics._make_room(metrics.folder() / "counter_1.db")

    assert told == [1]
    assert [file.stat().st_size for file in metrics.folder().iterdir()] == [metrics.ROOM]


def test_a_process_that_finds_no_room_serves_without_counting_and_says_so(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fill(path: Path, content: bytes) -> int:
        path.touch()
        raise OSError(ENOSPC, "No space left on device")

    settings.OUIPOST_HOME = tmp_path / "home"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fill)
        metrics.meters.cache_clear()

        told = scrape()

    metrics.meters.cache_clear()
    assert told["ouipost_database_up", ""] == 1
    assert "Requests are not counted until this process starts again: [Errno 28]" in caplog.text
    assert list(metrics.folder().iterdir()) == []
    assert settings.OUIPOST_HOME.stat().st_mode & 0o777 == 0o700  # the key and the database may come later


def test_redis_is_told_of_where_there_is_one(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert scrape()["ouipost_redis_up", ""] == 1

    monkeypatch.setitem(cast("dict[str, Any]", PROBES), "cache", SharedCall(_hung_up))

    assert scrape()["ouipost_redis_up", ""] == 0


def test_a_storage_that_takes_no_file_is_told_of(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.MEDIA_ROOT = tmp_path / "file"

    found = scrape()

    assert found["ouipost_storage_up", ""] == 0
    assert ("ouipost_storage_used_ratio", "") not in found


def test_an_object_store_answers_and_has_no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cast("dict[str, Any]", PROBES), "storage", SharedCall(lambda: None))

    found = scrape()

    assert found["ouipost_storage_up", ""] == 1
    assert ("ouipost_storage_used_ratio", "") not in found


def test_scrapes_in_a_row_try_the_storage_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = list[int]()
    monkeypatch.setitem(cast("dict[str, Any]", PROBES), "storage", SharedCall(lambda: tried.append(1)))

    told = [scrape()["ouipost_storage_up", ""] for _ in range(3)]

    assert (told, len(tried)) == ([1] * 3, 1)


def _hung_up() -> int:
    raise OSError("away")
