"""Due targets: how many are published and recorded in a second, and what each costs, beside a Celery task for each."""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.request import urlopen

from django.db import connection
from django.utils import timezone

from accounts.models import SocialAccount
from accounts.platforms.shapes import Tokens
from bench.goals import Goal
from bench.processes import await_answer, cpu_seconds, started
from bench.services import service_pids
from posts.models import Post, Target
from tests.services import free_port
from workspaces.models import Workspace

TARGETS = 3000
ACCOUNTS = 600
WORKERS = 2
THREADS = 256
TEXT = "Post number {} says something of a usual length, about as long as such posts are."
SETTLED_WITHIN_SECONDS = 120
LOOK_EVERY_SECONDS = 0.02
UP_SECONDS = 4


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one way of publishing showed."""

    per_second: float
    cpu: float
    """Microseconds of workers and database for each target."""
    calls: list[tuple[str, float]]


def run() -> list[Goal]:
    return [goal for name, seconds in (("0 ms", 0.0), ("300 ms", 0.3)) for goal in _goals(name, seconds)]


def _goals(name: str, seconds: float) -> list[Goal]:
    usual, ours = with_celery_tasks(seconds), with_our_workers(seconds)
    assert len({text for text, _ in ours.calls}) == len(ours.calls) == TARGETS, "each was sent once"
    due = f"due targets, a network of {name}"
    rate = partial(Goal, number="11", unit="targets/s", figure=ours.per_second)
    return [
        rate(sentence=f"{due}, each armed and settled in a commit", at_least=300),
        rate(sentence=f"{due}, beside a Celery task for each", baseline=usual.per_second, at_least=1),
        Goal(
            number="11",
            sentence=f"{due}: CPU of workers, database and Redis for each",
            unit="us",
            figure=ours.cpu,
            baseline=usual.cpu,
            at_most=0.5,
        ),
    ]


def with_our_workers(seconds: float) -> Run:
    """Let `manage.py work` publish what becomes due at once."""
    load(due=[timezone.now() + timedelta(hours=1)] * TARGETS)
    with network(seconds) as address, workers(address) as pids:
        Target.objects.update(due_at=timezone.now())
        return measured(pids, address, TARGETS)


def with_celery_tasks(seconds: float) -> Run:
    """Let one Celery worker of a hundred threads run a task for each."""
    load(due=[None] * TARGETS)
    os.environ["BASELINE_BROKER"] = os.environ["REDIS_URL"]
    from bench.baselines.tasks import publish  # reads the broker's address

    with network(seconds) as address:
        for pk, text in Target.objects.values_list("pk", "post__content"):
            publish.delay(pk, text)
        command = [sys.executable, "-m", "bench.baselines.tasks"]
        with started(command, environment={"NETWORK_GATEWAY": address}) as worker:
            return measured([worker.pid], address, TARGETS)


@contextmanager
def workers(address: str) -> Iterator[list[int]]:
    """Run the workers of a small production beside the block; gives their process ids once they wait for work.

    They read no numbers: all accounts are new here, and each has its first reading due (`bench/analytics_sync.py`).
    """
    with ExitStack() as stack:
        command = [sys.executable, "manage.py", "work"]
        processes = [stack.enter_context(started(command, environment=publishing(address))) for _ in range(WORKERS)]
        time.sleep(UP_SECONDS)
        yield [process.pid for process in processes]


def publishing(address: str) -> dict[str, str]:
    """Return the environment of processes that publish at this network and do nothing else, many at a time."""
    most = {"WORKER_THREADS": str(THREADS), "TWITTER_MAX_IN_FLIGHT": str(WORKERS * THREADS)}
    return {"NETWORK_GATEWAY": address, "TWITTER_CLIENT_ID": "bench", "SYNC_THREADS": "0", **most}


@contextmanager
def network(seconds: float) -> Iterator[str]:
    """Run the network beside the block; gives its address."""
    port = free_port()
    with started([sys.executable, "-m", "bench.network", str(port), str(seconds)], environment={}):
        address = f"http://127.0.0.1:{port}"
        await_answer(f"{address}/count")
        yield address


def load(*, due: Sequence[datetime | None], accounts: int = ACCOUNTS) -> None:
    """Put a target there for each of these times, with a post of its own, over so many accounts."""
    Workspace.objects.all().delete()
    now = timezone.now()
    workspace = Workspace.objects.create(name="Bench")
    given = {"workspace": workspace, "platform": "twitter", "type": "profile", "connected_at": now}
    owners = [SocialAccount(remote_id=str(number), **given) for number in range(accounts)]
    for owner in owners:
        owner.seal(Tokens(access_token=f"token-{owner.remote_id}"))
    SocialAccount.objects.bulk_create(owners)
    given = {"workspace": workspace, "platforms": ["twitter"], "scheduled_at": now, "created_at": now, "moment": now}
    posts = [Post(content=TEXT.format(number), status="scheduled", **given) for number in range(len(due))]
    Post.objects.bulk_create(posts, batch_size=1000)
    given = {"platform": "twitter", "status": "scheduled", "scheduled_at": now, "give_up_at": now + timedelta(hours=6)}
    Target.objects.bulk_create(
        [
            Target(post=post, account=owners[number % accounts], due_at=at, **given)
            for number, (post, at) in enumerate(zip(posts, due, strict=True))
        ],
        batch_size=1000,
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE TABLE posts_target, posts_post, accounts_socialaccount")


def measured(pids: list[int], address: str, targets: int) -> Run:
    """Return what was done between the first tenth and the last of so many targets."""
    processes = [*pids, *service_pids()]
    first = await_count(address, targets // 10)
    began, used = time.monotonic(), sum(map(cpu_seconds, processes))
    await_count(address, targets)
    await_settled()
    done = targets - first
    return Run(
        per_second=done / (time.monotonic() - began),
        cpu=1e6 * (sum(map(cpu_seconds, processes)) - used) / done,
        calls=[(text, at) for text, at in ask(f"{address}/calls")],
    )


def await_count(address: str, count: int) -> int:
    """Return how many posts the network has once it has so many."""
    deadline = time.monotonic() + SETTLED_WITHIN_SECONDS
    while (found := int(ask(f"{address}/count"))) < count:
        if time.monotonic() > deadline:
            sys.exit(f"Only {found} of {count} posts came to the network.")
        time.sleep(LOOK_EVERY_SECONDS)
    return found


def await_settled() -> None:
    """Return when every target is recorded as published."""
    deadline = time.monotonic() + SETTLED_WITHIN_SECONDS
    while left := Target.objects.exclude(status="published").count():
        if time.monotonic() > deadline:
            sys.exit(f"{left} targets were never settled.")
        time.sleep(LOOK_EVERY_SECONDS)


def ask(address: str) -> Any:
    with urlopen(address, timeout=10) as answer:  # noqa: S310 (our own process on loopback)
        return json.load(answer)
