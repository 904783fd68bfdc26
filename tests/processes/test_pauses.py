"""A pause between real processes, counted at the networks: nothing more goes out, and afterwards all does, once."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.product import NETWORKS, Product, wait_for

pytestmark = [pytest.mark.crash, pytest.mark.on_servers]

ROUND_SECONDS = 1.0
"""Of a claim, with time to spare: a worker with nothing to do looks four times a second."""
WRITTEN_SECONDS = 15
"""Sixty posts are written and workers begin by then, also on a slow machine."""
DUE_FOR_SECONDS = 24
SETTLED_SECONDS = 15
"""The leases of the dead are over by then, and the networks were looked at."""


def write(product: Product, account: dict[str, Any], at: datetime, word: str) -> str:
    body = {"content": f"Rye {word} {uuid4().hex[:8]}", "platforms": [account["id"]], "scheduled_at": at.isoformat()}
    post: str = product.client.call("POST", "/api/posts", json=body)["post"]["id"]
    return post


def copies_of(product: Product, word: str) -> Counter[str]:
    return Counter(copy["text"] for copy in product.copies() if f" {word} " in copy["text"])


def all_published(product: Product, posts: list[str]) -> bool:
    return all(product.post(post)["status"] == "published" for post in posts)


def test_while_posts_fall_due_a_pause_stops_all_workers_and_its_end_lets_all_out_once(idle: Product) -> None:
    accounts = [idle.client.connect(network, f"P{number}") for number in range(4) for network in NETWORKS]
    for _ in range(3):
        idle.worker()
    word, first = uuid4().hex[:8], datetime.now(UTC) + timedelta(seconds=WRITTEN_SECONDS)
    posts = [
        write(idle, accounts[number % len(accounts)], first + timedelta(seconds=number * DUE_FOR_SECONDS / 60), word)
        for number in range(60)
    ]
    wait_for(lambda: copies_of(idle, word), what="the first copy")

    idle.manage("pause", "--scope", "all", "--reason", "An exercise.")
    time.sleep(ROUND_SECONDS)
    at_the_pause = copies_of(idle, word)
    time.sleep(max(0.0, (first - datetime.now(UTC)).total_seconds() + DUE_FOR_SECONDS + 2))
    after_all_were_due = copies_of(idle, word)
    states = Counter(idle.post(post)["status"] for post in posts)
    idle.manage("resume", "--scope", "all")
    wait_for(lambda: all_published(idle, posts), what="all to be published")

    assert 0 < at_the_pause.total() < 60
    assert after_all_were_due == at_the_pause
    assert states["missed"] == states["failed"] == states["needs_review"] == 0
    assert sorted(copies_of(idle, word).values()) == [1] * 60


def test_a_lost_answer_is_cleared_up_while_its_network_is_paused_and_leaves_one_copy(product: Product) -> None:
    account, word = product.client.connect("twitter", "Zoe"), uuid4().hex[:8]
    product.order(network="twitter", account=account["remote_id"], effect="timeout_after_accept", hold=4)
    lost = write(product, account, datetime.now(UTC), word)
    wait_for(lambda: copies_of(product, word), what="the copy whose answer is lost")

    product.manage("pause", "--scope", "network", "--id", "twitter", "--reason", "An exercise.")
    later = write(product, account, datetime.now(UTC), word)
    wait_for(lambda: all_published(product, [lost]), what="the lost one to be found")
    waits_for = product.post(later)["targets"][0]["waits_for"]
    in_the_pause = copies_of(product, word)
    product.manage("resume", "--scope", "network", "--id", "twitter")
    wait_for(lambda: all_published(product, [later]), what="the other to go out")

    assert waits_for == "The operator has paused all publishing to Twitter/X: An exercise."
    assert list(in_the_pause.values()) == [1]
    assert list(copies_of(product, word).values()) == [1, 1]


def test_workers_that_die_around_a_pause_leave_one_copy_of_each(idle: Product) -> None:
    accounts = [idle.client.connect(network, f"Q{number}") for number in range(3) for network in NETWORKS]
    word, due = uuid4().hex[:8], datetime.now(UTC) + timedelta(seconds=3)
    posts = [write(idle, accounts[number % len(accounts)], due, word) for number in range(27)]
    doomed = [idle.worker("armed,sent", kills=2) for _ in range(4)]
    wait_for(lambda: [each for each in doomed if each.poll() is not None], what="the first to die")

    idle.manage("pause", "--scope", "all", "--reason", "An exercise.")
    time.sleep(ROUND_SECONDS)
    at_the_pause = copies_of(idle, word)
    for _ in range(2):
        idle.worker()
    time.sleep(SETTLED_SECONDS)
    in_the_pause = copies_of(idle, word)
    idle.manage("resume", "--scope", "all")
    wait_for(lambda: all_published(idle, posts), what="all to be published")

    assert in_the_pause == at_the_pause
    assert at_the_pause.total() < 27
    assert sorted(copies_of(idle, word).values()) == [1] * 27
