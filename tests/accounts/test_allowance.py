"""What an account may do of its allowance: half of it at once, the other half spread over its window, never more."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from accounts import allowance
from accounts.platforms.limits import Allowance
from ouipost.configuration import environment as installation
from tests.factories import NOW

TEN = Allowance(most=10, seconds=50)
"""Five at once, and then one each ten seconds."""


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def when_taken(allowed: Allowance, wanted: Sequence[tuple[float, int]]) -> list[float]:
    """Return when each went of what is wanted at these seconds, where that is allowed."""
    taken: list[float] = []
    paced_at: datetime | None = None
    for second, count in wanted:
        needed, now = allowance.at_once(allowed, count), at(second)
        if allowance.left(allowed, paced_at, now=now) >= needed:
            taken += [second] * needed
            paced_at = allowance.after(allowed, paced_at, count=needed, now=now)
    return taken


@given(
    most=st.integers(1, 40),
    seconds=st.integers(1, 5000),
    tries=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 20)), min_size=1, max_size=150),
)
def test_no_window_ever_has_more_than_is_allowed(most: int, seconds: int, tries: list[tuple[float, int]]) -> None:
    wanted, second = [], 0.0
    for pause, count in tries:  # on average twice as often as is allowed, and more
        second += pause * seconds / most
        wanted.append((second, count))

    taken = [at(second) for second in when_taken(Allowance(most=most, seconds=seconds), wanted)]

    window = timedelta(seconds=seconds)
    assert max(sum(start <= each < start + window for each in taken) for start in taken) <= most


@pytest.mark.parametrize(("most", "seconds", "burst", "apart"), [(1, 60, 1, 60), (2, 60, 1, 60), (100, 900, 50, 18)])
def test_half_may_go_at_once_and_the_other_half_is_spread(most: int, seconds: int, burst: int, apart: int) -> None:
    wanted = [(float(second), 1) for second in range(2 * seconds) for _ in range(most)]

    taken = when_taken(Allowance(most=most, seconds=seconds), wanted)

    assert taken == [0.0] * (burst - 1) + [float(second) for second in range(0, 2 * seconds, apart)]


@pytest.mark.parametrize(
    ("lasts", "now", "left", "free", "later"),
    [
        (None, 0, 5, 0, 10),  # nothing went yet
        (50, 0, 0, 20, 60),
        (50, 20, 2, 20, 60),
        (50, 30, 3, 30, 60),
        (50, 90, 5, 90, 100),
        (80, 0, 0, 50, 90),  # one call took more than may go at once
        (80, 50, 2, 50, 90),
        (100, 0, 0, 70, 100),  # never more than twice that
        (50, -21_600, 5, -21_600, -21_590),  # the clock was set back by six hours
    ],
)
def test_who_has_used_an_allowance_up_is_told_when_more_may_go(
    lasts: float | None, now: float, left: float, free: float, later: float
) -> None:
    paced_at = None if lasts is None else at(lasts)

    assert allowance.left(TEN, paced_at, now=at(now)) == left
    assert allowance.free_at(TEN, paced_at, count=2, now=at(now)) == at(free)
    assert allowance.after(TEN, paced_at, count=1, now=at(now)) == at(later)


@pytest.mark.parametrize(("count", "lasts"), [(8, 80), (80, 100)])
def test_what_takes_more_than_may_go_at_once_waits_until_all_of_that_is_free_and_is_paid_for(
    count: int, lasts: float
) -> None:
    paced_at = allowance.after(TEN, None, count=count, now=NOW)

    assert allowance.at_once(TEN, count) == 5
    assert allowance.left(TEN, paced_at, now=NOW) == 0
    assert allowance.free_at(TEN, paced_at, count=count, now=NOW) == paced_at == at(lasts)


def test_without_an_allowance_everything_may_go_at_once() -> None:
    assert (allowance.left(None, at(60), now=NOW), allowance.at_once(None, 8)) == (math.inf, 8)
    assert allowance.after(None, at(60), count=8, now=NOW) is None
    assert allowance.free_at(None, at(60), count=8, now=NOW) == NOW


def test_the_engines_speed_is_an_allowances_too(settings: Settings) -> None:
    settings.ENGINE_SPEED = 10

    assert allowance.interval(Allowance(most=100, seconds=900)) == timedelta(seconds=1.8)


@pytest.mark.parametrize(
    ("given", "allowed"),
    [("", TEN), ("50/86400", Allowance(most=50, seconds=86400)), ("1/1", Allowance(most=1, seconds=1))],
)
def test_the_operator_says_how_much_an_account_may_do(
    monkeypatch: pytest.MonkeyPatch, given: str, allowed: Allowance
) -> None:
    monkeypatch.setenv("TWITTER_PACE", given)

    assert installation.allowance("TWITTER_PACE", "posts", TEN) == allowed


@pytest.mark.parametrize("given", ["50", "50/", "/900", "0/900", "50/0", "-1/900", "5.5/900", "fast", "50/900/2"])
def test_an_allowance_that_is_none_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("TWITTER_READ_BUDGET", given)

    with pytest.raises(
        ImproperlyConfigured, match=r"^TWITTER_READ_BUDGET must be requests/seconds, such as 50/86400.$"
    ):
        installation.allowance("TWITTER_READ_BUDGET", "requests", None)
