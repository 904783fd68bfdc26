"""Many posts, and workers that are killed at random or asked to stop meanwhile."""

import os
import random
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.crash.campaign import Campaign, Result
from tests.crash.matrix import Stage
from tests.product import NETWORKS, wait_for

LATENCY_SECONDS = 0.2
WRITTEN_A_SECOND = 12
READY = "ready."
STOP_SECONDS = 60
STUCK_SECONDS = 300
VISIBLE = ("/feed", "/2/tweets", "putRecord")
"""The endings of the paths of the visible calls, for posts without pictures."""
LOST_ANSWERS: dict[str, dict[str, Any]] = {
    "502": {"effect": "status", "status": 502, "after_accept": True},
    "500": {"effect": "status", "status": 500, "after_accept": True},
    "empty": {"effect": "status", "status": 200, "body": "", "after_accept": True},
    "cut": {"effect": "cut_json"},
    "reset": {"effect": "reset", "after_accept": True},
    "nothing": {"effect": "timeout_after_accept"},
}
VISIBLE_SECONDS = 30
RESEND_SECONDS = 5


@contextmanager
def workers(
    stage: Stage, *options: str, herd: int = 3, threads: int = 4, latency: float = LATENCY_SECONDS
) -> Iterator["subprocess.Popen[bytes]"]:
    """Give a process whose children publish and are replaced when they die; it is asked to stop after the block.

    A Celery node is given when it is ready: one whose first process dies before does not start.
    """
    begun = len(stage.product.log())
    size = ("--herd" if stage.runner == "work" else "--celery", str(herd))
    started = stage.product.start(
        *("-m", "tests.crash.worker", *size, "--threads", str(threads)),
        *("--latency", str(latency), *options),
        own_group=True,
    )
    try:
        if stage.runner == "celery":
            wait_for(lambda: READY in stage.product.log()[begun:], what="the node to be ready")
        yield started
        started.send_signal(signal.SIGTERM)
        try:
            status = started.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for pid in [started.pid, *children(started)]:
                os.kill(pid, signal.SIGUSR1)  # dumps the stacks of its threads
            time.sleep(1)
            raise AssertionError(f"The workers did not stop:\n{stage.product.log()[-20_000:]}") from None
        assert status == 0, f"The workers ended with {status}:\n{stage.product.log()[-4000:]}"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)


def children(process: "subprocess.Popen[bytes]") -> list[int]:
    """Return the ids of the processes that this one has forked."""
    lists = Path(f"/proc/{process.pid}/task").glob("*/children")
    return [int(pid) for each in lists for pid in each.read_text().split()]


def kill_at_random(*processes: "subprocess.Popen[bytes]", every: float, times: int = 1) -> int:
    """Kill a random child of these `times` times, `every` seconds apart; returns how many did not end before.

    The number is fixed, not the time: a slow machine takes longer for as many.
    """

    def grown() -> list[int]:
        return [child for process in processes for child in children(process)]

    kills = 0
    for _ in range(times):
        time.sleep(every)
        with suppress(ProcessLookupError):
            os.kill(random.choice(wait_for(grown, what="a worker to kill")), signal.SIGKILL)
            kills += 1
    return kills


def connect(campaign: Campaign, count: int, *networks: str) -> list[dict[str, Any]]:
    """Connect so many new accounts, of a new person each, by turns at these networks."""
    names = (name for _, name in zip(range(count), cycle(networks), strict=False))
    return [campaign.product.client.connect(name, f"P{uuid4().hex}") for name in names]


def schedule(campaign: Campaign, accounts: list[dict[str, Any]], *, seconds: float, per_second: float) -> None:
    """Schedule posts to fall due one after the other over so many seconds, and wait until the first is due."""
    count = int(seconds * per_second)
    first = datetime.now(UTC) + timedelta(seconds=1 + count / WRITTEN_A_SECOND)
    for number, account in zip(range(count), cycle(accounts), strict=False):
        campaign.write([account], scheduled_at=(first + timedelta(seconds=number / per_second)).isoformat())
    time.sleep(max(0.0, (first - datetime.now(UTC)).total_seconds()))


