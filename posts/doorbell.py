"""The doorbell asks a worker to look now. A ring may get lost, as the row stays due and beat rings every second."""

import logging
import os
import threading
import time

from django.conf import settings

from ouipost.queues import PUBLISH, UNHEARD

logger = logging.getLogger(__name__)

TASK = "posts.tasks.publish_due"
"""The task by name: its module imports all modules that ring, so none of these can import it."""
RING_SECONDS = 30
"""A ring that no worker has taken for this long expires; beat has rung again since."""
PAUSE_SECONDS = 1.0


class Doorbell:
    """One process's doorbell: many rings at once become one message, sent by a thread of its own."""

    def __init__(self) -> None:
        self._rung = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_away = False

    def ring(self) -> None:
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._send_for_ever, name="doorbell", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:
                    logger.warning("The doorbell is not rung: %s", error)  # beat rings soon
                    return
                self._thread = thread
        self._rung.set()

    def _send_for_ever(self) -> None:
        while True:
            self._rung.wait()
            self._rung.clear()
            self._send()

    def _send(self) -> None:
        """Send one message; when that fails, say so once and wait a little."""
        try:
            send()
        except Exception as error:
            if not self._is_away:
                logger.warning("The doorbell cannot be rung, beat or the watchdog has to see what is due: %s", error)
            self._is_away = True
            time.sleep(PAUSE_SECONDS)
        else:
            self._is_away = False


def send() -> None:
    """Send the message, unless many of them wait already; raises the broker's errors."""
    from ouipost.celery import app, waiting  # Celery takes 14 MB: it comes with the first ring

    with app.producer_or_acquire() as producer:
        if waiting(producer, PUBLISH) < UNHEARD:
            app.send_task(TASK, producer=producer, retry=False, expires=RING_SECONDS)


_doorbell = Doorbell()


def _renew() -> None:
    """Give a forked process a doorbell of its own, as it has inherited no threads."""
    global _doorbell
    _doorbell = Doorbell()


os.register_at_fork(after_in_child=_renew)


def ring() -> None:
    """Ask a worker to publish due targets now; returns at once, never fails, and does nothing without a broker."""
    if settings.CELERY_BROKER_URL:
        _doorbell.ring()
