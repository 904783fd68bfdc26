"""Goals 1 to 8: what the API costs, beside plain REST framework over the same tables, and so beside other products."""

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from functools import partial
from typing import Any

import requests
from django.conf import settings
from django.db import connection

from bench import data, peers
from bench.goals import Goal, aligned, shown
from bench.load import Round, Subject, compare
from bench.peers import Figures, Peer
from bench.processes import largest_mib, web
from bench.services import service_pids
from tests.services import need

ROUNDS, SECONDS = 5, 2
BATCHES, ASKED = 5, 20
NEW_POST = json.dumps({"content": "Bread from seven", "platforms": list(data.NETWORKS), "hashtags": ["bread"]})
SIGNATURE = re.compile(r"expires=\d+&signature=\w+")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two requests, and the ratios of their rates and of their CPU that are asked for."""

    number: str
    sentence: str
    ours: str
    theirs: str
    peer: Peer | None = None
    """The product that stands in the place of `theirs`: it is known by what it does beside that."""
    at_least: float | None = None
    at_most: float | None = None


COMPARED = (
    Comparison(
        number="1",
        sentence="list of 20 posts, beside a plain one",
        ours="list",
        theirs="naive list",
        at_least=4,
        at_most=1 / 4,
    ),
    Comparison(
        number="2",
        sentence="list of 20 posts, beside a view of constant data",
        ours="list",
        theirs="constant",
        at_least=0.25,
    ),
    Comparison(number="2", sentence="list of 20 posts, beside a view of ready bytes", ours="list", theirs="bytes"),
    Comparison(
        number="3",
        sentence="list of 20 posts, beside Postiz's",
        ours="list",
        theirs="naive list",
        peer=peers.POSTIZ_LIST,
        at_least=4,
        at_most=1 / 2.5,
    ),
    Comparison(
        number="4",
        sentence="small answer with key and limit, beside one without",
        ours="small",
        theirs="open",
        at_least=0.5,
    ),
    Comparison(number="5", sentence="one post, beside a plain one", ours="one", theirs="naive one"),
    Comparison(
        number="5",
        sentence="one post, beside BrightBean's",
        ours="one",
        theirs="naive list",
        peer=peers.BRIGHTBEAN_ONE,
        at_least=8,
        at_most=1 / 8,
    ),
    Comparison(
        number="6",
        sentence="create a post for 3 networks, beside a plain one",
        ours="create",
        theirs="naive create",
        at_least=2.5,
    ),
    Comparison(
        number="6",
        sentence="create a post for 3 networks, beside Postiz's draft",
        ours="create",
        theirs="naive create",
        peer=peers.POSTIZ_CREATE,
        at_least=10,
    ),
    Comparison(
        number="6",
        sentence="create a post for 3 networks, beside BrightBean's draft for one",
        ours="create",
        theirs="naive create",
        peer=peers.BRIGHTBEAN_CREATE,
        at_least=8,
    ),
)


def run() -> list[Goal]:
    """Load the data, start the product and the baselines, and measure them in turn."""
    need("wrk", "wrk")
    loaded = data.load()
    reading = {"X-API-Key": loaded.secret, "X-Workspace-ID": loaded.queried.pk}
    with web("bench.settings") as (product, pid):
        os.environ["BENCH_CONSTANT"] = _keep(requests.get(f"{product}/api/posts", headers=reading, timeout=10))
        with web("bench.baselines.settings") as (plain, plain_pid):
            ours = _ours(product, loaded, reading, [pid, *service_pids()])
            theirs = _theirs(plain, loaded, reading, [plain_pid, *service_pids()])
            _require_same(ours, theirs)
            measured = compare([*ours.values(), *theirs.values()], rounds=ROUNDS, seconds=SECONDS)
            print(_costs(measured))
            return [*_speed(measured), *_queries(ours), *_memory(pid)]


def _ours(base: str, loaded: data.Data, reading: Mapping[str, str], processes: list[int]) -> dict[str, Subject]:
    writing = {**reading, "X-Workspace-ID": loaded.written.pk}
    return _subjects(
        processes,
        ("list", f"{base}/api/posts", reading, ""),
        ("one", f"{base}/api/posts/{loaded.post_id}", reading, ""),
        ("create", f"{base}/api/posts", writing, NEW_POST),
        ("small", f"{base}/api/bench/small", reading, ""),
        ("open", f"{base}/api/bench/open", {}, ""),
    )


def _theirs(base: str, loaded: data.Data, reading: Mapping[str, str], processes: list[int]) -> dict[str, Subject]:
    writing = {**reading, "X-Workspace-ID": loaded.written.pk}
    return _subjects(
        processes,
        ("naive list", f"{base}/posts", reading, ""),
        ("naive one", f"{base}/posts/{loaded.post_id}", reading, ""),
        ("naive create", f"{base}/posts", writing, NEW_POST),
        ("constant", f"{base}/constant", {}, ""),
        ("bytes", f"{base}/bytes", {}, ""),
    )


def _subjects(processes: list[int], *requested: tuple[str, str, Mapping[str, str], str]) -> dict[str, Subject]:
    return {
        name: Subject(name=name, url=url, headers=headers, body=body, processes=processes)
        for name, url, headers, body in requested
    }


def _keep(answer: requests.Response) -> str:
    """Write the product's own answer down for the constant view; returns the path."""
    path = settings.OUIPOST_HOME / "constant.json"
    path.write_bytes(answer.content)
    return str(path)


