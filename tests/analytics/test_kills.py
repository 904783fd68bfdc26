"""Real processes that read and prune are killed again and again: each number is counted once in every sum."""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice, repeat
from typing import Any

import pytest
import requests

from tests.crash.campaign import Campaign
from tests.crash.matrix import Stage
from tests.crash.storms import kill_at_random, workers
from tests.databases import fresh_database
from tests.product import NETWORKS, Product, running

pytestmark = [pytest.mark.crash, pytest.mark.on_servers]

Record = Callable[[str, object], None]
SPEED = 60
"""A lease lasts two seconds."""
LEASE_SECONDS = 2
PEOPLE, POSTS = 3, 2
PUBLISHED_WITHIN_SECONDS = 60
STORM_SECONDS, KILLS, KILL_EVERY, ODDS = 10, 25, 0.4, 0.04
AGE_SECONDS, MOST_GROWTHS = 100, 50
"""By so much posts grow older after a kill; all together less than the two hours of X's tokens."""
PRUNE_ODDS, PRUNE_EVERY = 0.4, 0.7
PRUNED_WITHIN_SECONDS = 40
STOP_SECONDS = 60
OLD_ROWS = 16_000
STEPS = {"claimed", "answered", "counting", "settling", "settled"}

AGE = f"""
from datetime import timedelta
from django.utils import timezone
from analytics.models import HourTotal, Snapshot, TargetNumbers
long_ago = timezone.now() - timedelta(days=40)
numbers = list(TargetNumbers.objects.all())
for number in range({OLD_ROWS} // 2000):
    Snapshot.objects.bulk_create(
        Snapshot(numbers=numbers[each % len(numbers)], read_at=long_ago - timedelta(minutes=2000 * number + each),
                 hour=long_ago, read={{}}, impressions=each) for each in range(2000))
    HourTotal.objects.bulk_create(
        HourTotal(workspace_id=numbers[0].workspace_id, hour=long_ago - timedelta(hours=2000 * number + each),
                  platform="facebook", impressions=each) for each in range(2000))
"""
LOOK = """
import json
from datetime import timedelta
from django.utils import timezone
from analytics.models import DayTotal, HourTotal, Snapshot, TargetNumbers
from posts.models import Target
from tests.analytics.sums import what_is_wrong
before = timezone.now() - timedelta(days=36)
print(json.dumps({
    "wrong": what_is_wrong(),
    "read": TargetNumbers.objects.exclude(read_at=None).count(),
    "published": Target.objects.filter(status="published").count(),
    "posts": sum(DayTotal.objects.values_list("posts", flat=True)),
    "snapshots": Snapshot.objects.filter(read_at__gte=before).count(),
    "hours": HourTotal.objects.filter(hour__gte=before).count(),
    "old": Snapshot.objects.filter(read_at__lt=before).count() + HourTotal.objects.filter(hour__lt=before).count(),
    "impressions": sum(TargetNumbers.objects.exclude(impressions=None).values_list("impressions", flat=True)),
}))
"""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A product with posts on three networks, and nobody who reads them."""

    product: Product
    campaign: Campaign
    people: list[dict[str, dict[str, Any]]]

    def publish(self, rounds: int) -> None:
        """Publish more posts to everybody's accounts, with a worker that reads, too."""
        posts = [self.campaign.write(accounts.values()) for accounts in self.people * rounds]
        with workers(Stage(product=self.product, runner="work"), herd=1, threads=8, latency=0):
            self.campaign.publish(posts)
            assert self.campaign.wait(seconds=PUBLISHED_WITHIN_SECONDS)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    home = tmp_path_factory.mktemp("numbers")
    with fresh_database(home) as url, running(home, url, speed=SPEED) as product:
        campaign = Campaign(product)
        people = [campaign.connect(f"P{number}") for number in range(PEOPLE)]
        scene = Scene(product=product, campaign=campaign, people=people)
        scene.publish(POSTS)
        yield scene


