"""Webhooks: how many deliveries are made and recorded in a second, what each costs, and how soon the first try comes.

Beside a bare loop of `requests` that signs the same bodies and sends them to the same receiver. What the workers use
when there is nothing to deliver, since they look for posts, too, is told apart.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from statistics import quantiles

import requests
from django.db import transaction
from django.utils import timezone

from bench.goals import Goal
from bench.processes import cpu_seconds, started
from bench.publishing import ask, await_count, network
from bench.services import service_pids
from ouipost.events import signing
from ouipost.events.journal import SYSTEM, entry, record_all
from ouipost.events.models import Delivery, DeliveryAttempt, Message, Webhook
from posts.models import Post
from workspaces.models import Workspace

EVENTS, WEBHOOKS = 5000, 3
DELIVERIES = EVENTS * WEBHOOKS
AT_ONCE = 100
BARE = 3000
WORKERS = 2
UP_SECONDS = 4
IDLE_SECONDS = 10
RATE, RATE_SECONDS = 50, 20
SETTLED_WITHIN_SECONDS = 300
SECONDS = 0.05
"""How long the receiver takes to answer."""


def run() -> list[Goal]:
    with network(SECONDS) as slow, network(0) as quick:
        return [*_sustained(slow, quick), _first_try(slow)]


def _sustained(slow: str, quick: str) -> list[Goal]:
    post = _listening(slow)
    idle = _idle()
    _tell(post, EVENTS)
    bodies = list(Message.objects.values_list("id", "body")[:BARE])
    with _workers() as pids:
        first = await_count(slow, DELIVERIES // 10)
        began, used = time.monotonic(), [sum(map(cpu_seconds, each)) for each in (pids, service_pids())]
        _await_settled()
        done, seconds = DELIVERIES - first, time.monotonic() - began
        spent = [sum(map(cpu_seconds, each)) for each in (pids, service_pids())]
    ours, database = (1e6 * (after - before) / done for after, before in zip(spent, used, strict=True))
    ours -= 1e6 * idle * seconds / done
    assert DeliveryAttempt.objects.count() == DELIVERIES, "each was sent once"
    sentence = f"{DELIVERIES:,} deliveries to {WEBHOOKS} webhooks that take 50 ms"
    return [
        Goal(
            number="17",
            sentence=f"{sentence}, each with its log",
            unit="/s",
            figure=done / seconds,
            at_least=100,
        ),
        Goal(
            number="17",
            sentence=f"{sentence}: CPU of the workers for each, beside a bare loop",
            unit="us",
            figure=ours,
            baseline=_bare(quick, bodies),
            at_most=2.5,
        ),
        Goal(number="17", sentence=f"{sentence}: CPU of the database for each", unit="us", figure=database),
        Goal(
            number="17", sentence=f"{WORKERS} workers with nothing to do: CPU in a second", unit="us", figure=1e6 * idle
        ),
    ]


def _first_try(address: str) -> Goal:
    post = _listening(address)
    before = int(ask(f"{address}/count"))
    told: dict[str, float] = {}
    with _workers():
        began = time.monotonic()
        for number in range(RATE * RATE_SECONDS):
            time.sleep(max(0, began + number / RATE - time.monotonic()))
            told |= dict.fromkeys(_tell(post, 1), time.time())
        await_count(address, before + len(told) * WEBHOOKS)
    late = [at - told[name] for name, at in ask(f"{address}/calls") if name in told]
    return Goal(
        number="17",
        sentence=f"{RATE} events/s to {WEBHOOKS} webhooks: 95 of 100 came for the first time within",
        unit="s",
        figure=quantiles(late, n=100)[94],
        at_most=2,
    )


def _listening(address: str) -> Post:
    """Return a post of which webhooks at this address, and no others, are told."""
    for model in (DeliveryAttempt, Delivery, Message, Webhook, Workspace):
        model._default_manager.all().delete()
    for number in range(WEBHOOKS):
        webhook = Webhook(url=f"{address}/{number}", events=["post.updated"])
        webhook.seal(signing.new_secret())
        webhook.save()
    now = timezone.now()
    return Post.objects.create(workspace=Workspace.objects.create(name="Bench"), created_at=now, moment=now)


def _tell(post: Post, count: int) -> list[str]:
    """Record so many changes of the post; returns the ids of their events."""
    told = []
    for start in range(0, count, AT_ONCE):
        events = [entry("updated", post, actor=SYSTEM) for _ in range(min(AT_ONCE, count - start))]
        with transaction.atomic():
            record_all(events)
        told += [f"evt_{event.pk}" for event in events]
    return told


@contextmanager
def _workers() -> Iterator[list[int]]:
    """Run the workers of a small production beside the block; gives their process ids once they are up."""
    environment = {"OUTBOUND_ALLOW": "127.0.0.0/8", "SYNC_THREADS": "0"}
    with ExitStack() as stack:
        command = [sys.executable, "manage.py", "work"]
        processes = [stack.enter_context(started(command, environment=environment)) for _ in range(WORKERS)]
        time.sleep(UP_SECONDS)
        yield [process.pid for process in processes]


def _idle() -> float:
    """Return the processor time that the workers use in a second while there is nothing to do."""
    with _workers() as pids:
        used = sum(map(cpu_seconds, pids))
        time.sleep(IDLE_SECONDS)
        return (sum(map(cpu_seconds, pids)) - used) / IDLE_SECONDS


def _await_settled() -> None:
    deadline = time.monotonic() + SETTLED_WITHIN_SECONDS
    while left := Delivery.objects.exclude(status="delivered").count():
        if time.monotonic() > deadline:
            sys.exit(f"{left} deliveries were never settled.")
        time.sleep(0.2)


def _bare(address: str, bodies: list[tuple[str, str]]) -> float:
    """Return the processor time of a loop that signs and sends these bodies, in microseconds for each."""
    secret = signing.new_secret()
    began = time.process_time()
    with requests.Session() as session:
        for name, body in bodies:
            signed = signing.headers(f"evt_{name}", body, signed_with=[secret], at=datetime.now(UTC))
            answer = session.post(
                f"{address}/0", data=body.encode(), headers=signed | {"Content-Type": "application/json"}
            )
            assert answer.ok
    return 1e6 * (time.process_time() - began) / len(bodies)
