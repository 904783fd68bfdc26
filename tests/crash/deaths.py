"""Web processes that die in the middle of a request, and clients that ask again."""

import json
import os
import random
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests

from tests.crash.campaign import Numbers, Result
from tests.crash.steps import POINTS, UPLOAD_POINTS
from tests.crash.storms import children
from tests.posts.media import pictures
from tests.product import Product, answers, wait_for
from tests.services import START_SECONDS, free_port

AT_RANDOM = "at random"
MOMENTS_SECONDS = 0.04
"""A request that dies at a random moment dies within this time, about the duration of a request."""
OLD_SECONDS = 7200
"""Older than an hour, the age up to which the sweep leaves files alone."""
SAY = """
import json
from django.db.models import Sum
from ouipost.claims import database_now
from posts.media import files
from posts.models import Media, Post
"""
STORED = """
rows = list(Media.objects.values_list("stored_name", "thumbnail_name", "size"))
used = Media.objects.aggregate(used=Sum("size"))["used"] or 0
print(json.dumps({"swept": files.sweep(database_now()), "rows": rows, "used": used}))
"""


@dataclass(kw_only=True)
class Web:
    """A web server beside the product's own, whose one worker may be killed at any time."""

    product: Product
    process: Any
    port: int
    kills: int = 0
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        return answers(self.base)

    def kill(self) -> None:
        """Kill the worker; the server starts another."""
        for pid in children(self.process):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def call(self, path: str, *, crash_at: str = "", key: str = "", **request: Any) -> requests.Response | None:
        """Send a request, which may order the death of its process; None if no answer came."""
        headers = self.product.client.headers | {"Idempotency-Key": key or uuid4().hex, "X-Crash-At": crash_at}
        try:
            return requests.post(f"{self.base}{path}", headers=headers, timeout=30, **request)
        except requests.RequestException:
            return None

    def struck(self, send: Callable[[str], Any], point: str) -> None:
        """Send a request whose process dies at this point, and wait until there is another."""
        if point == AT_RANDOM:
            with ThreadPoolExecutor(1) as pool:
                sending = pool.submit(send, "")
                time.sleep(random.uniform(0, MOMENTS_SECONDS))
                self.kill()
                sending.result()
        else:
            assert send(point) is None, f"An answer came although the process should have died when {point}."
        self.kills += 1
        wait_for(self.is_ready, what="another web process")


@contextmanager
def web(product: Product) -> Iterator[Web]:
    """Give such a server, and end it after the block."""
    port = free_port()
    process = product.start("-m", "tests.crash.web_server", str(port), own_group=True)
    started = Web(product=product, process=process, port=port)
    try:
        wait_for(started.is_ready, what="the web process")
        yield started
    finally:
        process.terminate()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=START_SECONDS)


@dataclass(frozen=True, kw_only=True)
class AskedAgain(Result):
    """The results of requests that were sent again with their key after their process had died.

    A post that exists twice counts as doubled, a missing one as lost, and a second request without 201 as not told.
    """

    made_by_the_request_that_died: int


def ask_again(product: Product, *, kills: int) -> AskedAgain:
    """Kill the web process while it makes posts, at each point and at random, then ask for each with the same key."""
    word, began = uuid4().hex[:8], time.monotonic()
    to = {"platforms": [product.client.connect("bluesky", f"P{word}")["id"]]}
    bodies = {f"{word}-{number}": {"content": f"Post {number} of {word}"} | to for number in range(kills)}
    points = (*POINTS, AT_RANDOM)
    with web(product) as server:
        for number, (key, body) in enumerate(bodies.items()):
            server.struck(_sender(server, "/api/posts", key=key, json=body), points[number % len(points)])
        before = _count(product, word)
        answers = [_until_answered(server, key, body) for key, body in bodies.items()]
    made = _count(product, word)
    numbers = Numbers(
        posts=made.total(),
        kills=server.kills,
        doubled=sum(count > 1 for count in made.values()),
        lost=kills - len(made),
        untold=kills - answers.count(201),
        seconds=time.monotonic() - began,
    )
    return AskedAgain(numbers=numbers, made_by_the_request_that_died=before.total())


