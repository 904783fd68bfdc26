"""Workers that are struck at steps of the engine: `python -m tests.crash.worker [STEP,STEP... HITS FILE] [options]`.

The file records the targets that were hit, and the struck processes, so that each target is hit once and all workers
together are struck `HITS` times at each step.
"""

import argparse
import faulthandler
import fcntl
import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402

from accounts import platforms  # noqa: E402
from accounts.platforms.base import Connector, Recovery  # noqa: E402
from adminapi.processes.worker import Worker  # noqa: E402
from ouipost.claims import Claim  # noqa: E402
from ouipost.outbound import Client  # noqa: E402
from ouipost.outbound.transport import CallSocket  # noqa: E402
from ouipost.writer import Writer  # noqa: E402
from posts.publishing import one_target, publisher  # noqa: E402
from posts.publishing.outcomes import AttemptResult  # noqa: E402
from posts.publishing.publisher import Publisher  # noqa: E402
from posts.publishing.turn import Turn  # noqa: E402
from tests.crash.wrapping import wrap  # noqa: E402

BLOWS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "term": signal.SIGTERM}
HOLD = "hold"
"""Not a blow: one thread waits at its step until the file is removed, and all others go on."""
OUT_SECONDS = 0.15
LOOK_SECONDS = 0.02
_lock = threading.Lock()
_here = threading.local()


class Switch:
    """Strikes this process, or the Celery node that forked it, at the next target that was not hit before."""

    is_thrown = False
    """True if any switch has struck this process already."""

    def __init__(self, step: str, *, hits: int, file: Path, blow: str, strikes_node: bool) -> None:
        self.step = step
        self.hits = hits
        self.file = file
        self.blow = BLOWS.get(blow)
        self.strikes_node = strikes_node
        self.node = os.getpid()

    def hit(self, pk: str, after: float = 0) -> None:
        """Strike once, `after` seconds from now; the process waits until then."""
        with _lock:
            if self.is_thrown or (self.strikes_node and os.getppid() != self.node) or not self._note(pk):
                return
            Switch.is_thrown = True
        time.sleep(after)
        if self.blow is None:
            while self.file.exists():
                time.sleep(LOOK_SECONDS)
            return
        os.kill(self.node if self.strikes_node else os.getpid(), self.blow)
        time.sleep(LOOK_SECONDS)  # so that this thread, too, is stopped here and not a little later

    def _note(self, pk: str) -> bool:
        with self.file.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            known = [line.split() for line in file]
            if any(pk == hit for hit, _, _ in known) or sum(step == self.step for _, _, step in known) >= self.hits:
                return False
            file.write(f"{pk} {os.getpid()} {self.step}\n")
            file.flush()
            os.fsync(file.fileno())
            return True


def install(switch: Switch) -> None:
    """Wrap the engine's own functions so that the switch is hit at its step."""

    def hit_claim(claim: Claim) -> None:
        switch.hit(claim.pk)

    def hit(turn: Turn, *_: Any) -> None:
        switch.hit(turn.claim.pk)

    def hit_all(results: Sequence[AttemptResult]) -> None:
        for result in results:
            switch.hit(result.claim.pk)

    def hit_sender(*_: Any, after: float = 0) -> None:
        turn = getattr(_here, "turn", None)
        if turn is not None and turn.step == "commit":
            switch.hit(turn.claim.pk, after)

    def remember(turn: Turn) -> None:
        _here.turn = turn

    hit_receiver = functools.partial(hit_sender, after=OUT_SECONDS)
    installers: dict[str, Callable[[], None]] = {
        "claimed": lambda: wrap(publisher, "publish", before=hit_claim),
        "loaded": lambda: wrap(one_target, "_outcome", before=hit),
        "saved": lambda: wrap(Turn, "save", after=hit),
        "prepared": lambda: wrap(Turn, "arm", before=hit),
        "armed": lambda: wrap(Turn, "arm", after=hit),
        "first_byte": lambda: wrap(CallSocket, "send", after=hit_sender),  # the head is out, the body is not
        "sent": lambda: wrap(CallSocket, "recv_into", before=hit_receiver),
        "answered": lambda: wrap(one_target, "_settle", before=hit),
        "settling": lambda: wrap(one_target, "settle_all", after=hit_all),  # in the transaction
        "settled": lambda: wrap(one_target, "_settle", after=hit),
        "recovering": lambda: wrap(Turn, "others", before=hit),
    }
    wrap(one_target, "take", before=remember)
    installers[switch.step]()


