"""What the health says: each part is tried in a thread of its own, and what does not answer is red a second later."""

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import DatabaseError
from pytest_django import Settings

from accounts.models import Network, Pause, PauseScope
from adminapi.models import Heartbeat
from adminapi.monitoring import backlog, probes
from adminapi.monitoring.probes import PROBES, Examination
from adminapi.monitoring.threads import LIMIT_SECONDS, SharedCall, in_thread
from adminapi.processes.heartbeats import SILENCE, TICK, of_queue
from ouipost.claims import database_now
from ouipost.events.models import Delivery
from ouipost.queues import PUBLISH, WEBHOOKS
from ouipost.redis import Script
from posts import counts
from posts.media.storage import StorageUnavailable
from posts.models import Target
from tests.adminapi.watching import (
    GREEN,
    WORKING,
    Asked,
    heard,
)
from tests.factories import NOW, make_account, make_delivery, make_media, make_post, make_webhook, make_workspace

GONE = SILENCE + timedelta(seconds=1)
pytestmark = pytest.mark.usefixtures("threads_end")


def examined(monkeypatch: pytest.MonkeyPatch, asked: Asked) -> tuple[str, dict[str, Any]]:
    """Return the status, and the components that are not green with what is said of them."""
    asked.put_into(monkeypatch)
    health = Examination().result(now=NOW)
    ill = {name: part for name, part in health.components.items() if part["status"] != "healthy"}
    return health.status, {name: (part["status"], part["message"]) for name, part in ill.items()}


def test_all_is_green_when_everything_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    Asked(**GREEN).put_into(monkeypatch)

    health = Examination().result(now=NOW)

    assert (health.status, health.at) == ("healthy", NOW)
    assert health.components == {
        "database": {"status": "healthy", "latency_ms": 4},
        "cache": {"status": "healthy", "latency_ms": 1},
        "storage": {"status": "healthy", "used_percent": 24.5},
        "queue": {"status": "healthy", "pending_jobs": 12},
        "publisher": {
            "status": "healthy",
            "oldest_due_seconds": 0,
            "oldest_due_delivery_seconds": 0,
            "last_beat": NOW,
            "last_tick": None,
            "workers": 1,
            "paused": [],
        },
    }


def test_what_is_paused_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Pause(scope=PauseScope.NETWORK, subject_id="twitter", reason="An exercise.")
    workspace = Pause(scope=PauseScope.WORKSPACE, subject_id="ws_1", reason="Unpaid")
    Asked(**GREEN | {"backlog": replace(WORKING, paused=[network, workspace])}).put_into(monkeypatch)

    publisher = Examination().result(now=NOW).components["publisher"]

    assert publisher["paused"] == [
        "The operator has paused all publishing to Twitter/X: An exercise.",
        "The operator has paused all publishing of ws_1: Unpaid.",
    ]


@pytest.mark.parametrize(
    ("answers", "status", "component", "colour"),
    [
        ({"database": DatabaseError("x")}, "unhealthy", "database", "unhealthy"),
        ({"database": 900}, "degraded", "database", "degraded"),
        ({"cache": OSError("x")}, "degraded", "cache", "unhealthy"),
        ({"storage": OSError(28, "No space left")}, "unhealthy", "storage", "unhealthy"),
        ({"storage": 91.0}, "degraded", "storage", "degraded"),
        ({"storage": 99.0}, "unhealthy", "storage", "unhealthy"),
        ({"files": 100.0}, "unhealthy", "storage", "unhealthy"),
        ({"broker": OSError("x")}, "degraded", "queue", "degraded"),
        ({"broker": {"publish": 0, "default": 100}}, "degraded", "queue", "degraded"),
        ({"broker": {"publish": 99, "default": 99}}, "healthy", "", ""),
        ({"broker": None, "files": None}, "healthy", "", ""),
        ({"files": DatabaseError("x")}, "healthy", "", ""),
    ],
)
def test_each_part_has_its_own_colour(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any], status: str, component: str, colour: str
) -> None:
    found, ill = examined(monkeypatch, Asked(**GREEN | answers))

    assert found == status
    assert {name: shown for name, (shown, _) in ill.items()} == ({component: colour} if component else {})