def random_kills(
    stage: Stage,
    *networks: str,
    publications: int,
    seconds: float,
    every: float = 1,
    latency: float = LATENCY_SECONDS,
    opaque: bool = False,
    beside: Stage | None = None,
) -> Result:
    """Kill a random worker again and again while posts fall due, and count once all are settled.

    With `beside`, as many workers of another release of the product run, too.

    The workers of `opaque` networks know no way to find out about a lost answer. The further away the networks are, the
    more calls are out when a worker dies; over many leases some post would then lose its worker five times, and be
    parked as one that kills them.
    """
    campaign = Campaign(stage.product)
    accounts = connect(campaign, publications // 10, *networks)
    with ExitStack() as stack:
        herds = [stack.enter_context(workers(stage, *(["--opaque", *networks] if opaque else []), latency=latency))]
        if beside:
            herds.append(stack.enter_context(workers(beside, latency=latency)))
        first = datetime.now(UTC) + timedelta(seconds=1 + publications / 20)
        for number, account in zip(range(publications), cycle(accounts), strict=False):
            at = first + timedelta(seconds=seconds * number / publications)
            campaign.write([account], scheduled_at=at.isoformat())
        time.sleep(max(0.0, (first - datetime.now(UTC)).total_seconds()))
        kills = kill_at_random(*herds, every=every, times=round(seconds / every))
        campaign.wait(seconds=STUCK_SECONDS / stage.product.speed + 30)
    return Result(numbers=campaign.numbers(kills=kills, may_park=opaque))


@dataclass(frozen=True, kw_only=True)
class Due(Result):
    """The results of posts that were due at the same moment."""

    last_seconds: float
    """Seconds from their due moment to the last copy, by the networks' clock."""
    p95_seconds: float

    @property
    def is_good(self) -> bool:
        return self.numbers.is_good and self.last_seconds <= 120 and self.p95_seconds <= 60


def all_due_at_once(stage: Stage, *, publications: int, accounts: int, seconds: float = 240) -> Due:
    """Have posts fall due in one moment, on networks 200 ms away, with two workers of eight threads."""
    campaign = Campaign(stage.product)
    connected = connect(campaign, accounts, *NETWORKS)
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=5 + publications / 12)
    for _, account in zip(range(publications), cycle(connected), strict=False):
        campaign.write([account], scheduled_at=due.isoformat())
    assert datetime.now(UTC) < due, "Writing the posts took longer than planned."
    with workers(stage, herd=2, threads=8):
        time.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
        campaign.wait(seconds=seconds)
    late = [(datetime.fromisoformat(copy["created_at"]) - due).total_seconds() for copy in campaign.copies()]
    return Due(
        numbers=campaign.numbers(),
        last_seconds=max(late),
        p95_seconds=statistics.quantiles(late, n=20, method="inclusive")[-1],
    )


@dataclass(frozen=True, kw_only=True)
class LostAnswers(Result):
    """The results of posts that networks accepted without an answer."""

    sent_again_blindly: int
    """The number of visible calls repeated before the first one could be over and looked for."""

    @property
    def is_good(self) -> bool:
        return self.numbers.is_good and not self.sent_again_blindly


def lost_answers(stage: Stage, *, accounts: int, rounds: int) -> LostAnswers:
    """Lose answers in six ways, in each for so many accounts of each network and so many posts of each account.

    As many others meet no trouble, or the networks would be taken to be down.
    """
    campaign = Campaign(stage.product)
    connected = [
        (network, account, fault)
        for network in NETWORKS
        for trouble in LOST_ANSWERS.values()
        for fault in (trouble | _hold(trouble, stage.product.speed), {})
        for account in connect(campaign, accounts, network)
    ]
    random.shuffle(connected)
    blind = 0
    with workers(stage, herd=2, threads=8):
        for _ in range(rounds):
            since, first = len(campaign.requests()), len(campaign.posts)
            for network, account, fault in connected:
                if fault:
                    stage.product.order(network=network, account=account["remote_id"], **fault)
                campaign.write([account])
            campaign.publish(campaign.posts[first:])
            assert campaign.wait(seconds=STUCK_SECONDS), "A post is stuck."
            blind += _blind(campaign.requests()[since:], speed=stage.product.speed)
    return LostAnswers(numbers=campaign.numbers(), sent_again_blindly=blind)


def _hold(fault: dict[str, Any], speed: int) -> dict[str, Any]:
    """Hold the answer for longer than the caller waits, if the fault is a timeout."""
    return {"hold": VISIBLE_SECONDS / speed + 1} if fault["effect"] == "timeout_after_accept" else {}


def _blind(requests: list[dict[str, Any]], *, speed: int) -> int:
    """Count posts whose visible call was repeated; at networks with our key, only if it was repeated at once."""
    sent: dict[tuple[str, str], list[datetime]] = {}
    for each in requests:
        if each["method"] == "POST" and each["path"].endswith(VISIBLE):
            sent.setdefault((each["network"], each["account"]), []).append(datetime.fromisoformat(each["at"]))
    pause = timedelta(seconds=RESEND_SECONDS / speed)
    keyed = sum(
        after - before < pause
        for (network, _), at in sent.items()
        if network == "bluesky"
        for before, after in pairwise(at)
    )
    return keyed + sum(len(at) - 1 for (network, _), at in sent.items() if network != "bluesky")


@dataclass(frozen=True, kw_only=True)
class Stopped(Result):
    """The results of stopping workers with work left, which others then did."""

    stopped_in_seconds: float
    left: int

    @property
    def is_good(self) -> bool:
        return self.numbers.is_good and self.stopped_in_seconds <= STOP_SECONDS


def stop_all(stage: Stage, *, publications: int, accounts: int) -> Stopped:
    """Ask all workers to stop in the middle of posts that are published now, then start others."""
    campaign = Campaign(stage.product)
    for _, account in zip(range(publications), cycle(connect(campaign, accounts, *NETWORKS)), strict=False):
        campaign.write([account])
    campaign.publish()
    with workers(stage, herd=2):
        wait_for(campaign.copies, seconds=STOP_SECONDS, what="the first copy")
        began = time.monotonic()
    seconds, left = time.monotonic() - began, publications - len(campaign.copies())
    with workers(stage, herd=2):
        campaign.wait(seconds=STUCK_SECONDS)
    return Stopped(stopped_in_seconds=seconds, left=left, numbers=campaign.numbers())
