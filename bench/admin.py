"""What the admin API costs with a million posts: how many queries each of its requests takes, and how long each that
reads takes, beside the cheapest one and beside itself with a hundredth of the posts.

Also the dashboard, the stats and the report beside the statements that would count and add up the posts themselves.
"""

import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import Any

from django.db import connection
from django.db.backends.signals import connection_created
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from bench.admin_data import World, installation
from bench.admin_requests import KEYED, METRICS_TOKEN, reads, writes
from bench.analytics import EACH, OF_POSTS
from bench.analytics_data import POSTS, execute
from bench.goals import Goal, aligned, shown

FEW = POSTS // 100
MOST = 9
ROUNDS, SLOW_ROUNDS, SLOW_MS = 15, 3, 1000
BASELINE = "GET /admin/profile"
TRANSACTIONAL = re.compile(r"BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE")
COUNT_POSTS = "SELECT status, COUNT(*) FROM posts_post GROUP BY status"
ADD_DAYS = OF_POSTS % ("UTC_DATE() - INTERVAL 29 DAY", "UTC_DATE()") + EACH
OTHERWISE = {"GET /admin/dashboard": COUNT_POSTS, "GET /admin/stats": COUNT_POSTS, "GET /admin/analytics": ADD_DAYS}
"""The statement that each would need if nothing were kept."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a request took."""

    queries: int
    """Statements that read or change rows, of all threads."""
    sent: int
    """Those, and what begins and ends transactions."""
    milliseconds: float

    @property
    def verdict(self) -> str:
        return Goal(number="A", sentence="", unit="", figure=self.queries, at_most=MOST).row[-1]


Costs = Mapping[str, Cost]


def run() -> list[Goal]:
    """Ask everything of an installation with few posts, then of one with a million."""
    logging.getLogger("django.request").setLevel(logging.CRITICAL)  # the health is 503, and rightly: posts are late
    with override_settings(METRICS_TOKEN=METRICS_TOKEN):
        with installation(FEW) as world:
            few = _read(world)
        with installation(POSTS) as world:
            many = _read(world)
            bare = {name: _median(partial(execute, statement)) for name, statement in OTHERWISE.items()}
            written = {request.name: cost_of(request.ask) for request in writes(world)}
    print(f"{_reads_told(few, many)}\n\n{_writes_told(written)}")
    pages, tables = _split(many, at="format=csv")
    plain, keyed = _split(written, at=KEYED)
    return [
        _many_queries("that read", pages),
        _many_queries("that read a table as CSV", tables),
        _many_queries("that write", plain),
        _many_queries(f"that write, with {KEYED}", keyed),
        *_grown(few, pages),
        *_figures(many, bare),
    ]


def _split(costs: Costs, *, at: str) -> tuple[Costs, Costs]:
    """Return the costs of requests without this in their name, and of those with it."""
    without = {name: cost for name, cost in costs.items() if at not in name}
    return without, {name: cost for name, cost in costs.items() if at in name}


def _read(world: World) -> Costs:
    """Return what each request that reads costs: the queries of one, and the median time of several in turns."""
    requests = {request.name: request for request in reads(world)}
    for request in requests.values():
        request.ask()
    costs = {name: cost_of(request.ask) for name, request in requests.items()}
    taken: dict[str, list[float]] = {name: [] for name in requests}
    for number in range(ROUNDS):
        for name in requests if number % 2 == 0 else list(requests)[::-1]:
            if number < SLOW_ROUNDS or costs[name].milliseconds < SLOW_MS:
                taken[name].append(milliseconds(requests[name].ask))
    return {name: replace(costs[name], milliseconds=median(each)) for name, each in taken.items()}


def cost_of(ask: Callable[[], object]) -> Cost:
    """Return what it costs once."""
    with _statements() as statements:
        taken = milliseconds(ask)
    queries = sum(not TRANSACTIONAL.match(each) for each in statements)
    return Cost(queries=queries, sent=len(statements), milliseconds=taken)


def milliseconds(work: Callable[[], object]) -> float:
    """Return how long it takes once."""
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def _median(work: Callable[[], object]) -> float:
    return median(milliseconds(work) for _ in range(SLOW_ROUNDS))


@contextmanager
def _statements() -> Iterator[list[str]]:
    """Give what is sent to the database in the block, also over connections that are made in it; filled at its end."""
    made: list[Any] = []

    def watch(connection: Any, **_: Any) -> None:
        connection.force_debug_cursor = True
        made.append(connection)

    found: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        connection_created.connect(watch)
        try:
            yield found
        finally:
            connection_created.disconnect(watch)
    logs = [captured.captured_queries, *(each.queries_log for each in made)]
    found += [query["sql"] for log in logs for query in log]


def _reads_told(few: Costs, many: Costs) -> str:
    heading = ("request", "queries", "ms", f"beside {BASELINE}", f"beside itself with {FEW:,} posts", "under 10")
    rows = [
        (
            name,
            shown(cost.queries),
            shown(cost.milliseconds),
            shown(cost.milliseconds / many[BASELINE].milliseconds),
            shown(cost.milliseconds / few[name].milliseconds),
            cost.verdict,
        )
        for name, cost in many.items()
    ]
    return aligned([heading, *rows])


def _writes_told(written: Costs) -> str:
    heading = ("request", "queries", "with transactions", "under 10")
    return aligned([heading, *((name, shown(c.queries), shown(c.sent), c.verdict) for name, c in written.items())])


def _many_queries(which: str, costs: Costs) -> Goal:
    many, said = sum(cost.queries > MOST for cost in costs.values()), "take ten queries or more"
    return Goal(number="A", sentence=f"of {len(costs)} requests {which}: {said}", unit="", figure=many, at_most=0)


def _grown(few: Costs, many: Costs) -> Iterable[Goal]:
    """Return how many requests take more queries, and which takes how much longer, where there are more posts."""
    more = sum(cost.queries > few[name].queries for name, cost in many.items())
    said = f"of {len(many)} requests that read: take more queries with a hundred times as many posts"
    name = max(many, key=lambda name: many[name].milliseconds - few[name].milliseconds)
    times = {"figure": many[name].milliseconds, "baseline": few[name].milliseconds}
    return [
        Goal(number="A", sentence=said, unit="", figure=more, at_most=0),
        Goal(number="A", sentence=f"{name}, beside itself with a hundredth of the posts", unit="ms", **times),
    ]


def _figures(many: Costs, bare: Mapping[str, float]) -> list[Goal]:
    """Compare what shows numbers with the statement that would count or add up the posts."""
    said = {COUNT_POSTS: "counting all posts by status", ADD_DAYS: "adding up the days of all posts"}
    return [
        Goal(
            number="A",
            sentence=f"{name}, beside a bare statement {said[OTHERWISE[name]]}",
            unit="ms",
            figure=many[name].milliseconds,
            baseline=milliseconds,
        )
        for name, milliseconds in bare.items()
    ]
