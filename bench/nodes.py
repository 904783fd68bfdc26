"""Goals 10, 12 and 18: ten thousand due at once, for a Celery node that doorbells wake: how fast, how many messages."""

import sys
import time
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.utils import timezone
from redis import Redis

from bench import peers
from bench.goals import Goal
from bench.processes import pss_mib, started, web
from bench.publishing import (
    ACCOUNTS,
    UP_SECONDS,
    WORKERS,
    Run,
    load,
    measured,
    network,
    publishing,
    with_celery_tasks,
)
from posts.models import Target

TARGETS = MESSAGES = 10_000
CELERY = [sys.executable, "-m", "celery", "-A", "ouipost"]
NODE = [*CELERY, "worker", "-Q", "publish", "-c", str(WORKERS), "-l", "warning"]
BEAT = [*CELERY, "--quiet", "beat", "-l", "warning"]
TAKEN_WITHIN_SECONDS = 60


def run() -> list[Goal]:
    usual, nothing = with_celery_tasks(0), _nothing_per_second()
    ours, messages, memory = _with_a_node()
    due = "10,000 due targets, a network of 0 ms, by a Celery node"
    rate = partial(Goal, number="10", unit="targets/s", figure=ours.per_second)
    smallest = "memory of 2 web processes, a Celery node and beat"
    return [
        rate(sentence=f"{due}, beside a Celery task for each", baseline=usual.per_second, at_least=5),
        rate(sentence=f"{due}, beside Celery tasks that do nothing", baseline=nothing, at_least=2),
        Goal(number="12", sentence=f"{due}: messages", unit="", figure=messages, at_most=100),
        Goal(number="18", sentence="memory of the Celery node", unit="MiB", figure=memory["node"], at_most=200),
        Goal(
            number="18",
            sentence=f"{smallest}, beside Postiz's backend",
            unit="MiB",
            figure=sum(memory.values()),
            baseline=peers.POSTIZ_BACKEND_MIB,
            at_most=0.8,
        ),
    ]


def _with_a_node() -> tuple[Run, int, dict[str, float]]:
    """Let a node publish what is due at once; returns how it went, its messages, and what each role holds."""
    load(due=[timezone.now() + timedelta(hours=1)] * TARGETS, accounts=ACCOUNTS)
    broker = {"CELERY_BROKER_URL": settings.REDIS_URL}
    with (
        network(0) as address,
        started(NODE, environment=broker | publishing(address)) as node,
        started(BEAT, environment=broker) as beat,
        web("ouipost.settings", ready="/healthz") as (_, web_pid),
    ):
        time.sleep(2 * UP_SECONDS)
        before = _messages()
        Target.objects.update(due_at=timezone.now())
        done = measured([node.pid], address, TARGETS)
        messages = _messages() - before
        return done, messages, {"web": pss_mib(web_pid), "node": pss_mib(node.pid), "beat": pss_mib(beat.pid)}


def _messages() -> int:
    """Return how many messages Redis took so far, for all queues."""
    calls: dict[str, dict[str, int]] = Redis.from_url(settings.REDIS_URL).info("commandstats")
    return calls.get("cmdstat_lpush", {"calls": 0})["calls"]


def _nothing_per_second() -> float:
    """Return how many tasks that do nothing the worker of the baseline does in a second."""
    from bench.baselines.tasks import app, nothing  # reads the broker's address

    for _ in range(MESSAGES):
        nothing.delay()
    queue, broker = app.conf.task_default_queue, Redis.from_url(settings.REDIS_URL)
    with started([sys.executable, "-m", "bench.baselines.tasks"], environment={}):
        _await_fewer(broker, queue, MESSAGES * 9 // 10)
        began, first = time.monotonic(), broker.llen(queue)
        _await_fewer(broker, queue, 1)
        return float(first) / (time.monotonic() - began)


def _await_fewer(broker: Redis, queue: str, messages: int) -> None:
    deadline = time.monotonic() + TAKEN_WITHIN_SECONDS
    while (left := broker.llen(queue)) >= messages:
        if time.monotonic() > deadline:
            sys.exit(f"{left} messages were never taken.")
        time.sleep(0.02)
