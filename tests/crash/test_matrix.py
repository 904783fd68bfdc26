"""Whatever is struck, whatever the networks answer: one copy each, nothing lost or stuck, each outcome told once."""

from collections.abc import Callable

import pytest

from tests.crash.conftest import Stages
from tests.crash.matrix import FAULTS, Cell, run_cell
from tests.crash.nine import LEAST, one_of_each

pytestmark = pytest.mark.crash

Record = Callable[[str, object], None]
FEWER = tuple(fault for fault in FAULTS if fault.get("effect") in (None, "timeout_after_accept", "cut_json", "status"))
CELLS = (
    Cell(blow="kill", steps=("claimed", "loaded", "prepared", "armed", "first_byte"), hits=2),
    Cell(blow="kill", steps=("sent", "answered", "settling", "settled", "recovering"), hits=2),
    Cell(blow="stop", steps=("sent",), hits=1),
)
"""Those that the suite runs, without Celery; `make crash` strikes every step in every way."""


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_processes_struck_at_any_step_leave_one_copy_of_each_post(
    cell: Cell, stages: Stages, record_property: Record
) -> None:
    numbers = run_cell(stages("work"), cell, faults=FEWER)

    record_property("numbers", f"{cell}: {numbers}")
    assert numbers.is_good, numbers
    assert numbers.kills == cell.hits * len(cell.steps)


@pytest.mark.any_database
def test_processes_that_die_leave_one_copy_of_a_post_with_files_at_each_of_the_nine_networks(
    stages: Stages, record_property: Record
) -> None:
    steps = ("saved", "prepared", "armed", "sent", "answered", "settling")

    numbers = one_of_each(stages("work"), Cell(blow="kill", steps=steps, hits=2), faults=[{}])

    record_property("numbers", f"nine networks, kill {', '.join(steps)}: {numbers}")
    assert numbers.is_good, numbers
    assert (numbers.posts, numbers.kills >= LEAST) == (9, True)
