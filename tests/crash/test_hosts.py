"""Each part of the product has a host of its own; hosts are cut off while posts are due, and come back."""

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import NOT_TRIED
from tests.crash import hosts
from tests.crash.conftest import SPEED
from tests.crash.network import NoHosts

pytestmark = [pytest.mark.crash, pytest.mark.any_database]

Record = Callable[[str, object], None]


@pytest.fixture
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hosts.Stage]:
    try:
        with hosts.stage(tmp_path_factory.mktemp("hosts"), speed=SPEED) as staged:
            yield staged
    except NoHosts as reason:
        pytest.skip(f"{NOT_TRIED}{reason}.")


def test_a_worker_and_the_database_cut_off_leave_one_copy_of_each_and_no_request_that_hangs(
    stage: hosts.Stage, record_property: Record
) -> None:
    seen = hosts.cut_off(stage, "worker", "database", seconds=7, per_second=3, around=2)

    record_property("numbers", f"a worker and the database are cut off: {seen}")
    assert seen.is_good, seen
    assert seen.answers.away == len(seen.answers.all) > 0
