"""What beat rings: the tick, which proves that beat, broker and worker live, and every chore of the embedded worker."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from celery import Celery
from kombu import Exchange, Queue
from redis import Redis

from adminapi import tasks
from adminapi.models import Heartbeat
from adminapi.processes.heartbeats import TICK
from adminapi.processes.worker import CHORES
from ouipost.beat import Beat
from ouipost.celery import app, waiting
from ouipost.queues import UNHEARD
from posts import doorbell
from posts.tasks import publish_due
from tests.services import free_port, start_redis

ROOT = Path(__file__).resolve().parent.parent.parent


def start(home: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"], "OUIPOST_HOME": str(home)}
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def beating(broker: str) -> Iterator[Beat]:
    private = Celery("private", broker=broker, set_as_current=False)
    private.conf.update({name: app.conf[name] for name in ("broker_channel_error_retry", "task_publish_retry")})
    private.conf.task_queues = [Queue("publish", Exchange("publish"), routing_key="publish")]
    entry = {"task": "tick", "schedule": timedelta(seconds=1), "options": {"queue": "publish"}}
    private.conf.beat_schedule = {"tick": entry}
    beat = Beat(private)
    yield beat
    private.control.purge()  # the memory is the process's
    beat.close()
    private.close()


@pytest.fixture
def ringing() -> Iterator[Beat]:
    """A beat on a broker in memory that nobody listens to."""
    with beating("memory://") as beat:
        yield beat


def ring(beat: Beat) -> None:
    beat.apply_entry(beat.schedule["tick"], producer=beat.producer)


@pytest.mark.django_db
def test_a_tick_is_noted_before_it_publishes(monkeypatch: pytest.MonkeyPatch) -> None:
    silences: list[Any] = []
    monkeypatch.setattr(tasks, "publish_due", lambda: silences.append(Heartbeat.objects.silence(TICK)))

    tasks.tick()
    tasks.tick()

    assert [silence < timedelta(seconds=20) for silence in silences] == [True, True]
    assert Heartbeat.objects.count() == 1


def test_every_chore_is_rung_as_often_as_the_embedded_worker_does_it() -> None:
    rung = tasks.schedule()

    second = timedelta(seconds=1)
    engines = {"tick": (second, "publish"), "deliver": (second, "webhooks"), "sync": (15 * second, "default")}
    expected = {chore.name: (chore.every, "default") for chore in CHORES} | engines
    assert {name: (entry["schedule"], entry["options"]["queue"]) for name, entry in rung.items()} == expected
    assert {entry["task"] for entry in rung.values()} <= set(app.tasks)
    waits = {chore.name: max(chore.every, timedelta(minutes=1)).total_seconds() for chore in CHORES}
    assert {chore.name: rung[chore.name]["options"]["expires"] for chore in CHORES} == waits


def test_a_chore_of_celery_is_the_chore(monkeypatch: pytest.MonkeyPatch) -> None:
    for chore in CHORES:
        done: list[bool] = []
        monkeypatch.setitem(chore.__dict__, "work", lambda done=done, **_: done.append(True))

        app.tasks[tasks.task_name(chore)]()

        assert done == [True]


def test_doorbells_that_nobody_hears_do_not_pile_up(ringing: Beat) -> None:
    for _ in range(UNHEARD + 50):
        ring(ringing)

    assert waiting(ringing.producer, "publish") == UNHEARD


@pytest.fixture
def producer(ringing: Beat, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What this process sends by: to that broker in memory."""
    monkeypatch.setattr(app, "producer_or_acquire", lambda producer=None: nullcontext(producer or ringing.producer))
    return ringing.producer


def test_a_clock_that_is_set_back_silences_nothing(ringing: Beat) -> None:
    """Celery alone would send nothing until the clock is where it was."""
    ringing.tick()

    with time_machine.travel(datetime.now(UTC) - timedelta(hours=1)) as clock:
        ringing.tick()
        clock.shift(1)
        ringing.tick()

    assert waiting(ringing.producer, "publish") == 1


def test_rings_that_nobody_hears_do_not_pile_up(producer: Any) -> None:
    for _ in range(UNHEARD + 50):
        doorbell.send()

    assert waiting(producer, "publish") == UNHEARD


def test_a_ring_asks_for_the_task_that_publishes_and_is_forgotten_soon(producer: Any) -> None:
    doorbell.send()

    message = producer.channel.basic_get("publish")
    ends = datetime.fromisoformat(message.headers["expires"])
    assert message.headers["task"] == publish_due.name
    assert timedelta(0) < ends - datetime.now(UTC) <= timedelta(seconds=doorbell.RING_SECONDS)


def test_a_broker_that_is_away_is_told_of_once(
    ringing: Beat, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ConnectionError("refused")

    with caplog.at_level(logging.INFO, logger="ouipost.beat"):
        with monkeypatch.context() as patch:
            patch.setattr(ringing, "apply_async", fail)
            for _ in range(3):
                ring(ringing)
        for _ in range(3):
            ring(ringing)

    assert caplog.messages == ["The broker does not answer, no messages are sent: refused", "The broker answers again"]


@pytest.fixture
def full_redis() -> Iterator[int]:
    port = free_port()
    server = start_redis(port, "--maxmemory", "1")
    yield port
    server.kill()
    server.wait()


@pytest.mark.on_servers
def test_a_broker_that_was_full_is_rung_again_once_it_has_room(full_redis: int) -> None:
    with beating(f"redis://127.0.0.1:{full_redis}/0") as beat, Redis(port=full_redis) as broker:
        for _ in range(2):
            ring(beat)
        while_full = beat.is_away
        broker.config_set("maxmemory", 0)
        ring(beat)

        assert (while_full, beat.is_away, waiting(beat.producer, "publish")) == (True, False, 1)


@pytest.mark.thorough
@pytest.mark.parametrize("command", [("worker", "-Q", "publish"), ("beat",)])
def test_celery_refuses_to_start_without_a_broker(command: tuple[str, ...], tmp_path: Path) -> None:
    ended = start(tmp_path, "-m", "celery", "-A", "ouipost", *command)

    assert ended.returncode == 1
    assert "run `manage.py work` instead" in ended.stderr
