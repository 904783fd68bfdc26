"""Half an hour of everything at once: requests, posts and webhooks, and a worker that is killed every minute."""

import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import requests

from bench.processes import family, pss_mib
from tests.crash import storms
from tests.crash.campaign import Campaign, Result
from tests.crash.deliveries import CHANGED, MADE, PUBLISHED, listening
from tests.crash.matrix import Stage
from tests.product import NETWORKS, WEB_THREADS, Product, wait_for
from tests.webhooks.receiver import Receiver

DELETED = "post.deleted"
POSTS_A_SECOND = 2
DRAFTS_A_SECOND = 2
READS_A_SECOND = 14
"""Together with the changes of drafts, 20 requests a second; with the results of posts, 10 events a second."""
LIST = "/api/posts?limit=20"
CLIENTS = 16
HOLD_SECONDS = 1
LOOPS = 4
ACCOUNTS = 30
WARM_UP = 5
"""The warm-up is this fraction of the time: one in so many."""
LOOK_SECONDS = 5
GROWTH = 0.1
DUE_IN_SECONDS = 2
STUCK_SECONDS = 300
LAST_SECONDS = 120


@dataclass(kw_only=True)
class Used:
    """The resources of one role of processes, or of the database, over the time after the warm-up."""

    looks: list[float] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """The relative growth from the first third to the last."""
        third = max(1, len(self.looks) // 3)
        first, last = statistics.median(self.looks[:third]), statistics.median(self.looks[-third:])
        return last / first - 1 if first else last

    def __str__(self) -> str:
        return f"{self.looks[0]:.0f} to {self.looks[-1]:.0f} ({self.growth:+.0%})"


@dataclass(frozen=True, kw_only=True)
class Soaked(Result):
    """The results of half an hour."""

    answers: int
    bad_answers: Counter[int]
    """The API's answers from 500 on, by status; 0 means no answer."""
    p95_answer: float
    deliveries: int
    p95_told: float
    """Seconds from a change to the first call about it; changes are timed to the second."""
    untold_events: int
    """The number of changes that a receiver did not get, or got under different ids."""
    used: dict[str, Used]

    @property
    def is_good(self) -> bool:
        return self.numbers.is_good and not self.bad_answers and not self.untold_events

    @property
    def has_grown(self) -> bool:
        """Return whether any resource grew by more than a tenth."""
        return any(used.growth > GROWTH for used in self.used.values())

    def __str__(self) -> str:
        held = (f"{name} {used}" for name, used in self.used.items())
        told = [f"answers {self.answers}", f"bad {dict(self.bad_answers)}", f"p95 answer {self.p95_answer:.2f}"]
        events = [f"deliveries {self.deliveries}", f"p95 told {self.p95_told:.2f}", f"untold {self.untold_events}"]
        return "  ".join([str(self.numbers), *told, *events, *held])


class Clients:
    """Clients of the API that read posts, and write drafts and delete them."""

    def __init__(self, product: Product, account: str) -> None:
        self.product = product
        self.account = account
        self.answers: list[tuple[int, float]] = []
        self.done: list[str] = []
        """The kinds of events expected from good answers; a list, as counters are not safe across threads."""
        self.latest = ""
        """A post to read."""

    def read(self, number: int) -> None:
        post = f"/api/posts/{self.latest}"
        paths = (LIST, post, f"{post}/timeline", "/api/accounts")
        self.call("GET", paths[number % len(paths)])

    def draft(self, number: int) -> None:
        """Make a draft, change it, and delete it."""
        made = self.call("POST", "/api/posts", content=f"Draft {number}", platforms=[self.account])
        if made is None:
            return
        self.done.append(MADE)
        path = f"/api/posts/{made['post']['id']}"
        if self.call("PUT", path, content=f"Draft {number}, changed") is not None:
            self.done.append(CHANGED)
        if self.call("DELETE", path) is not None:
            self.done.append(DELETED)

    def call(self, method: str, path: str, **body: Any) -> dict[str, Any] | None:
        """Return the data of a good answer, and keep how each ended."""
        began, status, data = time.monotonic(), 0, None
        try:
            answer = requests.request(
                method, f"{self.product.base}{path}", json=body or None, headers=self.product.client.headers, timeout=60
            )
            status, data = answer.status_code, answer.json().get("data") if answer.ok else None
        except requests.RequestException:
            pass
        self.answers.append((status, time.monotonic() - began))
        return data


def soak(stage: Stage, *, seconds: float, kill_every: float = 60) -> Soaked:
    """Run everything for so long, and count once all is settled."""
    campaign = Campaign(stage.product)
    accounts = storms.connect(campaign, ACCOUNTS, *NETWORKS)
    clients = Clients(stage.product, accounts[0]["id"])
    clients.latest = campaign.write(accounts[:1])
    open_all_threads(stage.product)
    with (
        listening(stage.product, MADE, CHANGED, DELETED, PUBLISHED) as [receiver],
        storms.workers(stage, herd=2, threads=8) as node,
        ThreadPoolExecutor(CLIENTS) as pool,
        ThreadPoolExecutor(1) as writer,
        ThreadPoolExecutor(LOOPS) as loops,
    ):
        campaign.publish()
        over = Event()
        roles = {"web": stage.product.processes[0].pid, "beat": stage.product.processes[1].pid, "node": node.pid}
        looking = loops.submit(_watch, stage.product, roles, over, after=seconds / WARM_UP)
        loads = [
            loops.submit(steadily, pool, clients.read, READS_A_SECOND, over),
            loops.submit(steadily, pool, clients.draft, DRAFTS_A_SECOND, over),
            loops.submit(steadily, writer, _writing(campaign, accounts), POSTS_A_SECOND, over),
        ]
        kills = storms.kill_at_random(node, every=kill_every, times=round(seconds / kill_every))
        over.set()
        for load in loads:
            load.result()
        campaign.wait(seconds=STUCK_SECONDS)
        expected = Counter(clients.done) + Counter({PUBLISHED: len(campaign.posts), MADE: len(campaign.posts) - 1})
        untold = _untold(receiver, expected)
    times = [took for _, took in clients.answers]
    return Soaked(
        numbers=campaign.numbers(kills=kills),
        answers=len(times),
        bad_answers=Counter(status for status, _ in clients.answers if status >= 500 or not status),
        p95_answer=statistics.quantiles(times, n=20, method="inclusive")[-1],
        deliveries=len(receiver.calls),
        p95_told=_p95_told(receiver),
        untold_events=untold,
        used=looking.result(),
    )


def open_all_threads(product: Product) -> None:
    """Send so many requests at once that the web process starts all its threads, each with its connections and files.

    It starts threads when they are needed, and used ones stay. So each burst would look like growth, until the last
    thread is started.
    """
    held = {"network": "twitter", "match": "GET /2/users/me", "effect": "timeout_before_accept", "hold": HOLD_SECONDS}
    product.order(**held, times=WEB_THREADS)
    clients = Clients(product, "")
    with ThreadPoolExecutor(WEB_THREADS) as pool:
        for path in ("/sandbox/api.x.com/2/users/me", LIST):
            list(pool.map(lambda _, path=path: clients.call("GET", path), range(2 * WEB_THREADS)))


def steadily(pool: ThreadPoolExecutor, work: Callable[[int], object], per_second: float, over: Event) -> None:
    """Begin a piece of work at this rate, however long the earlier ones take; fails if one of them did."""
    began = time.monotonic()
    started: list[Future[object]] = []
    while not over.wait(max(0.0, began + len(started) / per_second - time.monotonic())):
        started.append(pool.submit(work, len(started)))
    for each in started:
        each.result()


def _writing(campaign: Campaign, accounts: Sequence[dict[str, Any]]) -> Callable[[int], None]:
    """Return a function that writes a post due in a moment, to the accounts by turns."""
    turns = cycle(accounts)

    def write(_: int) -> None:
        due = datetime.now(UTC) + timedelta(seconds=DUE_IN_SECONDS)
        campaign.write([next(turns)], scheduled_at=due.isoformat())

    return write


def _untold(receiver: Receiver, expected: Counter[str]) -> int:
    """Wait for the last deliveries, and return the number of missing and of unexpected events."""

    def told() -> Counter[str]:
        return Counter(kind for kind, _ in {(call.json["type"], call.id) for call in list(receiver.calls)})

    with suppress(AssertionError):
        wait_for(lambda: told() == expected, seconds=LAST_SECONDS, what="the last deliveries")
    return sum(abs(told()[kind] - count) for kind, count in expected.items())


def _p95_told(receiver: Receiver) -> float:
    began = time.time() - time.monotonic()
    first = {call.id: call for call in reversed(receiver.calls)}
    late = [began + call.at - datetime.fromisoformat(call.json["timestamp"]).timestamp() for call in first.values()]
    return statistics.quantiles(late, n=20, method="inclusive")[-1]


def _watch(product: Product, roles: dict[str, int], over: Event, *, after: float) -> dict[str, Used]:
    """Measure the resources of the roles and of the database every few seconds, from so many seconds on."""
    held: dict[str, Used] = defaultdict(Used)
    over.wait(after)
    while not over.wait(LOOK_SECONDS):
        with suppress(OSError):  # a process was killed between two looks
            for role, pid in roles.items():
                memory, files = pss_mib(pid), sum(_open_files(each) for each in family(pid))
                held[f"{role} MiB"].looks.append(memory)
                held[f"{role} files"].looks.append(files)
        held["connections"].looks.append(_connections(product.database_url))
    return dict(held)


def _open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _connections(url: str) -> int:
    """Return how many connections to this database there are; 0 for one in a file."""
    parts = urlsplit(url)
    if parts.scheme != "mysql":
        return 0
    import MySQLdb  # only where there is a server

    server: Any = MySQLdb.connect(host=parts.hostname, port=parts.port or 3306, user=parts.username or "root")
    with closing(server):
        cursor = server.cursor()
        cursor.execute("SELECT COUNT(*) FROM information_schema.processlist WHERE db = %s", [parts.path.strip("/")])
        return int(cursor.fetchone()[0])
