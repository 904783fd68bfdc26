"""The Celery task that publishes: a message says that something may be due; a process publishes until nothing is."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import RawValue
from typing import Any

from django.conf import settings

from ouipost.celery import app
from ouipost.claims import engine_time
from ouipost.runtime.node import NodeStops, is_leaving
from posts import doorbell
from posts.publishing.publisher import Publisher

RUN_SECONDS = 60
"""After this long a process takes another message: publishing is not all that Celery does."""
SOFT_LIMIT_SECONDS, LIMIT_SECONDS = 850, 900
"""Longer than a run can take, including calls that go on for up to 700 s after it."""
LONG_RUN = engine_time(5)

_last_turn = RawValue(
    "d", float("-inf")
)  # the processes of this node share it without a lock, as in `ouipost.runtime.node`


def last_turn() -> float:
    """Return when, on the monotonic clock, a long run of this node last looked for work."""
    return float(_last_turn.value)


class PublisherStops(NodeStops):
    """Asked by a publisher at every turn; notes the turns of long runs for the watchdog.

    After RUN_SECONDS no turn is noted: the publisher then claims nothing more and only waits for long calls, so others
    must take over.
    """

    def __init__(self) -> None:
        super().__init__()
        now = time.monotonic()
        self._long_after, self._over_at = now + LONG_RUN.total_seconds(), now + RUN_SECONDS

    def is_set(self) -> bool:
        if self._long_after < (now := time.monotonic()) < self._over_at:
            _last_turn.value = now
        return super().is_set()


@app.task(expires=doorbell.RING_SECONDS, soft_time_limit=SOFT_LIMIT_SECONDS, time_limit=LIMIT_SECONDS)
def publish_due() -> None:
    """Publish until nothing is due, for a minute or until the node stops, and let the calls in flight end.

    A video upload in flight then keeps this process until the network has it, while others publish.
    """
    publisher = Publisher(settings.WORKER_THREADS, stopping=PublisherStops())
    ends = time.monotonic() + RUN_SECONDS
    with _stopped_by_term(publisher):
        publisher.run_until_idle(seconds=RUN_SECONDS)
    if time.monotonic() >= ends:
        doorbell.ring()


@contextmanager
def _stopped_by_term(publisher: Publisher) -> Iterator[None]:
    """On SIGTERM, finish the calls in flight before the process ends."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = []

    def stop(number: int, _: Any) -> None:
        signal.signal(number, signal.SIG_IGN)
        asked.append(number)
        publisher.stop()

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
    if asked and not is_leaving():  # else the node itself ends this process, once it has its answer
        os.kill(os.getpid(), signal.SIGTERM)
