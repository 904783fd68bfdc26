"""How long writers wait for each other in embedded mode: SQLite lets one write at a time."""

import json

from django.conf import settings

from bench.embedded import Embedded, served
from bench.goals import Goal
from bench.load import Round, Subject, compare
from bench.processes import family
from tests.product import NETWORKS, WEB_THREADS

ROUNDS, SECONDS = 3, 6
NEW_POST = json.dumps({"content": "Fresh bread", "platforms": NETWORKS})


def run() -> list[Goal]:
    """Create posts over one connection and over as many as the web process has threads, in turns."""
    with served(settings.OUIPOST_HOME / "writers") as product:
        one, many = _subject(product, connections=1), _subject(product, connections=WEB_THREADS)
        measured = compare([one, many], rounds=ROUNDS, seconds=SECONDS)
        return _goals(measured[one.name], measured[many.name])


def _subject(product: Embedded, *, connections: int) -> Subject:
    return Subject(
        name=f"{connections} at once",
        url=f"{product.base}/api/posts",
        headers=product.client.headers,
        body=NEW_POST,
        processes=family(product.processes[0].pid),
        connections=connections,
    )


def _goals(one: Round, many: Round) -> list[Goal]:
    sentence = f"{WEB_THREADS} create a post on SQLite at once"
    return [
        Goal(
            number="W",
            sentence=f"{sentence}, slowest of a hundred beside the median",
            unit="ms",
            figure=many.p99,
            baseline=many.p50,
            at_most=3,
        ),
        Goal(
            number="W",
            sentence=f"{sentence}, beside one after the other",
            unit="requests/s",
            figure=many.per_second,
            baseline=one.per_second,
            at_least=0.8,
        ),
    ]
