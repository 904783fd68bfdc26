"""Hosts that are cut off while posts are due all the time, and come back."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tests.crash import matrix, storms
from tests.crash.asking import Answers, asking, seconds_until_it_answers
from tests.crash.broker import Broker
from tests.crash.campaign import Campaign, Result
from tests.crash.matrix import Cell, Strikers
from tests.crash.network import Played, wire
from tests.crash.storms import READY, VISIBLE
from tests.databases import fresh_database, own_server
from tests.product import NETWORKS, SPEED, Product, running, wait_for

NAMES = ("web", "database", "redis", "beat", "worker", "other")
"""The hosts; the simulated networks are on that of the web process."""
ACCOUNTS = 18
STUCK_SECONDS = 300
LOOKED_AT = ("facebook", "twitter")
"""Networks on which a post is looked for before it is sent again; at Bluesky, sending again with our key is safe."""


@dataclass(kw_only=True)
class Stage:
    """A product over six hosts, its workers not started."""

    product: Product
    """The product on the host of the web process."""
    hosts: dict[str, Played]
    homes: Path

    def on(self, name: str) -> Product:
        """Return the same product on another host, in its own folder there, with the same secrets."""
        home = self.homes / name
        if not home.exists():
            home.mkdir()
            (home / "log").touch()
            shutil.copy(self.product.home / "secrets.env", home)
        return replace(self.product, home=home, host=self.hosts[name])


@contextmanager
def stage(home: Path, *, speed: int = SPEED) -> Iterator[Stage]:
    """Give a product with a host for each of its parts, and end all of it after the block."""
    with ExitStack() as stack:
        hosts = dict(zip(NAMES, stack.enter_context(wire(*NAMES)), strict=True))
        server = stack.enter_context(own_server(host=hosts["database"]))
        broker = Broker(host=hosts["redis"])
        broker.start()
        stack.callback(broker.kill)
        url = stack.enter_context(fresh_database(home, server.url))
        web = running(home / "web", url, redis_url=broker.url, speed=speed, host=hosts["web"])
        staged = Stage(product=stack.enter_context(web), hosts=hosts, homes=home)
        staged.on("beat").beat()
        yield staged


@dataclass(frozen=True, kw_only=True)
class Cut(Result):
    """The results of posts that were due while a host was cut off, and the API's answers."""

    answers: Answers
    """The API's answers from the cut until the host was back."""
    back_seconds: float
    """The time from the return of the host until the API answered normally."""
    out_meanwhile: int
    """Copies that came out before the host was back."""
    kept_answers: int
    """The number of networks' answers that a worker could not settle before its host came back."""
    sent_again: int
    """The number of repeated visible calls at networks on which posts can be looked for."""

    @property
    def is_good(self) -> bool:
        return self.numbers.is_good and self.answers.is_good and not self.sent_again


def cut_off(stage: Stage, *names: str, seconds: float, per_second: float, around: float = 5) -> Cut:
    """Cut hosts off for so many seconds, with posts due all the time, `around` seconds before and after it as well.

    The worker is cut off with two calls in its hands, one of which is answered; the other worker sleeps until it has
    them.
    """
    campaign = Campaign(stage.product)
    accounts = storms.connect(campaign, ACCOUNTS, *NETWORKS)
    struck = Struck(stage, campaign.word) if "worker" in names else None
    with struck or workers(stage, "worker"), workers(stage, "other") as other:
        if struck:
            os.killpg(other.pid, signal.SIGSTOP)
        storms.schedule(campaign, accounts, seconds=seconds + 2 * around, per_second=per_second)
        if struck:
            struck.wait()
            os.killpg(other.pid, signal.SIGCONT)
        time.sleep(around)
        cut = datetime.now(UTC)
        for name in names:
            stage.hosts[name].cut()
        if struck:
            struck.thaw()
        with asking(stage.product, accounts[0]["id"]) as answers:
            time.sleep(seconds)
        out = sum(datetime.fromisoformat(copy["created_at"]) > cut for copy in campaign.copies())
        kept = sum(_lines(home / "answers.jsonl") for home in stage.homes.iterdir())
        for name in names:
            stage.hosts[name].join()
        back = seconds_until_it_answers(stage.product)
        campaign.wait(seconds=STUCK_SECONDS)
    return Cut(
        numbers=campaign.numbers(),
        answers=answers,
        back_seconds=back,
        out_meanwhile=out,
        kept_answers=kept,
        sent_again=_sent_again(campaign),
    )


def workers(stage: Stage, name: str) -> AbstractContextManager["subprocess.Popen[bytes]"]:
    """Run a Celery node on this host during the block."""
    return storms.workers(matrix.Stage(product=stage.on(name), runner="celery"), herd=2)


class Struck:
    """A node on the worker's host whose two processes stop where nobody knows of their call: sent, and answered."""

    def __init__(self, stage: Stage, word: str) -> None:
        on_it = matrix.Stage(product=stage.on("worker"), runner="celery")
        cell = Cell(blow="stop", steps=("sent", "answered"), hits=1)
        self._strikers = Strikers(stage=on_it, cell=cell, file=stage.homes / f"hits-{word}")
        self.thaw = self._strikers.thaw

    def __enter__(self) -> None:
        product = self._strikers.stage.product
        begun = len(product.log())
        self._strikers.ensure()
        wait_for(lambda: READY in product.log()[begun:], what="the node to be ready")

    def wait(self) -> None:
        """Wait until both have stopped."""
        both = len(self._strikers.cell.steps)
        wait_for(lambda: self._strikers.hits == both, what="two calls in the worker's hands")

    def __exit__(self, *_: object) -> None:
        status = self._strikers.end()
        assert status == 0, self._strikers.stage.product.log()[-4000:]


def _lines(file: Path) -> int:
    return len(file.read_text().splitlines()) if file.exists() else 0


def _sent_again(campaign: Campaign) -> int:
    sent = [each for network in LOOKED_AT for each in campaign.requests(network) if each["path"].endswith(VISIBLE)]
    return len(sent) - sum(copy["network"] in LOOKED_AT for copy in campaign.copies())
