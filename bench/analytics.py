"""Goals 14 and 15: what reports cost, beside bare statements on the sums they are made of, and on the posts' own days.

What keeping the sums costs (goal 16) is in `analytics_sync`.
"""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from http.client import HTTPConnection
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from django.db import connection
from django.test import Client

from analytics.audience import audience
from analytics.models import DayTotal, HourTotal, InstallationDay, TargetDay
from analytics.periods import A_DAY, Period
from analytics.reports import Row, Scope, report
from analytics.top import top_targets
from analytics.totals import SUMMED
from bench import analytics_sync
from bench.analytics_data import TABLES, Data, loaded
from bench.goals import Goal, aligned
from bench.processes import cpu_seconds, web
from bench.services import service_pids
from tests.factories import make_key
from workspaces.models import Workspace

ROUNDS = 25
YEAR_ROUNDS = 3
REPORT_DAYS, ANSWER_DAYS = 90, 30
ANSWER_ROUNDS, ANSWERS = 5, 100
MIB = 1024 * 1024
SUMS = ", ".join(f"SUM({name})" for name in SUMMED)
SHARES = ", ".join(f"SUM(shares.{name})" for name in SUMMED)
OF_WORKSPACE = (
    f"SELECT day, platform, {SUMS} FROM analytics_daytotal"  # noqa: S608 (names are ours)
    " WHERE workspace_id = %s AND day BETWEEN %s AND %s"
)
OF_ALL = (
    f"SELECT day, platform, {SUMS} FROM analytics_installationday"  # noqa: S608 (names are ours)
    " WHERE day BETWEEN %s AND %s"
)
OF_POSTS = (
    f"SELECT day, platform, {SHARES} FROM analytics_targetday AS shares"  # noqa: S608 (names are ours)
    " JOIN analytics_daytotal AS days ON days.id = shares.total_id WHERE day BETWEEN %s AND %s"
)
EACH = " GROUP BY day, platform ORDER BY day, platform"


