"""Hosts that are cut off while posts are due all the time, and come back."""

import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import requests

from adminapi.client import ClientError
from tests.crash import matrix, storms
from tests.crash.broker import Broker
from tests.crash.campaign import Campaign, Result
from tests.crash.matrix import Cell, Strikers
from tests.crash.network import Played, wire
from tests.crash.storms import READY, VISIBLE
from tests.databases import fresh_database, own_server
from tests.product import NETWORKS, SPEED, Product, running, wait_for
from tests.services import START_SECONDS

NAMES = ("web", "database", "redis", "beat", "worker", "other")
"""The simulated networks are where the web process is."""
ACCOUNTS = 18
WRITTEN_A_SECOND = 12
ASK_EVERY_SECONDS = 0.5
ANSWER_SECONDS = 20
"""A connection to a database that went away gives up after five seconds, and so does the one after it; on a machine
that has much else to do both take longer."""
HANGS_SECONDS = 60
STUCK_SECONDS = 300
LOOKED_AT = ("facebook", "twitter")
"""Networks that are looked at before anything is sent again; Bluesky knows our key, and is asked by sending."""


@dataclass(kw_only=True)
class Stage:
    """A product over six hosts, its workers not started."""

    product: Product
    """As it is on the host of the web process."""
    hosts: dict[str, Played]
    homes: Path

    def on(self, name: str) -> Product:
        """Return the same product as it is on another host, in a folder of its own there, with the same secrets."""
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
    """What came of posts that were due while a host was cut off, and how the API answered."""

    asked: int
    """Requests to the API from the moment of the cut until the host was back."""
    away: int
    """How many of them were answered with 503, and after which seconds to ask again."""
    refused: int
    """Answers of another kind that were no 2xx, and none at all within a minute."""
    slowest_answer: float
    back_seconds: float
    """From the moment that the host was back until the API answered as ever."""
    out_meanwhile: int
    """Copies that came out before the host was back."""
    kept_answers: int
    """Of networks, that a worker could tell nobody of when its host came back."""
    sent_again: int
    """Visible calls beyond the first of a post, where the network can be looked at."""

    @property
    def is_good(self) -> bool:
        return (
            self.numbers.is_good and not self.refused and not self.sent_again and self.slowest_answer <= ANSWER_SECONDS
        )


class Asking:
    """A client that reads and writes all the time, as long as the block lasts."""

    def __init__(self, product: Product, account: str) -> None:
        self.product = product
        self.account = account
        self.answers: list[requests.Response | None] = []
        self._until = False

    def __enter__(self) -> "Asking":
        self._pool = ThreadPoolExecutor(1)
        self._asking = self._pool.submit(self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        self._until = True
        self._pool.shutdown()
        self._asking.result()

    def _ask(self) -> None:
        draft = {"content": "A draft", "platforms": [self.account]}
        calls: Iterator[dict[str, Any]] = cycle(({"method": "GET"}, {"method": "POST", "json": draft}))
        while not self._until:
            self.answers.append(self._call(**next(calls)))
            time.sleep(ASK_EVERY_SECONDS)

    def _call(self, **request: Any) -> requests.Response | None:
        headers = self.product.client.headers
        try:
            return requests.request(
                url=f"{self.product.base}/api/posts", headers=headers, timeout=HANGS_SECONDS, **request
            )
        except requests.RequestException:
            return None

    @property
    def away(self) -> int:
        return sum(answer is not None and is_away(answer) for answer in self.answers)

    @property
    def refused(self) -> int:
        return sum(answer is None or not (answer.ok or is_away(answer)) for answer in self.answers)

    @property
    def slowest(self) -> float:
        return max(HANGS_SECONDS if answer is None else answer.elapsed.total_seconds() for answer in self.answers)


def is_away(answer: requests.Response) -> bool:
    """Whether it says that the product is away for the moment, and when to ask again."""
    return answer.status_code == 503 and answer.headers.get("Retry-After", "").isdecimal()


def cut_off(stage: Stage, *names: str, seconds: float, per_second: float, around: float = 5) -> Cut:
    """Cut hosts off for so many seconds, with posts due all the time, `around` seconds before and after it as well.

    The worker is cut off with two calls in its hands, one of which is answered.
    """
    campaign = Campaign(stage.product)
    accounts = storms.connect(campaign, ACCOUNTS, *NETWORKS)
    struck = Struck(stage, campaign.word) if "worker" in names else None
    with struck or workers(stage, "worker"), workers(stage, "other"):
        _schedule(campaign, accounts, seconds=seconds + 2 * around, per_second=per_second)
        time.sleep(around)
        if struck:
            struck.wait()
        cut = datetime.now(UTC)
        for name in names:
            stage.hosts[name].cut()
        if struck:
            struck.thaw()
        with Asking(stage.product, accounts[0]["id"]) as asking:
            time.sleep(seconds)
        out = sum(datetime.fromisoformat(copy["created_at"]) > cut for copy in campaign.copies())
        kept = sum(_lines(home / "answers.jsonl") for home in stage.homes.iterdir())
        for name in names:
            stage.hosts[name].join()
        back = _seconds_until_it_answers(stage.product)
        campaign.wait(seconds=STUCK_SECONDS)
    return Cut(
        numbers=campaign.numbers(),
        asked=len(asking.answers),
        away=asking.away,
        refused=asking.refused,
        slowest_answer=asking.slowest,
        back_seconds=back,
        out_meanwhile=out,
        kept_answers=kept,
        sent_again=_sent_again(campaign),
    )


@contextmanager
def workers(stage: Stage, name: str) -> Iterator[None]:
    """Let a Celery node work on this host during the block."""
    with storms.workers(matrix.Stage(product=stage.on(name), runner="celery"), herd=2):
        yield


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
        wait_for(lambda: READY in product.log()[begun:], seconds=START_SECONDS, what="the node to be ready")

    def wait(self) -> None:
        """Wait until both have stopped."""
        both = len(self._strikers.cell.steps)
        wait_for(lambda: self._strikers.hits == both, seconds=START_SECONDS, what="two calls in the worker's hands")

    def __exit__(self, *_: object) -> None:
        status = self._strikers.end()
        assert status == 0, self._strikers.stage.product.log()[-4000:]


def _schedule(campaign: Campaign, accounts: list[dict[str, Any]], *, seconds: float, per_second: float) -> None:
    """Have posts fall due one after the other from the moment on when all are written."""
    count = int(seconds * per_second)
    first = datetime.now(UTC) + timedelta(seconds=1 + count / WRITTEN_A_SECOND)
    for number, account in zip(range(count), cycle(accounts), strict=False):
        campaign.write([account], scheduled_at=(first + timedelta(seconds=number / per_second)).isoformat())
    time.sleep(max(0.0, (first - datetime.now(UTC)).total_seconds()))


def _lines(file: Path) -> int:
    return len(file.read_text().splitlines()) if file.exists() else 0


def _seconds_until_it_answers(product: Product) -> float:
    began = time.monotonic()

    def answers() -> bool:
        with suppress(ClientError):
            product.client.call("GET", "/api/posts?limit=1")
            return True
        return False

    wait_for(answers, seconds=STUCK_SECONDS, what="an answer of the API")
    return time.monotonic() - began


def _sent_again(campaign: Campaign) -> int:
    sent = [each for network in LOOKED_AT for each in campaign.requests(network) if each["path"].endswith(VISIBLE)]
    return len(sent) - sum(copy["network"] in LOOKED_AT for copy in campaign.copies())
