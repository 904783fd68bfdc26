"""Troubles with networks, accounts and workers, run with real processes and counted at the networks.

Each scenario works on a product of its own that runs without a worker, and returns its observations; the sizes are its
parameters.
"""

import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import requests

from tests.crash.campaign import Campaign, Result
from tests.crash.steps import POISON
from tests.product import Product, wait_for

EVERY_CALL = {"facebook": "graph.facebook.com", "twitter": "api.x.com", "bluesky": "/xrpc/"}
"""A part of all addresses of a network."""
TAKES_TWINS = ("bluesky",)
SETTLED_WITHIN_SECONDS = 120
OPEN_SECONDS = 30
"""A breaker's pause, by the engine's clock."""
TRIED_TWICE_SECONDS = 1200
SLACK_SECONDS = 10
LOOK_SECONDS = 0.1


@contextmanager
def working(product: Product, *workers: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Run workers during the block, by default a plain one, and end them after it."""
    started = workers or (product.worker(),)
    try:
        yield
    finally:
        for worker in started:
            worker.send_signal(signal.SIGTERM)
        for worker in started:
            worker.wait(timeout=60)


def control(product: Product, method: str, address: str, **body: Any) -> None:
    """Call the simulator's control API."""
    url = f"{product.base}/sandbox/_control/{address}"
    answer = requests.request(method, url, json=body, headers=product.control, timeout=10)
    assert answer.ok, answer.text


def settled(campaign: Campaign, *, seconds: float = SETTLED_WITHIN_SECONDS) -> None:
    """Wait until all posts of a run are settled; fails if some are not in time."""
    assert campaign.wait(seconds=seconds), campaign.product.log()[-4000:]


def publish(product: Product, post: str) -> None:
    product.client.call("POST", f"/api/posts/{post}/publish", headers={"Prefer": "wait=0"})


def target_of(product: Product, post: str) -> dict[str, Any]:
    """Return the one target of a post."""
    [target] = product.post(post)["targets"]
    found: dict[str, Any] = target
    return found


def ending_of(target: dict[str, Any]) -> str:
    """Return a target's status, and the code of its error."""
    return " ".join([target["status"], *([target["error"]["code"]] if target["error"] else [])])


@dataclass(frozen=True, kw_only=True)
class Twins(Result):
    """Two posts with one text, of which the first one's answer was lost."""

    first: str
    second: str
    ids: int
    """The number of their different ids at the network."""

    @property
    def is_good(self) -> bool:
        both = ("published", "published", 2)
        one = ("published", "failed CONTENT_REJECTED", 1)
        return self.numbers.is_good and (self.first, self.second, self.ids) in (both, one)


def identical_texts(product: Product, network: str, *, minutes: float) -> Twins:
    """Publish the same text twice on one account; with `minutes` the second follows once the first is settled."""
    campaign = Campaign(product)
    account = product.client.connect(network, f"Twin{campaign.word}")
    text = f"Twice the same of {campaign.word}"
    first, second = (campaign.write([account], content=text) for _ in range(2))
    product.order(network=network, account=account["remote_id"], effect="reset", after_accept=True)
    with working(product):
        publish(product, first)
        wait_for(lambda: target_of(product, first)["error"], what="the lost answer")
        if minutes:
            wait_for(lambda: target_of(product, first)["url"], what="the first to be found")
        control(product, "POST", "clock", advance=minutes * 60)
        publish(product, second)
        settled(campaign)
        control(product, "POST", "clock", advance=-minutes * 60)
    ended = target_of(product, first), target_of(product, second)
    return Twins(
        numbers=campaign.numbers(ends={} if network in TAKES_TWINS else {second: "failed"}),
        first=ending_of(ended[0]),
        second=ending_of(ended[1]),
        ids=len({target["post_id"] for target in ended} - {None}),
    )


@dataclass(frozen=True, kw_only=True)
class Quota(Result):
    """The results of a 429."""

    pause: float
    """Seconds until the next request for the account; 0 if there was none."""
    at_least: float
    other_took: float
    """Seconds from the 429 until another account's post was out."""
    attempts: list[int]
    """The attempts of the two posts of the account."""

    @property
    def is_good(self) -> bool:
        in_time = self.at_least <= self.pause <= 2 * self.at_least + SLACK_SECONDS
        return self.numbers.is_good and in_time and self.other_took < 3 and self.attempts == [1, 1]


def quota(
    product: Product, network: str, *, retry_after: str | timedelta, at_least: float, end: str = "published"
) -> Quota:
    """Answer an account's first send with 429, followed by a second post of it and one of another account.

    `retry_after` is sent as it is, or as the date after that time. The account must be left alone for `at_least`
    seconds, and its first post must end in this status.
    """
    campaign = Campaign(product)
    account, other = (product.client.connect(network, f"{name}{campaign.word}") for name in ("Quick", "Calm"))
    limited, waiting, free = (campaign.write([each]) for each in (account, account, other))
    if isinstance(retry_after, timedelta):
        retry_after = format_datetime(datetime.now(UTC) + retry_after, usegmt=True)
    headers = {"Retry-After": retry_after}
    product.order(network=network, account=account["remote_id"], effect="status", status=429, headers=headers)
    with working(product):
        for post in (limited, free):
            publish(product, post)
        wait_for(campaign.fired, what="the 429")
        publish(product, waiting)  # a later post waits as well
        settled(campaign)
    asked = [each for each in campaign.requests(network) if each["account"] == account["remote_id"]]
    [refused] = [datetime.fromisoformat(each["at"]) for each in asked if each["status"] == 429]
    later = [datetime.fromisoformat(each["at"]) for each in asked if datetime.fromisoformat(each["at"]) > refused]
    [out] = [each for each in campaign.copies() if each["account"] == other["remote_id"]]
    return Quota(
        numbers=campaign.numbers(ends={limited: end}),
        pause=(min(later) - refused).total_seconds() if later else 0,
        at_least=at_least,
        other_took=(datetime.fromisoformat(out["created_at"]) - refused).total_seconds(),
        attempts=[target_of(product, post)["attempts"] for post in (limited, waiting)],
    )


@dataclass(frozen=True, kw_only=True)
class Outage(Result):
    """Calls a second at a network before it failed, while it did, and once it was mended."""

    normal: float
    failing: float
    mended: float
    probes: float
    """The rate at which the engine probes a failing network, by its own faster clock."""

    @property
    def is_good(self) -> bool:
        few = max(0.05 * self.normal, 1.5 * self.probes)
        return self.numbers.is_good and self.failing < few and self.mended > 0.5 * self.normal


def outage(
    product: Product, network: str, *, accounts: int, per_second: int, normal: float, patience: float, failing: float
) -> Outage:
    """Make a network fail every call while posts keep coming, then repair it.

    In seconds: `normal` before the failure, and at the end; `patience` in which the calls must drop, and later come
    back; `failing` in which they are counted. Posts that were tried twice during the failure wait for ten minutes.
    """
    campaign = Campaign(product)
    people = [product.client.connect(network, f"P{number}{campaign.word}") for number in range(accounts)]
    phases = (normal, patience, failing, patience, normal)
    for number in range(int(sum(phases) * per_second)):
        campaign.write([people[number % accounts]])
    first, *others = campaign.posts
    with working(product), ThreadPoolExecutor(1) as feeder:
        publish(product, first)
        wait_for(campaign.copies, what="the worker to begin")
        fed = feeder.submit(_feed, product, others, per_second)
        began = _wait_and_tell(0)
        fails = _wait_and_tell(normal)
        trouble = {"effect": "status", "status": 503, "match": EVERY_CALL[network], "times": 10**6}
        product.order(network=network, **trouble)
        dropped, mended = _wait_and_tell(patience), _wait_and_tell(failing)
        control(product, "DELETE", "faults")
        back, ended = _wait_and_tell(patience), _wait_and_tell(normal)
        fed.result(timeout=SETTLED_WITHIN_SECONDS)
        settled(campaign, seconds=SETTLED_WITHIN_SECONDS + TRIED_TWICE_SECONDS / product.speed)
    calls = [datetime.fromisoformat(each["at"]) for each in campaign.requests(network)]

    def rate(start: datetime, end: datetime) -> float:
        return sum(start <= at < end for at in calls) / (end - start).total_seconds()

    return Outage(
        numbers=campaign.numbers(),
        normal=rate(began, fails),
        failing=rate(dropped, mended),
        mended=rate(back, ended),
        probes=product.speed / OPEN_SECONDS,
    )


def _feed(product: Product, posts: list[str], per_second: float) -> None:
    began = time.monotonic()
    for number, post in enumerate(posts):
        time.sleep(max(0, began + number / per_second - time.monotonic()))
        publish(product, post)


def _wait_and_tell(seconds: float) -> datetime:
    time.sleep(seconds)
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Renewal(Result):
    """The results of a token that expired while many posts needed it."""

    refreshes: int

    @property
    def is_good(self) -> bool:
        return self.numbers.is_good and self.refreshes == 1


def one_expired_token(product: Product, *, workers: int, posts: int) -> Renewal:
    """Publish with several workers on an account whose token has expired, and whose refresh token works once."""
    campaign = Campaign(product)
    account = product.client.connect("twitter", f"Once{campaign.word}")
    for _ in range(posts):
        campaign.write([account])
    product.order(network="twitter", account=account["remote_id"], effect="expire_token", match="POST /2/tweets")
    before = len(_token_calls(product))
    campaign.publish()
    with working(product, *(product.worker() for _ in range(workers))):
        settled(campaign)
    refreshes = len(_token_calls(product)) - before
    return Renewal(numbers=campaign.numbers(), refreshes=refreshes)


def _token_calls(product: Product) -> list[dict[str, Any]]:
    return product.requests(network="twitter", match="POST /2/oauth2/token")


@dataclass(frozen=True, kw_only=True)
class Revocation(Result):
    """The results of an account whose owner revoked the permission."""

    endings: set[str]
    attempts: set[int]
    account: str
    told: int
    """The most lines about the expired account in a post's timeline."""

    @property
    def is_good(self) -> bool:
        seen = (self.endings, self.attempts, self.account, self.told)
        return self.numbers.is_good and seen == ({"failed TOKEN_REVOKED"}, {1}, "expired", 1)


def revoked_token(product: Product, network: str, *, posts: int) -> Revocation:
    """Revoke an account's permission while posts are due."""
    campaign = Campaign(product)
    account = product.client.connect(network, f"Gone{campaign.word}")
    for _ in range(posts):
        campaign.write([account])
    product.order(network=network, account=account["remote_id"], effect="revoke", times=1)
    campaign.publish()
    with working(product):
        settled(campaign)
    targets = [target_of(product, post) for post in campaign.posts]
    lines = [product.client.call("GET", f"/api/posts/{post}/timeline")["timeline"] for post in campaign.posts]
    told = [sum(line["kind"] == "account_expired" for line in timeline) for timeline in lines]
    accounts = product.client.call("GET", "/api/accounts?limit=100")["accounts"]
    return Revocation(
        numbers=campaign.numbers(ends=dict.fromkeys(campaign.posts, "failed")),
        endings={ending_of(target) for target in targets},
        attempts={target["attempts"] for target in targets},
        account=next(each["status"] for each in accounts if each["id"] == account["id"]),
        told=max(told),
    )


@dataclass(frozen=True, kw_only=True)
class Poisoned(Result):
    """The results of a post that crashes its workers, and of the others."""

    poisoned: str
    late: int
    """The number of others that were not out when the poisoned one was set aside."""

    @property
    def is_good(self) -> bool:
        seen = (self.numbers.kills, self.poisoned, self.late)
        return self.numbers.is_good and seen == (5, "needs_review WORKER_CRASH_LOOP", 0)


def poison(product: Product, *, posts: int, accounts: int, workers: int) -> Poisoned:
    """Have one post abort every worker that takes it, restart the dead workers, and publish others meanwhile."""
    campaign = Campaign(product)
    people = [product.client.connect("bluesky", f"P{number}{campaign.word}") for number in range(accounts + 1)]
    poisoned = campaign.write([people[0]], content=f"{POISON} of {campaign.word}")
    for number in range(posts):
        campaign.write([people[1 + number % accounts]])
    campaign.publish()
    deaths, running = 0, [_aborting(product) for _ in range(workers)]
    deadline = time.monotonic() + SETTLED_WITHIN_SECONDS
    while product.post(poisoned)["status"] == "publishing" and time.monotonic() < deadline:
        died = [worker for worker in running if worker.poll() is not None]
        assert all(worker.returncode == -signal.SIGABRT for worker in died), product.log()[-4000:]
        deaths += len(died)
        running = [worker for worker in running if worker not in died] + [_aborting(product) for _ in died]
        time.sleep(LOOK_SECONDS)
    out = len([copy for copy in campaign.copies() if POISON not in copy["text"]])
    with working(product, *running):
        settled(campaign)
    return Poisoned(
        numbers=campaign.numbers(kills=deaths, ends={poisoned: "needs_review"}),
        poisoned=ending_of(target_of(product, poisoned)),
        late=posts - out,
    )


def _aborting(product: Product) -> "subprocess.Popen[bytes]":
    return product.start("-m", "tests.crash.odd_worker", "aborts")


@dataclass(frozen=True, kw_only=True)
class Ahead(Result):
    """The results of a worker whose clock is six hours ahead, and of a post that another worker held."""

    early: int
    """Copies that were out before their time."""
    stolen: int
    """Copies of the held post that its holder did not send."""

    @property
    def is_good(self) -> bool:
        return self.numbers.is_good and not self.early and not self.stolen


def clock_ahead(product: Product, *, posts: int, seconds: int) -> Ahead:
    """Run a worker whose clock is ahead beside posts that are due in `seconds`, and a post that another worker holds.

    The holder waits before it arms, with a lease of true length: by a clock that is ahead, the post is due and free.
    """
    campaign = Campaign(product)
    account = product.client.connect("twitter", f"Slow{campaign.word}")
    held, file = campaign.write([account]), product.home / f"hits-{campaign.word}"
    people = [product.client.connect("bluesky", f"P{number}{campaign.word}") for number in range(3)]
    step = ("-m", "tests.crash.worker", "prepared", "1", str(file), "--blow", "hold", "--threads", "1")
    with working(product, replace(product, speed=1).start(*step)):
        publish(product, held)
        wait_for(file.exists, what="a worker that has the post")
        due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
        for number in range(posts):
            at = due + timedelta(seconds=number % 2)
            campaign.write([people[number % 3]], scheduled_at=at.isoformat())
        with working(product, product.start("-m", "tests.crash.odd_worker", "ahead")):
            wait_for(lambda: len(campaign.copies()) >= posts, what="the other posts")
            stolen = sum(copy["account"] == account["remote_id"] for copy in campaign.copies())
        file.unlink()
        settled(campaign)
    timed = [copy for copy in campaign.copies() if copy["account"] != account["remote_id"]]
    early = sum(datetime.fromisoformat(copy["created_at"]) < due for copy in timed)
    return Ahead(numbers=campaign.numbers(), early=early, stolen=stolen)
