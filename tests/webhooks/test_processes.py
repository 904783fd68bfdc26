"""Webhooks of a running product: nothing that happened goes untold, whoever dies, and no receiver is in another's way.

What arrives is counted at receivers, by `webhook-id`.
"""

import json
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from copy import copy
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any
from uuid import uuid4

import pytest
from standardwebhooks import WebhookVerificationError

from ouipost.events.backoff import FAILING
from ouipost.events.signing import normal_secret
from tests.crash import broker, deaths, deliveries
from tests.crash.campaign import Campaign
from tests.crash.deliveries import CHANGED, MADE, Administrator, by_change, have_all, listening, make, told, worker
from tests.crash.matrix import Stage
from tests.databases import fresh_database
from tests.memory import growing
from tests.outbound.servers import Server
from tests.product import NETWORKS, Product, running, wait_for
from tests.services import need
from tests.webhooks.receiver import Received
from tests.webhooks.talks import CUT, LOST

pytestmark = pytest.mark.crash

Record = Callable[[str, object], None]
SPEED = 16
TRUE_SPEED = 1
SECRET = "a secret of sixteen or more"
JAVASCRIPT = Path(__file__).parent / "javascript"
SEEDING = "from tests.webhooks.seeding import accounts_that_end; "
DELIVERIES = 1000
SOON_SECONDS = 10
"""On a machine that runs the suite beside it; `make bench` measures how soon it is."""
BEHIND_SECONDS = 30
"""So far two workers may fall behind ten events a second there."""
MB = 1_000_000


@pytest.fixture(scope="module", autouse=True)
def environment() -> Iterator[None]:
    """Receivers are on this machine, and what is written and looked at is not what these tests are about."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OUTBOUND_ALLOW", "127.0.0.0/8")
        environment.setenv("RATE_LIMITS", "enterprise=1000000")
        yield


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product without a worker: tests bring their own."""
    home = tmp_path_factory.mktemp("webhooks")
    with fresh_database(home) as url, running(home, url, speed=SPEED) as started:
        yield started


def unhurried(product: Product) -> Product:
    """Return the same product, whose workers run at true speed."""
    slow = copy(product)
    slow.speed = TRUE_SPEED
    return slow


@pytest.fixture
def stage(product: Product) -> Stage:
    return Stage(product=product, runner="work")


def test_what_was_committed_is_told_though_its_process_died_and_what_was_rolled_back_is_not(product: Product) -> None:
    word, account = uuid4().hex, product.client.connect("bluesky", f"P{uuid4().hex}")["id"]
    body = {"content": f"Bread {word}", "platforms": [account]}

    with listening(product, MADE) as [receiver]:
        with deaths.web(product) as server:
            for point in ("written", "answered", "committed"):
                server.struck(lambda point: server.call("/api/posts", crash_at=point, json=body), point)
        assert not receiver.calls  # there was nobody to call
        with worker(product):
            wait_for(lambda: receiver.calls, what="the event")
            later = make(product, 2)  # whatever was before it is told before it
            wait_for(lambda: len(receiver.calls) >= 2, what="the later one")

    found = product.client.call("GET", "/api/posts?limit=100")["posts"]
    (committed,) = (post["id"] for post in found if post["content"] == body["content"])
    assert [post for post, _ in by_change(receiver.calls)] == [committed, next(iter(later))[0]]


@pytest.mark.on_servers
def test_each_published_post_is_told_under_one_id_though_workers_are_killed(
    stage: Stage, record_property: Record
) -> None:
    seen = deliveries.publish_under_kills(stage, *NETWORKS, publications=40, seconds=8)

    record_property("numbers", f"42, published under kills: {seen}")
    assert seen.is_good, seen
    assert (seen.events, seen.numbers.kills >= 6) == (40, True)


def test_workers_killed_every_second_lose_no_event_and_repeat_it_under_its_id(
    stage: Stage, record_property: Record
) -> None:
    seen = deliveries.random_kills(stage, changes=150, per_second=12)

    record_property("numbers", f"events under kills: {seen}")
    assert seen.is_good, seen
    assert (seen.events, seen.numbers.kills >= 6, seen.repeats > 0) == (150, True, True)


