"""Check that a Celery node still takes messages: its consumer may stop for good while the rest of the node goes on."""

import time

from celery.worker import state

from ouipost.celery import app, waiting
from ouipost.claims import engine_time
from ouipost.queues import UNHEARD

IDLE = engine_time(60)


class Consuming:
    """Watches a node's consumer from the node's parent process."""

    def __init__(self) -> None:
        self._taken = 0
        self._idle_since = time.monotonic()

    def has_stopped(self) -> bool:
        """Return whether the node took nothing for a minute, and works on nothing, although one of its queues is full.

        Asks the broker once per idle minute, and raises its errors.
        """
        now, taken = time.monotonic(), sum(state.total_count.values())
        is_idle = taken == self._taken and not state.active_requests
        if is_idle and now - self._idle_since <= IDLE.total_seconds():
            return False
        self._taken, self._idle_since = taken, now
        return is_idle and _is_full()


def _is_full() -> bool:
    with app.producer_or_acquire() as producer:
        return any(waiting(producer, queue) >= UNHEARD for queue in app.amqp.queues.consume_from)
