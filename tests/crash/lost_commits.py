"""A database whose answers to commits get lost: the commit is done, and the client does not get the answer."""

import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests

from tests.crash import deliveries, storms
from tests.crash.campaign import Campaign, Result
from tests.crash.matrix import Stage
from tests.databases import fresh_database, own_server
from tests.product import NETWORKS, SPEED, Product, running, wait_for
from tests.services import HERE

COMMIT = b"\x03COMMIT"
"""The packet of a query, behind its four bytes of length and number."""
TRIES, PAUSE_SECONDS = 200, 0.5
STUCK_SECONDS = 300
PIECE = 65_536


@dataclass(kw_only=True)
class Wire:
    """Stands between the product and its database and hands everything on, but for some answers to commits."""

    server: tuple[str, int]
    share: float = 0
    """The share of commits whose answer is lost, together with its connection."""
    lost: int = 0
    listener: socket.socket = field(default_factory=lambda: socket.create_server((HERE.address, 0)))

    def start(self) -> None:
        Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self.listener.close()

    def through(self, url: str) -> str:
        """Return the address of a database at the server, by way of this."""
        parts = urlsplit(url)
        place = f"{HERE.address}:{self.listener.getsockname()[1]}"
        return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{place}"))

    def _accept(self) -> None:
        with suppress(OSError):  # it was stopped
            while True:
                client, _ = self.listener.accept()
                Line(wire=self, client=client, server=socket.create_connection(self.server)).start()

    def loses(self) -> bool:
        """Return whether to lose the answer to the present commit."""
        is_lost = random.random() < self.share
        self.lost += is_lost
        return is_lost


@dataclass(kw_only=True)
class Line:
    """One connection."""

    wire: Wire
    client: socket.socket
    server: socket.socket
    is_cut: bool = False
    """True if the server's next answer gets lost."""

    def start(self) -> None:
        for end in (self.client, self.server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with self.client, self.server:
            answering = Thread(target=self._until_closed, args=(self._answer, self.client), daemon=True)
            answering.start()
            self._until_closed(self._ask, self.server)
            answering.join()

    def _until_closed(self, work: Callable[[], None], other: socket.socket) -> None:
        """Work until an end is closed, then close the other; the server may still answer what gets lost."""
        with suppress(OSError, EOFError):
            work()
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)

    def _ask(self) -> None:
        while True:
            head = self._read(4)
            body = self._read(int.from_bytes(head[:3], "little"))
            self.is_cut = body.upper() == COMMIT and self.wire.loses()
            self.server.sendall(head + body)
            if self.is_cut:
                return

    def _answer(self) -> None:
        while (piece := self.server.recv(PIECE)) and not self.is_cut:
            self.client.sendall(piece)

    def _read(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            piece = self.client.recv(size - len(found))
            if not piece:
                raise EOFError
            found += piece
        return found


@dataclass(kw_only=True)
class Place:
    """A product without a worker, which reaches its database over a wire."""

    product: Product
    wire: Wire


@contextmanager
def place(home: Path, *, speed: int = SPEED) -> Iterator[Place]:
    """Give such a product, and end all of it after the block."""
    with own_server() as server, fresh_database(home, server.url) as url:
        parts = urlsplit(url)
        wire = Wire(server=(parts.hostname or HERE.address, parts.port or 3306))
        wire.start()
        with running(home, wire.through(url), speed=speed) as product:
            yield Place(product=product, wire=wire)
        wire.stop()


@dataclass(frozen=True, kw_only=True)
class Lossy(Result):
    """The results of posts while answers to commits got lost."""

    lost_answers: int
    made: int
    """The number of posts created meanwhile; each request was repeated with its key until it was answered."""
    wanted: int
    events: int
    """The number of posts whose publication a webhook got, each under one id."""
    late: int
    """The number of late answers in timelines, which must be 0, as no worker lost its target."""

    @property
    def is_good(self) -> bool:
        is_told = self.events == self.numbers.posts and not self.late
        return self.numbers.is_good and self.made == self.wanted and is_told and self.lost_answers > 0


def lose_answers(place: Place, *, publications: int, share: float) -> Lossy:
    """Publish posts and make as many others while this share of the answers to commits gets lost."""
    product, campaign = place.product, Campaign(place.product)
    accounts = storms.connect(campaign, publications // 10, *NETWORKS)
    with (
        deliveries.listening(product, deliveries.PUBLISHED) as [receiver],
        storms.workers(Stage(product=product, runner="work"), herd=2),
    ):
        for _, account in zip(range(publications), cycle(accounts), strict=False):
            campaign.write([account])
        place.wire.share = share
        for number, post in enumerate(campaign.posts):
            _insist(product, f"/api/posts/{post}/publish", key=f"publish {number}")
            _insist(product, "/api/posts", key=f"make {number}", json={"content": "Made", "platforms": ["twitter"]})
        _wait(campaign)
        place.wire.share = 0
        with suppress(AssertionError):
            wait_for(lambda: deliveries.have_all([receiver], publications), what="all deliveries")
    drafts = product.client.call("GET", "/api/posts?status=draft&limit=1")["pagination"]["total_items"]
    return Lossy(
        numbers=campaign.numbers(),
        lost_answers=place.wire.lost,
        made=drafts,
        wanted=publications,
        events=len(deliveries.ids(receiver)),
        late=sum(_late_lines(product, post) for post in campaign.posts),
    )


def _insist(product: Product, path: str, *, key: str, json: Any = None) -> None:
    """Repeat a request with the same key until it succeeds, as a client does after a 503."""
    headers = product.client.headers | {"Idempotency-Key": key, "Prefer": "wait=0"}
    for _ in range(TRIES):
        answer = requests.post(f"{product.base}{path}", headers=headers, json=json, timeout=30)
        if answer.ok:
            return
        assert answer.status_code in (409, 503), answer.text
        time.sleep(PAUSE_SECONDS)
    raise AssertionError(f"{path} was not taken.")


def _wait(campaign: Campaign) -> None:
    """Wait until everything is settled; the question itself may be refused."""
    ends = time.monotonic() + STUCK_SECONDS
    while time.monotonic() < ends:
        with suppress(Exception):
            if campaign.is_settled():
                return
        time.sleep(PAUSE_SECONDS)


def _late_lines(product: Product, post: str) -> int:
    lines = product.client.call("GET", f"/api/posts/{post}/timeline")["timeline"]
    return sum(line["kind"] == "late_answer" for line in lines)
