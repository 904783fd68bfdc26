"""Takes Celery's parts away while posts are due, and counts copies at the networks.

Each scenario works on a product with a broker of its own and returns its observations.
"""

import os
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from tests.crash.campaign import Campaign, Result
from tests.networks.kinds import UPRIGHT
from tests.product import NETWORKS, SPEED, Product, running, wait_for
from tests.services import HERE, START_SECONDS, Host, free_port, start_redis

OUT_WITHIN_SECONDS = 300
LAST_SECONDS = 60
STOP_SECONDS = 60
PEOPLE = 4
UPLOAD = "POST /xrpc/app.bsky.video.uploadVideo"


@dataclass(kw_only=True)
class Broker:
    """A Redis of the product's own, which can be taken away and come back on the same port."""

    host: Host = HERE
    port: int = field(default_factory=free_port)
    server: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://{self.host.address}:{self.port}/0"

    def start(self) -> None:
        self.server = start_redis(self.port, host=self.host)

    def signal(self, number: signal.Signals) -> None:
        assert self.server is not None
        self.server.send_signal(number)

    def kill(self) -> None:
        """Kill it, with all its data."""
        self.signal(signal.SIGKILL)
        assert self.server is not None
        self.server.wait(timeout=START_SECONDS)

    def flush(self) -> None:
        """Delete all its data."""
        self._call("FLUSHALL")

    def demote(self) -> None:
        """Make it answer and refuse all writes, like a server that a replica has replaced."""
        self._call("REPLICAOF", self.host.address, free_port())

    def promote(self) -> None:
        self._call("REPLICAOF", "NO", "ONE")

    def _call(self, *command: str | int) -> None:
        import redis

        with redis.Redis.from_url(self.url) as client:
            client.execute_command(*command)


@dataclass(kw_only=True)
class Stage:
    """A product with its broker, and accounts at all networks."""

    product: Product
    broker: Broker
    accounts: list[dict[str, Any]]


@contextmanager
def stage(home: Path, database_url: str, *, speed: int = SPEED, people: int = PEOPLE) -> Iterator[Stage]:
    """Give a product that runs, without a worker, and end all of it after the block."""
    broker = Broker()
    broker.start()
    try:
        with running(home, database_url, redis_url=broker.url, speed=speed) as product:
            persons = [product.connect(f"Person{number}") for number in range(people)]
            accounts = [account for person in persons for account in person.values()]
            yield Stage(product=product, broker=broker, accounts=accounts)
    finally:
        broker.kill()


@dataclass(frozen=True, kw_only=True)
class Seen(Result):
    """The result of one scenario, and the API's answers meanwhile."""

    is_out: bool
    """True if all copies were out before the missing part came back."""
    refused: int
    """The number of the API's answers that were no 2xx."""
    slowest_answer: float
    p95_answer: float
    seconds: float
    """The time from the due moment of the last post to the last copy."""

    @property
    def is_good(self) -> bool:
        return self.numbers.is_good and self.is_out and not self.refused


