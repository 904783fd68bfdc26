"""Processes show that they live: each by a row of its own, which goes with it."""

import os
import threading
from datetime import timedelta

import pytest

from adminapi.models import Heartbeat
from adminapi.processes import heartbeats
from adminapi.processes.heartbeats import NODE, TICK, WORKER, HeartbeatThread, name_of, of_queue
from tests.adminapi.watching import heard
from tests.product import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "EVERY", timedelta(milliseconds=20))


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