@pytest.mark.parametrize(
    ("taken", "says"),
    [
        (["publish", "webhooks", "default"], None),
        (["publish", "webhooks"], "No Celery worker takes the messages of default."),
        ([], "No Celery worker takes the messages of publish, default."),
    ],
)
def test_a_full_queue_is_told_of_if_nobody_takes_it_and_not_while_its_worker_is_busy(
    monkeypatch: pytest.MonkeyPatch, taken: list[str], says: str | None
) -> None:
    waiting = {"publish": 100, "webhooks": 99, "default": 100}
    Asked(**GREEN | {"broker": waiting, "backlog": replace(WORKING, taken=taken)}).put_into(monkeypatch)

    queue = Examination().result(now=NOW).components["queue"]

    assert (queue["pending_jobs"], queue.get("message")) == (302, says)


@pytest.mark.parametrize(
    ("changed", "colour", "says"),
    [
        ({"workers": 0}, "unhealthy", "No worker was heard"),
        ({"nodes": 1, "ticks": True}, "unhealthy", "beat was not heard"),
        ({"oldest_due": timedelta(seconds=61)}, "unhealthy", "What is due is not taken"),
        ({"oldest_due": timedelta(seconds=16)}, "degraded", "taken late"),
        ({"oldest_delivery": timedelta(seconds=61)}, "unhealthy", "Webhooks are not called"),
        ({"oldest_delivery": timedelta(seconds=16)}, "degraded", "Webhooks are called late"),
        ({"nodes": 1, "beats": 1, "ticks": True, "unheard": ["webhooks"]}, "unhealthy", "takes the queue webhooks"),
        ({"nodes": 1, "beats": 1}, "degraded", "No tick of beat comes through"),
    ],
)
def test_the_publisher_is_as_well_as_its_processes(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], colour: str, says: str
) -> None:
    status, ill = examined(monkeypatch, Asked(**GREEN | {"backlog": replace(WORKING, **changed)}))

    assert (status, ill["publisher"][0], says in ill["publisher"][1]) == (colour, colour, True)


def test_what_hangs_is_red_a_second_later_and_the_rest_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(storage=24.5, files=1.0)

    status, ill = examined(monkeypatch, asked)

    assert 0 < sum(asked.waits) <= LIMIT_SECONDS
    assert status == "unhealthy"
    assert {name: colour for name, (colour, _) in ill.items()} == dict.fromkeys(
        ("database", "cache", "queue", "publisher"), "unhealthy"
    )


def test_what_hangs_has_one_thread_however_often_it_is_asked() -> None:
    release, asked = threading.Event(), []

    def hang() -> int:
        asked.append(threading.get_ident())
        release.wait(30)
        return len(asked)

    call = SharedCall(hang)
    first = [call.start() for _ in range(20)]
    release.set()
    answers = [each.result(timeout=10) for each in first]

    assert (answers, len(asked)) == ([1] * 20, 1)
    assert call.start().result(timeout=10) == 2


def test_an_answer_is_kept_for_who_takes_an_older_one() -> None:
    answers = iter(range(1, 5))
    call = SharedCall(lambda: next(answers))
    first = call.start(kept_for=60).result(timeout=10)

    assert (first, call.start(kept_for=60).result(timeout=10)) == (1, 1)
    assert call.start().result(timeout=10) == 2


