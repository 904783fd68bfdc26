"""Heartbeats: every process that publishes, and beat, shows every ten seconds that it is alive.

Each has one small row, by kind, machine and process. A process that ends normally removes its row. Each Celery queue
has a row as well, which every node that consumes it writes. With its heartbeat each notes how far the database is, so
that every machine that publishes notices a restore.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from hashlib import sha256

from django.db import Error, connections

from adminapi.models import Heartbeat
from adminapi.processes import restored
from ouipost.claims import engine_time

logger = logging.getLogger(__name__)

WORKER, NODE, BEAT = "worker", "node", "beat"
"""A worker without Celery, the parent of a Celery worker's processes, and Celery's beat."""
TICK = "tick"
"""No process: its heartbeat shows that beat, broker and worker are all alive."""
QUEUE = "queue"
"""No process either: the prefix of heartbeats that show that some Celery node consumes a queue."""
HOST_LENGTH = 20
EVERY = engine_time(10)
SILENCE = engine_time(45)
"""A process without a heartbeat for this long counts as dead."""


def name_of(kind: str) -> str:
    """Return the name of this process, on this machine: it fits the column, and no other machine has it."""
    return f"{kind}:{_short(socket.gethostname())}:{os.getpid()}"


def _short(host: str) -> str:
    """Return a name of up to 20 characters as it is, and the beginning and a digest of a longer one: containers' names
    begin alike, and their processes have the same number."""
    return host if len(host) <= HOST_LENGTH else f"{host[:11]}-{sha256(host.encode()).hexdigest()[:8]}"


def of_queue(queue: str) -> str:
    """Return the name of a queue's heartbeat."""
    return f"{QUEUE}.{queue}"


class HeartbeatThread:
    """Beats from `start` to `stop` while `is_well` returns true; its database work runs inside `around`.

    The names that `also` returns beat with the process, and are not removed with it. How far the database is, it notes
    in any case.
    """

    def __init__(
        self,
        kind: str,
        *,
        is_well: Callable[[], bool] = lambda: True,
        around: Callable[[], AbstractContextManager[object]] = nullcontext,
        also: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._kind = kind
        self._is_well = is_well
        self._around = around
        self._also = also
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeats", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, *, seconds: float = 0) -> None:
        """Stop beating, and wait for up to so many seconds until the row is removed."""
        self._stopping.set()
        if seconds:
            self._thread.join(seconds)

    def _run(self) -> None:
        name = name_of(self._kind)
        self._surely(Heartbeat.objects.forget_old)
        while not self._stopping.is_set():
            if self._is_well():
                self._surely(lambda: self._beat(name))
            self._surely(restored.pause_if_restored)
            self._stopping.wait(EVERY.total_seconds())
        self._surely(Heartbeat.objects.filter(pk=name).delete)

    def _beat(self, name: str) -> None:
        for each in (name, *self._also()):
            Heartbeat.objects.beat(each)

    def _surely(self, work: Callable[[], object]) -> None:
        """Do this in the database; while that is away, it is skipped, and an error of ours ends no heartbeats."""
        with self._around():
            try:
                work()
            except Error as error:
                logger.warning("No sign of life could be given: %s", error)
            except Exception:
                logger.exception("The heartbeats go on after an error")
            finally:
                connections.close_all()