@pytest.mark.any_database
def test_many_events_reach_three_receivers_soon(product: Product, record_property: Record) -> None:
    seen = deliveries.many(unhurried(product), changes=150, per_second=10)

    record_property("numbers", f"52, 150 events to 3 receivers: {seen}")
    assert seen.is_good, seen
    assert (seen.numbers.requests, seen.p95_seconds <= BEHIND_SECONDS) == (450, True)


@pytest.mark.any_database
def test_receivers_that_hang_or_are_not_there_hold_up_nobody_else(product: Product, record_property: Record) -> None:
    seen = deliveries.beside_bad_ones(unhurried(product), changes=60, per_second=10)

    record_property("numbers", f"53, beside bad receivers: {seen}")
    assert seen.is_good, seen
    assert (seen.p95_seconds <= 5, seen.hanging_calls > 0, seen.absent_fails) == (True, True, True)


@pytest.mark.on_servers
def test_a_replay_that_is_killed_and_asked_for_again_sends_each_event_once_more(
    product: Product, record_property: Record
) -> None:
    seen = deliveries.replay_under_kills(product, changes=40, rounds=1, scope="failed")

    record_property("numbers", f"54, replay under kills: {seen}")
    assert seen.is_good, seen


@pytest.mark.any_database
def test_answers_without_end_or_measure_cost_a_worker_neither_time_nor_memory(
    product: Product, record_property: Record
) -> None:
    administrator = Administrator(product)
    servers = [Server(talk()) for talk in (LOST | CUT).values()]
    with ExitStack() as stack, listening(product, MADE, CHANGED) as [receiver], worker(product) as pid:
        make(product, 40)  # its threads have begun by then
        wait_for(lambda: have_all([receiver], 40), what="the first events")
        grown_since = growing(pid)
        for server in servers:
            stack.enter_context(administrator.telling(server.url, MADE, CHANGED))
        make(product, 20)
        wait_for(lambda: have_all([receiver], 60), what="all events at the good one")
        wait_for(lambda: all(len(attempts(administrator, server)) >= FAILING for server in servers), what="all")
        grown = grown_since()
        slowest = max(each["milliseconds"] for server in servers for each in attempts(administrator, server))
    for server in servers:
        server.close()

    record_property("numbers", f"50, hostile answers: grown by {grown / MB:.1f} MB, slowest {slowest} ms")
    assert (grown < 20 * MB, slowest < 15_000 / SPEED + 5000) == (True, True)


def attempts(administrator: Administrator, server: Server) -> list[dict[str, Any]]:
    return [attempt for delivery in administrator.log(server.url) for attempt in delivery["log"]]


