"""The runs of `python -m tests.crash`: each scenario at the size that the acceptance tests name.

By default the engine's clock runs ten times as fast, so that a lease lasts nine seconds. Scenarios that measure seconds
run at true speed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import product
from pathlib import Path

from tests.crash import (
    broker,
    database_dies,
    deaths,
    deliveries,
    hosts,
    lists,
    lost_commits,
    matrix,
    nine,
    read_only,
    releases,
    scenarios,
    soak,
    storms,
)
from tests.crash.campaign import Result
from tests.crash.matrix import Cell, run_cell
from tests.crash.run import (
    DATABASES,
    KILLS_SPEED,
    TRUE_SPEED,
    Run,
    Where,
    environment,
    module,
    staged,
    with_product,
)
from tests.crash.steps import SAVED, STEPS
from tests.databases import fresh_database
from tests.product import NETWORKS, Product

FROZEN = 2
KILLS = 100
"""The least number of kills in two minutes, of at most 120, as there is not always a process to kill."""
HOSTS = (("sqlite", "work"), ("mariadb", "work"), ("mariadb", "celery"))
PEOPLE = 16
"""People with three accounts each, enough that no account reaches its pace."""


def all_runs() -> list[Run]:
    """Return every run; those that share a place stand together."""
    makers = (
        of_storms,
        of_deliveries,
        of_deaths,
        of_read_only,
        of_claims,
        of_writers,
        of_lists,
        of_broker,
        of_killed_databases,
        of_lost_commits,
        of_hosts,
        of_releases,
        of_scenarios,
        of_matrix,
        of_nine,
        of_faults,
    )
    return [run for maker in makers for run in maker()]


def of_matrix() -> Iterator[Run]:
    """Every step under every blow."""
    for database, runner in product(DATABASES, matrix.BLOWS):
        for blow, step in product(matrix.BLOWS[runner], STEPS):
            cell = Cell(blow=blow, steps=(step,), hits=FROZEN if blow == "stop" else matrix.HITS)
            yield Run(
                tests="5",
                name=f"matrix: {cell}",
                database=database,
                runner=runner,
                place=staged(runner),
                work=partial(_cell, cell=cell),
                holds=partial(was_struck, times=cell.hits),
                group=f"{database} {runner} {blow}",
            )


def _cell(stage: matrix.Stage, *, cell: Cell) -> Result:
    return Result(numbers=run_cell(stage, cell))


def was_struck(seen: Result, *, times: int) -> bool:
    return seen.numbers.kills >= times


def of_nine() -> Iterator[Run]:
    """A post with files for each network, every one of them struck at the step, if it comes to it."""
    for database, step in product(DATABASES, (SAVED, *STEPS)):
        yield Run(
            tests="5",
            name=f"nine networks: kill {step}",
            database=database,
            runner="work",
            place=staged("work"),
            work=partial(_of_each, cell=Cell(blow="kill", steps=(step,), hits=nine.MOST)),
            holds=partial(was_struck, times=nine.LEAST),
            group=f"nine {database}",
        )


def _of_each(stage: matrix.Stage, *, cell: Cell) -> Result:
    return Result(numbers=nine.one_of_each(stage, cell))


def of_faults() -> Iterator[Run]:
    """Every fault at every request to each network."""
    trying = module("pytest", "-q", "-n", "2", "tests/networks/test_faults.py")
    where: Where = {"database": "sqlite", "runner": "", "place": with_every_fault}
    yield Run(tests="5", name="nine networks: every fault", work=trying, **where)


@contextmanager
def with_every_fault(home: Path, _: str) -> Iterator[dict[str, str]]:
    with environment(home, "") as given:
        yield given | {"EVERY_FAULT": "1"}


def of_storms() -> Iterator[Run]:
    """Many posts at once, killed workers, lost answers."""
    for database, runner in HOSTS:
        host: Where = {"database": database, "runner": runner}
        where: Where = host | {"place": staged(runner)}
        too = ", 19" if database == "sqlite" else ""
        due = partial(storms.all_due_at_once, publications=1000, accounts=100)
        place = staged(runner, speed=TRUE_SPEED)
        yield Run(tests="1", name="storm: 1,000 due at once", work=due, **host, place=place, is_alone=True)
        for test, network, opaque in KILLED:
            name = f"storm: kills, {'a network never asked' if opaque else network}"
            work = partial(_kills, network=network, opaque=opaque)
            place = staged(runner, speed=KILLS_SPEED)
            yield Run(tests=f"{test}{too}", name=name, work=work, holds=each_second, **host, place=place)
        yield Run(
            tests="7", name="storm: lost answers", work=partial(storms.lost_answers, accounts=5, rounds=10), **where
        )
        stop = partial(storms.stop_all, publications=100, accounts=20)
        yield Run(tests="37", name="storm: TERM to all workers", work=stop, **where)


def each_second(seen: Result) -> bool:
    return was_struck(seen, times=KILLS)


def _kills(stage: matrix.Stage, *, network: str, opaque: bool) -> Result:
    return storms.random_kills(stage, network, publications=300, seconds=120, opaque=opaque)


KILLED = (("2", "bluesky", False), ("3", "twitter", False), ("3", "facebook", False), ("4", "twitter", True))


def of_deliveries() -> Iterator[Run]:
    """Deliveries to webhooks, and their times."""
    for database, runner in HOSTS:
        host: Where = {"database": database, "runner": runner}
        published = _published_under_kills
        place = staged(runner, speed=KILLS_SPEED)
        name = "webhooks: posts published under kills"
        yield Run(tests="42", name=name, work=published, holds=each_second, **host, place=place)
        killed = partial(deliveries.random_kills, changes=1000, per_second=8)
        yield Run(tests="42", name="webhooks: 1,000 events under kills", work=killed, **host, place=staged(runner))
    for database in DATABASES:
        shared: Where = {"database": database, "runner": "work", "place": staged("work")}
        alone: Where = shared | {"place": staged("work", speed=TRUE_SPEED), "is_alone": True}
        if database == "mariadb":  # SQLite has one writer: it takes longer
            many = with_product(partial(deliveries.many, changes=5000, per_second=45))
            yield Run(tests="52", name="webhooks: 15,000 deliveries", work=many, holds=in_150_seconds, **alone)
        beside = partial(deliveries.beside_bad_ones, changes=600, per_second=10)
        yield Run(tests="53", name="webhooks: beside bad ones", work=with_product(beside), holds=in_5_seconds, **alone)
        for scope in ("failed", "all"):
            work = partial(deliveries.replay_under_kills, changes=2000, rounds=10, scope=scope)
            name = f"webhooks: replay of {scope}, killed"
            yield Run(tests="54", name=name, work=with_product(work), **shared, group=f"replays {database}")


def _published_under_kills(stage: matrix.Stage) -> Result:
    return deliveries.publish_under_kills(stage, "bluesky", publications=300, seconds=120)


def in_150_seconds(seen: deliveries.Told) -> bool:
    return seen.all_seconds <= 150 and seen.p95_seconds <= 10


def in_5_seconds(seen: deliveries.Told) -> bool:
    return seen.p95_seconds <= 5


def of_deaths() -> Iterator[Run]:
    """Web processes that die."""
    for database in DATABASES:
        where: Where = {"database": database, "runner": "web", "place": staged("work")}
        asked, uploaded = partial(deaths.ask_again, kills=100), partial(deaths.upload_and_die, kills=100)
        yield Run(tests="57", name="web killed, asked again", work=with_product(asked), **where)
        yield Run(tests="81", name="web killed in an upload", work=with_product(uploaded), **where)


def of_read_only() -> Iterator[Run]:
    """A database that takes no writes."""
    places = (lambda home, _: read_only.sqlite(home), lambda home, _: read_only.mariadb(home))
    for database, place in zip(DATABASES, places, strict=True):
        work = partial(read_only.nothing_can_be_armed, posts=20, seconds=20)
        yield Run(tests="17", name="read-only when arming", database=database, runner="work", place=place, work=work)


def of_claims() -> Iterator[Run]:
    """The claim from a large table."""
    where: Where = {"database": "mariadb", "runner": "", "place": environment, "group": "claims"}
    yield Run(tests="20", name="claims of 200,000 rows", work=module("tests.crash.claims"), **where)
    inserts = module("pytest", "-q", "tests/posts/publishing/test_scale.py")
    yield Run(tests="21", name="inserts during a claim", work=inserts, **where)


def of_writers() -> Iterator[Run]:
    """Writers at every route, for a minute."""
    writing = module("pytest", "-q", "tests/contract/test_parallel_writes.py")
    yield Run(tests="87", name="8 writers", database="mariadb", runner="", place=a_minute_long, work=writing)


@contextmanager
def a_minute_long(home: Path, server: str) -> Iterator[dict[str, str]]:
    with environment(home, server) as given:
        yield given | {"WRITERS_SECONDS": "60"}


def of_broker() -> Iterator[Run]:
    """Parts of Celery that are taken away, at true speed."""
    for database in DATABASES:
        where: Where = {"database": database, "runner": "celery", "place": brokered}
        rung = partial(broker.two_beats_and_a_shell, posts=1200, seconds=600)
        yield Run(tests="11", name="Celery: two beats and a shell", work=rung, **where, is_patient=True)
        away = partial(broker.broker_stops, posts=200, now=50, seconds=600)
        yield Run(tests="14", name="Celery: Redis is stopped", work=away, holds=in_3_seconds, **where, is_patient=True)
        shared: Where = where | {"group": f"broker {database}"}
        dead = partial(broker.beat_dies, posts=20, after=10)
        yield Run(tests="12", name="Celery: beat is killed", work=dead, holds=within_45_seconds, **shared)
        yield Run(tests="13", name="Celery: Redis is flushed", work=partial(broker.broker_forgets, posts=500), **shared)
        silent = partial(broker.broker_falls_silent, posts=200, now=50)
        yield Run(tests="15", name="Celery: Redis falls silent", work=silent, holds=without_waiting, **shared)
        video = partial(broker.video_outlasts_a_run, beside=20)
        yield Run(tests="V", name="Celery: a video outlasts a run", work=video, holds=uploaded_once, **shared)
        for group, who in ((False, "the node"), (True, "all its processes")):
            stopped = partial(_stopped, group=group)
            yield Run(tests="37", name=f"Celery: TERM to {who}", work=stopped, **shared)


@contextmanager
def brokered(home: Path, server: str) -> Iterator[broker.Stage]:
    with fresh_database(home, server) as url, broker.stage(home, url, speed=TRUE_SPEED, people=PEOPLE) as stage:
        yield stage


def within_45_seconds(seen: broker.Seen) -> bool:
    return seen.seconds <= 45


def in_3_seconds(seen: broker.Seen) -> bool:
    return seen.slowest_answer <= 3


def without_waiting(seen: broker.Seen) -> bool:
    return seen.p95_answer <= 0.5


def uploaded_once(seen: broker.Outlasted) -> bool:
    return seen.uploads == 1 and seen.beside_seconds <= 45 and seen.seconds > 105


def _stopped(stage: broker.Stage, *, group: bool) -> Result:
    return broker.node_is_stopped(stage, rounds=8, group=group).seen


def of_killed_databases() -> Iterator[Run]:
    """A database server that is killed, and is back half a minute later, at true speed."""
    yield Run(
        tests="16",
        name="the database is killed",
        database="mariadb",
        runner="work",
        place=lambda home, _: database_dies.place(home, speed=TRUE_SPEED),
        work=partial(database_dies.killed, publications=300, per_second=5, away=30),
    )


def of_lost_commits() -> Iterator[Run]:
    """A database whose answers to commits get lost, at true speed."""
    yield Run(
        tests="C",
        name="answers to commits are lost",
        database="mariadb",
        runner="work",
        place=lambda home, _: lost_commits.place(home, speed=TRUE_SPEED),
        work=partial(lost_commits.lose_answers, publications=120, share=0.1),
    )


def of_releases() -> Iterator[Run]:
    """The release before this one and this one, side by side."""
    yield Run(
        tests="88",
        name="two releases side by side, kills",
        database="mariadb",
        runner="work",
        place=partial(releases.place, speed=KILLS_SPEED),
        work=partial(releases.deploy, publications=300, seconds=120),
    )


def of_lists() -> Iterator[Run]:
    """Lists of posts, for a minute each."""
    asked = partial(lists.listed, posts=10_000, page=100, seconds=60)
    alone: Where = {"place": staged("work", speed=TRUE_SPEED), "is_alone": True, "holds": within_250_ms}
    for database in DATABASES:
        yield Run(
            tests="55", name="50 lists a second", database=database, runner="web", work=with_product(asked), **alone
        )


def within_250_ms(seen: lists.Listed) -> bool:
    return max(seen.p95_first, seen.p95_last) <= 0.25


def of_soaks(minutes: float) -> Iterator[Run]:
    """Everything at once for so many minutes, at true speed; apart from all other runs."""
    yield Run(
        tests="85",
        name=f"soak: {minutes:g} minutes",
        database="mariadb",
        runner="celery",
        place=staged("celery", speed=TRUE_SPEED),
        work=partial(soak.soak, seconds=60 * minutes),
        holds=lambda seen: not seen.has_grown,
    )


def of_hosts() -> Iterator[Run]:
    """Hosts that are cut off for longer than a lease, at true speed."""
    for name, holds in CUTS.items():
        yield Run(
            tests="H",
            name=f"hosts: {name} is cut off",
            database="mariadb",
            runner="celery",
            place=lambda home, _: hosts.stage(home, speed=TRUE_SPEED),
            work=partial(_cut_off, name=name),
            holds=holds,
            group="hosts",
            is_patient=True,
        )


def _cut_off(stage: hosts.Stage, *, name: str) -> Result:
    return hosts.cut_off(stage, name, seconds=120, per_second=2, around=15)


def nobody_noticed(seen: hosts.Cut) -> bool:
    return not seen.answers.away and seen.out_meanwhile > 0


def its_answers_were_late(seen: hosts.Cut) -> bool:
    return nobody_noticed(seen) and seen.kept_answers > 0


def all_were_told_to_wait(seen: hosts.Cut) -> bool:
    return seen.answers.away == len(seen.answers.all)


CUTS = {
    "worker": its_answers_were_late,
    "database": all_were_told_to_wait,
    "redis": nobody_noticed,
    "beat": nobody_noticed,
}


def of_scenarios() -> Iterator[Run]:
    """Troubles with networks, accounts and workers."""
    for database in DATABASES:
        where: Where = {"database": database, "runner": "work"}
        shared: Where = where | {"place": staged("work"), "group": f"scenarios {database}"}
        for test, name, work in QUICK:
            yield Run(tests=test, name=name, work=with_product(work), **shared)
        slow: Where = where | {"place": staged("work", speed=TRUE_SPEED), "is_patient": True}
        for network, form in product(("bluesky", "twitter"), ("seconds", "date")):
            work = partial(_left_alone, network=network, form=form)
            name = f"429, {network}, {form}"
            yield Run(tests="26", name=name, work=with_product(work), **slow, group=f"waits {database}")
        for value, at_least, end in NONSENSE:
            work = partial(scenarios.quota, network="twitter", retry_after=value, at_least=at_least, end=end)
            name = f"429, Retry-After: {value}"
            yield Run(tests="27", name=name, work=with_product(work), **slow, group=f"waits {database}")
        yield Run(tests="30", name="a network fails for 5 minutes", work=with_product(OUTAGE), **slow)


QUICK: list[tuple[str, str, Callable[[Product], Result]]] = [
    *(
        (
            "9",
            f"same text, {network}, {minutes} min",
            partial(scenarios.identical_texts, network=network, minutes=minutes),
        )
        for network, minutes in product(NETWORKS, (0, 10))
    ),
    ("22", "a clock 6 h ahead", partial(scenarios.clock_ahead, posts=60, seconds=15)),
    ("34", "8 workers, one ended token", partial(scenarios.one_expired_token, workers=8, posts=16)),
    ("35", "a revoked token", partial(scenarios.revoked_token, network="twitter", posts=10)),
    ("36", "a post that aborts its worker", partial(scenarios.poison, posts=100, accounts=20, workers=2)),
]
NONSENSE = (("999999", 0, "failed"), ("-5", 48, "published"), ("soon", 48, "published"))
OUTAGE = partial(scenarios.outage, network="bluesky", accounts=50, per_second=5, normal=60, patience=60, failing=240)


def _left_alone(place: Product, *, network: str, form: str) -> Result:
    retry_after, at_least = ("37", 37) if form == "seconds" else (timedelta(seconds=37), 25)
    return scenarios.quota(place, network, retry_after=retry_after, at_least=at_least)