@pytest.mark.django_db(transaction=True)
class TestReally:
    """The probes themselves, each at its work."""

    def answers(self) -> dict[str, Any]:
        return {name: probe.start().result(timeout=30) for name, probe in probes.PROBES.items()}

    def test_in_embedded_mode(self, settings: Settings) -> None:
        settings.STORAGE_LIMIT_MB = 1
        post = make_post(make_workspace())
        counts.add_bytes(post.workspace_id, make_media(post, size=250_000).size)

        found = self.answers()

        assert (found["broker"], found["files"]) == (None, 25.0)
        assert 0 < found["storage"] < 100
        assert found["backlog"].due == 0
        assert default_storage.listdir("health") == ([], [])

    def test_with_redis(self, redis_url: str, settings: Settings) -> None:
        settings.CELERY_BROKER_URL = redis_url
        server = probes.patient_redis(redis_url)
        server.run(Script("return redis.call('RPUSH', 'publish', 'a', 'b')"))

        found = self.answers()

        assert (found["broker"], found["cache"] < 1000) == ({"publish": 2, "webhooks": 0, "default": 0}, True)
        assert server.run(Script("return redis.call('KEYS', '*')")) == [b"publish"]
        server.close()

    def test_a_folder_that_cannot_be_written_is_told(self, settings: Settings, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        settings.MEDIA_ROOT = tmp_path / "file"

        failure = PROBES["storage"].start().exception(timeout=30)

        assert isinstance(failure, StorageUnavailable)
        assert probes.Examination()._storage()["message"].endswith(failure.reason)

    def test_a_worker_counts_while_it_is_heard(self) -> None:
        heard("worker:a:1", ago=timedelta(seconds=1))
        heard("worker:b:1", ago=GONE)
        heard("worker:d:1", ago=-GONE)  # the clock was set back since
        heard("node:c:1", ago=timedelta(seconds=1))
        heard("beat:c:2", ago=GONE)
        heard(TICK, ago=timedelta(seconds=1))

        found = backlog.measure()

        assert (found.workers, found.nodes, found.beats, found.ticks) == (2, 1, 0, True)
        assert found.last_beat == max(Heartbeat.objects.filter(name__contains=":").values_list("at", flat=True))

    def test_a_queue_of_celery_is_missed_once_it_was_heard_and_no_other_worker_is_there(self) -> None:
        heard("node:a:1", ago=timedelta(seconds=1))
        heard(of_queue(PUBLISH), ago=timedelta(seconds=1))
        heard(of_queue(WEBHOOKS), ago=GONE)
        missed = backlog.measure()
        heard("worker:b:1", ago=timedelta(seconds=1))

        assert (missed.nodes, missed.unheard, backlog.measure().unheard) == (1, [WEBHOOKS], [])
        assert missed.taken == backlog.measure().taken == [PUBLISH]

    def test_a_delivery_is_late_that_waits_for_a_worker_alone(self) -> None:
        now, minute = database_now(), timedelta(minutes=1)
        first, neighbour, other = (
            make_webhook(url=f"https://{name}") for name in ("a.example/1", "a.example/2", "b.example")
        )
        for webhook, ago in ((first, 9), (neighbour, 7), (other, 5)):
            make_delivery(webhook, status="pending", due_at=now - ago * minute)
        assert backlog.measure().oldest_delivery >= 9 * minute

        call = make_delivery(first, status="pending", due_at=now - minute, lease_until=now + minute)
        assert 5 * minute <= backlog.measure().oldest_delivery < 7 * minute

        Delivery.objects.filter(pk=call.pk).update(lease_until=now)
        assert backlog.measure().oldest_delivery >= 9 * minute
        Delivery.objects.update(due_at=None)
        assert backlog.measure().oldest_delivery == timedelta(0)

    def test_what_a_network_or_another_post_holds_up_is_not_late(self) -> None:
        workspace = make_workspace(mode="live")
        slow, free = make_account(workspace), make_account(workspace, platform="twitter")
        now = database_now()
        for account, minutes in ((slow, 9), (slow, 5), (free, 9)):
            due = now - timedelta(minutes=minutes)
            make_post(workspace, accounts=[account], status="scheduled", scheduled_at=due)
        Network.objects.create(pk="twitter", held_until=database_now())
        assert backlog.measure().oldest_due >= timedelta(minutes=9)

        first = Target.objects.filter(account=slow).order_by("pk")[0]
        Target.objects.filter(pk=first.pk).update(in_flight=slow.pk, lease_until=database_now() + timedelta(seconds=60))
        found = backlog.measure()

        assert (found.oldest_due, found.due) == (timedelta(0), 2)
        Network.objects.update(held_until=database_now() - timedelta(minutes=2))
        assert backlog.measure().oldest_due >= timedelta(minutes=9), "another post would have tried it since"
        Network.objects.update(id="sandbox:twitter", held_until=database_now())
        assert backlog.measure().oldest_due >= timedelta(minutes=9)


def test_a_thread_gives_back_what_went_wrong() -> None:
    def fail() -> None:
        raise LookupError("x")

    assert isinstance(in_thread(fail).exception(timeout=10), LookupError)
