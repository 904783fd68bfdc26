"""Whether a Celery node still takes messages: its consumer may stop for good while everything else of it goes on."""

import time

from celery.worker import state

from ouipost.celery import app, waiting
from ouipost.claims import engine_time
from ouipost.queues import UNHEARD

IDLE = engine_time(60)


class Consuming:
    """What the parent process of a node sees of its consumer."""

    def __init__(self) -> None:
        self._taken = 0
        self._idle_since = time.monotonic()

    def has_stopped(self) -> bool:
        """Whether nothing was taken for a minute, and nothing is being worked on, although a queue of it is full.

        The broker is asked once in an idle minute; raises what it raises.
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
