"""Processes that read, or prune, and strike themselves: `python -m tests.analytics.strikers read|prune FILE [ODDS]`.

Each is forked anew when it is dead. The file gets a line for each time that one killed itself, with the step.
"""

import io
import os
import random
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

from tests.crash.worker import Herd, on_term  # sets Django up

from analytics import discovery, reading, settling, sync  # isort: skip
from analytics.sync import Syncer, read_soon, readable_accounts  # isort: skip
from django.core.management import call_command  # isort: skip
from django.db import DatabaseError, connections  # isort: skip
from ouipost.claims import database_now  # isort: skip
from tests.crash.wrapping import wrap  # isort: skip

SIZE, THREADS = 2, 4
DUE_EVERY_SECONDS = 0.3
_file = Path()
_odds = 0.0


def strike(step: str) -> None:
    """Kill this process, now and then."""
    if random.random() >= _odds:
        return
    with _file.open("a") as file:
        file.write(f"{step}\n")
    os.kill(os.getpid(), signal.SIGKILL)


def install() -> None:
    """Have the product's own functions strike."""

    def at(step: str) -> Any:
        return lambda *_: strike(step)

    wrap(discovery, "_count_posts", before=at("discovering"))  # in the transaction
    wrap(settling, "add_all", before=at("counting"))  # in the transaction
    wrap(sync, "read", before=at("claimed"), after=at("settled"))
    wrap(reading, "settle_all", before=at("answered"), after=at("settling"))  # in the transaction


def read() -> None:
    """Read everything again and again until TERM."""
    syncer = Syncer(THREADS)
    on_term(syncer.stop)
    threading.Thread(target=_keep_due, daemon=True).start()
    syncer.run()


def _keep_due() -> None:
    while True:
        try:
            read_soon(readable_accounts(), now=database_now())
        except DatabaseError:  # a race that it lost: the next turn is soon
            connections.close_all()
        time.sleep(DUE_EVERY_SECONDS)


class Striking(io.StringIO):
    """What the command prints after each step may be the last that it does."""

    def write(self, text: str) -> int:
        strike("pruning")
        return super().write(text)


def prune() -> None:
    """Prune, then wait for TERM."""
    stopped = threading.Event()
    on_term(stopped.set)
    while not stopped.is_set():
        call_command("prune", stdout=Striking())
        stopped.wait(DUE_EVERY_SECONDS)


def main(what: str, file: str, odds: str = "0") -> int:
    global _file, _odds
    _file, _odds = Path(file), float(odds)
    install()
    return Herd(SIZE, partial(_seeded, {"read": read, "prune": prune}[what])).run()


def _seeded(work: Any) -> None:
    """Each process has chances of its own."""
    random.seed(os.getpid())
    work()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