class Statements:
    """Counts the statements that it is wrapped around, and adds up their seconds."""

    def __init__(self) -> None:
        self.count, self.seconds = 0, 0.0

    def __call__(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        start = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            self.count, self.seconds = self.count + 1, self.seconds + time.perf_counter() - start


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What one address took, in milliseconds, and in microseconds of CPU."""

    milliseconds: float
    cpu: float


def run() -> list[Goal]:
    """Load a year of an installation, read reports of it, then write to it."""
    secret = make_key()[1]  # a new key is looked up in the database for some seconds
    with loaded() as data:
        goals = [
            *_of_workspace(data, data.usual, secret, "a usual workspace"),
            *_of_workspace(data, data.big, secret, "the largest workspace"),
            *_of_installation(data),
            *_answers(data, secret),
            *analytics_sync.run(),
        ]
        return [*goals, *_sizes()]


def _of_workspace(data: Data, workspace: Workspace, secret: str, name: str) -> list[Goal]:
    """Compare what a workspace's report has the database do with the bare statements."""
    period = Period(first=data.last - (REPORT_DAYS - 1) * A_DAY, last=data.last, zone="UTC")
    scope = Scope(workspace=workspace)
    parameters = (period.first, period.last)
    by_sums = partial(_fetch, OF_WORKSPACE + EACH, workspace.pk, *parameters)
    by_posts = partial(_fetch, f"{OF_POSTS} AND workspace_id = %s{EACH}", *parameters, workspace.pk)
    assert _same(by_sums(), by_posts(), scope.rows(period))
    taken = _in_turns(
        {
            "all": lambda: _in_process(f"/api/analytics?from={period.first}", _headers(workspace, secret)),
            "sums": lambda: report(scope, period),
            "top": lambda: top_targets(workspace, period),
            "audience": lambda: audience(scope, period),
            "bare": by_sums,
            "posts": by_posts,
        },
        rounds=ROUNDS,
    )
    said = f"{REPORT_DAYS} days of {name}, in the database"
    whole = partial(_goal, "14", taken["all"])
    return [
        whole(f"{said}, beside a bare statement on the sums", taken["bare"], at_most=3),
        whole(f"{said}, beside one on the days of its posts", taken["posts"]),
        _goal("14", taken["sums"], f"{said}: sums alone", taken["bare"], at_most=3),
        _goal("14", taken["sums"], f"{said}: sums alone, beside the days of its posts", taken["posts"]),
        _goal("14", taken["top"], f"{said}: best posts alone", taken["bare"]),
        _goal("14", taken["audience"], f"{said}: followers alone", taken["bare"]),
    ]


def _of_installation(data: Data) -> list[Goal]:
    period = Period(first=data.first, last=data.last, zone="UTC")
    by_sums = partial(_fetch, OF_ALL + EACH, data.first, data.last)
    by_posts = partial(_fetch, OF_POSTS + EACH, data.first, data.last)
    assert _same(by_sums(), by_posts(), Scope().rows(period))
    taken = _in_turns({"all": lambda: report(Scope(), period), "bare": by_sums}, rounds=ROUNDS)
    posts = _in_turns({"posts": by_posts}, rounds=YEAR_ROUNDS)["posts"]
    said = "a year of the installation, in the database"
    return [
        _goal("15", taken["all"], f"{said}, beside a bare statement on the sums", taken["bare"], at_most=3),
        _goal("15", taken["all"], f"{said}, beside one on the days of all posts", posts),
    ]


def _goal(number: str, figure: float, sentence: str, baseline: float, **asked: float) -> Goal:
    return Goal(number=number, sentence=sentence, unit="ms", figure=figure, baseline=baseline, **asked)


def _fetch(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def _same(sums: list[tuple[Any, ...]], posts: list[tuple[Any, ...]], reported: list[Row]) -> bool:
    """Whether the bare statements say what the product says: else they would compare nothing."""
    return sums == posts == [(at, platform, *numbers.values()) for at, platform, numbers in reported]


def _in_turns(works: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Return how many milliseconds of the database each took, warm: the medians of rounds."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for number in range(rounds):
        for name in works if number % 2 == 0 else list(works)[::-1]:
            taken[name].append(_statements(works[name]).seconds * 1000)
    return {name: median(each) for name, each in taken.items()}


def _statements(work: Callable[[], object]) -> Statements:
    statements = Statements()
    with connection.execute_wrapper(statements):
        work()
    return statements


def _answers(data: Data, secret: str) -> list[Goal]:
    """Compare whole answers with a small one of the same server, one after the other on one connection."""
    since = data.last - (ANSWER_DAYS - 1) * A_DAY
    address, (usual, big) = f"/api/analytics?from={since}", (_headers(each, secret) for each in (data.usual, data.big))
    with web("bench.settings") as (server, pid):
        client = HTTPConnection(urlsplit(server).netloc)
        asked = {
            "small": partial(_ask, client, "/api/bench/small", usual),
            "usual": partial(_ask, client, address, usual),
            "big": partial(_ask, client, address, big),
        }
        taken = _answered(asked, [pid, *service_pids()])
    said = f"answer of {ANSWER_DAYS} days of {{}}, beside a small answer with key"
    names = {"usual": said.format("a usual workspace"), "big": said.format("the largest workspace")}
    small, queries = taken["small"], _statements(lambda: _in_process(address, usual)).count
    goals = [Goal(number="14", sentence="report: queries", unit="", figure=queries, at_most=9)]
    for name, sentence in names.items():
        ours = taken[name]
        cost = Goal(number="14", sentence=f"{sentence}: CPU", unit="us", figure=ours.cpu, baseline=small.cpu)
        goals += [_goal("14", ours.milliseconds, sentence, small.milliseconds, at_most=2), cost]
    return goals


def _answered(asked: Mapping[str, Callable[[], None]], processes: list[int]) -> dict[str, Answered]:
    seconds: dict[str, list[float]] = {name: [] for name in asked}
    cpu = dict.fromkeys(asked, 0.0)
    for number in range(ANSWER_ROUNDS + 1):
        for name in asked if number % 2 == 0 else list(asked)[::-1]:
            before = sum(map(cpu_seconds, processes))
            took = [_seconds(asked[name]) for _ in range(ANSWERS)]
            if number:  # the first round warms up
                seconds[name] += took
                cpu[name] += sum(map(cpu_seconds, processes)) - before
    return {
        name: Answered(milliseconds=1e3 * median(took), cpu=1e6 * cpu[name] / len(took))
        for name, took in seconds.items()
    }


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _ask(server: HTTPConnection, address: str, headers: Mapping[str, str]) -> None:
    server.request("GET", address, headers=dict(headers))
    answer = server.getresponse()
    body = answer.read()
    if answer.status != 200:
        sys.exit(f"{address}: {answer.status} {body.decode()}")


def _headers(workspace: Workspace, secret: str) -> dict[str, str]:
    return {"X-API-Key": secret, "X-Workspace-ID": workspace.pk}


def _in_process(address: str, headers: Mapping[str, str]) -> None:
    answer = _client().get(address, headers=dict(headers))
    assert answer.status_code == 200, answer.content


@cache
def _client() -> Client:
    return Client(SERVER_NAME="127.0.0.1")


def _sizes() -> list[Goal]:
    """Print how large the tables are, and return how the sums compare with what they are sums of."""
    names = [model._meta.db_table for model in TABLES]
    _fetch(f"ANALYZE TABLE {', '.join(names)}")
    found = _fetch(
        "SELECT table_name, table_rows, data_length, index_length FROM information_schema.tables"
        " WHERE table_schema = DATABASE() AND table_name IN %s ORDER BY data_length + index_length DESC",
        tuple(names),
    )
    rows = [(name, f"{count:,}", f"{data / MIB:,.1f}", f"{index / MIB:,.1f}") for name, count, data, index in found]
    print(aligned([("table", "rows, about", "data MiB", "index MiB"), *rows]))
    sizes = {name: (data + index) / MIB for name, _, data, index in found}
    days = sizes[DayTotal._meta.db_table] + sizes[InstallationDay._meta.db_table]
    size = {"number": "16", "unit": "MiB", "baseline": sizes[TargetDay._meta.db_table]}
    return [
        Goal(sentence="sums by the day, beside the days of posts", figure=days, at_most=0.1, **size),
        Goal(sentence="sums by the hour of five weeks", figure=sizes[HourTotal._meta.db_table], **size),
    ]
