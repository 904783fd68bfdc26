"""Deliveries of webhooks while their workers are killed or busy; receivers count repeats by `webhook-id`."""

import math
import signal
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

import requests

from adminapi.management.client import Client
from tests.crash import storms
from tests.crash.broker import end, kill
from tests.crash.campaign import Numbers, Result
from tests.crash.matrix import Stage
from tests.crash.steps import REPLAY_POINTS
from tests.outbound.servers import Server, silent
from tests.product import Product, wait_for
from tests.services import START_SECONDS, free_port
from tests.webhooks.receiver import Received, Receiver

LOGIN = {"email": "admin@example.com", "password": "a long pass phrase"}
MADE, CHANGED, PUBLISHED = "post.created", "post.updated", "post.published"
AWAY_SECONDS = 0.2
"""The time of a receiver's answer, so that most workers that die have calls in flight."""
NEAR_SECONDS = 0.05
STUCK_SECONDS = 300
KILLED_SECONDS = 180
REPLAY_SPEED = 60
"""With this speed, the lease of a dead worker on a replay lasts a second."""
GOOD = 8
FEW = 100
"""More answers than can be in flight when a webhook is disabled."""
Change = tuple[str, int]
"""A post, and the number of its change."""


class Administrator:
    """A logged-in person who manages the webhooks."""

    def __init__(self, product: Product) -> None:
        self._base = product.base
        token = self.call("POST", "/admin/login", headers={}, json=LOGIN)["token"]
        self._headers = {"Authorization": f"Bearer {token}"}

    def call(self, method: str, path: str, *, headers: dict[str, str] | None = None, **request: Any) -> dict[str, Any]:
        """Return the data of an answer, which must be a good one."""
        shown = self._headers if headers is None else headers
        answer = requests.request(method, f"{self._base}{path}", headers=shown, timeout=30, **request)
        assert answer.ok, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def add(self, url: str, *events: str, **values: Any) -> str:
        """Create a webhook for these events, and return its id."""
        made: str = self.call("POST", "/admin/webhooks", json={"url": url, "events": events, **values})["webhook"]["id"]
        return made

    def webhook(self, url: str) -> dict[str, Any]:
        """Return the webhook that calls this address."""
        found = self.call("GET", "/admin/webhooks")["webhooks"]
        return next(each for each in found if each["url"] == url)

    def log(self, url: str) -> list[dict[str, Any]]:
        """Return the latest deliveries to this address, with their attempts."""
        path = f"/admin/webhooks/{self.webhook(url)['id']}/deliveries?limit=100"
        found: list[dict[str, Any]] = self.call("GET", path)["deliveries"]
        return found

    @contextmanager
    def telling(self, url: str, *events: str, **values: Any) -> Iterator[str]:
        """Have a webhook for these events, and delete it after the block."""
        webhook = self.add(url, *events, **values)
        yield webhook
        self.call("DELETE", f"/admin/webhooks/{webhook}")


@contextmanager
def listening(
    product: Product, *events: str, receivers: int = 1, seconds: float = 0, **values: Any
) -> Iterator[list[Receiver]]:
    """Give receivers that take so many seconds to answer, each with a webhook, and end them after the block."""
    administrator = Administrator(product)
    with ExitStack() as stack:
        started = []
        for _ in range(receivers):
            started.append(Receiver(seconds=seconds))
            stack.callback(started[-1].close)
            stack.enter_context(administrator.telling(started[-1].url, *events, **values))
        yield started


@contextmanager
def worker(product: Product, *, drains: bool = True) -> Iterator[int]:
    """Give the id of a `manage.py work` that runs, and end it after the block, without its calls unless it drains."""
    before = product.log().count("The worker runs.")
    process = product.start("manage.py", "work")
    wait_for(lambda: product.log().count("The worker runs.") > before, what="the worker")
    yield process.pid
    end(process) if drains else kill(process)


