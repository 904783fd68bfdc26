"""Whatever is in an installation, and however its lists are asked: each answers what the contract says.

Each life draws an installation, and asks every list and report of it with whatever filters, bounds and pages are
drawn. What must come is worked out from what was made, by hand. Once:
`LIVES=300 pytest --hypothesis-profile=new tests/contract/test_all_lists.py`.
"""

import os
import random
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from adminapi.monitoring import figures
from tests.contract import reported
from tests.contract.shelved import Installation
from tests.contract.shelves import Shelves

LIVES = int(os.environ.get("LIVES", "3"))
QUESTIONS = 80
pytestmark = [pytest.mark.thorough, pytest.mark.timeout(60 + 30 * LIVES)]


def ask_for_reports(shelves: Shelves, made: Installation, chance: random.Random) -> None:
    """Read the reports of every workspace, of somebody, and of every post that is out."""
    for workspace in made.workspaces:
        api, today = shelves.api(workspace.pk), made.now.astimezone(ZoneInfo(workspace.timezone)).date()
        for _ in range(3):
            reported.a_report_is_the_sum_of_its_parts(api, today, chance)
        reported.a_workspace_gained_what_its_posts_have(made, api, workspace)
    for user in {made.admin, shelves.somebody()}:
        reported.the_installation_is_the_sum_of_its_workspaces(made, shelves.staff(user), user)
    for post in made.posts:
        reported.a_post_says_its_numbers_everywhere(shelves.api(post.workspace), post, chance)


class AllListsTest(TestCase):
    @settings(max_examples=LIVES, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 10**9))
    def test_each_list_answers_what_the_contract_says(self, seed: int) -> None:
        chance = random.Random(seed)
        made = Installation(chance)
        with (
            time_machine.travel(made.beginning, tick=False),
            mock.patch.object(figures, "database_now", timezone.now),
        ):
            made.settle()
            shelves = Shelves(chance, made)
            for _ in range(QUESTIONS):
                shelves.ask_something()
            for make in (shelves.posts, *shelves.others):
                shelves.pages_are_one_list(*make())
            ask_for_reports(shelves, made, chance)