def _require_same(ours: Mapping[str, Subject], theirs: Mapping[str, Subject]) -> None:
    """End the bench when the plain list does not say what the product's does: it would compare nothing."""
    answers = [_answer(each) for each in (ours["list"], theirs["naive list"], theirs["constant"], theirs["bytes"])]
    if any(answer != answers[0] for answer in answers):
        sys.exit("The lists of the product and of the baselines differ.")


def _answer(subject: Subject) -> Any:
    answer = requests.get(subject.url, headers=dict(subject.headers), timeout=10)
    answer.raise_for_status()
    return json.loads(SIGNATURE.sub("", answer.text))


def _speed(measured: Mapping[str, Round]) -> list[Goal]:
    spread = {"figure": measured["list"].p99, "baseline": measured["list"].p50}
    slowest = Goal(number="7", sentence="list, slowest of a hundred beside the median", unit="ms", **spread, at_most=3)
    return [goal for comparison in COMPARED for goal in _compared(comparison, measured)] + [slowest]


def _compared(asked: Comparison, measured: Mapping[str, Round]) -> list[Goal]:
    """Return requests per second, and the CPU beside them: where other work is on the machine, that moves less."""
    ours, plain = measured[asked.ours], measured[asked.theirs]
    theirs = Figures(per_second=plain.per_second, cpu=plain.cpu)
    theirs = asked.peer.now(theirs) if asked.peer else theirs
    rate = Goal(
        number=asked.number,
        sentence=asked.sentence,
        unit="requests/s",
        figure=ours.per_second,
        baseline=theirs.per_second,
        at_least=asked.at_least,
    )
    cost = replace(rate, sentence=f"{asked.sentence}: CPU", unit="us", figure=ours.cpu, baseline=theirs.cpu)
    return [rate, replace(cost, at_least=None, at_most=asked.at_most)]


def _costs(measured: Mapping[str, Round]) -> str:
    """Return what each request cost, for the reader who asks why."""
    heading = ("request", "requests/s", "p50 ms", "p99 ms", "CPU us", "of it web")
    return aligned([heading, *((name, *map(shown, astuple(each))) for name, each in measured.items())])


def _queries(ours: Mapping[str, Subject]) -> list[Goal]:
    budgets = (("list", "list of 20 posts: queries", 4), ("one", "one post: queries", 3), ("small", "key: queries", 0))
    return [
        Goal(number="8", sentence=sentence, unit="", figure=_queries_of(ours[name]), at_most=budget)
        for name, sentence, budget in budgets
    ]


def _memory(pid: int) -> list[Goal]:
    """Return what a web process holds after all that: with all that it shares, and with its part of that."""
    held = partial(Goal, number="18", unit="MiB")
    return [
        held(sentence="memory of a web process (RSS)", figure=largest_mib(pid, kind="Rss"), at_most=80),
        held(sentence="memory of a web process (PSS)", figure=largest_mib(pid, kind="Pss"), at_most=65),
    ]


def _queries_of(subject: Subject) -> float:
    """Return the SELECTs that a request costs: the least of several batches, for others may use the server too."""
    batches = []
    for _ in range(BATCHES):
        before = _selects()
        for _ in range(ASKED):
            requests.get(subject.url, headers=dict(subject.headers), timeout=10)
        batches.append((_selects() - before) / ASKED)
    return min(batches)


def _selects() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Com_select'")
        return int(cursor.fetchone()[1])