class Batch:
    """Posts to one account each, which fall due together or are published now."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.product = stage.product
        self.campaign = Campaign(stage.product)
        self.answers: list[requests.Response] = []

    def schedule(self, count: int, *, at: datetime, over: float = 0) -> None:
        """Write posts that fall due at one time, or one after the other over so many seconds."""
        for number in range(count):
            self._write(scheduled_at=(at + timedelta(seconds=over * number / count)).isoformat())

    def publish_now(self, count: int) -> None:
        for post in [self._write() for _ in range(count)]:
            self._call(f"/api/posts/{post}/publish")

    def publish_video(self) -> None:
        """Have a video published at Bluesky, which takes it in one request, by an account that others come to last."""
        account = next(account for account in reversed(self.stage.accounts) if account["platform"] == "bluesky")
        post = self._call("/api/posts", **self.campaign.body([account]))["post"]["id"]
        self.campaign.posts.append(post)
        files = {"file": ("video.mp4", UPRIGHT(), "video/mp4")}
        self.product.client.call("POST", f"/api/posts/{post}/media", files=files)
        self._call(f"/api/posts/{post}/publish")

    def _write(self, **values: Any) -> str:
        posts = self.campaign.posts
        account = self.stage.accounts[len(posts) % len(self.stage.accounts)]
        posts.append(self._call("/api/posts", **self.campaign.body([account], **values))["post"]["id"])
        return posts[-1]

    def _call(self, path: str, **body: Any) -> dict[str, Any]:
        """Call the API as a client would, and keep the answer."""
        headers = self.product.client.headers | {"Prefer": "wait=0"}
        answer = requests.post(f"{self.product.base}{path}", json=body, headers=headers, timeout=30)
        self.answers.append(answer)
        data: dict[str, Any] = answer.json()["data"]
        return data

    @property
    def left(self) -> int:
        """The number of posts without a copy."""
        return len(self.campaign.posts) - len({copy["text"] for copy in self.campaign.copies()})

    def wait(self, *, due: float, seconds: float = OUT_WITHIN_SECONDS) -> Seen:
        """Wait until every post is out and settled, and then for another moment, in which none may come out again."""
        with suppress(AssertionError):
            wait_for(lambda: not self.left, seconds=seconds, what="all posts")
        is_out, took = not self.left, time.monotonic() - due
        self.campaign.wait(seconds=seconds)
        time.sleep(1)
        times = [answer.elapsed.total_seconds() for answer in self.answers]
        return Seen(
            numbers=self.campaign.numbers(),
            is_out=is_out,
            refused=sum(not answer.ok for answer in self.answers),
            slowest_answer=max(times),
            p95_answer=statistics.quantiles(times, n=20, method="inclusive")[-1],
            seconds=took,
        )


def soon(seconds: float) -> tuple[datetime, float]:
    """Return the time in so many seconds, and the same on the monotonic clock."""
    return datetime.now(UTC) + timedelta(seconds=seconds), time.monotonic() + seconds


@dataclass(kw_only=True)
class Node:
    """A Celery worker with its beats."""

    product: Product
    worker: "subprocess.Popen[bytes]"
    beats: list["subprocess.Popen[bytes]"]
    log_from: int

    def says(self, words: str, *, seconds: float = START_SECONDS) -> None:
        """Wait for these words in the log since the start of the node."""

        def look() -> bool:
            assert self.worker.poll() is None, self.product.log()[-4000:]
            return words in self.product.log()[self.log_from :]

        wait_for(look, seconds=seconds, what=f"{words!r} in the log")

    def spare(self) -> int:
        """Wait for the worker that the watchdog starts, and return its process id."""
        return wait_for(lambda: next(iter(self._spares()), 0), what="a spare worker")

    def _spares(self) -> list[int]:
        tasks = Path(f"/proc/{self.worker.pid}/task").glob("*/children")
        children = [child for each in tasks for child in each.read_text().split()]
        return [int(child) for child in children if b"manage.py\0work" in Path(f"/proc/{child}/cmdline").read_bytes()]


@contextmanager
def node(product: Product, *, beats: int = 1) -> Iterator[Node]:
    """Give a Celery node that is ready, and end it and its beats after the block."""
    began = len(product.log())
    started = Node(
        product=product,
        worker=product.celery("-c", "2"),
        beats=[product.beat() for _ in range(beats)],
        log_from=began,
    )
    try:
        started.says("ready.")
        yield started
    finally:
        end(started.worker, *started.beats)


def end(*processes: "subprocess.Popen[bytes]") -> float:
    """Ask processes to stop and return how many seconds it took; fails after a minute."""
    began = time.monotonic()
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in processes:
        process.wait(timeout=STOP_SECONDS)
    return time.monotonic() - began


def two_beats_and_a_shell(stage: Stage, *, posts: int, seconds: float) -> Seen:
    """Ring three times as often as needed while posts fall due one after the other."""
    batch = Batch(stage)
    with node(stage.product, beats=2):
        first, due = soon(1)
        batch.schedule(posts, at=first, over=seconds)
        while time.monotonic() < due + seconds:
            shell = stage.product.start("-m", "celery", "-A", "ouipost", "call", "adminapi.tasks.tick")
            shell.wait(timeout=START_SECONDS)
        return batch.wait(due=due + seconds)


def beat_dies(stage: Stage, *, posts: int, after: float = 1) -> Seen:
    """Kill beat for good before posts fall due, which they do after so many seconds."""
    batch = Batch(stage)
    with node(stage.product) as started:
        kill(started.beats[0])
        at, due = soon(after)
        batch.schedule(posts, at=at)
        return batch.wait(due=due)


def broker_forgets(stage: Stage, *, posts: int) -> Seen:
    """Flush Redis again and again while posts fall due."""
    batch = Batch(stage)
    with node(stage.product):
        at, due = soon(1 + posts / 20)
        batch.schedule(posts, at=at)
        while time.monotonic() < due + 2:
            stage.broker.flush()
            time.sleep(0.1)
        return batch.wait(due=due)


def broker_stops(stage: Stage, *, posts: int, now: int, seconds: float = 0) -> Seen:
    """Kill Redis; posts fall due and others are published now, and all must be out before it comes back.

    It stays away for so many seconds, in which posts fall due but for the last minute. The worker outlives it.
    """
    with node(stage.product) as started:
        stage.broker.kill()
        back = time.monotonic() + seconds
        try:
            seen = _in_trouble(stage, posts=posts, now=now, over=max(0, seconds - LAST_SECONDS))
            time.sleep(max(0, back - time.monotonic()))
            assert started.worker.poll() is None, stage.product.log()[-4000:]
            return seen
        finally:
            stage.broker.start()


def broker_falls_silent(stage: Stage, *, posts: int, now: int) -> Seen:
    """Freeze Redis, which then takes connections and never answers."""
    with node(stage.product):
        stage.broker.signal(signal.SIGSTOP)
        try:
            return _in_trouble(stage, posts=posts, now=now)
        finally:
            stage.broker.signal(signal.SIGCONT)


def broker_takes_no_writes(stage: Stage, *, posts: int, now: int) -> Seen:
    """Make a replica of Redis while posts fall due, and others are published now. The worker outlives it."""
    with node(stage.product) as started:
        stage.broker.demote()
        try:
            seen = _in_trouble(stage, posts=posts, now=now)
            assert started.worker.poll() is None, stage.product.log()[-4000:]
            return seen
        finally:
            stage.broker.promote()


def _in_trouble(stage: Stage, *, posts: int, now: int, over: float = 0) -> Seen:
    batch = Batch(stage)
    at, due = soon(1 + posts / 20)
    batch.schedule(posts, at=at, over=over)
    batch.publish_now(now)
    return batch.wait(due=max(due + over, time.monotonic()), seconds=over + OUT_WITHIN_SECONDS)


@dataclass(frozen=True, kw_only=True)
class Outlasted(Seen):
    """The result of a video whose upload took longer than a run of a node."""

    uploads: int
    """The number of uploads of the video."""
    beside_seconds: float
    """The time of the slowest other post published meanwhile."""


def video_outlasts_a_run(stage: Stage, *, beside: int, interval: float = 0.6) -> Outlasted:
    """Publish a video while its network answers the upload a byte after the other, and then other posts one by one.

    The answer has some 280 bytes: with this interval it is there after 165 s.
    """
    batch = Batch(stage)
    stage.product.order(network="bluesky", effect="drip", interval=interval, match=UPLOAD)
    with node(stage.product):
        began = time.monotonic()
        batch.publish_video()
        slowest = 0.0
        for _ in range(beside):
            asked = time.monotonic()
            batch.publish_now(1)
            wait_for(lambda: batch.left == 1, seconds=OUT_WITHIN_SECONDS, what="the post beside the video")
            slowest = max(slowest, time.monotonic() - asked)
        seen = batch.wait(due=began)
    uploads = [each for each in stage.product.requests(network="bluesky") if UPLOAD.endswith(each["path"])]
    return Outlasted(**vars(seen), uploads=len(uploads), beside_seconds=slowest)


@dataclass(kw_only=True)
class Stopped:
    """The result of stopping a node with work left."""

    seconds: float
    left: int
    abandoned: int
    """The number of calls in flight that were cut off."""
    seen: Seen
    """The result after another node had done the rest."""


def node_is_stopped(stage: Stage, *, rounds: int, group: bool) -> Stopped:
    """Stop a node, or all of its processes at once, while every account has a call out and more posts to come."""
    batch = Batch(stage)
    with node(stage.product) as first:
        for network in NETWORKS:
            stage.product.order(network=network, effect="drip", interval=0.003, times=rounds * PEOPLE)
        stage.product.manage("pause", "--scope=all", "--reason=All at once")  # or a slow machine sends while some come
        batch.publish_now(rounds * len(stage.accounts))
        stage.product.manage("resume", "--scope=all")
        wait_for(batch.campaign.copies, seconds=OUT_WITHIN_SECONDS, what="the first copy")
        if group:
            os.killpg(first.worker.pid, signal.SIGTERM)
        seconds = end(first.worker)
        left = batch.left
        abandoned = stage.product.log()[first.log_from :].count("left to its lease")
    with node(stage.product):
        seen = batch.wait(due=time.monotonic())
    return Stopped(seconds=seconds, left=left, abandoned=abandoned, seen=seen)


def kill(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait(timeout=START_SECONDS)
