"""What reading an account may cost its network: half of its budget at once, the other half spread over its time."""

import math
from datetime import datetime, timedelta

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from accounts.platforms.base import Budget
from analytics import budgets
from tests.factories import NOW


@pytest.fixture
def ten_in_fifty_seconds(settings: Settings) -> None:
    settings.NETWORK_READ_BUDGET = {"facebook": Budget(requests=10, seconds=50)}


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@given(
    requests=st.integers(1, 40),
    seconds=st.integers(1, 5000),
    tries=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 20)), min_size=1, max_size=150),
)
def test_no_window_ever_has_more_requests_than_the_budget_allows(
    requests: int, seconds: int, tries: list[tuple[float, int]]
) -> None:
    asked_at: list[datetime] = []
    now, paced_at = NOW, None
    with override_settings(NETWORK_READ_BUDGET={"facebook": Budget(requests=requests, seconds=seconds)}):
        for pause, wanted in tries:
            now += timedelta(seconds=pause * seconds / requests)
            needed = budgets.least("facebook", wanted)
            if budgets.requests_left("facebook", paced_at, now=now) >= needed:
                asked_at += [now] * needed
                paced_at = budgets.spent("facebook", paced_at, requests=needed, now=now)

    window = timedelta(seconds=seconds)
    assert max(sum(start <= at < start + window for at in asked_at) for start in asked_at) <= requests


@pytest.mark.usefixtures("ten_in_fifty_seconds")
def test_who_has_used_a_budget_up_is_told_when_it_may_ask_again() -> None:
    paced_at = budgets.spent("facebook", None, requests=5, now=NOW)

    assert [budgets.requests_left("facebook", paced_at, now=after(seconds)) for seconds in (0, 20, 90)] == [0, 2, 5]
    assert budgets.free_at("facebook", paced_at, requests=2, now=NOW) == after(20)
    assert budgets.free_at("facebook", paced_at, requests=2, now=after(30)) == after(30)
    assert budgets.spent("facebook", paced_at, requests=1, now=after(20)) == after(60)
    assert budgets.spent("facebook", paced_at, requests=1, now=after(90)) == after(100)


@pytest.mark.usefixtures("ten_in_fifty_seconds")
def test_what_costs_more_than_may_go_at_once_waits_until_all_of_that_is_free_and_is_paid_for() -> None:
    paced_at = budgets.spent("facebook", None, requests=8, now=NOW)

    assert budgets.least("facebook", 8) == 5
    assert budgets.requests_left("facebook", paced_at, now=NOW) == 0
    assert budgets.free_at("facebook", paced_at, requests=8, now=NOW) == paced_at == after(80)


def test_a_network_without_a_budget_is_asked_at_once(settings: Settings) -> None:
    settings.NETWORK_READ_BUDGET = {"facebook": None}

    assert (budgets.requests_left("facebook", NOW, now=NOW), budgets.least("facebook", 8)) == (math.inf, 8)
    assert budgets.spent("facebook", NOW, requests=8, now=NOW) is None
    assert budgets.free_at("facebook", after(60), requests=8, now=NOW) == NOW