def make(product: Product, changes: int, *, per_second: float = math.inf, writers: int = 1) -> dict[Change, float]:
    """Create posts and change each once, at most at this rate; returns the time of each request."""
    account = product.client.connect("bluesky", f"P{uuid4().hex}")["id"]
    began = time.monotonic()

    def work(number: int) -> dict[Change, float]:
        time.sleep(max(0.0, began + 2 * number / per_second - time.monotonic()))
        client = _another_client(product)
        asked = [time.monotonic()]
        body = {"content": f"Post {number}", "platforms": [account]}
        post = client.call("POST", "/api/posts", json=body)["post"]["id"]
        asked.append(time.monotonic())
        client.call("PUT", f"/api/posts/{post}", json={"content": f"Post {number}, changed"})
        return {(post, sequence): at for sequence, at in enumerate(asked, start=1)}

    with ThreadPoolExecutor(writers) as pool:
        return {change: at for pair in pool.map(work, range(changes // 2)) for change, at in pair.items()}


def _another_client(product: Product) -> Client:
    headers = product.client.headers
    return Client(product.base, api_key=headers["X-API-Key"], workspace_id=headers["X-Workspace-ID"])


def by_change(calls: Sequence[Received]) -> dict[Change, list[Received]]:
    """Return the calls about each change of a post, in the order in which they came."""
    found: dict[Change, list[Received]] = defaultdict(list)
    for call in calls:
        body = call.json
        found[body["data"]["post"]["id"], body["sequence"]].append(call)
    return found


def ids(receiver: Receiver) -> set[str]:
    """Return the ids of the events that the receiver got."""
    return {call.id for call in receiver.calls}


def differs(calls: Sequence[Received]) -> bool:
    """Return whether a repeat has another id or another body, so that nobody could recognize it."""
    return len({(call.id, call.body) for call in calls}) > 1


@dataclass(frozen=True, kw_only=True)
class Told(Result):
    """The deliveries of changes. A change under two ids counts as doubled, a missing one as lost."""

    events: int
    repeats: int
    all_seconds: float
    """The time from the first change until the last had arrived everywhere."""
    p95_seconds: float
    """The time from the request for a change to the first call about it."""
    slowest_seconds: float


def told(receivers: Sequence[Receiver], asked: Mapping[Change, float], *, kills: int = 0) -> Told:
    """Compare the calls at each receiver with the changes."""
    heard = [by_change(receiver.calls) for receiver in receivers]
    known = [(change, calls) for each in heard for change, calls in each.items() if change in asked]
    first = [calls[0].at - asked[change] for change, calls in known]
    calls = sum(len(receiver.calls) for receiver in receivers)
    took = max(calls[0].at for _, calls in known) - min(asked.values())
    numbers = Numbers(
        posts=len({post for post, _ in asked}),
        kills=kills,
        requests=calls,
        doubled=sum(change not in asked or differs(calls) for each in heard for change, calls in each.items()),
        lost=len(asked) * len(receivers) - sum(len(ids(receiver)) for receiver in receivers),
        seconds=took,
    )
    return Told(
        numbers=numbers,
        events=len(asked),
        repeats=calls - len(known),
        all_seconds=took,
        p95_seconds=statistics.quantiles(first, n=20, method="inclusive")[-1],
        slowest_seconds=max(first),
    )


def have_all(receivers: Sequence[Receiver], events: int) -> bool:
    return all(len(ids(receiver)) >= events for receiver in receivers)


def random_kills(stage: Stage, *, changes: int, per_second: float, every: float = 1) -> Told:
    """Kill a random worker again and again while posts are created and changed, until everything has arrived.

    After some minutes the rest is left to workers that are not killed: calls of dead workers count for the webhook
    until their leases are over, so that workers that live for a second achieve little.
    """
    with listening(stage.product, MADE, CHANGED, seconds=AWAY_SECONDS) as heard, ThreadPoolExecutor(1) as pool:
        until, kills = time.monotonic() + KILLED_SECONDS, 0
        with storms.workers(stage, herd=2) as started:
            making = pool.submit(make, stage.product, changes, per_second=per_second)
            while not have_all(heard, changes) and time.monotonic() < until:
                kills += storms.kill_at_random(started, every=every)
        asked = making.result()
        if not have_all(heard, changes):
            _finish(stage, heard[0], changes)
        return told(heard, asked, kills=kills)


@dataclass(frozen=True, kw_only=True)
class Published(Result):
    """The deliveries about published posts; a post under no id, or under two, counts as not told once."""

    events: int
    repeats: int


def publish_under_kills(
    stage: Stage, *networks: str, publications: int, seconds: float, beside: Stage | None = None
) -> Published:
    """Kill a random worker again and again while posts fall due, and count the deliveries about each."""
    with listening(stage.product, PUBLISHED, seconds=AWAY_SECONDS) as [receiver]:
        seen = storms.random_kills(
            stage, *networks, publications=publications, seconds=seconds, latency=AWAY_SECONDS, beside=beside
        )
        if not have_all([receiver], publications):
            _finish(stage, receiver, publications)
    posts: dict[str, list[Received]] = defaultdict(list)
    for call in receiver.calls:
        posts[call.json["data"]["post"]["id"]].append(call)
    untold = abs(publications - len(posts)) + sum(differs(calls) for calls in posts.values())
    return Published(
        numbers=replace(seen.numbers, untold=seen.numbers.untold + untold),
        events=len(ids(receiver)),
        repeats=len(receiver.calls) - len(posts),
    )


def _finish(stage: Stage, receiver: Receiver, events: int) -> None:
    """Deliver the rest by workers that are not killed."""
    with storms.workers(stage), suppress(AssertionError):
        wait_for(lambda: have_all([receiver], events), seconds=STUCK_SECONDS, what="what is left")


def many(product: Product, *, changes: int, per_second: float, writers: int = 4, receivers: int = 3) -> Told:
    """Deliver changes at this rate to receivers that are 50 ms away, with two workers."""
    with (
        listening(product, MADE, CHANGED, receivers=receivers, seconds=NEAR_SECONDS) as heard,
        worker(product),
        worker(product),
    ):
        asked = make(product, changes, per_second=per_second, writers=writers)
        wait_for(lambda: have_all(heard, changes), seconds=STUCK_SECONDS, what="all deliveries")
        return told(heard, asked)


@dataclass(frozen=True, kw_only=True)
class Beside(Told):
    """The deliveries to good receivers beside bad ones."""

    hanging_calls: int
    absent_fails: bool
    """True if the product knows that the absent receiver cannot be reached."""


def beside_bad_ones(product: Product, *, changes: int, per_second: float) -> Beside:
    """Deliver changes to eight receivers, beside one that never answers and one that does not exist."""
    hanging, away = Server(silent), f"http://127.0.0.1:{free_port()}/"
    administrator = Administrator(product)
    with (
        administrator.telling(hanging.url, MADE, CHANGED),
        administrator.telling(away, MADE, CHANGED),
        listening(product, MADE, CHANGED, receivers=GOOD, seconds=NEAR_SECONDS) as heard,
        worker(product, drains=False),  # a call that hangs would take its time
    ):
        asked = make(product, changes, per_second=per_second)
        wait_for(lambda: have_all(heard, changes), seconds=STUCK_SECONDS, what="all deliveries")
        absent_fails = administrator.webhook(away)["failing_since"] is not None
        seen = told(heard, asked)
    hanging.close()
    return Beside(**vars(seen), hanging_calls=hanging.connections, absent_fails=absent_fails)


@dataclass(frozen=True, kw_only=True)
class Replayed(Result):
    """The deliveries of a replay. One that came twice counts as doubled, a missing one as lost."""

    events: int
    made_due_by_the_killed: int
    """The number of events made due before the last kill of a replaying process."""

    @property
    def is_good(self) -> bool:
        return self.numbers.is_good and 0 < self.made_due_by_the_killed < self.events


def replay_under_kills(product: Product, *, changes: int, rounds: int, scope: str) -> Replayed:
    """Let a receiver miss half of the changes, then replay the missed ones, or all.

    The replaying process is killed at each of its points, in so many rounds; then the same replay is requested again.
    """
    began, since = time.monotonic(), datetime.now(UTC).isoformat()
    administrator = Administrator(product)
    with listening(product, MADE, CHANGED) as [receiver]:
        path = f"/admin/webhooks/{administrator.webhook(receiver.url)['id']}"
        asked = _miss_half(product, receiver, administrator, changes=changes)
        wanted = asked[1:] if scope == "failed" else asked
        events = sum(len(each) for each in wanted)
        administrator.call("PATCH", path, json={"is_active": True})
        before, body = len(receiver.calls), {"since": since, "scope": scope, "replay_id": "the same"}
        begun = administrator.call("POST", f"{path}/replay", json=body)["replay"]
        kills = _kill_replayers(product, rounds=rounds, messages=max(1, events // (2 * rounds)))
        again = administrator.call("POST", f"{path}/replay", json=body)["replay"]
        assert (again["id"], again["total"]) == (begun["id"], events), again
        with worker(product):
            _wait_for_the_end(administrator, path)
            administrator.call("POST", f"{path}/replay", json=body)
            later = make(product, 2)  # earlier events are in flight before these
            wait_for(lambda: later.keys() <= by_change(receiver.calls).keys(), seconds=STUCK_SECONDS, what="the last")
    resent = by_change(receiver.calls[before:])
    expected = {change for each in wanted for change in each}
    more = sum(len(calls) > 1 or change not in expected for change, calls in resent.items() if change not in later)
    numbers = Numbers(
        posts=changes // 2,
        kills=kills,
        requests=len(receiver.calls),
        doubled=more + sum(differs(calls) for calls in by_change(receiver.calls).values()),
        lost=len(expected - resent.keys()),
        seconds=time.monotonic() - began,
    )
    return Replayed(numbers=numbers, events=events, made_due_by_the_killed=again["done"])


def _miss_half(
    product: Product, receiver: Receiver, administrator: Administrator, *, changes: int
) -> list[dict[Change, float]]:
    """Accept half of the changes, and disable the webhook by the answers to the others; returns both halves."""
    with worker(product):
        arrived = make(product, changes // 2)
        wait_for(lambda: have_all([receiver], len(arrived)), seconds=STUCK_SECONDS, what="the first half")
        receiver.will_answer(*[410] * FEW)
        missed = make(product, changes - len(arrived))
        wait_for(
            lambda: not administrator.webhook(receiver.url)["is_active"],
            seconds=STUCK_SECONDS,
            what="it to be disabled",
        )
    receiver.answers.clear()
    return [arrived, missed]


def _kill_replayers(product: Product, *, rounds: int, messages: int) -> int:
    """Kill the replaying process at each of its points by turns; returns the number of kills."""
    hasty = replace(product, speed=REPLAY_SPEED)

    def is_killed(point: str) -> bool:
        process = hasty.start("-m", "tests.crash.replayer", point, str(messages))
        return process.wait(timeout=START_SECONDS) == -signal.SIGKILL

    for point in REPLAY_POINTS * rounds:
        wait_for(partial(is_killed, point), what=f"a death when {point}")
    return rounds * len(REPLAY_POINTS)


def _wait_for_the_end(administrator: Administrator, path: str) -> None:
    def has_ended() -> bool:
        return administrator.call("GET", f"{path}/replays")["replays"][0]["finished_at"] is not None

    wait_for(has_ended, seconds=STUCK_SECONDS, what="the end of the replay")