@contextmanager
def strikers(product: Product, what: str, *, odds: float) -> Iterator["subprocess.Popen[bytes]"]:
    """Give a process whose children read or prune, and are replaced when they die."""
    file = str(product.home / "struck")
    started = product.start("-m", "tests.analytics.strikers", what, file, str(odds), own_group=True)
    try:
        yield started
        started.send_signal(signal.SIGTERM)
        status = started.wait(timeout=STOP_SECONDS)
        assert status == 0, f"They ended with {status}:\n{product.log()[-4000:]}"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)


def struck(product: Product) -> Counter[str]:
    """Return how often a process killed itself, by step."""
    file = product.home / "struck"
    return Counter(file.read_text().split()) if file.exists() else Counter()


def grow_older(product: Product) -> None:
    address = f"{product.base}/sandbox/_control/clock"
    answer = requests.post(address, json={"advance": AGE_SECONDS}, headers=product.control, timeout=10)
    assert answer.ok, answer.text


def look(product: Product) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(product.manage("shell", "-v", "0", "-c", LOOK))
    return found


def storm(scene: Scene) -> int:
    """Kill readers while posts grow, appear and are deleted; returns how many were killed from outside."""
    kills, growths, product = 0, repeat(grow_older, MOST_GROWTHS), scene.product
    with strikers(product, "read", odds=ODDS) as started, ThreadPoolExecutor(1) as pool:
        others = pool.submit(scene.publish, 1)
        until = time.monotonic() + STORM_SECONDS
        while time.monotonic() < until or not others.done() or kills + struck(product).total() < KILLS:
            kills += kill_at_random(started, every=KILL_EVERY)
            for grow in islice(growths, 1):
                grow(product)
        others.result()
        for post in scene.campaign.posts[:PEOPLE]:
            product.client.call("DELETE", f"/api/posts/{post}")
            kills += kill_at_random(started, every=KILL_EVERY)
    time.sleep(LEASE_SECONDS)  # whoever died last holds what it claimed for so long
    return kills


def test_readers_that_are_killed_count_nothing_twice_and_nothing_less(scene: Scene, record_property: Record) -> None:
    kills = storm(scene)
    said = scene.product.manage("sync_analytics", "--all").splitlines()[-1]

    seen, steps = look(scene.product), struck(scene.product)
    targets = PEOPLE * POSTS * len(NETWORKS)  # one round came during the storm, and as many posts were deleted
    record_property("numbers", f"readers killed: {kills} from outside, {dict(steps)}; {seen}")
    assert seen["wrong"] == []
    assert (seen["published"], seen["read"], seen["posts"]) == (targets, targets, targets)
    assert said == f"Read {targets} posts of {PEOPLE * len(NETWORKS)} accounts."
    assert seen["snapshots"] > targets  # the last reading made as many: others were made in the storm
    assert seen["impressions"] > targets
    assert kills + steps.total() >= KILLS
    assert set(steps) & STEPS


def test_a_prune_that_is_killed_leaves_whole_steps_and_every_sum_by_the_day(
    scene: Scene, record_property: Record
) -> None:
    product = scene.product
    product.manage("shell", "-v", "0", "-c", AGE)
    before = look(product)
    assert before["old"] >= 2 * OLD_ROWS
    killed_before = struck(product)
    kills = 0

    with strikers(product, "prune", odds=PRUNE_ODDS) as started:
        until = time.monotonic() + PRUNED_WITHIN_SECONDS
        while look(product)["old"] and time.monotonic() < until:
            kills += kill_at_random(started, every=PRUNE_EVERY / 4, times=4)

    seen = look(product)
    steps = struck(product) - killed_before
    record_property("numbers", f"prunes killed: {kills} from outside, {dict(steps)}; {seen}")
    assert seen == before | {"old": 0, "wrong": []}
    assert kills + steps.total() >= 3
