"""Kills the worker at a step of the engine while the networks misbehave, and counts copies at the networks.

`python -m tests.crash.matrix` runs every step on SQLite and on MariaDB and prints the numbers.
"""

import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.steps import STEPS
from tests.databases import fresh_database
from tests.product import NETWORKS, Product, running, wait_for
from tests.services import database

KILLS = 5
SETTLED_WITHIN_SECONDS = 120
FAULTS: tuple[dict[str, Any], ...] = (
    {},
    {"effect": "timeout_after_accept", "hold": 6},
    {"effect": "status", "status": 502, "after_accept": True},
    {"effect": "reset", "after_accept": True},
    {"effect": "cut_json"},
)
OPEN = ("scheduled", "publishing")


@dataclass(kw_only=True)
class Numbers:
    """What one run showed."""

    posts: int
    kills: int
    faults: int
    requests: int
    doubled: int
    lost: int
    needs_review: int
    settled_after: float

    def __str__(self) -> str:
        return (
            f"posts {self.posts}  kills {self.kills}  faults {self.faults}  requests {self.requests}  "
            f"copies above 1: {self.doubled}  lost {self.lost}  needs_review {self.needs_review}  "
            f"settled {self.settled_after:.0f} s after the last kill"
        )


def run_step(product: Product, step: str, *, kills: int = KILLS) -> Numbers:
    """Publish one post per fault to three networks while workers die at this step, and count what is there."""
    posts = [_write(product, number, fault) for number, fault in enumerate(FAULTS)]
    for post in posts:
        product.client.call("POST", f"/api/posts/{post}/publish", headers={"Prefer": "wait=0"})
    killed = _kill(product, step, kills)
    clean, last_kill = product.worker(), time.monotonic()
    settled = wait_for(
        lambda: _settled(product, posts),
        seconds=SETTLED_WITHIN_SECONDS,
        what=f"all posts to be settled after {killed} kills at {step}",
    )
    after = time.monotonic() - last_kill
    clean.send_signal(signal.SIGTERM)
    clean.wait(timeout=60)
    return _count(product, settled, killed=killed, settled_after=after)


def _write(product: Product, number: int, fault: dict[str, Any]) -> str:
    """Write a post to a person's three accounts, whose networks misbehave once."""
    accounts = product.connect(f"Person{number}")
    if fault:
        for network in NETWORKS:
            product.order(network=network, account=accounts[network]["remote_id"], **fault)
    body = {"content": f"Post number {number}", "platforms": [account["id"] for account in accounts.values()]}
    written: str = product.client.call("POST", "/api/posts", json=body)["post"]["id"]
    return written


def _kill(product: Product, step: str, kills: int) -> int:
    """Start one worker after the other until they have died so often, or nothing comes by that step any more."""
    died = 0
    idle_until = time.monotonic() + SETTLED_WITHIN_SECONDS
    worker = product.worker(step, kills)
    while died < kills and time.monotonic() < idle_until:
        if worker.poll() is None:
            time.sleep(0.05)
            continue
        assert worker.returncode == -signal.SIGKILL, (product.home / "log").read_text()[-4000:]
        died += 1
        worker = product.worker(step, kills)
    worker.send_signal(signal.SIGTERM)
    worker.wait(timeout=60)
    return died


def _settled(product: Product, posts: list[str]) -> list[dict[str, Any]]:
    """Return the posts once none of them is open any more."""
    found = [product.post(post) for post in posts]
    return [] if any(post["status"] in OPEN for post in found) else found


def _count(product: Product, posts: list[dict[str, Any]], *, killed: int, settled_after: float) -> Numbers:
    copies = Counter((copy["network"], copy["text"]) for copy in product.copies())
    targets = [(target, copies[target["platform"], post["content"]]) for post in posts for target in post["targets"]]
    return Numbers(
        posts=len(posts),
        kills=killed,
        faults=(len(FAULTS) - 1) * len(NETWORKS),
        requests=len(product.requests()),
        doubled=sum(count > 1 for count in copies.values()),
        lost=sum(_is_lost(target, seen) for target, seen in targets),
        needs_review=sum(target["status"] == "needs_review" for target, _ in targets),
        settled_after=settled_after,
    )


def _is_lost(target: dict[str, Any], copies: int) -> bool:
    """Whether a target failed though nothing was wrong with it, or is said to be published and is not."""
    return target["status"] == "failed" or (target["status"] == "published" and not copies)


def main() -> int:
    """Run every step on both databases; exits 1 when a copy was doubled, lost, or parked without need."""
    bad = 0
    with database() as server:
        for name, url in (("SQLite", ""), ("MariaDB", server)):
            for step in STEPS:
                numbers = run_in_a_folder_of_its_own(step, url)
                print(f"{name:8} {step:11} {numbers}", flush=True)  # noqa: T201
                bad += numbers.doubled + numbers.lost + numbers.needs_review
    return int(bad > 0)


def run_in_a_folder_of_its_own(step: str, server: str) -> Numbers:
    """Run one step in a new product."""
    with tempfile.TemporaryDirectory(prefix="ouipost-crash-") as name:
        folder = Path(name)
        with fresh_database(folder, server) as url, running(folder, url) as product:
            return run_step(product, step)


if __name__ == "__main__":
    sys.exit(main())
