"""The watchdog of a Celery node: while beat, the broker or the workers are silent, it publishes from the database.

It starts `manage.py work`, the same worker that runs without Celery, and ends it once ticks come through again. It also
ends its own node if that no longer takes waiting messages; the service manager then starts the node again.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from celery import bootsteps
from django.conf import settings
from django.db import Error, connections

from adminapi.models import Heartbeat
from adminapi.processes.consuming import Consuming
from adminapi.processes.heartbeats import NODE, TICK, HeartbeatThread, of_queue
from ouipost.claims import engine_time
from ouipost.runtime.spawning import spawn
from posts.publishing import kept_answers
from posts.tasks import last_turn

logger = logging.getLogger(__name__)

TICKS_MISSED = engine_time(30)
LOOK_EVERY = engine_time(3)
STOP_SECONDS = 60
_in_database = threading.Lock()
"""Held while the watchdog uses the database. Forks wait for it: a forked process would inherit locks that the
database's library holds at that moment, and wait for them for ever."""
os.register_at_fork(
    before=_in_database.acquire, after_in_parent=_in_database.release, after_in_child=_in_database.release
)


@contextmanager
def _database() -> Iterator[None]:
    """Keep forks out during the block, and close the connections that a fork would inherit."""
    with _in_database:
        try:
            yield
        finally:
            connections.close_all()


class Watchdog:
    """Looks after one node until `stop`."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._started = time.monotonic()
        self._consuming = Consuming()
        self._spare: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """Stop looking; `run` returns when the spare worker, if there is one, has ended."""
        self._stopping.set()

    def run(self) -> None:
        """Look every few seconds until `stop`."""
        while not self._stopping.wait(LOOK_EVERY.total_seconds()):
            self._take_turn()
        self._dismiss()

    def _take_turn(self) -> None:
        """Look, settle the answers kept on this machine, and check the node itself; an error in one stops no other."""
        for step in (self._look, self._settle_kept, self._end_deaf_node):
            try:
                step()
            except Exception:
                logger.exception("The watchdog goes on after an error")

    def _look(self) -> None:
        try:
            with _database():
                is_silent = self._is_silent()
        except (Error, OSError) as error:
            logger.warning("The watchdog cannot look: %s", error)
            return
        if is_silent:
            self._ensure()
        elif self._spare is not None:
            logger.warning("Ticks come through again: the spare worker ends")
            self._dismiss()

    def _settle_kept(self) -> None:
        try:
            with _database():
                kept_answers.replay()  # each machine keeps its own
        except (Error, OSError) as error:
            logger.warning("The watchdog cannot settle kept answers: %s", error)

    def _end_deaf_node(self) -> None:
        try:
            has_stopped = self._consuming.has_stopped()
        except Exception as error:  # each kind of broker has errors of its own
            logger.warning("The watchdog cannot ask the broker: %s", error)
            return
        if has_stopped:
            logger.critical("This node takes no messages, although they wait: it ends, to be started again")
            os.kill(os.getpid(), signal.SIGTERM)

    def _is_silent(self) -> bool:
        """Return whether no node has seen a tick, or a turn of a long run, for half a minute."""
        now = time.monotonic()
        if now - last_turn() < 2 * LOOK_EVERY.total_seconds():
            Heartbeat.objects.beat(TICK)  # long runs may occupy all processes while the ticks wait
            return False
        silence = Heartbeat.objects.silence(TICK)
        return now - self._started > TICKS_MISSED.total_seconds() and (silence is None or silence > TICKS_MISSED)

    def _ensure(self) -> None:
        if self._spare is not None and self._spare.poll() is None:
            return
        logger.warning("No tick has come through: a spare worker publishes straight from the database")
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "work", "--parent", str(os.getpid())]
        self._spare = spawn(command)

    def _dismiss(self) -> None:
        """Ask the spare worker to stop, wait a minute, then insist."""
        spare, self._spare = self._spare, None
        if spare is None:
            return
        spare.terminate()
        with suppress(subprocess.TimeoutExpired):
            spare.wait(timeout=STOP_SECONDS)
        spare.kill()
        spare.wait()


class WatchdogStep(bootsteps.StartStopStep):
    """Keeps a watchdog in the parent process of a Celery worker, whether the broker can be reached or not."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._watchdog = Watchdog()
        self._heartbeats = HeartbeatThread(
            NODE, around=lambda: _in_database, also=lambda: map(of_queue, worker.app.amqp.queues.consume_from)
        )
        self._thread = threading.Thread(target=self._watchdog.run, name="watchdog", daemon=True)

    def start(self, parent: Any) -> None:
        self._thread.start()
        self._heartbeats.start()

    def close(self, parent: Any) -> None:
        """Ask the spare worker to stop along with the pool, so that neither waits for the other."""
        self._watchdog.stop()
        self._heartbeats.stop()

    def stop(self, parent: Any) -> None:
        self.close(parent)
        self._thread.join(STOP_SECONDS)

    terminate = stop