def _sender(server: Web, path: str, **request: Any) -> Callable[[str], Any]:
    return lambda point: server.call(path, crash_at=point, **request)


def _until_answered(server: Web, key: str, body: dict[str, Any]) -> int:
    """Repeat until the first request is given up, and return the final status."""

    def ask() -> int:
        answer = server.call("/api/posts", key=key, json=body)
        return 0 if answer is None or answer.status_code == 409 else answer.status_code

    return wait_for(ask, seconds=90, what="an answer to the second request")


def _count(product: Product, word: str) -> Counter[str]:
    """Return how often each post of this run exists."""
    of = f"Post.objects.filter(content__endswith=' of {word}')"
    code = f"{SAY}print(json.dumps(list({of}.values_list('content', flat=True))))"
    return Counter(json.loads(product.manage("shell", "-v", "0", "-c", code)))


@dataclass(frozen=True, kw_only=True)
class Uploads(Result):
    """The remains of uploads whose web process died."""

    rows: int
    files: int
    rows_without_file: int
    files_without_row: int
    """The number of files without a row after the sweep."""
    swept: int
    counted_bytes: int
    stored_bytes: int

    @property
    def is_good(self) -> bool:
        return not self.rows_without_file and not self.files_without_row and self.counted_bytes == self.stored_bytes


def upload_and_die(product: Product, *, kills: int) -> Uploads:
    """Kill the web process while it takes uploads: at each point, at random, and after a random part of the bytes."""
    began = time.monotonic()
    account = product.client.connect("bluesky", f"P{uuid4().hex[:8]}")["id"]
    body = {"content": "With pictures", "platforms": [account]}
    post = product.client.call("POST", "/api/posts", json=body)["post"]["id"]
    path, picture = f"/api/posts/{post}/media", pictures.noise((200, 150))
    points = (*UPLOAD_POINTS, AT_RANDOM, "in its bytes")
    with web(product) as server:
        for number in range(kills):
            point = points[number % len(points)]
            if point == "in its bytes":
                server.struck(lambda _: _send_part(server, path, picture), point)
            else:
                files = {"file": ("noise.png", picture, "image/png")}
                server.struck(_sender(server, path, files=files), point)
    return _look(product, kills=server.kills, began=began)


def _send_part(server: Web, path: str, picture: bytes) -> None:
    """Send the head and some of the bytes of an upload, and then kill the receiving process."""
    form = requests.Request("POST", f"{server.base}{path}", files={"file": ("noise.png", picture, "image/png")})
    prepared = form.prepare()
    assert isinstance(prepared.body, bytes)
    headers = server.product.client.headers | {"Host": "127.0.0.1"} | dict(prepared.headers)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode())
        connection.sendall(prepared.body[: random.randrange(len(prepared.body))])
        time.sleep(MOMENTS_SECONDS)
        server.kill()


def _look(product: Product, *, kills: int, began: float) -> Uploads:
    """Make all files old, sweep, and compare the remaining ones with the rows."""
    folder = product.home / "media"
    for file in _files(folder):
        os.utime(file, (time.time() - OLD_SECONDS,) * 2)
    told = json.loads(product.manage("shell", "-v", "0", "-c", f"{SAY}{STORED}"))
    known = {name for media, thumbnail, _ in told["rows"] for name in (media, thumbnail)}
    stored = {str(file.relative_to(folder)): file.stat().st_size for file in _files(folder)}
    return Uploads(
        numbers=Numbers(posts=1, kills=kills, seconds=time.monotonic() - began),
        rows=len(told["rows"]),
        files=len(stored),
        rows_without_file=len(known - stored.keys()),
        files_without_row=len(stored.keys() - known),
        swept=told["swept"],
        counted_bytes=told["used"],
        stored_bytes=sum(stored.get(media, 0) for media, _, _ in told["rows"]),
    )


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
