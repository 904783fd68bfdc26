"""Whatever is in an installation, and however its lists are asked: each answers what the contract says.

Each life draws an installation, and asks every list of it with whatever filters, bounds and pages are drawn. What must
come is worked out from what was made, by hand. Once:
`LIVES=300 pytest --hypothesis-profile=new tests/contract/test_all_lists.py`.
"""

import os
import random

import pytest
import time_machine
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.contract.list_queries import ListQueries
from tests.contract.random_installation import Installation

LIVES = int(os.environ.get("LIVES", "3"))
QUESTIONS = 80
pytestmark = [pytest.mark.thorough, pytest.mark.timeout(60 + 30 * LIVES)]


class AllListsTest(TestCase):
    @settings(max_examples=LIVES, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 10**9))
    def test_each_list_answers_what_the_contract_says(self, seed: int) -> None:
        chance = random.Random(seed)
        made = Installation(chance)
        with time_machine.travel(made.beginning, tick=False):
            made.settle()
            queries = ListQueries(chance, made)
            for _ in range(QUESTIONS):
                queries.ask_something()
            for make in (queries.posts, *queries.others):
                queries.pages_are_one_list(*make())
