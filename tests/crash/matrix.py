"""Strikes workers at a step of the engine while the networks misbehave, and counts copies at the networks."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash.broker import Broker
from tests.crash.campaign import LOOK_SECONDS, Campaign, Numbers
from tests.crash.steps import WINDOW
from tests.databases import fresh_database
from tests.product import NETWORKS, SPEED, Product, running

HITS = 4
THREADS = 4
SETTLED_WITHIN_SECONDS = 150
STOP_SECONDS = 60
FROZEN_LEASES = 2
"""How long a frozen process stays frozen: until others have taken its targets over, and its short locks are free."""
LEASE_SECONDS = 90
FAULTS: tuple[dict[str, Any], ...] = (
    {},
    {"effect": "timeout_after_accept", "hold": 6},
    {"effect": "timeout_before_accept", "hold": 6},
    {"effect": "status", "status": 502, "after_accept": True},
    {"effect": "status", "status": 500, "after_accept": True},
    {"effect": "status", "status": 503},
    {"effect": "reset"},
    {"effect": "reset", "after_accept": True},
    {"effect": "cut_json"},
    {"effect": "drip", "interval": 0.002},
)
"""The faults for the visible call of one post at each of the three networks; the first has none."""
BLOWS = {
    "work": ("kill", "stop", "term"),
    "celery": ("kill", "stop", "term", "kill-node", "term-node"),
}
"""The possible blows, by the kind of runner: to a publishing process, or to the Celery node of such processes."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One blow, so many times at each of these steps."""

    blow: str
    steps: Sequence[str]
    hits: int = HITS

    def __str__(self) -> str:
        return f"{self.blow} {', '.join(self.steps)}"

    @property
    def networks(self) -> Sequence[str]:
        """The networks on which nothing may come out twice.

        If a process freezes between its last check of the lease and the last byte, these are only the networks with our
        key, as nobody can stop the process from sending late.
        """
        return ("bluesky",) if self.blow == "stop" and set(WINDOW) & set(self.steps) else NETWORKS


@dataclass(kw_only=True)
class Stage:
    """A product without a worker; with a broker and a beat where Celery runs it."""

    product: Product
    runner: str


@contextmanager
def stage(home: Path, server: str | None, runner: str, *, speed: int = SPEED) -> Iterator[Stage]:
    """Give a product of its own that waits for workers, and end all of it after the block."""
    broker = Broker() if runner == "celery" else None
    if broker:
        broker.start()
    try:
        with (
            fresh_database(home, server) as url,
            running(home, url, redis_url=broker.url if broker else "", speed=speed) as product,
        ):
            if broker:
                product.beat()
            yield Stage(product=product, runner=runner)
    finally:
        if broker:
            broker.kill()


@dataclass(kw_only=True)
class Strikers:
    """Processes that publish, and strike themselves at a step of the engine."""

    stage: Stage
    cell: Cell
    file: Path
    process: "subprocess.Popen[bytes] | None" = None
    since: dict[int, float] = field(default_factory=dict)

    def ensure(self) -> None:
        """Start them, again if all of them are gone."""
        if self.process is not None and self.process.poll() is None:
            return
        blow, _, node = self.cell.blow.partition("-")
        steps = (",".join(self.cell.steps), str(self.cell.hits), str(self.file))
        options = ["--blow", blow, *(["--node"] if node else [])]
        if blow == "stop":  # each has one call out, so that none is frozen in the middle of what another does
            options += ["--threads", "1"]
            size = self.cell.hits + 1
        else:
            options += ["--threads", str(THREADS)]
            size = 2
        options += ["--herd" if self.stage.runner == "work" else "--celery", str(size)]
        self.process = self.stage.product.start("-m", "tests.crash.worker", *steps, *options, own_group=True)

    @property
    def hits(self) -> int:
        return len(self._lines())

    def thaw(self, *, after: float = 0) -> None:
        """Continue the processes that have been frozen for so many seconds."""
        for pid in {int(line.split()[1]) for line in self._lines()}:
            if is_frozen(pid):
                self.since.setdefault(pid, time.monotonic())
                if time.monotonic() - self.since[pid] >= after:
                    os.kill(pid, signal.SIGCONT)

    def end(self) -> int:
        """Ask all to stop, and return the exit status; they are killed when they take longer than a minute."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            return -1
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def _lines(self) -> list[str]:
        return self.file.read_text().splitlines() if self.file.exists() else []


def is_frozen(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except FileNotFoundError:
        return False


def run_cell(stage: Stage, cell: Cell, *, faults: Sequence[dict[str, Any]] = FAULTS) -> Numbers:
    """Publish one post per fault while processes are struck at this step, and count the copies in the end."""
    campaign = Campaign(stage.product)
    for number, fault in enumerate(faults):
        accounts = {
            network: stage.product.client.connect(network, f"P{number}{campaign.word}") for network in cell.networks
        }
        for network, account in accounts.items() if fault else ():
            stage.product.order(network=network, account=account["remote_id"], **fault)
        campaign.write(accounts.values())
    return strike(stage, cell, campaign)


def strike(stage: Stage, cell: Cell, campaign: Campaign) -> Numbers:
    """Publish the written posts while processes are struck, and count the copies in the end.

    Fails if the processes do not stop in time, or end in another way than ordered.
    """
    strikers = Strikers(stage=stage, cell=cell, file=stage.product.home / f"hits-{campaign.word}")
    strikers.ensure()
    campaign.publish()
    until = time.monotonic() + SETTLED_WITHIN_SECONDS
    while not campaign.is_settled() and time.monotonic() < until:
        strikers.ensure()
        strikers.thaw(after=FROZEN_LEASES * LEASE_SECONDS / stage.product.speed)
        time.sleep(LOOK_SECONDS)
    strikers.thaw()
    strikers.ensure()  # the last one may have been hit after everything was settled
    status = strikers.end()
    assert status == 0, f"{cell} ended with {status}:\n{stage.product.log()[-4000:]}"
    return campaign.numbers(kills=strikers.hits)