@pytest.mark.any_database
def test_the_official_verifiers_accept_a_thousand_deliveries_and_none_with_a_byte_changed(
    product: Product, tmp_path: Path
) -> None:
    with listening(product, "account.expiring", receivers=4, secret=SECRET) as heard:
        product.manage("shell", "-v", "0", "-c", f"{SEEDING}accounts_that_end({DELIVERIES // 4})")
        with worker(product):  # which looks for accounts that end when it begins
            wait_for(lambda: have_all(heard, DELIVERIES // 4), what="all deliveries")

    calls = [call for receiver in heard for call in {call.id: call for call in receiver.calls}.values()]
    changed = [replace(call, body=with_a_byte_changed(call.body)) for call in calls]
    names = {call.json["data"]["account"]["account_name"] for call in calls}
    assert (len(calls), len(names), any(map(str.isascii, names))) == (DELIVERIES, DELIVERIES // 4, False)
    assert (in_python(calls), in_python(changed)) == ((DELIVERIES, 0), (0, DELIVERIES))
    verify = javascript(tmp_path / "javascript")
    assert (verify(calls), verify(changed)) == ((DELIVERIES, 0), (0, DELIVERIES))


def with_a_byte_changed(body: bytes) -> bytes:
    """Return a body that differs in one byte, and is still UTF-8."""
    place = random.choice([place for place, byte in enumerate(body) if byte < 128])
    other = random.choice([byte for byte in b"abcdefghijklmnopqrstuvwxyz" if byte != body[place]])
    return body[:place] + bytes([other]) + body[place + 1 :]


def in_python(calls: Sequence[Received]) -> tuple[int, int]:
    """Return how many of these deliveries the library for Python accepts, and how many it refuses."""
    accepted = 0
    for call in calls:
        with suppress(WebhookVerificationError):
            call.verify(normal_secret(SECRET))
            accepted += 1
    return accepted, len(calls) - accepted


def javascript(folder: Path) -> Callable[[Sequence[Received]], tuple[int, int]]:
    """Return what says the same of the library for JavaScript, which is installed in this folder."""
    need("node", "nodejs")
    need("npm", "npm")
    copytree(JAVASCRIPT, folder)
    install = ["npm", "install", "--no-audit", "--no-fund", "--loglevel", "error"]
    subprocess.run(install, cwd=folder, check=True, stdout=subprocess.DEVNULL)

    def verify(calls: Sequence[Received]) -> tuple[int, int]:
        secret = normal_secret(SECRET)
        lines = (
            json.dumps({"headers": dict(call.headers), "body": call.body.decode(), "secret": secret}) for call in calls
        )
        command = ["node", "verify.mjs"]
        done = subprocess.run(command, cwd=folder, input="\n".join(lines), check=True, capture_output=True, text=True)
        counted = json.loads(done.stdout)
        return counted["accepted"], counted["refused"]

    return verify


@pytest.mark.any_database
def test_a_worker_tells_soon(product: Product, record_property: Record) -> None:
    with listening(product, MADE, CHANGED) as heard, worker(unhurried(product)):
        asked = make(product, 20, per_second=10)
        wait_for(lambda: have_all(heard, 20), what="all events")

    seen = told(heard, asked)
    record_property("numbers", f"work, 20 events: {seen}")
    assert (seen.is_good, seen.slowest_seconds < SOON_SECONDS) == (True, True), seen


@pytest.fixture(scope="module")
def celery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[broker.Stage]:
    """A product for Celery, with accounts at all networks."""
    home = tmp_path_factory.mktemp("celery")
    with fresh_database(home) as url, broker.stage(home, url, speed=TRUE_SPEED, people=1) as staged:
        yield staged


@pytest.mark.on_servers
def test_a_celery_node_with_a_beat_tells_soon(celery: broker.Stage, record_property: Record) -> None:
    with listening(celery.product, MADE, CHANGED) as heard, broker.node(celery.product):
        asked = make(celery.product, 20, per_second=10)
        wait_for(lambda: have_all(heard, 20), what="all events")

    seen = told(heard, asked)
    record_property("numbers", f"celery, 20 events: {seen}")
    assert (seen.is_good, seen.slowest_seconds < SOON_SECONDS) == (True, True), seen


@pytest.mark.on_servers
def test_posts_go_out_at_once_though_a_celery_node_has_much_to_tell(
    celery: broker.Stage, record_property: Record
) -> None:
    campaign = Campaign(celery.product)
    with listening(celery.product, MADE, CHANGED, receivers=12, seconds=1) as heard:
        make(celery.product, 100, writers=4)
        with broker.node(celery.product):
            wait_for(lambda: all(receiver.calls for receiver in heard), what="the first calls")
            campaign.write(celery.accounts)
            began = time.monotonic()
            campaign.publish()
            wait_for(lambda: len(campaign.copies()) == len(NETWORKS), what="all copies")
            took, is_busy = time.monotonic() - began, not have_all(heard, 100)

    record_property("numbers", f"celery, a post beside 1,200 deliveries: out in {took:.2f} s")
    assert (took < 10, is_busy) == (True, True), took
