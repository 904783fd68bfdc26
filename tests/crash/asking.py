"""A client that reads and writes all the time, while a server that the product needs is away."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from threading import Event
from typing import Any

import requests

from adminapi.management.client import ClientError
from tests.product import Product, wait_for

ASK_EVERY_SECONDS = 0.5
HANGS_SECONDS = 60
BACK_SECONDS = 120
ANSWER_SECONDS = 20
"""A connection to a database that went away gives up after five seconds, and so does the one after it; on a machine
that has much else to do both take longer."""


@dataclass(kw_only=True)
class Answers:
    """The answers of the API."""

    all: list[requests.Response | None] = field(default_factory=list)
    """All answers; None for a request without an answer within a minute."""

    @property
    def away(self) -> int:
        """The number of 503s with a time for the next try."""
        return sum(answer is not None and _is_away(answer) for answer in self.all)

    @property
    def refused(self) -> int:
        """The number of other answers that are no 2xx."""
        return sum(answer is None or not (answer.ok or _is_away(answer)) for answer in self.all)

    @property
    def slowest(self) -> float:
        return max(HANGS_SECONDS if answer is None else answer.elapsed.total_seconds() for answer in self.all)

    @property
    def is_good(self) -> bool:
        return not self.refused and self.slowest <= ANSWER_SECONDS

    def __str__(self) -> str:
        return f"{len(self.all)}, away {self.away}, refused {self.refused}, slowest {self.slowest:.2f} s"


def _is_away(answer: requests.Response) -> bool:
    return answer.status_code == 503 and answer.headers.get("Retry-After", "").isdecimal()


@contextmanager
def asking(product: Product, account: str) -> Iterator[Answers]:
    """Read posts, and write drafts to this account, by turns during the block."""
    answers, over = Answers(), Event()
    draft = {"content": "A draft", "platforms": [account]}
    calls: Iterator[dict[str, Any]] = cycle(({"method": "GET"}, {"method": "POST", "json": draft}))

    def ask() -> None:
        while not over.wait(ASK_EVERY_SECONDS):
            answers.all.append(_answer(product, **next(calls)))

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(ask)
        try:
            yield answers
        finally:
            over.set()
            running.result()


def _answer(product: Product, **request: Any) -> requests.Response | None:
    address, headers = f"{product.base}/api/posts", product.client.headers
    try:
        return requests.request(url=address, headers=headers, timeout=HANGS_SECONDS, **request)
    except requests.RequestException:
        return None


def seconds_until_it_answers(product: Product) -> float:
    """Wait until the API answers normally, and return how long that took."""
    began = time.monotonic()

    def answers() -> bool:
        with suppress(ClientError):
            product.client.call("GET", "/api/posts?limit=1")
            return True
        return False

    wait_for(answers, seconds=BACK_SECONDS, what="an answer of the API")
    return time.monotonic() - began
