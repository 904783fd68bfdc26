"""Processes show that they live: each by a row of its own, which goes with it."""

import os
import socket
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from accounts.models import Pause
from adminapi.models import Heartbeat, Mark
from adminapi.processes import heartbeats, restored
from adminapi.processes.heartbeats import BEAT, NODE, TICK, WORKER, HeartbeatThread, name_of, of_queue
from tests.adminapi.watching import heard
from tests.posts.fakes import claim_targets, make_due
from tests.product import wait_for
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> None:
    monkeypatch.setattr(heartbeats, "EVERY", timedelta(milliseconds=20))
    settings.OUIPOST_HOME = tmp_path


def names() -> list[str]:
    return sorted(Heartbeat.objects.values_list("name", flat=True))


def test_a_process_is_heard_again_and_again_until_it_ends() -> None:
    alive = HeartbeatThread(WORKER, also=lambda: [of_queue("publish")])

    alive.start()
    wait_for(lambda: Heartbeat.objects.filter(pk="queue.publish").first(), seconds=10, what="a sign of the queue")
    first = wait_for(lambda: Heartbeat.objects.get(pk=name_of(WORKER)), seconds=10, what="the first sign of life")
    wait_for(lambda: Heartbeat.objects.filter(at__gt=first.at).exists(), seconds=10, what="another one")
    alive.stop(seconds=10)

    assert str(os.getpid()) in first.name
    assert names() == ["queue.publish"]


def test_a_process_that_lives_or_ends_says_nothing_of_another() -> None:
    heard("worker:elsewhere:1", ago=timedelta(minutes=5))
    alive = HeartbeatThread(WORKER)

    alive.start()
    first = wait_for(lambda: Heartbeat.objects.filter(pk=name_of(WORKER)).first(), seconds=10, what="a sign of life")
    wait_for(lambda: Heartbeat.objects.filter(pk=first.pk, at__gt=first.at).exists(), seconds=10, what="another one")
    alive.stop(seconds=10)

    silence = Heartbeat.objects.silence("worker:elsewhere:1")
    assert (names(), silence is not None and silence >= timedelta(minutes=5)) == (["worker:elsewhere:1"], True)


def test_machines_whose_names_begin_alike_are_heard_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = ["web", "a-host-of-20-letters", *(f"ouipost-worker-publish-7d9f8b6c5d-{pod}" for pod in ("x2x4z", "kq7lm"))]
    named = []
    for host in hosts:
        monkeypatch.setattr(socket, "gethostname", lambda host=host: host)
        named.append(name_of(WORKER))

    assert named[:2] == [f"worker:{host}:{os.getpid()}" for host in hosts[:2]]
    assert (len(set(named)), all(name.startswith("worker:ouipost-wor") for name in named[2:])) == (4, True)
    assert max(map(len, named)) - len(str(os.getpid())) + len("4194304") <= 40
    assert name_of(WORKER) == named[-1]


def test_a_process_that_hangs_is_not_heard() -> None:
    asked = threading.Event()

    def is_well() -> bool:
        asked.set()
        return False

    hanging = HeartbeatThread(NODE, is_well=is_well)
    hanging.start()
    asked.wait(10)

    assert names() == []
    hanging.stop(seconds=10)


def test_processes_of_long_ago_are_forgotten_and_the_tick_is_not() -> None:
    heard("worker:gone:1", ago=timedelta(days=2))
    heard("worker:late:2", ago=timedelta(hours=2))
    heard(TICK, ago=timedelta(days=2))

    Heartbeat.objects.forget_old()

    assert names() == [TICK, "worker:late:2"]


@pytest.mark.parametrize("kind", [WORKER, NODE, BEAT])
def test_each_process_notes_again_and_again_how_far_the_database_is(kind: str) -> None:
    restored.check_first()
    file = restored.path(Mark.objects.get().database)
    first = datetime.fromisoformat(file.read_text())
    alive = HeartbeatThread(kind, is_well=lambda: False)

    alive.start()
    wait_for(lambda: datetime.fromisoformat(file.read_text()) > first, seconds=10, what="a later mark on the machine")
    alive.stop(seconds=10)

    assert Mark.objects.get().at > first


def test_a_node_of_any_queue_that_lives_through_a_restore_pauses_everything(workspace: Workspace) -> None:
    restored.check_first()
    make_due(workspace)
    Mark.objects.update(at=Mark.objects.get().at - timedelta(days=1))
    node = HeartbeatThread(NODE, also=lambda: [of_queue("publish")])

    node.start()
    wait_for(Pause.objects.in_force().exists, seconds=10, what="the pause of everything")
    node.stop(seconds=10)

    assert claim_targets(10) == []


def test_a_process_that_cannot_note_how_far_the_database_is_is_heard_nevertheless(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ValueError("a bug of ours")

    monkeypatch.setattr(restored, "pause_if_restored", fail)
    alive = HeartbeatThread(WORKER)

    alive.start()
    first = wait_for(lambda: Heartbeat.objects.filter(pk=name_of(WORKER)).first(), seconds=10, what="a sign of life")
    wait_for(lambda: Heartbeat.objects.filter(at__gt=first.at).exists(), seconds=10, what="another one")
    alive.stop(seconds=10)

    assert "a bug of ours" in caplog.text
