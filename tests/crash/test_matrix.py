"""Whatever dies and whatever the networks answer: one copy each, nothing lost, nothing stuck."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.matrix import KILLS, run_step
from tests.crash.steps import STEPS
from tests.databases import fresh_database
from tests.product import running

pytestmark = pytest.mark.crash


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_killed_at_any_step_leaves_one_copy_of_each_post(
    step: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with fresh_database(tmp_path) as url, running(tmp_path, url) as product:
        numbers = run_step(product, step)

    record_property("numbers", f"{step:11} {numbers}")
    assert (numbers.kills, numbers.doubled, numbers.lost, numbers.needs_review) == (KILLS, 0, 0, 0)
