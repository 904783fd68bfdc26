"""Goal 13: how late a thousand posts that fall due in the same second reach their network."""

from datetime import timedelta
from statistics import quantiles

from django.utils import timezone

from bench.goals import Goal
from bench.publishing import TEXT, ask, await_count, await_settled, load, network, workers

TARGETS = 1000
AHEAD = timedelta(seconds=12)
"""Long enough for the workers to be up and to wait."""
ASKED_SECONDS = 2.0
"""A tick of one second, and one more."""


def run() -> list[Goal]:
    return [_late(f"a network of {name}", seconds) for name, seconds in (("0 ms", 0.0), ("300 ms", 0.3))]


def _late(name: str, seconds: float) -> Goal:
    first = timezone.now() + AHEAD
    due = [first + timedelta(seconds=number / TARGETS) for number in range(TARGETS)]
    load(due=due, accounts=TARGETS)
    with network(seconds) as address, workers(address):
        await_count(address, TARGETS)
        await_settled()
        came = dict(ask(f"{address}/calls"))
    late = [came[TEXT.format(number)] - at.timestamp() for number, at in enumerate(due)]
    assert min(late) >= 0, "nothing went out early"
    return Goal(
        number="13",
        sentence=f"1,000 due in one second, {name}: 99 of 100 came to it within",
        unit="s",
        figure=quantiles(late, n=100)[98],
        at_most=ASKED_SECONDS,
    )