def make_opaque(networks: Sequence[str]) -> None:
    """Make these networks ones that cannot be asked about a lost answer."""
    for platform in platforms.ALL:
        if platform.id in networks and issubclass(platform, Connector):
            platform.recovery = Recovery.PARK


def move_away(seconds: float) -> None:
    """Delay every call to a network by so many seconds: half on the way there, half on the way back."""

    def travel(*_: Any) -> None:
        time.sleep(seconds / 2)

    wrap(Client, "request", before=travel, after=travel)


def refuse_writes_while(flag: Path) -> None:
    """Make SQLite refuse all writes of this process's publisher while this file exists."""

    def look(*_: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA query_only = {int(flag.exists())}")

    wrap(Publisher, "_claim", before=look)
    wrap(Writer, "_commit", before=look)


def work() -> None:
    """Run one worker until TERM."""
    worker = Worker()
    on_term(worker.stop)
    worker.run()


def on_term(stop: Callable[[], None]) -> None:
    """Stop on SIGTERM, including one sent before this call, as SIGTERM is blocked in forked processes until now."""
    signal.signal(signal.SIGTERM, lambda *_: stop())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


class Herd:
    """Keeps so many workers alive, each forked from this process, which has loaded their modules."""

    def __init__(self, size: int, work: Callable[[], None] = work) -> None:
        self.size = size
        self.work = work
        self.pids: set[int] = set()
        self.stopping = False
        self.bad = 0

    def run(self) -> int:
        """Keep them alive until TERM, then ask them to stop; returns the number of unexpected exits."""
        signal.signal(signal.SIGTERM, self._stop)
        while not self.stopping:
            while len(self.pids) < self.size:
                self.pids.add(_fork(self.work))
            self._bury(os.WNOHANG)
            time.sleep(LOOK_SECONDS)
        for pid in self.pids:
            os.kill(pid, signal.SIGTERM)
        while self.pids:
            self._bury(0)
        return self.bad

    def _stop(self, *_: Any) -> None:
        self.stopping = True

    def _bury(self, options: int) -> None:
        pid, status = os.waitpid(-1, options)
        if not pid:
            return
        self.pids.discard(pid)
        code = os.waitstatus_to_exitcode(status)
        if code not in (0, -signal.SIGKILL):
            self.bad += 1
            sys.stderr.write(f"A worker ended with {code}\n")


def _fork(work: Callable[[], None]) -> int:
    """Fork a process for this work; SIGTERM is blocked until its `on_term`, as our own handler would lose it there."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        return pid
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def run_node(pool: int) -> None:
    """Run a Celery node, whose pool of so many processes is forked from this one."""
    from ouipost.celery import app

    app.worker_main(["worker", "-Q", "publish,webhooks,default", "-c", str(pool)])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("steps", nargs="?", default="")
    parser.add_argument("hits", nargs="?", type=int, default=0)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--blow", choices=[*BLOWS, HOLD], default="kill")
    parser.add_argument("--node", action="store_true", help="strike the Celery node, not the process that publishes")
    parser.add_argument("--threads", type=int, default=settings.WORKER_THREADS)
    parser.add_argument("--herd", type=int, metavar="WORKERS")
    parser.add_argument("--celery", type=int, metavar="POOL")
    parser.add_argument("--latency", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--read-only", type=Path, metavar="FLAG")
    parser.add_argument("--opaque", nargs="*", default=[], metavar="NETWORK")
    options = parser.parse_args()
    faulthandler.register(signal.SIGUSR1)
    settings.WORKER_THREADS = options.threads
    make_opaque(options.opaque)
    if options.read_only:
        refuse_writes_while(options.read_only)
    if options.latency:
        move_away(options.latency)
    for step in filter(None, options.steps.split(",")):
        install(Switch(step, hits=options.hits, file=options.file, blow=options.blow, strikes_node=options.node))
    if options.celery:
        run_node(options.celery)
    elif options.herd:
        return Herd(options.herd).run()
    else:
        work()
    return 0


if __name__ == "__main__":
    sys.exit(main())
